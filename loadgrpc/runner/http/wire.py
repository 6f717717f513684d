"""Hits, measured where urllib3 meets the socket.

Requests calls urllib3 once for what a test calls a request, but redirects, rounds of an
authentication and retries are requests of their own on the wire. All of them pass through
`HTTPConnectionPool._make_request`, whatever adapter or proxy they come through, so it is
there that an Exchange begins. It ends when `http.client` lets go of the body: at its last
byte, or at close. In between the connection tells it what connecting cost and what was
sent, and the response's file what came in.

    Session.send ─ Call ─▶ MeasuredPool ─ Exchange ─▶ MeasuredConnection
                                              ▲              │
                            HitSink ◀─ end ───┴─── MeasuredResponse ◀ CountedSocket

Rule: measure and pass on. Nothing here changes what a test sees, and without a Call (a
session that nothing is bound to) every class is its parent. A Call travels in a context
variable, which threads and greenlets have one each of, so they may share a session. An
Exchange refers to no connection, response or session, so that a hit leaves no reference
cycle behind.
"""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import sys
from functools import cache, cached_property
from queue import LifoQueue
from typing import Any

from requests.adapters import BaseAdapter
from urllib3 import poolmanager
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.response import BaseHTTPResponse

from loadgrpc.model import HitError
from loadgrpc.runner.http.addresses import may_connect
from loadgrpc.runner.http.exchange import CALL, Exchange, Recording
from loadgrpc.runner.http.hit_error import classify
from loadgrpc.runner.http.idle import IdleConnections
from loadgrpc.runner.http.resumed import ResumedExchange, ResumedSocket
from loadgrpc.runner.http.tls import lent_context
from loadgrpc.runner.supported import Feature, has

_EARLY_SSL = (
    "a class that inherits from ssl.SSLContext was made before gevent replaced it, by something"
    " that starts with Python, such as a sitecustomize module or a .pth file: TLS works in a load"
    " run when that does not import ssl, or is left out"
)
_CUT = "the connection ended before the answer was whole"
_BAD_CHUNK = "the length of a chunk is not a number"
_CHUNK_READERS = frozenset(("_update_chunk_length", "_read_next_chunk_size"))
"""Where urllib3 and http.client find out that a chunk's length is not one."""


class CountedSocket(io.RawIOBase):
    """The raw file of a socket, counting what is read and noting how reading ended."""

    def __init__(self, raw: Any, exchange: Exchange) -> None:
        self._raw = raw
        self._exchange = exchange

    def readinto(self, buffer: Any) -> int | None:
        """See io.RawIOBase."""
        exchange = self._exchange
        try:
            count: int | None = self._raw.readinto(buffer)
        except BaseException as error:
            exchange.broken = classify(error, connecting=False)
            raise
        if count:
            exchange.bytes_received += count
        elif count == 0:
            exchange.eof = True
        return count

    def readable(self) -> bool:
        """See io.RawIOBase."""
        return True

    def fileno(self) -> int:
        """See io.RawIOBase."""
        fileno: int = self._raw.fileno()
        return fileno

    def close(self) -> None:
        """See io.RawIOBase."""
        super().close()
        self._raw.close()

    def __getattr__(self, name: str) -> Any:
        # Some clients reach for the socket, as `response.raw._fp.fp.raw._sock`.
        return getattr(self._raw, name)


class MeasuredResponse(http.client.HTTPResponse):
    """An answer that reports to its exchange when its head was read and when its body ended."""

    def __init__(
        self, exchange: Exchange, resumed: ResumedExchange | None, *args: Any, **kwargs: Any
    ) -> None:
        self.exchange = exchange
        super().__init__(*args, **kwargs)
        # http.client opened a buffered file on the socket; put the counter between the two.
        raw = self.fp.detach()
        if resumed is not None:
            raw = ResumedSocket(raw, resumed)
            if resumed.first_ns:
                exchange.first_byte_ns = resumed.first_ns - resumed.start_ns
        self.fp: Any = io.BufferedReader(CountedSocket(raw, exchange))

    def begin(self) -> None:
        """Read the head."""
        if self.headers is not None:
            return
        super().begin()
        self.exchange.answered(self.status)
        if self.length == 0:  # there is no body to wait for
            self.exchange.end()

    def _close_conn(self) -> None:
        # http.client calls this at the end of the body, at close, and when the head is bad.
        try:
            super()._close_conn()  # type: ignore[misc]  # not in the stubs
        finally:
            exchange = self.exchange
            if exchange.status and not exchange.ended:  # a bad head is _make_request's matter
                exchange.end(*self._verdict())

    def _verdict(self) -> tuple[HitError, str]:
        exchange = self.exchange
        if exchange.broken is not None:
            return exchange.broken
        if exchange.eof and (self.chunked or self.length):
            return HitError.CLOSED, _CUT
        if self.chunked:
            error = sys.exc_info()[1]
            trace = error.__traceback__ if isinstance(error, ValueError) else None
            if trace is not None and trace.tb_frame.f_code.co_name in _CHUNK_READERS:
                return HitError.PROTOCOL, _BAD_CHUNK
        return HitError.NONE, ""


