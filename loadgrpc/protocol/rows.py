"""A batch as rows: the content of its columns, as messages that anybody can read.

Rule: rejected entries make no rows, by the same checks that rejected them. Columns that nothing
counts may hold anything: values that a row cannot hold are left out of it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from typing import Any, Final, NamedTuple

import numpy as np

from loadgrpc.errors import InvalidRequest
from loadgrpc.protocol import bounds, columns
from loadgrpc.protocol.batches import ROWS_AT_ONCE
from loadgrpc.protocol.decoded import Column, Decoded, Hits, Iterations
from loadgrpc.protocol.row_reader import RowReader
from loadgrpc.protocol.times import duration_to_proto, timestamp_to_proto
from loadgrpc.v1 import event_pb2, runner_pb2

KINDS: Final = tuple(
    field.name for field in event_pb2.Event.DESCRIPTOR.oneofs_by_name["event"].fields
)
"""What an event may be."""

_MAX_UINT32: Final = 2**32 - 1
_OUTCOMES: Final[dict[int, str]] = {
    event_pb2.TEST_OUTCOME_SUCCESS: "test_success",
    event_pb2.TEST_OUTCOME_FAILURE: "test_failure",
    event_pb2.TEST_OUTCOME_ERROR: "test_error",
}
"""The rows that say how an iteration ended; one that was interrupted has none."""

_WHOLE: Final = ("test_start", "test_stop")
"""The rows that every iteration has."""
PIECE: Final = 1_000
"""Entries of a block that are made rows at once."""

_Block = event_pb2.HitBlock | event_pb2.TestBlock


class EventRow(NamedTuple):
    """An event of a batch."""

    entry: int
    """The entry of the batch that it is, from 0."""
    part: int
    """Of an iteration: 0 its start, 1 its outcome, 2 its stop. Otherwise 0."""
    event: event_pb2.Event
    dated: bool = True
    """Whether its time is the runner's; False: it had none, and this is when it came."""


def rows(
    batch: runner_pb2.EventBatch,
    *,
    arrival_ns: int,
    kinds: Collection[str] = KINDS,
    first: int = 0,
) -> Iterator[EventRow | None]:
    """The valid events of a batch that are of certain kinds, in their order.

    Events without a time have come at `arrival_ns`, by the wall clock. Entries before the
    `first` are passed over. None comes now and then while none is found: it is time for others
    to have their turn.
    """
    passed = 0
    for at in range(first, len(batch.events)):
        event = batch.events[at]
        if event.WhichOneof("event") in kinds and _is_valid(event, arrival_ns):
            if (text := event.output.text) and len(text) * 4 > bounds.MAX_TEXT_BYTES:
                event.output.text = bounds.kept_bytes(text, bounds.MAX_TEXT_BYTES)
            dated = event.HasField("time")
            if not dated:
                event.time.CopyFrom(timestamp_to_proto(arrival_ns))
            yield EventRow(at, 0, event, dated)
        else:
            passed += 1
            if not passed % ROWS_AT_ONCE:
                yield None
    entry, room = len(batch.events), columns.Room()
    blocks: list[tuple[_Block, Callable[..., Iterator[EventRow | None]]]] = [
        *((each, _hits) for each in batch.hit_blocks),
        *((each, _iterations) for each in batch.test_blocks),
    ]
    for block, made in blocks:
        following = entry + block.count
        with suppress(InvalidRequest):
            if following > first and _has_any(block, kinds):
                yield from made(block, room, kinds, entry, max(0, first - entry))
            else:
                room.take(block)
        entry = following
        yield None


def _has_any(block: _Block, kinds: Collection[str]) -> bool:
    """Whether a block can have events of these kinds."""
    if isinstance(block, event_pb2.HitBlock):
        return "hit" in kinds
    return any(kind in kinds for kind in _WHOLE) or any(
        _OUTCOMES.get(label.outcome) in kinds for label in block.labels
    )


def _is_valid(event: event_pb2.Event, arrival_ns: int) -> bool:
    decoded = Decoded()
    RowReader(arrival_ns, decoded).add([event])
    return not decoded.rejected


def _hits(
    block: event_pb2.HitBlock, room: columns.Room, _kinds: Collection[str], entry: int, skip: int
) -> Iterator[EventRow]:
    """The rows of a block of hits without the first `skip`; its first is the batch's `entry`."""
    hits = columns.decode_hits(block, room)
    for some in _pieces(block, skip):
        entries = zip(
            hits.label[some].tolist(),
            hits.start_ns[some].tolist(),
            hits.elapsed_ns[some].tolist(),
            hits.bytes_sent[some].tolist(),
            hits.bytes_received[some].tolist(),
            _told(hits.delay_ns, some),
            _uncounted(block, "first_byte_ns", some),
            _uncounted(block, "connect_ns", some),
            _uncounted(block, "url", some),
            _told(hits.attempt, some),
            _statuses(block, hits, some),
            strict=True,
        )
        for at, values in enumerate(entries, entry + some.start):
            yield _hit(block, at, values)


