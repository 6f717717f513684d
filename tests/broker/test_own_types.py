"""Types that runs bring: which are had, and for how long."""

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto

from loadgrpc.broker.own_types import MAX_RUN_BYTES
from loadgrpc.errors import NotFound, Unavailable
from loadgrpc.store import StoreError


def knows(desk, symbol="acme.Order"):
    """Whether reflection describes a symbol."""
    try:
        return bool(desk.broker.types.described().file_containing_symbol(symbol))
    except NotFound:
        return False


async def running(desk, agent_id="a1"):
    """A runner of a new run on an agent."""
    run = await desk.start(agent_id)
    runner = await desk.runner(run, agent_id)
    runner.ready(1)
    await desk.settled()
    return runner


async def bring(desk, runner, types):
    """A runner brings types; why they are refused, None: they are not."""
    runner.answers()
    await desk.broker.bring_types(runner.inbox, runner.source_id, types)
    refused = runner.answers()
    assert len(refused) <= 1
    return refused[0].reason if refused else None


async def ends(desk, runner):
    """The run of a runner is over, and its agent idle."""
    await runner.ends(0)
    await desk.settled()
    desk.broker.heard_from_agent(runner.agent.agent_id)
    return runner.source_id.run_id


def test_types_live_as_long_as_their_run_is_kept(at_desk, acme):
    """They stay when the run is over, and go when it is deleted."""

    async def use(desk):
        runner = await running(desk)
        assert await bring(desk, runner, acme.types()) is None
        run_id = await ends(desk, runner)
        assert knows(desk)
        await desk.broker.delete_run(run_id)
        assert not knows(desk)

    at_desk(use)


def test_purged_runs_take_their_types_along(at_desk, acme):
    """Each purged run's types go, and those of live runs stay."""

    async def use(desk):
        old, live = await running(desk), await running(desk, "a2")
        assert await bring(desk, old, acme.types()) is None
        other = acme.types(file="acme/refund.proto", message="acme.Refund")
        assert await bring(desk, live, other) is None
        await ends(desk, old)
        await desk.broker.purge_runs(0.0)
        assert (knows(desk), knows(desk, "acme.Refund")) == (False, True)

    at_desk(use)


def test_the_next_broker_knows_them(at_desk, acme, tmp_path):
    """Of runs that go on and of runs that are over."""
    store = str(tmp_path / "broker.db")
    refund = acme.types(file="acme/refund.proto", message="acme.Refund")

    async def before(desk):
        over, live = await running(desk), await running(desk, "a2")
        assert await bring(desk, over, acme.types()) is None
        assert await bring(desk, live, refund) is None
        return await ends(desk, over)

    async def after(desk, over):
        assert knows(desk)
        assert knows(desk, "acme.Refund")
        await desk.broker.delete_run(over)
        assert not knows(desk)

    async def in_the_end(desk):
        assert (knows(desk), knows(desk, "acme.Refund")) == (False, True)

    over = at_desk(before, store=store)
    at_desk(lambda desk: after(desk, over), store=store)
    at_desk(in_the_end, store=store)


def test_two_live_runs_with_one_name(at_desk, acme):
    """The second is refused, and told which run is in the way; the same shape is no clash."""

    async def use(desk):
        first, second = await running(desk), await running(desk, "a2")
        assert await bring(desk, first, acme.types()) is None
        assert await bring(desk, second, acme.types("sku")) == "ALREADY_EXISTS"
        assert await bring(desk, second, acme.types()) is None
        await desk.broker.delete_run(await ends(desk, first))
        assert knows(desk)

    at_desk(use)


def test_two_sources_of_a_run(at_desk, acme):
    """Both may bring the same; the second cannot say anything else of it."""

    async def use(desk):
        first = await running(desk)
        second = await desk.runner(first.source_id, runner_id="second")
        assert await bring(desk, first, acme.types()) is None
        assert await bring(desk, second, acme.types()) is None
        assert await bring(desk, second, acme.types("sku")) == "ALREADY_EXISTS"
        assert len([types async for types in desk.store.types()]) == 1

    at_desk(use)


def test_types_that_were_changed_since_the_last_run(at_desk, acme, tmp_path):
    """A run that is over makes room, here and at the next broker."""
    store = str(tmp_path / "broker.db")

    async def use(desk):
        first = await running(desk)
        assert await bring(desk, first, acme.types()) is None
        await ends(desk, first)
        second = await running(desk)
        assert await bring(desk, second, acme.types("sku")) is None
        assert described(desk) == ["sku"]

    async def after(desk):
        assert described(desk) == ["sku"]

    def described(desk):
        (file,) = desk.broker.types.described().file_containing_symbol("acme.Order")
        return [field.name for field in FileDescriptorProto.FromString(file).message_type[0].field]

    at_desk(use, store=store)
    at_desk(after, store=store)


def test_a_run_has_room_for_so_much(at_desk, acme):
    """Sets within their own limit are refused when the run has too many of them."""

    async def use(desk):
        runner = await running(desk)
        size, reasons = 200 << 10, []
        for at in range(MAX_RUN_BYTES // size + 1):
            types = acme.types(file=f"{at}.proto", message=f"acme.Order{at}", pad=size)
            reasons.append(await bring(desk, runner, types))
        assert reasons == [*[None] * (MAX_RUN_BYTES // size), "TOO_LARGE"]

    at_desk(use)


def test_types_that_cannot_be_stored_are_brought_again(at_desk, acme, monkeypatch):
    """The stream ends as with a batch that cannot be stored; the next one stores them."""

    async def use(desk):
        runner = await running(desk)

        async def fails(_):
            raise StoreError("the disk is gone")

        with monkeypatch.context() as patch:
            patch.setattr(desk.store, "save_types", fails)
            with pytest.raises(Unavailable, match="the disk is gone"):
                await bring(desk, runner, acme.types())
        assert await bring(desk, runner, acme.types()) is None
        assert [types.payload async for types in desk.store.types()] == [acme.types()]

    at_desk(use)


def test_types_of_a_source_that_is_not_open(at_desk, acme):
    """Who was not let in, as its run is over, brings nothing."""

    async def use(desk):
        runner = await running(desk)
        await ends(desk, runner)
        await runner.open(anew=True)
        assert await bring(desk, runner, acme.types()) is None
        assert not knows(desk)

    at_desk(use)
