"""What a user process has counted of its WebSockets of one name, and not yet handed over.

Rule: a message costs a few additions and no event. All that was counted since the last report is
one event (`take`), which is counted as produced when the first of it happens, so that its loss is
known. A tally that is full reports by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from loadgrpc.protocol.bounds import MAX_GAPS
from loadgrpc.v1 import event_pb2

GAP_BITS: Final = 14
"""Significant bits of a gap. With the rounding of histograms it stays within their error."""
MAX_COUNT: Final = 2**31
"""Messages in one direction, and gaps of one length, of one event at most."""
MAX_BYTES: Final = 2**39
"""Bytes in one direction of one event at most, before one more message."""


class SocketTally:
    """See the module. `begun` is called when there is something to report; `full`, to report it."""

    __slots__ = (
        "_begun",
        "_full",
        "_gaps",
        "broken",
        "bytes_received",
        "bytes_sent",
        "closed",
        "messages_received",
        "messages_sent",
        "name",
        "opened",
        "protocol",
        "waiting",
    )

    def __init__(
        self,
        name: str,
        protocol: str,
        begun: Callable[[SocketTally], object],
        full: Callable[[SocketTally], object],
    ) -> None:
        self.name = name
        self.protocol = protocol
        self._begun = begun
        self._full = full
        self._start_over()

    def _start_over(self) -> None:
        self.waiting = False
        """Whether there is something to report."""
        self.opened = self.closed = self.broken = 0
        self.messages_sent = self.messages_received = 0
        self.bytes_sent = self.bytes_received = 0
        self._gaps: dict[int, int] = {}

    def _begin(self) -> None:
        self.waiting = True
        self._begun(self)

    def open(self) -> None:
        """A WebSocket was opened."""
        if not self.waiting:
            self._begin()
        self.opened += 1

    def close(self, *, broken: bool) -> None:
        """One that was open is not any more; `broken`: without a closing handshake."""
        if not self.waiting:
            self._begin()
        if broken:
            self.broken += 1
        else:
            self.closed += 1

    def sent(self, size: int) -> None:
        """A message of this size was sent."""
        if not self.waiting:
            self._begin()
        self.messages_sent += 1
        self.bytes_sent += size
        if self.messages_sent >= MAX_COUNT or self.bytes_sent >= MAX_BYTES:
            self._full(self)

    def received(self, size: int, gap_ns: int | None) -> None:
        """A message came, this long after the one before it on its socket; None: the first."""
        if not self.waiting:
            self._begin()
        self.messages_received += 1
        self.bytes_received += size
        if gap_ns is not None:
            shift = gap_ns.bit_length() - GAP_BITS
            if shift > 0:
                gap_ns = (gap_ns + (1 << shift - 1)) >> shift << shift
            gaps = self._gaps
            gaps[gap_ns] = gaps.get(gap_ns, 0) + 1
            if len(gaps) >= MAX_GAPS:
                self._full(self)
        if self.messages_received >= MAX_COUNT or self.bytes_received >= MAX_BYTES:
            self._full(self)

    def take(self) -> event_pb2.SocketActivity:
        """All that is waiting; from here on it starts over."""
        taken = event_pb2.SocketActivity(
            name=self.name,
            protocol=self.protocol,
            opened=self.opened,
            closed=self.closed,
            broken=self.broken,
            messages_sent=self.messages_sent,
            messages_received=self.messages_received,
            bytes_sent=self.bytes_sent,
            bytes_received=self.bytes_received,
            gaps_ns=self._gaps.keys(),
            gap_counts=self._gaps.values(),
        )
        self._start_over()
        return taken
