"""How many users arrivals may need: ten times the rate times the time that an iteration takes.

Rule: pure. By Little's law, rate times time are in flight on average; ten times as many leave room
for answers that become slower. The time is that of iterations that have ended lately or, if it is
longer, the age of those in flight: while a server stands still, none ends.
"""

from __future__ import annotations

import math
from typing import Final

from loadgrpc.clock import NS_PER_S

ROOM: Final = 10
LEAST: Final = 10
"""Before anything is known, and for answers that take no time."""
_WEIGHT: Final = 0.05
"""Of the newest iteration in the average."""


class UserNeed:
    """See the module."""

    def __init__(self) -> None:
        self._average_ns = 0.0
        self._in_flight = 0
        self._starts_ns = 0
        """The sum of the starts of those in flight."""

    def start(self, now_ns: int) -> None:
        """An iteration starts."""
        self._in_flight += 1
        self._starts_ns += now_ns

    def end(self, start_ns: int, now_ns: int) -> None:
        """An iteration ends that started then."""
        self._in_flight -= 1
        self._starts_ns -= start_ns
        took_ns = now_ns - start_ns
        if not self._average_ns:
            self._average_ns = took_ns
        self._average_ns += (took_ns - self._average_ns) * _WEIGHT

    @property
    def in_flight(self) -> int:
        """Iterations that have started and not ended."""
        return self._in_flight

    def users(self, rate: float, now_ns: int, most: int) -> int:
        """How many users there may be at a rate per second, `most` at most."""
        age_ns = now_ns - self._starts_ns / self._in_flight if self._in_flight else 0.0
        needed = rate * max(self._average_ns, age_ns) / NS_PER_S
        return min(most, max(LEAST, math.ceil(ROOM * needed)))
