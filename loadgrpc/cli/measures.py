"""What tests measure beside hits: a line about checks, and a table of each kind by name."""

from __future__ import annotations

from typing import Final

from loadgrpc.cli.figures import percent, significant
from loadgrpc.cli.hit_tables import BESIDE, FIGURES, figures_row
from loadgrpc.cli.line import Line, Style
from loadgrpc.cli.table import TableRow, figures_table, labelled
from loadgrpc.model import (
    CheckFigures,
    GaugeFigures,
    HitFigures,
    MeasurementFigures,
    Summary,
    TransactionFigures,
)
from loadgrpc.text import one_line

MAX_WHOLE: Final = 1_000_000_000_000_000
"""Whole numbers below this are shown as they are."""
_VALUES: Final = ("avg", "min", "p50", "p90", "p95", "p99", "max")
_LEVELS: Final = ("last", "min", "max")


def check_totals(summary: Summary, width: int) -> list[Line]:
    """How many checks there were, and how many of them failed."""
    checks = summary.measures.checks
    if not checks:
        return []
    failed = sum(each.failed for each in checks)
    total = failed + sum(each.passed for each in checks)
    said = [str(total), f"{failed} failed ({percent(failed, total)})"]
    return labelled("checks", said, width, Style.BAD if failed else Style.PLAIN)


def checks(summary: Summary, width: int) -> list[Line]:
    """Checks by name, those that failed most often first."""
    ordered = sorted(summary.measures.checks, key=lambda each: -each.failed)
    rows = [
        TableRow(
            _name(each),
            (str(each.passed), str(each.failed), percent(each.failed, each.passed + each.failed)),
            Style.BAD if each.failed else Style.PLAIN,
        )
        for each in ordered
    ]
    return figures_table("Checks", ("passed", "failed", "share"), rows, width) if rows else []


def transactions(summary: Summary, width: int) -> list[Line]:
    """Transactions by name: the figures that hits have, of blocks of several."""
    rows = [
        figures_row(
            _name(each),
            HitFigures(count=each.count, failed=each.failed, rate=each.rate, elapsed=each.elapsed),
        )
        for each in summary.measures.transactions
    ]
    return figures_table("Transactions", FIGURES, rows, width, beside=BESIDE) if rows else []


def measurements(summary: Summary, width: int) -> list[Line]:
    """Metrics of the test's own, and how their values are distributed."""
    rows = [
        TableRow(_name(each), (str(each.count), *(plain(getattr(each, name)) for name in _VALUES)))
        for each in summary.measures.measurements
    ]
    headings = ("count", *_VALUES)
    return figures_table("Measurements", headings, rows, width, beside=("count",)) if rows else []


def gauges(summary: Summary, width: int) -> list[Line]:
    """Levels."""
    rows = [
        TableRow(_name(each), tuple(plain(getattr(each, name)) for name in _LEVELS))
        for each in summary.measures.gauges
    ]
    return figures_table("Gauges", _LEVELS, rows, width) if rows else []


def plain(value: float) -> str:
    """A number without a unit: whole ones as they are, others in three digits."""
    if value == int(value) and abs(value) < MAX_WHOLE:
        return str(int(value))
    if 0.01 <= abs(value) < MAX_WHOLE:  # noqa: PLR2004 - three digits show it
        return significant(abs(value)) if value > 0 else f"-{significant(abs(value))}"
    return f"{value:.3g}"


def _name(each: CheckFigures | TransactionFigures | MeasurementFigures | GaugeFigures) -> str:
    name = one_line(each.name)
    return f"{one_line(each.scenario)}: {name}" if each.scenario else name
