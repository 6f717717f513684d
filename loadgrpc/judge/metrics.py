"""What can be judged: one table, a row for each metric.

A row says which values a metric has, by which keys a threshold can select of it, and how it is read
from a window (`reading.py`). A new metric is a row here, and something in a window to read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from loadgrpc.judge.amount import NOTHING, Amount
from loadgrpc.judge.reading import Reading, RunFacts
from loadgrpc.judge.unit import Unit
from loadgrpc.judge.where import APART, Where
from loadgrpc.model import TestOutcome
from loadgrpc.stats.gauge import Gauge
from loadgrpc.stats.measures import (
    MILLIONTHS,
    CheckStats,
    GaugeStats,
    MeasurementStats,
    TransactionStats,
)
from loadgrpc.stats.window import Occurrence

PARTS_PER_MILLION: Final = 1_000_000

Read = Callable[[Reading, Where], Amount | None]
"""What a metric comes to in a window. None: there is nothing of what is meant."""


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A row."""

    name: str
    what: str
    """What it is, as a phrase for people: `response times of hits`."""
    keys: tuple[str, ...] = ()
    """What can be selected by."""
    values: Unit | None = None
    """What its single values are measured in, of which there is an average. None: it is a count."""
    own: tuple[str, ...] = ()
    """Its aggregates, if they are others than those that its values have in general."""
    scale: int = 1
    """How many of what is counted make one of its values."""
    share_of: str = ""
    """What `rate` is a share of. Empty: it has no such share."""
    read: Read | None = None
    """None: it is known for the run as a whole only."""
    of_run: Callable[[RunFacts], Amount] | None = None
    bare: Unit | None = None
    """What its value without an aggregate is measured in. None: it needs one."""

    @cached_property
    def aggregates(self) -> tuple[str, ...]:
        """Those that make sense of it; `pN` stands for all percentiles."""
        if self.own:
            return self.own
        if self.values is None:
            return ("count", "rate") if self.share_of else ("count",)
        spread = ("avg", "min", "max")
        return (*spread, "pN") if self.values is Unit.TIME else spread


OF_HITS: Final = ("scenario", "name", "method", "protocol", "status", "tag", *APART)
OF_MEASURES: Final = ("scenario", "name")
OF_ITERATIONS: Final = ("scenario", *APART)
OF_SCENARIO: Final = ("scenario",)


def _response(reading: Reading, where: Where) -> Amount | None:
    stats = reading.hits(where)
    return None if stats is None else Amount(times=stats.response)


def _service(reading: Reading, where: Where) -> Amount | None:
    stats = reading.hits(where)
    return None if stats is None else Amount(times=stats.elapsed)


def _hits(reading: Reading, where: Where) -> Amount | None:
    stats = reading.hits(where)
    return None if stats is None else Amount(count=stats.count)


def _failed(reading: Reading, where: Where) -> Amount | None:
    stats = reading.hits(where)
    return None if stats is None else Amount(count=stats.failed, of=stats.count)


def _of_iterations(kind: Occurrence) -> Read:
    def read(reading: Reading, where: Where) -> Amount | None:
        whole = _ended(reading, Occurrence.ITERATIONS, where)
        if whole is None:
            return None
        if kind is Occurrence.ITERATIONS:
            return Amount(count=whole)
        return Amount(count=_ended(reading, kind, where) or 0, of=whole)

    return read


def _ended(reading: Reading, kind: Occurrence, where: Where) -> int | None:
    """How many iterations ended so. None: none of those that are meant did in the window."""
    if not where.of:
        return reading.counted(kind, where)
    came = reading.came(where)
    if came is None or not came.finished:
        return None
    return came.finished if kind is Occurrence.ITERATIONS else came.outcomes[_OUTCOMES[kind]]


_OUTCOMES: Final = {
    Occurrence.FAILURES: TestOutcome.FAILURE,
    Occurrence.ERRORS: TestOutcome.ERROR,
}


def _dropped(reading: Reading, _: Where) -> Amount | None:
    found = reading.arrivals()
    return None if found is None else Amount(count=found.dropped, of=found.planned)


def _lag(reading: Reading, _: Where) -> Amount | None:
    lag = reading.lag()
    return Amount(times=lag) if lag.count else None


def _cpu(reading: Reading, _: Where) -> Amount | None:
    gauge = reading.cpu()
    return Amount(levels=gauge) if gauge.count else None


def _users(reading: Reading, _: Where) -> Amount | None:
    users, seconds = reading.users, reading.length_s
    if not users:
        return None
    return Amount(levels=Gauge(seconds, users * seconds, users, users))


def _checks(reading: Reading, where: Where) -> Amount | None:
    found = reading.measured(CheckStats, where)
    return None if found is None else Amount(count=found.passed + found.failed)


def _failed_checks(reading: Reading, where: Where) -> Amount | None:
    found = reading.measured(CheckStats, where)
    if found is None:
        return None
    return Amount(count=found.failed, of=found.passed + found.failed)


def _transaction(reading: Reading, where: Where) -> Amount | None:
    found = reading.measured(TransactionStats, where)
    return None if found is None else Amount(times=found.elapsed)


