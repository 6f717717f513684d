"""Which cycle of its run something belongs to, and how long cycles really were.

Rule: pure. A hit or an iteration belongs to the cycle that its runner reports; if it reports
none, or one that has not begun, to the cycle that was active when it started. Cycles are entered
together, and only when the users of the previous one are done, so both are the same.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator

import numpy as np

from loadgrpc.broker.share import TimeSpan
from loadgrpc.protocol.decoded import Hits, Iterations


class Cycles:
    """See the module."""

    def __init__(self) -> None:
        self.starts_ns: list[int] = []
        """When each cycle began (wall clock), the first one first."""
        self.spans: dict[tuple[int, str], TimeSpan] = {}
        """By cycle and scenario, from the first start to the last end, by our clock."""

    def at(self, moment_ns: int) -> int:
        """The cycle at a moment, or the first one before it begins; 0: none has begun."""
        return max(bisect_right(self.starts_ns, moment_ns), bool(self.starts_ns))

    def of_hits(self, block: Hits, ahead_ns: int) -> Iterator[tuple[int, Hits]]:
        """The hits of a block by cycle; their clock is so far ahead of ours."""
        if not len(block.label):
            return
        if 0 < block.cycle <= len(self.starts_ns):
            yield block.cycle, block
            return
        starts_ns = block.start_ns
        first, last = (self.at(int(each()) - ahead_ns) for each in (starts_ns.min, starts_ns.max))
        if first == last:
            yield first, block
            return
        cycles = np.searchsorted(np.array(self.starts_ns) + ahead_ns, starts_ns, side="right")
        for cycle in range(first, last + 1):
            which = np.maximum(cycles, 1) == cycle
            if which.any():
                yield cycle, block.some(which)

    def of_iterations(self, block: Iterations, ahead_ns: int) -> int:
        """The cycle of iterations, which are those of one runner at a time."""
        told = 0 < block.cycle <= len(self.starts_ns)
        return block.cycle if told else self.at(int(block.start_ns[-1]) - ahead_ns)

    def widen(self, cycle: int, scenario: str, first_ns: int, last_ns: int, ahead_ns: int) -> None:
        """Something of a cycle went on between two moments of a clock that is ahead of ours."""
        if cycle:
            span = self.spans.setdefault((cycle, scenario), TimeSpan())
            span.add(first_ns - ahead_ns, last_ns - ahead_ns)
