"""Blocks, decoded: the bytes of columns become NumPy columns. `blocks.py` is the other half.

Rule: a block is well-formed or it is rejected as a whole; what is wrong with it is raised.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any, Final

import numpy as np

from loadgrpc.errors import InvalidRequest
from loadgrpc.model import HitError, TestOutcome, UserFixture
from loadgrpc.protocol import bound, bounds
from loadgrpc.protocol.decoded import Column, HitLabel, Hits, IterationLabel, Iterations, Tags
from loadgrpc.protocol.events import exception_from_proto
from loadgrpc.protocol.short_names import short_name
from loadgrpc.protocol.times import MAX_NS, moment_ns
from loadgrpc.v1 import event_pb2

_Block = event_pb2.HitBlock | event_pb2.TestBlock
_Columns = tuple[tuple[str, ...], Callable[[Any], tuple[bytes, ...]]]
"""The names of the columns of a kind of block, and what gets them all."""


def _columns(kind: Any) -> _Columns:
    names = tuple(field.name for field in kind.DESCRIPTOR.fields if field.type == field.TYPE_BYTES)
    return names, attrgetter(*names)


_OF_HITS: Final = _columns(event_pb2.HitBlock)
_OF_TESTS: Final = _columns(event_pb2.TestBlock)
_MAX_NAME_CHARS: Final = bound.MAX_NAME_CHARS
_WIDTHS: Final = {1: "<u1", 2: "<u2", 4: "<u4", 8: "<u8"}
_HIT_ERRORS: Final = {kind.value: kind for kind in HitError}
_FIXTURES: Final = frozenset(map(int, UserFixture))
_HTTP: Final = "http"
MAX_ATTEMPT: Final = 2**32 - 1
MAX_SIZE: Final = 2**40
"""Bytes of a hit, in one direction: sums over millions of hits stay whole numbers of 64 bits."""


class Room:
    """How many entries the blocks of a batch may still have.

    A block takes its room before it is looked at: one that is rejected costs what others cost.
    """

    def __init__(self) -> None:
        self._left = bounds.MAX_BATCH_ENTRIES

    def take(self, block: _Block) -> int:
        """Reserves the entries of a block, and returns their number.

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
    came = _columns_of(block, _OF_HITS, count)
    labels = [_hit_label(label) for label in block.labels]
    if block.tags:
        tags = read_tags(block.tags)
        labels = [label._replace(tags=tags) for label in labels]
    elapsed_ns = column("elapsed_ns", came["elapsed_ns"], count)
    start_ns = _starts(came["start_ns"], base_ns, elapsed_ns)
    delay, attempt, case = came["delay_ns"], came["attempt"], came["case"]
    return Hits(
        labels=labels,
        label=_indexes("label", came["label"], count, len(labels)),
        start_ns=start_ns,
        elapsed_ns=elapsed_ns,
        bytes_sent=column("bytes_sent", came["bytes_sent"], count, MAX_SIZE),
        bytes_received=column("bytes_received", came["bytes_received"], count, MAX_SIZE),
        delay_ns=_delays(delay, start_ns) if delay else None,
        attempt=column("attempt", attempt, count, MAX_ATTEMPT) if attempt else None,
        cases=block.cases if case else (),
        case=_indexes("case", case, count, len(block.cases) + 1) if case else None,
        cycle=block.status.cycle,
    )


