"""What a user process has measured and not yet handed over.

Rule: recording is one dictionary look-up and one append, and cannot fail half-way; all
else happens in `take`, once for many entries. An entry is a fixed row of 64-bit numbers in
one buffer; what a column of the wire format needs (field k of every entry, in the fewest
bytes that hold its greatest value) is then a strided copy, without a loop in Python.

Totals: every entry counted in `produced_events` leaves through exactly one Frame.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Callable, Iterator
from struct import Struct
from typing import Any, NamedTuple

from google.protobuf.timestamp_pb2 import Timestamp

from loadgrpc.clock import Clock
from loadgrpc.model import ExceptionInfo, HitError, TestOutcome
from loadgrpc.v1 import event_pb2, runner_pb2

NAME_BYTES = 1024
"""Kept of names, methods and exception types."""
MESSAGE_BYTES = 4 * 1024
TRACEBACK_BYTES = 16 * 1024
URL_BYTES = 8 * 1024
MAX_BLOCK_ENTRIES = 1_000_000
"""What the protocol allows in a block."""
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

_NS = 1_000_000_000

_HitKey = tuple[str, str, int, HitError, str]
_TestKey = tuple[TestOutcome, ExceptionInfo | None]


class Frame(NamedTuple):
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

    __slots__ = ("entries", "labels", "status", "urls")

    def __init__(self, status: event_pb2.LoadStatus | None) -> None:
        self.status = status
        self.entries = bytearray()
        self.labels = _Table()
        self.urls = _Table()


_Encode = Callable[[_Block, int, int], bytes]


class Recorder:
    """Takes measurements, gives frames. Not for use by several threads at once."""

    def __init__(self, clock: Clock, test: str) -> None:
        self._clock = clock
        self._test = _text(test, NAME_BYTES)
        self._status: event_pb2.LoadStatus | None = None
        self._sealed_hits: list[_Block] = []
        self._sealed_tests: list[_Block] = []
        self._hits = _Block(None)
        self._tests = _Block(None)
        self._rows: list[bytes] = []
        self.produced_events = 0
        self.produced_hits = 0

    def begin_cycle(self, cycle: int, users: int, iterations: int) -> None:
        """Let all that follows belong to this cycle; 0 iterations: a duration bounds it."""
        self._status = event_pb2.LoadStatus(cycle=cycle, users=users, iterations=iterations)
        self._seal()

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
            label = block.labels.add(key, _clean_hit(key))
        if url == name or not url:
            place = 0
        else:
            number = block.urls.index.get(url)
            if number is None:
                number = block.urls.add(url, _text(url, URL_BYTES))
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
        self.produced_events += 1
        self.produced_hits += 1

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
            label = block.labels.add(key, _clean_test(key))
        block.entries += _TEST.pack(label, start_ns, elapsed_ns, user, iteration)
        self.produced_events += 1

    def counter(self, name: str, increment: int, user: int, iteration: int) -> None:
        """Record that a counter of the test's own grew."""
        event = self._row(user, iteration)
        event.counter.name = _text(name, NAME_BYTES)
        event.counter.increment = increment
        self._rows.append(runner_pb2.EventBatch(events=[event]).SerializeToString())
        self.produced_events += 1

    def take(self, max_batch_bytes: int) -> list[Frame]:
        """Everything recorded so far, in frames of at most `max_batch_bytes` each.

        Afterwards the recorder is empty. Entries of a kind keep their order.
        """
        if max_batch_bytes < MIN_BATCH_BYTES:
            raise ValueError(f"a batch needs {MIN_BATCH_BYTES} bytes, not {max_batch_bytes}")
        self._seal()
        rows, self._rows = self._rows, []
        hits, self._sealed_hits = self._sealed_hits, []
        tests, self._sealed_tests = self._sealed_tests, []
        pieces = [Frame(row, 1, 0) for row in rows]
        for block in hits:
            count = len(block.entries) // _HIT.size
            for piece, entries in _split(_encode_hits, block, 0, count, max_batch_bytes):
                pieces.append(Frame(piece, entries, entries))
        for block in tests:
            count = len(block.entries) // _TEST.size
            for piece, entries in _split(self._encode_tests, block, 0, count, max_batch_bytes):
                pieces.append(Frame(piece, entries, 0))
        return list(_pack(pieces, max_batch_bytes))

    def _seal(self) -> None:
        if self._hits.entries:
            self._sealed_hits.append(self._hits)
        if self._tests.entries:
            self._sealed_tests.append(self._tests)
        self._hits = _Block(self._status)
        self._tests = _Block(self._status)

    def _row(self, user: int, iteration: int) -> event_pb2.Event:
        event = event_pb2.Event(time=_timestamp(self._clock.wall_ns()), status=self._status)
        if user:
            event.status.current_user = user
            event.status.current_iteration = iteration
        return event

    def _encode_tests(self, block: _Block, first: int, last: int) -> bytes:
        view = memoryview(block.entries)[first * _TEST.size : last * _TEST.size]
        base, start = _starts(view, _TEST_FIELDS)
        labels, label = _used(view, _LABEL, _TEST_FIELDS, block.labels)
        message = event_pb2.TestBlock(
            count=last - first,
            base_time=_timestamp(base),
            status=block.status,
            labels=[
                event_pb2.TestLabel(test=self._test, outcome=outcome, exception=_message(info))
                for outcome, info in labels
            ],
            label=label,
            start_ns=start,
            elapsed_ns=_column(view, _ELAPSED, _TEST_FIELDS),
            user=_column(view, _TEST_USER, _TEST_FIELDS),
            iteration=_column(view, _TEST_ITERATION, _TEST_FIELDS),
        )
        return runner_pb2.EventBatch(test_blocks=[message]).SerializeToString()


