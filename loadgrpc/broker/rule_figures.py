"""What came of the iterations that were fed with cases, by rule of their decision table.

Rule: bounded: what would be one rule too many is counted with the rest, under a name that says so.
A rule is known when the plan has it or a runner reports it, fed to an iteration or not; that is how
one that was never exercised is seen. What comes of a rule is added to the window of the timeline in
which it ended; figures since the start are the sum of all windows. A batch that is about very many
rules and seconds is added up in several turns.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np

from loadgrpc.broker.pieces import Piece, Pieces, pieces_of
from loadgrpc.clock import NS_PER_S
from loadgrpc.model import OTHER, CaseFigures, CoverageFigures, RuleProgress, Scenario, TestOutcome
from loadgrpc.protocol.decoded import Decoded, Hits, Iterations
from loadgrpc.protocol.short_names import short_name
from loadgrpc.stats.rules import RuleName, RuleStats, is_other_rule
from loadgrpc.stats.timeline import Recent, Timeline

MAX_RULES: Final = 1_000
MAX_TOLD_APART: Final = 100_000
"""Rules that are told apart to know how many were exercised."""
MAX_RULES_SHOWN: Final = 20
"""Rules of which live figures are shown."""


class RuleFigures:
    """See the module."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._known: dict[RuleName, None] = {}
        """Rules with figures of their own, in the order in which they became known."""
        self._exercised: dict[RuleName, bool] = {}
        self._added = Pieces()

    def know(self, scenario: str, rules: Iterable[str]) -> None:
        """Iterations of a scenario may be fed with cases of these rules."""
        for rule in rules:
            self._name(scenario, rule)

    def know_all(self, scenarios: Iterable[Scenario]) -> None:
        """The same of all scenarios of a plan with cases."""
        for scenario in scenarios:
            if scenario.cases is not None:
                self.know(scenario.name, scenario.cases.rules)

    def add(self, scenario: str, events: Decoded, *, arrival_ns: int, ahead_ns: int) -> None:
        """Adds what a batch of a scenario says of rules; the rest of a large one by `catch_up`.

        Args:
            scenario: That of all of it.
            events: The batch, by the clock of its agent.
            arrival_ns: When it came (wall clock). Nothing ends after that, whatever a clock says.
            ahead_ns: How far the clock of its agent is ahead of ours.
        """
        self.know(scenario, events.rules)
        for rule, label, end_ns in events.rule_outcomes:
            name = self._name(scenario, rule)
            window = self._timeline.window(min(end_ns - ahead_ns, arrival_ns) // NS_PER_S)
            window.rule(name).outcomes[label.outcome] += 1
            self._end(scenario, rule, label.outcome)
        blocks: list[Hits | Iterations] = [*events.iterations, *events.hits]
        self._added.add(
            piece
            for block in blocks
            if block.case is not None
            for piece in self._pieces(scenario, block, arrival_ns, ahead_ns)
        )

    def catch_up(self) -> bool:
        """Adds up some of what was put off; whether there is more."""
        return self._added.catch_up()

    # What it adds up to

    def figures(self, duration_ns: int) -> Iterator[CaseFigures]:
        """By rule; hits per second are over the duration."""
        by_rule: dict[RuleName, RuleStats] = {}
        for name, stats in self._timeline.of_rules():
            by_rule.setdefault(name, RuleStats()).merge(stats)
        for name in sorted(self._known, key=is_other_rule):
            yield by_rule.get(name, RuleStats()).figures(name, duration_ns)

    def coverage(self) -> CoverageFigures | None:
        """How many rules were exercised; None: none is known."""
        known = self._exercised
        return CoverageFigures(rules=len(known), exercised=sum(known.values())) if known else None

    def progress(self, recent: Recent | None) -> tuple[RuleProgress, ...]:
        """The current figures of those that matter most: which did not pass, or are busiest."""
        counts: dict[RuleName, RuleStats] = {}
        for name, stats in self._timeline.of_rules():  # what takes time is not added up
            counts.setdefault(name, RuleStats()).outcomes.update(stats.outcomes)
        found = sorted(
            counts.items(), key=lambda each: (-each[1].not_passed, -each[1].finished, each[0])
        )
        lately = recent.window.rules if recent is not None else {}
        return tuple(
            RuleProgress(
                scenario=name.scenario,
                case=name.rule,
                iterations=stats.finished,
                not_passed=stats.not_passed,
                rate=now.finished / recent.seconds if recent is not None else 0.0,
                p95_ns=now.time.quantiles((0.95,))[0] if now.time.count else None,
            )
            for name, stats in found[:MAX_RULES_SHOWN]
            for now in (lately.get(name, RuleStats()),)
        )

    # How it is added

    def _name(self, scenario: str, rule: str) -> RuleName:
        """The name that a rule is counted under; it is known from now on."""
        name = RuleName(scenario, rule)
        if len(self._exercised) < MAX_TOLD_APART:
            self._exercised.setdefault(name, False)
        if name not in self._known and len(self._known) >= MAX_RULES:
            name = name._replace(rule=OTHER)
        self._known.setdefault(name)
        return name

    def _end(self, scenario: str, rule: str, outcome: TestOutcome) -> None:
        """An iteration that was fed with a case has ended."""
        name = RuleName(scenario, rule)
        if outcome is not TestOutcome.INTERRUPTED and name in self._exercised:
            self._exercised[name] = True

    def _pieces(
        self, scenario: str, block: Hits | Iterations, arrival_ns: int, ahead_ns: int
    ) -> Iterator[Piece]:
        """The pieces of a block with cases."""
        assert block.case is not None  # noqa: S101 - asked by the caller
        fed = [each for each in np.unique(block.case).tolist() if each]
        rules = {at: short_name(block.cases[at - 1]) for at in fed}
        names = {at: self._name(scenario, rule) for at, rule in rules.items() if rule}
        if isinstance(block, Iterations):
            own = np.array([label.outcome is not TestOutcome.INTERRUPTED for label in block.labels])
            ended = fed if own.all() else np.unique(block.case[own[block.label]]).tolist()
            for at in ended:
                if at in names:
                    self._end(scenario, rules[at], TestOutcome.SUCCESS)
        return pieces_of(
            self._timeline, block, block.case, names, arrival_ns=arrival_ns, ahead_ns=ahead_ns
        )