def decode_iterations(block: event_pb2.TestBlock, room: Room) -> Iterations:
    """The iterations of a block.

    Raises:
        InvalidRequest: as for hits.
    """
    count, base_ns = room.take(block), _base(block)
    came = _columns_of(block, _OF_TESTS, count)
    labels = [_iteration_label(label) for label in block.labels]
    elapsed_ns = column("elapsed_ns", came["elapsed_ns"], count)
    start_ns = _starts(came["start_ns"], base_ns, elapsed_ns)
    user, case, delay = came["user"], came["case"], came["delay_ns"]
    return Iterations(
        labels=labels,
        label=_indexes("label", came["label"], count, len(labels)),
        start_ns=start_ns,
        elapsed_ns=elapsed_ns,
        user=np.frombuffer(user, _WIDTHS[len(user) // count or 1]),
        cycle=block.status.cycle,
        cases=block.cases if case else (),
        case=_indexes("case", case, count, len(block.cases) + 1) if case else None,
        delay_ns=_delays(delay, start_ns) if delay else None,
        fixture=fixture_of(block.status),
    )


def fixture_of(status: event_pb2.LoadStatus) -> UserFixture | None:
    """What was done for a user, if it is no iteration.

    Raises:
        InvalidRequest: it is not known here.
    """
    number = int(status.user_fixture)
    if not number:
        return None
    if number not in _FIXTURES:
        raise InvalidRequest(f"status.user_fixture is {number}, which is not known here")
    return UserFixture(number)


def _base(block: _Block) -> int:
    """What the starts of a block count from; refused when it can have no valid entry."""
    if not block.labels:
        raise InvalidRequest("it has no labels")
    if not block.HasField("base_time"):
        raise InvalidRequest("base_time is required")
    return moment_ns("base_time", block.base_time)


def _starts(data: bytes, base_ns: int, elapsed_ns: Column) -> Column:
    """The column start_ns as moments; refused when an entry would end after 2262."""
    starts = column("start_ns", data, len(elapsed_ns))
    if base_ns + int(starts.max()) + int(elapsed_ns.max()) > MAX_NS:
        raise InvalidRequest("an entry is not between 1970 and 2262")
    return starts + base_ns


def _delays(data: bytes, start_ns: Column) -> Column | None:
    """The column delay_ns; refused when an entry was planned before 1970."""
    delay_ns = column("delay_ns", data, len(start_ns))
    if not delay_ns.any():
        return None
    if (delay_ns > start_ns).any():
        raise InvalidRequest("an entry was planned before 1970")
    return delay_ns


def column(name: str, data: bytes, count: int, most: int = MAX_NS) -> Column:
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


def _columns_of(block: _Block, columns: _Columns, count: int) -> dict[str, bytes]:
    """All columns of a block by name, each got once, for that copies it.

    All have the length of their block; that is seen before anything is made of one.
    """
    names, get = columns
    came = dict(zip(names, get(block), strict=True))
    whole = (0, count, 2 * count, 4 * count, 8 * count)
    for name, data in came.items():
        if len(data) not in whole:
            _width(name, data, count)
    return came


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
    return hit_label(
        label.name,
        label.method,
        label.status,
        label.error,
        label.error_message,
        label.protocol,
        label.failed if label.HasField("failed") else None,
    )


def read_tags(tags: Mapping[str, str]) -> Tags:
    """The tags of hits.

    Raises:
        InvalidRequest: there are too many, or one is too long.
    """
    if len(tags) > bounds.MAX_TAGS:
        raise InvalidRequest(f"there are {len(tags)} tags, and at most {bounds.MAX_TAGS} may be")
    for name, value in tags.items():
        if not 0 < len(name) <= bounds.MAX_TAG_NAME_CHARS or len(value) > bounds.MAX_TAG_CHARS:
            raise InvalidRequest(f"the tag {name[: bounds.MAX_TAG_CHARS]!r} is too long, or empty")
    return tuple(sorted(tags.items()))


def hit_label(  # noqa: PLR0917 - in the order of HitLabel
    name: str,
    method: str,
    status: int,
    error: int,
    message: str,
    protocol: str,
    failed: bool | None,  # noqa: FBT001
    tags: Tags = (),
) -> HitLabel:
    """A label as it is kept; only the error distinguishes answered hits from others."""
    kind = _HIT_ERRORS.get(error, HitError.OTHER)  # otherwise of a newer protocol
    return HitLabel(
        name if len(name) <= _MAX_NAME_CHARS else short_name(name),
        method if len(method) <= _MAX_NAME_CHARS else short_name(method),
        status,
        kind,
        message[:_MAX_NAME_CHARS],
        "" if protocol == _HTTP else protocol[: bounds.MAX_PROTOCOL_CHARS],
        failed,
        tags,
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
    return IterationLabel(short_name(label.test), outcome, exception)
