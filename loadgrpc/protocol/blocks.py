"""Hits and iterations as they are recorded, and blocks of them. `columns.py` is the other half.

Rule: an entry is a fixed row of 64-bit numbers in one buffer. What a column needs (one field of
every entry, in the fewest bytes that hold its greatest value) is then a few slices, without a loop
over the entries. Standard library only: user processes load it.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct, iter_unpack, pack
from typing import Any, Final, NamedTuple

from loadgrpc.model import ExceptionInfo, HitError, TestOutcome
from loadgrpc.protocol.times import timestamp_to_proto
from loadgrpc.v1 import event_pb2, runner_pb2

HIT_FIELDS: Final = (
    "label",
    "start_ns",
    "elapsed_ns",
    "first_byte_ns",
    "connect_ns",
    "bytes_sent",
    "bytes_received",
    "user",
    "iteration",
    "url",
    "delay_ns",
    "attempt",
    "case",
)
ITERATION_FIELDS: Final = (
    *("label", "start_ns", "elapsed_ns", "user", "iteration", "case", "delay_ns"),
)
"""What an entry consists of, in order: each is the column of a block of this name."""
HIT: Final = Struct(f"<{len(HIT_FIELDS)}Q")
ITERATION: Final = Struct(f"<{len(ITERATION_FIELDS)}Q")
BLOCK_ENTRIES: Final = 2_000
"""Entries of a block at most: what is encoded without a rest."""
_LABEL_ENTRIES: Final = 10
"""Encoding a label takes as long as encoding this many entries."""
_LABEL, _START = 0, 1
_POINTERS: Final = ("label", "url", "case")


class HitKey(NamedTuple):
    """What hits of one label have in common."""

    name: str
    method: str
    status: int
    error: HitError
    error_message: str
    protocol: str
    failed: bool | None


class IterationKey(NamedTuple):
    """What iterations of one label have in common."""

    test: str
    outcome: TestOutcome
    exception: ExceptionInfo | None


class _Table:
    """Values, each once, numbered as they come; looked up by what they were made from."""

    __slots__ = ("index", "rows", "seen")

    def __init__(self) -> None:
        self.rows: list[Any] = []
        self.index: dict[Any, int] = {}
        self.seen: dict[Any, int] = {}

    def add(self, key: object, row: object) -> int:
        """The number of `row`, which `key` identifies from now on."""
        number = self.seen.get(row)
        if number is None:
            number = len(self.rows)
            self.rows.append(row)
            self.seen[row] = number
        self.index[key] = number
        return number


class Block:
    """Entries of one kind and one cycle, with what they point to."""

    __slots__ = ("cases", "entries", "fields", "labels", "room", "status", "tags", "urls")

    def __init__(
        self,
        status: event_pb2.LoadStatus | None,
        fields: tuple[str, ...],
        tags: tuple[tuple[str, str], ...] = (),
    ) -> None:
        self.status = status
        self.tags = tags
        """Those that all entries have."""
        self.fields = fields
        self.room = BLOCK_ENTRIES * 8 * len(fields)
        """Bytes of entries; less of them when what they point to is large."""
        self.entries = bytearray()
        self.labels = _Table()
        self.urls = _Table()
        self.cases = _Table()

    def __len__(self) -> int:
        """How many entries it has."""
        return len(self.entries) // (8 * len(self.fields))

    def add_label(self, key: object, row: tuple[Any, ...], text_bytes: int) -> int:
        """The number of a label, which `key` identifies from now on."""
        self.room -= _LABEL_ENTRIES * HIT.size + text_bytes
        return self.labels.add(key, row)

    def add_url(self, key: str, url: str) -> int:
        """The number of a URL, which `key` identifies from now on."""
        self.room -= len(key)
        return self.urls.add(key, url)

    def add_case(self, key: str, case: str) -> int:
        """The number of a case, which `key` identifies from now on."""
        self.room -= len(key)
        return self.cases.add(key, case)

    def pieces(self, limit: int) -> Iterator[tuple[bytes, int]]:
        """All entries as serialised EventBatches of at most `limit` bytes; how many each has.

        One entry is a piece, however large it is.
        """
        yield from self._pieces(0, len(self), limit)

    def _pieces(self, first: int, last: int, limit: int) -> Iterator[tuple[bytes, int]]:
        piece = self._encode(first, last)
        if len(piece) <= limit or last - first == 1:
            yield piece, last - first
            return
        middle = (first + last) // 2
        yield from self._pieces(first, middle, limit)
        yield from self._pieces(middle, last, limit)

    def _encode(self, first: int, last: int) -> bytes:
        """Entries `first` to `last` as a serialised EventBatch."""
        fields = self.fields
        size = 8 * len(fields)
        entries = bytes(self.entries[first * size : last * size])
        whole = len(entries) == len(self.entries)
        base_ns, start_ns = _starts(entries, len(fields))
        labels, label = _used(entries, _LABEL, len(fields), self.labels, whole=whole)
        columns: dict[str, Any] = {
            name: _column(entries, at, len(fields))
            for at, name in enumerate(fields)
            if at > _START and name not in _POINTERS
        }
        for name, table in (("url", self.urls), ("case", self.cases)):
            if table.rows:
                at = fields.index(name)
                rows, columns[name] = _used(entries, at, len(fields), table, whole=whole, offset=1)
                columns[f"{name}s"] = rows
        if self.tags:
            columns["tags"] = dict(self.tags)
        batch = runner_pb2.EventBatch()
        is_of_hits = fields == HIT_FIELDS
        blocks: Any = batch.hit_blocks if is_of_hits else batch.test_blocks
        message = blocks.add(
            count=last - first,
            base_time=timestamp_to_proto(base_ns),
            status=self.status,
            label=label,
            start_ns=start_ns,
            **columns,
        )
        message.labels.extend(map(_hit_label if is_of_hits else _iteration_label, labels))
        return batch.SerializeToString()


def _hit_label(key: HitKey) -> event_pb2.HitLabel:
    label = event_pb2.HitLabel(
        name=key.name,
        method=key.method,
        status=key.status,
        error=key.error,  # type: ignore[arg-type]  # the numbers are the same
        error_message=key.error_message,
        protocol=key.protocol,
    )
    if key.failed is not None:
        label.failed = key.failed
    return label


def _iteration_label(key: IterationKey) -> event_pb2.TestLabel:
    label = event_pb2.TestLabel(
        test=key.test,
        outcome=key.outcome,  # type: ignore[arg-type]  # the numbers are the same
    )
    if (raised := key.exception) is not None:
        label.exception.type = raised.type
        label.exception.message = raised.message
        label.exception.traceback = raised.traceback
    return label


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
