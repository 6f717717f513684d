"""A histogram of durations in which every percentile is good to 0.28 %.

Method. This is the base-2 exponential histogram of OpenTelemetry (OTLP) at the fixed scale 7:
base = 2 ** (2 ** -7), so that 128 buckets span a factor of two; bucket i counts the values in
(base ** i, base ** (i + 1)], and zero has a bucket of its own. Values are whole nanoseconds
from 0 to 2 ** 63 - 1. Beside the buckets stand the exact count, sum, smallest and largest value.

Quantiles are nearest-rank: the answer stands for the value at rank ceil(q * count). They are
within MAX_RELATIVE_ERROR of that value: always above 4 us, below with up to half a nanosecond
more because answers are whole nanoseconds; below 187 ns they are exact. The smallest and the
largest value are exact when the rank is theirs.

Laws. Merging adds whole numbers bucket by bucket, so it commutes, it associates, and an empty
histogram changes nothing: the parts of any split merge to the histogram of the whole. This is
the only way to combine quantiles. Never merge or average the quantiles themselves: the p99 of
two machines is not the mean of their p99s, and nothing computed from these two is.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loadgrpc.stats.buckets import MAX_VALUE, OCTAVE, position, positions, representative

MAX_RELATIVE_ERROR = 0.0028
"""How far a quantile may be from the exact one: (base - 1) / (base + 1), 0.2708 %, rounded up."""

_FEW = 20
"""Up to this many values, a loop is faster than NumPy's fixed costs."""


