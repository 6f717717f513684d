"""The stored events of a run, listed: all of them, in order, piece by piece."""

import pytest

from loadgrpc.broker.control_service import MAX_LISTED, MAX_LISTED_BYTES, ControlService
from loadgrpc.broker.listing import Position, Wanted
from loadgrpc.errors import EventsGone, InvalidRequest, NotFound
from loadgrpc.model import OutputFigures
from loadgrpc.store import Retention
from loadgrpc.store import store as store_module
from loadgrpc.v1 import control_pb2, event_pb2, runner_pb2

NS = 1_000_000_000


async def running(desk, *agent_ids):
    """A run, and a runner of it on each of these agents."""
    run = await desk.start(*agent_ids)
    return run, [await desk.runner(run, agent_id) for agent_id in agent_ids]


async def listed(desk, run, **wanted):
    """The events of a run as a list."""
    return [event async for event in desk.broker.list_events(Wanted(run_id=run.run_id, **wanted))]


def told(events):
    """Whose events they are, and their numbers."""
    return [(event.source.agent_id, event.sequence) for event in events]


def test_events_come_in_the_order_in_which_they_were_committed(at_desk):
    """Those of all sources, each with its number, without what was rejected or came twice."""

    async def use(desk):
        run, (one, two) = await running(desk, "a1", "a2")
        await one.publish(2, first=1)
        await two.publish(1, first=1, invalid=1, passed=1)
        await one.publish(3, first=2)
        await one.publish(2, first=3)
        assert told(await listed(desk, run)) == [
            *(("a1", 1), ("a1", 2), ("a2", 1), ("a2", 3), ("a1", 3), ("a1", 4))
        ]
        assert all(event.event.HasField("time") for event in await listed(desk, run))

    at_desk(use)


@pytest.mark.parametrize("over", [False, True])
def test_events_stand_on_one_time_line(at_desk, new_batch, over):
    """That of the broker, which knows an agent's clock; or else that of its arrival."""

    async def use(desk):
        run, (one,) = await running(desk, "a1")
        now_ns = desk.clock.wall_ns()
        desk.broker.heard_from_agent("a1", now_ns + 180 * NS)
        message = new_batch(2, first=1)
        message.events[0].time.FromNanoseconds(now_ns + 170 * NS)
        await desk.broker.intake.publish(one.inbox, one.source_id, message)
        if over:
            await one.finish()
            desk.agent().exits(run)
            await desk.over(run)
            desk.clock.advance(60)
        await desk.settled()
        dated, undated = await listed(desk, run)
        assert dated.event.time.ToNanoseconds() == now_ns + 170 * NS
        assert (dated.time_ns, undated.time_ns) == (now_ns - 10 * NS, now_ns)

    at_desk(use)


def test_events_are_chosen(at_desk):
    """By kind, by agent, and by how many."""

    async def use(desk):
        run, (one, two) = await running(desk, "a1", "a2")
        await one.publish(2, first=1, failed=1)
        await two.publish(1, first=1)
        assert told(await listed(desk, run, kinds=("test_failure",))) == [("a1", 3)]
        assert told(await listed(desk, run, agent_id="a2")) == [("a2", 1)]
        assert told(await listed(desk, run, agent_id="a3")) == []
        assert told(await listed(desk, run, limit=2)) == [("a1", 1), ("a1", 2)]
        assert told(await listed(desk, run, kinds=("hit",), limit=3)) == [
            *(("a1", 1), ("a1", 2), ("a2", 1))
        ]

    at_desk(use)


def test_listing_goes_on_where_it_was(at_desk, monkeypatch):
    """From the position of any event, each later one comes once, also from other pages."""
    monkeypatch.setattr(store_module, "_PAGE_BATCHES", 2)

    async def use(desk):
        run, (one, two) = await running(desk, "a1", "a2")
        for first in range(1, 12, 3):
            await one.publish(3, first=first)
            await two.publish(first=first, passed=3)
        everything = await listed(desk, run)
        assert len(everything) == 24
        for at, event in enumerate(everything, 1):
            after = Position.parse(str(event.position))
            assert await listed(desk, run, after=after) == everything[at:]
            assert await listed(desk, run, after=after, limit=1) == everything[at : at + 1]

    at_desk(use)


@pytest.mark.parametrize("text", ["1", "1-2", "1-2-3", "-1-0-0", "1-2-0 ", f"1-{10**18}-0", "x"])
def test_what_is_no_position(text):
    """A position is what the broker gave, and nothing else."""
    with pytest.raises(InvalidRequest, match="after: was not issued by this broker"):
        Position.parse(text)


