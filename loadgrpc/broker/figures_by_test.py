"""What came of iterations, by the test that they called.

Rule: bounded: what would be one test too many is counted with the rest, under a name that says so.
Times are counted only for scenarios with several tests: of one test they are those of all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from loadgrpc.model import OTHER, IterationFigures, Plan, TestFigures, TestOutcome
from loadgrpc.protocol.decoded import IterationLabel, Iterations
from loadgrpc.stats.histogram import Histogram
from loadgrpc.stats.hits import elapsed_figures

MAX_TESTS = 1_000

_Test = tuple[str, str]
"""Scenario and name."""


class FiguresByTest:
    """See the module."""

    def __init__(self, several: frozenset[str] = frozenset()) -> None:
        """`several`: the scenarios that have several tests."""
        self._several = several
        self._outcomes: dict[_Test, Counter[TestOutcome]] = {}
        self._times: dict[_Test, Histogram] = {}

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

    def figures(self, plan: Plan) -> Iterator[TestFigures]:
        """By scenario and test, in the order of the plan; what it does not name comes last."""
        order = [(each.name, test) for each in plan.scenarios for test in each.all_tests]
        place = {key: at for at, key in enumerate(order)}
        for key in sorted(self._outcomes, key=lambda key: place.get(key, len(place))):
            of = self._outcomes[key]
            time = self._times.get(key)
            yield TestFigures(
                test=key[1],
                scenario=key[0],
                iterations=IterationFigures(
                    started=of.total(),
                    success=of[TestOutcome.SUCCESS],
                    failure=of[TestOutcome.FAILURE],
                    error=of[TestOutcome.ERROR],
                    interrupted=of[TestOutcome.INTERRUPTED],
                ),
                iteration_time=None if time is None else elapsed_figures(time),
            )

    def _key(self, scenario: str, test: str) -> _Test:
        key = scenario, test
        if key in self._outcomes or len(self._outcomes) < MAX_TESTS:
            return key
        return "", OTHER
