"""A child that a test forks is cut off from the run.

Rule: a child belongs to the test. It neither reports nor counts, runs no user except the one that
forked it, holds nothing of ours open, and receives signals like any process; what the test does
in it, with its own sockets or a session, goes on. A child that returns from the test ends there:
the run belongs to its parent.

A child has a copy of everything: of the hub with everything it waits for, of the socket to the
link, and of mapped memory, which is even shared. So, before the child does anything: the hub
forgets the users it would wake, the socket's descriptor becomes one of /dev/null, and private
memory replaces the mapped memory.
"""

from __future__ import annotations

import ctypes
import gc
import mmap
import os
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, Final, NoReturn

from greenlet import greenlet

EXIT_DEFECT: Final = 1
_FRAMES: Final = 6
"""This many callers are searched for whoever forks."""
_MAP_FIXED: Final = 0x10
_MMAP = ctypes.CDLL(None, use_errno=True).mmap
_MMAP.restype = ctypes.c_void_p
_MMAP.argtypes = (ctypes.c_void_p, ctypes.c_size_t, *(ctypes.c_int,) * 3, ctypes.c_long)


class Forked:
    """What is to be done in a child; `is_child` says whether this process is one."""

    def __init__(self) -> None:
        self.is_child = False
        self._pid = os.getpid()
        self._descriptors: list[int] = []
        self._mapped: list[mmap.mmap] = []
        self._and: list[Callable[[], object]] = []
        self._last: list[Callable[[], object]] = []
        os.register_at_fork(
            before=lambda: _hold_signals(signal.SIG_BLOCK),
            after_in_parent=lambda: _hold_signals(signal.SIG_UNBLOCK),
            after_in_child=self._cut_off,
        )

    def closes(self, descriptor: int) -> None:
        """A child has no share in what this descriptor stands for."""
        self._descriptors.append(descriptor)

    def unmaps(self, memory: mmap.mmap) -> None:
        """What a child writes there stays its own."""
        self._mapped.append(memory)

    def calls(self, call: Callable[[], object]) -> None:
        """This is done in a child, too."""
        self._and.append(call)

    def calls_last(self, call: Callable[[], object]) -> None:
        """This is done in a child when all else is."""
        self._last.append(call)

    def leave_if_child(self, status: int = 0) -> None:
        """Ends a child that has come out of the test; to be called where tests return to."""
        if self.is_child:
            leave(status)

    def _cut_off(self) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        _hold_signals(signal.SIG_UNBLOCK)
        if _is_about_to_execute(sys._getframe()):  # noqa: SLF001 - the way to see who calls
            return
        self.is_child = True
        nothing = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        for descriptor in self._descriptors:
            os.dup2(nothing, descriptor, inheritable=False)
        os.close(nothing)
        for memory in self._mapped:
            _make_private(memory)
        for call in (*self._and, *self._last):
            call()


_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


def _hold_signals(how: int) -> None:
    """A child that is ended at once must not take the signal for one to its parent."""
    signal.pthread_sigmask(how, _SIGNALS)


def leave(status: int) -> NoReturn:
    """Ends this process here and now, with what it has printed."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):  # closed, or none
            status = status or 1
    os._exit(status)


def _is_about_to_execute(frame: FrameType | None) -> bool:
    """Whether gevent's subprocess forks: it runs another program at once, and has no time."""
    for _ in range(_FRAMES):
        if frame is None:
            return False
        if frame.f_globals.get("__name__") == "gevent.subprocess":
            return frame.f_locals.get("preexec_fn") is None
        frame = frame.f_back
    return False


def _make_private(memory: mmap.mmap) -> None:
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _MAP_FIXED
    _MMAP(address, len(memory), mmap.PROT_READ | mmap.PROT_WRITE, flags, -1, 0)


def die() -> NoReturn:
    """Ends this process because of a defect."""
    os._exit(EXIT_DEFECT)


def wake_nobody() -> None:
    """Lets the hub of this thread forget all that it waits for, save who prepares it for a fork."""
    from gevent import get_hub  # noqa: PLC0415 - it is loaded already

    loop = get_hub().loop
    kept = type(loop.fork())
    watcher = kept.__mro__[-2]  # of all watchers, below object
    kinds: Any = (watcher, type(loop.run_callback(_nothing)))
    gc.unfreeze()  # what is frozen is not found
    for each in gc.get_objects():
        if isinstance(each, greenlet):
            # Whose last reference goes is resumed, for its `finally`.
            _suspended.append(each)
        elif isinstance(each, kinds) and not isinstance(each, kept):
            _suspended.append(getattr(each, "callback", None))
            each.stop()


def _nothing() -> None:
    pass


_suspended: list[object] = []
"""In a child: the greenlet that was running in its parent."""
