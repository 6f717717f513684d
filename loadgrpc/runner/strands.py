"""What users run in: greenlets of a patched process, or threads.

Rule: the pool and the process know only this interface, so that what users are, when they begin and
what becomes of them does not depend on it. `greenlets.py` and `threads.py` implement it; only the
first imports gevent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from loadgrpc.clock import Clock
from loadgrpc.runner.forked import Forked
from loadgrpc.runner.recorder import Recorder
from loadgrpc.runner.watch import Watch


class Waitable(Protocol):
    """Something that is ready at some time."""

    def ready(self) -> bool:
        """Whether it is."""


class Strand(Waitable, Protocol):
    """A greenlet or a thread; it is ready when it has ended."""

    def join(self) -> object:
        """Waits for its end."""


class Signal(Waitable, Protocol):
    """An event; it is ready when it is set."""

    def is_set(self) -> bool:
        """Whether it is set."""

    def set(self) -> object:
        """Sets it."""

    def clear(self) -> object:
        """Makes it be set no more."""

    def wait(self, timeout: float | None = None) -> bool:
        """Waits until it is set, or for some seconds; whether it is."""


class Strands(Protocol):
    """See the module."""

    @property
    def may_abandon(self) -> bool:
        """Whether a user that cannot be cut off is left to itself; else its process has failed."""

    def prepare(self, clock: Clock, forked: Forked) -> None:
        """Makes a process ready for it, before a test is loaded."""

    def loaded(self) -> None:
        """The test is loaded, with what it imports."""

    def recorder(self, clock: Clock, test: str, produced: memoryview) -> Recorder:
        """What all users of the process record with."""

    def event(self) -> Signal:
        """An event that is not set."""

    def lock(self) -> AbstractContextManager[Any]:
        """A lock."""

    def sleep(self, seconds: float) -> object:
        """Lets others run."""

    def spawn(self, call: Callable[..., object], *args: Any) -> Strand:
        """Runs a user."""

    def vital(self, call: Callable[[], object]) -> Strand:
        """Runs something without which the process is of no use: it ends with it."""

    def everybody(self, strands: Sequence[Strand]) -> Waitable:
        """Ready when all of these have ended."""

    def wait(self, ready: Sequence[Waitable], timeout_s: float | None) -> object:
        """Waits until one of these is ready, or for some seconds; None: no limit."""

    def cut_off(self, strands: Sequence[Strand]) -> None:
        """Throws CutOff into each of these."""

    def end_cycle(self) -> None:
        """No user is alive: what a test has left behind must not go on making hits."""

    def watching(self, watch: Watch, clock: Clock) -> AbstractContextManager[None]:
        """Ticks for a watch, noticed as answers are."""
