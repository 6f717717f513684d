"""How long answers took lately: what was added to histograms since a few seconds ago.

Rule: whoever looks hands in what there is in total, at most once a second; the difference to
what there was at a look some SPAN_NS ago is what came since. So counting costs nothing more.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Mapping
from typing import Final, Generic, TypeVar

from loadgrpc.stats.histogram import Histogram

SPAN_NS: Final = 5_000_000_000
MIN_GAP_NS: Final = 900_000_000
"""Looks that follow each other faster are not kept: there are SPAN_NS / MIN_GAP_NS at most."""

K = TypeVar("K", bound=Hashable)


class Recent(Generic[K]):
    """Totals of the last looks."""

    def __init__(self) -> None:
        self._looks: deque[tuple[int, bool, dict[K, Histogram]]] = deque()

    def look(
        self, now_ns: int, totals: Mapping[K, Histogram], *, complete: bool
    ) -> dict[K, Histogram]:
        """What came since the oldest look of the last five seconds, by key.

        Of a key that was not handed in then it is not known, and it is left out; unless `complete`
        was said then: nothing was left out.
        """
        while len(self._looks) > 1 and self._looks[1][0] <= now_ns - SPAN_NS:
            self._looks.popleft()
        found = {}
        if self._looks:
            _, all_of_it, before = self._looks[0]
            found = {
                key: total.since(before[key]) if key in before else total
                for key, total in totals.items()
                if key in before or all_of_it
            }
        if not self._looks or now_ns - self._looks[-1][0] >= MIN_GAP_NS:
            kept = {key: total.copy() for key, total in totals.items()}
            self._looks.append((now_ns, complete, kept))
        return found
