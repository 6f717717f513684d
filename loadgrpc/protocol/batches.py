"""Batches of events, decoded: rows and columns become NumPy columns and a few plain rows.

Rule: what a stranger sends is checked here, rows one by one and blocks as a whole; what is wrong
is counted and named, never raised. Everything is in the order of its sequence numbers: rows, hit
blocks, test blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from loadgrpc.errors import InvalidRequest
from loadgrpc.protocol import home
from loadgrpc.protocol.columns import Room, decode_hits, decode_iterations
from loadgrpc.protocol.decoded import Decoded
from loadgrpc.protocol.row_reader import RowReader
from loadgrpc.v1 import event_pb2, runner_pb2

ROWS_AT_ONCE: Final = 1_000
BLOCKS_AT_ONCE: Final = 50
"""Rows, and blocks, that are decoded without a turn for others."""


def decode(
    batch: runner_pb2.EventBatch, *, arrival_ns: int, skip: int = 0, fed: bool = False
) -> Decoded:
    """The events of `batch` without the first `skip`.

    `arrival_ns` (wall clock) stands in for the time of rows that have none. `fed`: iterations are
    fed with cases, so that hits in rows may name one.
    """
    decoded = Decoded()
    for _ in decoding(batch, decoded, arrival_ns=arrival_ns, skip=skip, fed=fed):
        pass
    return decoded


def decoding(
    batch: runner_pb2.EventBatch,
    decoded: Decoded,
    *,
    arrival_ns: int,
    skip: int = 0,
    fed: bool = False,
) -> Iterator[None]:
    """As `decode`, into `decoded`, in steps between which others may have their turn."""
    rows = batch.events[skip:] if skip else batch.events
    reading = RowReader(arrival_ns, decoded, fed=fed)
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
    decoded.hits.append(hits.some(slice(skip, None)) if skip else hits)


def _read_tests(block: event_pb2.TestBlock, room: Room, skip: int, decoded: Decoded) -> None:
    tests = decode_iterations(block, room)
    kept = decoded.iterations if tests.fixture is None else decoded.fixtures
    kept.append(tests.some(slice(skip, None)) if skip else tests)