def _encode_hits(block: _Block, first: int, last: int) -> bytes:
    view = memoryview(block.entries)[first * _HIT.size : last * _HIT.size]
    base, start = _starts(view, _HIT_FIELDS)
    labels, label = _used(view, _LABEL, _HIT_FIELDS, block.labels)
    urls, url = _used(view, _URL, _HIT_FIELDS, block.urls, offset=1)
    message = event_pb2.HitBlock(
        count=last - first,
        base_time=_timestamp(base),
        status=block.status,
        labels=[
            event_pb2.HitLabel(
                name=name, method=method, status=status, error=error, error_message=text
            )
            for name, method, status, error, text in labels
        ],
        label=label,
        start_ns=start,
        elapsed_ns=_column(view, _ELAPSED, _HIT_FIELDS),
        first_byte_ns=_column(view, _FIRST_BYTE, _HIT_FIELDS),
        connect_ns=_column(view, _CONNECT, _HIT_FIELDS),
        bytes_sent=_column(view, _SENT, _HIT_FIELDS),
        bytes_received=_column(view, _RECEIVED, _HIT_FIELDS),
        user=_column(view, _HIT_USER, _HIT_FIELDS),
        iteration=_column(view, _HIT_ITERATION, _HIT_FIELDS),
        urls=urls,
        url=url,
    )
    return runner_pb2.EventBatch(hit_blocks=[message]).SerializeToString()


def _split(
    encode: _Encode, block: _Block, first: int, last: int, limit: int
) -> Iterator[tuple[bytes, int]]:
    """Entries `first` to `last` of a block as pieces of at most `limit` bytes."""
    if last - first <= MAX_BLOCK_ENTRIES:
        piece = encode(block, first, last)
        if len(piece) <= limit or last - first == 1:  # one always fits: see MIN_BATCH_BYTES
            yield piece, last - first
            return
    middle = (first + last) // 2
    yield from _split(encode, block, first, middle, limit)
    yield from _split(encode, block, middle, last, limit)


