"""What a user process has measured and not yet handed over.

Rule: recording is one dictionary look-up and one append, and cannot fail half-way; all
else happens in `take`, once for many entries. An entry is a fixed row of 64-bit numbers in
one buffer; what a column of the wire format needs (field k of every entry, in the fewest
bytes that hold its greatest value) is then a few slices, without a loop over the entries.

Users wait while a block is encoded, so a block is small: what is more goes into another, and
`take` rests between two.

Totals: every entry counted in `produced_events` leaves through exactly one EncodedBatch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from struct import Struct, iter_unpack, pack
from typing import Any, NamedTuple

from google.protobuf.timestamp_pb2 import Timestamp

from loadgrpc.clock import NS_PER_S, Clock
from loadgrpc.model import ExceptionInfo, GeneratorState, HitError, TestOutcome
from loadgrpc.protocol.events import generator_state_to_proto
from loadgrpc.runner import texts
from loadgrpc.runner.texts import (
    MESSAGE_BYTES,
    NAME_BYTES,
    TRACEBACK_BYTES,
    URL_BYTES,
    bounded,
)
from loadgrpc.secrets import masked
from loadgrpc.v1 import event_pb2, runner_pb2

BLOCK_ENTRIES = 2_000
"""Entries of a block at most: what is encoded without a rest."""
MIN_BATCH_BYTES = 32 * 1024
"""A batch must hold the largest single entry that these bounds allow."""

# Fields of an entry, in order.
_HIT = Struct("<10Q")
_HIT_FIELDS = 10
(
    _LABEL,
    _START,
    _ELAPSED,
    _FIRST_BYTE,
    _CONNECT,
    _SENT,
    _RECEIVED,
    _HIT_USER,
    _HIT_ITERATION,
    _URL,
) = range(_HIT_FIELDS)
_TEST = Struct("<5Q")
_TEST_FIELDS = 5
_TEST_USER, _TEST_ITERATION = 3, 4  # label, start and elapsed stand where a hit has them

_LABEL_ENTRIES = 10
"""Encoding a label takes as long as encoding this many entries."""
_ROWS = BLOCK_ENTRIES // 4
"""Rows that are put together without a rest."""

_HitKey = tuple[str, str, int, HitError, str]
_TestKey = tuple[TestOutcome, ExceptionInfo | None]


class EncodedBatch(NamedTuple):
    """A batch that is ready to be sent, save for its number."""

    payload: bytes
    """A serialised EventBatch without `first_sequence`."""
    events: int
    hits: int


class _Table:
    """Values, each once, numbered as they come; looked up by what they were made from."""

    __slots__ = ("index", "rows", "seen")

    def __init__(self) -> None:
        self.rows: list[Any] = []
        self.index: dict[Any, int] = {}
        self.seen: dict[Any, int] = {}

    def add(self, key: object, row: object) -> int:
        """The number of `row`, which `key` stands for from now on."""
        number = self.seen.get(row)
        if number is None:
            number = len(self.rows)
            self.rows.append(row)
            self.seen[row] = number
        self.index[key] = number
        return number


class _Block:
    """Entries of one kind and one cycle, with what they point to."""

    __slots__ = ("entries", "labels", "room", "status", "urls")

    def __init__(self, status: event_pb2.LoadStatus | None, entry_bytes: int) -> None:
        self.status = status
        self.room = BLOCK_ENTRIES * entry_bytes
        """Bytes of entries; less of them when what they point to is large."""
        self.entries = bytearray()
        self.labels = _Table()
        self.urls = _Table()

    def add_label(self, key: object, row: tuple[Any, ...], text_bytes: int) -> int:
        """The number of a label, which `key` stands for from now on."""
        self.room -= _LABEL_ENTRIES * _HIT.size + text_bytes
        return self.labels.add(key, row)

    def add_url(self, url: str) -> int:
        """The number of a URL."""
        self.room -= len(url)
        return self.urls.add(url, bounded(masked(url), URL_BYTES))


_Encode = Callable[[_Block, int, int], bytes]


class Recorder:
    """Takes measurements, gives frames. Not for use by several threads at once."""

    def __init__(self, clock: Clock, test: str, produced: memoryview | None = None) -> None:
        self._clock = clock
        self._test = bounded(test, NAME_BYTES)
        self._status: event_pb2.LoadStatus | None = None
        self._sealed_hits: list[_Block] = []
        self._sealed_tests: list[_Block] = []
        self._hits = _Block(None, _HIT.size)
        self._tests = _Block(None, _TEST.size)
        self._rows: list[bytes] = []
        self._produced = memoryview(bytearray(16)).cast("Q") if produced is None else produced
        """The same two numbers, where they outlive this process: see protocol/produced.py."""
        self.produced_events = 0
        self.produced_hits = 0

    def begin_cycle(self, cycle: int, users: int, iterations: int) -> None:
        """Let all that follows belong to this cycle; 0 iterations: a duration bounds it."""
        self._status = event_pb2.LoadStatus(cycle=cycle, users=users, iterations=iterations)
        self._seal_hits()
        self._seal_tests()

    def hit(
        self,
        *,
        name: str,
        url: str,
        method: str,
        status: int,
        error: HitError,
        error_message: str,
        start_ns: int,
        elapsed_ns: int,
        first_byte_ns: int,
        connect_ns: int,
        bytes_sent: int,
        bytes_received: int,
        user: int,
        iteration: int,
    ) -> None:
        """Record a hit that ended; `start_ns` is a date, the other times are durations."""
        block = self._hits
        key = (name, method, status, error, error_message)
        label = block.labels.index.get(key)
        if label is None:
            label = block.add_label(key, _clean_hit(key), len(name) + len(error_message))
        if url == name or not url:
            place = 0
        else:
            number = block.urls.index.get(url)
            if number is None:
                number = block.add_url(url)
            place = number + 1
        block.entries += _HIT.pack(
            label,
            start_ns,
            elapsed_ns,
            first_byte_ns,
            connect_ns,
            bytes_sent,
            bytes_received,
            user,
            iteration,
            place,
        )
        self.produced_events = events = self.produced_events + 1
        self.produced_hits = hits = self.produced_hits + 1
        produced = self._produced
        produced[0] = events
        produced[1] = hits
        if len(block.entries) >= block.room:
            self._seal_hits()

    def iteration(
        self,
        *,
        outcome: TestOutcome,
        exception: ExceptionInfo | None,
        start_ns: int,
        elapsed_ns: int,
        user: int,
        iteration: int,
    ) -> None:
        """Record an iteration that ended."""
        block = self._tests
        key = (outcome, exception)
        label = block.labels.index.get(key)
        if label is None:
            text_bytes = len(exception.message) + len(exception.traceback) if exception else 0
            label = block.add_label(key, _clean_test(key), text_bytes)
        block.entries += _TEST.pack(label, start_ns, elapsed_ns, user, iteration)
        self.produced_events += 1
        self._produced[0] = self.produced_events
        if len(block.entries) >= block.room:
            self._seal_tests()

    def counter(self, name: str, increment: int, user: int, iteration: int) -> None:
        """Record that a counter of the test's own grew."""
        event = self._row(user, iteration)
        event.counter.name = texts.name(name)
        event.counter.increment = increment
        self._append(event)

    def generator(self, state: GeneratorState) -> None:
        """Record how this process kept up until now."""
        event = self._row(0, 0)
        event.generator.CopyFrom(generator_state_to_proto(state))
        self._append(event)

    def _append(self, event: event_pb2.Event) -> None:
        self._rows.append(runner_pb2.EventBatch(events=[event]).SerializeToString())
        self.produced_events += 1
        self._produced[0] = self.produced_events

    def mute(self) -> None:
        """Records nothing any more."""
        for name in ("hit", "iteration", "counter", "generator"):
            setattr(self, name, _nothing)

    def take(
        self, max_batch_bytes: int, *, rest: Callable[[], object] = lambda: None
    ) -> list[EncodedBatch]:
        """Everything recorded so far, in frames of at most `max_batch_bytes` each.

        Afterwards the recorder holds only what was recorded meanwhile: `rest` is called after
        each block, and may let others record. Entries of a kind keep their order.
        """
        if max_batch_bytes < MIN_BATCH_BYTES:
            raise ValueError(f"a batch needs {MIN_BATCH_BYTES} bytes, not {max_batch_bytes}")
        self._seal_hits()
        self._seal_tests()
        rows, self._rows = self._rows, []
        hits, self._sealed_hits = self._sealed_hits, []
        tests, self._sealed_tests = self._sealed_tests, []
        pieces: list[EncodedBatch] = []
        for first in range(0, len(rows), _ROWS):
            some = rows[first : first + _ROWS]
            pieces += _pack((EncodedBatch(row, 1, 0) for row in some), max_batch_bytes)
            rest()
        for block in _one_by_one(hits):
            count = len(block.entries) // _HIT.size
            for piece, entries in _split(_encode_hits, block, 0, count, max_batch_bytes):
                pieces.append(EncodedBatch(piece, entries, entries))
            rest()
        for block in _one_by_one(tests):
            count = len(block.entries) // _TEST.size
            for piece, entries in _split(self._encode_tests, block, 0, count, max_batch_bytes):
                pieces.append(EncodedBatch(piece, entries, 0))
            rest()
        return list(_pack(pieces, max_batch_bytes))

    def _seal_hits(self) -> None:
        if self._hits.entries:
            self._sealed_hits.append(self._hits)
        self._hits = _Block(self._status, _HIT.size)

    def _seal_tests(self) -> None:
        if self._tests.entries:
            self._sealed_tests.append(self._tests)
        self._tests = _Block(self._status, _TEST.size)

    def _row(self, user: int, iteration: int) -> event_pb2.Event:
        event = event_pb2.Event(time=_timestamp(self._clock.wall_ns()), status=self._status)
        if user:
            event.status.current_user = user
            event.status.current_iteration = iteration
        return event

    def _encode_tests(self, block: _Block, first: int, last: int) -> bytes:
        entries = bytes(block.entries[first * _TEST.size : last * _TEST.size])
        whole = len(entries) == len(block.entries)
        base, start = _starts(entries, _TEST_FIELDS)
        labels, label = _used(entries, _LABEL, _TEST_FIELDS, block.labels, whole=whole)
        batch = runner_pb2.EventBatch()
        message = batch.test_blocks.add(
            count=last - first,
            base_time=_timestamp(base),
            status=block.status,
            label=label,
            start_ns=start,
            elapsed_ns=_column(entries, _ELAPSED, _TEST_FIELDS),
            user=_column(entries, _TEST_USER, _TEST_FIELDS),
            iteration=_column(entries, _TEST_ITERATION, _TEST_FIELDS),
        )
        for outcome, info in labels:
            message.labels.add(test=self._test, outcome=outcome, exception=_message(info))
        return batch.SerializeToString()


