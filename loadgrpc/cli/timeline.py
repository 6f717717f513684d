"""A run by time as lines: how load and times went, as sparklines and as a table.

Rule: pure, and bounded: whatever the length of a run, windows are as long as it takes for at most
MAX_ROWS of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final

from loadgrpc.cli.arrivals_timeline import arrivals_by_time
from loadgrpc.cli.figures import NONE, duration, duration_column, percent, rate, span
from loadgrpc.cli.line import Line, Style
from loadgrpc.cli.rule_timeline import rules_by_time
from loadgrpc.cli.sparkline import bars
from loadgrpc.cli.table import TableRow, figures_table, labelled
from loadgrpc.clock import NS_PER_S
from loadgrpc.model import WINDOW_LENGTHS_S, Summary, TimelineWindow

MAX_ROWS: Final = 50
FIGURES: Final = ("users", "count", "failed", "rate", "p50", "p95", "p99")
BESIDE: Final = ("users", "count", "rate")
"""What stays beside a window when the other figures have to go beneath it."""
_LENGTHS: Final = {60: "1 min", 600: "10 min", 3_600: "1 h"}
_DAY_NS: Final = 86_400 * NS_PER_S
"""Of a longer span, a time of day says too little."""
_TIMES: Final = ("p50_ns", "p95_ns", "p99_ns")


def resolution_s(summary: Summary, now_ns: int) -> int:
    """How long windows are to be, so that those of the whole run are few enough."""
    begin_ns = summary.start_time_ns or summary.create_time_ns
    whole_s = ((summary.end_time_ns or max(now_ns, begin_ns)) - begin_ns) / NS_PER_S
    return next(
        (each for each in WINDOW_LENGTHS_S if whole_s / each < MAX_ROWS), WINDOW_LENGTHS_S[-1]
    )


def table(windows: Sequence[TimelineWindow], width: int) -> list[Line]:
    """Sparklines of all windows, and a line for each; windows without anything are filled in.

    Nothing if there are no windows.
    """
    whole = _without_gaps(windows)
    shown = whole[-MAX_ROWS:]
    if not shown:
        return []
    dated = shown[-1].end_ns - shown[0].start_ns > _DAY_NS
    rows = [_row(each, dated=dated) for each in shown]
    lines = [
        *_sparkline("users", shown, lambda window: window.users, str, width),
        *_sparkline("rate", shown, lambda window: window.hits.rate, rate, width),
        *_sparkline("failed", shown, _failed, lambda share: percent(share, 1), width),
        *_sparkline("p95", shown, lambda window: window.hits.elapsed.p95_ns, duration, width),
        *_sparkline("lag p99", shown, _lag, duration, width),
        *_sparkline("CPU", shown, _cpu, lambda share: percent(share, 1), width),
        Line(),
        *figures_table("Timeline", FIGURES, rows, width, beside=BESIDE),
        *arrivals_by_time(shown, [row.name for row in rows], width),
        *rules_by_time(shown, width),
    ]
    if late := sum(window.late_data for window in shown):
        lines.append(Line(f"  {late} hits came after their window was closed", Style.DIM))
    if len(whole) > len(shown):
        lines.append(Line(f"  … {len(whole) - len(shown)} windows before these", Style.DIM))
    return lines


def why_none(summary: Summary) -> str:
    """Why a run without windows has none."""
    if not summary.state.final:
        return "nothing has happened yet"
    if summary.hits.count:
        return "no timeline is kept: it was run by an older version"
    return "no hit was made, and no users were reported"


def _sparkline(
    label: str,
    windows: Sequence[TimelineWindow],
    value: Callable[[TimelineWindow], float],
    shown: Callable[[int], str],
    width: int,
) -> list[Line]:
    """One character a window, as high as its value; nothing where all are 0."""
    values = [value(window) for window in windows]
    if not (most := max(values)):
        return []
    return labelled(label, [bars(values), f"up to {shown(most)}"], width)  # type: ignore[arg-type]  # of its kind


def _row(window: TimelineWindow, *, dated: bool = False) -> TableRow:
    hits = window.hits
    answered = hits.elapsed.max_ns > 0
    format_ = "%m-%d %H:%M:%S" if dated else "%H:%M:%S"
    at = time.strftime(format_, time.localtime(window.start_ns // NS_PER_S))
    length = _LENGTHS.get(window.length_ns // NS_PER_S) or span(window.length_ns / NS_PER_S)
    return TableRow(
        f"{at} {length}{'' if window.closed else ' …'}",
        (
            str(window.users),
            str(hits.count),
            str(hits.failed),
            rate(hits.rate),
            *(duration_column(getattr(hits.elapsed, at)) if answered else NONE for at in _TIMES),
        ),
        Style.BAD if hits.failed else Style.PLAIN,
    )


def _failed(window: TimelineWindow) -> float:
    return window.hits.failed / window.hits.count if window.hits.count else 0.0


def _lag(window: TimelineWindow) -> int:
    """Of the generator, as its CPU."""
    return 0 if window.lag is None else window.lag.p99_ns


def _cpu(window: TimelineWindow) -> float:
    return 0.0 if window.cpu is None else window.cpu.max


def _without_gaps(windows: Sequence[TimelineWindow]) -> list[TimelineWindow]:
    """The windows, with empty ones where some were left out, the last MAX_ROWS at least."""
    found: list[TimelineWindow] = []
    for window in windows:
        if found:
            missing = (window.start_ns - found[-1].end_ns) // window.length_ns
            found += [
                TimelineWindow(
                    start_ns=window.start_ns - at * window.length_ns, length_ns=window.length_ns
                )
                for at in range(min(missing, MAX_ROWS), 0, -1)
            ]
        found.append(window)
    return found
