"""A connection that has become a web socket: it echoes what it gets."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

from loadgrpc.examples.server.counts import SeenSockets
from loadgrpc.examples.server.websocket import (
    CLOSE,
    PING,
    PONG,
    Broken,
    Messages,
    close_code,
    frame,
)

MAX_DUE: Final = 1_000
"""Messages that wait to be echoed; the client is not read while there are as many."""
CLOSING_S: Final = 5.0
"""How long a client may take to go after it was closed."""


class EchoSocket(asyncio.Protocol):
    """See the module. Each message comes back `delay_s` after it has arrived whole."""

    def __init__(self, transport: asyncio.Transport, counts: SeenSockets, delay_s: float) -> None:
        self._transport = transport
        self._counts = counts
        self._delay_s = delay_s
        self._messages = Messages()
        self._due: deque[asyncio.TimerHandle] = deque()
        self._closed = False
        self._full = False
        counts.came()

    def data_received(self, data: bytes) -> None:
        """Bytes from the client."""
        if self._closed:
            return
        self._messages.feed(data)
        try:
            while not self._closed and (message := self._messages.next()) is not None:
                self._take(message.opcode, message.payload)
        except Broken as problem:
            self._close(problem.code, str(problem))
        self._read_or_wait()

    def _take(self, opcode: int, payload: bytes) -> None:
        if opcode == CLOSE:
            self._close(close_code(payload))
        elif opcode == PING:
            self._transport.write(frame(PONG, payload))
        elif opcode != PONG:
            self._counts.messages += 1
            self._counts.bytes += len(payload)
            echo = frame(opcode, payload)
            if self._delay_s:
                loop = asyncio.get_running_loop()
                self._due.append(loop.call_later(self._delay_s, self._send_late, echo))
            else:
                self._transport.write(echo)

    def _send_late(self, echo: bytes) -> None:
        self._due.popleft()  # all wait equally long
        self._transport.write(echo)
        self._read_or_wait()

    def _close(self, code: int, why: str = "") -> None:
        """Closes the web socket; then the connection, if the client does not."""
        self._closed = True
        self._give_up()
        self._transport.write(frame(CLOSE, code.to_bytes(2) + why.encode()))
        if self._transport.can_write_eof():
            self._transport.write_eof()
        asyncio.get_running_loop().call_later(CLOSING_S, self._transport.abort)

    def pause_writing(self) -> None:
        """The client does not read: nor is it read."""
        self._full = True
        self._read_or_wait()

    def resume_writing(self) -> None:
        """The client reads again."""
        self._full = False
        self._read_or_wait()

    def _read_or_wait(self) -> None:
        if self._transport.is_closing():
            return
        if not self._closed and (self._full or len(self._due) >= MAX_DUE):
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has gone; what was due is given up."""
        del exc
        self._closed = True
        self._counts.open -= 1
        self._give_up()

    def _give_up(self) -> None:
        while self._due:
            self._due.popleft().cancel()
