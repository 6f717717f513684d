"""An event loop in a thread of its own, for those who have none: notebooks, scripts, pytest.

Rule: there is one for the process, made when it is first needed, so that gRPC has one loop. Whoever
waits is the caller's own thread, and may be interrupted; what it has asked for is cancelled then.
"""

from __future__ import annotations

import asyncio
import atexit
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from typing import Any, Final, TypeVar

T = TypeVar("T")

CLOSED_S: Final = 1.0
"""How long the end of the process waits for the thread."""
CANCELLED_S: Final = 30.0
"""How long what was cancelled may take to tidy up."""


class Portal:
    """See the module."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._live, name="loadgrpc", daemon=True)
        self._closed = False
        self._thread.start()
        atexit.register(self.close)

    def _live(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def close(self) -> None:
        """The process ends: nobody is served any more."""
        self._closed = True
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CLOSED_S)

    def call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Runs a coroutine to its end; what it returns or raises."""
        why = ""
        if threading.current_thread() is self._thread:
            why = "this would wait for itself: use the asyncio API here"
        elif self._closed:
            why = "the process is ending"
        if why:
            coroutine.close()
            raise RuntimeError(why)
        over = threading.Event()
        future = asyncio.run_coroutine_threadsafe(_followed(coroutine, over), self._loop)
        try:
            return future.result()
        except BaseException:
            if not future.done():  # interrupted: it was the caller's turn to end it
                future.cancel()
                over.wait(CANCELLED_S)
            raise

    def iterate(self, items: AsyncIterator[T]) -> Iterator[T]:
        """The items of an asynchronous iterator, one at a time; leaving early ends it."""
        try:
            while found := self.call(_next(items)):
                yield found[0]
        finally:
            close = getattr(items, "aclose", None)
            if close is not None and not self._closed:
                self.call(close())


async def _followed(coroutine: Coroutine[Any, Any, T], over: threading.Event) -> T:
    """What a coroutine returns or raises; `over` is set when it has tidied up, too."""
    try:
        return await coroutine
    finally:
        over.set()


async def _next(items: AsyncIterator[T]) -> tuple[T] | None:
    """The next item; None: there are no more."""
    try:
        return (await anext(items),)
    except StopAsyncIteration:
        return None


_lock: Final = threading.Lock()
_portal: Portal | None = None


def portal() -> Portal:
    """The portal of this process."""
    global _portal  # noqa: PLW0603 - there is one: see the module
    with _lock:
        if _portal is None:
            _portal = Portal()
        return _portal
