"""What the fast lane makes of the bytes of an answer.

Rule: it accepts only what has exactly one meaning. Everything else, valid or not, is left for
urllib3 to read: then it returns `None`.
"""

from __future__ import annotations

import re
import zlib
from typing import Final, NamedTuple

from loadgrpc.runner.http.lane.connection import LaneConnection

MAX_HEADS: Final = 1_024
"""Heads of answers that a process remembers; over that, all are forgotten."""
MAX_HEAD_BYTES: Final = 8_192
CHUNKED: Final = -1
"""Instead of the length of a body: it comes in chunks."""
MAX_SIZE_DIGITS: Final = 15

_HEAD: Final = re.compile(
    rb"HTTP/1\.1 ([2-5][0-9][0-9]) ([\t -~]*)(?:\r\n[A-Za-z0-9!#$%&'*+.^_`|~-]+:[\t -~]*)*"
)
_FRAMING: Final = re.compile(
    rb"\r\n(content-length|transfer-encoding|content-encoding|content-type|connection|location"
    rb"|set-cookie2?):"
    rb"[ \t]*([^\r]*)",
    re.IGNORECASE,
)
_BODILESS: Final = frozenset({204, 304})
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_CODINGS: Final = {b"": 0, b"gzip": 16 + zlib.MAX_WBITS, b"deflate": zlib.MAX_WBITS}
"""What zlib calls what urllib3 decodes with it."""
_TYPE: Final = re.compile(rb"[^;]*(?:;[ \t]*[A-Za-z-]+=[^;]+)*")
"""A type whose parameters all versions of Requests can read."""
_SIZE: Final = re.compile(rb"[0-9A-Fa-f]{1,%d}" % MAX_SIZE_DIGITS)
_PART_OF_SIZE: Final = re.compile(rb"(?:[0-9A-Fa-f]{1,%d}\r?)?" % MAX_SIZE_DIGITS)

_heads: dict[bytes, Meaning | None] = {}
"""What heads of answers mean."""


class Meaning(NamedTuple):
    """What a head says that the lane goes by."""

    status: int
    length: int
    """Of the body; or CHUNKED."""
    stays: bool = True
    """Whether the connection can be used again."""
    coding: int = 0
    """How the body is packed, as zlib says it; 0: not at all."""
    location: str | None = None
    """Where it redirects to; None: it is no redirect."""


MORE: Final = Meaning(0, 0)
"""Instead of a meaning: the head is not whole yet."""


def read_head(data: bytes) -> tuple[int, Meaning | None]:
    """Where the body begins, and what the head means."""
    at = data.find(b"\r\n\r\n")
    if at < 0:
        return 0, MORE if _may_become_plain(data) else None
    head = data[:at]
    try:
        return at + 4, _heads[head]
    except KeyError:
        if at > MAX_HEAD_BYTES:
            return 0, None
        if len(_heads) >= MAX_HEADS:
            _heads.clear()
        meaning = _heads[head] = _parse_head(head)
        return at + 4, meaning


def _may_become_plain(data: bytes) -> bool:
    """Whether to wait for the rest of a head: Requests may have seen enough of any other."""
    if not data or len(data) >= MAX_HEAD_BYTES:
        return False
    lines, _, rest = data.rpartition(b"\r\n")
    return b"\n" not in rest and (not lines or _HEAD.fullmatch(lines) is not None)


def _parse_head(head: bytes) -> Meaning | None:
    match = _HEAD.fullmatch(head)
    if match is None or head.count(b"\r\n") > 90:  # noqa: PLR2004 - http.client takes 100
        return None
    status = int(match[1])
    fields: dict[bytes, bytes] = {}
    for field, value in _FRAMING.findall(head):
        name = field.lower()
        if name in fields:
            return None
        fields[name] = value
    connection = fields.get(b"connection", b"").strip(b" \t").lower()
    coding = _CODINGS.get(fields.get(b"content-encoding", b"").lower())
    length = _length(status, fields)
    location = None
    if status in _REDIRECTS and b"location" in fields:
        location = fields[b"location"].decode("ascii")
    if (
        status == 205  # noqa: PLR2004 - http.client and the RFC do not agree about its body
        or b"set-cookie" in fields
        or b"set-cookie2" in fields
        or connection not in (b"", b"close", b"keep-alive")
        or coding is None
        or length is None
        or _TYPE.fullmatch(fields.get(b"content-type", b"")) is None
    ):
        return None
    return Meaning(status, length, connection != b"close", coding, location)


