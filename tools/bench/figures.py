"""Statistics of repeated measurements. Pure."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Spread:
    """What several rounds gave."""

    median: float
    low: float
    high: float
    rounds: int


def spread(values: Sequence[float]) -> Spread | None:
    """The median and the extremes of `values`; None of nothing."""
    if not values:
        return None
    return Spread(statistics.median(values), min(values), max(values), len(values))


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float | None:
    """The ratio of the medians; None when one side has nothing, or theirs is nothing."""
    above, below = spread(ours), spread(theirs)
    if above is None or below is None or not below.median:
        return None
    return above.median / below.median


def nearest_rank(values: NDArray[Any], quantile: float) -> int:
    """The value at rank ceil(quantile * count) of `values`, which need not be sorted."""
    rank = max(1, math.ceil(quantile * len(values)))
    return int(np.partition(values, rank - 1)[rank - 1])


@dataclass(frozen=True)
class Count:
    """What a server had counted at a moment."""

    at_s: float
    requests: int


def steady_rate(counts: Sequence[Count], seconds: float, warm_s: float) -> float | None:
    """Requests a second between `warm_s` and `seconds` after the first request.

    `counts` are in the order of time. What a tool does before its first request, while its
    users start, and after its time, does not count. None: there were no requests, or too few
    looks at the counter.
    """
    base = counts[0].requests if counts else 0
    began = next((count.at_s for count in counts if count.requests > base), None)
    if began is None:
        return None
    inside = [count for count in counts if began + warm_s <= count.at_s <= began + seconds]
    # A tool that ends early, as by its own clock it may, must not count as idle.
    grown = [after for before, after in pairwise(inside) if after.requests > before.requests]
    if not grown:
        return None
    first, last = inside[0], grown[-1]
    return (last.requests - first.requests) / (last.at_s - first.at_s)
