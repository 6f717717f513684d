"""A gauge: what the values of something that goes up and down add up to.

Laws, as the histogram's: merging commutes, associates, and an empty gauge changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Gauge:
    """Its values: how many, their sum, the smallest and the largest. Whole numbers add exactly."""

    count: int = 0
    total: float = 0
    low: float = 0
    high: float = 0

    def add(self, value: float, times: int = 1) -> None:
        """Counts a value, so often."""
        self.merge(Gauge(times, value * times, value, value))

    def merge(self, other: Gauge) -> None:
        """Counts all that `other` has counted."""
        if not other.count:
            return
        self.low = min(self.low, other.low) if self.count else other.low
        self.high = max(self.high, other.high) if self.count else other.high
        self.count += other.count
        self.total += other.total

    def copy(self) -> Gauge:
        """A gauge of the same values that goes its own way from here."""
        return Gauge(self.count, self.total, self.low, self.high)
