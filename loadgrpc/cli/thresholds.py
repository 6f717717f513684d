"""Thresholds of a run for people: a line each, the worst first.

Rule: pure functions. The text says everything; the colour only helps to find what failed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from loadgrpc.cli.figures import cells, clip
from loadgrpc.cli.line import Line, Style
from loadgrpc.cli.table import MAX_JOINED
from loadgrpc.model import ThresholdOutcome, ThresholdResult
from loadgrpc.text import one_line

MAX_LIVE: Final = 5
"""Lines of thresholds in a view that is redrawn."""
_WORDS: Final = {
    ThresholdOutcome.PASS: "pass",
    ThresholdOutcome.FAIL: "FAIL",
    ThresholdOutcome.NO_DATA: "no data",
}


def worst_first(results: Sequence[ThresholdResult]) -> list[ThresholdResult]:
    """Those that stopped the run, that failed, that have no data, and then the others."""
    order = (ThresholdOutcome.FAIL, ThresholdOutcome.NO_DATA, ThresholdOutcome.PASS)
    return sorted(
        results, key=lambda each: (not each.aborted, not each.failed, order.index(each.outcome))
    )


def thresholds(results: Sequence[ThresholdResult], width: int) -> list[Line]:
    """All of them, with the evidence for each."""
    if not results:
        return []
    failed = sum(each.failed for each in results)
    said = f"{failed} of {len(results)} failed" if failed else "all passed"
    lines = [Line(f"Thresholds: {said}", Style.HEADING)]
    longest = max(cells(one_line(each.text)) for each in results)
    beside = longest + 40 <= min(width, MAX_JOINED)
    for each in worst_first(results):
        style = Style.BAD if each.failed else Style.GOOD
        text, evidence = one_line(each.text), one_line(each.message)
        evidence = f"stopped the run: {evidence}" if each.aborted else evidence
        head = f"  {_WORDS[each.outcome]:<7}  {text}"
        if beside and len(evidence) + longest + 13 <= width:
            pad = " " * (longest - cells(text))
            lines.append(Line(f"{head}{pad}  {evidence}", style))
        else:
            lines += [Line(head, style), Line(f"           {evidence}", Style.PLAIN)]
    return lines


def live(results: Sequence[ThresholdResult], width: int, room: int) -> list[Line]:
    """The worst of them, as they stand."""
    shown = worst_first(results)[: max(min(MAX_LIVE, room - 1), 0)]
    if not shown:
        return []
    failing = sum(each.outcome is ThresholdOutcome.FAIL for each in results)
    title = (
        f"Thresholds: {failing} of {len(results)} do not hold"
        if failing
        else (f"Thresholds: none of {len(results)} fails so far")
    )
    lines = [Line(clip(title, width), Style.HEADING)]
    for each in shown:
        waiting = each.outcome is ThresholdOutcome.NO_DATA
        word = "…" if waiting else _WORDS[each.outcome]
        style = (
            Style.DIM
            if waiting
            else (Style.BAD if each.outcome is ThresholdOutcome.FAIL else Style.GOOD)
        )
        evidence = "" if waiting else f"  {one_line(each.message)}"
        lines.append(Line(clip(f"  {word:<4}  {one_line(each.text)}{evidence}", width), style))
    return lines


def briefly(results: Sequence[ThresholdResult]) -> str:
    """`thresholds 1 of 3 failing`, or nothing."""
    failing = sum(each.outcome is ThresholdOutcome.FAIL for each in results)
    return f"thresholds {failing} of {len(results)} failing" if failing else ""
