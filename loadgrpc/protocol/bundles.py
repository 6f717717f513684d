"""Bundles as they are sent, piece by piece, and what is known of them, as messages and back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

from loadgrpc.errors import InvalidRequest, Violation
from loadgrpc.protocol import bounds
from loadgrpc.protocol.options import ALL
from loadgrpc.v1 import control_pb2


@dataclass(frozen=True)
class Piece:
    """Some bytes of a bundle."""

    sha256: str
    size: int
    """Of the whole bundle."""
    offset: int
    data: bytes


def piece_to_proto(piece: Piece) -> control_pb2.UploadBundleRequest:
    """A piece as its message."""
    return control_pb2.UploadBundleRequest(
        sha256=piece.sha256, size=piece.size, offset=piece.offset, chunk=piece.data
    )


def piece_from_proto(message: control_pb2.UploadBundleRequest) -> Piece:
    """A piece from its message; that of the first says of which bundle it is."""
    return Piece(message.sha256, message.size, message.offset, message.chunk)


async def checked_pieces(
    requests: AsyncIterator[control_pb2.UploadBundleRequest],
) -> AsyncIterator[Piece]:
    """The pieces of an upload; the first message says of which bundle.

    Raises:
        InvalidRequest: it does not, or the bundle is too large.
    """
    first: Piece | None = None
    async for request in requests:
        piece = piece_from_proto(request)
        if first is None:
            first = piece
            check_digest(first.sha256)
            if not 0 < first.size <= bounds.MAX_BUNDLE_BYTES:
                most = bounds.MAX_BUNDLE_BYTES >> 20
                detail = f"must be from 1 byte to {most} MiB, not {first.size:,} bytes"
                raise InvalidRequest([Violation("size", detail)])
        yield replace(piece, sha256=first.sha256, size=first.size)


def check_digest(sha256: str) -> None:
    """Refuses what cannot be the name of a bundle.

    Raises:
        InvalidRequest: it cannot.
    """
    for _, detail in ALL["bundle"].kind.wrong(sha256):
        raise InvalidRequest([Violation("sha256", detail)])
