"""`self.async_session`: an httpx.AsyncClient whose requests are hits, for asynchronous tests.

Rule: it is httpx's own client, over a transport that measures. Each exchange on the wire is one
hit, from before a connection is looked for to the end of the body, redirects and rounds of an
authentication each by itself. asyncio is not imported here: a test that uses this has done so.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import lru_cache
from typing import Any, Final, Self

import httpx

from loadgrpc.clock import Clock
from loadgrpc.model import HitError
from loadgrpc.runner.exception_text import message
from loadgrpc.runner.hit import Hit, HitSink
from loadgrpc.runner.http.hit_error import MESSAGE_CHARACTERS, named
from loadgrpc.secrets import without_user

NAME: Final = "name"
"""In `extensions=` of a request: the name that its hits are reported under."""
_CONNECTING: Final = ("connection.connect_tcp", "connection.connect_unix_socket")
_TLS: Final = "connection.start_tls"
_DISCONNECTED: Final = "Server disconnected"
"""How httpcore begins to say that a connection was closed instead of an answer."""

_Trace = Callable[[str, dict[str, Any]], Awaitable[None]]


def async_session(sink: HitSink | None, clock: Clock | None) -> httpx.AsyncClient:
    """A client of a user's own, which reports to `sink`; without one it measures nothing."""
    transport = httpx.AsyncHTTPTransport(verify=_tls_context())
    if sink is None or clock is None:
        return httpx.AsyncClient(transport=transport)
    measured: Any = MeasuredTransport(transport, sink, clock)
    return httpx.AsyncClient(transport=measured)


@lru_cache(maxsize=1)
def _tls_context() -> ssl.SSLContext:
    """What all clients of a process trust: it takes longer to make than most requests."""
    context: ssl.SSLContext = httpx.create_ssl_context()
    return context


class _Exchange:
    """A request under way, and what is known of its hit."""

    def __init__(self, request: httpx.Request, sink: HitSink, clock: Clock) -> None:
        self._request = request
        self._sink = sink
        self._clock = clock
        self._reported = False
        self._connecting_ns = 0
        self._connect_ns = 0
        self._first_byte_ns = 0
        self._status = 0
        self._own_trace: _Trace | None = request.extensions.get("trace")
        self._start_ns = clock.monotonic_ns()
        self._start_wall_ns = clock.epoch_ns + self._start_ns
        request.extensions = {**request.extensions, "trace": self._trace}

    async def _trace(self, event: str, info: dict[str, Any]) -> None:
        """Httpcore says what it does."""
        step, _, what = event.rpartition(".")
        if step in _CONNECTING and what == "started":
            self._connecting_ns = self._clock.monotonic_ns()
        elif step in {*_CONNECTING, _TLS} and what == "complete":
            self._connect_ns = self._clock.monotonic_ns() - self._connecting_ns
        if self._own_trace is not None:
            await self._own_trace(event, info)

    def answered(self, status: int) -> None:
        """The head of the answer is there."""
        self._status = status
        self._first_byte_ns = self._clock.monotonic_ns() - self._start_ns

    def end(self, error: BaseException | None = None) -> None:
        """It is over, as a whole or with an error; what comes later changes nothing."""
        if self._reported:
            return
        self._reported = True
        url = self._request.url.copy_with(fragment=None)
        kind, text = (HitError.NONE, "") if error is None else classified(error)
        self._sink.hit(
            Hit(
                str(self._request.extensions.get(NAME) or _named(str(url))),
                str(url),
                self._request.method,
                self._status,
                kind,
                text,
                self._start_wall_ns,
                self._clock.monotonic_ns() - self._start_ns,
                self._first_byte_ns,
                self._connect_ns,
                0,
                0,
            )
        )


def _named(url: str) -> str:
    return without_user(url.partition("?")[0])


class MeasuredTransport:
    """A transport of httpx's, whose exchanges are hits."""

    def __init__(self, transport: httpx.AsyncHTTPTransport, sink: HitSink, clock: Clock) -> None:
        self._transport = transport
        self._sink = sink
        self._clock = clock

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """See httpx.AsyncBaseTransport."""
        exchange = _Exchange(request, self._sink, self._clock)
        try:
            response = await self._transport.handle_async_request(request)
        except BaseException as error:
            exchange.end(error)
            raise
        exchange.answered(response.status_code)
        response.stream = _Body(response.stream, exchange)
        return response

    async def aclose(self) -> None:
        """See httpx.AsyncBaseTransport."""
        await self._transport.aclose()

    async def __aenter__(self) -> Self:
        await self._transport.__aenter__()
        return self

    async def __aexit__(self, *raised: object) -> None:
        await self._transport.__aexit__(*raised)  # type: ignore[arg-type, unused-ignore]


class _Body(httpx.AsyncByteStream):  # type: ignore[misc, unused-ignore]  # an extra
    """The body of an answer; with its end the exchange is over."""

    def __init__(self, stream: Any, exchange: _Exchange) -> None:
        self._stream = stream
        self._exchange = exchange

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._stream:
                yield chunk
        except GeneratorExit:  # nobody reads on: see aclose
            raise
        except BaseException as error:
            self._exchange.end(error)
            raise
        self._exchange.end()

    async def aclose(self) -> None:
        """See httpx.AsyncByteStream. What is closed before its end counts as it is."""
        try:
            await self._stream.aclose()
        finally:
            self._exchange.end()


_KINDS: Final[tuple[tuple[type[BaseException], HitError], ...]] = (
    (httpx.TimeoutException, HitError.TIMEOUT),
    (httpx.ConnectError, HitError.CONNECT),
    (httpx.NetworkError, HitError.CLOSED),
    (httpx.ProtocolError, HitError.PROTOCOL),
    (Exception, HitError.OTHER),
    (BaseException, HitError.ABORTED),
)
"""The first that applies."""


def classified(error: BaseException) -> tuple[HitError, str]:
    """The kind of an exception of httpx's, and its text on one line."""
    kind = next(kind for type_, kind in _KINDS if isinstance(error, type_))
    text = " ".join(message(error).split())
    if kind is HitError.CONNECT:
        causes = list(_causes(error))
        if any(isinstance(each, socket.gaierror) for each in causes):
            kind = HitError.DNS
        elif any(isinstance(each, ssl.SSLError) for each in causes):
            kind = HitError.TLS
    elif kind is HitError.PROTOCOL and text.startswith(_DISCONNECTED):
        kind = HitError.CLOSED
    return kind, named(kind, error, text)[:MESSAGE_CHARACTERS]


def _causes(error: BaseException | None) -> Any:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
