"""A WebSocket of a test, as ws4py has it: hooks are called by a reader of its own.

Rule: the protocol is wsproto's, the sockets are those of the standard library, which gevent has
made cooperative in a load run; outside of one the reader is a thread. Messages are counted when
they are whole; those that nobody reads are dropped beyond MAX_UNREAD, and `receive` says so.

    opened()                 after the handshake          received_message(message)   each message
    closed(code, reason)     at the end, whatever it is   ponged(pong)                each pong

What a hook raises, and a connection that ends without a closing handshake, ends the socket and is
raised in the test: see `user_sockets.py`.
"""

from __future__ import annotations

import threading
import types
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Final, NoReturn

from wsproto.connection import Connection, ConnectionState
from wsproto.events import (
    BytesMessage,
    CloseConnection,
    Event,
    Message,
    Ping,
    Pong,
    TextMessage,
)
from wsproto.utilities import RemoteProtocolError

from loadgrpc.runner.websocket.message import ReceivedMessage
from loadgrpc.runner.websocket.opening import READ_BYTES, SocketUrl, extensions_of
from loadgrpc.runner.websocket.owner import NOBODY, SocketOwner
from loadgrpc.runner.websocket.reading import looks, start_reader, take_turns

MAX_UNREAD: Final = 1_000
"""Messages that wait for `receive`."""
MAX_MESSAGE_BYTES: Final = 64 << 20
"""Of a message that comes in parts; a longer one breaks the socket."""
NORMAL: Final = 1000
ABNORMAL: Final = 1006
PROTOCOL_ERROR: Final = 1002
TOO_BIG: Final = 1009


class _BrokenError(Exception):
    """The connection ended without a closing handshake; its cause says why."""


