"""asyncio in tests: each user has event loops of its own, as each thread has elsewhere.

asyncio records per thread which loop is running, and all users of a process share one thread:
while one user's loop waits, no other user's could run. Its parts in C ask the real thread; its
parts in Python ask `threading.local`, which gevent makes local to each greenlet. So the parts in
C are hidden before a test can import asyncio. The hooks of asynchronous generators, which also
belong to the thread, are kept per greenlet in the same way.

Loops wait in gevent's selector, and so let other users run.

Rule: nothing here imports asyncio; a test that does not use it pays nothing.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any, Final, NamedTuple

_Hook = Callable[[Any], object]


class _Hooks(NamedTuple):
    """The result of `sys.get_asyncgen_hooks`."""

    firstiter: _Hook | None = None
    finalizer: _Hook | None = None


class _Own(threading.local):
    hooks = _Hooks()


def keep_apart() -> None:
    """Lets every greenlet run loops of its own; to be called when gevent has patched all else.

    asyncio that was imported before, by a site hook say, is imported again when a test does.
    """
    for name in list(sys.modules):
        if name == "asyncio" or name.startswith("asyncio."):
            del sys.modules[name]
    sys.modules["_asyncio"] = None  # type: ignore[assignment]  # an import of it fails
    own: Final = _Own()

    def first_iteration(generator: object) -> None:
        if own.hooks.firstiter is not None:
            own.hooks.firstiter(generator)

    def finalize(generator: object) -> None:
        if own.hooks.finalizer is not None:
            own.hooks.finalizer(generator)

    def set_hooks(*args: _Hook | None, **kwargs: _Hook | None) -> None:
        given = dict(zip(_Hooks._fields, args, strict=False)) | kwargs
        own.hooks = own.hooks._replace(**given)

    sys.set_asyncgen_hooks(firstiter=first_iteration, finalizer=finalize)
    sys.set_asyncgen_hooks = set_hooks
    sys.get_asyncgen_hooks = lambda: own.hooks  # type: ignore[assignment,return-value]


def let_users_get_loops() -> None:
    """Lets `asyncio.get_event_loop()` make a loop for a user as it does for a main thread.

    To be called when the test is loaded; Python 3.14 makes none for main threads either.
    """
    events: Any = sys.modules.get("asyncio.events")
    policy = getattr(events, "BaseDefaultEventLoopPolicy", None)
    if policy is None:
        return
    as_for_threads = policy.get_event_loop

    def get_event_loop(self: Any) -> Any:
        own = getattr(self, "_local", None)
        if getattr(own, "_loop", own) is None and not getattr(own, "_set_called", True):
            self.set_event_loop(self.new_event_loop())
        return as_for_threads(self)

    policy.get_event_loop = get_event_loop
