"""What a broker tells an agent, and the way there."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

from loadgrpc.model import Launch, StopMode


@dataclass(frozen=True)
class StartRunners:
    """Start what lives the users of a scenario."""

    launch: Launch


@dataclass(frozen=True)
class StartProcesses:
    """Start the processes of a cycle, where each lives one user."""

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

    def __init__(self, agent_id: str) -> None:
        self.agent_id = agent_id
        self.orders: asyncio.Queue[Order | Exception | None] = asyncio.Queue()
