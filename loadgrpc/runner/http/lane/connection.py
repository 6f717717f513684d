"""A connection of urllib3's, as the fast lane uses it: send, receive, is it idle.

Under gevent a receive first tries the socket and then waits; an answer is never there yet when
its request has just been sent, so this waits first. With a timeout, and on sockets of the
standard library (a test outside a load run), the socket does it its own way.

Rule: an answer arrives when it can be read, not when it is its user's turn to read it: time spent
by other users does not count as response time.
"""

from __future__ import annotations

import select
import socket
import sys
from ssl import SSL_ERROR_EOF, SSLError, SSLWantReadError, SSLWantWriteError
from typing import Any, Final

from loadgrpc.clock import Clock
from loadgrpc.runner.http.wire import MeasuredConnection
from loadgrpc.runner.poll_clock import PollClock
from loadgrpc.runner.supported import SO_TIMESTAMPNS, TIMESPEC, Feature, has

READ_BYTES: Final = 65_536
MAX_JOINED_BYTES: Final = 16_384
"""How large a body is at most that is sent together with its head."""
MAX_READ_BYTES: Final = 1 << 20
_STAMP_BYTES: Final = socket.CMSG_SPACE(TIMESPEC.size)


class LaneConnection:
    """See the module."""

    __slots__ = (
        "_hub_wait",
        "_monotonic_ns",
        "_partial",
        "_poll",
        "_polled",
        "_raw",
        "_readable",
        "_socket",
        "_tls",
        "asked_ns",
        "attributes",
        "connection",
        "not_before_ns",
        "own",
        "received_ns",
        "sent",
        "verified",
    )

    def __init__(self, connection: MeasuredConnection, clock: Clock) -> None:
        sock: Any = connection.sock
        self.connection = connection
        self.sent = 0
        self.asked_ns = 0
        """When sending began, by the clock."""
        self.not_before_ns = 0
        """When all was sent, and then when the last that was received had come."""
        self.received_ns = 0
        """When that which was received last had come, by the clock."""
        self._monotonic_ns = clock.monotonic_ns
        self._socket = sock
        self._tls: Any = getattr(sock, "_sslobj", None)
        self.verified = self._tls is None or connection.is_verified
        """Whether urllib3 has nothing to warn of."""
        self.own = vars(connection)
        """What the connection has of its own."""
        self.attributes = len(self.own)
        """How many that were."""
        self._partial: list[bytes] = []
        self._raw: Any = None
        self._hub_wait: Any = None
        self._polled: PollClock | None = None
        if type(sock).__module__.startswith("gevent."):
            from gevent import get_hub, monkey  # noqa: PLC0415 - it is loaded already

            hub = get_hub()
            poll = monkey.get_original("select", "poll")()
            poll.register(sock.fileno(), select.POLLIN)
            self._poll = poll.poll
            self._raw = sock._sock  # noqa: SLF001 - gevent has no other way to it
            self._hub_wait, self._readable = hub.wait, sock._read_event  # noqa: SLF001
            self._polled = PollClock.of(clock, hub)
            if self._tls is None and has(Feature.STAMPS):
                self._raw.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)

    def idle(self) -> bool:
        """Whether it is open and nothing has come unasked."""
        if self._raw is None:
            return bool(self.connection.is_connected)
        # A third of the time that it takes to try to read.
        return self._raw.fileno() >= 0 and not self._poll(0)

    def send(self, head: bytes, body: bytes | None, timeout_s: float | None) -> OSError | None:
        """Sends all of it; reports what went wrong, and in `sent` how much was sent before."""
        self.sent = 0
        try:
            # As http.client does it, for those who listen.
            sys.audit("http.client.send", self.connection, head)
            if body is not None:
                sys.audit("http.client.send", self.connection, body)
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
        self.not_before_ns = self._monotonic_ns()
        return None

    def _send(self, message: bytes, timeout_s: float | None) -> None:
        if self._hub_wait is None:
            self._socket.settimeout(timeout_s)
            self._socket.sendall(message)
            return
        # Below gevent's socket, which asks for the size of the kernel's buffer each time.
        try:
            sent = self._raw.send(message) if self._tls is None else self._tls.write(message)
        except (BlockingIOError, SSLWantReadError, SSLWantWriteError):
            sent = 0
        if sent < len(message):
            self._socket.settimeout(timeout_s)
            self._socket.sendall(memoryview(message)[sent:])

    def receive(self, timeout_s: float | None) -> bytes:
        """What comes next; nothing: the other side has closed."""
        if self._hub_wait is None or self._tls is not None:
            self._socket.settimeout(timeout_s)
            return self._receive(READ_BYTES, wait=timeout_s is None)
        if timeout_s is not None:
            self._socket.settimeout(timeout_s)
        look: Any = self._polled
        while True:
            if timeout_s is None:
                self._hub_wait(self._readable)
            else:
                self._socket._wait(self._readable)  # noqa: SLF001 - waits for its timeout, too
            received: bytes
            try:
                received, stamps, _, _ = self._raw.recvmsg(READ_BYTES, _STAMP_BYTES)
            except BlockingIOError:  # woken for nothing
                continue
            came_ns: int = look.came_ns(stamps, self.asked_ns, self.not_before_ns)
            self.received_ns = self.not_before_ns = came_ns
            return received

    def receive_all(self, data: bytes, whole: int, timeout_s: float | None) -> bytes:
        """What came, and what comes until there are `whole` bytes or the other side closes.

        If this raises, `received` says what had been received.
        """
        partial = self._partial = [data]
        missing = whole - len(data)
        self._socket.settimeout(timeout_s)
        while missing > 0 and (more := self._receive(min(missing, MAX_READ_BYTES))):
            partial.append(more)
            missing -= len(more)
        self._partial = []
        return b"".join(partial)

    def _receive(self, most: int, *, wait: bool = False) -> bytes:
        look = self._polled
        if look is None:
            data: bytes = self._socket.recv(most)
            self.received_ns = self._monotonic_ns()
            return data
        looked_ns = look.at_ns
        if wait and not (self._tls is not None and self._tls.pending()):
            self._hub_wait(self._readable)
        data = self._socket.recv(most) if self._tls is None else self._read_tls(most)
        # Without a new look it was there already, since when is not known.
        new = look.at_ns != looked_ns
        self.received_ns = look.at_ns if new else self._monotonic_ns()
        return data

    def _read_tls(self, most: int) -> bytes:
        """As the socket receives, without the layers between it and OpenSSL."""
        try:
            data: bytes = self._tls.read(most)
        except (SSLWantReadError, SSLWantWriteError):
            data = self._socket.recv(most)  # waits, with its timeout
        except SSLError as error:
            if error.args[0] != SSL_ERROR_EOF or not self._socket.suppress_ragged_eofs:
                raise
            data = b""
        return data

    def received(self, data: bytes) -> bytes:
        """All that was received, when `data` is what came before `receive_all` raised."""
        return b"".join(self._partial) or data