def _nothing(*_: object, **__: object) -> None:
    pass


def _one_by_one(blocks: list[_Block]) -> Iterator[_Block]:
    """Blocks in order, let go of one at a time: to free them all at once would take a while."""
    blocks.reverse()
    while blocks:
        yield blocks.pop()


def _encode_hits(block: _Block, first: int, last: int) -> bytes:
    entries = bytes(block.entries[first * _HIT.size : last * _HIT.size])
    whole = len(entries) == len(block.entries)
    base, start = _starts(entries, _HIT_FIELDS)
    labels, label = _used(entries, _LABEL, _HIT_FIELDS, block.labels, whole=whole)
    urls, url = _used(entries, _URL, _HIT_FIELDS, block.urls, whole=whole, offset=1)
    batch = runner_pb2.EventBatch()
    message = batch.hit_blocks.add(
        count=last - first,
        base_time=_timestamp(base),
        status=block.status,
        label=label,
        start_ns=start,
        elapsed_ns=_column(entries, _ELAPSED, _HIT_FIELDS),
        first_byte_ns=_column(entries, _FIRST_BYTE, _HIT_FIELDS),
        connect_ns=_column(entries, _CONNECT, _HIT_FIELDS),
        bytes_sent=_column(entries, _SENT, _HIT_FIELDS),
        bytes_received=_column(entries, _RECEIVED, _HIT_FIELDS),
        user=_column(entries, _HIT_USER, _HIT_FIELDS),
        iteration=_column(entries, _HIT_ITERATION, _HIT_FIELDS),
        urls=urls,
        url=url,
    )
    for name, method, status, error, text in labels:
        message.labels.add(name=name, method=method, status=status, error=error, error_message=text)
    return batch.SerializeToString()


