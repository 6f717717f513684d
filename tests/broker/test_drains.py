"""Agents are drained once that is stored, and stay so whoever restarts."""

import asyncio

import pytest

from loadgrpc.broker import drains as drains_module
from loadgrpc.broker.drains import Drains
from loadgrpc.broker.roster import Roster
from loadgrpc.errors import InvalidRequest, NotFound, StoreUnavailable
from loadgrpc.model import AgentState
from loadgrpc.protocol.fleet import Registration
from loadgrpc.store import Store, StoreError
from loadgrpc.testing import ManualClock


def registration(agent_id):
    """An agent that connects."""
    return Registration(agent_id=agent_id, hostname="host", pid=1, version="1", cores=1)


def with_drains(use, target=":memory:", agents=("a", "b")):
    """What `use(drains, roster, store)` returns, of a broker with these agents connected."""

    async def main():
        store, clock, roster = await Store.open(str(target)), ManualClock(), Roster()
        for agent_id in agents:
            roster.register(registration(agent_id), clock.monotonic_ns())
        drains = Drains(store, roster, clock)
        await drains.recall()
        try:
            return await use(drains, roster, store)
        finally:
            await store.close()

    return asyncio.run(main())


def test_a_drain_survives_the_broker(tmp_path):
    """The next broker with the store knows it before the agent is back; undone, it is gone."""
    target = tmp_path / "store.db"

    async def drain(drains, roster, store):
        assert (await drains.drain("a")).state is AgentState.DRAINED
        assert (await drains.drain("a")).drained  # again changes nothing
        places = roster.places(ManualClock().monotonic_ns())
        return [place.agent_id for place in places if place.idle]

    async def later(drains, roster, store):
        (before,) = roster.agents(0, 0)
        roster.register(registration("a"), 0)
        undone = await drains.undo("a")
        return before, undone, await store.drained()

    assert with_drains(drain, target) == ["b"]
    before, undone, stored = with_drains(later, target, agents=())
    assert (before.agent_id, before.state, before.drained) == ("a", AgentState.UNREACHABLE, True)
    assert (undone.state, undone.drained, stored) == (AgentState.IDLE, False, [])


def test_one_that_is_away_can_be_put_back(tmp_path):
    """A machine that is gone for good does not stay on the list."""

    async def use(drains, roster, store):
        await drains.drain("a")
        roster.left("a")
        gone = await drains.undo("a")
        return gone.agent_id, roster.agents(0, 0), await store.drained()

    name, agents, stored = with_drains(use, agents=("a",))
    assert (name, agents, stored) == ("a", [], [])


def test_an_agent_that_nobody_knows_is_an_error():
    """Both ways, with where to find those that are known."""

    async def use(drains, roster, store):
        for change in (drains.drain, drains.undo):
            with pytest.raises(NotFound, match=r"no agent 'c': .*loadgrpc status"):
                await change("c")

    with_drains(use)


def test_what_cannot_be_stored_is_not_shown(monkeypatch):
    """While the store is away an agent is neither drained nor put back, and the error says so."""

    async def use(drains, roster, store):
        async def fail(*_):
            raise StoreError("the disk is full")

        await drains.drain("b")
        monkeypatch.setattr(store, "save_drained", fail)
        monkeypatch.setattr(store, "drop_drained", fail)
        with pytest.raises(StoreUnavailable, match="agent a is not drained: the disk is full"):
            await drains.drain("a")
        with pytest.raises(StoreUnavailable, match="agent b stays as it is: the disk is full"):
            await drains.undo("b")
        return list(roster.drained)

    assert with_drains(use) == ["b"]


def test_drained_agents_are_bounded(monkeypatch):
    """Names of machines that are long gone do not pile up unnoticed."""
    monkeypatch.setattr(drains_module, "MAX_DRAINED", 1)

    async def use(drains, roster, store):
        await drains.drain("a")
        with pytest.raises(InvalidRequest, match="1 agents are drained: undo"):
            await drains.drain("b")

    with_drains(use)
