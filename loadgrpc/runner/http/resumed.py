"""What the fast lane has read of an answer: Requests goes on reading from there."""

from __future__ import annotations

import io
import socket
from contextlib import suppress
from datetime import timedelta
from typing import Any, Protocol


class Resumable(Protocol):
    """A connection on which an exchange can continue."""

    resumed: ResumedExchange | None

    def close(self) -> None:
        """Close."""


class ResumedExchange:
    """An exchange that the fast lane began and Requests continues.

    Its connection is in no pool: it waits here for the attempt that goes on with it.
    """

    __slots__ = (
        "connection",
        "first_ns",
        "received",
        "receiving",
        "sending",
        "sent",
        "start_ns",
        "wall_ns",
    )

    def __init__(  # noqa: PLR0917 - made in one place only
        self,
        connection: Resumable,
        received: bytes,
        sent: int,
        sending: OSError | None,
        receiving: OSError | None,
        wall_ns: int,
        start_ns: int,
        first_ns: int,
    ) -> None:
        self.connection: Resumable | None = connection
        self.received = received
        """What came."""
        self.sent = sent
        """How many bytes went out before `sending` went wrong."""
        self.sending = sending
        """What went wrong while the request was sent."""
        self.receiving = receiving
        """What went wrong after `received`."""
        self.wall_ns = wall_ns
        self.start_ns = start_ns
        self.first_ns = first_ns
        """When the head was there; 0: it was not, or it is not plain."""

    def take(self) -> Resumable | None:
        """The connection, once."""
        connection, self.connection = self.connection, None
        if connection is not None:
            connection.resumed = self
        return connection

    def elapsed(self, told: timedelta, begun_ns: int) -> timedelta:
        """How long the head took: Requests counts from `begun_ns`, when the lane had waited."""
        if self.first_ns:
            return timedelta(microseconds=(self.first_ns - self.start_ns) / 1000)
        return told + timedelta(microseconds=(begun_ns - self.start_ns) / 1000)

    def drop(self) -> None:
        """Closes the connection, unless the exchange was continued."""
        if self.connection is not None:
            self.connection.close()
            self.connection = None


class ResumedSocket(io.RawIOBase):
    """The raw file of a socket, before which comes what the fast lane has read from it."""

    def __init__(self, raw: Any, resumed: ResumedExchange) -> None:
        self._raw = raw
        self._left = memoryview(resumed.received)
        self._error = resumed.receiving

    def readinto(self, buffer: Any) -> int | None:
        """See io.RawIOBase."""
        if self._left:
            count = min(len(buffer), len(self._left))
            buffer[:count] = self._left[:count]
            self._left = self._left[count:]
            return count
        if self._error is not None:
            error, self._error = self._error, None
            raise error
        found: int | None = self._raw.readinto(buffer)
        return found

    def readable(self) -> bool:
        """See io.RawIOBase."""
        return True

    def fileno(self) -> int:
        """See io.RawIOBase."""
        fileno: int = self._raw.fileno()
        return fileno

    def close(self) -> None:
        """See io.RawIOBase."""
        if self._left:
            # More came than was asked for. On Requests' own road it would still be in the
            # socket, where the next request finds it and opens another connection.
            self._left = memoryview(b"")
            with suppress(OSError):
                self._raw._sock.shutdown(socket.SHUT_RD)  # noqa: SLF001 - no public way to it
        super().close()
        self._raw.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)
