"""Runs that are deleted: which can be, and what is left of them."""

import asyncio

import pytest

from loadgrpc.errors import NotFound, RunNotOver


async def over(desk, *, request_id=""):
    """A run that is over."""
    run = await desk.start(request_id=request_id)
    runner = await desk.runner(run)
    runner.ready(1)
    await runner.publish(2, first=1)
    await runner.ends(2)
    await desk.settled()
    desk.broker.heard_from_agent("a1")
    return run


def test_a_deleted_run_is_gone(at_desk):
    """Nothing of it is found any more, and the second time there is nothing to delete."""

    async def use(desk):
        run = await over(desk, request_id="x")
        await desk.broker.delete_run(run.run_id)
        for ask in (
            desk.broker.delete_run(run.run_id),
            desk.broker.get_run(run.run_id),
            desk.broker.get_summary(run.run_id),
        ):
            with pytest.raises(NotFound, match=run.run_id):
                await ask
        assert await desk.broker.list_runs(0, "") == ([], "", "")
        assert [batch async for batch in desk.store.batches(run.run_id)] == []
        again = await desk.start(request_id="x")
        assert again.run_id != run.run_id

    at_desk(use)


def test_two_who_delete_at_the_same_time(at_desk):
    """One of them has deleted it."""

    async def use(desk):
        run = await over(desk)
        results = await asyncio.gather(
            *(desk.broker.delete_run(run.run_id) for _ in range(2)), return_exceptions=True
        )
        assert sorted(map(type, results), key=str) == [type(None), NotFound]

    at_desk(use)


def test_a_run_that_goes_on_is_not_deleted(at_desk):
    """It says in which state it is, and goes on."""

    async def use(desk):
        run = await desk.start()
        with pytest.raises(RunNotOver, match="is STARTING: stop it first"):
            await desk.broker.delete_run(run.run_id)
        (await desk.runner(run)).ready(1)
        with pytest.raises(RunNotOver, match="is RUNNING: stop it first"):
            await desk.broker.delete_run(run.run_id)
        desk.agent().exits(run)
        with pytest.raises(RunNotOver, match="is being stored: ask again"):
            await desk.broker.delete_run(run.run_id)
        await desk.settled()
        await desk.broker.delete_run(run.run_id)

    at_desk(use)


def test_old_runs_are_purged(at_desk):
    """Those that ended before the age asked for go, the oldest first; the rest stay."""

    async def use(desk):
        runs = []
        for _ in range(3):
            runs.append((await over(desk)).run_id)
            desk.clock.advance(4)
        live = await desk.start()
        assert await desk.broker.purge_runs(13.0) == []
        assert await desk.broker.purge_runs(6.0) == runs[:2]
        assert await desk.broker.purge_runs(6.0) == []
        assert await desk.broker.purge_runs(10.0**12) == []
        assert await desk.broker.purge_runs(0.0) == runs[2:]
        left, _, _ = await desk.broker.list_runs(0, "")
        assert [run.run_id for run in left] == [live.run_id]

    at_desk(use)
