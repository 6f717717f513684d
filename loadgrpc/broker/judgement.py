"""Which planned work was done, and what has to be said about it.

Rule: pure, from figures to sentences with numbers. A run passes only if nothing is undone;
`verdict.py` knows the exit code for it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from loadgrpc.model import (
    CoverageFigures,
    DataFigures,
    DataMode,
    IterationFigures,
    ThresholdResult,
    UserFigures,
)
from loadgrpc.text import counted


@dataclass(frozen=True, kw_only=True)
class PlannedWork:
    """The work of a scenario on all its agents: what was planned of it, and what was done."""

    scenario: str = ""
    """Its name. Empty: the plan has only one."""
    iterations: IterationFigures
    hits: int = 0
    users: UserFigures
    spawn_rate: float = 0.0
    """Users to be started per second. 0: all at once."""
    duration_s: float | None = None
    """How long each of its cycles lasts. None: its iterations are bounded."""
    stop_timeout_s: float = 0.0
    short: str = ""
    """What ended before its time; empty: nothing did."""
    held_back: str = ""
    """A sentence that users had to wait for others to end; empty: none had to."""
    is_open: bool = False
    """Whether its iterations start at planned instants."""
    not_started: Sequence[tuple[str, int]] = ()
    """Of those, why some did not, and how many."""
    data: Sequence[DataFigures] = ()
    """What they took from files of rows."""
    not_set_up: int = 0
    """Users that made no iterations, because they could not be set up."""

    @property
    def may_cut_off(self) -> bool:
        """Whether the plan asks for iterations to be cut off when their time is over."""
        return self.duration_s is not None and not self.stop_timeout_s


def undone(works: Sequence[PlannedWork], *, over: bool) -> str:
    """What of the planned work was not done; empty: nothing. `over`: no more will be."""
    said = [(work, words) for work in works if (words := _undone(work, over=over))]
    if not said:
        return ""
    work, words = said[0]
    others = f" (and {len(said) - 1} more scenario{'s' * (len(said) > 2)})"  # noqa: PLR2004
    where = f"scenario {work.scenario}: " if work.scenario else ""
    return where + words + (others if len(said) > 1 else "")


def _undone(work: PlannedWork, *, over: bool) -> str:  # noqa: PLR0911 - a list of what may be
    iterations = work.iterations
    missing = iterations.dropped + iterations.not_yet
    if ended := _ended_by_data(work, missing):
        return ended
    if work.not_set_up:
        users = counted(work.not_set_up, "user")
        of = f" of {work.users.planned}" if work.users.planned else ""
        return f"{users}{of} could not be set up, and made no iterations"
    if missing and work.is_open:
        return _not_started(work)
    if missing:
        planned = iterations.planned
        words = f"{planned - missing} of {planned} iterations were started"
        cut = f", and {iterations.interrupted} of them cut off" if iterations.interrupted else ""
        return words + cut
    if work.duration_s is not None and work.users.missing:
        started, planned = work.users.planned - work.users.missing, work.users.planned
        rate = f", at {work.spawn_rate:g} per second" if work.spawn_rate else ""
        why = f"; {work.held_back}" if work.held_back else ""
        return f"{started} of {planned} users were started{rate}{why}"
    if not iterations.finished:
        return _nothing_finished(work)
    if iterations.interrupted and not work.may_cut_off:
        why = f" (the stop timeout is {work.stop_timeout_s:g} s)" * (work.duration_s is not None)
        return f"{iterations.interrupted} of {iterations.started} iterations were cut off{why}"
    if endless := iterations.started - iterations.ended:
        how = "did not end" if over else "have not ended yet"
        return f"{endless} of {iterations.started} iterations {how}"
    return work.short or work.held_back


def _not_started(work: PlannedWork) -> str:
    """Which arrivals were not started."""
    iterations = work.iterations
    words = f"{iterations.started} of {iterations.planned} planned iterations were started"
    if iterations.dropped:
        words += f", {iterations.dropped} were dropped because no user was free"
    return words + "".join(f"; {count} were not: {why}" for why, count in work.not_started[:1])


def _ended_by_data(work: PlannedWork, missing: int) -> str:
    """Which file of rows ended users before their time; empty: none did."""
    for each in work.data:
        if each.stopped:
            users, done = counted(each.stopped, "user"), work.iterations.finished
            of = f" of {work.iterations.planned}" if missing else ""
            return (
                f"{each.file} ran out of its {counted(each.rows, 'row')}: {users} ended,"
                f" and {done}{of} iterations finished"
            )
    return ""


def _nothing_finished(work: PlannedWork) -> str:
    iterations = work.iterations
    if iterations.interrupted:
        return (
            f"no iteration finished: {iterations.interrupted} of {iterations.started} were cut off"
        )
    if iterations.started:
        return f"no iteration finished: {iterations.started} were started"
    if work.hits:
        return (
            f"no iteration was reported, only {counted(work.hits, 'hit')}:"
            " a run is judged by its iterations"
        )
    return "no iteration was started"


def too_little(coverage: CoverageFigures | None, required: int) -> str:
    """That fewer rules were exercised than is required, in percent; empty: enough were."""
    if not required:
        return ""
    if coverage is None:
        return f"no rules were reported, of which {required}% have to be exercised"
    if 100 * coverage.exercised >= required * coverage.rules:
        return ""
    percent = f"{math.floor(10 * coverage.percent) / 10:g}"
    return (
        f"{coverage.exercised} of {coverage.rules} rules were exercised: {percent}%,"
        f" and {required}% are required"
    )


def unmet(thresholds: Iterable[ThresholdResult]) -> str:
    """Which thresholds failed; empty: none did. First that which stopped the run."""
    thresholds = list(thresholds)
    failed = sorted((each for each in thresholds if each.failed), key=lambda each: not each.aborted)
    if not failed:
        return ""
    worst, others = failed[0], f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
    how = "a threshold stopped the run" if worst.aborted else "threshold failed"
    return f"{how}: {worst.text}: {worst.message}{others}"


def remarks(works: Iterable[PlannedWork]) -> str:
    """What should be known of a run that did all its work; empty: nothing."""
    return "; ".join(
        (f"scenario {work.scenario}: " if work.scenario else "") + message
        for work in works
        for message in _remarks(work)
    )


def _remarks(work: PlannedWork) -> Iterable[str]:
    iterations = work.iterations
    if iterations.interrupted:
        cut_off = counted(iterations.interrupted, "iteration")
        yield f"{cut_off} cut off at the end, as a stop timeout of 0 asks"
    more = iterations.started - iterations.planned
    # What a class fixture raises is an error of its own, which nobody planned.
    if iterations.planned and more > 0 and not iterations.error:
        yield f"{iterations.started} iterations were started, {more} more than planned"
    for each in work.data:
        if each.differs:
            yield f"{each.file} was not the same file everywhere, so its rows were not shared out"
        if each.mode is DataMode.UNIQUE and each.repeated:
            users = counted(each.repeated, "user")
            yield f"{each.file} had too few rows: {users} shared a row with another"
    if work.duration_s is not None and work.users.unknown:
        users = f"{work.users.unknown} of {work.users.planned} users"
        yield f"it is not known whether {users} were started: their runner does not tell"
