"""Watchers that come back: each change of a run once, whatever happened to streams and brokers."""

import asyncio

import pytest

from loadgrpc.broker import broker as module
from loadgrpc.errors import InvalidRequest
from loadgrpc.model import Progress, Run, RunState, StopMode
from loadgrpc.store import StoreError

STARTING, RUNNING, STOPPING, FINISHED, STOPPED, *_ = RunState


async def to_its_end(desk, run, after=None):
    """All that a watcher is told."""
    return [news async for news in desk.broker.watch_run(run.run_id, after)]


def changes(messages):
    """The changes of state among what a watcher was told."""
    return [(news.sequence, news.update.state) for news in messages if isinstance(news.update, Run)]


def logged(messages):
    """All changes among what a watcher was told: their numbers and kinds."""
    return [(news.sequence, news.change.kind.name) for news in messages if news.change]


async def stopped(desk):
    """A run that was stopped, over."""
    run = await desk.start()
    (await desk.runner(run)).ready(1)
    await desk.settled()
    await desk.broker.stop_run(run.run_id, StopMode.GRACEFUL)
    desk.agent().exits(run, -15)
    await desk.settled()
    return run


LIFE = [(1, STARTING), (2, RUNNING), (4, STOPPING), (6, STOPPED)]
"""3 is the load of the first cycle, 5 the runner that ended with a signal."""


@pytest.mark.parametrize(
    ("after", "told"),
    [(None, LIFE[3:]), *((n, [each for each in LIFE if each[0] > n]) for n in range(7))],
)
def test_a_run_that_is_over_tells_what_was_missed(at_desk, after, told):
    """From any number on each later change comes once; what was seen does not come again."""

    async def use(desk):
        run = await stopped(desk)
        messages = await to_its_end(desk, run, after)
        assert changes(messages) == told
        if after is not None:
            kinds = [
                (1, "STATE"),
                (2, "STATE"),
                (3, "LOAD"),
                (4, "STATE"),
                (5, "AGENT"),
                (6, "STATE"),
            ]
            assert logged(messages) == kinds[after:]
            assert len(messages) == len(kinds[after:])
        if told:
            assert messages[-1].update == await desk.broker.get_run(run.run_id)

    at_desk(use)


@pytest.mark.parametrize("after", [7, 99, 2**64 - 1])
def test_d6_a_number_that_no_change_has_is_refused(at_desk, after):
    """Who names a change that has not happened is told so, and not sent figures of nothing."""

    async def use(desk):
        run = await stopped(desk)
        with pytest.raises(InvalidRequest, match="after: is beyond the 6 changes"):
            await to_its_end(desk, run, after)
        goes_on = await desk.start("a2")
        with pytest.raises(InvalidRequest, match="after: is beyond the 1 changes"):
            await to_its_end(desk, goes_on, after)

    at_desk(use)


@pytest.mark.parametrize("after", range(3))
def test_a_run_that_goes_on_tells_what_was_missed(at_desk, after):
    """A live watcher gets what it missed, then figures, then what comes."""

    async def use(desk):
        run = await desk.start()
        runner = await desk.runner(run)
        runner.ready(1)
        await desk.settled()
        watching = asyncio.create_task(to_its_end(desk, run, after))
        await asyncio.sleep(0)
        await runner.ends()
        messages = await watching
        assert changes(messages) == [(1, STARTING), (2, RUNNING), (4, FINISHED)][after:]
        assert any(isinstance(news.update, Progress) for news in messages)

    at_desk(use)


def test_a_slow_reader_is_told_of_the_end(at_desk):
    """A run that ends while a watcher reads an older change ends for the watcher, too."""

    async def use(desk):
        run = await desk.start()
        watching = desk.broker.watch_run(run.run_id, 0)
        first = await anext(watching)
        desk.agent().exits(run, 1)
        await desk.settled()
        later = [news async for news in watching]
        assert changes([first, *later]) == [(1, STARTING), (3, RunState.FAILED)]

    at_desk(use)


def test_figures_come_at_once(at_desk):
    """Who attaches to a run sees where it is, without waiting for the next second."""

    async def use(desk):
        run = await desk.start()
        runner = await desk.runner(run)
        runner.ready(1)
        await desk.settled()
        await runner.publish(5, first=1)
        for after, before in ((None, 1), (3, 0)):
            watching = desk.broker.watch_run(run.run_id, after)
            for _ in range(before):
                await anext(watching)
            news = await anext(watching)
            assert (news.sequence, news.update.hits) == (3, 5)
            await watching.aclose()

    at_desk(use)


def test_a_watcher_goes_on_at_the_next_broker(at_desk, tmp_path):
    """After a restart numbers mean what they meant: nothing is missed, nothing comes twice."""
    path = str(tmp_path / "store.db")

    async def before(desk):
        run = await desk.start()
        (await desk.runner(run, runner_id="x")).ready(1)
        await desk.settled()
        watching = desk.broker.watch_run(run.run_id)
        first = await anext(watching)
        await watching.aclose()
        await desk.broker.stop_run(run.run_id, StopMode.GRACEFUL)  # nobody watches
        return run, first

    run, first = at_desk(before, store=path)
    assert (first.sequence, first.update.state) == (3, RUNNING)

    async def after(desk):
        watching = asyncio.create_task(to_its_end(desk, run, first.sequence))
        await asyncio.sleep(0)
        desk.back("a1", [run.run_id]).exits(run, -15)
        assert changes(await watching) == [(4, STOPPING), (7, STOPPED)]

    at_desk(after, store=path)


def test_what_a_restart_would_forget_is_not_told(at_desk, monkeypatch):
    """A change that is not stored yet has no number that anybody could name later."""
    monkeypatch.setattr(module, "TICK_S", 0.001)

    async def use(desk):
        run = await desk.start()
        held = asyncio.Event()
        save_run = desk.store.save_run

        async def slow(record, *, patient=False):
            await held.wait()
            await save_run(record, patient=patient)

        monkeypatch.setattr(desk.store, "save_run", slow)
        (await desk.runner(run)).ready(1)
        watching = desk.broker.watch_run(run.run_id)
        told = [await anext(watching) for _ in range(5)]
        assert changes(told) == [(1, STARTING)]
        held.set()
        async with asyncio.timeout(5):
            while not isinstance((news := await anext(watching)).update, Run):
                pass
        assert (news.sequence, news.update.state) == (2, RUNNING)
        await watching.aclose()

    at_desk(use)


def test_a_stop_that_cannot_be_stored_is_told_when_it_is_stored(at_desk, monkeypatch):
    """The runners stop, whatever the store says; watchers hear of it when it is stored."""

    async def use(desk):
        run = await desk.start()

        back = asyncio.Event()
        save_run = desk.store.save_run

        async def away(record, *, patient=False):
            if not patient:
                raise StoreError("the disk is full")
            await back.wait()
            await save_run(record, patient=True)

        monkeypatch.setattr(desk.store, "save_run", away)
        with pytest.raises(StoreError):
            await desk.broker.stop_run(run.run_id, StopMode.GRACEFUL)
        watching = desk.broker.watch_run(run.run_id)
        assert (await anext(watching)).update.state is STARTING
        assert isinstance((await anext(watching)).update, Progress)
        back.set()
        while not isinstance((news := await anext(watching)).update, Run):
            pass
        assert (news.sequence, news.update.state) == (2, STOPPING)
        await watching.aclose()

    at_desk(use)
