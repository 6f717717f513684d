"""The sum over the last few of what is pushed, without subtracting: minimum and maximum stay exact.

Method: two stacks. What is pushed is added to a running sum; when the oldest has to go and the
other stack is empty, everything moves there, as sums from each element to the newest. Each element
is added at most three times, however long the sum is.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from loadgrpc.judge.amount import NOTHING, Amount


class Slice(NamedTuple):
    """A span of whole seconds, and what a metric came to in it."""

    start_s: int
    length_s: int
    amount: Amount


class Sliding:
    """See the module. `length_s`: the shortest span that is summed up, if there is enough."""

    def __init__(self, length_s: int) -> None:
        self._length_s = length_s
        self._slices: deque[Slice] = deque()
        self._older: list[Amount] = []
        """From each of the older ones on, all older ones: the oldest is last."""
        self._newer = NOTHING
        self.covered_s = 0

    @property
    def start_s(self) -> int:
        """When the oldest slice starts."""
        return self._slices[0].start_s

    @property
    def full(self) -> bool:
        """Whether there is as much as is summed up."""
        return self.covered_s >= self._length_s

    @property
    def total(self) -> Amount:
        """All of them together."""
        return self._older[-1] + self._newer if self._older else self._newer

    def push(self, slice_: Slice) -> None:
        """Adds a slice that follows the last one, and drops those that are not needed any more."""
        self._slices.append(slice_)
        self._newer += slice_.amount
        self.covered_s += slice_.length_s
        while self.covered_s - self._slices[0].length_s >= self._length_s:
            self._drop()

    def _drop(self) -> None:
        if not self._older:
            running = NOTHING
            for slice_ in reversed(self._slices):
                running = slice_.amount + running
                self._older.append(running)
            self._newer = NOTHING
        self._older.pop()
        self.covered_s -= self._slices.popleft().length_s
