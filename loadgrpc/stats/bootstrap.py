"""How sure figures of a run are: a block bootstrap over its windows.

Method. A run is cut into cells of some seconds. A resample draws runs of BLOCK neighbouring cells
with replacement, around the end to the beginning, until it has as many cells as the run: what
follows on each other in time stays together, so that noise which lasts for several cells is not
taken for more certainty than there is. The figures of RESAMPLES resamples are spread as those of
repeated runs would be; with few cells they are spread too little, which `WIDER` makes up for.

Rule: pure. Resamples follow from the seed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import NDArray

from loadgrpc.stats.buckets import representative
from loadgrpc.stats.hits import HitStats

RESAMPLES: Final = 500
BLOCK: Final = 4
"""Cells that are drawn together."""
MIN_CELLS: Final = 3 * BLOCK
"""With fewer, nothing is said."""
WIDER: Final = 1.25
"""How much wider a spread is taken to be than that of resamples: blocks are few."""
QUANTILES: Final = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
LEVEL: Final = 0.95
MIN_FINITE: Final = 0.9
"""With fewer resamples that have a figure at all, nothing is known of its spread."""
FIGURES: Final = (*QUANTILES, "rate", "failed")
Column = NDArray[np.float64]


@dataclass(frozen=True)
class Cells:
    """Hits of a run by time: cells of equal length, each with what ended in it."""

    hits: Column
    failed: Column
    times: NDArray[np.float64]
    """Of each cell, how many response times were in each bucket."""
    first: int
    """The position of the first of these buckets; before it is a column for zero."""
    seconds: float
    """How long a cell is."""

    def __len__(self) -> int:
        return len(self.hits)

    def drawn(self, weights: NDArray[np.float64]) -> dict[str, Column]:
        """Figures of resamples, by name: how often each draws each cell is in its row."""
        hits, failed = weights @ self.hits, weights @ self.failed
        seconds = weights.sum(axis=1) * self.seconds
        found: dict[str, Column] = {
            "rate": hits / seconds,
            "failed": np.divide(failed, hits, out=np.zeros_like(hits), where=hits > 0),
        }
        running = np.cumsum(weights @ self.times, axis=1)
        answered, values = running[:, -1], self._values()
        for name, q in QUANTILES.items():
            ranks = np.ceil(q * answered)
            at = (running < ranks[:, np.newaxis]).sum(axis=1)
            at = np.minimum(at, len(values) - 1)
            found[name] = np.where(answered > 0, values[at], np.nan)
        return found

    def _values(self) -> Column:
        width = self.times.shape[1] - 1
        return np.array([0, *(representative(self.first + at) for at in range(width))], np.float64)


def cells_of(windows: Sequence[HitStats], seconds: float) -> Cells:
    """The cells that these windows are, each as long as said."""
    buckets = [each.response.buckets() for each in windows]
    spans = [(first, first + len(counts)) for first, counts in buckets if len(counts)]
    first = min((low for low, _ in spans), default=0)
    width = max((high for _, high in spans), default=first) - first
    times = np.zeros((len(windows), width + 1))
    for row, window, (low, counts) in zip(times, windows, buckets, strict=True):
        row[0] = window.response.zeros
        row[1 + low - first : 1 + low - first + len(counts)] = counts
    return Cells(
        hits=np.array([each.count for each in windows], np.float64),
        failed=np.array([each.failed for each in windows], np.float64),
        times=times,
        first=first,
        seconds=seconds,
    )


def figures(cells: Cells) -> dict[str, float]:
    """The figures of all cells together."""
    return {name: float(each[0]) for name, each in cells.drawn(np.ones((1, len(cells)))).items()}


def resampled(cells: Cells, seed: int) -> dict[str, Column]:
    """The figures of RESAMPLES resamples."""
    rng = np.random.default_rng(seed)
    count = len(cells)
    blocks = math.ceil(count / BLOCK)
    starts = rng.integers(0, count, size=(RESAMPLES, blocks))
    drawn = (starts[:, :, np.newaxis] + np.arange(BLOCK)) % count
    drawn = drawn.reshape(RESAMPLES, -1)[:, :count]
    weights = np.zeros((RESAMPLES, count))
    np.add.at(weights, (np.arange(RESAMPLES)[:, np.newaxis], drawn), 1.0)
    return cells.drawn(weights)


def spread(changes: Column, comparisons: int = 1) -> float:
    """How far a change may be from where it seems to be, either way, from resamples of it.

    With a probability of LEVEL, for `comparisons` of them together.
    """
    finite = changes[np.isfinite(changes)]
    if len(finite) < len(changes) * MIN_FINITE:
        return math.inf
    tail = (1 - LEVEL) / 2 / max(comparisons, 1)
    return WIDER * NormalDist().inv_cdf(1 - tail) * float(finite.std())


def log_ratios(before: Column, after: Column) -> Column:
    """The logarithms of how many times larger one figure is than the other, for each resample."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.log(after) - np.log(before))
