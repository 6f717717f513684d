"""What loadgrpc says of its own lag, and how much that explains of what it measured.

A time that was measured is the true one and the lag of that moment. Percentiles do not add:
what p99 should be with the lag is found by adding every lag to every true time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

POINTS: Final = {"min": 0.0, "p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "max": 1.0}
"""Where the document tells of the lag, as shares."""
LAGS: Final = 400
TRUE_TIMES: Final = 4_000
"""How many of each are added to each other, evenly spread."""


@dataclass(frozen=True)
class Lag:
    """What a run's summary says of the lag of its generator."""

    saturated: bool
    points_ms: tuple[float, ...]
    """At POINTS."""
    worst_ms: float
    """p99 in the worst second."""
    worst_cpu: float

    def at(self, point: str) -> float:
        """One of POINTS, in milliseconds."""
        return self.points_ms[list(POINTS).index(point)]


def lag_of(document: Any) -> Lag:
    """From the summary document."""
    generator = document["generator"]
    return Lag(
        saturated=bool(generator["saturated"]),
        points_ms=tuple(milliseconds(generator["lag"][name]) for name in POINTS),
        worst_ms=milliseconds(generator["worstLag"]),
        worst_cpu=float(generator["worstCpu"]),
    )


def with_lag(true_ms: NDArray[np.float64], lag: Lag, share: float) -> float:
    """The percentile of true times, each with each lag added."""
    lags_ms = np.interp(_even(LAGS), list(POINTS.values()), lag.points_ms)
    spread_ms = np.quantile(true_ms, _even(TRUE_TIMES))
    return float(np.quantile(np.add.outer(spread_ms, lags_ms), share))


def _even(count: int) -> NDArray[np.float64]:
    """So many shares, the same distance apart."""
    return (np.arange(count) + 0.5) / count


def milliseconds(duration: Any) -> float:
    """A Duration in protobuf's JSON: `0.0203s`."""
    return float(str(duration).removesuffix("s")) * 1e3
