"""Batches of events, decoded: rows and columns become NumPy columns and a few plain rows.

Rule: what a stranger sends is checked here, entry by entry for rows and block by block
for blocks; what is wrong is counted and named, never raised. Everything is in the order
of its sequence numbers: rows, hit blocks, test blocks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import numpy as np
from google.protobuf import any_pb2, timestamp_pb2
from numpy.typing import NDArray

from loadgrpc.errors import InvalidRequest
from loadgrpc.model import ExceptionInfo, GeneratorState, HitError, TestOutcome
from loadgrpc.protocol import home
from loadgrpc.protocol.convert import exception_from_proto, generator_state_from_proto
from loadgrpc.protocol.times import duration_from_proto, timestamp_from_proto
from loadgrpc.v1 import event_pb2, runner_pb2

Column = NDArray[np.int64]

MAX_ENTRIES: Final = 1_000_000
"""Entries that the blocks of a batch may have together: empty columns declare them for nothing."""
MAX_VIOLATIONS: Final = 10
MAX_NAME_CHARS: Final = 256
_UNREAD_OF_HITS: Final = ("delay_ns", "first_byte_ns", "connect_ns", "user", "iteration", "url")
_UNREAD_OF_TESTS: Final = ("user", "iteration")
"""Columns that nothing here counts; they are looked at for their length only."""
_FAILED_FROM: Final = 400
_WIDTHS: Final = {1: "<u1", 2: "<u2", 4: "<u4", 8: "<u8"}
_MAX_NS: Final = 2**63 - 1
_HIT_ERRORS: Final = {kind.value: kind for kind in HitError}
MAX_SIZE: Final = 2**40
"""Bytes of a hit, in one direction: sums over millions of hits stay whole numbers of 64 bits."""


class HitLabel(NamedTuple):
    """What hits of one series have in common."""

    name: str
    method: str
    status: int
    error: HitError
    error_message: str

    @property
    def answered(self) -> bool:
        """Whether there was a whole answer."""
        return self.error is HitError.NONE

    @property
    def failed(self) -> bool:
        """Whether hits of this label count as failed."""
        return not self.answered or self.status >= _FAILED_FROM


class IterationLabel(NamedTuple):
    """What iterations of one kind have in common."""

    test: str
    outcome: TestOutcome
    exception: ExceptionInfo | None


@dataclass(frozen=True)
class Hits:
    """Hits as columns of equal length; times are wall-clock nanoseconds of the runner."""

    labels: Sequence[HitLabel]
    label: Column
    start_ns: Column
    elapsed_ns: Column
    bytes_sent: Column
    bytes_received: Column


@dataclass(frozen=True)
class Iterations:
    """Whole iterations as columns of equal length."""

    labels: Sequence[IterationLabel]
    label: Column
    start_ns: Column
    elapsed_ns: Column
    user: NDArray[np.unsignedinteger[Any]] = field(default_factory=lambda: np.zeros(0, np.uint8))
    """As it came, which is cheap; empty: not told."""
    cycle: int = 0
    """0: not told."""


class UsersTold(NamedTuple):
    """What a runner says of its users."""

    cycle: int
    """0: not told."""
    active: int
    started: int | None
    """So far in the cycle. None: not told."""


@dataclass
class Decoded:
    """A batch, decoded. What rows say of iterations is counted apart from whole iterations."""

    hits: list[Hits] = field(default_factory=list)
    iterations: list[Iterations] = field(default_factory=list)
    starts: int = 0
    """Rows that say an iteration began."""
    stops: int = 0
    """Rows that say an iteration ended."""
    outcomes: list[IterationLabel] = field(default_factory=list)
    """Rows that say how an iteration ended."""
    counters: list[tuple[str, int]] = field(default_factory=list)
    users: list[UsersTold] = field(default_factory=list)
    """What runners say of their users, the latest last."""
    user_starts: set[tuple[int, int]] = field(default_factory=set)
    """Cycle and user of the rows that say an iteration began, as far as they tell."""
    generator: list[tuple[GeneratorState, int]] = field(default_factory=list)
    """How processes kept up, each with the moment it tells of (wall clock)."""
    first_ns: int | None = None
    """The earliest moment that rows about iterations name."""
    last_ns: int | None = None
    """The latest."""
    rejected: int = 0
    rejected_hits: int = 0
    violations: list[str] = field(default_factory=list)
    """What is wrong with the rejected, a sentence each; the first ten."""

    @property
    def hit_count(self) -> int:
        """Valid hits of the batch."""
        return sum(len(hits.label) for hits in self.hits)

    def reject(self, count: int, violation: str) -> None:
        """Counts `count` events as rejected."""
        self.rejected += count
        if len(self.violations) < MAX_VIOLATIONS:
            self.violations.append(violation)


def decode(batch: runner_pb2.EventBatch, *, arrival_ns: int, skip: int = 0) -> Decoded:
    """The events of `batch` without the first `skip`.

    `arrival_ns` (wall clock) stands in for the time of rows that have none.
    """
    decoded = Decoded()
    rows = batch.events[skip:] if skip else batch.events
    decode_rows(rows, arrival_ns, decoded)
    skip = max(0, skip - len(batch.events))
    room = MAX_ENTRIES
    for at, hit_block in enumerate(batch.hit_blocks):
        try:
            hits = decode_hits(hit_block, room)
        except InvalidRequest as error:
            decoded.reject(max(0, hit_block.count - skip), f"hit_blocks[{at}]: {error}")
            decoded.rejected_hits += max(0, hit_block.count - skip)
        else:
            decoded.hits.append(_without_first(hits, skip) if skip else hits)
            room -= hit_block.count
        skip = max(0, skip - hit_block.count)
    for at, test_block in enumerate(batch.test_blocks):
        try:
            tests = decode_iterations(test_block, room)
        except InvalidRequest as error:
            decoded.reject(max(0, test_block.count - skip), f"test_blocks[{at}]: {error}")
        else:
            decoded.iterations.append(_iterations_without_first(tests, skip) if skip else tests)
            room -= test_block.count
        skip = max(0, skip - test_block.count)
    if batch.count and (unknown := batch.count - home.known(batch)) > skip:
        decoded.reject(unknown - skip, "of a kind that is not known here")
    return decoded


# Blocks


def decode_hits(block: event_pb2.HitBlock, room: int) -> Hits:
    """The hits of a block.

    Raises:
        InvalidRequest: it is malformed, or has more entries than there is `room` for.
    """
    base_ns, count = _base(block, room)
    labels = [_hit_label(label) for label in block.labels]
    elapsed_ns = column("elapsed_ns", block.elapsed_ns, count)
    for name in _UNREAD_OF_HITS:
        _width(name, getattr(block, name), count)
    return Hits(
        labels=labels,
        label=_indexes("label", block.label, count, len(labels)),
        start_ns=_starts(block.start_ns, base_ns, elapsed_ns),
        elapsed_ns=elapsed_ns,
        bytes_sent=column("bytes_sent", block.bytes_sent, count, MAX_SIZE),
        bytes_received=column("bytes_received", block.bytes_received, count, MAX_SIZE),
    )


def decode_iterations(block: event_pb2.TestBlock, room: int) -> Iterations:
    """The iterations of a block.

    Raises:
        InvalidRequest: as for hits.
    """
    base_ns, count = _base(block, room)
    labels = [_iteration_label(label) for label in block.labels]
    elapsed_ns = column("elapsed_ns", block.elapsed_ns, count)
    for name in _UNREAD_OF_TESTS:
        _width(name, getattr(block, name), count)
    return Iterations(
        labels=labels,
        label=_indexes("label", block.label, count, len(labels)),
        start_ns=_starts(block.start_ns, base_ns, elapsed_ns),
        elapsed_ns=elapsed_ns,
        user=np.frombuffer(block.user, _WIDTHS[len(block.user) // count or 1]),
        cycle=block.status.cycle,
    )


def _base(block: event_pb2.HitBlock | event_pb2.TestBlock, room: int) -> tuple[int, int]:
    if block.count == 0:
        raise InvalidRequest("count must be from 1")
    if block.count > room:
        raise InvalidRequest(f"the blocks of a batch have more than {MAX_ENTRIES} entries together")
    if not block.HasField("base_time"):
        raise InvalidRequest("base_time is required")
    return _moment("base_time", block.base_time), block.count


def _moment(name: str, message: timestamp_pb2.Timestamp) -> int:
    """A Timestamp as wall-clock nanoseconds that fit 63 bits: 1970 to 2262."""
    wall_ns = timestamp_from_proto(message)
    if not 0 <= wall_ns <= _MAX_NS:
        raise InvalidRequest(f"{name} is not between 1970 and 2262")
    return wall_ns


def _starts(data: bytes, base_ns: int, elapsed_ns: Column) -> Column:
    """The column start_ns as moments; refused when an entry would end after 2262."""
    starts = column("start_ns", data, len(elapsed_ns))
    if base_ns + int(starts.max()) + int(elapsed_ns.max()) > _MAX_NS:
        raise InvalidRequest("an entry is not between 1970 and 2262")
    return starts + base_ns


def column(name: str, data: bytes, count: int, most: int = _MAX_NS) -> Column:
    """The entries of a column.

    Raises:
        InvalidRequest: it has not `count` entries, or one over `most`.
    """
    if not data:
        return np.zeros(count, np.int64)
    width = _width(name, data, count)
    values = np.frombuffer(data, _WIDTHS[width])
    if width == 8 and values.max() > most:  # noqa: PLR2004 - the widest column
        raise InvalidRequest(f"column {name} has a value over {most}")
    return values.astype(np.int64)


def _width(name: str, data: bytes, count: int) -> int:
    """Bytes of an entry; 0 for an empty column."""
    width, remainder = divmod(len(data), count)
    if remainder or (data and width not in _WIDTHS):
        raise InvalidRequest(
            f"column {name} has {len(data)} bytes, which is not {count} entries of equal width"
        )
    return width


def _indexes(name: str, data: bytes, count: int, bound: int) -> Column:
    indexes = column(name, data, count)
    if indexes.max() >= bound:
        raise InvalidRequest(f"column {name} points to entry {indexes.max()} of {bound}")
    return indexes


def _hit_label(label: event_pb2.HitLabel) -> HitLabel:
    if not label.name:
        raise InvalidRequest("a label has no name")
    return _answered_or_not(
        label.name, label.method, label.status, label.error, label.error_message
    )


def _answered_or_not(name: str, method: str, status: int, error: int, message: str) -> HitLabel:
    """A label; the error alone tells an answered hit from one that was not."""
    kind = _HIT_ERRORS.get(error, HitError.OTHER)  # otherwise of a newer protocol
    return HitLabel(
        name[:MAX_NAME_CHARS], method[:MAX_NAME_CHARS], status, kind, message[:MAX_NAME_CHARS]
    )


def _iteration_label(label: event_pb2.TestLabel) -> IterationLabel:
    if not label.test:
        raise InvalidRequest("a label has no test")
    try:
        outcome = TestOutcome(label.outcome)
    except ValueError:
        raise InvalidRequest(f"a label has the unknown outcome {label.outcome}") from None
    exception = None
    if outcome in (TestOutcome.FAILURE, TestOutcome.ERROR):
        if not label.exception.type:
            raise InvalidRequest("a label of a failure or an error needs an exception with a type")
        exception = exception_from_proto(label.exception)
    return IterationLabel(label.test[:MAX_NAME_CHARS], outcome, exception)


def _without_first(hits: Hits, skip: int) -> Hits:
    return Hits(
        hits.labels,
        hits.label[skip:],
        hits.start_ns[skip:],
        hits.elapsed_ns[skip:],
        hits.bytes_sent[skip:],
        hits.bytes_received[skip:],
    )


def _iterations_without_first(tests: Iterations, skip: int) -> Iterations:
    return Iterations(
        tests.labels,
        tests.label[skip:],
        tests.start_ns[skip:],
        tests.elapsed_ns[skip:],
        tests.user[skip:],
        tests.cycle,
    )


# Rows


class _Labels:
    """The labels of rows, each once; a row finds its own by what it says, without making it."""

    def __init__(self) -> None:
        self.places: dict[HitLabel, int] = {}
        self._known: dict[tuple[str, str, str, int, int, str], int] = {}

    def place(self, hit: event_pb2.Hit) -> int:
        """Where the label of a hit stands."""
        name = hit.name
        said = (name, name or hit.url, hit.method, hit.status, hit.error, hit.error_message)
        place = self._known.get(said)
        if place is None:
            name = name or hit.url.partition("#")[0].partition("?")[0]
            if not name:
                raise InvalidRequest("needs a name or a url")
            label = _answered_or_not(name, *said[2:])
            place = self._known[said] = self.places.setdefault(label, len(self.places))
        return place


def decode_rows(rows: Iterable[event_pb2.Event], arrival_ns: int, decoded: Decoded) -> None:
    """Adds what rows say to `decoded`; rejects those that are not valid."""
    labels = _Labels()
    hits: list[int] = []
    for row in rows:
        kind = row.WhichOneof("event")
        try:
            # Asking for a field costs as much as reading it: only a zero may be none.
            time_ns = _moment("time", row.time)
            if not time_ns and not row.HasField("time"):
                time_ns = arrival_ns
            if kind == "hit":
                hits += _row_hit(row.hit, time_ns, labels)
            else:
                _decode_row(row, kind, time_ns, decoded)
        except InvalidRequest as error:
            decoded.reject(1, f"{kind or 'event'}: {error}")
            decoded.rejected_hits += kind == "hit"
    if hits:
        columns = np.array(hits, np.int64).reshape(-1, 5).T
        decoded.hits.append(Hits(list(labels.places), *columns))


def _row_hit(hit: event_pb2.Hit, end_ns: int, labels: _Labels) -> tuple[int, int, int, int, int]:
    """A hit as the columns of Hits have it."""
    label = labels.place(hit)
    elapsed_ns = duration_from_proto(hit.elapsed)
    if elapsed_ns <= 0:
        if not hit.HasField("elapsed"):
            raise InvalidRequest("needs elapsed")
        if elapsed_ns < 0:
            raise InvalidRequest("elapsed is negative")
    sent, received = hit.bytes_sent, hit.bytes_received
    if sent > MAX_SIZE or received > MAX_SIZE:
        raise InvalidRequest(f"a size is over {MAX_SIZE}")
    start_ns = (
        _moment("start_time", hit.start_time) if hit.HasField("start_time") else end_ns - elapsed_ns
    )
    if start_ns < 0 or start_ns + elapsed_ns > _MAX_NS:
        raise InvalidRequest("is not between 1970 and 2262")
    return label, start_ns, elapsed_ns, sent, received


_OUTCOMES: Final = {
    "test_success": TestOutcome.SUCCESS,
    "test_failure": TestOutcome.FAILURE,
    "test_error": TestOutcome.ERROR,
}


def _decode_row(row: event_pb2.Event, kind: str | None, time_ns: int, decoded: Decoded) -> None:
    if kind is None:
        raise InvalidRequest("nothing is set, or only something unknown here")
    if kind == "state":
        state = row.state
        started = state.started_users if state.HasField("started_users") else None
        decoded.users.append(UsersTold(row.status.cycle, state.active_users, started))
    elif kind == "generator":
        decoded.generator.append((generator_state_from_proto(row.generator), time_ns))
    elif kind == "counter":
        if not row.counter.name:
            raise InvalidRequest("needs a name")
        increment = row.counter.increment if row.counter.HasField("increment") else 1
        decoded.counters.append((row.counter.name[:MAX_NAME_CHARS], increment))
    elif kind == "custom":
        _check_custom(row.custom)
    else:
        _decode_iteration(getattr(row, kind), kind, time_ns, decoded)
        if kind == "test_start" and (user := row.status.current_user):
            decoded.user_starts.add((row.status.cycle, user))


def _check_custom(custom: any_pb2.Any) -> None:
    """What it says is for others to read: it counts nowhere."""
    if not custom.type_url.rpartition("/")[2] or "/" not in custom.type_url:
        raise InvalidRequest("needs a type_url, as type.googleapis.com/acme.Order")
    if len(custom.value) > home.MAX_CUSTOM_BYTES:
        raise InvalidRequest(f"has {len(custom.value)} bytes, over {home.MAX_CUSTOM_BYTES}")


def _decode_iteration(body: Any, kind: str, time_ns: int, decoded: Decoded) -> None:
    """What a row says of an iteration."""
    if not body.test:
        raise InvalidRequest("needs a test")
    if kind == "test_start":
        decoded.starts += 1
    elif kind == "test_stop":
        decoded.stops += 1
    else:
        outcome = _OUTCOMES[kind]
        if outcome is TestOutcome.SUCCESS:
            exception = None
        elif body.exception.type:
            exception = exception_from_proto(body.exception)
        else:
            raise InvalidRequest("needs an exception with a type")
        label = IterationLabel(body.test[:MAX_NAME_CHARS], outcome, exception)
        decoded.outcomes.append(label)
    decoded.first_ns = time_ns if decoded.first_ns is None else min(decoded.first_ns, time_ns)
    decoded.last_ns = time_ns if decoded.last_ns is None else max(decoded.last_ns, time_ns)
