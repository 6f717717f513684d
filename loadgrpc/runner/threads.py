"""Users as threads of a process that nothing has patched: `--no-patching`.

Rule: what a test imports is as it is anywhere else: gevent is not loaded, asyncio is Python's own.
Users share one interpreter, which runs one of them at a time, and the recorder has a lock. A thread
cannot be interrupted in a call that waits outside of Python: to cut a user off, what it receives
from is shut down, and if that does not help it is abandoned.
"""

from __future__ import annotations

import ctypes
import socket
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from time import monotonic, sleep
from types import FrameType
from typing import Any, Final

from loadgrpc.clock import NS_PER_S, Clock
from loadgrpc.model import ArrivalsState, CustomState, DataUse, GeneratorState
from loadgrpc.protocol.blocks import Block
from loadgrpc.runner.forked import Forked, die
from loadgrpc.runner.hit import Hit
from loadgrpc.runner.judge import CutOff
from loadgrpc.runner.measure_tally import MeasureTally
from loadgrpc.runner.recorder import Recorder, Tags
from loadgrpc.runner.socket_tally import SocketTally
from loadgrpc.runner.strands import Waitable
from loadgrpc.runner.watch import Watch

_SOCKETS: Final = ("sock", "_sock", "_socket")
"""Attributes by which connections and files hold their sockets."""


class _LockedTally(SocketTally):
    """A tally that several threads count in; the lock is that of the recorder."""

    __slots__ = ("_lock",)

    def __init__(
        self,
        name: str,
        protocol: str,
        begun: Callable[[SocketTally], object],
        full: Callable[[SocketTally], object],
        lock: AbstractContextManager[Any],
    ) -> None:
        super().__init__(name, protocol, begun, full)
        self._lock = lock

    def open(self) -> None:
        """See SocketTally."""
        with self._lock:
            super().open()

    def close(self, *, broken: bool) -> None:
        """See SocketTally."""
        with self._lock:
            super().close(broken=broken)

    def sent(self, size: int) -> None:
        """See SocketTally."""
        with self._lock:
            super().sent(size)

    def received(self, size: int, gap_ns: int | None) -> None:
        """See SocketTally."""
        with self._lock:
            super().received(size, gap_ns)


class LockedRecorder(Recorder):
    """A recorder for several threads."""

    def __init__(self, clock: Clock, test: str, produced: memoryview | None = None) -> None:
        super().__init__(clock, test, produced)
        self._lock = threading.RLock()

    def begin_cycle(self, cycle: int, users: int, iterations: int) -> None:
        """See Recorder."""
        with self._lock:
            super().begin_cycle(cycle, users, iterations)

    def hit(self, hit: Hit, user: int, iteration: int) -> None:
        """See Recorder."""
        with self._lock:
            super().hit(hit, user, iteration)

    def tagged_hit(self, hit: Hit, user: int, iteration: int, tags: Tags) -> None:
        """See Recorder."""
        with self._lock:
            super().tagged_hit(hit, user, iteration, tags)

    def iteration(self, **ended: Any) -> None:
        """See Recorder."""
        with self._lock:
            super().iteration(**ended)

    def fixture(self, *what: Any, **ended: Any) -> None:
        """See Recorder."""
        with self._lock:
            super().fixture(*what, **ended)

    def counter(self, name: str, increment: int, user: int, iteration: int) -> None:
        """See Recorder."""
        with self._lock:
            super().counter(name, increment, user, iteration)

    def state(self, state: CustomState) -> None:
        """See Recorder."""
        with self._lock:
            super().state(state)

    def arrivals(self, state: ArrivalsState, time_ns: int) -> None:
        """See Recorder."""
        with self._lock:
            super().arrivals(state, time_ns)

    def generator(self, state: GeneratorState) -> None:
        """See Recorder."""
        with self._lock:
            super().generator(state)

    def data(self, use: DataUse) -> None:
        """See Recorder."""
        with self._lock:
            super().data(use)

    def measure(self, kind: type[MeasureTally], name: str, value: Any) -> None:
        """See Recorder."""
        with self._lock:
            super().measure(kind, name, value)

    def socket(self, name: str, protocol: str) -> SocketTally:
        """See Recorder."""
        with self._lock:
            return super().socket(name, protocol)

    def _tally(self, name: str, protocol: str) -> SocketTally:
        return _LockedTally(name, protocol, self._begin_socket, self._take_socket, self._lock)

    def _recorded(self) -> tuple[list[bytes], list[Block], list[Block]]:
        with self._lock:
            return super()._recorded()


