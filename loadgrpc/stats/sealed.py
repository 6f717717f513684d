"""A window as bytes: a few kilobytes, in which it is kept in memory and in the store.

    sealed = version (1 byte) · zlib(length of head (4 bytes) · head · planes)

`head` is JSON: the figures that are numbers. `planes` are the counts of all histograms end to
end, as unsigned numbers of equal width, taken apart byte by byte (all lowest bytes, then all second
bytes, …): most of the higher ones are zeros, of which zlib leaves nothing.

Rule: what is unsealed equals what was sealed.
"""

from __future__ import annotations

import json
import zlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import astuple
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from loadgrpc.model import TestOutcome
from loadgrpc.stats.arrival_counts import ArrivalCounts
from loadgrpc.stats.gauge import Gauge
from loadgrpc.stats.histogram import Histogram
from loadgrpc.stats.hits import HitStats
from loadgrpc.stats.measures import KINDS, MeasureName
from loadgrpc.stats.rules import AgentName, RuleName, RuleStats
from loadgrpc.stats.window import Counted, Occurrence, Series, Window

VERSION: Final = 1
_LEVEL: Final = 1
_RULES: Final = "rules"
_AGENTS: Final = "agents"
_MEASURES: Final = "measures"
"""The keys of rules of decision tables, of agents, and of what tests measured, which most windows
do without."""
_TYPES: Final = {1: "<u1", 2: "<u2", 4: "<u4", 8: "<u8"}


def seal(window: Window) -> bytes:
    """A window as bytes."""
    columns: list[NDArray[np.int64]] = []
    head = json.dumps(
        {
            "start": window.start_s,
            "length": window.length_s,
            "users": window.users,
            "late_data": window.late_data,
            **({"arrivals": astuple(window.arrivals)} if window.arrivals.second else {}),
            "lag": _histogram_to_head(window.lag, columns),
            "counts": [
                (each.what.value, each.scenario, each.name, number)
                for each, number in window.counts.items()
            ],
            "gauges": [
                (each.what.value, each.scenario, each.name, *astuple(gauge))
                for each, gauge in window.gauges.items()
            ],
            "series": [
                (series, *_hits_to_head(stats, columns)) for series, stats in window.series.items()
            ],
            **_came_to_head(_RULES, window.rules, columns),
            **_came_to_head(_AGENTS, window.agents, columns),
            **_measures_to_head(window, columns),
        },
        separators=(",", ":"),
    ).encode()
    counts = np.concatenate(columns) if columns else np.zeros(0, np.int64)
    most = int(counts.max()) if counts.size else 0
    width = next(width for width in _TYPES if most < 1 << 8 * width)
    planes = counts.astype(_TYPES[width]).view(np.uint8).reshape(-1, width).T
    body = len(head).to_bytes(4, "little") + head + planes.tobytes()
    return bytes((VERSION,)) + zlib.compress(body, _LEVEL)


def unseal(sealed: bytes) -> Window:
    """The window that was sealed.

    Raises:
        ValueError: it is of a version that is not known here, or damaged.
    """
    if sealed[:1] != bytes((VERSION,)):
        raise ValueError(f"a window of version {sealed[:1].hex()} is not known here")
    try:
        body = zlib.decompress(memoryview(sealed)[1:])
    except zlib.error as error:
        raise ValueError(f"a window is damaged: {error}") from error
    end = 4 + int.from_bytes(body[:4], "little")
    head = json.loads(body[4:end])
    buckets = _Buckets(body[end:], head)
    window = Window(head["start"], head["length"])
    window.users = head["users"]
    window.late_data = head["late_data"]
    window.arrivals = ArrivalCounts(*head.get("arrivals", ()))
    window.lag = buckets.next(head["lag"])
    # A loadgrpc before this one kept neither of these.
    for what, scenario, name, number in head.get("counts", ()):
        window.counts[Counted(Occurrence(what), scenario, name)] = number
    for what, scenario, name, *figures in head.get("gauges", ()):
        window.gauges[Counted(Occurrence(what), scenario, name)] = Gauge(*figures)
    for key, *figures in head["series"]:
        window.series[_series(key)] = _hits_of_head(figures, buckets)
    for name, *came in head.get(_RULES, ()):
        window.rules[RuleName(*name)] = _came_of_head(came, buckets)
    for name, *came in head.get(_AGENTS, ()):
        window.agents[AgentName(*name)] = _came_of_head(came, buckets)
    for name, numbers, histogram in head.get(_MEASURES, ()):
        held = None if histogram is None else buckets.next(histogram)
        named = MeasureName(*name)
        window.measures[named] = KINDS[named.kind].of_parts(numbers, held)
    return window


