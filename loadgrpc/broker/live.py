"""The figures of a run while it goes on: made once a second, whoever and how many watch it.

Rule: rates are over closed seconds (`stats/window.py`), times of the last five seconds are what
came since then (`stats/recent.py`), everything else is since the start. All are of one moment.
"""

from __future__ import annotations

from typing import Final

from loadgrpc.broker.aggregate import OTHER, Aggregate, Name
from loadgrpc.model import FailureProgress, NameProgress, TestOutcome, WindowFigures
from loadgrpc.stats.hits import HitStats
from loadgrpc.stats.recent import Recent
from loadgrpc.stats.window import NS

MAX_NAMES: Final = 20
MAX_FAILURES: Final = 5
MAX_MESSAGE_CHARS: Final = 300
_ALL: Final = ("", "", "")
"""What stands for all names together among those that `Recent` knows: no hit has no name."""


class LiveFigures:
    """What is known of the last seconds."""

    def __init__(self, aggregate: Aggregate) -> None:
        self._aggregate = aggregate
        self._recent: Recent[Name] = Recent()

    def look(
        self, total: HitStats, *, now_ns: int, since_ns: int | None
    ) -> tuple[WindowFigures | None, tuple[NameProgress, ...]]:
        """The window, and the busiest names, at a moment, of a run that began `since_ns`.

        Times are those of the wall clock; `total` are all hits since the start.
        """
        busiest = self._aggregate.busiest(MAX_NAMES)
        elapsed = {name: stats.elapsed for name, stats in busiest.items()}
        recent = self._recent.look(
            now_ns, {_ALL: total.elapsed, **elapsed}, complete=len(busiest) < MAX_NAMES
        )

        def quantile(name: Name, q: float) -> int | None:
            found = recent.get(name)
            return found.quantiles((q,))[0] if found is not None and found.count else None

        closed = self._aggregate.window.look(since_ns)
        hits_of: dict[Name, int] = {}
        window = None
        if closed is not None:
            for ((scenario, name, method, _), _, _), count in closed.counts.items():
                key = scenario, name, method
                hits_of[key] = hits_of.get(key, 0) + count
            window = WindowFigures(
                end_ns=closed.end_s * NS,
                seconds=closed.seconds,
                hits=sum(closed.counts.values()),
                failed=sum(count for (_, _, bad), count in closed.counts.items() if bad),
                p50_ns=quantile(_ALL, 0.5),
                p95_ns=quantile(_ALL, 0.95),
            )
        names = tuple(
            NameProgress(
                scenario=key[0],
                name=key[1],
                method=key[2],
                hits=stats.count,
                failed=stats.failed,
                rate=hits_of.get(key, 0) / closed.seconds if closed is not None else 0.0,
                p95_ns=quantile(key, 0.95),
            )
            for key, stats in busiest.items()
        )
        return window, names

    def failures(self) -> tuple[FailureProgress, ...]:
        """What went wrong since the start, the most frequent first."""
        aggregate = self._aggregate
        found = [
            (group.count, ": ".join(filter(None, (raised.type, raised.message))), group.test)
            for outcome in (TestOutcome.FAILURE, TestOutcome.ERROR)
            for group in aggregate.raised(outcome)
            if group.test != OTHER
            for raised in (group.exception,)
        ]
        found += [
            (
                group.count,
                ": ".join(filter(None, (group.error.name.lower(), group.error_message))),
                f"{group.method} {group.name}".strip(),
            )
            for group in aggregate.hit_errors()
            if group.name != OTHER
        ]
        found += [
            (count, f"status {status}", where)
            for count, status, where in aggregate.failed_answers()
        ]
        found.sort(key=lambda each: -each[0])
        return tuple(
            FailureProgress(count=count, message=_short(message), where=_short(where))
            for count, message, where in found[:MAX_FAILURES]
        )


def _short(text: str) -> str:
    line = " ".join(text[: 4 * MAX_MESSAGE_CHARS].split())
    return line if len(line) <= MAX_MESSAGE_CHARS else line[: MAX_MESSAGE_CHARS - 1] + "…"