class MeasuredSocket:
    """Connects, reads and writes. `WebSocketClient` adds the hooks, or a class of ws4py does."""

    url: str
    protocols: Any = None
    """Asked for; once open, those that the server has chosen."""
    extensions: Any = None
    extra_headers: Any = ()
    sock: Any = None
    client_terminated = False
    server_terminated = False
    owner: SocketOwner = NOBODY
    """Whoever counts it and closes it."""
    _protocol: Connection | None = None
    _sending: Any = None
    _ended: Any = None
    _close_reason: tuple[int, str] | None = None
    _partial: list[Any] | None = None
    _partial_size = 0
    _last_ns: int | None = None
    _error: BaseException | None = None
    """What ended it, unless it ended as it may."""
    _in_a_row = 0
    """Reads and messages since others had their turn."""
    _open = False

    # For tests

    def connect(self) -> None:
        """Opens the WebSocket, and lets its reader begin.

        Raises:
            HandshakeError: the server answered something else.
            OSError: there was no connection, or no answer.
            ValueError: the URL is not one, or an extension is not known.
        """
        if self._open:
            raise ConnectionError(f"{self.url}: it is open already")
        unused, self.sock = self.sock, None
        if unused is not None:  # ws4py makes one early
            unused.close()
        target = SocketUrl.of(self.url)
        opened = self.owner.opening(target).open(
            list(self.protocols or ()),
            extensions_of(self.extensions),
            list(self.extra_headers or ()),
            self.owner.trust,
        )
        self.sock, self._protocol = opened.sock, opened.connection
        self.protocols = [opened.protocol] if opened.protocol else []
        self.extensions = opened.extensions
        self.client_terminated = self.server_terminated = False
        self._sending = threading.Lock()
        self._ended = threading.Event()
        self._close_reason = self._last_ns = self._error = None
        self._open = True
        self.owner.opened()
        self.handshake_ok()

    def send(self, payload: Any, binary: bool = False) -> None:  # noqa: FBT001, FBT002 - of ws4py
        """Sends a message: text, unless it is `binary`; a generator is sent piece by piece.

        Raises:
            RuntimeError: it is not open.
            OSError: the connection has ended.
        """
        if isinstance(payload, types.GeneratorType):
            self._send_pieces(payload, binary)
            return
        data, event = _outgoing(payload, binary)
        self._write(event)
        self.owner.sent(len(data))

    def _send_pieces(self, pieces: Any, binary: bool) -> None:  # noqa: FBT001
        size = 0
        last = next(pieces, b"" if binary else "")
        for piece in pieces:
            data, event = _outgoing(last, binary, whole=False)
            self._write(event)
            size += len(data)
            last = piece
        data, event = _outgoing(last, binary)
        self._write(event)
        self.owner.sent(size + len(data))

    def ping(self, message: Any = b"") -> None:
        """Sends a ping; the pong calls `ponged`."""
        data = message.encode() if isinstance(message, str) else bytes(message)
        self._write(Ping(data))

    def close(self, code: int = NORMAL, reason: str = "") -> None:
        """Begins the closing handshake, unless it has begun; the reader ends when it is over."""
        if self.client_terminated or not self._open:
            return
        self.client_terminated = True
        try:
            self._write(CloseConnection(code, reason or None))
        except (OSError, RuntimeError):
            self._drop()

    def close_connection(self) -> None:
        """Ends the connection without a closing handshake."""
        self.client_terminated = True
        self._drop()

    def _drop(self) -> None:
        sock, self.sock = self.sock, None
        if sock is not None:
            with suppress(OSError):  # it has ended already
                sock.shutdown(2)
            sock.close()

    @property
    def terminated(self) -> bool:
        """Whether it was open and is not any more."""
        return self.client_terminated and self.server_terminated

    @property
    def connection(self) -> Any:
        """The socket below; None: it is not connected."""
        return self.sock

    @property
    def local_address(self) -> Any:
        """Address and port of this end."""
        return self.sock.getsockname()[:2]

    @property
    def peer_address(self) -> Any:
        """Address and port of the server."""
        return self.sock.getpeername()[:2]

    def wait_closed(self, timeout_s: float | None = None) -> bool:
        """Waits until its reader has ended; whether it has."""
        return self._ended is None or bool(self._ended.wait(timeout_s))

    def handshake_ok(self) -> None:
        """It is open: starts the reader."""
        start_reader(self.run)

    # The reader

    def run(self) -> None:
        """Reads until the end, and calls the hooks."""
        error: BaseException | None = None
        broken = False
        try:
            self.opened()
            self._read()
        except _BrokenError as raised:
            error, broken = raised.__cause__, True
        except BaseException as raised:  # noqa: BLE001 - of a hook: it is raised in the test
            error = raised
            self.close()
        try:
            self._end(broken, error)
        finally:
            self._ended.set()

    def _read(self) -> None:
        """Reads until one end says that it is over.

        Raises:
            _BrokenError: the connection broke.
        """
        protocol, sock = self._protocol, self.sock
        assert protocol is not None  # noqa: S101 - it is open
        monotonic_ns, look = self.owner.clock.monotonic_ns, looks(self.owner.clock)
        came_ns = monotonic_ns()
        while self._handle(protocol, came_ns):
            looked_ns = look.at_ns
            try:
                data = sock.recv(READ_BYTES)
                if not data and not self.client_terminated:
                    raise ConnectionResetError(f"{self.url}: it ended without a closing handshake")
            except OSError as error:
                if self.client_terminated:
                    return
                raise _BrokenError from error
            if not data:
                return
            # What was waited for has come by that look, not when its turn to be read came.
            came_ns = monotonic_ns() if look.at_ns == looked_ns else look.at_ns
            self._in_a_row = take_turns(self._in_a_row)
            protocol.receive_data(data)

    def _handle(self, protocol: Connection, now_ns: int) -> bool:
        """Handles what has come; whether there may be more."""
        events = protocol.events()
        while True:
            try:
                event = next(events, None)
            except RemoteProtocolError as error:
                self._break(PROTOCOL_ERROR, str(error))
            if event is None:
                return True
            if isinstance(event, Message):
                self._take(event, now_ns)
                self._in_a_row = take_turns(self._in_a_row)
            elif isinstance(event, Ping):
                self._answer(event.response(), protocol)
            elif isinstance(event, Pong):
                self.ponged(event)
            elif isinstance(event, CloseConnection):
                if protocol.state is ConnectionState.OPEN:  # it is wsproto's own: no frame
                    self._break(event.code, event.reason or "what came is not a frame")
                self._close_reason = event.code, event.reason or ""
                self._answer(event.response(), protocol)
                return False

    def _answer(self, event: Event, protocol: Connection) -> None:
        """Sends what the protocol wants sent, unless this end has said that it is over."""
        if protocol.state not in (ConnectionState.OPEN, ConnectionState.REMOTE_CLOSING):
            return
        with suppress(OSError, RuntimeError):  # the next read finds out
            self._write(event)

    def _break(self, code: int, reason: str) -> NoReturn:
        """The server has broken a rule: tells it so, and ends."""
        self.close(code)
        raise _BrokenError from ConnectionError(f"{self.url}: {reason}")

    def _take(self, event: Message[Any], now_ns: int) -> None:
        """A message, or a part of one, has come."""
        data = event.data
        if not event.message_finished or self._partial is not None:
            parts = self._partial = self._partial or []
            parts.append(data)
            self._partial_size += len(data)
            if self._partial_size > MAX_MESSAGE_BYTES:
                self._break(TOO_BIG, f"a message is over {MAX_MESSAGE_BYTES} bytes")
            if not event.message_finished:
                return
            self._partial, self._partial_size = None, 0
            data = "".join(parts) if isinstance(event, TextMessage) else b"".join(parts)
        is_text = isinstance(event, TextMessage)
        message = ReceivedMessage(data.encode() if is_text else bytes(data), is_text=is_text)
        last_ns, self._last_ns = self._last_ns, now_ns
        self.owner.received(len(message.data), None if last_ns is None else now_ns - last_ns)
        self.received_message(message)

    def _end(self, broken: bool, error: BaseException | None) -> None:  # noqa: FBT001
        """The reader has ended, and so has the socket."""
        self.client_terminated = self.server_terminated = True
        self._drop()
        self._protocol = None
        self.owner.ended(self, broken=broken, error=error)
        self._error = error  # in this order: `receive` says that it raises what is noted
        self._open = False
        try:
            self.closed(*(self._close_reason or (ABNORMAL, "Going away")))
        except BaseException as raised:  # noqa: BLE001 - raised in the test
            self.owner.failed(raised)

    def _write(self, event: Event) -> None:
        protocol, sock = self._protocol, self.sock
        if protocol is None or sock is None:
            raise RuntimeError("Cannot send on a terminated websocket") from self._error
        with self._sending:
            if protocol.state is ConnectionState.OPEN or isinstance(event, CloseConnection):
                sock.sendall(protocol.send(event))
            else:
                raise RuntimeError("Cannot send on a terminated websocket")

    # Hooks: those of a class of ws4py take their place

    def opened(self) -> None:
        """Called by the reader when it begins."""

    def closed(self, code: int, reason: str | None = None) -> None:
        """Called by the reader at the end. 1006: there was no closing handshake."""

    def received_message(self, message: Any) -> None:
        """Called by the reader for each message."""

    def ponged(self, pong: Any) -> None:
        """Called by the reader for each pong."""


