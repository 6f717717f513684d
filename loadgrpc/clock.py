"""Time enters the house here.

Rule: durations come from the monotonic clock, dates from one wall-clock reading that the
monotonic clock is anchored to. Code that needs the time gets a Clock and reads it once per turn,
so that two decisions of one turn cannot disagree about "now". The functions of `time` are bound
on import, so that a test may replace them without changing what is measured.
"""

from __future__ import annotations

import time
from typing import Final, Protocol


class Clock(Protocol):
    """A source of the time, in whole nanoseconds."""

    @property
    def epoch_ns(self) -> int:
        """What to add to a reading of `monotonic_ns` to have `wall_ns` of the same moment."""

    def monotonic_ns(self) -> int:
        """A time that never goes back, from an arbitrary start."""

    def wall_ns(self) -> int:
        """Nanoseconds since 1970-01-01T00:00:00Z, which never go back either."""

    def real_ns(self) -> int:
        """The same by the machine's own clock, which may be set; the kernel's stamps are of it."""


_TAI: Final = time.CLOCK_TAI
NS_PER_S: Final = 1_000_000_000


class _Readings:
    """The functions that return the time, bound before a test can replace them.

    In a class, not in the module: freezegun looks through the modules for functions it knows.
    """

    monotonic_ns = time.monotonic_ns
    time_ns = time.time_ns
    clock_ns = time.clock_gettime_ns


class SystemClock:
    """The machine's monotonic clock, anchored once to its wall clock.

    Whatever a test does to the functions of `time`, this clock goes on: mocks that stand in the
    module, and those that change the functions themselves, as time-machine does. The latter leave
    TAI alone, which differs from the real time by whole seconds.
    """

    monotonic_ns = staticmethod(_Readings.monotonic_ns)
    """See Clock."""

    def __init__(self) -> None:
        self.epoch_ns = _Readings.time_ns() - _Readings.monotonic_ns()
        """See Clock."""
        ahead_ns = _Readings.clock_ns(_TAI) - _Readings.time_ns()
        self._leap_ns = round(ahead_ns / NS_PER_S) * NS_PER_S

    def wall_ns(self) -> int:
        """See Clock."""
        return self.epoch_ns + _Readings.monotonic_ns()

    def real_ns(self) -> int:
        """See Clock."""
        return _Readings.clock_ns(_TAI) - self._leap_ns
