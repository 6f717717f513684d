"""How a WebSocket is opened: a connection, and the handshake, which is a hit.

Rule: names are resolved, certificates checked and contexts shared as for requests of the session:
it is urllib3 that connects. The hit has the status of the answer, 101 if all went well.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.connection import HTTPConnection, HTTPSConnection
from wsproto import ConnectionType, WSConnection
from wsproto.connection import Connection
from wsproto.events import AcceptConnection, RejectConnection, Request
from wsproto.extensions import Extension, PerMessageDeflate
from wsproto.utilities import LocalProtocolError, RemoteProtocolError

from loadgrpc.clock import Clock
from loadgrpc.model import HitError
from loadgrpc.runner.hit import Hit, HitSink
from loadgrpc.runner.http.addresses import AddressBook, may_connect
from loadgrpc.runner.http.exchange import without_secrets
from loadgrpc.runner.http.hit_error import classify
from loadgrpc.runner.http.tls import lent_context

PROTOCOL: Final = "websocket"
METHOD: Final = "GET"
SWITCHED: Final = 101
OPEN_TIMEOUT_S: Final = 60.0
"""How long connecting, and then each wait of the handshake, may take."""
READ_BYTES: Final = 65_536
DEFLATE: Final = "permessage-deflate"
_SCHEMES: Final = {"ws": False, "http": False, "wss": True, "https": True}
_PORTS: Final = {False: 80, True: 443}


class HandshakeError(ConnectionError):
    """The server did not open the WebSocket; `status` is that of its answer."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class SocketUrl(NamedTuple):
    """Where a URL leads."""

    url: str
    """Without user, password and fragment; its scheme is ws or wss."""
    secure: bool
    host: str
    port: int
    resource: str
    """Path and query."""

    @classmethod
    def of(cls, url: str) -> SocketUrl:
        """Of a URL with the scheme ws or wss; http and https stand for these.

        Raises:
            ValueError: it is not such a URL.
        """
        parts = urlsplit(url)
        secure = _SCHEMES.get(parts.scheme.lower())
        if secure is None or not parts.hostname:
            raise ValueError(f"{url!r} is not the URL of a WebSocket, such as ws://HOST:PORT/PATH")
        resource = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        rest = without_secrets(url).partition("://")[2]
        return cls(
            f"{'wss' if secure else 'ws'}://{rest}",
            secure,
            parts.hostname,
            parts.port or _PORTS[secure],
            resource,
        )

    @property
    def authority(self) -> str:
        """The value of the header Host."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.secure] else f"{host}:{self.port}"


@dataclass(frozen=True)
class Trust:
    """What a connection over TLS trusts: as `verify` and `cert` of a session have it."""

    verify: bool | str = True
    cert: str | tuple[str, str] | None = None

    def settings(self) -> dict[str, Any]:
        """What an HTTPSConnection takes."""
        cert, key = self.cert if isinstance(self.cert, tuple) else (self.cert, None)
        settings: dict[str, Any] = {"cert_file": cert, "key_file": key}
        if self.verify is False:
            return {**settings, "cert_reqs": "CERT_NONE", "assert_hostname": False}
        authorities = self.verify if isinstance(self.verify, str) else DEFAULT_CA_BUNDLE_PATH
        return {**settings, "cert_reqs": "CERT_REQUIRED", "ca_certs": authorities}


class OpenedSocket(NamedTuple):
    """An open WebSocket."""

    sock: socket.socket
    connection: Connection
    """What is known of the protocol; it may have events already."""
    protocol: str | None
    """The subprotocol that the server has chosen."""
    extensions: list[str]
    """Those that the server has accepted."""


def extensions_of(names: Iterable[str] | None) -> list[Extension]:
    """Extensions by name.

    Raises:
        ValueError: one is not known here.
    """
    made: list[Extension] = []
    for name in names or ():
        if str(name) != DEFLATE:
            raise ValueError(f"the extension {name!r} is not supported; {DEFLATE!r} is")
        made.append(PerMessageDeflate())
    return made


class Opening:
    """One attempt to open a WebSocket."""

    def __init__(
        self,
        target: SocketUrl,
        name: str,
        clock: Clock,
        sink: HitSink | None,
        addresses: AddressBook | None,
    ) -> None:
        """`sink`: what the hit is reported to. None: it is not measured."""
        self._target = target
        self._name = name
        self._clock = clock
        self._sink = sink
        self._addresses = addresses
        self._wall_ns = clock.wall_ns()
        self._start_ns = clock.monotonic_ns()
        self._connect_ns = self._first_byte_ns = 0
        self._sent = self._received = 0
        self._status = 0

    def open(
        self,
        protocols: Iterable[str],
        extensions: list[Extension],
        headers: Iterable[tuple[str, str]],
        trust: Trust,
    ) -> OpenedSocket:
        """Connects, and opens the WebSocket.

        Raises:
            HandshakeError: the server answered something else.
            OSError: there was no connection, or no answer.
        """
        sock: socket.socket | None = None
        try:
            sock = self._connect(trust)
            opened = self._shake_hands(sock, list(protocols), extensions, list(headers))
        except HandshakeError as error:
            self._report(HitError.NONE if error.status else HitError.PROTOCOL, str(error))
            _close(sock)
            raise
        except BaseException as error:
            kind, message = classify(error, connecting=sock is None)
            self._report(kind, message)
            _close(sock)
            if isinstance(error, Exception) and not isinstance(error, OSError):  # of urllib3
                raised = TimeoutError if kind is HitError.TIMEOUT else ConnectionError
                raise raised(f"{self._target.url}: {message}") from error
            raise
        self._report(HitError.NONE, "")
        return opened

    def _connect(self, trust: Trust) -> socket.socket:
        target, timeout = self._target, OPEN_TIMEOUT_S
        connection: Any = (
            HTTPSConnection(target.host, target.port, timeout=timeout, **trust.settings())
            if target.secure
            else HTTPConnection(target.host, target.port, timeout=timeout)
        )
        book = self._addresses
        if book is not None and may_connect(connection._new_conn):  # noqa: SLF001 - as in wire.py
            connection._new_conn = lambda: book.connect(connection)  # noqa: SLF001
        try:
            with lent_context(connection, connection.connect):
                connection.connect()
        finally:
            vars(connection).pop("_new_conn", None)
        self._connect_ns = self._clock.monotonic_ns() - self._start_ns
        sock: socket.socket = connection.sock
        return sock

    def _shake_hands(
        self,
        sock: socket.socket,
        protocols: list[str],
        extensions: list[Extension],
        headers: list[tuple[str, str]],
    ) -> OpenedSocket:
        hands = WSConnection(ConnectionType.CLIENT)
        request = Request(
            host=self._target.authority,
            target=self._target.resource,
            subprotocols=protocols,
            extensions=extensions,
            extra_headers=[(name.encode(), value.encode()) for name, value in headers],
        )
        data = hands.send(request)
        sock.sendall(data)
        self._sent = len(data)
        while True:
            data = sock.recv(READ_BYTES)
            if not data:
                raise ConnectionAbortedError("the connection ended during the handshake")
            self._first_byte_ns = self._first_byte_ns or (
                self._clock.monotonic_ns() - self._start_ns
            )
            self._received += len(data)
            try:
                hands.receive_data(data)
                event = next(hands.events(), None)
            except (RemoteProtocolError, LocalProtocolError) as error:
                raise HandshakeError(f"{self._target.url}: {error}") from error
            if isinstance(event, RejectConnection):
                self._status = status = event.status_code
                message = f"{self._target.url}: the server answered {status}"
                raise HandshakeError(f"{message}, not {SWITCHED}", status)
            if isinstance(event, AcceptConnection) and hands.connection is not None:
                self._status = SWITCHED
                sock.settimeout(None)
                accepted = [extension.name for extension in event.extensions]
                return OpenedSocket(sock, hands.connection, event.subprotocol, accepted)

    def _report(self, error: HitError, message: str) -> None:
        if self._sink is None:
            return
        target = self._target
        where = f"{target.host}:{target.port}"
        self._sink.hit(
            Hit(
                self._name,
                target.url,
                METHOD,
                self._status,
                error,
                f"{where}: {message}" if message and error else "",
                self._wall_ns,
                self._clock.monotonic_ns() - self._start_ns,
                self._first_byte_ns,
                self._connect_ns,
                self._sent,
                self._received,
                protocol=PROTOCOL,
                failed=self._status != SWITCHED,
            )
        )


def _close(sock: socket.socket | None) -> None:
    if sock is not None:
        sock.close()
