"""What came of the iterations that were fed with cases, by rule of their decision table.

Rule: bounded: what would be one rule too many is counted with the rest, under a name that says so.
A rule is known when a runner reports it, fed to an iteration or not; that is how one that was never
exercised is seen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from loadgrpc.model import OTHER, CaseFigures, CoverageFigures, IterationFigures, TestOutcome
from loadgrpc.protocol.decoded import Decoded, Hits, IterationLabel, Iterations
from loadgrpc.stats.histogram import Histogram
from loadgrpc.stats.hits import HitStats, elapsed_figures

MAX_RULES: Final = 1_000
MAX_TOLD_APART: Final = 100_000
"""Rules that are told apart to know how many were exercised."""


@dataclass
class _Figures:
    """Of one rule."""

    outcomes: Counter[TestOutcome] = field(default_factory=Counter)
    time: Histogram = field(default_factory=Histogram)
    hits: HitStats = field(default_factory=HitStats)

    def iterations(self) -> IterationFigures:
        """Its iterations that have ended."""
        of = self.outcomes
        return IterationFigures(
            started=of.total(),
            success=of[TestOutcome.SUCCESS],
            failure=of[TestOutcome.FAILURE],
            error=of[TestOutcome.ERROR],
            interrupted=of[TestOutcome.INTERRUPTED],
        )


class RuleFigures:
    """See the module."""

    def __init__(self) -> None:
        self._figures: dict[tuple[str, str], _Figures] = {}
        """By scenario and rule, in the order in which they became known."""
        self._exercised: dict[tuple[str, str], bool] = {}

    def add(self, scenario: str, events: Decoded) -> None:
        """Adds what a batch of a scenario says of rules."""
        for name in events.rules:
            self._of(scenario, name)
        for rule, label in events.rule_outcomes:
            self._end(scenario, rule, label.outcome, 1)
        for iterations in events.iterations:
            if iterations.case is not None:
                self._add_iterations(scenario, iterations)
        for hits in events.hits:
            if hits.case is not None:
                self._add_hits(scenario, hits)

    def figures(self, duration_ns: int) -> Iterator[CaseFigures]:
        """By rule; hits per second are over the duration."""
        for (scenario, rule), figures in sorted(
            self._figures.items(), key=lambda each: each[0][1] == OTHER
        ):
            yield CaseFigures(
                case=rule,
                scenario=scenario,
                iterations=figures.iterations(),
                iteration_time=elapsed_figures(figures.time),
                hits=figures.hits.figures(duration_ns),
            )

    def coverage(self) -> CoverageFigures | None:
        """How many rules were exercised; None: none is known."""
        known = self._exercised
        return CoverageFigures(rules=len(known), exercised=sum(known.values())) if known else None

    def _of(self, scenario: str, rule: str) -> _Figures:
        key = scenario, rule
        if len(self._exercised) < MAX_TOLD_APART:
            self._exercised.setdefault(key, False)
        if key not in self._figures and len(self._figures) >= MAX_RULES:
            key = scenario, OTHER
        return self._figures.setdefault(key, _Figures())

    def _end(self, scenario: str, rule: str, outcome: TestOutcome, count: int) -> _Figures:
        figures = self._of(scenario, rule)
        figures.outcomes[outcome] += count
        if outcome is not TestOutcome.INTERRUPTED and (scenario, rule) in self._exercised:
            self._exercised[scenario, rule] = True
        return figures

    def _add_iterations(self, scenario: str, block: Iterations) -> None:
        assert block.case is not None  # noqa: S101 - asked by the caller
        for case, at, which in _groups(block.case, block.label, len(block.labels)):
            label: IterationLabel = block.labels[at]
            count = int(np.count_nonzero(which))
            figures = self._end(scenario, block.cases[case], label.outcome, count)
            if label.outcome is not TestOutcome.INTERRUPTED:
                figures.time.add(block.elapsed_ns[which])

    def _add_hits(self, scenario: str, block: Hits) -> None:
        assert block.case is not None  # noqa: S101 - asked by the caller
        for case, at, which in _groups(block.case, block.label, len(block.labels)):
            label = block.labels[at]
            count = int(np.count_nonzero(which))
            self._of(scenario, block.cases[case]).hits.add(
                elapsed_ns=block.elapsed_ns[which],
                failed=count if label.failed else 0,
                answered=label.answered,
                bytes_sent=int(block.bytes_sent[which].sum()),
                bytes_received=int(block.bytes_received[which].sum()),
                delay_ns=None if block.delay_ns is None else block.delay_ns[which],
            )


def _groups(
    case: np.ndarray, label: np.ndarray, labels: int
) -> Iterable[tuple[int, int, np.ndarray]]:
    """Each case and label that come together, with the entries that have both; no case: none."""
    both = np.where(case > 0, (case - 1) * labels + label, -1)
    for key in np.unique(both).tolist():
        if key >= 0:
            yield *divmod(key, labels), both == key
