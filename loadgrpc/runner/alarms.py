"""SIGALRM as a test knows it: each user has an alarm and a handler of its own.

Rule: a process has one timer and one handler, and here many users set them, for timeouts of tests
(timeout-decorator, pytest-timeout's signal method). So the functions of `signal` that set them
keep them per greenlet; the timer of the process is set for the next alarm that is due, and an
exception of a handler is raised in the greenlet that set the alarm, even if another one is
running.
"""

from __future__ import annotations

import math
import signal
from collections.abc import Callable
from types import FrameType
from typing import Any
from weakref import WeakKeyDictionary

from gevent import get_hub
from greenlet import getcurrent, greenlet

from loadgrpc.clock import NS_PER_S, Clock

_Greenlet = Any
"""A greenlet; its type stubs are incomplete."""


class Alarms:
    """See the module. `install` replaces the functions of `signal` with it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._signal = signal.signal
        self._getsignal = signal.getsignal
        self._setitimer = signal.setitimer
        self._getitimer = signal.getitimer
        self._handlers: WeakKeyDictionary[greenlet, Any] = WeakKeyDictionary()
        self._due: WeakKeyDictionary[greenlet, tuple[int, int]] = WeakKeyDictionary()
        """When each rings, by the clock, and how long after that again; 0: never."""
        self._thrown: WeakKeyDictionary[greenlet, BaseException] = WeakKeyDictionary()
        """What is on its way to a greenlet."""

    def install(self) -> None:
        """From now on, alarms are a greenlet's own."""
        self._signal(signal.SIGALRM, self._ring)
        ours: dict[str, Callable[..., Any]] = {
            "signal": self.set_handler,
            "getsignal": self.handler,
            "setitimer": self.set_timer,
            "getitimer": self.timer,
            "alarm": self.set_alarm,
        }
        for name, function in ours.items():
            setattr(signal, name, function)

    # Instead of the functions of `signal`

    def set_handler(self, signalnum: int, handler: Any) -> Any:
        """See signal.signal."""
        if signalnum != signal.SIGALRM:
            return self._signal(signalnum, handler)
        if not callable(handler) and handler not in {signal.SIG_DFL, signal.SIG_IGN}:
            raise TypeError("signal handler must be signal.SIG_IGN, signal.SIG_DFL, or callable")
        before = self.handler(signalnum)
        self._handlers[getcurrent()] = handler
        return before

    def handler(self, signalnum: int) -> Any:
        """See signal.getsignal."""
        if signalnum != signal.SIGALRM:
            return self._getsignal(signalnum)
        return self._handlers.get(getcurrent(), signal.SIG_DFL)

    def set_timer(self, which: int, seconds: float, interval: float = 0.0) -> tuple[float, float]:
        """See signal.setitimer."""
        if which != signal.ITIMER_REAL:
            return self._setitimer(which, seconds, interval)
        if not (0 <= seconds < math.inf and 0 <= interval < math.inf):
            raise signal.ItimerError(22, "Invalid argument")
        before = self.timer(which)
        me = getcurrent()
        self._thrown.pop(me, None)
        self._due.pop(me, None)
        if seconds:
            due_ns = self._clock.monotonic_ns() + round(seconds * NS_PER_S)
            self._due[me] = (due_ns, round(interval * NS_PER_S))
        self._set_next()
        return before

    def timer(self, which: int) -> tuple[float, float]:
        """See signal.getitimer."""
        if which != signal.ITIMER_REAL:
            return self._getitimer(which)
        if getcurrent() not in self._due:
            return 0.0, 0.0
        due_ns, again_ns = self._due[getcurrent()]
        left_ns = max(0, due_ns - self._clock.monotonic_ns())
        return left_ns / NS_PER_S, again_ns / NS_PER_S

    def set_alarm(self, seconds: int) -> int:
        """See signal.alarm."""
        return math.ceil(self.set_timer(signal.ITIMER_REAL, int(seconds))[0])

    # The timer of the process

    def _set_next(self) -> None:
        due = [due_ns for due_ns, _ in self._due.values()]
        left_ns = max(1_000, min(due) - self._clock.monotonic_ns()) if due else 0
        self._setitimer(signal.ITIMER_REAL, left_ns / NS_PER_S)

    def _ring(self, number: int, frame: FrameType | None) -> None:
        now_ns = self._clock.monotonic_ns()
        me, mine = getcurrent(), False
        for whose, (due_ns, again_ns) in list(self._due.items()):
            if due_ns > now_ns:
                continue
            if again_ns:
                self._due[whose] = (now_ns + again_ns, again_ns)
            else:
                del self._due[whose]
            if whose is me:
                mine = True
            elif not whose.dead:
                self._ring_elsewhere(whose, number)
        self._set_next()
        if mine:
            self._call(me, number, frame)

    def _call(self, whose: _Greenlet, number: int, frame: FrameType | None) -> None:
        handler = self._handlers.get(whose, signal.SIG_DFL)
        if callable(handler):
            handler(number, frame)
        elif handler == signal.SIG_DFL:
            raise InterruptedError("SIGALRM, and the test has no handler for it")

    def _ring_elsewhere(self, whose: _Greenlet, number: int) -> None:
        """Calls the handler of a greenlet that waits, and throws there what it raises."""
        try:
            self._call(whose, number, whose.gr_frame)
        except BaseException as error:  # noqa: BLE001 - raised there
            self._thrown[whose] = error
            get_hub().loop.run_callback(self._throw, whose, error)

    def _throw(self, whose: _Greenlet, error: BaseException) -> None:
        # It may have ended meanwhile, or set its alarm again.
        if self._thrown.pop(whose, None) is error and not whose.dead:
            whose.throw(error)
