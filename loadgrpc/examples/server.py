"""The demo server: an HTTP server that is pleasant to load, and counts for itself.

    python -m loadgrpc.examples.server [--host 127.0.0.1] [--port 9000]

It prints `listening on http://HOST:PORT` when it is ready (`--port 0` takes a free port).

    /            a small page                    /status/CODE  an answer with that status
    /delay/MS    the same, MS ms later           /redirect/N   N redirects, then a page
    /json        a small document                /bytes/N      N bytes
    /echo        the body of the request         /cookie       a number for each visitor
    /stats       what was counted, as JSON; a DELETE starts over
    /count       the number of requests, as text

Rule: what it tells is independent of loadgrpc, so that loadgrpc can be checked against
it: the standard library only, and every request is counted when it has arrived whole, but
for those to /stats and /count. A request is concurrent from its arrival until its answer
is written or its connection lost.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus

DEFAULT_PORT = 9000
BACKLOG = 4096
MAX_HEAD = 64 * 1024
"""Bytes of request line and headers; 431 and the end of the connection beyond."""
MAX_BODY = 16 * 1024 * 1024
"""Bytes of a request's body (413 beyond), and of what /bytes answers (400 beyond)."""
MAX_DELAY_MS = 60_000
MAX_REDIRECTS = 100
MAX_PATHS = 1_000
"""Paths counted each for itself; further ones are counted together, as `other`."""
MAX_SECONDS = 3_600
"""Seconds that the timeline keeps, the first ones."""

HELLO = b"Hello from the demo server of loadgrpc.\n"
TEXT = "text/plain; charset=utf-8"
JSON = "application/json"
UNCOUNTED = frozenset({"/stats", "/count"})
REASONS = {status.value: status.phrase for status in HTTPStatus}


@dataclass
class Second:
    """What happened in one second."""

    requests: int = 0
    max_concurrent: int = 0


@dataclass
class SeenCounts:
    """What the server has seen, and is seeing."""

    requests: int = 0
    concurrent: int = 0
    max_concurrent: int = 0
    connections: int = 0
    max_connections: int = 0
    visitors: int = 0
    paths: dict[str, int] = field(default_factory=dict)
    timeline: dict[int, Second] = field(default_factory=dict)
    """By whole seconds since the first request; seconds without a request are absent."""
    first: float = 0.0

    def arrived(self, path: str, now: float) -> None:
        """A request has arrived, and is being answered from now on."""
        self.first = self.first or now
        self.requests += 1
        self.concurrent += 1
        self.max_concurrent = max(self.max_concurrent, self.concurrent)
        if path not in self.paths and len(self.paths) >= MAX_PATHS:
            path = "other"
        self.paths[path] = self.paths.get(path, 0) + 1
        number = int(now - self.first)
        if number < MAX_SECONDS:
            second = self.timeline.setdefault(number, Second())
            second.requests += 1
            second.max_concurrent = max(second.max_concurrent, self.concurrent)

    def answered(self) -> None:
        """A request was answered, or given up."""
        self.concurrent -= 1

    def start_over(self) -> None:
        """Forgets what was, and keeps what is."""
        self.requests = 0
        self.first = 0.0
        self.max_concurrent = self.concurrent
        self.max_connections = self.connections
        self.paths.clear()
        self.timeline.clear()

    def document(self) -> bytes:
        """All of it, as JSON."""
        return _json(
            {
                "requests": self.requests,
                "concurrent": self.concurrent,
                "max_concurrent": self.max_concurrent,
                "connections": self.connections,
                "max_connections": self.max_connections,
                "paths": self.paths,
                "timeline": [
                    {
                        "second": number,
                        "requests": second.requests,
                        "max_concurrent": second.max_concurrent,
                    }
                    for number, second in sorted(self.timeline.items())
                ],
            }
        )


@dataclass(frozen=True)
class SeenRequest:
    """A request that has arrived whole."""

    method: str
    path: str
    """Without the query."""
    headers: dict[str, str]
    """By lower-case name."""
    body: bytes
    keep_alive: bool


@dataclass(frozen=True)
class Answer:
    """What a request is answered with."""

    body: bytes = b""
    content_type: str = TEXT
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    delay_s: float = 0.0


