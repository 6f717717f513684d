"""Batches that are ready to be sent, and how pieces are put together to make some."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from loadgrpc.protocol.blocks import Block


class EncodedBatch(NamedTuple):
    """A batch that is ready to be sent, save for its number."""

    payload: bytes
    """A serialised EventBatch without `first_sequence`."""
    events: int
    hits: int


def one_by_one(blocks: list[Block]) -> Iterator[Block]:
    """Blocks in order, let go of one at a time: to free them all at once would take a while."""
    blocks.reverse()
    while blocks:
        yield blocks.pop()


def pack(pieces: Iterable[EncodedBatch], limit: int) -> Iterator[EncodedBatch]:
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
