"""Users as greenlets: thousands in a process, which gevent has patched.

Rule: users never wait for each other except where they compute; a greenlet that is cut off is
interrupted wherever it waits.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import gevent
from gevent import Greenlet, get_hub, joinall, killall, spawn
from gevent.event import Event
from gevent.lock import Semaphore

from loadgrpc.clock import Clock
from loadgrpc.runner import event_loops, left_behind
from loadgrpc.runner.alarms import Alarms
from loadgrpc.runner.forked import Forked, die, wake_nobody
from loadgrpc.runner.judge import CutOff
from loadgrpc.runner.multiprocess import Cooperative
from loadgrpc.runner.poll_clock import PollClock
from loadgrpc.runner.recorder import Recorder
from loadgrpc.runner.ticks import Ticks
from loadgrpc.runner.watch import TICK_NS, Watch

Wait = Callable[[Sequence[Any], float | None], object]
"""Waits until one of some greenlets and events is ready, or for some seconds; None: no limit."""


def wait(ready: Sequence[Any], timeout_s: float | None) -> None:
    """See Wait; by gevent's timers."""
    gevent.wait(ready, count=1, timeout=timeout_s)


class Greenlets:
    """See Strands."""

    may_abandon: Final = False

    def __init__(self, wait: Wait = wait) -> None:
        """`wait` is to go by the same time as the clock of the pool."""
        self.wait = wait
        self.sleep = gevent.sleep
        self.spawn = spawn

    def prepare(self, clock: Clock, forked: Forked) -> None:
        """See Strands."""
        _survive_others()
        Alarms(clock).install()
        Cooperative.install()
        forked.calls_last(wake_nobody)

    def loaded(self) -> None:
        """See Strands."""
        event_loops.let_users_get_loops()

    def recorder(self, clock: Clock, test: str, produced: memoryview) -> Recorder:
        """See Strands."""
        return Recorder(clock, test, produced)

    def event(self) -> Event:
        """See Strands."""
        return Event()

    def lock(self) -> Semaphore:
        """See Strands."""
        return Semaphore()

    def vital(self, call: Callable[[], object]) -> Greenlet:
        """See Strands."""

        def do() -> None:
            try:
                call()
            except BaseException:  # noqa: BLE001 - reported, and the end of the process
                traceback.print_exc()
                die()

        return spawn(do)

    def everybody(self, strands: Sequence[Greenlet]) -> Greenlet:
        """See Strands."""
        return spawn(joinall, strands)

    def cut_off(self, strands: Sequence[Greenlet]) -> None:
        """See Strands."""
        killall(strands, exception=CutOff, block=False)

    def end_cycle(self) -> None:
        """See Strands."""
        left_behind.cut_off()

    @contextmanager
    def watching(self, watch: Watch, clock: Clock) -> Iterator[None]:
        """See Strands. The hub's poll notices ticks as it notices answers."""
        poll_clock = PollClock.of(clock, get_hub())
        with Ticks(watch.due_ns, TICK_NS, lambda: watch.wake(poll_clock.at_ns)):
            yield


def _survive_others() -> None:
    """What a test's own greenlets and signal handlers raise is printed, and ends nothing of ours.

    Where there are threads, a SystemExit ends the thread; gevent would end the process.
    """
    hub = get_hub()
    hub.SYSTEM_ERROR = ()
    handle_error = hub.handle_error

    def handle(context: object, kind: Any, value: Any, trace: Any) -> None:
        if context is None and issubclass(kind, SystemError):  # the loop itself cannot go on
            sys.stderr.write(f"the event loop failed: {value}\n")
            die()
        handle_error(context or "a signal handler", kind, value, trace)

    hub.handle_error = handle
