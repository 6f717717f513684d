"""Taking agents out of service, and putting them back.

Rule: an agent is drained once that is stored, and stays so until it is undone, whoever restarts.
What it does at that moment is not touched: only new runs pass it by.
"""

from __future__ import annotations

from typing import Final

from loadgrpc.broker.roster import Roster
from loadgrpc.clock import Clock
from loadgrpc.errors import InvalidRequest, NotFound, StoreUnavailable
from loadgrpc.model import Agent
from loadgrpc.store import DrainedAgent, Store, StoreError

MAX_DRAINED: Final = 10_000
"""Agents that are drained at once: beyond that, some are surely gone for good."""


class Drains:
    """See the module."""

    def __init__(self, store: Store, roster: Roster, clock: Clock) -> None:
        self._store = store
        self._roster = roster
        self._clock = clock

    async def recall(self) -> None:
        """Reads which agents are drained, when the broker starts."""
        for agent in await self._store.drained():
            self._roster.drained[agent.agent_id] = agent

    async def drain(self, agent_id: str) -> Agent:
        """Gives an agent no further runs.

        Raises:
            NotFound: no such agent.
            InvalidRequest: too many are drained.
            StoreUnavailable: it could not be stored.
        """
        drained = self._roster.drained
        if agent_id not in drained:
            if agent_id not in self._roster:
                raise _unknown(agent_id)
            if len(drained) >= MAX_DRAINED:
                raise InvalidRequest(
                    f"{MAX_DRAINED} agents are drained: undo that of some which are gone"
                )
            hostname = self._roster[agent_id].registration.hostname
            record = DrainedAgent(agent_id, hostname, self._clock.wall_ns())
            try:
                await self._store.save_drained(record)
            except StoreError as error:
                raise StoreUnavailable(f"agent {agent_id} is not drained: {error}") from error
            drained[agent_id] = record
        return self._seen(agent_id)

    async def undo(self, agent_id: str) -> Agent:
        """Gives an agent runs again.

        Raises:
            NotFound: no such agent.
            StoreUnavailable: it could not be stored.
        """
        if agent_id not in self._roster.drained and agent_id not in self._roster:
            raise _unknown(agent_id)
        before = self._seen(agent_id)
        try:
            await self._store.drop_drained(agent_id)
        except StoreError as error:
            raise StoreUnavailable(f"agent {agent_id} stays as it is: {error}") from error
        self._roster.drained.pop(agent_id, None)
        self._roster.on_change()
        return self._seen(agent_id) if agent_id in self._roster else before

    def _seen(self, agent_id: str) -> Agent:
        """An agent as clients see it."""
        now_ns, wall_ns = self._clock.monotonic_ns(), self._clock.wall_ns()
        agents = self._roster.agents(now_ns, wall_ns)
        return next(agent for agent in agents if agent.agent_id == agent_id)


def _unknown(agent_id: str) -> NotFound:
    return NotFound(f"no agent {agent_id!r}: ListAgents, or `loadgrpc status`, has all of them")
