"""What goes through the socket between the link and a user process: frames.

    kind: 1 byte   length: 4 bytes   events: 4 bytes   hits: 4 bytes   body: `length` bytes

A BATCH frame's body is a serialised EventBatch without numbers, and its head says how many
events and hits it holds, so that the link numbers it without reading it. A CONTROL frame's body is
a message (`messages.py`).

Rule: both ends of a socket belong to one installation; nothing here checks what a stranger might
send, because no stranger can.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from enum import IntEnum
from typing import Final, NamedTuple

from loadgrpc.runner import messages
from loadgrpc.runner.messages import Message

_HEADER: Final = struct.Struct("<BIII")

MAX_FRAME_BYTES: Final = 900_000
"""Of a BATCH: below the limit of a batch on the wire, with room for its envelope."""
SOCKET_FD_ENV: Final = "LOADGRPC_USER_PROCESS_FD"
"""Names the user process's end of the socket."""


class FrameKind(IntEnum):
    """What a frame holds."""

    BATCH = 1
    CONTROL = 2


class Frame(NamedTuple):
    """One frame as it was read."""

    kind: FrameKind
    events: int
    hits: int
    body: bytes

    def control(self) -> Message:
        """The message in a CONTROL frame."""
        return messages.from_bytes(self.body)


def batch(body: bytes, events: int, hits: int) -> bytes:
    """A BATCH frame."""
    return _HEADER.pack(FrameKind.BATCH, len(body), events, hits) + body


def control(message: Message) -> bytes:
    """A CONTROL frame."""
    body = messages.to_bytes(message)
    return _HEADER.pack(FrameKind.CONTROL, len(body), 0, 0) + body


class FrameReader:
    """Puts frames together from what a socket gives, in whatever pieces."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that are whole with `data`."""
        self._buffer += data
        at = 0
        while len(self._buffer) - at >= _HEADER.size:
            kind, length, events, hits = _HEADER.unpack_from(self._buffer, at)
            end = at + _HEADER.size + length
            if len(self._buffer) < end:
                break
            body = bytes(self._buffer[at + _HEADER.size : end])
            yield Frame(FrameKind(kind), events, hits, body)
            at = end
        del self._buffer[:at]
