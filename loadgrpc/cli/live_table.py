"""Tables of a live display: names to the left, what they did lately, and so far.

Rule: a table that has no room is left out, and says nothing wrong instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from loadgrpc.cli.figures import cells, shorten
from loadgrpc.cli.line import Line, Style

WIDE: Final = 80
"""From this many columns on, a table says which time each of its columns covers."""


def live_table(
    what: str,
    seconds: int,
    headings: Sequence[str],
    rows: Sequence[tuple[str, Sequence[str], bool]],
    width: int,
) -> list[Line]:
    """A heading, and a line for each row; nothing if there is no room for them.

    Args:
        what: What is named in the rows.
        seconds: How many seconds the first two columns cover; 0: they stand still.
        headings: Of the figures; the third is the first of those that are since the start.
        rows: Each a name, its figures, and whether something is wrong.
        width: Of the display.
    """
    wide = width >= WIDE
    headings = [
        f"so far: {heading}" if wide and at == 2 else heading  # noqa: PLR2004 - see above
        for at, heading in enumerate(headings)
    ]
    columns = [
        max(9 if wide else 7, len(heading), *(len(figures[at]) for _, figures, _ in rows))
        for at, heading in enumerate(headings)
    ]
    title = f"{what}, last {seconds} s" + ("" if wide else ", so far") if seconds else what
    left = width - sum(columns) - 2 * len(columns) - 2
    if left < len(title):
        return []
    room = min(left, max(len(title) - 2, *(cells(name) for name, _, _ in rows)))
    lines = [Line(_row(title, headings, room + 2, columns), Style.HEADING)]
    for name, figures, bad in rows:
        text = _row("  " + shorten(name, room), figures, room + 2, columns)
        lines.append(Line(text, Style.BAD if bad else Style.PLAIN))
    return lines


def _row(name: str, texts: Sequence[str], width: int, columns: Sequence[int]) -> str:
    padded = name + " " * (width - cells(name))
    return padded + "".join(
        f"  {text:>{column}}" for text, column in zip(texts, columns, strict=True)
    )
