"""What came of some iterations, as it adds up: those fed with cases of one rule, or of one agent.

Laws, as the histogram's: merging commutes, associates, and empty stats change nothing.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from loadgrpc.model import OTHER, CaseFigures, IterationFigures, TestOutcome
from loadgrpc.stats.histogram import Histogram
from loadgrpc.stats.hits import HitStats, elapsed_figures


class RuleName(NamedTuple):
    """A rule of a scenario."""

    scenario: str
    rule: str


class AgentName(NamedTuple):
    """An agent in a scenario."""

    scenario: str
    agent: str


def is_other_rule(name: RuleName) -> bool:
    """Whether this is the name of all rules that have no stats of their own."""
    return name.rule == OTHER


@dataclass(slots=True)
class RuleStats:
    """See the module."""

    outcomes: Counter[TestOutcome] = field(default_factory=Counter)
    """The iterations that have ended."""
    time: Histogram = field(default_factory=Histogram)
    """How long those took that came to their own end, as far as was reported."""
    hits: HitStats = field(default_factory=HitStats)
    """Their hits."""

    def merge(self, other: RuleStats) -> None:
        """Adds all that was added to `other`."""
        self.outcomes.update(other.outcomes)
        self.time.merge(other.time)
        self.hits.merge(other.hits)

    @property
    def finished(self) -> int:
        """Iterations that came to their own end."""
        return self.outcomes.total() - self.outcomes[TestOutcome.INTERRUPTED]

    @property
    def not_passed(self) -> int:
        """Of these, those that did not pass."""
        return self.outcomes[TestOutcome.FAILURE] + self.outcomes[TestOutcome.ERROR]

    def figures(self, name: RuleName, duration_ns: int) -> CaseFigures:
        """The figures, with the rate of hits over a duration."""
        of = self.outcomes
        return CaseFigures(
            case=name.rule,
            scenario=name.scenario,
            iterations=IterationFigures(
                started=of.total(),
                success=of[TestOutcome.SUCCESS],
                failure=of[TestOutcome.FAILURE],
                error=of[TestOutcome.ERROR],
                interrupted=of[TestOutcome.INTERRUPTED],
            ),
            iteration_time=elapsed_figures(self.time),
            hits=self.hits.figures(duration_ns),
        )
