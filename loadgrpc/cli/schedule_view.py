"""Schedules as lines: a table of them, and the firings of one. Rule: pure."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from loadgrpc import verdict
from loadgrpc.cli.figures import ago, clock
from loadgrpc.cli.line import Line
from loadgrpc.cli.table import text_table
from loadgrpc.clock import NS_PER_S
from loadgrpc.model import Firing, FiringState, Schedule, hyphened
from loadgrpc.text import one_line


def table(schedules: list[Schedule], *, now_ns: int, width: int) -> list[Line]:
    """Schedules as rows: which, when, what came of the last time, and what is run."""
    if not schedules:
        return [Line("no schedules")]
    headings = ["Schedules", "when", "next", "last", "run", "test"]
    rows = []
    for schedule in schedules:
        last = schedule.firings[0] if schedule.firings else None
        spec = schedule.spec
        rows.append(
            [
                one_line(spec.name),
                one_line(f"{spec.cron} {spec.time_zone}"),
                "paused" if schedule.next_time_ns is None else when(schedule, now_ns),
                outcome(last) if last is not None else "-",
                last.run_id if last is not None and last.run_id else "-",
                one_line(spec.plan.label),
            ]
        )
    return text_table(headings, rows, width)


def firings(schedule: Schedule, *, now_ns: int, width: int) -> list[Line]:
    """The last firings of a schedule as rows, newest first."""
    if not schedule.firings:
        return [Line("it was not due yet")]
    headings = ["Due", "ago", "outcome", "run", "why"]
    rows = [
        [
            local(schedule, firing.planned_time_ns) + " by hand" * firing.by_hand,
            ago(now_ns - firing.planned_time_ns),
            outcome(firing),
            firing.run_id or "-",
            one_line(firing.reason).removeprefix("passed") or "-",
        ]
        for firing in schedule.firings
    ]
    return text_table(headings, rows, width)


def sentence(schedule: Schedule, what: str = "") -> str:
    """How a schedule stands, as a sentence."""
    name = f"schedule {one_line(schedule.spec.name)}"
    said = f"{name} {what}; it" if what else name
    if schedule.next_time_ns is None:
        return f"{said} is paused"
    return f"{said} is due next at {local(schedule, schedule.next_time_ns)}"


def when(schedule: Schedule, now_ns: int) -> str:
    """When a schedule is due next: at what time, and in how long."""
    assert schedule.next_time_ns is not None  # noqa: S101 - it is not paused
    left_ns = max(schedule.next_time_ns - now_ns, 0)
    in_days = left_ns // (86_400 * NS_PER_S)
    left = f"{in_days} d" if in_days else clock(left_ns)
    return f"{local(schedule, schedule.next_time_ns)} (in {left})"


def local(schedule: Schedule, wall_ns: int) -> str:
    """A moment in the time zone of a schedule, with its name there: `2026-03-29 03:00 CEST`."""
    moment = datetime.fromtimestamp(wall_ns / NS_PER_S, UTC)
    return moment.astimezone(ZoneInfo(schedule.spec.time_zone)).strftime("%Y-%m-%d %H:%M %Z")


def outcome(firing: Firing) -> str:
    """What came of a firing, in a word."""
    if firing.state is FiringState.OVER and firing.verdict is not None:
        return verdict.name(firing.verdict.exit_code)
    return hyphened(firing.state.name)
