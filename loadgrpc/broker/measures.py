"""What the test of a run measures beside hits, by name, in the windows of its timeline.

Rule: pure, and bounded: names of a kind over the limit are counted together, in one that says so.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

from loadgrpc.model import OTHER, Measures
from loadgrpc.protocol.decoded import Measured
from loadgrpc.stats.measures import CheckStats, MeasureName, add, figures_of
from loadgrpc.stats.timeline import Timeline

MAX_MEASURES: Final = 100
"""Names of a kind that are told apart: each has its place in every window."""


class RunMeasures:
    """See the module."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._names: set[MeasureName] = set()
        self._of_kind: Counter[str] = Counter()
        self.passed_checks = 0
        self.failed_checks = 0

    def add(self, scenario: str, measured: Measured, end_s: int) -> None:
        """Adds what a runner reports, which ended in that second of our clock."""
        name = MeasureName(measured.kind, measured.name, scenario)
        if name not in self._names:
            if self._of_kind[name.kind] >= MAX_MEASURES:
                name = MeasureName(name.kind, OTHER)
            else:
                self._names.add(name)
                self._of_kind[name.kind] += 1
        add(self._timeline.window(end_s).measures, name, measured.stats)
        if isinstance(measured.stats, CheckStats):
            self.passed_checks += measured.stats.passed
            self.failed_checks += measured.stats.failed

    def figures(self, duration_ns: int) -> Measures:
        """All of them since the start, with rates over a duration."""
        return figures_of(self._timeline.measures(), duration_ns)
