"""The current figures of a run: made once a second, however many watch it.

Rule: rates and times are those of the last closed seconds of the timeline (`stats/timeline.py`),
everything else is since the start. All are of one moment.
"""

from __future__ import annotations

from typing import Final

from loadgrpc.broker.aggregate import Aggregate
from loadgrpc.clock import NS_PER_S
from loadgrpc.model import FailureProgress, NameProgress, TestOutcome, WindowFigures
from loadgrpc.stats.hits import HitStats
from loadgrpc.stats.timeline import Recent
from loadgrpc.stats.window import OTHER

MAX_NAMES: Final = 20
MAX_FAILURES: Final = 5
MAX_MESSAGE_CHARS: Final = 300


def window_figures(recent: Recent | None) -> WindowFigures | None:
    """Figures of the last closed seconds; None: none is closed yet."""
    if recent is None:
        return None
    total = recent.window.total()
    return WindowFigures(
        end_ns=recent.end_s * NS_PER_S,
        seconds=recent.seconds,
        hits=total.count,
        failed=total.failed,
        p50_ns=_quantile(total, 0.5),
        p95_ns=_quantile(total, 0.95),
    )


def busiest_names(aggregate: Aggregate, recent: Recent | None) -> tuple[NameProgress, ...]:
    """The names with most hits since the start, busiest first, with their current figures."""
    lately: dict[tuple[str, ...], HitStats] = {}
    for series, stats in recent.window.series.items() if recent is not None else ():
        lately.setdefault(series.of_name, HitStats()).merge(stats)
    return tuple(
        NameProgress(
            scenario=name.scenario,
            name=name.name,
            method=name.method,
            hits=stats.count,
            failed=stats.failed,
            rate=now.count / recent.seconds if recent is not None else 0.0,
            p95_ns=_quantile(now, 0.95),
        )
        for name, stats in aggregate.hits.busiest(MAX_NAMES).items()
        for now in (lately.get(name, HitStats()),)
    )


def failures(aggregate: Aggregate) -> tuple[FailureProgress, ...]:
    """What went wrong since the start, the most frequent first."""
    found = [
        (group.count, ": ".join(filter(None, (raised.type, raised.message))), group.test)
        for outcome in (TestOutcome.FAILURE, TestOutcome.ERROR)
        for group in aggregate.causes.raised(outcome)
        if group.test != OTHER
        for raised in (group.exception,)
    ]
    found += [
        (
            group.count,
            ": ".join(filter(None, (group.error.name.lower(), group.error_message))),
            f"{group.method} {group.name}".strip(),
        )
        for group in aggregate.causes.hit_errors()
        if group.name != OTHER
    ]
    found += [
        (count, f"status {status}", where)
        for count, status, where in aggregate.hits.failed_answers()
    ]
    found.sort(key=lambda each: -each[0])
    return tuple(
        FailureProgress(count=count, message=_short(message), where=_short(where))
        for count, message, where in found[:MAX_FAILURES]
    )


def _quantile(stats: HitStats, q: float) -> int | None:
    return stats.elapsed.quantiles((q,))[0] if stats.elapsed.count else None


def _short(text: str) -> str:
    line = " ".join(text[: 4 * MAX_MESSAGE_CHARS].split())
    return line if len(line) <= MAX_MESSAGE_CHARS else line[: MAX_MESSAGE_CHARS - 1] + "…"