class MeasuredConnection(HTTPConnection):
    """A connection that reports to the exchange on it what connecting cost and what was sent."""

    exchange: Exchange | None = None
    """Set while a request is sent and its head is read."""
    resumed: ResumedExchange | None = None
    """Set while Requests makes the request that the fast lane has sent already."""
    recording: Recording | None = None

    def close(self) -> None:
        """Close."""
        self.resumed = None
        super().close()

    def connect(self) -> None:
        """Connect, TLS and a proxy's tunnel included."""
        exchange = self.exchange
        if exchange is None:
            super().connect()
            return
        start_ns = exchange.clock.monotonic_ns()
        sent = exchange.bytes_sent
        exchange.connecting = True
        try:
            with lent_context(self, super().connect):
                super().connect()
            exchange.connecting = False
        except RecursionError as error:
            if ssl.SSLContext.__module__.startswith("gevent."):
                error.args = (_EARLY_SSL,)
            raise
        finally:
            exchange.bytes_sent = sent  # a CONNECT to a proxy is not part of the request
            exchange.connect_ns += exchange.clock.monotonic_ns() - start_ns

    def _new_conn(self) -> socket.socket:
        call = CALL.get()
        new_conn = super()._new_conn
        if call is None or call.addresses is None or not may_connect(new_conn):
            return new_conn()
        return call.addresses.connect(self)

    def send(self, data: Any) -> None:
        """Send, and count; what the fast lane has sent already is counted only."""
        exchange = self.exchange
        resumed = self.resumed
        if resumed is None:
            super().send(data)
        elif resumed.sending is not None and (
            exchange is None or exchange.bytes_sent >= resumed.sent
        ):
            raise resumed.sending
        if exchange is not None:
            exchange.bytes_sent += len(data) if isinstance(data, bytes) else _size(data)
        if self.recording is not None and isinstance(data, bytes):
            self.recording.sent.append(data)

    def response_class(  # type: ignore[override]  # a class there, a method here: both are called
        self, sock: Any, *args: Any, **kwargs: Any
    ) -> http.client.HTTPResponse:
        """Make what reads the answer; that to a CONNECT belongs to no exchange."""
        exchange = self.exchange
        kind: Any = super().response_class
        if exchange is None or exchange.connecting:
            return kind(sock, *args, **kwargs)  # type: ignore[no-any-return]
        resumed, self.resumed = self.resumed, None
        kind = measured_response(kind)
        if isinstance(kind, type) and issubclass(kind, MeasuredResponse):
            return kind(exchange, resumed, sock, *args, **kwargs)
        return kind(sock, *args, **kwargs)  # type: ignore[no-any-return]


@cache
def measured_response(plain: Any) -> Any:
    """The measured kind of a class of answers; what is no such class stays what it is."""
    if plain is http.client.HTTPResponse:
        return MeasuredResponse
    if not (isinstance(plain, type) and issubclass(plain, http.client.HTTPResponse)):
        return plain
    return type(plain.__name__, (MeasuredResponse, plain), {"__module__": plain.__module__})


@cache
def measured_connection(plain: Any) -> Any:
    """The measured kind of a class of connections; what is no such class stays what it is."""
    if not (isinstance(plain, type) and issubclass(plain, HTTPConnection)):
        return plain
    # Under their old names, which is what error messages and reprs show.
    return type(plain.__name__, (MeasuredConnection, plain), {"__module__": plain.__module__})


class _MeasuredConnectionClass:
    """The measured kind of the class of connections that a pool would have now."""

    def __get__(self, pool: object, kind: type[MeasuredPool]) -> Any:
        return measured_connection(super(MeasuredPool, kind).ConnectionCls)