def _hit(block: event_pb2.HitBlock, at: int, values: tuple[Any, ...]) -> EventRow:
    place, start_ns, elapsed_ns, sent, received, *more = values
    delay_ns, first_ns, connect_ns, url, attempt, status = more
    label = block.labels[place]
    hit = event_pb2.Hit(
        name=label.name,
        url=block.urls[url - 1] if 0 < url <= len(block.urls) else label.name,
        method=label.method,
        status=label.status,
        error=label.error,
        error_message=label.error_message,
        start_time=timestamp_to_proto(start_ns),
        elapsed=duration_to_proto(elapsed_ns),
        bytes_sent=sent,
        bytes_received=received,
        protocol=label.protocol,
        attempt=attempt,
    )
    if label.HasField("failed"):
        hit.failed = label.failed
    if block.tags:
        hit.tags.update(block.tags)
    if delay_ns:
        hit.planned_start_time.CopyFrom(timestamp_to_proto(start_ns - delay_ns))
    if first_ns:
        hit.time_to_first_byte.CopyFrom(duration_to_proto(first_ns))
    if connect_ns:
        hit.connect.CopyFrom(duration_to_proto(connect_ns))
    return EventRow(at, 0, _event(start_ns + elapsed_ns, status, hit=hit))


def _iterations(
    block: event_pb2.TestBlock, room: columns.Room, kinds: Collection[str], entry: int, skip: int
) -> Iterator[EventRow | None]:
    """The rows of a block of iterations, two or three for each, as above."""
    tests = columns.decode_iterations(block, room)
    outcomes = [_OUTCOMES.get(label.outcome, "") for label in block.labels]
    whole = [kind in kinds for kind in _WHOLE]
    wanted = np.array([any(whole) or outcome in kinds for outcome in outcomes])
    for some in _pieces(block, skip):
        places = tests.label[some]
        chosen = np.flatnonzero(wanted[places])
        if not len(chosen):
            yield None
            continue
        starts_ns, elapsed_ns = tests.start_ns[some], tests.elapsed_ns[some]
        statuses = list(_statuses(block, tests, some))
        for at in chosen.tolist():
            number, status = entry + some.start + at, statuses[at]
            label, outcome = block.labels[places[at]], outcomes[places[at]]
            start_ns = int(starts_ns[at])
            test, end_ns = {"test": label.test}, start_ns + int(elapsed_ns[at])
            if whole[0]:
                yield EventRow(number, 0, _event(start_ns, status, test_start=test))
            if outcome and outcome in kinds:
                raised = {"exception": label.exception} if outcome != "test_success" else {}
                yield EventRow(number, 1, _event(end_ns, status, **{outcome: {**test, **raised}}))
            if whole[1]:
                yield EventRow(number, 2, _event(end_ns, status, test_stop=test))


def _pieces(block: _Block, first: int) -> Iterator[slice]:
    """The entries of a block, some at a time: whoever reads slowly holds no more than some."""
    for start in range(first, block.count, PIECE):
        yield slice(start, min(start + PIECE, block.count))


def _event(time_ns: int, status: event_pb2.LoadStatus | None, **what: Any) -> event_pb2.Event:
    return event_pb2.Event(time=timestamp_to_proto(time_ns), status=status, **what)


def _statuses(
    block: _Block, entries: Hits | Iterations, some: slice
) -> Iterator[event_pb2.LoadStatus | None]:
    """Where in the load each entry happened; None: that is not known."""
    known = block.HasField("status") or block.user or block.iteration or block.case
    users, iterations = _uncounted(block, "user", some), _uncounted(block, "iteration", some)
    cases = _told(entries.case, some)
    for user, iteration, case in zip(users, iterations, cases, strict=True):
        if not known:
            yield None
            continue
        yield event_pb2.LoadStatus(
            iterations=block.status.iterations,
            users=block.status.users,
            cycle=block.status.cycle,
            current_user=user if user <= _MAX_UINT32 else 0,
            current_iteration=iteration if iteration <= _MAX_UINT32 else 0,
            case=entries.cases[case - 1] if case else "",
        )


def _told(column: Column | None, some: slice) -> list[int]:
    """Some entries of a column that may not be there, which is a column of zeros."""
    entries: list[int] = [0] * (some.stop - some.start) if column is None else column[some].tolist()
    return entries


def _uncounted(block: _Block, name: str, some: slice) -> list[int]:
    """Entries of a column that nothing counts; zeros, if they hold what is out of this world."""
    data, count = getattr(block, name), some.stop - some.start
    width = len(data) // block.count
    try:
        piece = data[some.start * width : some.stop * width]
        entries: list[int] = columns.column(name, piece, count).tolist()
    except InvalidRequest:
        return [0] * count
    return entries
