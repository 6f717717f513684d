"""A cluster of one: broker and agent in this process, for as long as one run lasts.

Rule: the same parts, the same runner processes and the same data path as on a hundred
machines. The broker listens on a Unix socket in a folder that only this user can enter,
and keeps its runs in memory. Only if an output reads events are these kept, on disk in that
folder, until it has read them. What pip installs for a test stays, for later runs.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from loadgrpc.agent import identity, serving, supplies
from loadgrpc.agent.config import AgentConfig
from loadgrpc.broker import server
from loadgrpc.observers.config import ObserverConfig


@asynccontextmanager
async def local_cluster(*, keep_events: bool = False) -> AsyncIterator[str]:
    """A broker with one agent, connected; yields its endpoint."""
    connected = asyncio.Event()
    with tempfile.TemporaryDirectory(prefix="loadgrpc-", ignore_cleanup_errors=True) as folder:
        broker_config = server.BrokerConfig(
            listen=f"unix:{folder}/broker.sock",
            store=f"{folder}/runs.db" if keep_events else ":memory:",
            keep_batches=keep_events,
            observers=ObserverConfig(trusted=True),
        )
        async with server.running(broker_config) as endpoint:
            agent_config = AgentConfig(
                broker=endpoint, state_dir=Path(folder) / "agent", packages=_packages()
            )
            async with serving.running(agent_config, on_connected=lambda _: connected.set()):
                await connected.wait()
                yield endpoint


def _packages() -> Path | None:
    """Where the packages of tests are kept; None: this user has no home."""
    try:
        return identity.state_home() / supplies.PACKAGES
    except identity.StateDirError:
        return None
