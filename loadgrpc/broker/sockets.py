"""The sockets of a run by name, and the messages of its last seconds.

Rule: pure, and bounded: names over the limit are counted together, in one that says so; of seconds
the last few are kept, for live figures.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from loadgrpc.model import OTHER, SocketNameFigures, SocketProgress, SocketSummary
from loadgrpc.protocol.decoded import Sockets
from loadgrpc.stats.sockets import SocketStats
from loadgrpc.stats.timeline import Recent

MAX_SOCKET_NAMES: Final = 1_000
KEPT_S: Final = 60
"""Seconds whose messages are kept: more than live figures ever look back."""


class SocketName(NamedTuple):
    """What sockets are told apart by."""

    scenario: str
    name: str
    protocol: str


class RunSockets:
    """See the module."""

    def __init__(self) -> None:
        self._names: dict[SocketName, SocketStats] = {}
        self._seconds: dict[int, list[int]] = {}
        """Messages sent and received, by the second in which that was reported (our clock)."""

    def add(self, scenario: str, sockets: Sockets, end_s: int) -> None:
        """Adds what a runner reports, which ended in that second of our clock."""
        name = SocketName(scenario, sockets.name, sockets.protocol)
        if name not in self._names and len(self._names) >= MAX_SOCKET_NAMES:
            name = SocketName(scenario, OTHER, "")
            if name not in self._names and len(self._names) >= 2 * MAX_SOCKET_NAMES:
                name = SocketName("", OTHER, "")
        self._names.setdefault(name, SocketStats()).merge(sockets.stats)
        sent = self._seconds.setdefault(end_s, [0, 0])
        sent[0] += sockets.stats.messages_sent
        sent[1] += sockets.stats.messages_received
        if len(self._seconds) > KEPT_S:
            del self._seconds[min(self._seconds)]

    def summary(self, duration_ns: int) -> SocketSummary | None:
        """All of them, and by name; those of `(other)` come last. None: there were none."""
        if not self._names:
            return None
        found = sorted(self._names.items(), key=lambda each: (each[0].name == OTHER, each[0]))
        return SocketSummary(
            total=self._total().figures(duration_ns),
            names=tuple(
                SocketNameFigures(
                    scenario=name.scenario,
                    name=name.name,
                    protocol=name.protocol,
                    sockets=stats.figures(duration_ns),
                )
                for name, stats in found
            ),
        )

    def progress(self, recent: Recent | None) -> SocketProgress | None:
        """The figures of now; rates are of the seconds of `recent`. None: there were none."""
        if not self._names:
            return None
        sent = received = 0.0
        if recent is not None:
            for second in range(recent.end_s - recent.seconds, recent.end_s):
                counts = self._seconds.get(second, (0, 0))
                sent += counts[0] / recent.seconds
                received += counts[1] / recent.seconds
        every = self._names.values()
        return SocketProgress(
            open=sum(stats.open for stats in every),
            broken=sum(stats.broken for stats in every),
            messages_sent=sum(stats.messages_sent for stats in every),
            messages_received=sum(stats.messages_received for stats in every),
            sent_rate=sent,
            received_rate=received,
        )

    def _total(self) -> SocketStats:
        total = SocketStats()
        for stats in self._names.values():
            total.merge(stats)
        return total
