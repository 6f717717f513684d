"""Iterations by test, in a report, and how users were set up and torn down."""

from __future__ import annotations

from typing import Final

from loadgrpc.cli.figures import NONE, duration_column, percent
from loadgrpc.cli.line import Line, Style
from loadgrpc.cli.table import TableRow, figures_table
from loadgrpc.cli.went_wrong import exceptions
from loadgrpc.model import Summary, TestFigures
from loadgrpc.text import one_line

MAX_SHOWN: Final = 50
"""Tests shown, unless verbose."""
HEADINGS: Final = ("iterations", "share", "failure", "error", "avg", "p50", "p95", "p99", "max")
OF_USERS: Final = ("users", "failure", "error", "avg", "p50", "p95", "p99", "max")
BESIDE: Final = ("iterations", "share", "failure", "error")


def by_test(summary: Summary, *, verbose: bool, width: int) -> list[Line]:
    """A row for each test; nothing unless a scenario has several.

    The share is that of the iterations of its scenario.
    """
    several = {each.name for each in summary.plan.scenarios if each.tests}
    found = [each for each in summary.tests if each.scenario in several and not each.fixture]
    if not found:
        return []
    totals: dict[str, int] = {}
    for each in found:
        totals[each.scenario] = totals.get(each.scenario, 0) + each.iterations.started
    hidden = 0 if verbose else max(0, len(found) - MAX_SHOWN)
    shown = found[: len(found) - hidden]
    rows = [_row(each, totals[each.scenario]) for each in shown]
    lines = figures_table("Iterations by test", HEADINGS, rows, width, beside=BESIDE)
    if hidden:
        lines.append(Line(f"  and {hidden} more, which -v shows", Style.DIM))
    return lines


def user_fixtures(summary: Summary, *, verbose: bool, width: int) -> list[Line]:
    """How users were set up and torn down, and what went wrong; nothing if no class does that."""
    found = [each for each in summary.tests if each.fixture]
    if not found:
        return []
    rows = [_row(each) for each in found]
    lines = figures_table("Users", OF_USERS, rows, width, beside=OF_USERS[:3])
    groups = [group for each in found for group in each.errors]
    wrong = sum(group.count for group in groups)
    shown = exceptions("Errors of users", groups, wrong, verbose, width, what="user")
    return [*lines, *([Line()] if shown else []), *shown]


def _row(figures: TestFigures, total: int | None = None) -> TableRow:
    iterations, times = figures.iterations, figures.iteration_time
    points = (
        (NONE,) * 5
        if times is None
        else tuple(
            map(
                duration_column,
                (times.avg_ns, times.p50_ns, times.p95_ns, times.p99_ns, times.max_ns),
            )
        )
    )
    scenario = f"{one_line(figures.scenario)}: " if figures.scenario else ""
    return TableRow(
        scenario + one_line(figures.test),
        (
            str(iterations.started),
            *([] if total is None else [percent(iterations.started, total)]),
            str(iterations.failure),
            str(iterations.error),
            *points,
        ),
        Style.BAD if iterations.failure or iterations.error else Style.PLAIN,
    )