def _length(status: int, fields: dict[bytes, bytes]) -> int | None:
    length = fields.get(b"content-length")
    transfer = fields.get(b"transfer-encoding")
    if transfer is not None:
        plain = transfer.lower() == b"chunked" and length is None and status not in _BODILESS
        return CHUNKED if plain else None
    if length is None:
        return 0 if status in _BODILESS else None
    length = length.strip(b" \t")
    if not length.isdigit() or len(length) > MAX_SIZE_DIGITS:
        return None
    return 0 if status in _BODILESS else int(length)


class Incoming:
    """An answer as it comes in; whatever is raised meanwhile, what came is here."""

    head = b""
    meaning = MORE
    first_ns = 0
    """When the head was there; 0: it is not, or it is not plain."""
    came: bytes | bytearray = b""
    """The body as it came, and what came after it."""
    content: bytes | None = None
    """The body as it was meant; None: it is not plain."""

    def receive(self, line: LaneConnection, timeout_s: float | None) -> None:
        """Receives until the answer is there, or turns out not to be plain."""
        self.head = head = line.receive(timeout_s)
        end, meaning = read_head(head)
        while meaning is MORE and (more := line.receive(timeout_s)):
            self.head = head = head + more
            end, meaning = read_head(head)
        if meaning is None or meaning is MORE:
            return
        self.meaning = meaning
        self.first_ns = line.received_ns
        _, length, _, coding, _ = meaning
        came = b""
        if len(head) != end:
            self.came = came = head[end:]
            self.head = head[:end]
        if length == CHUNKED:
            content = self._receive_chunks(came, line, timeout_s)
        else:
            if len(came) < length:
                self.came = came = line.receive_all(came, length, timeout_s)
            content = came if len(came) == length else None
        self.content = unpack(content, coding) if coding and content else content

    def _receive_chunks(
        self, came: bytes, line: LaneConnection, timeout_s: float | None
    ) -> bytes | None:
        chunks = Chunks(came)
        self.came = chunks.came
        while not (whole := chunks.read()):
            if whole is None or not (more := line.receive(timeout_s)):
                return None
            chunks.came += more
        return chunks.body()


class Chunks:
    """A body in chunks, as it comes in."""

    __slots__ = ("_at", "_parts", "came")

    def __init__(self, came: bytes) -> None:
        self.came = bytearray(came)
        """All of it, with what is around the chunks."""
        self._at = 0
        self._parts: list[bytes] = []

    def body(self) -> bytes:
        """What was in the chunks, once they have all come."""
        return b"".join(self._parts)

    def read(self) -> bool | None:
        """Whether all have come; None: what came is not plain."""
        came = self.came
        while True:
            start = came.find(b"\r\n", self._at, self._at + MAX_SIZE_DIGITS + 2)
            if start < 0:
                return False if _PART_OF_SIZE.fullmatch(came, self._at) else None
            if _SIZE.fullmatch(came, self._at, start) is None:
                return None
            size = int(came[self._at : start], 16)
            start += 2
            end = start + size
            after = bytes(came[end : end + 2])
            if after != b"\r\n":
                return False if after in (b"", b"\r") else None
            if size == 0:
                return True if len(came) == end + 2 else None  # more than was asked for
            self._parts.append(bytes(came[start:end]))
            self._at = end + 2


def unpack(body: bytes, coding: int) -> bytes | None:
    """A packed body as it was; None unless it is one stream, whole and with nothing after it."""
    unpacker = zlib.decompressobj(coding)
    try:
        content = unpacker.decompress(body)
    except zlib.error:
        return None
    return content if unpacker.eof and not unpacker.unused_data else None
