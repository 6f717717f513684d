"""What came from each agent by time, of runs with a threshold that selects by agent.

Rule: bounded: what comes from further agents is counted together, under a name that says so.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from loadgrpc.broker.part import Key
from loadgrpc.broker.pieces import Pieces, pieces_of, stats_of
from loadgrpc.clock import NS_PER_S
from loadgrpc.model import OTHER
from loadgrpc.protocol.decoded import Decoded, Hits, Iterations
from loadgrpc.stats.rules import AgentName
from loadgrpc.stats.timeline import Timeline

MAX_AGENTS: Final = 200
"""Agents that are told apart."""


class FiguresByAgent:
    """See the module."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._known: set[AgentName] = set()
        self._pieces = Pieces()
        self.wanted = False
        """Whether anybody wants to know."""

    def add(self, key: Key, events: Decoded, *, arrival_ns: int, ahead_ns: int) -> None:
        """Adds what a batch of an agent says of hits and iterations; of a large one by `catch_up`.

        Args:
            key: The agent and its scenario.
            events: The batch, by the clock of the agent.
            arrival_ns: When it came (wall clock).
            ahead_ns: How far the clock of the agent is ahead of ours.
        """
        if not self.wanted:
            return
        name = self._name(key)
        for label in events.outcomes:
            ended_ns = min((events.last_ns or arrival_ns) - ahead_ns, arrival_ns)
            stats_of(self._timeline, ended_ns // NS_PER_S, name).outcomes[label.outcome] += 1
        blocks: list[Hits | Iterations] = [*events.iterations, *events.hits]
        self._pieces.add(
            piece
            for block in blocks
            for piece in pieces_of(
                self._timeline,
                block,
                np.ones(len(block.label), np.int8),
                {1: name},
                arrival_ns=arrival_ns,
                ahead_ns=ahead_ns,
            )
        )

    def catch_up(self) -> bool:
        """Adds some of what was put off; whether there is more."""
        return self._pieces.catch_up()

    def _name(self, key: Key) -> AgentName:
        agent_id, scenario = key
        name = AgentName(scenario, agent_id)
        if name not in self._known and len(self._known) >= MAX_AGENTS:
            name = name._replace(agent=OTHER)
        self._known.add(name)
        return name
