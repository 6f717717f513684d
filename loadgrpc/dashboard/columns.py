"""The timeline of a run as columns: what charts draw, in the form that the page has it in.

Rule: pure. A column is a figure of all windows, by its path in TimelineWindow; durations are whole
nanoseconds. Counts are as they are; times, bytes and rates have four digits, which is more than
their percentiles have, and counts of a distribution, which are shades of a picture, have two. A
figure that is 0 in all windows has no column.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from loadgrpc.clock import NS_PER_S
from loadgrpc.model import HitFigures, TimelineWindow, WindowSeries

DIGITS: Final = 4

Number = float | int | None


def _times(hits: HitFigures, which: str, at: str) -> int | None:
    """One of the times of hits. None: there is none."""
    figures = hits.elapsed if which == "elapsed" else hits.response
    if figures is None or not figures.max_ns:
        return None
    found: int = getattr(figures, f"{at}_ns")
    return found


def _time(which: str, at: str) -> Callable[[HitFigures], Number]:
    return lambda hits: rounded(_times(hits, which, at))


_POINTS: Final = ("p50", "p90", "p95", "p99")
OF_HITS: Final[dict[str, Callable[[HitFigures], Number]]] = {
    "hits.count": lambda hits: hits.count,
    "hits.failed": lambda hits: hits.failed,
    "hits.rate": lambda hits: rounded(hits.rate),
    "hits.bytesSent": lambda hits: rounded(hits.bytes_sent),
    "hits.bytesReceived": lambda hits: rounded(hits.bytes_received),
    **{f"hits.elapsed.{at}": _time("elapsed", at) for at in _POINTS},
    **{f"hits.response.{at}": _time("response", at) for at in _POINTS},
}
OF_SERIES: Final = (
    *("hits.count", "hits.failed"),
    *(f"hits.elapsed.{at}" for at in ("p50", "p95", "p99")),
    *(f"hits.response.{at}" for at in ("p50", "p95", "p99")),
)
OF_WINDOW: Final[dict[str, Callable[[TimelineWindow], Number]]] = {
    "users": lambda window: window.users,
    "planned": lambda window: window.planned,
    "started": lambda window: window.started,
    "dropped": lambda window: window.dropped,
    "waiting": lambda window: window.waiting,
    "late": lambda window: window.late,
    "lag.p99": lambda window: None if window.lag is None else rounded(window.lag.p99_ns),
    "lag.max": lambda window: None if window.lag is None else rounded(window.lag.max_ns),
    "cpu.avg": lambda window: None if window.cpu is None else rounded(window.cpu.avg),
    "cpu.max": lambda window: None if window.cpu is None else rounded(window.cpu.max),
}


def rounded(value: float | None) -> Number:
    """A number of DIGITS digits; whole ones stay whole."""
    if value is None or not value:
        return value
    found = float(f"{value:.{DIGITS}g}")
    return int(found) if found == int(found) else found


def columns_of(
    windows: Sequence[TimelineWindow], by_name: Sequence[TimelineWindow], series_s: float
) -> dict[str, Any]:
    """The columns of all hits, and those of each name.

    `by_name` are windows of `series_s` seconds or more with a series for each name.
    """
    found = {
        **_spans(windows),
        "columns": _filled(
            {
                **{path: [of(each.hits) for each in windows] for path, of in OF_HITS.items()},
                **{path: [of(each) for each in windows] for path, of in OF_WINDOW.items()},
            }
        ),
        "series": _series(by_name, series_s),
    }
    if (shown := _distribution(windows)) is not None:
        found["distribution"] = shown
    return found


def _spans(windows: Sequence[TimelineWindow], resolution_s: float = 0.0) -> dict[str, Any]:
    """When windows start, and how long they are."""
    lengths = [each.length_ns // NS_PER_S for each in windows]
    shortest = int(resolution_s) or min(lengths, default=1)
    found: dict[str, Any] = {
        "resolution": shortest,
        "start": [each.start_ns // NS_PER_S for each in windows],
    }
    if any(each != shortest for each in lengths):
        found["length"] = lengths
    return found


def _filled(columns: dict[str, list[Number]]) -> dict[str, list[Number]]:
    """The columns that have something in them."""
    return {path: column for path, column in columns.items() if any(column)}


def _series(windows: Sequence[TimelineWindow], series_s: float) -> list[dict[str, Any]]:
    """The columns of each name, the busiest first; nothing where a name had no hit."""
    of_name: dict[tuple[str, str, str, str], dict[int, WindowSeries]] = {}
    for at, window in enumerate(windows):
        for each in window.series:
            name = (each.scenario, each.name, each.method, each.protocol)
            of_name.setdefault(name, {})[at] = each
    spans = _spans(windows, series_s)
    found = []
    for name, held in sorted(of_name.items(), key=lambda each: -_hits_of(each[1].values())):
        rows = [held.get(number) for number in range(len(windows))]
        columns = {
            path: [None if row is None else OF_HITS[path](row.hits) for row in rows]
            for path in OF_SERIES
        }
        for path in ("hits.count", "hits.failed"):
            columns[path] = [each or 0 for each in columns[path]]
        keys = ("scenario", "name", "method", "protocol")
        named = dict(zip(keys, name, strict=True))
        found.append({**named, **spans, "columns": _filled(columns)})
    return found


def _hits_of(rows: Iterable[WindowSeries]) -> int:
    return sum(each.hits.count for each in rows)


def _shade(count: int) -> int:
    """A count as a picture shows it: with two digits."""
    return count if count < 100 else int(float(f"{count:.2g}"))  # noqa: PLR2004 - two digits


def _distribution(windows: Sequence[TimelineWindow]) -> dict[str, Any] | None:
    """How times are distributed in each window, from one bucket on. None: nothing is."""
    known = [each.distribution for each in windows if each.distribution is not None]
    if not known:
        return None
    first = min(each.first for each in known)
    counts = [
        []
        if each.distribution is None
        else [0] * (each.distribution.first - first)
        + [_shade(count) for count in each.distribution.counts]
        for each in windows
    ]
    return {"first": first, "counts": counts}
