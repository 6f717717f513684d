"""The arrivals of a run by time: what was planned, and what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from loadgrpc.cli.line import Line, Style
from loadgrpc.cli.table import TableRow, figures_table
from loadgrpc.model import TimelineWindow

HEADINGS: Final = ("planned", "started", "dropped", "waiting", "late")
BESIDE: Final = ("planned", "started")


def arrivals_by_time(
    windows: Sequence[TimelineWindow], names: Sequence[str], width: int
) -> list[Line]:
    """A row for each window, which has that name; nothing if there were no arrivals.

    What waits is what waited before, and was planned, and neither started nor dropped; `late` is of
    hits.
    """
    if not any(each.planned or each.started or each.dropped or each.waiting for each in windows):
        return []
    rows = [
        TableRow(
            name,
            tuple(str(getattr(window, heading)) for heading in HEADINGS),
            Style.BAD
            if window.dropped
            else Style.WARNING
            if window.late or window.waiting
            else Style.PLAIN,
        )
        for name, window in zip(names, windows, strict=True)
    ]
    return [Line(), *figures_table("Arrivals", HEADINGS, rows, width, beside=BESIDE)]
