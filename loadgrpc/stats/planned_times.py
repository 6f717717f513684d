"""The times of iterations that had a planned start, as they add up.

*Service time* is from the start of an iteration to its end, *response time* from its planned start;
it is *late* if it started more than 10 ms after that.

Laws, as the histogram's: merging commutes, associates, and empty times change nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loadgrpc.model import PlannedFigures
from loadgrpc.stats.buckets import MAX_VALUE
from loadgrpc.stats.histogram import Histogram
from loadgrpc.stats.hits import LATE_NS, elapsed_figures


@dataclass(slots=True)
class PlannedTimes:
    """See the module."""

    elapsed: Histogram = field(default_factory=Histogram)
    """Service times of those that came to their own end."""
    response: Histogram = field(default_factory=Histogram)
    """Response times of the same."""
    lateness: Histogram = field(default_factory=Histogram)
    """How late those were that were."""

    @property
    def late(self) -> int:
        """How many were."""
        return self.lateness.count

    def add(
        self,
        elapsed_ns: NDArray[np.integer[Any]],
        delay_ns: NDArray[np.integer[Any]],
        ended: NDArray[np.bool_] | None,
    ) -> None:
        """Adds iterations: how long each took, and how long after its plan it started.

        `ended`: whether each came to its own end. None: all did.
        """
        self.lateness.add(delay_ns[delay_ns > LATE_NS])
        if ended is not None:
            elapsed_ns, delay_ns = elapsed_ns[ended], delay_ns[ended]
        self.elapsed.add(elapsed_ns)
        self.response.add(np.minimum(elapsed_ns, MAX_VALUE - delay_ns) + delay_ns)

    def merge(self, other: PlannedTimes) -> None:
        """Adds other times."""
        self.elapsed.merge(other.elapsed)
        self.response.merge(other.response)
        self.lateness.merge(other.lateness)

    def figures(self) -> PlannedFigures:
        """What they add up to."""
        return PlannedFigures(
            elapsed=elapsed_figures(self.elapsed),
            response=elapsed_figures(self.response),
            lateness=elapsed_figures(self.lateness) if self.late else None,
        )
