"""What the two receivers of RunnerService have in common: limits, and what numbers mean.

Rule: pure. The broker and an agent's relay answer a runner alike, because both ask here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from loadgrpc.errors import InvalidRequest, Violation
from loadgrpc.protocol import bounds
from loadgrpc.v1 import runner_pb2

MAX_BATCH_BYTES: Final = bounds.MAX_BATCH_BYTES
MAX_UNACKED_BATCHES: Final = 64
MAX_UNACKED_BYTES: Final = 16 << 20
MAX_TYPES_BYTES: Final = bounds.MAX_TYPES_BYTES
"""Of the types that a source brings."""
TYPES_TOO_LARGE: Final = "TOO_LARGE"
"""Why they are refused when they have more."""
MAX_CUSTOM_BYTES: Final = bounds.MAX_CUSTOM_BYTES
"""Of the value of a custom event."""
MAX_SEQUENCE: Final = 2**53
"""Numbers up to here are exact in every language and database."""


def limits() -> runner_pb2.Limits:
    """The bounds that a sender gets."""
    return runner_pb2.Limits(
        max_batch_bytes=MAX_BATCH_BYTES,
        max_unacked_batches=MAX_UNACKED_BATCHES,
        max_unacked_bytes=MAX_UNACKED_BYTES,
    )


def over_limits(batch: runner_pb2.EventBatch, batch_bytes: int) -> bool:
    """Whether a batch is to be split before it is looked at any further."""
    if batch_bytes > MAX_BATCH_BYTES:
        return True
    hit_blocks, test_blocks = batch.hit_blocks, batch.test_blocks
    if len(hit_blocks) + len(test_blocks) > bounds.MAX_BATCH_BLOCKS:
        return True
    rows = len(batch.events)
    for hits in hit_blocks:
        rows += len(hits.labels) + len(hits.urls) + len(hits.cases)
    for tests in test_blocks:
        rows += len(tests.labels) + len(tests.cases)
    return rows > bounds.MAX_BATCH_ROWS


def size(batch: runner_pb2.EventBatch) -> int:
    """Events of a batch: as many sequence numbers it takes, those of unknown kinds included."""
    return max(batch.count, known(batch))


def known(batch: runner_pb2.EventBatch) -> int:
    """Events of a batch that are of kinds known here."""
    return (
        len(batch.events)
        + sum(block.count for block in batch.hit_blocks)
        + sum(block.count for block in batch.test_blocks)
    )


def too_large(types: bytes) -> str:
    """What is wrong with the size of types that a source brings; empty: nothing."""
    size = len(types)
    return f"they have {size} bytes, over {MAX_TYPES_BYTES}" if size > MAX_TYPES_BYTES else ""


@dataclass(frozen=True)
class Accept:
    """Take the batch, without its first `skip` entries; they were received before."""

    skip: int


@dataclass(frozen=True)
class Duplicate:
    """All of it was received before: ack it again."""


@dataclass(frozen=True)
class OutOfOrder:
    """Numbers are missing before it. `report`: say so; later ones are ignored in silence."""

    expected: int
    report: bool


Decision = Accept | Duplicate | OutOfOrder


@dataclass
class Sequence:
    """Which numbers of a source have come."""

    received: int = 0
    """Everything up to this number."""
    _gap_reported: bool = False

    def opened(self) -> None:
        """The source has been sent the expected number: a gap from here on is a new one."""
        self._gap_reported = False

    def batch(self, first_sequence: int, count: int) -> Decision:
        """A batch came. `first_sequence` 0: its source sends no numbers.

        Raises:
            InvalidRequest: it counts too far.
        """
        first = first_sequence or self.received + 1
        last = first + count - 1
        if last > MAX_SEQUENCE:
            raise InvalidRequest([Violation("first_sequence", f"goes beyond {MAX_SEQUENCE}")])
        if first > self.received + 1:
            report, self._gap_reported = not self._gap_reported, True
            return OutOfOrder(self.received + 1, report)
        if last <= self.received:
            return Duplicate()
        known_before = self.received - first + 1
        self._gap_reported = False
        self.received = last
        return Accept(known_before)
