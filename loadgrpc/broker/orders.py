"""How orders of the broker reach an agent."""

from __future__ import annotations

import asyncio

from loadgrpc.broker.outbox import Outbox
from loadgrpc.protocol.fleet import Heard, Order


class AgentLink:
    """The way to one connected agent; `orders` is read by the servicer."""

    def __init__(self, agent_id: str, began_ns: int) -> None:
        self.agent_id = agent_id
        self.began_ns = began_ns
        """When it was opened (monotonic)."""
        self.orders: Outbox[Order | Exception | None] = Outbox()
        self.sign = asyncio.Event()
        """Set when the agent was heard on it, and when it ended."""
        self._hearing = False
        """Whether the answer to a heartbeat waits."""

    def put(self, order: Order) -> None:
        """Queues an order; of answers to heartbeats one is enough."""
        if isinstance(order, Heard):
            if self._hearing:
                return
            self._hearing = True
        self.orders.put_nowait(order)

    def taken(self, order: Order) -> None:
        """An order is on its way."""
        if isinstance(order, Heard):
            self._hearing = False
