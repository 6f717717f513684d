"""What a metric comes to in some windows, before an aggregate makes one value of it.

Laws, as those of windows: adding commutes, associates, and an empty amount changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from loadgrpc.stats.gauge import Gauge
from loadgrpc.stats.histogram import Histogram


@dataclass(frozen=True, slots=True)
class Amount:
    """See the module. What it refers to is shared, and never changed."""

    count: int = 0
    """How many: hits, failures, increments of a counter."""
    of: int = 0
    """Of how many, for a share."""
    times: Histogram | None = None
    levels: Gauge | None = None

    @property
    def observed(self) -> int:
        """On how many observations a value of it rests."""
        if self.times is not None:
            return self.times.count
        if self.levels is not None:
            return self.levels.count
        return self.of or self.count

    def __add__(self, other: Amount) -> Amount:
        if self is NOTHING:
            return other
        if other is NOTHING:
            return self
        return replace(
            self,
            count=self.count + other.count,
            of=self.of + other.of,
            times=_joined(self.times, other.times),
            levels=_both(self.levels, other.levels),
        )


NOTHING = Amount()


def _joined(one: Histogram | None, other: Histogram | None) -> Histogram | None:
    if one is None or other is None:
        return one or other
    if not one.count or not other.count:
        return one if one.count else other
    whole = one.copy()
    whole.merge(other)
    return whole


def _both(one: Gauge | None, other: Gauge | None) -> Gauge | None:
    if one is None or other is None:
        return one or other
    whole = one.copy()
    whole.merge(other)
    return whole
