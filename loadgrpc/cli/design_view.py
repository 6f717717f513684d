"""What `loadgrpc design` prints: tables, what is wrong with them, and cases."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from loadgrpc.cli.figures import cells
from loadgrpc.cli.line import UNCUT, Line, Style
from loadgrpc.cli.table import GAP, text_table
from loadgrpc.design import Case, DecisionTable
from loadgrpc.design.files import write_csv, write_json, write_markdown
from loadgrpc.design.findings import Findings
from loadgrpc.design.rows import write_rows
from loadgrpc.text import counted

ACTION: Final = "action: "
"""What headings of actions begin with in a row; in a column a line tells them from conditions."""
MAX_WIDTH: Final = 120
"""What is wider is hard to read, even where there is room."""


def rules(table: DecisionTable, width: int) -> list[Line]:
    """A table: a row for each rule, or, where that is too wide, a column for each.

    In columns it is as textbooks have it: conditions above, actions beneath; as many columns beside
    each other as there is room for, and the others below.
    """
    heading, *rows = write_rows(table)
    heading = [_short(each) for each in heading]
    lines = text_table(heading, rows, UNCUT)
    if max(len(each.text) for each in lines) > min(width, MAX_WIDTH):
        lines = _in_columns(heading, rows, len(table.conditions), min(width, MAX_WIDTH)) or lines
    return [*_title(table), *lines]


def _in_columns(
    heading: Sequence[str], rows: Sequence[Sequence[str]], conditions: int, width: int
) -> list[Line]:
    """A column for each rule; nothing if not even one has room."""
    labels = [each.removeprefix(ACTION) for each in heading]
    labels[0] = "rule"
    left = max(map(cells, labels)) + GAP
    widths = [max(map(cells, row)) + GAP for row in rows]
    if not rows or left + max(widths) > width:
        return []
    lines: list[Line] = []
    first = 0
    while first < len(rows):
        last, used = first, left
        while last < len(rows) and used + widths[last] <= width:
            used += widths[last]
            last += 1
        if lines:
            lines.append(Line())
        for at, label in enumerate(labels):
            if at == conditions + 1:
                lines.append(Line("─" * (used - GAP), Style.DIM))
            parts = [_padded(label, left)]
            parts += [_padded(rows[n][at], widths[n]) for n in range(first, last)]
            lines.append(Line("".join(parts).rstrip(), Style.HEADING if at == 0 else Style.PLAIN))
        first = last
    return lines


def _padded(text: str, width: int) -> str:
    return text + " " * (width - cells(text))


def table_text(table: DecisionTable, format_: str) -> str:
    """A table as text of a format."""
    writers = {"markdown": write_markdown, "csv": write_csv, "json": write_json}
    return writers[format_](table)


def findings(table: DecisionTable, found: Findings, width: int) -> list[Line]:
    """What is wrong with a table, and what it covers."""
    del width
    impossible = f", {found.impossible:,} of them impossible" if found.impossible else ""
    covered = "too many to count" if found.covered is None else f"{found.covered:,}"
    head = f"{counted(len(table.rules), 'rule')}, {found.total:,} combinations{impossible}"
    return [
        *_title(table),
        Line(f"{head}; with a rule: {covered}"),
        *_listed("gap", len(found.gaps), _gaps(table, found), more=found.has_more_gaps),
        *_listed("contradiction", found.contradiction_count, _met(table, found.contradictions)),
        *_listed("overlap", found.overlap_count, _met(table, found.overlaps), style=Style.WARNING),
        *_listed(
            "redundant rule",
            len(found.redundancies),
            (f"rule {each.rule}, because of {', '.join(each.by)}" for each in found.redundancies),
            style=Style.WARNING,
        ),
        *(Line(f"not found out within the bounds: {each}", Style.BAD) for each in found.undecided),
        Line("complete: every combination has one outcome", Style.GOOD)
        if found.complete
        else Line("not complete", Style.BAD),
    ]


def findings_document(table: DecisionTable, found: Findings) -> dict[str, Any]:
    """The same for programs."""
    return {
        "complete": found.complete,
        "rules": len(table.rules),
        "combinations": found.total,
        "impossible": found.impossible,
        "covered": found.covered,
        "gaps": [
            {"when": table.said(each.entries), "combinations": each.size} for each in found.gaps
        ],
        "more_gaps": found.has_more_gaps,
        "contradictions": [
            {"rules": [each.first, each.second], "when": table.said(each.entries)}
            for each in found.contradictions
        ],
        "overlaps": [
            {"rules": [each.first, each.second], "when": table.said(each.entries)}
            for each in found.overlaps
        ],
        "redundant": [{"rule": each.rule, "by": list(each.by)} for each in found.redundancies],
        "undecided": list(found.undecided),
    }


def cases(table: DecisionTable, found: Sequence[Case], width: int) -> list[Line]:
    """Cases, a row for each."""
    heading, *rows = _case_rows(table, found)
    return [*_title(table), *text_table(heading, rows, width)]


def cases_text(table: DecisionTable, found: Sequence[Case], format_: str) -> str:
    """Cases as CSV or as a table of Markdown."""
    rows = _case_rows(table, found)
    if format_ == "csv":
        out = io.StringIO(newline="")
        csv.writer(out, lineterminator="\n").writerows(rows)
        return out.getvalue()
    rows.insert(1, ["---"] * len(rows[0]))
    escaped = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    return "".join(f"| {' | '.join(row)} |\n" for row in escaped)


def _case_rows(table: DecisionTable, found: Sequence[Case]) -> list[list[str]]:
    heading = ["case", *(each.name for each in table.conditions), "expected"]
    rows = []
    for case in found:
        taken = [
            name if value is True else f"{name}: {value}"
            for name, value in case.expected.items()
            if value is not None
        ]
        rows.append([case.name, *map(_input, case.values.values()), ", ".join(taken) or "nothing"])
    return [heading, *rows]


def _input(value: object) -> str:
    return {True: "Y", False: "N"}[value] if isinstance(value, bool) else str(value)


def _title(table: DecisionTable) -> Iterator[Line]:
    if table.title:
        yield Line(table.title, Style.HEADING)


def _short(heading: str) -> str:
    """The heading of a column, without its values."""
    return heading.partition(" (")[0] if heading.endswith((")", " apart")) else heading


def _gaps(table: DecisionTable, found: Findings) -> Iterator[str]:
    for each in found.gaps:
        yield f"{table.sentence(each.entries)} ({counted(each.size, 'combination')})"


def _met(table: DecisionTable, clashes: Iterable[Any]) -> Iterator[str]:
    for each in clashes:
        yield f"rules {each.first} and {each.second}: {table.sentence(each.entries)}"


def _listed(
    noun: str, count: int, said: Iterable[str], *, more: bool = False, style: Style = Style.BAD
) -> Iterator[Line]:
    """How many there are of something, and the first ones."""
    shown = list(said)
    if not count:
        return
    least = "at least " if more else ""
    yield Line(f"{least}{counted(count, noun)}", style)
    yield from (Line(f"  {each}") for each in shown)
    if count > len(shown) or more:
        yield Line("  and more", Style.DIM)
