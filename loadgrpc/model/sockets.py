"""Sockets, such as WebSockets, as figures."""

from __future__ import annotations

from dataclasses import dataclass

from loadgrpc.model.elapsed import ElapsedFigures


@dataclass(frozen=True, kw_only=True)
class SocketFigures:
    """Figures of a set of sockets, such as WebSockets."""

    opened: int = 0
    closed: int = 0
    broken: int = 0
    """Ended without what the protocol has for it."""
    messages_sent: int = 0
    messages_received: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0
    sent_rate: float = 0.0
    """Messages per second over the summary's duration, as `received_rate`."""
    received_rate: float = 0.0
    gaps: ElapsedFigures = ElapsedFigures()
    """From one message received on a socket to the next."""

    @property
    def open(self) -> int:
        """Those whose end is not known."""
        return max(0, self.opened - self.closed - self.broken)


@dataclass(frozen=True, kw_only=True)
class SocketNameFigures:
    """Figures of the sockets of one name and protocol."""

    name: str
    protocol: str = ""
    """Empty: websocket."""
    scenario: str = ""
    sockets: SocketFigures = SocketFigures()


@dataclass(frozen=True, kw_only=True)
class SocketSummary:
    """The sockets of a run."""

    total: SocketFigures = SocketFigures()
    names: tuple[SocketNameFigures, ...] = ()