class BadRequest(Exception):
    """A request that is answered with a status, and is the last of its connection."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


def answer(request: SeenRequest, counts: SeenCounts) -> Answer:
    """What `request` is answered with."""
    room, _, argument = request.path.removeprefix("/").partition("/")
    if room in WITH_NUMBER:
        return WITH_NUMBER[room](argument)
    if room in PLAIN and not argument:
        return PLAIN[room](request, counts)
    return Answer(f"nothing at {request.path}\n".encode(), status=404)


def _delay(argument: str) -> Answer:
    milliseconds = _number(argument, MAX_DELAY_MS)
    return Answer(HELLO, delay_s=milliseconds / 1000)


def _status(argument: str) -> Answer:
    status = _number(argument, 599)
    if status < HTTPStatus.OK:
        raise BadRequest(400, "a status from 200 to 599")
    return Answer(f"{status}\n".encode(), status=status)


def _redirect(argument: str) -> Answer:
    steps = _number(argument, MAX_REDIRECTS)
    if steps == 0:
        return Answer(HELLO)
    return Answer(status=302, headers=(("Location", f"/redirect/{steps - 1}"),))


def _bytes(argument: str) -> Answer:
    return Answer(b"x" * _number(argument, MAX_BODY), "application/octet-stream")


WITH_NUMBER: dict[str, Callable[[str], Answer]] = {
    "delay": _delay,
    "status": _status,
    "redirect": _redirect,
    "bytes": _bytes,
}


def _hello(_request: SeenRequest, _counts: SeenCounts) -> Answer:
    return Answer(HELLO)


def _document(_request: SeenRequest, _counts: SeenCounts) -> Answer:
    return Answer(_json({"message": "Hello", "numbers": [1, 2, 3]}), JSON)


def _echo(request: SeenRequest, _counts: SeenCounts) -> Answer:
    return Answer(request.body, request.headers.get("content-type", TEXT))


def _visitor(request: SeenRequest, counts: SeenCounts) -> Answer:
    for cookie in request.headers.get("cookie", "").split(";"):
        name, _, value = cookie.strip().partition("=")
        if name == "visitor" and value.isdecimal():
            return Answer(_json({"visitor": int(value)}), JSON)
    counts.visitors += 1
    cookie = f"visitor={counts.visitors}; Path=/"
    return Answer(_json({"visitor": counts.visitors}), JSON, headers=(("Set-Cookie", cookie),))


def _stats(request: SeenRequest, counts: SeenCounts) -> Answer:
    if request.method == "DELETE":
        counts.start_over()
    return Answer(counts.document(), JSON)


def _count(_request: SeenRequest, counts: SeenCounts) -> Answer:
    return Answer(b"%d\n" % counts.requests)


PLAIN: dict[str, Callable[[SeenRequest, SeenCounts], Answer]] = {
    "": _hello,
    "json": _document,
    "echo": _echo,
    "cookie": _visitor,
    "stats": _stats,
    "count": _count,
}


def _number(text: str, most: int) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(most))):
        raise BadRequest(400, f"a whole number up to {most} belongs there")
    if int(text) > most:
        raise BadRequest(400, f"at most {most}")
    return int(text)


def _json(document: object) -> bytes:
    return json.dumps(document).encode() + b"\n"


def render(answer: Answer, *, with_body: bool, keep_alive: bool) -> bytes:
    """An answer as it goes over the wire."""
    empty = answer.status in (204, 304)
    lines = [f"HTTP/1.1 {answer.status} {REASONS.get(answer.status, 'Unknown')}"]
    if not empty:
        lines.append(f"Content-Type: {answer.content_type}")
        lines.append(f"Content-Length: {len(answer.body)}")
    lines.extend(f"{name}: {value}" for name, value in answer.headers)
    if not keep_alive:
        lines.append("Connection: close")
    head = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"
    return head + answer.body if with_body and not empty else head


class Connection(asyncio.Protocol):
    """One client's connection: requests are answered in turn, also when pipelined."""

    def __init__(self, counts: SeenCounts) -> None:
        self._counts = counts
        self._received = bytearray()
        self._head: tuple[str, str, dict[str, str], bool] | None = None
        self._waiting: asyncio.TimerHandle | None = None
        self._counted = False
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - for mypy: this is TCP
        self._transport = transport
        self._counts.connections += 1
        self._counts.max_connections = max(self._counts.max_connections, self._counts.connections)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has gone; what it was waiting for is given up."""
        del exc
        self._counts.connections -= 1
        if self._waiting:
            self._waiting.cancel()
            self._waiting = None
        self._over()

    def data_received(self, data: bytes) -> None:
        """Bytes from the client."""
        self._received += data
        if self._waiting:
            # Nothing is read ahead of an answer that is due: bounds what a client can pile up.
            self._transport.pause_reading()
        else:
            self._serve()

    def _serve(self) -> None:
        """Answers every request that has arrived whole."""
        try:
            while not self._waiting and not self._transport.is_closing():
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
        if not request.keep_alive:
            self._transport.close()

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


async def serve(host: str, port: int, *, while_stdin_is_open: bool = False) -> None:
    """Serves until SIGINT or SIGTERM, or until its standard input is closed."""
    counts = SeenCounts()
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if while_stdin_is_open:
        stdin = sys.stdin.fileno()
        loop.add_reader(stdin, lambda: None if os.read(stdin, 4096) else stop.set())
    server = await loop.create_server(lambda: Connection(counts), host, port, backlog=BACKLOG)
    where, bound = server.sockets[0].getsockname()[:2]
    print(f"listening on http://{f'[{where}]' if ':' in where else where}:{bound}", flush=True)
    await stop.wait()
    server.close()


def main() -> int:
    """The command line; see the module."""
    parser = argparse.ArgumentParser(
        prog="python -m loadgrpc.examples.server", description="The demo server of loadgrpc."
    )
    parser.add_argument("--host", default="127.0.0.1", help="where to listen (default: loopback)")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="0: a free one")
    parser.add_argument(
        "--while-stdin-is-open",
        action="store_true",
        help="end when standard input ends, so that a starter cannot leave it behind",
    )
    options = parser.parse_args()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(ValueError, OSError):  # the soft limit will have to do
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        asyncio.run(
            serve(options.host, options.port, while_stdin_is_open=options.while_stdin_is_open)
        )
    except OSError as problem:
        print(f"cannot listen on {options.host}:{options.port}: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
