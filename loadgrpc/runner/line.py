"""A connection of urllib3's, as the fast lane uses it: send, receive, is it idle.

Under gevent a receive first tries the socket and then waits; an answer is never there yet
when its request has just been sent, so this waits first. TLS, and sockets of the standard
library (a test outside a load run), go their own way.
"""

from __future__ import annotations

import socket
from typing import Any, Final

from loadgrpc.runner.wire import MeasuredConnection

READ_BYTES: Final = 65_536
MAX_JOINED_BYTES: Final = 16_384
"""How large a body is at most that is sent together with its head."""
MAX_READ_BYTES: Final = 1 << 20


class Line:
    """See the module."""

    __slots__ = ("_hub_wait", "_partial", "_raw", "_readable", "_socket", "connection", "sent")

    def __init__(self, connection: MeasuredConnection) -> None:
        sock: Any = connection.sock
        self.connection = connection
        self.sent = 0
        self._socket = sock
        self._partial: list[bytes] = []
        self._raw: Any = None
        self._hub_wait: Any = None
        if type(sock).__module__.startswith("gevent."):
            self._raw = sock._sock  # noqa: SLF001 - gevent has no other way to it
            if not hasattr(sock, "_sslobj"):
                from gevent import get_hub  # noqa: PLC0415 - it is loaded already

                self._hub_wait, self._readable = get_hub().wait, sock._read_event  # noqa: SLF001

    def idle(self) -> bool:
        """Whether it is open and nothing has come unasked."""
        if self._raw is None:
            return bool(self.connection.is_connected)
        try:
            self._raw.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def send(self, head: bytes, body: bytes | None, timeout_s: float | None) -> OSError | None:
        """Sends all of it; tells what went wrong, and in `sent` how much went out before."""
        self.sent = 0
        try:
            if body is not None:
                if len(body) > MAX_JOINED_BYTES:
                    self._send(head, timeout_s)
                    self.sent = len(head)
                    head = body
                else:
                    head += body
            self._send(head, timeout_s)
        except OSError as error:
            return error
        self.sent += len(head)
        return None

    def _send(self, message: bytes, timeout_s: float | None) -> None:
        if self._hub_wait is None:
            self._socket.settimeout(timeout_s)
            self._socket.sendall(message)
            return
        try:
            sent = self._raw.send(message)
        except BlockingIOError:
            sent = 0
        if sent < len(message):
            self._socket.settimeout(timeout_s)
            self._socket.sendall(memoryview(message)[sent:])

    def receive(self, timeout_s: float | None) -> bytes:
        """What comes next; nothing: the other side has closed."""
        if self._hub_wait is None or timeout_s is not None:
            self._socket.settimeout(timeout_s)
            data: bytes = self._socket.recv(READ_BYTES)
            return data
        while True:
            self._hub_wait(self._readable)
            try:
                received: bytes = self._raw.recv(READ_BYTES)
            except BlockingIOError:  # woken for nothing
                continue
            return received

    def receive_all(self, data: bytes, whole: int, timeout_s: float | None) -> bytes:
        """What came, and what comes until there are `whole` bytes or the other side closes.

        What was received when this raises is told by `received`.
        """
        partial = self._partial = [data]
        missing = whole - len(data)
        at_once = self._hub_wait is None or timeout_s is not None
        if at_once:
            self._socket.settimeout(timeout_s)
        while missing > 0:
            if at_once:
                more = self._socket.recv(min(missing, MAX_READ_BYTES))
            else:
                try:
                    more = self._raw.recv(min(missing, MAX_READ_BYTES))
                except BlockingIOError:
                    self._hub_wait(self._readable)
                    continue
            if not more:
                break
            partial.append(more)
            missing -= len(more)
        self._partial = []
        return b"".join(partial)

    def received(self, data: bytes) -> bytes:
        """All that was received, when `data` is what came before `receive_all` raised."""
        return b"".join(self._partial) or data
