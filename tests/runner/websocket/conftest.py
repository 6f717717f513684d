"""A WebSocket server that says what it is told to, and counts."""

from __future__ import annotations

import contextlib
import socket
import threading

import pytest

wsproto = pytest.importorskip("wsproto", reason="wsproto is not installed")
from wsproto import ConnectionType, WSConnection  # noqa: E402
from wsproto.events import (  # noqa: E402
    AcceptConnection,
    CloseConnection,
    Message,
    Ping,
    RejectConnection,
    Request,
)
from wsproto.extensions import PerMessageDeflate  # noqa: E402


class Peer:
    """The server's end of a connection."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.ws = WSConnection(ConnectionType.SERVER)
        self.request: Request | None = None

    def send(self, event) -> None:
        self.sock.sendall(self.ws.send(event))

    def events(self):
        """What comes, one by one, until the connection ends."""
        while data := self.sock.recv(65_536):
            self.ws.receive_data(data)
            yield from self.ws.events()


def echo(server: WebSocketServer, peer: Peer, event) -> bool:
    """What the server does with an event by itself; False: the connection is over."""
    if isinstance(event, Message):
        peer.send(type(event)(data=event.data, message_finished=event.message_finished))
    elif isinstance(event, Ping):
        peer.send(event.response())
    elif isinstance(event, CloseConnection):
        server.closed += 1
        with contextlib.suppress(wsproto.utilities.LocalProtocolError):
            peer.send(event.response())
        return False
    return True


class WebSocketServer:
    """Echoes, unless `on` says what else is to be done with an event."""

    def __init__(self) -> None:
        self.on = echo
        self.status = 101
        self.raw: bytes | None = None
        """What it answers to the handshake in place of an answer."""
        self.requests: list[Request] = []
        self.messages: list = []
        self.opened = self.closed = 0
        self.wrap = lambda sock: sock
        self.subprotocol: str | None = None
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def url(self, path: str = "/ws", scheme: str = "ws") -> str:
        return f"{scheme}://127.0.0.1:{self.port}{path}"

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._open.append(sock)
            thread = threading.Thread(target=self._serve, args=(sock,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, plain: socket.socket) -> None:
        sock = plain
        try:
            sock = self.wrap(plain)
            self._speak(Peer(sock))
        except OSError:
            pass
        finally:
            sock.close()
            plain.close()

    def _speak(self, peer: Peer) -> None:
        for event in peer.events():
            if isinstance(event, Request):
                self.requests.append(event)
                if self.raw is not None:
                    peer.sock.sendall(self.raw)
                    return
                if self.status != 101:
                    peer.send(RejectConnection(status_code=self.status))
                    return
                offered = [PerMessageDeflate()] if event.extensions else []
                peer.send(AcceptConnection(subprotocol=self.subprotocol, extensions=offered))
                self.opened += 1
            elif isinstance(event, Message):
                self.messages.append(event.data)
            if not self.on(self, peer, event):
                return

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for sock in self._open:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)


@pytest.fixture
def ws_server():
    """A server that echoes, until it is told otherwise."""
    server = WebSocketServer()
    yield server
    server.close()


@pytest.fixture
def echo_event():
    """What the server does with an event by itself."""
    return echo