def _pack(pieces: list[Frame], limit: int) -> Iterator[Frame]:
    """Join pieces in order; serialised messages put end to end are the merged message."""
    payloads: list[bytes] = []
    size = events = hits = 0
    for piece in pieces:
        if payloads and size + len(piece.payload) > limit:
            yield Frame(b"".join(payloads), events, hits)
            payloads, size, events, hits = [], 0, 0, 0
        payloads.append(piece.payload)
        size += len(piece.payload)
        events += piece.events
        hits += piece.hits
    if payloads:
        yield Frame(b"".join(payloads), events, hits)


def _column(view: memoryview, field: int, fields: int) -> bytes:
    """One field of every entry: little-endian, as narrow as fits, empty when all are 0."""
    words = view.cast("I")
    if _any(words[2 * field + 1 :: 2 * fields]):
        return view.cast("Q")[field::fields].tobytes()
    halves = view.cast("H")
    if _any(halves[4 * field + 1 :: 4 * fields]):
        return words[2 * field :: 2 * fields].tobytes()
    if _any(view[8 * field + 1 :: 8 * fields]):
        return halves[4 * field :: 4 * fields].tobytes()
    low = view[8 * field :: 8 * fields].tobytes()
    return low if low.strip(b"\0") else b""


def _any(view: memoryview) -> bool:
    return bool(view.tobytes().strip(b"\0"))


def _numbers(view: memoryview, field: int, fields: int) -> array[int]:
    numbers = array("Q", view.cast("Q")[field::fields].tobytes())
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def _narrow(numbers: list[int]) -> bytes:
    column = array("Q", numbers)
    if sys.byteorder == "big":
        column.byteswap()
    return _column(memoryview(column).cast("B"), 0, 1)


def _starts(view: memoryview, fields: int) -> tuple[int, bytes]:
    """The earliest start, and the column of starts counted from it."""
    starts = _numbers(view, _START, fields)
    base = min(starts)
    return base, _narrow([start - base for start in starts])


def _used(
    view: memoryview, field: int, fields: int, table: _Table, offset: int = 0
) -> tuple[list[Any], bytes]:
    """The rows of a table that entries point to, and the column that points to them.

    With an `offset` of 1 a pointer of 0 points to nothing.
    """
    rows = table.rows
    if len(rows) <= 1 and not offset:
        return rows, _column(view, field, fields)
    pointers = _numbers(view, field, fields)
    used = sorted(set(pointers) - set(range(offset)))
    if len(used) == len(rows):
        return rows, _column(view, field, fields)
    place = {old: new for new, old in enumerate(used, offset)}
    return (
        [rows[old - offset] for old in used],
        _narrow([place.get(pointer, 0) for pointer in pointers]),
    )


def _message(info: ExceptionInfo | None) -> event_pb2.ExceptionInfo | None:
    if info is None:
        return None
    return event_pb2.ExceptionInfo(type=info.type, message=info.message, traceback=info.traceback)


def _clean_hit(key: _HitKey) -> _HitKey:
    name, method, status, error, message = key
    return (
        _text(name, NAME_BYTES),
        _text(method, NAME_BYTES),
        status,
        error,
        _text(message, MESSAGE_BYTES),
    )


def _clean_test(key: _TestKey) -> _TestKey:
    outcome, info = key
    if info is None:
        return key
    return outcome, ExceptionInfo(
        type=_text(info.type, NAME_BYTES),
        message=_text(info.message, MESSAGE_BYTES),
        traceback=_text(info.traceback, TRACEBACK_BYTES),
    )


def _text(text: str, limit: int) -> str:
    """A text that UTF-8 can carry, in at most `limit` bytes of it."""
    raw = text.encode("utf-8", "replace")  # lone surrogates come from undecodable file names
    return raw[:limit].decode("utf-8", "ignore")


def _timestamp(wall_ns: int) -> Timestamp:
    return Timestamp(seconds=wall_ns // _NS, nanos=wall_ns % _NS)
