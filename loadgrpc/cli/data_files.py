"""Files that users took rows from, in a report: how far they got in them."""

from __future__ import annotations

from typing import Final

from loadgrpc.cli.line import Line, Style
from loadgrpc.cli.table import TableRow, figures_table
from loadgrpc.model import DataFigures, Summary, hyphened
from loadgrpc.text import one_line

_ALWAYS: Final = ("shared out", "rows", "taken")
_WHERE_ANY: Final = {
    "taken again": "repeated",
    "none left": "refused",
    "users ended": "stopped",
}
"""Columns that are there if a file has anything in them, and the figure."""


def data_files(summary: Summary, width: int) -> list[Line]:
    """A row for each file and mode; nothing if there are none."""
    files = summary.data
    if not files:
        return []
    more = {
        heading: figure
        for heading, figure in _WHERE_ANY.items()
        if any(getattr(each, figure) for each in files)
    }
    rows = [
        TableRow(_name(each), (*_figures(each), *(str(getattr(each, of)) for of in more.values())))
        for each in files
    ]
    return [
        *figures_table("Rows from files", (*_ALWAYS, *more), rows, width),
        *(
            Line(f"  {one_line(each.file)} was not the same file everywhere", Style.WARNING)
            for each in files
            if each.differs
        ),
    ]


def _name(figures: DataFigures) -> str:
    scenario = f"{one_line(figures.scenario)}: " if figures.scenario else ""
    return scenario + one_line(figures.file)


def _figures(figures: DataFigures) -> tuple[str, ...]:
    mode = hyphened(figures.mode.name)
    return mode, str(figures.rows), str(figures.taken)
