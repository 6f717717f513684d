"""What a batch says, one by one: rows and the entries of blocks as equal values.

Rule: a row and an entry that say the same are the same value. What is malformed is there too,
as INVALID, because it takes its numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from itertools import repeat

from loadgrpc.model import TestOutcome
from loadgrpc.protocol.times import duration_from_proto, timestamp_from_proto
from loadgrpc.v1 import event_pb2, runner_pb2


class Fact(Enum):
    """What happened."""

    START = "test_start"
    STOP = "test_stop"
    OUTCOME = "outcome"
    ITERATION = "iteration"
    """A whole one: start, outcome and stop."""
    HIT = "hit"
    OTHER = "other"
    INVALID = "invalid"


OF_ITERATIONS = (
    Fact.START,
    Fact.OUTCOME,
    Fact.STOP,
    Fact.ITERATION,
)
OF_USERS = (*OF_ITERATIONS, Fact.HIT)


@dataclass(frozen=True)
class LoadPlace:
    """Where in the load something happened: LoadStatus."""

    cycle: int
    user: int
    iteration: int
    users: int
    iterations: int
    case: str = ""


@dataclass(frozen=True)
class Happening:
    """One event. Times are nanoseconds by the runner's clock; None: it does not say."""

    kind: Fact
    place: LoadPlace | None = None
    end_ns: int | None = None
    """When it happened; of what lasts, when it ended."""
    elapsed_ns: int | None = None
    test: str = ""
    outcome: TestOutcome | None = None
    exception: tuple[str, str] = ("", "")
    """Type and message."""
    name: str = ""
    method: str = ""
    status: int = 0
    error: int = 0
    protocol: str = ""
    failed: bool | None = None
    delay_ns: int = 0
    """How long after its planned start it started; negative: it was planned later."""
    attempt: int = 0
    other: bytes = b""
    """What else it is, as it came."""

    @property
    def start_ns(self) -> int | None:
        """When it began."""
        return None if self.end_ns is None else self.end_ns - (self.elapsed_ns or 0)


_OUTCOMES = {
    "test_success": TestOutcome.SUCCESS,
    "test_failure": TestOutcome.FAILURE,
    "test_error": TestOutcome.ERROR,
}


def unfold(batch: runner_pb2.EventBatch) -> Iterator[Happening]:
    """The events of a batch, in the order of their numbers."""
    for row in batch.events:
        yield _row(row)
    for hits in batch.hit_blocks:
        yield from _hits(hits)
    for tests in batch.test_blocks:
        yield from _iterations(tests)


def _row(row: event_pb2.Event) -> Happening:
    kind = row.WhichOneof("event")
    status = row.status
    place = (
        LoadPlace(
            status.cycle,
            status.current_user,
            status.current_iteration,
            status.users,
            status.iterations,
            status.case,
        )
        if row.HasField("status")
        else None
    )
    time_ns = timestamp_from_proto(row.time) if row.HasField("time") else None
    if kind == "hit":
        hit = row.hit
        elapsed_ns = duration_from_proto(hit.elapsed) if hit.HasField("elapsed") else None
        return Happening(
            Fact.HIT,
            place,
            time_ns,
            elapsed_ns,
            name=hit.name or hit.url,
            method=hit.method,
            status=hit.status,
            error=hit.error,
            protocol=hit.protocol,
            failed=hit.failed if hit.HasField("failed") else None,
            delay_ns=_delay_ns(hit, time_ns),
            attempt=hit.attempt,
        )
    if kind == "test_start":
        return Happening(Fact.START, place, time_ns, test=row.test_start.test)
    if kind == "test_stop":
        return Happening(Fact.STOP, place, time_ns, test=row.test_stop.test)
    if kind in _OUTCOMES:
        body = getattr(row, kind)
        exception = ("", "")
        if kind != "test_success":
            exception = (body.exception.type, body.exception.message)
        outcome = _OUTCOMES[kind]
        return Happening(
            Fact.OUTCOME,
            place,
            time_ns,
            test=body.test,
            outcome=outcome,
            exception=exception,
        )
    other = row.SerializeToString(deterministic=True)
    return Happening(Fact.OTHER if kind else Fact.INVALID, place, time_ns, other=other)


def _delay_ns(hit: event_pb2.Hit, end_ns: int | None) -> int:
    """How long after its planned start a hit started, as far as it says when that was."""
    if not hit.HasField("planned_start_time"):
        return 0
    planned_ns = timestamp_from_proto(hit.planned_start_time)
    if hit.HasField("start_time"):
        return timestamp_from_proto(hit.start_time) - planned_ns
    return 0 if end_ns is None else end_ns - duration_from_proto(hit.elapsed) - planned_ns


def _hits(block: event_pb2.HitBlock) -> Iterator[Happening]:
    columns = _columns(
        block, "label", "case", "start_ns", "elapsed_ns", "user", "iteration", "delay_ns", "attempt"
    )
    if columns is None:
        yield from repeat(Happening(Fact.INVALID), block.count)
        return
    base_ns = timestamp_from_proto(block.base_time)
    for label, case, start_ns, elapsed_ns, user, iteration, *more in zip(*columns, strict=True):
        said = block.labels[label]
        yield Happening(
            Fact.HIT,
            _place(block, user, iteration, case),
            base_ns + start_ns + elapsed_ns,
            elapsed_ns,
            name=said.name,
            method=said.method,
            status=said.status,
            error=said.error,
            protocol=said.protocol,
            failed=said.failed if said.HasField("failed") else None,
            delay_ns=more[0],
            attempt=more[1],
        )


def _iterations(block: event_pb2.TestBlock) -> Iterator[Happening]:
    columns = _columns(
        block, "label", "case", "start_ns", "elapsed_ns", "user", "iteration", "delay_ns"
    )
    if columns is None:
        yield from repeat(Happening(Fact.INVALID), block.count)
        return
    base_ns = timestamp_from_proto(block.base_time)
    for label, case, start_ns, elapsed_ns, user, iteration, delay_ns in zip(*columns, strict=True):
        said = block.labels[label]
        known = said.outcome in set(TestOutcome)
        yield Happening(
            Fact.ITERATION,
            _place(block, user, iteration, case),
            base_ns + start_ns + elapsed_ns,
            elapsed_ns,
            test=said.test,
            outcome=TestOutcome(said.outcome) if known else None,
            exception=(said.exception.type, said.exception.message),
            delay_ns=delay_ns,
        )


def _place(
    block: event_pb2.HitBlock | event_pb2.TestBlock, user: int, iteration: int, case: int
) -> LoadPlace:
    status, name = block.status, block.cases[case - 1] if case else ""
    return LoadPlace(status.cycle, user, iteration, status.users, status.iterations, name)


def _columns(
    block: event_pb2.HitBlock | event_pb2.TestBlock, *names: str
) -> list[list[int]] | None:
    """Columns of a block, the first two of which point to labels and cases.

    None: one of them has no width, or points to what is not there.
    """
    found = []
    for name in names:
        data: bytes = getattr(block, name)
        width, remainder = divmod(len(data), block.count) if block.count else (0, 1)
        if remainder or width not in (0, 1, 2, 4, 8):
            return None
        found.append(
            [int.from_bytes(data[at : at + width], "little") for at in range(0, len(data), width)]
            if width
            else [0] * block.count
        )
    labels, cases = max(found[0], default=0), max(found[1], default=0)
    return found if labels < len(block.labels) and cases <= len(block.cases) else None
