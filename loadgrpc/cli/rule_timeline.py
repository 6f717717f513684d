"""Rules of decision tables by time: which of them failed, and when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from loadgrpc.cli.line import Line, Style
from loadgrpc.cli.sparkline import bars
from loadgrpc.cli.table import TableRow, figures_table
from loadgrpc.model import TimelineWindow
from loadgrpc.text import one_line

MAX_RULES: Final = 20
MAX_SPANS: Final = 20
"""Spans that the time is divided into, a character each; there are two rows of them."""
HEADINGS: Final = ("by time", "iterations", "by time", "not passed")
BESIDE: Final = ("iterations", "not passed")


def rules_by_time(windows: Sequence[TimelineWindow], width: int) -> list[Line]:
    """A row for each rule, those that did not pass most often first; nothing without rules."""
    spans = min(len(windows), MAX_SPANS)
    finished: dict[tuple[str, str], list[int]] = {}
    not_passed: dict[tuple[str, str], list[int]] = {}
    for at, window in enumerate(windows):
        for case in window.cases:
            name = case.scenario, case.case
            span = at * spans // len(windows)
            of = case.iterations
            finished.setdefault(name, [0] * spans)[span] += of.finished
            not_passed.setdefault(name, [0] * spans)[span] += of.failure + of.error
    if not finished:
        return []
    wrong = Counter({name: sum(counts) for name, counts in not_passed.items()})
    shown = sorted(finished, key=lambda name: (-wrong[name], -sum(finished[name])))
    rows = [
        TableRow(
            (f"{one_line(name[0])}: " if name[0] else "") + one_line(name[1]),
            (
                _bars(finished[name]),
                str(sum(finished[name])),
                _bars(not_passed[name]),
                str(wrong[name]),
            ),
            Style.BAD if wrong[name] else Style.PLAIN,
        )
        for name in shown[:MAX_RULES]
    ]
    lines = [Line(), *figures_table("Rules by time", HEADINGS, rows, width, beside=BESIDE)]
    if len(shown) > MAX_RULES:
        lines.append(Line(f"  and {len(shown) - MAX_RULES} more, which --json has", Style.DIM))
    return lines


def _bars(counts: Sequence[int]) -> str:
    return bars(counts) if any(counts) else " " * len(counts)