def _split(
    encode: _Encode, block: _Block, first: int, last: int, limit: int
) -> Iterator[tuple[bytes, int]]:
    """Entries `first` to `last` of a block as pieces of at most `limit` bytes."""
    piece = encode(block, first, last)
    if len(piece) <= limit or last - first == 1:  # one always fits: see MIN_BATCH_BYTES
        yield piece, last - first
        return
    middle = (first + last) // 2
    yield from _split(encode, block, first, middle, limit)
    yield from _split(encode, block, middle, last, limit)


def _pack(pieces: Iterable[EncodedBatch], limit: int) -> Iterator[EncodedBatch]:
    """Join pieces in order; serialised messages put end to end are the merged message."""
    payloads: list[bytes] = []
    size = events = hits = 0
    for piece in pieces:
        if payloads and size + len(piece.payload) > limit:
            yield EncodedBatch(b"".join(payloads), events, hits)
            payloads, size, events, hits = [], 0, 0, 0
        payloads.append(piece.payload)
        size += len(piece.payload)
        events += piece.events
        hits += piece.hits
    if payloads:
        yield EncodedBatch(b"".join(payloads), events, hits)


def _planes(entries: bytes, field: int, fields: int) -> list[bytes]:
    """The lowest byte of a field of every entry, the next higher one, and so on: 8 planes."""
    size = 8 * fields
    return [entries[at::size] for at in range(8 * field, 8 * field + 8)]


