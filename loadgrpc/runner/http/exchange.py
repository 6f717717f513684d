"""An exchange: one attempt of a request on the wire, measured from its start to its end.

A Call is one `Session.send`. Each step of a redirect, round of an authentication and retry within
it is an exchange of its own. `wire.py` begins and ends them.

Rule: an exchange refers to no connection, response or session, so that a hit leaves no reference
cycle behind. It is reported once, when it ends for the first time.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from loadgrpc.clock import Clock
from loadgrpc.model import HitError
from loadgrpc.runner.hit import Hit, HitSink
from loadgrpc.runner.http.addresses import AddressBook
from loadgrpc.runner.http.hit_error import classify
from loadgrpc.runner.http.resumed import ResumedExchange


class Recording:
    """What the fast lane wants to know of a call that Requests makes."""

    __slots__ = ("body", "exchanges", "key", "pool", "preconditions", "sent", "target", "url")

    def __init__(
        self, key: tuple[Any, ...], target: bytes, url: str, body: bytes | None, preconditions: Any
    ) -> None:
        self.key = key
        self.target = target
        self.url = url
        self.body = body
        self.preconditions = preconditions
        self.exchanges = 0
        self.pool: Any = None
        self.sent: list[bytes] = []


class Call:
    """One `Session.send`: the step of a request that the exchanges below it belong to."""

    __slots__ = (
        "addresses",
        "clock",
        "exchange",
        "method",
        "name",
        "recording",
        "resumed",
        "sink",
        "start_ns",
        "url",
        "wall_ns",
    )

    def __init__(
        self, sink: HitSink, clock: Clock, name: str | None, method: str, url: str
    ) -> None:
        self.addresses: AddressBook | None = None
        self.recording: Recording | None = None
        self.resumed: ResumedExchange | None = None
        self.sink = sink
        self.clock = clock
        self.name = name
        self.method = method
        self.url = url
        self.exchange: Exchange | None = None
        """The latest; None: there was none yet."""
        self.wall_ns = clock.wall_ns()
        self.start_ns = clock.monotonic_ns()


CALL: ContextVar[Call | None] = ContextVar("loadgrpc_call", default=None)


class Exchange:
    """One attempt on the wire, from its start until it is reported to the sink, once."""

    __slots__ = (
        "broken",
        "bytes_received",
        "bytes_sent",
        "clock",
        "connect_ns",
        "connecting",
        "ended",
        "eof",
        "first_byte_ns",
        "method",
        "name",
        "sink",
        "start_ns",
        "status",
        "url",
        "wall_ns",
        "where",
    )

    def __init__(self, call: Call, where: str) -> None:
        self.sink = call.sink
        self.clock = call.clock
        self.name = call.name
        self.method = call.method
        self.url = call.url
        self.where = where
        if call.exchange is not None:  # a retry, or another round: it starts now
            self.wall_ns = call.clock.wall_ns()
            self.start_ns = call.clock.monotonic_ns()
        else:
            self.wall_ns = call.wall_ns
            self.start_ns = call.start_ns
        call.exchange = self
        self.connect_ns = 0
        self.first_byte_ns = 0
        self.bytes_sent = 0
        self.bytes_received = 0
        self.status = 0
        self.connecting = False
        self.eof = False
        self.ended = False
        self.broken: tuple[HitError, str] | None = None

    def answered(self, status: int) -> None:
        """The status line and the headers were read."""
        if not self.first_byte_ns:
            self.first_byte_ns = self.clock.monotonic_ns() - self.start_ns
        self.status = status

    def fail(self, error: BaseException) -> None:
        """The attempt ended with an exception."""
        self.end(*classify(error, connecting=self.connecting))

    def end(self, error: HitError = HitError.NONE, message: str = "") -> None:
        """Tell the sink. Only the first call counts."""
        if self.ended:
            return
        self.ended = True
        url = without_secrets(self.url)
        hit = Hit(
            self.name or url.partition("?")[0],
            url,
            self.method,
            self.status,
            error,
            f"{self.where}: {message}" if message else "",
            self.wall_ns,
            self.clock.monotonic_ns() - self.start_ns,
            self.first_byte_ns,
            self.connect_ns,
            self.bytes_sent,
            self.bytes_received,
        )
        self.sink.hit(hit)


def without_secrets(url: str) -> str:
    """A URL without user, password and fragment."""
    if "#" in url:
        url = url.partition("#")[0]
    if "@" in url:
        scheme, separator, rest = url.partition("://")
        end = min((at for at in map(rest.find, "/?") if at >= 0), default=len(rest))
        host = rest[:end].rpartition("@")[2]
        url = f"{scheme}{separator}{host}{rest[end:]}"
    return url
