"""Hits a second over the last five closed seconds: the rate people watch.

A hit belongs to the second of the broker's wall clock in which it ended, whenever it is told. A
second is *closed* when nothing more of it is expected: every source has reported GRACE_NS beyond
it, or PATIENCE_NS have passed. Only closed seconds are looked at, and only those that are whole:
neither the second that goes on nor the one in which a run began. What comes after a second was
closed is added all the same, for as long as the second is looked at.

While the store takes no writes nothing that is reported counts, so no second closes; and when it
is back, what waited has as long as ever to come.

Memory is bounded whatever seconds come in: seconds that are over for good are forgotten when
somebody looks, and between two looks only the newest are kept.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

SPAN_S: Final = 5
"""How many closed seconds the rate looks back."""

PATIENCE_NS: Final = 3_000_000_000
"""So long after its end a second is closed, whoever has not reported."""

GRACE_NS: Final = 500_000_000
"""What a source reports comes from several processes, each a few times a second: so far beyond a
second one of them has to be, for all to be beyond its end."""

MAX_SECONDS: Final = 128
"""How many seconds are kept between two looks; the oldest are forgotten."""

NS: Final = 1_000_000_000

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True)
class Closed(Generic[K]):
    """The last closed seconds: `seconds` of them, up to `end_s`, with hits by key."""

    end_s: int
    seconds: int
    counts: dict[K, int]


class RateWindow(Generic[K]):
    """Hits by the second of their end and by key, for the few seconds that rates are made of."""

    def __init__(self) -> None:
        self._counts: dict[int, dict[K, int]] = {}
        self._reported_ns: dict[Hashable, int] = {}
        """Up to when each source has reported."""
        self._closed_s: int | None = None
        """All seconds before this one are closed; None: nobody has looked."""
        self._away_ns: int | None = None
        """When the store was last seen to take no writes; None: it always did."""

    def add(self, second: int, keys: Sequence[K], counts: Sequence[int]) -> None:
        """Counts hits that ended in a second of the wall clock, so many of each key."""
        if self._closed_s is not None and second < self._closed_s - SPAN_S:
            return
        held = self._counts.get(second)
        if held is None:
            held = self._counts[second] = {}
            if len(self._counts) > MAX_SECONDS:
                oldest = min(self._counts)
                del self._counts[oldest]
                if oldest == second:
                    return
        for key, count in zip(keys, counts, strict=True):
            if count:
                held[key] = held.get(key, 0) + count

    def opened(self, source: Hashable) -> None:
        """A source will report."""
        self._reported_ns.setdefault(source, 0)

    def reported(self, source: Hashable, newest_ns: int) -> None:
        """A source told of what happened at that moment; later, of earlier moments, is fine."""
        if newest_ns > self._reported_ns.get(source, 0):
            self._reported_ns[source] = newest_ns

    def ended(self, source: Hashable) -> None:
        """Nothing more is expected of a source."""
        self._reported_ns.pop(source, None)

    def close(self, now_ns: int, *, stored: bool = True) -> None:
        """Closes what can be closed at a moment, and forgets what is over for good.

        `stored`: whether what is reported is counted; if not, it waits for the store.
        """
        if not stored:
            self._away_ns = now_ns
            return
        waits = self._away_ns is not None and now_ns - self._away_ns < PATIENCE_NS
        latest_ns = 0 if waits else now_ns - PATIENCE_NS
        reported_ns = min(self._reported_ns.values(), default=0) - GRACE_NS
        closed_s = max(latest_ns, min(reported_ns, now_ns)) // NS
        self._closed_s = max(closed_s, self._closed_s or 0)
        for second in [each for each in self._counts if each < self._closed_s - SPAN_S]:
            del self._counts[second]

    def look(self, since_ns: int | None) -> Closed[K] | None:
        """The closed seconds, at most five, of a run that began `since_ns`; None: there is none."""
        if since_ns is None or self._closed_s is None:
            return None
        first_s = max(self._closed_s - SPAN_S, -(-since_ns // NS))
        seconds = self._closed_s - first_s
        if seconds <= 0:
            return None
        total: dict[K, int] = {}
        for second in range(first_s, self._closed_s):
            for key, count in self._counts.get(second, {}).items():
                total[key] = total.get(key, 0) + count
        return Closed(self._closed_s, seconds, total)