class _Signal(threading.Event):
    """An event that whoever waits for several things hears of."""

    def __init__(self, nudge: threading.Event) -> None:
        super().__init__()
        self._nudge = nudge

    def ready(self) -> bool:
        """See Waitable."""
        return self.is_set()

    def set(self) -> None:
        """See threading.Event."""
        super().set()
        self._nudge.set()


class _Thread:
    """A strand."""

    def __init__(self, call: Callable[[], object], nudge: threading.Event) -> None:
        self._call = call
        self._nudge = nudge
        self._ended = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def ident(self) -> int:
        """What the interpreter calls it."""
        return self._thread.ident or 0

    def ready(self) -> bool:
        """See Waitable."""
        return self._ended

    def join(self) -> None:
        """See Strand."""
        self._thread.join()

    def _run(self) -> None:
        with suppress(CutOff):  # may come as late as this
            self._call()
        self._ended = True
        self._nudge.set()


class _Everybody:
    """Some threads."""

    def __init__(self, strands: Sequence[_Thread]) -> None:
        self._strands = strands

    def ready(self) -> bool:
        """See Waitable."""
        return all(strand.ready() for strand in self._strands)


class Threads:
    """See Strands. Only one thread may wait for several things at a time."""

    may_abandon: Final = True
    sleep = staticmethod(sleep)

    def __init__(self) -> None:
        self._nudge = threading.Event()
        """Something that is waited for may be ready."""

    def prepare(self, clock: Clock, forked: Forked) -> None:
        """See Strands. There is nothing to be done."""

    def loaded(self) -> None:
        """See Strands. There is nothing to be done."""

    def recorder(self, clock: Clock, test: str, produced: memoryview) -> Recorder:
        """See Strands."""
        return LockedRecorder(clock, test, produced)

    def event(self) -> _Signal:
        """See Strands."""
        return _Signal(self._nudge)

    def lock(self) -> AbstractContextManager[Any]:
        """See Strands."""
        return threading.Lock()

    def spawn(self, call: Callable[..., object], *args: Any) -> _Thread:
        """See Strands."""
        return _Thread(lambda: call(*args), self._nudge)

    def vital(self, call: Callable[[], object]) -> _Thread:
        """See Strands."""

        def do() -> None:
            try:
                call()
            except BaseException:  # noqa: BLE001 - reported, and the end of the process
                traceback.print_exc()
                die()

        return _Thread(do, self._nudge)

    def everybody(self, strands: Sequence[Any]) -> _Everybody:
        """See Strands."""
        return _Everybody(strands)

    def wait(self, ready: Sequence[Waitable], timeout_s: float | None) -> None:
        """See Strands."""
        if len(ready) == 1 and isinstance(ready[0], _Signal):
            ready[0].wait(timeout_s)
            return
        until_s = None if timeout_s is None else monotonic() + timeout_s
        while True:
            self._nudge.clear()
            if any(each.ready() for each in ready):
                return
            if not self._nudge.wait(None if until_s is None else max(0.0, until_s - monotonic())):
                return

    def cut_off(self, strands: Sequence[Any]) -> None:
        """See Strands. It comes when a thread runs Python again; see the module."""
        frames = sys._current_frames()  # noqa: SLF001 - the way to see what a thread waits for
        throw = ctypes.pythonapi.PyThreadState_SetAsyncExc
        for strand in strands:
            throw(ctypes.c_ulong(strand.ident), ctypes.py_object(CutOff))
            _shut_down(frames.get(strand.ident))

    def end_cycle(self) -> None:
        """See Strands. Threads that a test has left behind go on until the process ends."""

    @contextmanager
    def watching(self, watch: Watch, clock: Clock) -> Iterator[None]:
        """See Strands. A thread wakes up for each tick, as late as one that waits for an answer."""
        over = threading.Event()

        def tick() -> None:
            while not over.wait(max(0, watch.due_ns - clock.monotonic_ns()) / NS_PER_S):
                watch.wake(clock.monotonic_ns())

        ticking = self.vital(tick)
        try:
            yield
        finally:
            over.set()
            ticking.join()


def _shut_down(frame: FrameType | None) -> None:
    """Shuts down the sockets that the calls of a thread have at hand."""
    while frame is not None:
        for value in list(frame.f_locals.values()):
            for held in (value, *(getattr(value, name, None) for name in _held_by(value))):
                if isinstance(held, socket.socket):
                    with suppress(OSError):
                        held.shutdown(socket.SHUT_RDWR)
        frame = frame.f_back


def _held_by(value: object) -> tuple[str, ...]:
    """The attributes of something that may be sockets; of what is a test's own, none."""
    ours = type(value).__module__.partition(".")[0] in {"socket", "http", "urllib3", "loadgrpc"}
    return _SOCKETS if ours else ()