class WebSocketClient(MeasuredSocket):
    """A WebSocket that keeps messages for `receive`. Its hooks may be overridden."""

    def __init__(
        self,
        url: str,
        protocols: Iterable[str] | None = None,
        extensions: Iterable[str] | None = None,
        *,
        headers: Iterable[tuple[str, str]] | None = None,
        callback: Callable[[Any], object] | None = None,
        test_case: Any = None,
    ) -> None:
        """What `connect` uses; `callback` is called with each message."""
        self.url = url
        self.protocols = protocols
        self.extensions = extensions
        self.extra_headers = list(headers or ())
        self.callback = callback
        self.test_case = test_case
        self._unread: deque[ReceivedMessage] = deque()
        self._dropped = 0
        self._came = threading.Event()

    def received_message(self, message: Any) -> None:
        """See MeasuredSocket: calls the callback, and keeps the message for `receive`."""
        if self.callback is not None:
            self.callback(message)
        if len(self._unread) >= MAX_UNREAD:
            self._unread.popleft()
            self._dropped += 1
        self._unread.append(message)
        self._came.set()

    def closed(self, code: int, reason: str | None = None) -> None:  # noqa: ARG002 - a hook
        """See MeasuredSocket."""
        self._came.set()

    def receive(self, block: bool = True) -> ReceivedMessage | None:  # noqa: FBT001, FBT002
        """The next message, which it waits for if it is to `block`; None: there will be none.

        Raises:
            BufferError: messages were dropped, because too many were unread; it goes on after them.
            Exception: the socket ended with it: the connection broke, or a hook raised it.
        """
        while True:
            if self._dropped:
                dropped, self._dropped = self._dropped, 0
                raise BufferError(f"{self.url}: {dropped} unread messages were dropped")
            if self._unread:
                return self._unread.popleft()
            if self._error is not None:
                self.owner.raised(self._error)
                raise self._error
            if not self._open or not block:
                return None
            self._came.clear()
            if not self._unread and self._open:
                self._came.wait()


def _outgoing(
    payload: Any,
    binary: bool,  # noqa: FBT001 - as in `send`
    *,
    whole: bool = True,
) -> tuple[bytes, Event]:
    """The bytes of a message, and what wsproto sends for it."""
    data = getattr(payload, "data", payload)  # a message of ws4py's, or one that came
    if data is not payload:
        binary = bool(getattr(payload, "is_binary", binary))
    if isinstance(data, str):
        encoded = data.encode()
        return encoded, _event(encoded if binary else data, whole=whole)
    if not isinstance(data, bytes | bytearray | memoryview):
        raise ValueError(f"Unsupported type {type(payload)!r} passed to send()")  # noqa: TRY004 - of ws4py
    encoded = bytes(data)
    return encoded, _event(encoded if binary else encoded.decode(), whole=whole)


def _event(data: str | bytes, *, whole: bool) -> Event:
    if isinstance(data, str):
        return TextMessage(data=data, message_finished=whole)
    return BytesMessage(data=data, message_finished=whole)