def _failed_transactions(reading: Reading, where: Where) -> Amount | None:
    found = reading.measured(TransactionStats, where)
    return None if found is None else Amount(count=found.failed, of=found.count)


def _measurement(reading: Reading, where: Where) -> Amount | None:
    found = reading.measured(MeasurementStats, where)
    return None if found is None else Amount(times=found.millionths)


def _gauge(reading: Reading, where: Where) -> Amount | None:
    found = reading.measured(GaugeStats, where)
    return None if found is None else Amount(levels=Gauge(1, found.last, found.min, found.max))


def _loss(facts: RunFacts) -> Amount:
    return Amount(count=facts.lost, of=facts.produced)


def _rules(facts: RunFacts) -> Amount:
    return Amount(count=facts.exercised, of=facts.rules) if facts.rules else NOTHING


TABLE: Final = (
    Metric(
        name="response",
        what="response times of hits",
        keys=OF_HITS,
        values=Unit.TIME,
        read=_response,
    ),
    Metric(
        name="service",
        what="service times of hits",
        keys=OF_HITS,
        values=Unit.TIME,
        read=_service,
    ),
    Metric(name="hits", what="hits", keys=OF_HITS, bare=Unit.NUMBER, read=_hits),
    Metric(
        name="failed",
        what="failed hits",
        keys=OF_HITS,
        share_of="hits",
        bare=Unit.NUMBER,
        read=_failed,
    ),
    Metric(
        name="iterations",
        what="iterations that have ended",
        keys=OF_ITERATIONS,
        bare=Unit.NUMBER,
        read=_of_iterations(Occurrence.ITERATIONS),
    ),
    Metric(
        name="failures",
        what="iterations with a failed assertion",
        keys=OF_ITERATIONS,
        share_of="iterations",
        bare=Unit.NUMBER,
        read=_of_iterations(Occurrence.FAILURES),
    ),
    Metric(
        name="errors",
        what="iterations that ended with an error",
        keys=OF_ITERATIONS,
        share_of="iterations",
        bare=Unit.NUMBER,
        read=_of_iterations(Occurrence.ERRORS),
    ),
    Metric(
        name="late",
        what="iterations that started more than 10 ms after their planned start",
        keys=OF_SCENARIO,
        share_of="iterations",
        bare=Unit.NUMBER,
        read=_of_iterations(Occurrence.LATE),
    ),
    Metric(
        name="dropped",
        what="arrivals that were dropped, because no user was free",
        share_of="arrivals",
        bare=Unit.NUMBER,
        read=_dropped,
    ),
    Metric(
        name="checks",
        what="conditions that the test checked",
        keys=OF_MEASURES,
        bare=Unit.NUMBER,
        read=_checks,
    ),
    Metric(
        name="failed_checks",
        what="checked conditions that did not hold",
        keys=OF_MEASURES,
        share_of="checks",
        bare=Unit.NUMBER,
        read=_failed_checks,
    ),
    Metric(
        name="transaction",
        what="times of transactions",
        keys=OF_MEASURES,
        values=Unit.TIME,
        read=_transaction,
    ),
    Metric(
        name="failed_transactions",
        what="failed transactions",
        keys=OF_MEASURES,
        share_of="transactions",
        bare=Unit.NUMBER,
        read=_failed_transactions,
    ),
    Metric(
        name="measurement",
        what="values that the test recorded",
        keys=OF_MEASURES,
        values=Unit.NUMBER,
        own=("avg", "min", "max", "pN"),
        scale=MILLIONTHS,
        read=_measurement,
    ),
    Metric(
        name="gauge",
        what="levels that the test reported",
        keys=OF_MEASURES,
        values=Unit.NUMBER,
        own=("min", "max"),
        read=_gauge,
    ),
    Metric(
        name="lag",
        what="lags of the processes that generate the load",
        values=Unit.TIME,
        read=_lag,
    ),
    Metric(
        name="cpu",
        what="shares of their CPU time that processes of the generator use",
        values=Unit.SHARE,
        read=_cpu,
    ),
    Metric(
        name="users",
        what="virtual users that are alive",
        values=Unit.NUMBER,
        read=_users,
    ),
    Metric(
        name="loss",
        what="lost events",
        share_of="events",
        bare=Unit.NUMBER,
        of_run=_loss,
    ),
    Metric(
        name="rules",
        what="share of the rules of decision tables that were exercised",
        share_of="rules",
        bare=Unit.SHARE,
        of_run=_rules,
    ),
)
METRICS: Final = {metric.name: metric for metric in TABLE}
"""By name. Every other name is that of a counter of the test."""


def counter(name: str) -> Metric:
    """The metric that is a counter of the test."""

    def read(reading: Reading, where: Where) -> Amount | None:
        count = reading.counted(Occurrence.COUNTER, where, name)
        return None if count is None else Amount(count=count)

    return Metric(
        name=name,
        what=f"the counter {name!r} of the test",
        keys=OF_SCENARIO,
        bare=Unit.NUMBER,
        read=read,
    )
