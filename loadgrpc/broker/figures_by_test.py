"""What came of iterations, by the test that they called.

Rule: bounded: what would be one test too many is counted with the rest, under a name that says so.
Times are counted only for scenarios with several tests: of one test they are those of all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from loadgrpc.broker.causes import MAX_REPORTED_GROUPS, Causes
from loadgrpc.model import (
    OTHER,
    IterationErrorGroup,
    IterationFigures,
    Plan,
    TestFigures,
    TestOutcome,
    UserFixture,
)
from loadgrpc.protocol.decoded import Decoded, IterationLabel, Iterations
from loadgrpc.stats.histogram import Histogram
from loadgrpc.stats.hits import elapsed_figures

MAX_TESTS = 1_000

_Test = tuple[str, str]
"""Scenario and name."""


@dataclass
class _Fixture:
    """What was done once for each user, by one name."""

    fixture: UserFixture
    outcomes: Counter[TestOutcome] = field(default_factory=Counter)
    time: Histogram = field(default_factory=Histogram)
    causes: Causes = field(default_factory=Causes)

    def add(self, label: IterationLabel, count: int) -> None:
        """Adds some of a label."""
        self.outcomes[label.outcome] += count
        self.causes.add_iterations(label, count)

    def errors(self) -> tuple[IterationErrorGroup, ...]:
        """What went wrong."""
        failures, errors = map(self.causes.raised, (TestOutcome.FAILURE, TestOutcome.ERROR))
        return tuple([*failures, *errors][:MAX_REPORTED_GROUPS])


class FiguresByTest:
    """See the module."""

    def __init__(self, several: frozenset[str] = frozenset()) -> None:
        """`several`: the scenarios that have several tests."""
        self._several = several
        self._outcomes: dict[_Test, Counter[TestOutcome]] = {}
        self._times: dict[_Test, Histogram] = {}
        self._fixtures: dict[_Test, _Fixture] = {}

    def add(self, scenario: str, label: IterationLabel, count: int) -> None:
        """Adds iterations of a label."""
        key = scenario, label.test
        outcomes = self._outcomes.get(key)
        if outcomes is None:
            key = self._key(scenario, label.test)
            outcomes = self._outcomes.setdefault(key, Counter())
        outcomes[label.outcome] += count

    def add_times(self, scenario: str, iterations: Iterations) -> None:
        """Adds how long iterations took that came to their own end."""
        if scenario not in self._several:
            return
        labels = iterations.labels
        for test in dict.fromkeys(label.test for label in labels):
            own = [
                label.test == test and label.outcome is not TestOutcome.INTERRUPTED
                for label in labels
            ]
            time = self._times.setdefault(self._key(scenario, test), Histogram())
            time.add(iterations.elapsed_ns[np.array(own)[iterations.label]])

    def add_fixtures(self, scenario: str, events: Decoded) -> Iterator[tuple[int, int]]:
        """Adds what was done once for each user; when it began and ended, block by block."""
        for kind, label in events.fixture_outcomes:
            self._fixture(scenario, kind, label).add(label, 1)
        for block in events.fixtures:
            assert block.fixture is not None  # noqa: S101 - they are those that have one
            for at, label in enumerate(block.labels):
                which = block.label == at
                if count := int(np.count_nonzero(which)):
                    fixture = self._fixture(scenario, block.fixture, label)
                    fixture.add(label, count)
                    fixture.time.add(block.elapsed_ns[which])
            yield int(block.start_ns.min()), int((block.start_ns + block.elapsed_ns).max())

    def went_wrong(self, scenario: str | None = None) -> dict[UserFixture, int]:
        """How many users could not be set up, or torn down; None: of all scenarios."""
        found = dict.fromkeys(UserFixture, 0)
        for (of, _), each in self._fixtures.items():
            if scenario in (None, of):
                outcomes = each.outcomes
                wrong = outcomes[TestOutcome.FAILURE] + outcomes[TestOutcome.ERROR]
                found[each.fixture] += wrong
        return found

    def figures(self, plan: Plan) -> Iterator[TestFigures]:
        """By scenario and test, in the order of the plan; what it does not name comes last."""
        order = [(each.name, test) for each in plan.scenarios for test in each.all_tests]
        place = {key: at for at, key in enumerate(order)}
        for key in sorted(self._outcomes, key=lambda key: place.get(key, len(place))):
            time = self._times.get(key)
            yield TestFigures(
                test=key[1],
                scenario=key[0],
                iterations=_iterations(self._outcomes[key]),
                iteration_time=None if time is None else elapsed_figures(time),
            )
        for (scenario, test), fixture in self._fixtures.items():
            yield TestFigures(
                test=test,
                scenario=scenario,
                iterations=_iterations(fixture.outcomes),
                iteration_time=elapsed_figures(fixture.time),
                fixture=fixture.fixture,
                errors=fixture.errors(),
            )

    def _fixture(self, scenario: str, fixture: UserFixture, label: IterationLabel) -> _Fixture:
        key = scenario, label.test
        if key not in self._fixtures and len(self._fixtures) >= MAX_TESTS:
            key = scenario, f"{OTHER} {fixture.name.lower()}"
        return self._fixtures.setdefault(key, _Fixture(fixture))

    def _key(self, scenario: str, test: str) -> _Test:
        key = scenario, test
        if key in self._outcomes or len(self._outcomes) < MAX_TESTS:
            return key
        return "", OTHER


def _iterations(of: Counter[TestOutcome]) -> IterationFigures:
    return IterationFigures(
        started=of.total(),
        success=of[TestOutcome.SUCCESS],
        failure=of[TestOutcome.FAILURE],
        error=of[TestOutcome.ERROR],
        interrupted=of[TestOutcome.INTERRUPTED],
    )
