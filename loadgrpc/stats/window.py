"""Hits a second over the last five whole seconds: the rate people watch.

A hit belongs to the wall-clock second in which it ended. The second that still goes on is never
counted, because it is not whole; a second in which nothing ended counts as zero. Hits may be
told late: they count for as long as their second is looked at.

Memory is bounded whatever seconds come in. Asking forgets what no later question can want:
seconds that are over for good, and those so far ahead that only a wrong clock can name them, so
that one machine from the future does not push out what the others report. Between two questions
only the newest seconds are kept.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

SPAN_S = 5
"""How many whole seconds the rate looks back."""

AHEAD_S = 60
"""How far ahead of a question's second hits are kept for later ones: clocks differ."""

MAX_SECONDS = 128
"""How many seconds are kept between two questions; the oldest are forgotten."""

_FEW = 100
"""Up to so many seconds, a loop is faster than NumPy's fixed costs."""


class RateWindow:
    """Hits by the second of their end, for the few seconds that the rate is made of."""

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}

    def add(self, second: int, count: int) -> None:
        """Counts hits that ended in a wall-clock second."""
        self._counts[second] = self._counts.get(second, 0) + count
        if len(self._counts) > MAX_SECONDS:
            del self._counts[min(self._counts)]

    def add_many(self, seconds: NDArray[np.integer[Any]]) -> None:
        """Counts one hit for each wall-clock second of an array."""
        if seconds.size <= _FEW:
            for second, count in Counter(seconds.tolist()).items():
                self.add(second, count)
            return
        different, counts = np.unique(seconds, return_counts=True)  # in order
        newest = slice(-MAX_SECONDS, None)
        for second, count in zip(different[newest].tolist(), counts[newest].tolist(), strict=True):
            self.add(second, count)

    def rate(self, now_second: int, since_second: int | None) -> float:
        """Hits a second over the whole seconds before `now_second`, five of them at most.

        Seconds before the run's first, `since_second`, are not looked at; a run without one has
        not begun, and its rate is 0, as it is before the first second is over. Questions are
        asked in the order of time.
        """
        start = now_second - SPAN_S
        end = now_second + AHEAD_S
        self._counts = {s: count for s, count in self._counts.items() if start <= s <= end}
        if since_second is None:
            return 0.0
        looked_at = range(max(start, since_second), now_second)
        if not looked_at:
            return 0.0
        return sum(self._counts.get(second, 0) for second in looked_at) / len(looked_at)
