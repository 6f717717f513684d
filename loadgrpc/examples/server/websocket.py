"""The server's side of a web socket (RFC 6455): its handshake, and frames to messages.

Rule: pure: bytes in, messages out, and no connection. What the client must not do raises
`Broken`, which has the code to close with.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

MAX_MESSAGE: Final = 16 * 1024 * 1024
"""Bytes of a message; the connection is closed beyond."""
MAX_CONTROL: Final = 125

CONTINUATION: Final = 0x0
TEXT: Final = 0x1
BINARY: Final = 0x2
CLOSE: Final = 0x8
PING: Final = 0x9
PONG: Final = 0xA

NORMAL: Final = 1000
WRONG: Final = 1002
NOT_UTF_8: Final = 1007
TOO_LARGE: Final = 1009

_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_VERSION: Final = ("Sec-WebSocket-Version", "13")
_KEY_BYTES: Final = 16
_FIN, _RESERVED, _OPCODE = 0x80, 0x70, 0x0F
_MASKED, _LENGTH = 0x80, 0x7F
_TWO_BYTES, _EIGHT_BYTES = 126, 127


class NotUpgraded(Exception):
    """A request that does not make its connection a web socket, and how it is answered."""

    def __init__(self, status: int, why: str, *headers: tuple[str, str]) -> None:
        super().__init__(why)
        self.status = status
        self.headers = headers


class Broken(Exception):
    """The client did what the protocol forbids, or more than is accepted here."""

    def __init__(self, code: int, why: str) -> None:
        super().__init__(why)
        self.code = code


@dataclass(frozen=True)
class SeenMessage:
    """A message that has arrived whole, or a control frame."""

    opcode: int
    """TEXT, BINARY, CLOSE, PING or PONG."""
    payload: bytes


def accept(method: str, headers: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """The headers that accept a handshake; of the protocols that it offers, the first.

    `headers` are by lower-case name.

    Raises:
        NotUpgraded: it is none, or not of this version.
    """
    upgrade = ("Upgrade", "websocket")
    if method != "GET" or "websocket" not in _tokens(headers.get("upgrade", "")):
        raise NotUpgraded(426, "a web socket is here", upgrade, ("Connection", "Upgrade"))
    if "upgrade" not in _tokens(headers.get("connection", "")):
        raise NotUpgraded(400, "the header Connection does not say Upgrade")
    if headers.get("sec-websocket-version") != _VERSION[1]:
        raise NotUpgraded(426, "only version 13 is known here", _VERSION)
    key = headers.get("sec-websocket-key", "")
    try:
        usable = len(base64.b64decode(key, validate=True)) == _KEY_BYTES
    except binascii.Error:
        usable = False
    if not usable:
        raise NotUpgraded(400, "Sec-WebSocket-Key is not 16 bytes in Base64")
    digest = hashlib.sha1(key.encode() + _GUID, usedforsecurity=False).digest()
    offered = [name.strip() for name in headers.get("sec-websocket-protocol", "").split(",")]
    chosen = (("Sec-WebSocket-Protocol", offered[0]),) if offered[0] else ()
    answer = ("Sec-WebSocket-Accept", base64.b64encode(digest).decode())
    return (upgrade, ("Connection", "Upgrade"), answer, *chosen)


def _tokens(value: str) -> set[str]:
    return {token.strip().lower() for token in value.split(",")}


def frame(opcode: int, payload: bytes) -> bytes:
    """A message as one frame of a server: not masked."""
    size = len(payload)
    if size < _TWO_BYTES:
        head = bytes((_FIN | opcode, size))
    elif size < 1 << 16:
        head = bytes((_FIN | opcode, _TWO_BYTES)) + size.to_bytes(2)
    else:
        head = bytes((_FIN | opcode, _EIGHT_BYTES)) + size.to_bytes(8)
    return head + payload


def close_code(payload: bytes) -> int:
    """The code to answer a close frame with: its own.

    Raises:
        Broken: the frame is not valid.
    """
    if not payload:
        return NORMAL
    code = int.from_bytes(payload[:2])
    registered = 1000 <= code <= 1014 and code not in (1004, 1005, 1006)  # noqa: PLR2004 - RFC 6455, 7.4
    if len(payload) == 1 or not (registered or 3000 <= code <= 4999):  # noqa: PLR2004 - as above
        raise Broken(WRONG, "no such code to close with")
    _utf_8(payload[2:])
    return code


class Messages:
    """Bytes of a client, put together to messages."""

    def __init__(self) -> None:
        self._received = bytearray()
        self._opcode = CONTINUATION
        """Of the message whose fragments are coming; CONTINUATION: there is none."""
        self._fragments = bytearray()

    def feed(self, data: bytes) -> None:
        """Bytes came."""
        self._received += data

    def next(self) -> SeenMessage | None:
        """The next message, if all of it is here.

        Raises:
            Broken: the client does not keep to the protocol.
        """
        for final, opcode, payload in self._frames():
            if opcode & CLOSE:
                return SeenMessage(opcode, payload)
            if (opcode == CONTINUATION) != (self._opcode != CONTINUATION):
                raise Broken(WRONG, "fragments are out of order")
            self._opcode = opcode or self._opcode
            if len(self._fragments) + len(payload) > MAX_MESSAGE:
                raise Broken(TOO_LARGE, f"at most {MAX_MESSAGE} bytes")
            self._fragments += payload
            if final:
                message = SeenMessage(self._opcode, bytes(self._fragments))
                self._opcode = CONTINUATION
                self._fragments.clear()
                if message.opcode == TEXT:
                    _utf_8(message.payload)
                return message
        return None

    def _frames(self) -> Iterator[tuple[bool, int, bytes]]:
        while (found := self._next_frame()) is not None:
            yield found

    def _next_frame(self) -> tuple[bool, int, bytes] | None:
        """Whether the next frame ends its message, its opcode and payload."""
        data = self._received
        if len(data) < 2:  # noqa: PLR2004 - the shortest head
            return None
        opcode, size = data[0] & _OPCODE, data[1] & _LENGTH
        if data[0] & _RESERVED or opcode not in (CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG):
            raise Broken(WRONG, "no such frame")
        if not data[1] & _MASKED:
            raise Broken(WRONG, "clients mask what they send")
        if opcode & CLOSE and (size > MAX_CONTROL or not data[0] & _FIN):
            raise Broken(WRONG, "a control frame is short and whole")
        width = {_TWO_BYTES: 2, _EIGHT_BYTES: 8}.get(size, 0)
        at = 2 + width + 4
        if len(data) < at:
            return None
        if width:
            size = int.from_bytes(data[2 : 2 + width])
        if size > MAX_MESSAGE:
            raise Broken(TOO_LARGE, f"at most {MAX_MESSAGE} bytes")
        if len(data) < at + size:
            return None
        final = bool(data[0] & _FIN)
        payload = unmasked(bytes(data[at : at + size]), bytes(data[at - 4 : at]))
        del data[: at + size]
        return final, opcode, payload


def unmasked(payload: bytes, mask: bytes) -> bytes:
    """A payload without its mask of four bytes; the same again masks it."""
    size = len(payload)
    repeated = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(payload) ^ int.from_bytes(repeated)).to_bytes(size)


def _utf_8(payload: bytes) -> None:
    try:
        payload.decode()
    except UnicodeDecodeError:
        raise Broken(NOT_UTF_8, "a text is not UTF-8") from None