def _interleaved(planes: list[bytes]) -> bytes:
    """A column of planes: little-endian, as narrow as fits, empty when all are 0."""
    nothing = bytes(len(planes[0])) if planes else b""
    while planes and planes[-1] == nothing:
        planes.pop()
    if len(planes) <= 1:
        return planes[0] if planes else b""
    width = next(width for width in (2, 4, 8) if width >= len(planes))
    column = bytearray(width * len(nothing))
    for at, plane in enumerate(planes):
        column[at::width] = plane
    return bytes(column)


def _column(entries: bytes, field: int, fields: int) -> bytes:
    """One field of every entry."""
    return _interleaved(_planes(entries, field, fields))


def _starts(entries: bytes, fields: int) -> tuple[int, bytes]:
    """The moment that starts are counted from, and the column of starts.

    The high bytes that all starts have in common are the moment, the others the column.
    """
    planes = _planes(entries, _START, fields)
    moment = bytearray(8)
    while planes and planes[-1] == planes[-1][:1] * len(planes[-1]):
        top = planes.pop()
        moment[len(planes)] = top[0]
    return int.from_bytes(moment, "little"), _interleaved(planes)


def _used(
    entries: bytes, field: int, fields: int, table: _Table, *, whole: bool, offset: int = 0
) -> tuple[list[Any], bytes]:
    """The rows of a table that entries point to, and the column that points to them.

    `whole`: these are all entries of the block, and so all rows are used. With an `offset`
    of 1 a pointer of 0 points to nothing.
    """
    rows = table.rows
    if len(rows) + offset <= 1:
        return rows, b""
    if whole:
        return rows, _column(entries, field, fields)
    pointers = [entry[field] for entry in iter_unpack(f"<{fields}Q", entries)]
    used = sorted(set(pointers) - set(range(offset)))
    place = {old: new for new, old in enumerate(used, offset)}
    column = pack(f"<{len(pointers)}Q", *(place.get(pointer, 0) for pointer in pointers))
    return [rows[old - offset] for old in used], _column(column, 0, 1)


def _message(info: ExceptionInfo | None) -> event_pb2.ExceptionInfo | None:
    if info is None:
        return None
    return event_pb2.ExceptionInfo(type=info.type, message=info.message, traceback=info.traceback)


def _clean_hit(key: _HitKey) -> _HitKey:
    name, method, status, error, message = key
    return (
        texts.name(masked(name)),
        texts.name(method),
        status,
        error,
        bounded(masked(message), MESSAGE_BYTES),
    )


def _clean_test(key: _TestKey) -> _TestKey:
    outcome, info = key
    if info is None:
        return key
    return outcome, ExceptionInfo(
        type=bounded(info.type, NAME_BYTES),
        message=bounded(info.message, MESSAGE_BYTES),
        traceback=bounded(info.traceback, TRACEBACK_BYTES),
    )


def _timestamp(wall_ns: int) -> Timestamp:
    return Timestamp(seconds=wall_ns // NS_PER_S, nanos=wall_ns % NS_PER_S)
