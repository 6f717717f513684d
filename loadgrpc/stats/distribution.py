"""How durations are distributed, coarsely: for pictures.

Method. Sixteen buckets of a histogram are one here, so that eight span a factor of two: counts are
exact, and say of each value only its bucket. Laws: as the histogram's, whose counts these are.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from loadgrpc.model import Distribution
from loadgrpc.stats.buckets import OCTAVE
from loadgrpc.stats.histogram import Histogram

BUCKETS: Final = 8
"""To a factor of two."""
_TOGETHER: Final = OCTAVE // BUCKETS


def distribution_of(histogram: Histogram) -> Distribution | None:
    """The distribution; None: nothing was counted. Zeros are in the bucket of 1 ns."""
    if not histogram.count:
        return None
    first, fine = histogram.buckets()
    # A bucket's position is its number + 1: see `buckets.py`.
    numbers = (np.arange(first, first + fine.size) - 1) // _TOGETHER
    if not fine.size or histogram.zeros:
        numbers = np.append(numbers, -1)
        fine = np.append(fine, histogram.zeros)
    lowest = int(numbers.min())
    counts = np.bincount(numbers - lowest, weights=fine.astype(np.float64))
    return Distribution(first=lowest, counts=tuple(int(each) for each in counts))
