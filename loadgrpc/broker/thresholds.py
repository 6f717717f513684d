"""The thresholds of a run: when it is judged, what is known of it as a whole, and what it fails.

Rule: pure, and the same for an active run and a stored one. What has failed waits here until it is
in the log of the run.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from loadgrpc.clock import NS_PER_S
from loadgrpc.judge.judging import Judging
from loadgrpc.judge.reading import RunFacts, ToldApart
from loadgrpc.model import (
    Accounting,
    Change,
    ChangeKind,
    CoverageFigures,
    Plan,
    Run,
    RunState,
    ThresholdResult,
)
from loadgrpc.stats.timeline import Timeline


class LoadTimes(NamedTuple):
    """When the load of a run began and changed (wall clock)."""

    cycle_starts_ns: Sequence[int]
    stop_ns: int | None = None
    """When it was asked to stop. None: it was not."""


def times_of(changes: Iterable[Change]) -> LoadTimes:
    """What the log of a run says of it."""
    starts, stop_ns = [], None
    for change in changes:
        if change.kind is ChangeKind.LOAD and change.time_ns is not None:
            starts.append(change.time_ns)
        if change.kind is ChangeKind.STATE and change.state is RunState.STOPPING:
            stop_ns = change.time_ns if stop_ns is None else stop_ns
    return LoadTimes(starts, stop_ns)


def set_span(judging: Judging, run: Run, times: LoadTimes) -> None:
    """Says when a run is judged: from the start of its load to the end of it, as far as known."""
    if run.start_time_ns is None:
        return
    judging.begin(run.start_time_ns)
    end_ns = end_of_load_ns(run, times)
    if end_ns is not None:
        judging.stop(end_ns)


def end_of_load_ns(run: Run, times: LoadTimes) -> int | None:
    """When the load of a run ends: by its plan, by a stop, or with the run. None: not known yet."""
    ends_ns = (times.stop_ns, run.end_time_ns, _planned_end_ns(run.plan, times.cycle_starts_ns))
    return min((each for each in ends_ns if each is not None), default=None)


def _planned_end_ns(plan: Plan, cycle_starts_ns: Sequence[int]) -> int | None:
    """When the time of the last cycle is over. None: it has not begun, or no time bounds it."""
    durations = [each.duration_s for each in plan.scenarios if len(each.users) == plan.cycles]
    if len(cycle_starts_ns) < plan.cycles or None in durations:
        return None
    longest_s = max(each for each in durations if each is not None)
    return cycle_starts_ns[plan.cycles - 1] + round(longest_s * 1e9)


def facts_of(
    duration_ns: int, accounting: Accounting | None, coverage: CoverageFigures | None
) -> RunFacts:
    """What is known of a run as a whole."""
    accounting, coverage = accounting or Accounting(), coverage or CoverageFigures()
    return RunFacts(
        duration_ns=duration_ns,
        lost=accounting.lost,
        produced=accounting.committed + accounting.rejected + accounting.lost,
        rules=coverage.rules,
        exercised=coverage.exercised,
    )


class Thresholds:
    """Those of an active run: see the module."""

    def __init__(self, plan: Plan, timeline: Timeline, changes: Sequence[Change] = ()) -> None:
        """`changes`: what an earlier broker has logged of the run."""
        self.stop_ns = times_of(changes).stop_ns
        """When the run was asked to stop (wall clock). None: it was not."""
        self._judging = Judging(plan.thresholds)
        self._timeline = timeline
        self._failed: list[int] = []
        if self._judging:
            timeline.on_closed = self._judging.add
            timeline.names.wanted = self._judging.tells_apart
            timeline.rules.wanted = self._judging.tells_rule_apart
        for change in changes:
            if change.threshold is not None:
                self._judging.decide(change.threshold)

    def __bool__(self) -> bool:
        return bool(self._judging)

    @property
    def of_run(self) -> bool:
        """Whether one of them asks for what is known of the run as a whole only."""
        return self._judging.of_run

    @property
    def by_agent(self) -> bool:
        """Whether one of them selects by agent."""
        return self._judging.by_agent

    @property
    def have_failed(self) -> bool:
        """Whether some have failed, and that is not in the log yet."""
        return bool(self._failed)

    def judge(self, run: Run, times: LoadTimes, facts: RunFacts) -> None:
        """Judges the windows that have closed."""
        set_span(self._judging, run, times)
        self._failed += self._judging.close(self._timeline.closed_s, facts, self._apart())

    def finish(self, run: Run, times: LoadTimes, facts: RunFacts) -> None:
        """Judges a run that is over, whose timeline has ended."""
        set_span(self._judging, run, times)
        edge_s = max(-(-(run.end_time_ns or 0) // NS_PER_S), self._timeline.closed_s)
        self._failed += self._judging.finish(edge_s, facts, self._apart())

    def _apart(self) -> ToldApart:
        return ToldApart(self._timeline.names.names, self._timeline.rules.names)

    def take_failed(self) -> list[tuple[ThresholdResult, bool]]:
        """Those that have failed since this was last asked, and whether each stops the run."""
        results = self._judging.results()
        found = [(results[number], self._judging.aborting(number)) for number in self._failed]
        self._failed = []
        return found

    def stopped_by(self, result: ThresholdResult) -> ThresholdResult:
        """A threshold that has failed stops the run: the result that says so."""
        result = replace(result, aborted=True)
        self._judging.decide(result)
        return result

    def results(self) -> tuple[ThresholdResult, ...]:
        """How each of them stands."""
        return self._judging.results()
