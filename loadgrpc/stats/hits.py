"""The figures of a set of hits, as they add up.

Every hit is counted; only an answered one, with a status and no error, has its times in the
percentiles: how long a refused connection took says nothing about the server's answers.

*Service time* is from the start of a hit to its end, *response time* from its planned start. Both
are the same, and kept once, until a hit starts after it was planned.

Laws, as the histogram's: merging commutes, associates, and empty stats change nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from loadgrpc.model import ElapsedFigures, HitFigures
from loadgrpc.stats.buckets import MAX_VALUE
from loadgrpc.stats.histogram import Histogram

_PERCENTILES = (0.5, 0.9, 0.95, 0.99)

LATE_NS: Final = 10_000_000
"""What starts later than this after its planned start is late."""


@dataclass(slots=True)
class HitStats:
    """What a set of hits adds up to."""

    count: int = 0
    failed: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0
    late: int = 0
    """Hits that started more than LATE_NS after their planned start."""
    elapsed: Histogram = field(default_factory=Histogram)
    """The service times of the answered hits."""
    own_response: Histogram | None = None
    """Their response times. None: they are the same."""

    @property
    def response(self) -> Histogram:
        """The response times of the answered hits; not to be changed."""
        return self.elapsed if self.own_response is None else self.own_response

    @property
    def delayed(self) -> bool:
        """Whether response times differ from service times."""
        return self.own_response is not None

    def add(
        self,
        *,
        elapsed_ns: NDArray[np.integer[Any]],
        failed: int,
        answered: bool,
        bytes_sent: int,
        bytes_received: int,
        delay_ns: NDArray[np.integer[Any]] | None = None,
    ) -> None:
        """Adds hits that share one label, so that all were answered or none was.

        Args:
            elapsed_ns: How long each took, in whole nanoseconds; its length is their number.
            failed: How many of them failed.
            answered: Whether they have a status and no error.
            bytes_sent: By all of them together.
            bytes_received: By all of them together.
            delay_ns: How long after its planned start each started. None: none was planned.

        Raises:
            ValueError: More hits failed than there are, or a duration is none. Nothing was
                added then.
        """
        if not 0 <= failed <= elapsed_ns.size:
            raise ValueError(f"{failed} of {elapsed_ns.size} hits cannot have failed")
        if answered:
            if delay_ns is not None:
                self._apart().add(np.minimum(elapsed_ns, MAX_VALUE - delay_ns) + delay_ns)
            elif self.own_response is not None:
                self.own_response.add(elapsed_ns)
            self.elapsed.add(elapsed_ns)
        if delay_ns is not None:
            self.late += int(np.count_nonzero(delay_ns > LATE_NS))
        self.count += elapsed_ns.size
        self.failed += failed
        self.bytes_sent += bytes_sent
        self.bytes_received += bytes_received

    def merge(self, other: HitStats) -> None:
        """Adds all that was added to `other`."""
        self.count += other.count
        self.failed += other.failed
        self.bytes_sent += other.bytes_sent
        self.bytes_received += other.bytes_received
        self.late += other.late
        if self.own_response is not None or other.own_response is not None:
            self._apart().merge(other.response)
        self.elapsed.merge(other.elapsed)

    def _apart(self) -> Histogram:
        """The response times, apart from the service times from now on."""
        if self.own_response is None:
            self.own_response = self.elapsed.copy()
        return self.own_response

    def figures(self, duration_ns: int) -> HitFigures:
        """The figures, with the rate over a duration; without a duration the rate is 0."""
        return HitFigures(
            count=self.count,
            failed=self.failed,
            rate=self.count * 1e9 / duration_ns if duration_ns > 0 else 0.0,
            elapsed=elapsed_figures(self.elapsed),
            bytes_sent=self.bytes_sent,
            bytes_received=self.bytes_received,
            response=elapsed_figures(self.response) if self.delayed else None,
        )


def elapsed_figures(elapsed: Histogram) -> ElapsedFigures:
    """The figures of a histogram of durations."""
    p50, p90, p95, p99 = elapsed.quantiles(_PERCENTILES)
    return ElapsedFigures(
        avg_ns=elapsed.sum_ns // elapsed.count if elapsed.count else 0,
        min_ns=elapsed.min_ns,
        p50_ns=p50,
        p90_ns=p90,
        p95_ns=p95,
        p99_ns=p99,
        max_ns=elapsed.max_ns,
    )