def test_the_store_is_read_as_the_caller_takes(at_desk, monkeypatch):
    """Who takes one event has the first page read, and no other."""
    monkeypatch.setattr(store_module, "_PAGE_BATCHES", 2)

    async def use(desk):
        run, (one,) = await running(desk, "a1")
        for first in range(1, 8):
            await one.publish(1, first=first)
        read, writer = [], desk.store._writer
        asked = writer.read

        def counting(work):
            read.append(work)
            return asked(work)

        monkeypatch.setattr(writer, "read", counting)
        events = desk.broker.list_events(Wanted(run_id=run.run_id))
        for _ in range(2):
            await anext(events)
        assert len(read) == 1
        await anext(events)
        assert len(read) == 2
        await events.aclose()

    at_desk(use)


def test_messages_have_bounds(at_desk, new_batch):
    """A message has so many events and bytes at most, one event at least, and none is empty."""

    async def use(desk):
        run, (one,) = await running(desk, "a1")
        await one.publish(MAX_LISTED + 1, first=1)
        sizes = (60_000, 1_000_000, 60_000, *[40_000] * 26)
        for at, size in enumerate(sizes, MAX_LISTED + 2):
            batch = new_batch(1, first=at)
            batch.events[0].hit.url = "u" * size
            await desk.broker.intake.publish(one.inbox, one.source_id, batch)
        await desk.settled()
        request = control_pb2.ListEventsRequest(run_id=run.run_id)
        responses = [
            each async for each in ControlService(desk.broker, None).ListEvents(request, None)
        ]
        assert [len(each.events) for each in responses] == [MAX_LISTED, 2, 1, 25, 2]
        assert max(each.ByteSize() for each in responses) < MAX_LISTED_BYTES + 10_000

    at_desk(use)


def test_no_such_run(at_desk):
    """A run that is not there is NotFound, and not a run without events."""

    async def use(desk):
        run, (one,) = await running(desk, "a1")
        assert await listed(desk, run) == []
        await one.ends(0)
        await desk.settled()
        assert await listed(desk, run) == []
        await desk.broker.delete_run(run.run_id)
        with pytest.raises(NotFound, match=run.run_id):
            await listed(desk, run)

    at_desk(use)


def test_events_that_were_dropped_are_gone(at_desk):
    """A run whose events are not kept says so; one that has some left lists these."""

    async def use(desk):
        run, (one,) = await running(desk, "a1")
        await one.publish(2, first=1)
        seen = (await listed(desk, run))[0].position
        await one.ends(2)
        await desk.settled()
        await desk.store.retain(Retention(keep_runs=0))
        with pytest.raises(EventsGone, match=run.run_id):
            await listed(desk, run)
        assert await listed(desk, run, after=seen) == []

    at_desk(use)


def test_a_broker_that_keeps_no_batches(at_desk):
    """Its runs have no events to list, and it says so."""

    async def use(desk):
        run, (one,) = await running(desk, "a1")
        await one.publish(2, first=1)
        with pytest.raises(EventsGone):
            await listed(desk, run)

    at_desk(use, keep_batches=False)


def printed(first, *lines):
    """A batch of what a process printed."""
    batch = runner_pb2.EventBatch(first_sequence=first)
    for line in lines:
        batch.events.add().output.CopyFrom(event_pb2.Output(**line))
    return batch


def test_c8_what_was_printed_is_stored_and_in_no_figure_of_the_load(at_desk, tmp_path):
    """It is listed, counted for itself, part of the account, and there after a restart."""
    path = str(tmp_path / "store.db")

    async def before(desk):
        run, (one,) = await running(desk, "a1")
        lines = ({"text": "a"}, {}, {"text": "", "left_out": 2}, {"left_out": 3})
        await desk.broker.intake.publish(one.inbox, one.source_id, printed(1, *lines))
        await one.publish(1, first=5)
        await desk.settled()
        await check(desk, run, lines=2, left_out=5)
        return run

    async def check(desk, run, **output):
        summary = await desk.broker.get_summary(run.run_id)
        assert summary.output == OutputFigures(**output)
        assert (summary.hits.count, summary.iterations.started) == (1, 0)
        events = await listed(desk, run, kinds=("output",))
        assert told(events)[:3] == [("a1", 1), ("a1", 3), ("a1", 4)]
        assert [event.event.output.text for event in events][:3] == ["a", "", ""]

    async def after(desk, run):
        desk.back("a1", [run.run_id])
        runner = await desk.runner(run, "a1", runner_id="x")
        lines = ({"text": "later"},)
        await desk.broker.intake.publish(runner.inbox, runner.source_id, printed(1, *lines))
        await desk.settled()
        await check(desk, run, lines=3, left_out=5)
        summary = await desk.broker.get_summary(run.run_id)
        assert (summary.accounting.committed, summary.accounting.rejected) == (5, 1)

    run = at_desk(before, store=path)
    at_desk(lambda desk: after(desk, run), store=path)
