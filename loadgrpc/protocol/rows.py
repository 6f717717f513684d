"""A batch as rows: what its columns stand for, as messages that anybody can read.

Rule: what was rejected is no row, by the very checks that rejected it. Columns that nothing
counts may hold anything: what a row cannot say is left out of it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import suppress
from typing import Any, Final, NamedTuple

from loadgrpc.errors import InvalidRequest
from loadgrpc.protocol import columns
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

_Block = event_pb2.HitBlock | event_pb2.TestBlock


class Row(NamedTuple):
    """An event of a batch."""

    entry: int
    """The entry of the batch that it is, from 0."""
    part: int
    """Of an iteration: 0 its start, 1 its outcome, 2 its stop. Otherwise 0."""
    event: event_pb2.Event
    dated: bool = True
    """Whether its time is the runner's; False: it had none, and this is when it came."""


def rows(
    batch: runner_pb2.EventBatch, *, arrival_ns: int, kinds: Collection[str] = KINDS
) -> Iterator[Row]:
    """The valid events of a batch that are of certain kinds, in their order.

    Events without a time have come at `arrival_ns`, by the wall clock.
    """
    for at, event in enumerate(batch.events):
        if event.WhichOneof("event") in kinds and _is_valid(event, arrival_ns):
            dated = event.HasField("time")
            if not dated:
                event.time.CopyFrom(timestamp_to_proto(arrival_ns))
            yield Row(at, 0, event, dated)
    entry, room = len(batch.events), columns.MAX_ENTRIES
    for hit_block in batch.hit_blocks:
        with suppress(InvalidRequest):
            hits = columns.decode_hits(hit_block, room)
            room -= hit_block.count
            if "hit" in kinds:
                yield from _hits(hit_block, hits, entry)
        entry += hit_block.count
    for test_block in batch.test_blocks:
        with suppress(InvalidRequest):
            tests = columns.decode_iterations(test_block, room)
            room -= test_block.count
            for row in _iterations(test_block, tests, entry):
                if row.event.WhichOneof("event") in kinds:
                    yield row
        entry += test_block.count


def _is_valid(event: event_pb2.Event, arrival_ns: int) -> bool:
    decoded = columns.Decoded()
    columns.decode_rows([event], arrival_ns, decoded)
    return not decoded.rejected


def _hits(block: event_pb2.HitBlock, hits: columns.Hits, first: int) -> Iterator[Row]:
    """The rows of a block of hits; its first has the number `first` in the batch."""
    entries = zip(
        zip(hits.label.tolist(), hits.start_ns.tolist(), hits.elapsed_ns.tolist(), strict=True),
        zip(hits.bytes_sent.tolist(), hits.bytes_received.tolist(), strict=True),
        _uncounted(block, "delay_ns"),
        _uncounted(block, "first_byte_ns"),
        _uncounted(block, "connect_ns"),
        _uncounted(block, "url"),
        _statuses(block),
        strict=True,
    )
    for entry, values in enumerate(entries, first):
        (place, start_ns, elapsed_ns), sizes, delay_ns, first_ns, connect_ns, url, status = values
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
            bytes_sent=sizes[0],
            bytes_received=sizes[1],
        )
        if 0 < delay_ns <= start_ns:
            hit.planned_start_time.CopyFrom(timestamp_to_proto(start_ns - delay_ns))
        if first_ns:
            hit.time_to_first_byte.CopyFrom(duration_to_proto(first_ns))
        if connect_ns:
            hit.connect.CopyFrom(duration_to_proto(connect_ns))
        yield Row(entry, 0, _event(start_ns + elapsed_ns, status, hit=hit))


def _iterations(block: event_pb2.TestBlock, tests: columns.Iterations, first: int) -> Iterator[Row]:
    """The rows of a block of iterations, two or three for each."""
    entries = zip(
        tests.label.tolist(),
        tests.start_ns.tolist(),
        tests.elapsed_ns.tolist(),
        _statuses(block),
        strict=True,
    )
    for entry, (place, start_ns, elapsed_ns, status) in enumerate(entries, first):
        label = block.labels[place]
        test, end_ns = {"test": label.test}, start_ns + elapsed_ns
        yield Row(entry, 0, _event(start_ns, status, test_start=test))
        if outcome := _OUTCOMES.get(label.outcome):
            raised = {"exception": label.exception} if outcome != "test_success" else {}
            yield Row(entry, 1, _event(end_ns, status, **{outcome: {**test, **raised}}))
        yield Row(entry, 2, _event(end_ns, status, test_stop=test))


def _event(time_ns: int, status: event_pb2.LoadStatus | None, **what: Any) -> event_pb2.Event:
    return event_pb2.Event(time=timestamp_to_proto(time_ns), status=status, **what)


def _statuses(block: _Block) -> Iterator[event_pb2.LoadStatus | None]:
    """Where in the load each entry happened; None: that is not known."""
    known = block.HasField("status") or block.user or block.iteration
    users, iterations = _uncounted(block, "user"), _uncounted(block, "iteration")
    for user, iteration in zip(users, iterations, strict=True):
        if not known:
            yield None
            continue
        yield event_pb2.LoadStatus(
            iterations=block.status.iterations,
            users=block.status.users,
            cycle=block.status.cycle,
            current_user=user if user <= _MAX_UINT32 else 0,
            current_iteration=iteration if iteration <= _MAX_UINT32 else 0,
        )


def _uncounted(block: _Block, name: str) -> list[int]:
    """The entries of a column that nothing counts; zeros, if it holds what is out of this world."""
    try:
        entries: list[int] = columns.column(name, getattr(block, name), block.count).tolist()
    except InvalidRequest:
        return [0] * block.count
    return entries