def _series(key: list[Any]) -> Series:
    """What a series is of; those of older versions have no tags."""
    *rest, tags = key if isinstance(key[-1], list) else [*key, ()]
    return Series(*rest)._replace(tags=tuple((name, value) for name, value in tags))


def _hits_to_head(stats: HitStats, columns: list[NDArray[np.int64]]) -> list[Any]:
    return [
        stats.count,
        stats.failed,
        stats.bytes_sent,
        stats.bytes_received,
        stats.late,
        _histogram_to_head(stats.elapsed, columns),
        _histogram_to_head(stats.response, columns) if stats.delayed else None,
    ]


def _hits_of_head(head: list[Any], buckets: _Buckets) -> HitStats:
    count, failed, sent, received, late, elapsed, response = head
    return HitStats(
        count=count,
        failed=failed,
        bytes_sent=sent,
        bytes_received=received,
        late=late,
        elapsed=buckets.next(elapsed),
        own_response=None if response is None else buckets.next(response),
    )


def _came_to_head(
    key: str, came: Mapping[Any, RuleStats], columns: list[NDArray[np.int64]]
) -> dict[str, Any]:
    """What came of iterations, by rule or by agent; nothing, if none were told apart."""
    found = [
        [
            name,
            {int(outcome): count for outcome, count in stats.outcomes.items()},
            _histogram_to_head(stats.time, columns),
            *_hits_to_head(stats.hits, columns),
        ]
        for name, stats in came.items()
    ]
    return {key: found} if found else {}


def _came_of_head(came: list[Any], buckets: _Buckets) -> RuleStats:
    outcomes, time, *figures = came
    counts = {TestOutcome(int(each)): count for each, count in outcomes.items()}
    return RuleStats(Counter(counts), buckets.next(time), _hits_of_head(figures, buckets))


class _Buckets:
    """The counts of all histograms, taken one after the other."""

    def __init__(self, planes: bytes, head: dict[str, Any]) -> None:
        heads = [head["lag"]]
        for *_, elapsed, response in head["series"]:
            heads += [elapsed] if response is None else [elapsed, response]
        for _, _, time, *_, elapsed, response in (
            *head.get(_RULES, ()),
            *head.get(_AGENTS, ()),
        ):
            heads += [time, elapsed] if response is None else [time, elapsed, response]
        heads += [each for *_, each in head.get(_MEASURES, ()) if each is not None]
        total = sum(each[-1] for each in heads)
        width = len(planes) // total if total else 1
        rows = np.frombuffer(planes, np.uint8).reshape(width, -1).T
        self._counts = np.ascontiguousarray(rows).view(_TYPES[width]).ravel().astype(np.int64)
        self._at = 0

    def next(self, head: list[int]) -> Histogram:
        *figures, first, size = head
        counts = self._counts[self._at : self._at + size]
        self._at += size
        return Histogram.of_buckets(tuple(figures), first, counts)  # type: ignore[arg-type]  # five


def _measures_to_head(window: Window, columns: list[NDArray[np.int64]]) -> dict[str, Any]:
    """What tests measured; nothing, if they did not."""
    found = []
    for name, stats in window.measures.items():
        numbers, histogram = stats.parts()
        held = None if histogram is None else _histogram_to_head(histogram, columns)
        found.append((name, numbers, held))
    return {_MEASURES: found} if found else {}


def _histogram_to_head(histogram: Histogram, columns: list[NDArray[np.int64]]) -> list[int]:
    """The figures of a histogram, the number of its buckets last; `columns` grows by those."""
    first, counts = histogram.buckets()
    columns.append(counts)
    return [*histogram.figures, first, counts.size]
