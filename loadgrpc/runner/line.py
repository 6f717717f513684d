"""A connection of urllib3's, as the fast lane uses it: send, receive, is it idle.

Under gevent a receive first tries the socket and then waits; an answer is never there yet
when its request has just been sent, so this waits first. With a time-out, and on sockets of
the standard library (a test outside a load run), the socket does it its own way.

Rule: an answer has come when it was there to be read, not when its user's turn to read it
came: what other users do meanwhile is none of the service's time.
"""

from __future__ import annotations

import select
import socket
import struct
from typing import Any, Final
from weakref import WeakKeyDictionary

from loadgrpc.clock import Clock
from loadgrpc.runner.wire import MeasuredConnection

READ_BYTES: Final = 65_536
MAX_JOINED_BYTES: Final = 16_384
"""How large a body is at most that is sent together with its head."""
MAX_READ_BYTES: Final = 1 << 20
SO_TIMESTAMPNS: Final = 35
"""Linux: with what is read comes when it came. Python has no name for it."""
_TIMESPEC: Final = struct.Struct("@qq")
_STAMP_BYTES: Final = socket.CMSG_SPACE(_TIMESPEC.size)


class Look:
    """When a hub last asked the kernel what has come.

    All that it then heard of was there by that time, and is handed out one after the other.
    """

    __slots__ = ("_ahead_ns", "_clock", "_watcher", "at_ns")

    def __init__(self, clock: Clock, hub: Any) -> None:
        self._clock = clock
        self._note()
        self._watcher = hub.loop.check(ref=False, priority=hub.loop.MAXPRI)
        self._watcher.start(self._note)

    @classmethod
    def of(cls, clock: Clock, hub: Any) -> Look:
        """The look of a hub, told in the time of `clock`."""
        looks = _looks.setdefault(hub, {})
        if clock not in looks:
            looks[clock] = cls(clock, hub)
        return looks[clock]

    def came_ns(self, stamps: list[tuple[int, int, bytes]], since_ns: int) -> int:
        """When something came that this look has found, and was asked for at `since_ns`.

        That is what the kernel's stamp says. It is of the real-time clock, which may be set
        meanwhile: what cannot be is not believed.
        """
        if stamps:
            seconds, ns = _TIMESPEC.unpack(stamps[0][2])
            came_ns: int = seconds * 1_000_000_000 + ns - self._ahead_ns
            if since_ns < came_ns < self.at_ns:
                return came_ns
        return self.at_ns

    def _note(self) -> None:
        self.at_ns = at_ns = self._clock.monotonic_ns()
        self._ahead_ns = self._clock.real_ns() - at_ns


_looks: WeakKeyDictionary[Any, dict[Clock, Look]] = WeakKeyDictionary()


class Line:
    """See the module."""

    __slots__ = (
        "_clock",
        "_hub_wait",
        "_look",
        "_partial",
        "_poll",
        "_raw",
        "_readable",
        "_socket",
        "_tls",
        "asked_ns",
        "connection",
        "received_ns",
        "sent",
    )

    def __init__(self, connection: MeasuredConnection, clock: Clock) -> None:
        sock: Any = connection.sock
        self.connection = connection
        self.sent = 0
        self.asked_ns = 0
        """Before when nothing can have come that is received, by the clock."""
        self.received_ns = 0
        """When that which was received last had come, by the clock."""
        self._clock = clock
        self._socket = sock
        self._tls: Any = getattr(sock, "_sslobj", None)
        self._partial: list[bytes] = []
        self._raw: Any = None
        self._hub_wait: Any = None
        self._look: Look | None = None
        if type(sock).__module__.startswith("gevent."):
            from gevent import get_hub, monkey  # noqa: PLC0415 - it is loaded already

            hub = get_hub()
            poll = monkey.get_original("select", "poll")()
            poll.register(sock.fileno(), select.POLLIN)
            self._poll = poll.poll
            self._raw = sock._sock  # noqa: SLF001 - gevent has no other way to it
            self._hub_wait, self._readable = hub.wait, sock._read_event  # noqa: SLF001
            self._look = Look.of(clock, hub)
            if self._tls is None:
                self._raw.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)

    def idle(self) -> bool:
        """Whether it is open and nothing has come unasked."""
        if self._raw is None:
            return bool(self.connection.is_connected)
        # A third of the time that it takes to try to read.
        return self._raw.fileno() >= 0 and not self._poll(0)

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
        if self._hub_wait is None or self._tls is not None:
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
        if self._hub_wait is None or self._tls is not None:
            self._socket.settimeout(timeout_s)
            return self._receive(READ_BYTES, wait=timeout_s is None)
        if timeout_s is not None:
            self._socket.settimeout(timeout_s)
        look: Any = self._look
        while True:
            if timeout_s is None:
                self._hub_wait(self._readable)
            else:
                self._socket._wait(self._readable)  # noqa: SLF001 - waits for its time-out, too
            received: bytes
            try:
                received, stamps, _, _ = self._raw.recvmsg(READ_BYTES, _STAMP_BYTES)
            except BlockingIOError:  # woken for nothing
                continue
            self.received_ns = look.came_ns(stamps, self.asked_ns)
            return received

    def receive_all(self, data: bytes, whole: int, timeout_s: float | None) -> bytes:
        """What came, and what comes until there are `whole` bytes or the other side closes.

        What was received when this raises is told by `received`.
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
        look = self._look
        if look is None:
            data: bytes = self._socket.recv(most)
            self.received_ns = self._clock.monotonic_ns()
            return data
        looked_ns = look.at_ns
        if wait and not (self._tls is not None and self._tls.pending()):
            self._hub_wait(self._readable)
        data = self._socket.recv(most)
        # Without a new look it was there already, since when is not known.
        new = look.at_ns != looked_ns
        self.received_ns = look.at_ns if new else self._clock.monotonic_ns()
        return data

    def received(self, data: bytes) -> bytes:
        """All that was received, when `data` is what came before `receive_all` raised."""
        return b"".join(self._partial) or data
