"""Peers that do not read, work that comes in heaps: nothing piles up, nothing is done twice."""

import asyncio

import pytest

from loadgrpc.broker import dispatcher, live, outbox, resume, run_store
from loadgrpc.broker.inbox import MAX_STREAM_SOURCES, Inbox
from loadgrpc.broker.orders import AgentLink
from loadgrpc.broker.outbox import Outbox
from loadgrpc.broker.pace import Pace
from loadgrpc.broker.part import SPARE_SOURCES
from loadgrpc.clock import NS_PER_S
from loadgrpc.errors import InvalidRequest
from loadgrpc.model import RunnerMode
from loadgrpc.protocol.fleet import HEARD


def test_hostile_8_who_does_not_read_is_not_listened_to(monkeypatch):
    """When too much waits, or is still to come, there is room only after some of it was taken."""
    monkeypatch.setattr(outbox, "MOST", 3)

    async def use():
        box = Outbox()
        await box.room()
        box.put_nowait(1)
        box.put_nowait(2)
        box.expect()
        waiting = asyncio.create_task(box.room())
        await asyncio.sleep(0)
        assert not waiting.done()
        box.came()
        await waiting
        box.put_nowait(3)
        waiting = asyncio.create_task(box.room())
        await asyncio.sleep(0)
        assert not waiting.done()
        assert await box.get() == 1
        await waiting

    asyncio.run(use())


def test_hostile_8_one_answer_to_many_heartbeats():
    """Of the answers to heartbeats that an agent has not read there is one."""

    async def use():
        link = AgentLink("a1", 0)
        for _ in range(100):
            link.put(HEARD)
        assert link.orders.qsize() == 1
        link.taken(link.orders.get_nowait())
        link.put(HEARD)
        assert link.orders.qsize() == 1

    asyncio.run(use())


def test_hostile_8_what_floods_is_held_up():
    """More than so many messages per second wait for their turn; fewer never wait."""
    pace = Pace(100, 100)
    assert [pace.take(NS_PER_S) for _ in range(100)] == [0] * 100
    assert pace.take(NS_PER_S) == NS_PER_S // 100
    assert pace.take(2 * NS_PER_S) == 0


def test_hostile_8_batches_that_are_being_stored_count(at_desk):
    """An answer that is still to come takes room from the moment a batch is taken."""

    async def use(desk):
        run = await desk.start()
        runner = await desk.runner(run)
        await runner.publish(1, first=1)
        assert runner.inbox.answers._expected == 0
        await runner.publish(0, first=2, invalid=3)
        assert runner.inbox.answers._expected == 0

    at_desk(use)


def test_hostile_8_sources_have_a_bound(at_desk):
    """A part has as many sources as it can need, and a stream carries so many; more are refused."""

    async def use(desk):
        run = await desk.start(runner_mode=RunnerMode.BY_HAND, users=(3,))
        inbox = Inbox()
        for number in range(SPARE_SOURCES + 3):
            runner = await desk.runner(run, runner_id=f"r{number}")
        with pytest.raises(InvalidRequest, match="too many sources"):
            await desk.runner(run, runner_id="one-more")
        await runner.open(anew=True)

        inbox.closed.update(range(MAX_STREAM_SOURCES))
        runner.inbox = inbox
        with pytest.raises(InvalidRequest, match="sources on a stream"):
            await runner.open()

    at_desk(use)


class Counting:
    """A store that counts, and holds, writes of runs."""

    def __init__(self, store):
        self.inner = store
        self.writes = 0
        self.open = asyncio.Event()

    def __getattr__(self, name):
        return getattr(self.inner, name)

    async def save_run(self, record, *, patient=False):
        self.writes += 1
        await self.open.wait()
        await self.inner.save_run(record, patient=patient)


def test_hostile_8_and_14_many_ends_are_few_writes(at_desk):
    """Ends of runners that come while a write is under way share the next one, and all are noted
    when it is stored.
    """

    async def use(desk):
        run = await desk.start()
        counting = desk.uses(Counting(desk.store))
        for number in range(500):
            desk.broker.runner_exited("a1", run.run_id, f"x{number}", 0, "", last=False)
            desk.broker.runner_exited("a1", run.run_id, f"x{number}", 0, "", last=False)  # again
            if number % 50 == 0:
                await asyncio.sleep(0)
        assert counting.writes == 1
        counting.open.set()
        await desk.settled()
        assert counting.writes == 2
        assert desk.agent().orders() == [("start", run.run_id), *["ExitNoted"] * 500]
        ends = {end.runner_id for end in await desk.store.ends(run.run_id)}
        assert ends == {f"x{number}" for number in range(500)}

    at_desk(use)


def test_hostile_14_only_parts_that_changed_are_written_anew(at_desk, monkeypatch):
    """To store the end of one part the others are not made into text again."""
    made = []
    state = resume._state
    monkeypatch.setattr(resume, "_state", lambda part: (made.append(part.agent_id), state(part))[1])

    async def use(desk):
        run = await desk.start("a1", "a2", "a3")
        made.clear()
        desk.agent("a2").exits(run)
        await desk.settled()
        assert made == ["a2"]

    at_desk(use)


def test_hostile_25_watchers_share_figures(at_desk, monkeypatch):
    """However many watch a run, its figures are made once for a moment."""
    made = []
    make = live._figures
    monkeypatch.setattr(live, "_figures", lambda *at: (made.append(at), make(*at))[1])

    async def use(desk):
        run = await desk.start()
        for _ in range(2):
            made.clear()
            for _ in range(20):
                watching = desk.broker.watch_run(run.run_id)
                await anext(watching)
                await anext(watching)
                await watching.aclose()
            assert len(made) == 1
            desk.clock.advance(1)

    at_desk(use)


def test_hostile_14_what_takes_long_to_write_is_written_seldom(at_desk, monkeypatch):
    """Between two writes of a large run there is time for others; what waits is not forgotten."""
    monkeypatch.setattr(run_store, "LONG_S", -1.0)
    monkeypatch.setattr(run_store, "LONG_REST", 0)
    monkeypatch.setattr(run_store, "MANY_PARTS", 0)
    monkeypatch.setattr(dispatcher, "MANY_PARTS", 0)

    async def use(desk):
        agent_ids = [f"a{number}" for number in range(20)]
        run = await desk.start(*agent_ids)
        for agent_id in agent_ids:
            desk.agent(agent_id).exits(run)
            await asyncio.sleep(0)
        await desk.settled()
        record = await desk.store.get_run(run.run_id)
        assert record.roster.count(b'"FINISHED"') == 20
        assert (await desk.broker.get_summary(run.run_id)).state.final
        for agent_id in agent_ids:
            assert desk.agent(agent_id).orders()[-1] == "ExitNoted"

    at_desk(use)
