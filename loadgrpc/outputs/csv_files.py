"""`csv`: the figures as tables, under the names and with the columns of Locust's `--csv`.

    PREFIX_stats.csv           a row for each method and name, and one for all of them
    PREFIX_stats_history.csv   the run by time: a row for each window
    PREFIX_failures.csv        hits that failed, by kind
    PREFIX_exceptions.csv      what iterations raised, by kind
    PREFIX_series.csv          the run by time, by scenario, name and class of statuses
    PREFIX_arrivals.csv        the run by time: what open loads planned, and what became of it
    PREFIX_generator.csv       the run by time: how the processes kept up that generated the load

Times are milliseconds; those of hits that were planned are measured from their planned start.
Rule: a file either has the columns of Locust or a name of its own; a figure that is not known is
`N/A`, as there. A text that a spreadsheet would take for a formula gets an apostrophe in front.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from loadgrpc.clock import NS_PER_S
from loadgrpc.model import ElapsedFigures, HitFigures, Summary, TimelineWindow
from loadgrpc.outputs.destination import Destination
from loadgrpc.outputs.output import Output, Results
from loadgrpc.text import printable

DEFAULT: Final = "loadgrpc"
"""The prefix if none is given."""
FILES: Final = (
    "stats",
    "stats_history",
    "failures",
    "exceptions",
    "series",
    "arrivals",
    "generator",
)
NOT_KNOWN: Final = "N/A"
AGGREGATED: Final = "Aggregated"

PERCENTILES: Final = ("50%", "90%", "95%", "99%", "100%")
FIGURES: Final = (
    "Median Response Time",
    "Average Response Time",
    "Min Response Time",
    "Max Response Time",
    "Average Content Size",
)
STATS: Final = (
    *("Type", "Name", "Request Count", "Failure Count"),
    *FIGURES,
    *("Requests/s", "Failures/s"),
    *PERCENTILES,
)
HISTORY: Final = (
    *("Timestamp", "User Count", "Type", "Name", "Requests/s", "Failures/s"),
    *PERCENTILES,
    *("Total Request Count", "Total Failure Count"),
    *(f"Total {each}" for each in FIGURES),
)
FAILURES: Final = ("Method", "Name", "Error", "Occurrences", "First Seen", "Last Seen")
EXCEPTIONS: Final = ("Count", "Message", "Traceback", "Nodes")
SERIES: Final = (
    *("Timestamp", "Window Length", "Scenario", "Protocol", "Type", "Name", "Status Class"),
    *("Request Count", "Failure Count"),
    "Late Request Count",
    *FIGURES,
    *("Requests/s", "Failures/s"),
    *PERCENTILES,
)
ARRIVALS: Final = (
    *("Timestamp", "Window Length", "Planned", "Started", "Dropped", "Waiting"),
    *("Late Request Count", "Request Count"),
)
GENERATOR: Final = (
    *("Timestamp", "Window Length"),
    *("Lag p99", "Lag Max"),
    *("CPU Average", "CPU Max"),
)
_SEEN: Final = ("", "")
"""When a failure was seen first and last, which is not known: empty, as there."""
_FORMULA: Final = ("=", "+", "-", "@")


class CsvFiles(Output):
    """See the module. The target is a prefix, or a folder: then the names have no prefix."""

    def __init__(self, target: str) -> None:
        super().__init__(target)
        prefix = target or DEFAULT
        folder = prefix.endswith(os.sep) or Path(prefix).is_dir()
        self.folder = Path(prefix) if folder else None
        start = f"{Path(prefix)}{os.sep}" if folder else f"{prefix}_"
        self.files = [Destination(f"{start}{name}.csv") for name in FILES]

    @property
    def destinations(self) -> Sequence[Destination]:
        """See Output."""
        return self.files

    def check(self) -> None:
        """See Output. A folder is made if it is not there."""
        if self.folder is not None:
            self.folder.mkdir(parents=True, exist_ok=True)
        super().check()

    async def write(self, results: Results) -> None:
        """See Output."""
        summary = results.summary
        with ExitStack() as stack:  # the files appear together, when all of them are whole
            stats, history_file, failures, exceptions, *by_time = self.files
            series_file, arrivals_file, generator_file = by_time
            _Rows(stack, stats, STATS).add(_stats(summary))
            _Rows(stack, failures, FAILURES).add(_failures(summary))
            _Rows(stack, exceptions, EXCEPTIONS).add(_exceptions(summary))
            history = _Rows(stack, history_file, HISTORY)
            series = _Rows(stack, series_file, SERIES)
            arrivals = _Rows(stack, arrivals_file, ARRIVALS)
            generator = _Rows(stack, generator_file, GENERATOR)
            total = _Total()
            async for window in results.windows():
                total.add(window)
                history.add([_history(window, total)])
                series.add(_series(window))
                arrivals.add(_arrivals(window))
                generator.add(_generator(window))


class _Rows:
    """A file of rows."""

    def __init__(self, stack: ExitStack, file: Destination, heads: Iterable[str]) -> None:
        self._writer = csv.writer(stack.enter_context(file.open(newline="")))
        self._writer.writerow(heads)

    def add(self, rows: Iterable[Iterable[Any]]) -> None:
        """Writes rows."""
        for row in rows:
            self._writer.writerow([safe(cell) if isinstance(cell, str) else cell for cell in row])


class _Total:
    """What can be said of all hits up to a moment from figures of the windows before it."""

    def __init__(self) -> None:
        self.count = self.failed = self.received = self.max_ns = 0
        self.min_ns: int | None = None
        self.sum_ns = 0.0
        self.answered = 0

    def add(self, window: TimelineWindow) -> None:
        """Adds a window; times are of answered hits, which its series tell from others."""
        self.count += window.hits.count
        self.failed += window.hits.failed
        self.received += window.hits.bytes_received
        for each in window.series:
            times = _times(each.hits)
            if times.max_ns:
                self.answered += each.hits.count
                self.sum_ns += times.avg_ns * each.hits.count
        times = _times(window.hits)
        if times.max_ns:
            self.max_ns = max(self.max_ns, times.max_ns)
            self.min_ns = times.min_ns if self.min_ns is None else min(self.min_ns, times.min_ns)


def _times(hits: HitFigures) -> ElapsedFigures:
    return hits.elapsed if hits.response is None else hits.response


def _figures(hits: HitFigures) -> list[Any]:
    times = _times(hits)
    return [
        *map(_ms, (times.p50_ns, times.avg_ns, times.min_ns, times.max_ns)),
        _number(hits.bytes_received / hits.count) if hits.count else 0,
    ]


def _percentiles(hits: HitFigures) -> list[Any]:
    times = _times(hits)
    if not times.max_ns:
        return [NOT_KNOWN] * len(PERCENTILES)
    return [*map(_ms, (times.p50_ns, times.p90_ns, times.p95_ns, times.p99_ns, times.max_ns))]


def _rates(hits: HitFigures) -> list[Any]:
    failed = hits.rate * hits.failed / hits.count if hits.count else 0.0
    return [_number(hits.rate), _number(failed)]


def _stats_row(method: str, name: str, hits: HitFigures) -> list[Any]:
    return [
        *(method, name, hits.count, hits.failed),
        *_figures(hits),
        *_rates(hits),
        *_percentiles(hits),
    ]


def _stats(summary: Summary) -> Iterator[list[Any]]:
    for each in summary.names:
        name = f"{each.scenario}: {each.name}" if each.scenario else each.name
        yield _stats_row(each.method or each.protocol, name, each.hits)
    yield _stats_row("", AGGREGATED, summary.hits)


def _history(window: TimelineWindow, total: _Total) -> list[Any]:
    average = total.sum_ns / total.answered if total.answered else 0.0
    return [
        *(window.start_ns // NS_PER_S, window.users, "", AGGREGATED),
        *_rates(window.hits),
        *_percentiles(window.hits),
        *(total.count, total.failed),
        NOT_KNOWN,  # the median of all is not made from medians of windows
        *map(_ms, (average, total.min_ns or 0, total.max_ns)),
        _number(total.received / total.count) if total.count else 0,
    ]


def _series(window: TimelineWindow) -> Iterator[list[Any]]:
    for each in window.series:
        hits = each.hits
        yield [
            *(window.start_ns // NS_PER_S, window.length_ns // NS_PER_S),
            *(each.scenario, each.protocol or "http", each.method, each.name),
            f"{each.status_class}xx" if each.status_class else "",
            *(hits.count, hits.failed, each.late),
            *_figures(hits),
            *_rates(hits),
            *_percentiles(hits),
        ]


def _arrivals(window: TimelineWindow) -> Iterator[list[Any]]:
    """A window in which arrivals were planned, or something became of them."""
    became = window.planned, window.started, window.dropped, window.waiting
    if any(became):
        at = window.start_ns // NS_PER_S, window.length_ns // NS_PER_S
        yield [*at, *became, window.late, window.hits.count]


def _generator(window: TimelineWindow) -> Iterator[list[Any]]:
    """A window in which processes that generate the load reported how they keep up."""
    lag, cpu = window.lag, window.cpu
    if lag is not None or cpu is not None:
        yield [
            *(window.start_ns // NS_PER_S, window.length_ns // NS_PER_S),
            *([NOT_KNOWN] * 2 if lag is None else map(_ms, (lag.p99_ns, lag.max_ns))),
            *([NOT_KNOWN] * 2 if cpu is None else map(_percent, (cpu.avg, cpu.max))),
        ]


def _failures(summary: Summary) -> Iterator[list[Any]]:
    for each in summary.names:
        for status, count in sorted(each.failed_statuses.items()):
            said = _status(each.protocol, status)
            yield [each.method or each.protocol, each.name, said, count, *_SEEN]
    for group in summary.hit_errors:
        said = group.sentence
        yield [group.method, group.name, said, group.count, *_SEEN]


def _status(protocol: str, status: int) -> str:
    """`404 Not Found`, `grpc 14`."""
    if protocol or status not in HTTPStatus._value2member_map_:
        return f"{protocol} {status}".strip()
    return f"{status} {HTTPStatus(status).phrase}"


def _exceptions(summary: Summary) -> Iterator[list[Any]]:
    nodes = (
        ", ".join(agent.agent_id for agent in summary.agents) if len(summary.agents) == 1 else ""
    )
    for group in (*summary.failures, *summary.errors):
        raised = group.exception
        message = ": ".join(filter(None, (raised.type, raised.message)))
        yield [group.count, message, raised.traceback, nodes]


def _ms(ns: float) -> float | int:
    return _number(ns / 1e6)


def _percent(share: float) -> float | int:
    return _number(100 * share)


def _number(value: float) -> float | int:
    """Rounded to what is worth reading: 1/1000."""
    rounded = round(value, 3)
    return int(rounded) if rounded == int(rounded) else rounded


def safe(text: str) -> str:
    """A text that stays a text in a spreadsheet, without what steers a terminal."""
    shown = printable(text)
    return f"'{shown}" if shown.lstrip().startswith(_FORMULA) else shown
