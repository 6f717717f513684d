"""Time enters the house here.

Rule: durations come from the monotonic clock, dates from one wall-clock reading that the
monotonic clock is anchored to. Whoever needs the time is handed a Clock and reads it once
per turn, so that two decisions of one turn cannot disagree about "now".
"""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """What tells the time, in whole nanoseconds."""

    def monotonic_ns(self) -> int:
        """A time that never goes back, from an arbitrary start."""

    def wall_ns(self) -> int:
        """Nanoseconds since 1970-01-01T00:00:00Z, which never go back either."""

    def real_ns(self) -> int:
        """The same by the machine's own clock, which may be set; the kernel's stamps are of it."""


class SystemClock:
    """The machine's monotonic clock, anchored once to its wall clock."""

    def __init__(self) -> None:
        self._anchor_ns = time.time_ns() - time.monotonic_ns()

    def monotonic_ns(self) -> int:
        """See Clock."""
        return time.monotonic_ns()

    def wall_ns(self) -> int:
        """See Clock."""
        return self._anchor_ns + time.monotonic_ns()

    def real_ns(self) -> int:
        """See Clock."""
        return time.time_ns()
