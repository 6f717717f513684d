"""The figures of a set of sockets, such as WebSockets, as they add up.

Laws, as the histogram's: merging commutes, associates, and empty stats change nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from loadgrpc.clock import NS_PER_S
from loadgrpc.model import SocketFigures
from loadgrpc.stats.histogram import Histogram
from loadgrpc.stats.hits import elapsed_figures


@dataclass(slots=True)
class SocketStats:
    """What a set of sockets adds up to."""

    opened: int = 0
    closed: int = 0
    broken: int = 0
    messages_sent: int = 0
    messages_received: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0
    gaps: Histogram = field(default_factory=Histogram)
    """Times from one message received on a socket to the next."""

    @property
    def open(self) -> int:
        """Those whose end is not known."""
        return max(0, self.opened - self.closed - self.broken)

    def merge(self, other: SocketStats) -> None:
        """Adds all that was added to `other`."""
        self.opened += other.opened
        self.closed += other.closed
        self.broken += other.broken
        self.messages_sent += other.messages_sent
        self.messages_received += other.messages_received
        self.bytes_sent += other.bytes_sent
        self.bytes_received += other.bytes_received
        self.gaps.merge(other.gaps)

    def figures(self, duration_ns: int) -> SocketFigures:
        """The figures, with rates over a duration; without a duration they are 0."""
        per_s = NS_PER_S / duration_ns if duration_ns > 0 else 0.0
        return SocketFigures(
            opened=self.opened,
            closed=self.closed,
            broken=self.broken,
            messages_sent=self.messages_sent,
            messages_received=self.messages_received,
            bytes_sent=self.bytes_sent,
            bytes_received=self.bytes_received,
            sent_rate=self.messages_sent * per_s,
            received_rate=self.messages_received * per_s,
            gaps=elapsed_figures(self.gaps),
        )
