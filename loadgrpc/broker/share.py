"""What came from one agent for one scenario, except the sums over its hits."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from loadgrpc.model import IterationFigures, TestOutcome
from loadgrpc.protocol.decoded import Decoded
from loadgrpc.stats.arrival_counts import ArrivalCounts
from loadgrpc.stats.generator import GeneratorStats
from loadgrpc.stats.planned_times import PlannedTimes


@dataclass
class TimeSpan:
    """From the first to the last moment that events of one clock name."""

    first_ns: int | None = None
    last_ns: int | None = None

    def add(self, first_ns: int, last_ns: int) -> None:
        """Widens the span."""
        self.first_ns = first_ns if self.first_ns is None else min(self.first_ns, first_ns)
        self.last_ns = last_ns if self.last_ns is None else max(self.last_ns, last_ns)

    def merge(self, other: TimeSpan, ahead_ns: int = 0) -> None:
        """Widens the span by another one, of a clock that is so far ahead of this one's."""
        if other.first_ns is not None and other.last_ns is not None:
            self.add(other.first_ns - ahead_ns, other.last_ns - ahead_ns)

    @property
    def duration_ns(self) -> int:
        """Its length."""
        if self.first_ns is None or self.last_ns is None:
            return 0
        return self.last_ns - self.first_ns


@dataclass
class Share:
    """See the module; or several such together."""

    runner_hits: Counter[str] = field(default_factory=Counter)
    """Hits, by runner."""
    starts: int = 0
    stops: int = 0
    outcomes: Counter[TestOutcome] = field(default_factory=Counter)
    span: TimeSpan = field(default_factory=TimeSpan)
    active_users: dict[str, int] = field(default_factory=dict)
    """Users alive, by runner."""
    generator: GeneratorStats = field(default_factory=GeneratorStats)
    """How its processes kept up."""
    arrivals: ArrivalCounts = field(default_factory=ArrivalCounts)
    """What became of its arrivals, of an open load."""
    pools: dict[tuple[str, int], tuple[int, int]] = field(default_factory=dict)
    """Users for them, and how many there may be, as last reported: by runner and process."""
    planned: PlannedTimes | None = None
    """How its iterations with a planned start went. None: none had one."""

    @property
    def hits(self) -> int:
        """Hits of all its runners."""
        return self.runner_hits.total()

    def iterations(self) -> IterationFigures:
        """Iterations that came.

        Rows tell starts, outcomes and stops apart: an iteration that stopped without an
        outcome was interrupted, and no more can have ended than have started.
        """
        ended = sum(self.outcomes.values())
        cut = max(0, self.stops - (ended - self.outcomes[TestOutcome.INTERRUPTED]))
        interrupted = max(cut, self.outcomes[TestOutcome.INTERRUPTED])
        success = self.outcomes[TestOutcome.SUCCESS]
        failure = self.outcomes[TestOutcome.FAILURE]
        error = self.outcomes[TestOutcome.ERROR]
        return IterationFigures(
            started=max(self.starts, success + failure + error + interrupted),
            success=success,
            failure=failure,
            error=error,
            interrupted=interrupted,
            late=self.planned.late if self.planned is not None else 0,
        )

    def add_pools(self, runner_id: str, events: Decoded) -> None:
        """Notes the pools for arrivals of a runner."""
        for state, _ in events.arrivals:
            self.pools[runner_id, state.process] = state.users, state.max_users

    def merge(self, other: Share) -> None:
        """Adds another share."""
        self.runner_hits.update(other.runner_hits)
        self.starts += other.starts
        self.stops += other.stops
        self.outcomes.update(other.outcomes)
        self.span.merge(other.span)
        self.active_users.update(other.active_users)
        self.generator.merge(other.generator)
        self.arrivals.merge(other.arrivals)
        self.pools.update(other.pools)
        if other.planned is not None:
            self.planned_times().merge(other.planned)

    def planned_times(self) -> PlannedTimes:
        """How its iterations with a planned start went, to be added to."""
        if self.planned is None:
            self.planned = PlannedTimes()
        return self.planned
