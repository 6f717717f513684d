"""What the runner's tests share: a clock that stands until moved, a sink, a scripted server."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

MS = 1_000_000


class ManualClock:
    """A clock that a test moves."""

    WALL_NS = 1_700_000_000 * 1_000_000_000

    def __init__(self) -> None:
        self.now_ns = 5_000 * MS

    def monotonic_ns(self) -> int:
        return self.now_ns

    def wall_ns(self) -> int:
        return self.WALL_NS + self.now_ns

    def advance(self, ms: float) -> None:
        self.now_ns += round(ms * MS)


class HitList(list):
    """A sink that keeps hits as dictionaries."""

    def hit(self, **hit: object) -> None:
        self.append(hit)

    def column(self, field: str) -> list:
        return [hit[field] for hit in self]


class ScriptedServer:
    """Answers requests on a raw socket, byte for byte as the script of a path says.

    A script is bytes, or a function of the connection and the request that returns bytes,
    or None to end the connection. A request is kept as the bytes that came.
    """

    def __init__(self) -> None:
        self.scripts: dict[str, bytes | Callable[[socket.socket, bytes], bytes | None]] = {}
        self.requests: list[bytes] = []
        self.connections = 0
        self._open: list[socket.socket] = []
        self.wrap: Callable[[socket.socket], socket.socket] = lambda connection: connection
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def url(self, path: str = "/", scheme: str = "http", user: str = "") -> str:
        return f"{scheme}://{user}127.0.0.1:{self.port}{path}"

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, plain: socket.socket) -> None:
        connection = plain
        try:
            connection = self.wrap(plain)
            self._open.append(connection)
            while self._answer(connection):
                pass
        except OSError:
            pass
        finally:
            connection.close()
            plain.close()

    def _answer(self, connection: socket.socket) -> bool:
        request = b""
        while b"\r\n\r\n" not in request:
            data = connection.recv(65536)
            if not data:
                return False
            request += data
        head, _, body = request.partition(b"\r\n\r\n")
        length = 0
        for line in head.split(b"\r\n")[1:]:
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        while len(body) < length:
            data = connection.recv(65536)
            body += data
            request += data
        self.requests.append(request)
        target = head.split(b" ")[1].decode()
        script = self.scripts[target.partition("?")[0]]
        answer = script if isinstance(script, bytes) else script(connection, request)
        if answer is None:
            return False
        connection.sendall(answer)
        return b"connection: close" not in answer.lower()


def answer(body: bytes = b"", status: str = "200 OK", **headers: str) -> bytes:
    """An answer with a Content-Length; underscores in header names are hyphens."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


@pytest.fixture
def clock() -> ManualClock:
    """A clock that stands until the test moves it."""
    return ManualClock()


@pytest.fixture
def hits() -> HitList:
    """A sink that keeps hits."""
    return HitList()


@pytest.fixture
def servers() -> Iterator[Callable[[], ScriptedServer]]:
    """Starts servers that send what they are told to, byte for byte."""
    everyone: list[ScriptedServer] = []

    def start() -> ScriptedServer:
        everyone.append(ScriptedServer())
        return everyone[-1]

    yield start
    for each in everyone:
        each.close()


@pytest.fixture
def server(servers: Callable[[], ScriptedServer]) -> ScriptedServer:
    """A server that sends what it is told to, byte for byte."""
    return servers()


@pytest.fixture(name="answer")
def answer_fixture() -> Callable[..., bytes]:
    """Makes the bytes of an answer."""
    return answer