class MeasuredPool(HTTPConnectionPool):
    """A pool that makes each attempt of a Call an exchange."""

    ConnectionCls: Any = _MeasuredConnectionClass()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if not kwargs.get("block") and has(Feature.IDLE) and self.QueueCls is LifoQueue:
            self.QueueCls = IdleConnections  # type: ignore[assignment]  # as good to urllib3
        super().__init__(*args, **kwargs)

    @cached_property
    def where(self) -> str:
        """The other end of the pool's connections, as error messages name it."""
        target = _address(self.host, self.port)
        if self.proxy is None:
            return target
        proxy = _address(self.proxy.host or "", self.proxy.port)
        return f"proxy {proxy}" if proxy == target else f"{target} through proxy {proxy}"

    def _get_conn(self, timeout: float | None = None) -> Any:
        call = CALL.get()
        if call is None or call.resumed is None:
            return super()._get_conn(timeout)
        # Whatever pool it came from: another greenlet may have closed that meanwhile.
        resumed, call.resumed = call.resumed, None
        return resumed.take()

    def _prepare_proxy(self, conn: Any) -> None:
        # A tunnel through a proxy is connected before the request is made.
        call = CALL.get()
        if call is None or not isinstance(conn, MeasuredConnection):
            super()._prepare_proxy(conn)
            return
        exchange = conn.exchange = Exchange(call, self.where)
        try:
            super()._prepare_proxy(conn)
        except BaseException as error:
            conn.exchange = None
            exchange.fail(error)
            raise

    def _make_request(
        self, conn: Any, method: str, url: str, *args: Any, **kwargs: Any
    ) -> BaseHTTPResponse:
        call = CALL.get()
        if call is None or not isinstance(conn, MeasuredConnection):
            return super()._make_request(conn, method, url, *args, **kwargs)
        exchange = conn.exchange
        if exchange is None:
            exchange = conn.exchange = Exchange(call, self.where)
        if not call.url.endswith(url):
            # A fragment; or something else than the request went through its adapter.
            exchange.url = url if "://" in url else f"{self.scheme}://{self.where}{url}"
        exchange.method = method
        if call.recording is not None:
            call.recording.exchanges += 1
            call.recording.pool = self
            conn.recording = call.recording
        try:
            response = super()._make_request(conn, method, url, *args, **kwargs)
        except BaseException as error:
            exchange.fail(error)
            raise
        finally:
            conn.exchange = None
            conn.recording = None
        if not exchange.status:  # a connection that reads answers in its own way, as HTTP/2
            exchange.answered(response.status)
            exchange.end()
        return response


class MeasuredPools(dict[str, type[HTTPConnectionPool]]):
    """Pool classes by scheme, each measured."""


class MeasuredManagers(dict[str, Any]):
    """Proxy managers by URL, as an adapter keeps them; each is measured when it comes in."""

    def __setitem__(self, url: str, manager: Any) -> None:
        measure_manager(manager)
        super().__setitem__(url, manager)


def measure(adapter: BaseAdapter) -> None:
    """Let everything that goes through an adapter be measured.

    An adapter without urllib3 pools (for `file:` URLs, or a mock) has no wire, and no hits.
    """
    manager = getattr(adapter, "poolmanager", None)
    if manager is None:
        return
    measure_manager(manager)
    managers = getattr(adapter, "proxy_manager", None)
    if isinstance(managers, dict) and not isinstance(managers, MeasuredManagers):
        measured = MeasuredManagers()
        for url, each in managers.items():
            measured[url] = each
        adapter.proxy_manager = measured  # type: ignore[attr-defined]  # of HTTPAdapter


def measure_manager(manager: poolmanager.PoolManager) -> None:
    """Let a pool manager make measured pools; pools that it made before are let go."""
    classes = manager.pool_classes_by_scheme
    if isinstance(classes, MeasuredPools):
        return
    measured = _measured_pools(tuple(classes.items()))
    # Managers share one dictionary of classes, unless somebody gave them another.
    shared = classes is poolmanager.pool_classes_by_scheme
    manager.pool_classes_by_scheme = measured if shared else MeasuredPools(measured)
    manager.clear()


@cache
def _measured_pools(classes: tuple[tuple[str, Any], ...]) -> MeasuredPools:
    return MeasuredPools({scheme: measured_pool(pool_class) for scheme, pool_class in classes})


@cache
def measured_pool(pool_class: type[HTTPConnectionPool]) -> type[HTTPConnectionPool]:
    """The measured kind of a pool class: plain, TLS, SOCKS, or one of the test's own."""
    return type(
        pool_class.__name__, (MeasuredPool, pool_class), {"__module__": pool_class.__module__}
    )


def _address(host: str, port: int | None) -> str:
    host = f"[{host}]" if ":" in host and not host.startswith("[") else host
    return f"{host}:{port}"


def _size(data: Any) -> int:
    try:
        return memoryview(data).nbytes
    except TypeError:
        return 0
