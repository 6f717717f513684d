"""Test doubles for those who build on loadgrpc: a clock that stands still, and a cluster.

Rule: everything here is the real thing, except for what a test has to control. The cluster's
broker and agents are those of `loadgrpc broker` and `loadgrpc agent`, in this process; runners
are processes of their own, as always, and import tests from the current directory.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from loadgrpc.agent import serving
from loadgrpc.agent.config import AgentConfig
from loadgrpc.broker import server
from loadgrpc.clock import NS_PER_S
from loadgrpc.model import Assignment, Placement, plan_of

__all__ = ["ManualClock", "assignment_of", "plan_of", "running_cluster"]


class ManualClock:
    """A clock that stands still until `advance` is called."""

    def __init__(self, *, wall_ns: int = 1_700_000_000 * NS_PER_S) -> None:
        self._monotonic_ns = 5 * NS_PER_S
        self.epoch_ns = wall_ns - self._monotonic_ns
        """See Clock."""

    def monotonic_ns(self) -> int:
        """See Clock."""
        return self._monotonic_ns

    def wall_ns(self) -> int:
        """See Clock."""
        return self.epoch_ns + self._monotonic_ns

    def real_ns(self) -> int:
        """See Clock. No stamp of the kernel's is of a time that this clock knows."""
        return 0

    def advance(self, seconds: float) -> None:
        """Lets time pass, on both of its faces.

        Raises:
            ValueError: time does not go back.
        """
        if seconds < 0:
            raise ValueError("time does not go back")
        self._monotonic_ns += round(seconds * NS_PER_S)


def assignment_of(
    *,
    run_id: str = "r",
    agent_id: str = "a",
    user: int = 0,
    first_cycle: int = 1,
    placement: Placement | None = None,
    **options: Any,
) -> Assignment:
    """An agent's part in such a plan, as it is given to a runner; the rest as in `plan_of`."""
    return Assignment(
        run_id=run_id,
        agent_id=agent_id,
        plan=plan_of(**options),
        user=user,
        first_cycle=first_cycle,
        placement=placement,
    )


@asynccontextmanager
async def running_cluster(*, agents: int = 1, store: str = ":memory:") -> AsyncIterator[str]:
    """A broker with `agents` agents, all connected; yields its endpoint, HOST:PORT.

        async with running_cluster(agents=2) as endpoint, Client.connect(endpoint) as client:
            run = await client.start_run(plan_of(test="example.TestWebSite.test_es", agents=2))

    The agents' ids are those of a fresh state directory each. `store` is a file, or memory.
    """
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="loadgrpc-")))
        config = server.BrokerConfig(listen="127.0.0.1:0", store=store)
        endpoint = await stack.enter_async_context(server.running(config))
        connected: asyncio.Queue[str] = asyncio.Queue()
        for number in range(agents):
            agent_config = AgentConfig(broker=endpoint, state_dir=folder / str(number))
            running = serving.running(agent_config, on_connected=connected.put_nowait)
            await stack.enter_async_context(running)
        for _ in range(agents):
            await connected.get()
        yield endpoint
