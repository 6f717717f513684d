"""Agents that are drained, as rows. Rule: as in `tables`."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from loadgrpc.store.history import NO_TEXT
from loadgrpc.store.record import DrainedAgent
from loadgrpc.store.schema import DRAINED

_INSERT: Final = sa.insert(DRAINED)
_DELETE: Final = sa.delete(DRAINED).where(DRAINED.c.agent_id == sa.bindparam("of_agent"))
_SELECT: Final = sa.select(DRAINED).order_by(DRAINED.c.agent_id)


class Drained:
    """See the module."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def add(self, agent: DrainedAgent) -> None:
        """Add an agent, or replace what is known of it."""
        self.drop(agent.agent_id)
        row = {
            "agent_id": agent.agent_id,
            "hostname": agent.hostname.translate(NO_TEXT),
            "time_ns": agent.time_ns,
        }
        self._connection.execute(_INSERT, row)

    def drop(self, agent_id: str) -> None:
        """Forget an agent; one that is not there is forgotten already."""
        self._connection.execute(_DELETE, {"of_agent": agent_id})

    def all(self) -> list[DrainedAgent]:
        """All of them, by id."""
        rows = self._connection.execute(_SELECT)
        return [DrainedAgent(row.agent_id, row.hostname, row.time_ns) for row in rows]
