"""Batches of events, decoded: rows and columns become NumPy columns and a few plain rows.

Rule: what a stranger sends is checked here, entry by entry for rows and block by block
for blocks; what is wrong is counted and named, never raised. Everything is in the order
of its sequence numbers: rows, hit blocks, test blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import numpy as np
from google.protobuf import any_pb2, duration_pb2, timestamp_pb2
from numpy.typing import NDArray

from loadgrpc.errors import InvalidRequest
from loadgrpc.model import MAX_PROCESSES, ExceptionInfo, GeneratorState, HitError, TestOutcome
from loadgrpc.protocol import bounds, home
from loadgrpc.protocol.events import exception_from_proto, generator_state_from_proto
from loadgrpc.secrets import without_user
from loadgrpc.v1 import event_pb2, runner_pb2

Column = NDArray[np.int64]

MAX_VIOLATIONS: Final = 10
ROWS_AT_ONCE: Final = 1_000
BLOCKS_AT_ONCE: Final = 50
STATES_AT_ONCE: Final = 200
"""Rows, and blocks, that are decoded without a turn for others."""
_COLUMNS_OF_HITS: Final = tuple(
    field.name for field in event_pb2.HitBlock.DESCRIPTOR.fields if field.type == field.TYPE_BYTES
)
_COLUMNS_OF_TESTS: Final = tuple(
    field.name for field in event_pb2.TestBlock.DESCRIPTOR.fields if field.type == field.TYPE_BYTES
)
"""All columns have the length of their block; that is seen before anything is made of one."""
_FAILED_FROM: Final = 400
_MAX_NAME_CHARS: Final = bounds.MAX_NAME_CHARS
_WIDTHS: Final = {1: "<u1", 2: "<u2", 4: "<u4", 8: "<u8"}
_MAX_NS: Final = 2**63 - 1
_NS_PER_S: Final = 1_000_000_000
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
    cycle: int = 0
    """0: not reported."""


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
    """How processes kept up, each with the end of its interval (wall clock)."""
    lines: int = 0
    """Lines that processes printed."""
    lines_left_out: int = 0
    """Lines that runners say they left out."""
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

    def surplus(self) -> Iterator[Decoded]:
        """Takes out states of generators, some at a time, until there are few: each costs work."""
        while len(self.generator) > STATES_AT_ONCE:
            some, self.generator = (
                self.generator[:STATES_AT_ONCE],
                self.generator[STATES_AT_ONCE:],
            )
            yield Decoded(generator=some)

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
    for _ in decoding(batch, decoded, arrival_ns=arrival_ns, skip=skip):
        pass
    return decoded


def decoding(
    batch: runner_pb2.EventBatch, decoded: Decoded, *, arrival_ns: int, skip: int = 0
) -> Iterator[None]:
    """As `decode`, into `decoded`, in steps between which others may have their turn."""
    rows = batch.events[skip:] if skip else batch.events
    reading = Rows(arrival_ns, decoded)
    if len(rows) <= ROWS_AT_ONCE:
        reading.add(rows)
    else:
        for first in range(0, len(rows), ROWS_AT_ONCE):
            reading.add(rows[first : first + ROWS_AT_ONCE])
            yield
    reading.end()
    skip = max(0, skip - len(batch.events))
    room = Room()
    kinds: tuple[tuple[str, Any, Callable[..., None]], ...] = (
        ("hit_blocks", batch.hit_blocks, _read_hits),
        ("test_blocks", batch.test_blocks, _read_tests),
    )
    for name, blocks, read in kinds:
        for at, block in enumerate(blocks, 1):
            if not at % BLOCKS_AT_ONCE:
                yield
            count = block.count
            try:
                read(block, room, skip, decoded)
            except InvalidRequest as error:
                rejected = max(0, count - skip)
                decoded.reject(rejected, f"{name}[{at - 1}]: {error}")
                decoded.rejected_hits += rejected if read is _read_hits else 0
            skip = max(0, skip - count)
    if batch.count and (unknown := batch.count - home.known(batch)) > skip:
        decoded.reject(unknown - skip, "of a kind that is not known here")


def _read_hits(block: event_pb2.HitBlock, room: Room, skip: int, decoded: Decoded) -> None:
    hits = decode_hits(block, room)
    decoded.hits.append(_without_first(hits, skip) if skip else hits)


def _read_tests(block: event_pb2.TestBlock, room: Room, skip: int, decoded: Decoded) -> None:
    tests = decode_iterations(block, room)
    decoded.iterations.append(_iterations_without_first(tests, skip) if skip else tests)


# Blocks


class Room:
    """How many entries the blocks of a batch may still have.

    A block takes its room before it is looked at: one that is rejected costs what others cost.
    """

    def __init__(self) -> None:
        self._left = bounds.MAX_BATCH_ENTRIES

    def take(self, block: event_pb2.HitBlock | event_pb2.TestBlock) -> int:
        """Takes the room of a block, and tells its entries.

        Raises:
            InvalidRequest: it has none, or there is no room for them.
        """
        count = block.count
        if count == 0:
            raise InvalidRequest("count must be from 1")
        if count > self._left:
            most = bounds.MAX_BATCH_ENTRIES
            raise InvalidRequest(f"the blocks of a batch have more than {most} entries together")
        self._left -= count
        return count


def decode_hits(block: event_pb2.HitBlock, room: Room) -> Hits:
    """The hits of a block.

    Raises:
        InvalidRequest: it is malformed, or there is no room for it.
    """
    count, base_ns = room.take(block), _base(block)
    for name in _COLUMNS_OF_HITS:
        _width(name, getattr(block, name), count)
    labels = [_hit_label(label) for label in block.labels]
    elapsed_ns = column("elapsed_ns", block.elapsed_ns, count)
    return Hits(
        labels=labels,
        label=_indexes("label", block.label, count, len(labels)),
        start_ns=_starts(block.start_ns, base_ns, elapsed_ns),
        elapsed_ns=elapsed_ns,
        bytes_sent=column("bytes_sent", block.bytes_sent, count, MAX_SIZE),
        bytes_received=column("bytes_received", block.bytes_received, count, MAX_SIZE),
        cycle=block.status.cycle,
    )


def decode_iterations(block: event_pb2.TestBlock, room: Room) -> Iterations:
    """The iterations of a block.

    Raises:
        InvalidRequest: as for hits.
    """
    count, base_ns = room.take(block), _base(block)
    for name in _COLUMNS_OF_TESTS:
        _width(name, getattr(block, name), count)
    labels = [_iteration_label(label) for label in block.labels]
    elapsed_ns = column("elapsed_ns", block.elapsed_ns, count)
    return Iterations(
        labels=labels,
        label=_indexes("label", block.label, count, len(labels)),
        start_ns=_starts(block.start_ns, base_ns, elapsed_ns),
        elapsed_ns=elapsed_ns,
        user=np.frombuffer(block.user, _WIDTHS[len(block.user) // count or 1]),
        cycle=block.status.cycle,
    )


def _base(block: event_pb2.HitBlock | event_pb2.TestBlock) -> int:
    """What the starts of a block count from; refused when it can have no valid entry."""
    if not block.labels:
        raise InvalidRequest("it has no labels")
    if not block.HasField("base_time"):
        raise InvalidRequest("base_time is required")
    return _moment("base_time", block.base_time)


def _moment(name: str, message: timestamp_pb2.Timestamp) -> int:
    """A Timestamp as wall-clock nanoseconds that fit 63 bits: 1970 to 2262."""
    nanos = message.nanos
    if 0 <= nanos < _NS_PER_S and 0 <= (wall_ns := message.seconds * _NS_PER_S + nanos) <= _MAX_NS:
        return wall_ns
    raise InvalidRequest(f"{name} {bounds.moment_broken(message)}")


def _span(name: str, message: duration_pb2.Duration) -> int:
    """A Duration, not negative, as nanoseconds that fit 63 bits."""
    nanos = message.nanos
    if 0 <= nanos < _NS_PER_S and 0 <= (span_ns := message.seconds * _NS_PER_S + nanos) <= _MAX_NS:
        return span_ns
    raise InvalidRequest(f"{name} {bounds.span_broken(message, 0, bounds.MAX_MOMENT_S)}")


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
        name if len(name) <= _MAX_NAME_CHARS else bounds.short_name(name),
        method if len(method) <= _MAX_NAME_CHARS else bounds.short_name(method),
        status,
        kind,
        message[:_MAX_NAME_CHARS],
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
    return IterationLabel(bounds.short_name(label.test), outcome, exception)


def _without_first(hits: Hits, skip: int) -> Hits:
    return Hits(
        hits.labels,
        hits.label[skip:],
        hits.start_ns[skip:],
        hits.elapsed_ns[skip:],
        hits.bytes_sent[skip:],
        hits.bytes_received[skip:],
        hits.cycle,
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


_Said = tuple[str, str, str, int, int, str]
"""The name of a hit, the name or the URL, and the rest of its label."""


class _Labels:
    """The labels of rows, each once; a row finds its own by what it says, without making it."""

    def __init__(self) -> None:
        self.places: dict[HitLabel, int] = {}
        self.known: dict[_Said, int] = {}
        """Where the label of a hit stands that says this."""

    def learn(self, said: _Said) -> int:
        """Where the label of such a hit stands, which was not known.

        Raises:
            InvalidRequest: it has neither a name nor a URL.
        """
        name, url = said[:2]
        name = name or without_user(url.partition("#")[0].partition("?")[0])
        if not name:
            raise InvalidRequest("needs a name or a url")
        label = _answered_or_not(name, *said[2:])
        place = self.known[said] = self.places.setdefault(label, len(self.places))
        return place


class Rows:
    """Reads rows into `decoded`, piece by piece; rejects those that are not valid."""

    def __init__(self, arrival_ns: int, decoded: Decoded) -> None:
        self._arrival_ns = arrival_ns
        self._decoded = decoded
        self._labels = _Labels()
        self._hits: list[int] = []

    def add(self, rows: Iterable[event_pb2.Event]) -> None:
        """Reads some."""
        labels, hits, decoded = self._labels, self._hits, self._decoded
        for row in rows:
            # To ask for one costs less than to ask which.
            kind = "hit" if row.HasField("hit") else row.WhichOneof("event")
            try:
                time = row.time
                nanos = time.nanos
                time_ns = time.seconds * _NS_PER_S + nanos
                # Asking for a field costs as much as reading it: only a zero may be none.
                if not (0 < time_ns <= _MAX_NS and 0 <= nanos < _NS_PER_S):
                    time_ns = _moment("time", time) if row.HasField("time") else self._arrival_ns
                if kind == "hit":
                    hits += _row_hit(row.hit, time_ns, labels)
                else:
                    _decode_row(row, kind, time_ns, decoded)
            except InvalidRequest as error:
                decoded.reject(1, f"{kind or 'event'}: {error}")
                decoded.rejected_hits += kind == "hit"

    def end(self) -> None:
        """There are no more: what were hits are columns."""
        if self._hits:
            columns = np.array(self._hits, np.int64).reshape(-1, 5).T
            self._decoded.hits.append(Hits(list(self._labels.places), *columns))


def _row_hit(hit: event_pb2.Hit, end_ns: int, labels: _Labels) -> tuple[int, int, int, int, int]:
    """A hit as the columns of Hits have it."""
    name = hit.name
    said = (name, name or hit.url, hit.method, hit.status, hit.error, hit.error_message)
    label = labels.known.get(said)
    if label is None:
        label = labels.learn(said)
    elapsed, has = hit.elapsed, hit.HasField
    nanos = elapsed.nanos
    elapsed_ns = elapsed.seconds * _NS_PER_S + nanos
    if not (0 < elapsed_ns <= _MAX_NS and 0 <= nanos < _NS_PER_S):
        if not has("elapsed"):
            raise InvalidRequest("needs elapsed")
        elapsed_ns = _span("elapsed", elapsed)
    sent, received = hit.bytes_sent, hit.bytes_received
    if sent > MAX_SIZE or received > MAX_SIZE:
        raise InvalidRequest(f"a size is over {MAX_SIZE}")
    start_ns = _moment("start_time", hit.start_time) if has("start_time") else end_ns - elapsed_ns
    if start_ns < 0 or start_ns + elapsed_ns > _MAX_NS:
        raise InvalidRequest("is not between 1970 and 2262")
    # Nothing here counts these, but whoever lists events has to be able to say them.
    if has("time_to_first_byte"):
        _span("time_to_first_byte", hit.time_to_first_byte)
    if has("connect"):
        _span("connect", hit.connect)
    if has("planned_start_time"):
        _moment("planned_start_time", hit.planned_start_time)
    return label, start_ns, elapsed_ns, sent, received


_OUTCOMES: Final = {
    "test_success": TestOutcome.SUCCESS,
    "test_failure": TestOutcome.FAILURE,
    "test_error": TestOutcome.ERROR,
}


def _decode_row(row: event_pb2.Event, kind: str | None, time_ns: int, decoded: Decoded) -> None:
    if kind is None:
        raise InvalidRequest("nothing is set that is known here")
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
        decoded.counters.append((bounds.short_name(row.counter.name), increment))
    elif kind == "custom":
        _check_custom(row.custom)
    elif kind == "output":
        _check_output(row.output)
        decoded.lines += row.output.HasField("text")
        decoded.lines_left_out += row.output.left_out
    else:
        _decode_iteration(getattr(row, kind), kind, time_ns, decoded)
        if kind == "test_start" and (user := row.status.current_user):
            decoded.user_starts.add((row.status.cycle, user))


def _check_custom(custom: any_pb2.Any) -> None:
    """What it says is for others to read: it counts nowhere."""
    if not custom.type_url.rpartition("/")[2] or "/" not in custom.type_url:
        raise InvalidRequest("needs a type_url such as type.googleapis.com/acme.Order")
    bounds.check(custom)


def _check_output(output: event_pb2.Output) -> None:
    """A line, or how many were left out."""
    if not output.HasField("text") and not output.left_out:
        raise InvalidRequest("needs a text or left_out")
    if output.process > MAX_PROCESSES:
        raise InvalidRequest(f"process is over {MAX_PROCESSES}")


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
        label = IterationLabel(bounds.short_name(body.test), outcome, exception)
        decoded.outcomes.append(label)
    decoded.first_ns = time_ns if decoded.first_ns is None else min(decoded.first_ns, time_ns)
    decoded.last_ns = time_ns if decoded.last_ns is None else max(decoded.last_ns, time_ns)
