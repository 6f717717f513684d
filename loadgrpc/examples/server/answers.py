"""What each request to the demo server is answered with.

Rule: an answer says all of it: also when it is sent, how much of it, and whether the connection
becomes a web socket. No connection, no time.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from loadgrpc.examples.server import websocket
from loadgrpc.examples.server.counts import SeenCounts, to_json

MAX_BODY: Final = 16 * 1024 * 1024
"""Bytes of a request's body (413 beyond), and of what /bytes answers (400 beyond)."""
MAX_DELAY_MS: Final = 60_000
MAX_REDIRECTS: Final = 100
MAX_FLAKY: Final = 1_000_000
SLOW_MS: Final = (20,) * 9 + (300,)
"""What /slow takes, in turn."""

HELLO: Final = b"Hello from the demo server of loadgrpc.\n"
TEXT: Final = "text/plain; charset=utf-8"
JSON: Final = "application/json"
REASONS: Final = {status.value: status.phrase for status in HTTPStatus}


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
    share: float = 1.0
    """How much of it is sent; the connection ends after less than all of it."""
    echo_delay_s: float | None = None
    """The connection becomes a web socket, and its messages come back this much later."""


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
    if room == "ws":
        return _web_socket(request, argument)
    if room == "flaky":
        return _flaky(argument, counts)
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


def _flaky(argument: str, counts: SeenCounts) -> Answer:
    every = _number(argument, MAX_FLAKY)
    if every == 0:
        raise BadRequest(400, "a number from 1")
    counts.flaky += 1
    if counts.flaky % every == 0:
        return Answer(b"flaky\n", status=503, headers=(("Retry-After", "1"),))
    return Answer(HELLO)


def _web_socket(request: SeenRequest, argument: str) -> Answer:
    delay_ms = _number(argument, MAX_DELAY_MS) if argument else 0
    try:
        headers = websocket.accept(request.method, request.headers)
    except websocket.NotUpgraded as problem:
        body = f"{problem}\n".encode()
        return Answer(body, status=problem.status, headers=problem.headers)
    return Answer(status=101, headers=headers, echo_delay_s=delay_ms / 1000)


WITH_NUMBER: dict[str, Callable[[str], Answer]] = {
    "delay": _delay,
    "status": _status,
    "redirect": _redirect,
    "bytes": _bytes,
}


def _hello(_request: SeenRequest, _counts: SeenCounts) -> Answer:
    return Answer(HELLO)


def _document(_request: SeenRequest, _counts: SeenCounts) -> Answer:
    return Answer(to_json({"message": "Hello", "numbers": [1, 2, 3]}), JSON)


def _echo(request: SeenRequest, _counts: SeenCounts) -> Answer:
    return Answer(request.body, request.headers.get("content-type", TEXT))


def _visitor(request: SeenRequest, counts: SeenCounts) -> Answer:
    for cookie in request.headers.get("cookie", "").split(";"):
        name, _, value = cookie.strip().partition("=")
        if name == "visitor" and value.isdecimal():
            return Answer(to_json({"visitor": int(value)}), JSON)
    counts.visitors += 1
    cookie = f"visitor={counts.visitors}; Path=/"
    return Answer(to_json({"visitor": counts.visitors}), JSON, headers=(("Set-Cookie", cookie),))


def _auth(request: SeenRequest, _counts: SeenCounts) -> Answer:
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    try:
        user, _, password = base64.b64decode(credentials, validate=True).partition(b":")
    except binascii.Error:
        user = password = b""
    if scheme.lower() == "basic" and user and password:
        return Answer(user + b"\n")
    challenge = ("WWW-Authenticate", 'Basic realm="demo", charset="UTF-8"')
    return Answer(b"who are you?\n", status=401, headers=(challenge,))


def _slow(_request: SeenRequest, counts: SeenCounts) -> Answer:
    counts.slow += 1
    return Answer(HELLO, delay_s=SLOW_MS[(counts.slow - 1) % len(SLOW_MS)] / 1000)


def _cut(_request: SeenRequest, _counts: SeenCounts) -> Answer:
    return Answer(HELLO * 100, share=0.5)


def _broken(_request: SeenRequest, _counts: SeenCounts) -> Answer:
    return Answer(share=0.0)


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
    "auth": _auth,
    "slow": _slow,
    "cut": _cut,
    "broken": _broken,
    "stats": _stats,
    "count": _count,
}


def _number(text: str, most: int) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(most))):
        raise BadRequest(400, f"a whole number up to {most} belongs there")
    if int(text) > most:
        raise BadRequest(400, f"at most {most}")
    return int(text)


def render(answer: Answer, *, with_body: bool, keep_alive: bool) -> bytes:
    """An answer as it goes over the wire."""
    empty = answer.status in (101, 204, 304)
    lines = [f"HTTP/1.1 {answer.status} {REASONS.get(answer.status, 'Unknown')}"]
    if not empty:
        lines.append(f"Content-Type: {answer.content_type}")
        lines.append(f"Content-Length: {len(answer.body)}")
    lines.extend(f"{name}: {value}" for name, value in answer.headers)
    if not keep_alive:
        lines.append("Connection: close")
    head = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"
    whole = head + answer.body if with_body and not empty else head
    return whole[: int(len(whole) * answer.share)]
