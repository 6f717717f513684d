"""The buckets of OTLP's base-2 exponential histogram at scale 7: which value is in which.

Bucket i holds the values in (base ** i, base ** (i + 1)], base = 2 ** (2 ** -7). A bucket's
*position* here is its OTLP index + 1, so that the value 1, alone in OTLP's bucket -1, is at
position 0 and no position is negative. Zero is in none of these buckets.

Rule: whole numbers are compared with exact bounds and no logarithm is rounded, so that every
machine puts the same value into the same bucket.
"""

from __future__ import annotations

import math
from bisect import bisect_left

import numpy as np
from numpy.typing import NDArray

SCALE = 7

OCTAVE = 2**SCALE
"""How many buckets span a factor of two."""

MAX_VALUE = 2**63 - 1
"""The largest value that has a bucket."""


def position(value: int) -> int:
    """The position of the bucket of a value, from 1 to MAX_VALUE."""
    return bisect_left(_LARGEST_LIST, value)


def positions(values: NDArray[np.int64]) -> NDArray[np.intp]:
    """The position of the bucket of each value, in a few nanoseconds each."""
    cells = (values.astype(np.float64).view(np.int64) >> _CELL_SHIFT) - _FIRST_CELL
    found = _POSITION_OF_CELL.take(cells)
    found += values > _LARGEST.take(found)
    return found


def representative(at: int) -> int:
    """The middle of a bucket's whole numbers: equally far from both ends, relatively."""
    low, high = _LARGEST_LIST[at - 1] + 1 if at else 1, _LARGEST_LIST[at]
    return (4 * low * high + low + high) // (2 * (low + high))  # 2 * l * h / (l + h), rounded


def _largest_values() -> NDArray[np.int64]:
    """The largest whole value of each bucket by position: floor(2 ** (position / 128))."""
    top_octave = []
    for step in range(OCTAVE):
        root = 1 << (62 * OCTAVE + step)
        for _ in range(SCALE):  # seven floored square roots are one floored 128th root
            root = math.isqrt(root)
        top_octave.append(root)
    shifts = np.arange(62, -1, -1)[:, np.newaxis]
    octaves = np.array(top_octave, dtype=np.int64) >> shifts
    return np.append(octaves.ravel(), MAX_VALUE)


_LARGEST = _largest_values()
_LARGEST_LIST: list[int] = _LARGEST.tolist()

# The bits of a positive float64, cut after 8 bits of its fraction, number the *cells*: 256 equal
# parts of each octave. A cell is narrower than any bucket it touches, so it reaches at most into
# the bucket after the one it starts in: one look-up and one comparison find the bucket. That
# values above 2 ** 53 are rounded on their way into a cell does no harm: the comparison is of
# whole numbers, and no bucket begins within the rounding of where a cell does, except for the
# powers of two, which belong to the bucket before.
_CELL_SHIFT = 52 - 8
_FIRST_CELL = 1023 << 8  # that of 1.0
_CELL_STARTS = np.ldexp(1 + np.arange(256) / 256, np.arange(63)[:, np.newaxis]).ravel()
_POSITION_OF_CELL = np.append(
    np.searchsorted(_LARGEST, np.ceil(_CELL_STARTS).astype(np.int64)),
    len(_LARGEST) - 1,  # the cell of 2.0 ** 63, which the largest values round up to
)
