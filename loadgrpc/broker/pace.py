"""A pace: some of something per second on average, and a burst of it at once (a token bucket)."""

from __future__ import annotations

from loadgrpc.clock import NS_PER_S


class Pace:
    """See the module. It is kept by waiting, or by refusing what would have to wait for long.

    `per_s`: how many per second; `burst`: how many at once, if none came for a while.
    """

    __slots__ = ("_burst_ns", "_due_ns", "_per_s")

    def __init__(self, per_s: int, burst: int) -> None:
        self._per_s = per_s
        self._burst_ns = (burst - 1) * NS_PER_S // per_s
        self._due_ns = 0
        """When all that came would be over at this pace, had there been no burst."""

    def owed_ns(self, now_ns: int) -> int:
        """How long whatever comes now has to wait."""
        return max(0, self._due_ns - self._burst_ns - now_ns)

    def take(self, now_ns: int, count: int = 1) -> int:
        """Some come now; how long the first of them has to wait, in nanoseconds."""
        owed_ns = self.owed_ns(now_ns)
        self._due_ns = max(self._due_ns, now_ns) + count * NS_PER_S // self._per_s
        return owed_ns
