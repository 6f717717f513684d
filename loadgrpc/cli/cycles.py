"""The cycles of a run beside each other: where more users bring no more hits is the knee."""

from __future__ import annotations

from typing import Final

from loadgrpc.cli.figures import NONE, duration_column, rate
from loadgrpc.cli.line import Line, Style
from loadgrpc.cli.table import TableRow, figures_table
from loadgrpc.model import CycleFigures, CycleScenarioFigures, ElapsedFigures, Summary
from loadgrpc.text import one_line

FIGURES: Final = ("users", "count", "failed", "rate", "p50", "p95", "p99", "duration")
BESIDE: Final = ("users", "count", "rate")
"""What stays beside a cycle when the other figures have to go beneath it."""
_TIMES: Final = ("p50_ns", "p95_ns", "p99_ns")


def table(summary: Summary, width: int) -> list[Line]:
    """One line a cycle, and one for each of its scenarios, if there are several."""
    rows = []
    for cycle in summary.cycles:
        rows.append(_row(str(cycle.cycle), cycle))
        if len(cycle.scenarios) > 1:
            rows += [_row(f"{cycle.cycle} {one_line(each.name)}", each) for each in cycle.scenarios]
    return figures_table("Cycles", FIGURES, rows, width, beside=BESIDE) if rows else []


def why_none(summary: Summary) -> str:
    """Why the cycles of a run cannot be shown."""
    if summary.plan.cycles == 1:
        return "the plan has only one cycle"
    if summary.state.final and summary.start_time_ns is not None:
        return "no figures of its cycles are kept"  # an older version ran it
    return "no cycle has begun"


def _row(name: str, figures: CycleFigures | CycleScenarioFigures) -> TableRow:
    hits = figures.hits
    answered = hits.elapsed != ElapsedFigures()
    return TableRow(
        name,
        (
            str(figures.users),
            str(hits.count),
            str(hits.failed),
            rate(hits.rate),
            *(duration_column(getattr(hits.elapsed, at)) if answered else NONE for at in _TIMES),
            duration_column(figures.duration_ns),
        ),
        Style.BAD if hits.failed else Style.PLAIN,
    )
