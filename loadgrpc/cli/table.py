"""Tables that fit: names to the left, figures right-aligned, everything within the width.

Rule: figures are never cut. When names and figures do not fit side by side, the figures go
beneath the name, in as many rows as they need.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from loadgrpc.cli.figures import cells, clip, shorten
from loadgrpc.cli.line import Line, Style

GAP: Final = 2
MIN_NAME: Final = 24
"""A longer name gets at least this many columns before figures go beneath it."""
MIN_TEXT: Final = 12
"""No column of text is made narrower than this."""
MAX_JOINED: Final = 120
"""Items are set side by side in at most this many columns."""
INDENT: Final = 4
"""Of figures that go beneath a name."""


@dataclass(frozen=True)
class TableRow:
    """A row of a table: a name, and its figures."""

    name: str
    figures: tuple[str, ...]
    style: Style = Style.PLAIN


def figures_table(
    title: str,
    headings: Sequence[str],
    rows: Sequence[TableRow],
    width: int,
    *,
    beside: Sequence[str] = (),
) -> list[Line]:
    """Rows of figures under a line of headings that begins with the table's title.

    `beside` are the headings of the figures that stay beside the name when the others have to
    go beneath it; none: all stay.
    """
    table = [TableRow(title, tuple(headings), Style.HEADING), *rows]
    columns = [max(cells(row.figures[at]) for row in table) for at in range(len(headings))]
    everywhere = range(len(headings))
    longest = max(cells(row.name) + 2 for row in table)
    room = width - _room(columns, everywhere, GAP)
    if not beside or room >= min(longest, MIN_NAME):
        names = min(longest, max(room, MIN_TEXT))
        return [_row(row, names, columns, everywhere) for row in table]
    above = [at for at in everywhere if headings[at] in beside]
    below = [at for at in everywhere if at not in above]
    names = max(width - _room(columns, above, GAP), MIN_TEXT)
    lines = []
    for row in table:
        lines.append(_row(row, names, columns, above))
        for gap, run in _runs(columns, below, width - INDENT):
            text = " " * (INDENT - gap) + _figures(row.figures, columns, run, gap)
            lines.append(Line(text.rstrip(), row.style))
    return lines


def text_table(headings: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[Line]:
    """Rows of texts, left-aligned, and of numbers, right-aligned, under a line of headings.

    Where they do not fit, the widest columns are shortened in their middle first, never the
    first one, which is what people copy; what still stands out is clipped.
    """
    table = [headings, *([f"  {row[0]}", *row[1:]] for row in rows)]
    everywhere = range(len(headings))
    columns = [max(cells(row[at]) for row in table) for at in everywhere]
    least = [max(cells(heading), MIN_TEXT) for heading in headings]
    _narrow(columns, least, _room(columns, everywhere, GAP) - GAP - width)
    numbers = [bool(rows) and all(row[at].isdecimal() for row in rows) for at in everywhere]
    lines = []
    for row in table:
        texts = [
            _right(row[at], columns[at]) if numbers[at] else _left(row[at], columns[at])
            for at in everywhere
        ]
        style = Style.HEADING if row is headings else Style.PLAIN
        lines.append(Line(clip((" " * GAP).join(texts).rstrip(), width), style))
    return lines


def labelled(
    label: str, items: Sequence[str], width: int, style: Style = Style.PLAIN
) -> list[Line]:
    """A label and its items, three spaces between them, continued beneath where they do not fit."""
    indent = 12
    lines: list[str] = []
    for item in items:
        if lines and cells(lines[-1]) + 3 + cells(item) <= min(width, MAX_JOINED) - indent:
            lines[-1] += "   " + item
        else:
            lines.append(shorten(item, width - indent))
    return [
        Line(f"{label if at == 0 else '':<{indent}}{line}".rstrip(), style)
        for at, line in enumerate(lines)
    ]


def _narrow(columns: list[int], least: Sequence[int], excess: int) -> None:
    """Take the excess from the widest columns, the first excepted, as if column by column."""
    while excess > 0:
        wide = [at for at in range(1, len(columns)) if columns[at] > least[at]]
        if not wide:
            return
        widest = max(columns[at] for at in wide)
        level = [at for at in wide if columns[at] == widest]
        # Down to the next one that is as wide, or to where one of them must stop.
        floor = max((columns[at] for at in wide if columns[at] < widest), default=0)
        floor = max(floor, *(least[at] for at in level), 0)
        step = min(widest - floor, -(-excess // len(level)))
        for at in level:
            taken = min(step, excess)
            columns[at] -= taken
            excess -= taken


def _room(columns: Sequence[int], which: Sequence[int], gap: int) -> int:
    return sum(gap + columns[at] for at in which)


def _row(row: TableRow, names: int, columns: Sequence[int], which: Sequence[int]) -> Line:
    name = row.name if row.style is Style.HEADING else f"  {row.name}"
    text = _left(name, names) + _figures(row.figures, columns, which, GAP)
    return Line(text.rstrip(), row.style)


def _runs(columns: Sequence[int], which: Sequence[int], width: int) -> list[tuple[int, list[int]]]:
    """The gap and the columns of each line that they need: few lines first, wide gaps second."""
    for gap in (GAP, 1):
        if _room(columns, which, gap) - gap <= width:
            return [(gap, list(which))]
    runs: list[list[int]] = [[]]
    for at in which:
        if runs[-1] and _room(columns, [*runs[-1], at], GAP) - GAP > width:
            runs.append([])
        runs[-1].append(at)
    return [(GAP, run) for run in runs]


def _figures(figures: Sequence[str], columns: Sequence[int], which: Sequence[int], gap: int) -> str:
    return "".join(" " * gap + _right(figures[at], columns[at]) for at in which)


def _left(text: str, width: int) -> str:
    text = shorten(text, width)
    return text + " " * (width - cells(text))


def _right(text: str, width: int) -> str:
    return " " * (width - cells(text)) + text
