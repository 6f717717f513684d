"""What a broker tells an agent, and the way there."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

from loadgrpc.broker.outbox import Outbox
from loadgrpc.model import Assignment, StopMode


@dataclass(frozen=True)
class StartRunners:
    """Start the runners for the users of a scenario."""

    assignment: Assignment


@dataclass(frozen=True)
class StartProcesses:
    """Start the processes of a cycle in one-user mode."""

    run_id: str
    scenario: str
    cycle: int


@dataclass(frozen=True)
class StopRunners:
    """Stop the runners of a run: those of a scenario, or (empty) of all."""

    run_id: str
    mode: StopMode
    stop_timeout_s: float
    scenario: str = ""


@dataclass(frozen=True)
class Heard:
    """No order: the agent's heartbeat was heard."""


HEARD: Final = Heard()


@dataclass(frozen=True)
class ExitNoted:
    """No order: the end of a runner was heard, and will not be forgotten."""

    run_id: str
    scenario: str
    runner_id: str


Order = StartRunners | StartProcesses | StopRunners | ExitNoted | Heard


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