class Histogram:
    """Counts of durations by size, with exact count, sum, smallest and largest value."""

    __slots__ = ("_counts", "_first", "count", "max_ns", "min_ns", "sum_ns", "zeros")

    __hash__ = None  # type: ignore[assignment]  # it changes

    def __init__(self) -> None:
        self.count = 0
        self.sum_ns = 0
        self.min_ns = 0
        """The smallest value; 0 when empty."""
        self.max_ns = 0
        """The largest value; 0 when empty."""
        self.zeros = 0
        """How many of the values are 0."""
        # Buckets are kept by whole octaves, from that of the smallest value but zero to that of
        # the largest: the same values lead to the same arrays, in whatever order they came.
        self._first = 0
        self._counts: NDArray[np.int64] = np.zeros(0, dtype=np.int64)

    def __repr__(self) -> str:
        return f"<Histogram count={self.count} min_ns={self.min_ns} max_ns={self.max_ns}>"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Histogram):
            return NotImplemented
        return (
            self.count == other.count
            and self.sum_ns == other.sum_ns
            and self.min_ns == other.min_ns
            and self.max_ns == other.max_ns
            and self.zeros == other.zeros
            and self._first == other._first
            and np.array_equal(self._counts, other._counts)
        )

    def copy(self) -> Histogram:
        """A histogram of the same values that goes its own way from here."""
        twin = Histogram()
        twin.merge(self)
        return twin

    def add(self, values: NDArray[np.integer[Any]]) -> None:
        """Counts each of a one-dimensional array of durations, in whole nanoseconds.

        Raises:
            TypeError: The values are not whole numbers.
            ValueError: A value is below 0 or above MAX_VALUE. Nothing was counted then.
        """
        if values.dtype.kind not in "iu":
            raise TypeError(f"durations are whole nanoseconds, not {values.dtype}")
        if values.size == 0:
            return
        if values.size <= _FEW:
            self._add_few(values.tolist())
        else:
            self._add_many(values)

    def add_counted(self, values: NDArray[np.int64], counts: NDArray[np.int64]) -> None:
        """Counts each of some durations so often, which is at least once.

        Raises:
            ValueError: As `add`.
        """
        if values.size == 0:
            return
        low, high = int(values.min()), int(values.max())
        _check(low, high)
        above = values > 0
        if above.any():
            whole = values[above]
            self._cover(position(int(whole.min())), position(high))
            np.add.at(self._counts, positions(whole) - self._first, counts[above])
        total = sum(map(operator.mul, values.tolist(), counts.tolist()))
        self.zeros += int(counts[~above].sum())
        self._include(int(counts.sum()), total, low, high)

    def merge(self, other: Histogram) -> None:
        """Counts all that `other` has counted."""
        if other.count == 0:
            return
        if other._counts.size:
            self._cover(other._first, other._first + other._counts.size - 1)
            start = other._first - self._first
            self._counts[start : start + other._counts.size] += other._counts
        self._include(other.count, other.sum_ns, other.min_ns, other.max_ns)
        self.zeros += other.zeros

    @property
    def figures(self) -> tuple[int, int, int, int, int]:
        """Count, sum, smallest and largest value, and how many values are 0."""
        return self.count, self.sum_ns, self.min_ns, self.max_ns, self.zeros

    def buckets(self) -> tuple[int, NDArray[np.int64]]:
        """The position of the first bucket that counts something, and the counts from there on.

        The last of them counts something too. Zero has a bucket of its own, `zeros`.
        """
        present = np.flatnonzero(self._counts)
        if not present.size:
            return 0, self._counts[:0]
        first, last = int(present[0]), int(present[-1])
        return self._first + first, self._counts[first : last + 1]

    @classmethod
    def of_buckets(
        cls,
        figures: tuple[int, int, int, int, int],
        first: int,
        counts: NDArray[np.int64],
    ) -> Histogram:
        """The histogram that has these `buckets`, and these `figures`."""
        made = cls()
        if counts.size:
            made._cover(first, first + counts.size - 1)
            start = first - made._first
            made._counts[start : start + counts.size] = counts
        made.count, made.sum_ns, made.min_ns, made.max_ns, made.zeros = figures
        return made

    def quantiles(self, qs: Sequence[float]) -> list[int]:
        """For each q from 0 to 1 the value at rank ceil(q * count), in nanoseconds.

        A q means the decimal number it is written as: 0.55 of 100 values is rank 55, although
        the float is a little more than 55/100. Ranks stop at 1 and at count. When empty, all are 0.
        """
        if self.count == 0:
            return [0] * len(qs)
        running = np.cumsum(self._counts)
        return [self._at_rank(math.ceil(Decimal(str(q)) * self.count), running) for q in qs]

    def _at_rank(self, rank: int, running: NDArray[np.int64]) -> int:
        if rank <= 1:
            return self.min_ns
        if rank >= self.count:
            return self.max_ns
        if rank <= self.zeros:
            return 0
        at = self._first + int(running.searchsorted(rank - self.zeros))
        return min(max(representative(at), self.min_ns), self.max_ns)

    def _add_few(self, values: list[int]) -> None:
        low, high = min(values), max(values)
        _check(low, high)
        above = values if low else [value for value in values if value]
        if above:
            self._cover(position(low or min(above)), position(high))
            counts, first = self._counts, self._first
            for value in above:
                counts[position(value) - first] += 1
        self.zeros += len(values) - len(above)
        self._include(len(values), sum(values), low, high)

    def _add_many(self, values: NDArray[np.integer[Any]]) -> None:
        low, high = int(values.min()), int(values.max())
        _check(low, high)
        whole = values.astype(np.int64, copy=False)
        above = whole if low else whole[whole > 0]
        if above.size:
            self._cover(position(low or int(above.min())), position(high))
            found = np.bincount(positions(above) - self._first)
            self._counts[: found.size] += found
        self.zeros += whole.size - above.size
        self._include(whole.size, _exact_sum(whole, high), low, high)

    def _include(self, count: int, sum_ns: int, min_ns: int, max_ns: int) -> None:
        self.min_ns = min(self.min_ns, min_ns) if self.count else min_ns
        self.max_ns = max(self.max_ns, max_ns)
        self.count += count
        self.sum_ns += sum_ns

    def _cover(self, low: int, high: int) -> None:
        """Makes room for the positions from `low` to `high`, by whole octaves."""
        first = low - low % OCTAVE
        end = high - high % OCTAVE + OCTAVE
        held = self._counts.size
        if held:
            first = min(first, self._first)
            end = max(end, self._first + held)
            if end - first == held:
                return
        wider = np.zeros(end - first, dtype=np.int64)
        if held:
            start = self._first - first
            wider[start : start + held] = self._counts
        self._first, self._counts = first, wider


def _check(low: int, high: int) -> None:
    if low < 0 or high > MAX_VALUE:
        wrong = low if low < 0 else high
        raise ValueError(f"a duration is from 0 to {MAX_VALUE} ns, not {wrong}")


def _exact_sum(values: NDArray[np.int64], high: int) -> int:
    """The sum of values up to `high`, whatever its size."""
    if high * values.size <= MAX_VALUE:
        return int(values.sum())
    upper, lower = values >> 32, values & 0xFFFF_FFFF  # neither sum overflows below 2**31 values
    return (int(upper.sum()) << 32) + int(lower.sum())
