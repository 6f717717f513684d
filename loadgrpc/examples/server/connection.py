"""One client's connection to the demo server."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from loadgrpc.examples.server.answers import (
    MAX_BODY,
    Answer,
    BadRequest,
    SeenRequest,
    answer,
    render,
)
from loadgrpc.examples.server.counts import SeenCounts
from loadgrpc.examples.server.echo_socket import EchoSocket

MAX_HEAD: Final = 64 * 1024
"""Bytes of request line and headers; 431 and the end of the connection beyond."""
UNCOUNTED: Final = frozenset({"/stats", "/count"})


class Connection(asyncio.Protocol):
    """One client's connection: requests are answered in turn, also when pipelined."""

    def __init__(self, counts: SeenCounts) -> None:
        self._counts = counts
        self._received = bytearray()
        self._head: tuple[str, str, dict[str, str], bool] | None = None
        self._waiting: asyncio.TimerHandle | None = None
        self._counted = False
        self._socket: EchoSocket | None = None
        """What has the connection, once it is a web socket."""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - for mypy: this is TCP
        self._transport = transport
        self._counts.connections += 1
        self._counts.max_connections = max(self._counts.max_connections, self._counts.connections)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has gone; what it was waiting for is given up."""
        if self._socket:
            self._socket.connection_lost(exc)
        self._counts.connections -= 1
        if self._waiting:
            self._waiting.cancel()
            self._waiting = None
        self._over()

    def data_received(self, data: bytes) -> None:
        """Bytes from the client."""
        if self._socket:
            self._socket.data_received(data)
            return
        self._received += data
        if self._waiting:
            # Nothing is read ahead of an answer that is due: bounds what a client can pile up.
            self._transport.pause_reading()
        else:
            self._serve()

    def _serve(self) -> None:
        """Answers every request that has arrived whole."""
        try:
            while not (self._waiting or self._socket or self._transport.is_closing()):
                request = self._next_request()
                if request is None:
                    return
                self._take(request)
        except BadRequest as problem:
            refusal = Answer(f"{problem}\n".encode(), status=problem.status)
            self._transport.write(render(refusal, with_body=True, keep_alive=False))
            self._over()
            self._transport.close()

    def _take(self, request: SeenRequest) -> None:
        if request.path not in UNCOUNTED:
            self._counts.arrived(request.path, time.monotonic())
            self._counted = True
        reply = answer(request, self._counts)
        if reply.delay_s:
            loop = asyncio.get_running_loop()
            self._waiting = loop.call_later(reply.delay_s, self._send_late, request, reply)
        else:
            self._send(request, reply)

    def _send_late(self, request: SeenRequest, reply: Answer) -> None:
        self._waiting = None
        self._send(request, reply)
        self._transport.resume_reading()
        self._serve()

    def _send(self, request: SeenRequest, reply: Answer) -> None:
        with_body = request.method != "HEAD"
        # Over before it is written: the client may ask again as soon as it reads.
        self._over()
        self._transport.write(render(reply, with_body=with_body, keep_alive=request.keep_alive))
        if reply.echo_delay_s is not None:
            self._socket = EchoSocket(self._transport, self._counts.sockets, reply.echo_delay_s)
            self._socket.data_received(bytes(self._received))
        elif not request.keep_alive or reply.share < 1:
            self._transport.close()

    def pause_writing(self) -> None:
        """The client does not read what a web socket sends."""
        if self._socket:
            self._socket.pause_writing()

    def resume_writing(self) -> None:
        """The client reads again."""
        if self._socket:
            self._socket.resume_writing()

    def _over(self) -> None:
        """The request at hand is answered or given up."""
        if self._counted:
            self._counts.answered()
            self._counted = False

    def _next_request(self) -> SeenRequest | None:
        """The next request, if all of it is here."""
        if self._head is None:
            self._head = self._next_head()
            if self._head is None:
                return None
        method, path, headers, keep_alive = self._head
        body = self._next_body(headers)
        if body is None:
            return None
        self._head = None
        return SeenRequest(method, path, headers, body, keep_alive)

    def _next_head(self) -> tuple[str, str, dict[str, str], bool] | None:
        end = self._received.find(b"\r\n\r\n")
        if end < 0 or end > MAX_HEAD:
            if len(self._received) > MAX_HEAD:
                raise BadRequest(431, "the headers are too long")
            return None
        first, *rest = self._received[:end].decode("latin-1").split("\r\n")
        del self._received[: end + 4]
        words = first.split(" ")
        if len(words) != 3 or not words[2].startswith("HTTP/1."):  # noqa: PLR2004 - method, target, version
            raise BadRequest(400, "this is no HTTP/1.1 request")
        method, target, version = words
        headers = {}
        for line in rest:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        connection = headers.get("connection", "").lower()
        keep_alive = connection != "close" and (version != "HTTP/1.0" or connection == "keep-alive")
        if headers.get("expect", "").lower() == "100-continue":
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        return method, target.partition("?")[0], headers, keep_alive

    def _next_body(self, headers: dict[str, str]) -> bytes | None:
        if "chunked" in headers.get("transfer-encoding", "").lower():
            return self._next_chunks()
        length = _length(headers.get("content-length", "0"), 10)
        if len(self._received) < length:
            return None
        body = bytes(self._received[:length])
        del self._received[:length]
        return body

    def _next_chunks(self) -> bytes | None:
        """A chunked body; parsed again with every arrival, because bodies are small here."""
        body = bytearray()
        at = 0
        while True:
            line_end = self._received.find(b"\r\n", at)
            if line_end < 0:
                _bounded(len(self._received))
                return None
            size_text = self._received[at:line_end].decode("latin-1").partition(";")[0]
            size = _length(size_text, 16)
            at = line_end + 2 + size + 2
            if size == 0:
                # Trailers, if any, up to the empty line.
                end = self._received.find(b"\r\n\r\n", line_end)
                if end < 0:
                    return None
                del self._received[: end + 4]
                return bytes(body)
            body += self._received[line_end + 2 : line_end + 2 + size]
            _bounded(len(body))
            if len(self._received) < at:
                return None


def _length(text: str, base: int) -> int:
    try:
        return _bounded(int(text, base))
    except ValueError:
        raise BadRequest(400, "a length is no number") from None


def _bounded(length: int) -> int:
    if not 0 <= length <= MAX_BODY:
        raise BadRequest(413, f"at most {MAX_BODY} bytes")
    return length
