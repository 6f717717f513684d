"""The current figures of a run: made once a second, however many watch it.

Rule: rates and times are those of the last closed seconds of the timeline (`stats/timeline.py`),
everything else is since the start. All are of one moment.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from loadgrpc.broker.aggregate import Aggregate
from loadgrpc.broker.result import done_of, iterations_of
from loadgrpc.broker.run import ActiveRun, Made
from loadgrpc.clock import NS_PER_S
from loadgrpc.model import (
    OTHER,
    FailureProgress,
    NameProgress,
    Progress,
    RunState,
    Scenario,
    TestOutcome,
    Trouble,
    TroubleKind,
    WindowFigures,
)
from loadgrpc.stats.hits import HitStats
from loadgrpc.stats.timeline import Recent

FRESH_NS: Final = 900_000_000
"""Figures no older than this are sent again."""
MAX_NAMES: Final = 20
MAX_FAILURES: Final = 5
MAX_SAMPLE_CHARS: Final = 300


def progress(
    run: ActiveRun,
    now_wall_ns: int,
    troubles: Callable[[], tuple[Trouble, ...]] = tuple,
) -> Progress:
    """The figures of now, made at most once a second for each state of the run.

    `troubles` says what is wrong with it.
    """
    made = run.figures
    if (
        made is None
        or made.shown is not run.announced
        or not 0 <= now_wall_ns - made.at_ns < FRESH_NS
    ):
        found = _figures(run, now_wall_ns, troubles())
        made = run.figures = Made(run.announced, now_wall_ns, found)
    return made.progress


def _figures(run: ActiveRun, now_wall_ns: int, troubles: tuple[Trouble, ...]) -> Progress:
    stored = all(each.kind is not TroubleKind.STORE_AWAY for each in troubles)
    run.close_seconds(now_wall_ns, stored=stored)
    hits = run.aggregate.hits.total()
    p50_ns, p95_ns = hits.elapsed.quantiles((0.5, 0.95))
    recent = run.aggregate.timeline.recent(run.run.start_time_ns)
    window = window_figures(recent)
    saturated = run.aggregate.saturated(now_wall_ns)
    return Progress(
        elapsed_ns=now_wall_ns - run.run.start_time_ns if run.run.start_time_ns else 0,
        fraction=_fraction(run, now_wall_ns),
        cycle=run.cycle,
        cycles=run.run.plan.cycles,
        users=run.aggregate.active_users,
        hits=hits.count,
        failed_hits=hits.failed,
        rate=window.rate if window is not None else 0.0,
        p50_ns=p50_ns,
        p95_ns=p95_ns,
        iterations=iterations_of(done_of(run).values()),
        agents=len({part.agent_id for part in run.live_parts()}),
        saturated=any(saturated.values()),
        machine_busy=saturated[True] and not saturated[False],
        window=window,
        names=busiest_names(run.aggregate, recent),
        failures=failures(run.aggregate),
        left_ns=_left_ns(run, now_wall_ns),
        troubles=troubles,
        thresholds=run.thresholds.results(),
        sockets=run.aggregate.sockets.progress(recent),
        passed_checks=run.aggregate.measures.passed_checks,
        failed_checks=run.aggregate.measures.failed_checks,
        custom_states=run.aggregate.custom_states.shown(),
        rules=run.aggregate.rules.progress(recent),
        coverage=run.aggregate.rules.coverage(),
    )


def _left_ns(run: ActiveRun, now_wall_ns: int) -> int | None:
    """How much longer it takes; 0: users finish. None: not known."""
    if not run.cycle:
        return None
    if run.run.state is RunState.STOPPING or run.run.state.final:
        return 0
    plan = run.run.plan
    total, ended = plan.total_iterations, run.aggregate.iterations().ended
    if total:
        elapsed_ns = now_wall_ns - (run.run.start_time_ns or now_wall_ns)
        return max(elapsed_ns * (total - ended) // ended, 0) if ended else None
    times_ns = [
        max(
            (_lasts_ns(run, each) for each in plan.scenarios if len(each.users) >= cycle),
            default=0,
        )
        for cycle in range(run.cycle, plan.cycles + 1)
    ]
    if not times_ns[0]:
        return None  # it is paused
    in_cycle_ns = now_wall_ns - run.cycle_start_time_ns
    return max(times_ns[0] - in_cycle_ns, 0) + sum(times_ns[1:])


def _lasts_ns(run: ActiveRun, scenario: Scenario) -> int:
    """How long each cycle of a scenario lasts, as live changes have made it; 0: nobody knows."""
    duration_s = scenario.duration_s or 0.0
    if scenario.load is not None:
        lines = (part.line for part in run.parts.values() if part.scenario.name == scenario.name)
        line = next(filter(None, lines), None)
        duration_s = line.duration_s if line is not None else duration_s
    return 0 if math.isinf(duration_s) else round(duration_s * NS_PER_S)


def _fraction(run: ActiveRun, now_wall_ns: int) -> float:
    plan = run.run.plan
    times_s = [
        _lasts_ns(run, each) / NS_PER_S for each in plan.scenarios if each.duration_s is not None
    ]
    if not times_s:
        return min(1.0, run.aggregate.iterations().ended / plan.total_iterations)
    if not run.cycle:
        return 0.0
    if not max(times_s):
        return 0.0  # it is paused
    in_cycle = min(1.0, (now_wall_ns - run.cycle_start_time_ns) / 1e9 / max(times_s))
    return (run.cycle - 1 + in_cycle) / plan.cycles


def window_figures(recent: Recent | None) -> WindowFigures | None:
    """Figures of the last closed seconds; None: none is closed yet."""
    if recent is None:
        return None
    total = recent.window.total()
    return WindowFigures(
        end_ns=recent.end_s * NS_PER_S,
        seconds=recent.seconds,
        hits=total.count,
        failed=total.failed,
        p50_ns=_quantile(total, 0.5),
        p95_ns=_quantile(total, 0.95),
    )


def busiest_names(aggregate: Aggregate, recent: Recent | None) -> tuple[NameProgress, ...]:
    """The names with most hits since the start, busiest first, with their current figures."""
    lately: dict[tuple[str, ...], HitStats] = {}
    for series, stats in recent.window.series.items() if recent is not None else ():
        lately.setdefault(series.of_name, HitStats()).merge(stats)
    return tuple(
        NameProgress(
            scenario=name.scenario,
            name=name.name,
            method=name.method,
            hits=stats.count,
            failed=stats.failed,
            rate=now.count / recent.seconds if recent is not None else 0.0,
            p95_ns=_quantile(now, 0.95),
        )
        for name, stats in aggregate.hits.busiest(MAX_NAMES).items()
        for now in (lately.get(name, HitStats()),)
    )


def failures(aggregate: Aggregate) -> tuple[FailureProgress, ...]:
    """What went wrong since the start, the most frequent first."""
    found = [
        (group.count, ": ".join(filter(None, (raised.type, raised.message))), group.test)
        for outcome in (TestOutcome.FAILURE, TestOutcome.ERROR)
        for group in aggregate.causes.raised(outcome)
        if group.test != OTHER
        for raised in (group.exception,)
    ]
    found += [
        (
            group.count,
            group.sentence,
            f"{group.method} {group.name}".strip(),
        )
        for group in aggregate.causes.hit_errors()
        if group.name != OTHER
    ]
    found += [
        (count, f"status {status}", where)
        for count, status, where in aggregate.hits.failed_answers()
    ]
    found.sort(key=lambda each: -each[0])
    return tuple(
        FailureProgress(count=count, message=_short(message), where=_short(where))
        for count, message, where in found[:MAX_FAILURES]
    )


def _quantile(stats: HitStats, q: float) -> int | None:
    return stats.elapsed.quantiles((q,))[0] if stats.elapsed.count else None


def _short(text: str) -> str:
    line = " ".join(text[: 4 * MAX_SAMPLE_CHARS].split())
    return line if len(line) <= MAX_SAMPLE_CHARS else line[: MAX_SAMPLE_CHARS - 1] + "…"
