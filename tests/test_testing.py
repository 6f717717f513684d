"""The public test doubles."""

import asyncio

import pytest

from loadgrpc.client import Client
from loadgrpc.model import AgentState
from loadgrpc.testing import ManualClock, running_cluster


def test_a_manual_clock_moves_when_told():
    """Both faces stand still until they advance together; time does not go back."""
    clock = ManualClock(wall_ns=100)
    before = clock.monotonic_ns()

    assert (clock.wall_ns(), clock.wall_ns()) == (100, 100)
    clock.advance(1.5)
    assert clock.wall_ns() == 1_500_000_100
    assert clock.monotonic_ns() - before == 1_500_000_000
    with pytest.raises(ValueError, match="back"):
        clock.advance(-1)


def test_a_cluster_has_its_agents(tmp_path):
    """All agents are idle when the cluster is given; its runs stay in the store that is named."""

    async def main():
        store = str(tmp_path / "store.db")
        cluster = running_cluster(agents=3, store=store)
        async with cluster as endpoint, Client.connect(endpoint) as client:
            agents = await client.list_agents()
            assert [agent.state for agent in agents] == [AgentState.IDLE] * 3
            assert (await client.get_broker()).store == store

    asyncio.run(main())
    assert (tmp_path / "store.db").exists()
