"""While the store is away a run has one state, the stored one, wherever one asks."""

import asyncio

import pytest

from loadgrpc.model import ChangeKind, Run, RunState, StopMode
from loadgrpc.store import StoreError

STARTING, RUNNING, STOPPING, FINISHED, STOPPED, FAILED, *_ = RunState


class Away:
    """A store that can be away: then patient writes wait, and everything else fails."""

    def __init__(self, store):
        self.inner = store
        self.there = asyncio.Event()
        self.there.set()
        self.turn = asyncio.Lock()
        self.reads = True
        """Whether it can be read while it takes no writes."""

    @property
    def trouble(self):
        return "" if self.there.is_set() else "the store is away"

    def __getattr__(self, name):
        method = getattr(self.inner, name)
        if name not in {"get_run", "list_runs", "changes", "find_request", "check"}:
            return method

        async def read(*args, **kwargs):
            if self.trouble and not self.reads:
                raise StoreError(self.trouble)
            return await method(*args, **kwargs)

        return read

    async def save_run(self, record, *, patient=False):
        if self.trouble and not patient:
            raise StoreError(self.trouble)
        async with self.turn:  # as the store: in the order in which it was asked
            await self.there.wait()
            await self.inner.save_run(record, patient=patient)

    async def append(self, batch, progress):
        await self.there.wait()
        return await self.inner.append(batch, progress)

    async def save_source(self, progress, *, after=None):
        await self.there.wait()
        await self.inner.save_source(progress, after=after)


class Watcher:
    """Watches a run from its beginning, and knows the last state it was told."""

    def __init__(self, desk, run):
        self.states = []
        self.numbers = []
        self.task = asyncio.create_task(self._watch(desk, run))

    async def _watch(self, desk, run):
        async for news in desk.broker.watch_run(run.run_id, 0):
            if isinstance(news.update, Run):
                self.states.append(news.update.state)
            if news.change is not None:
                self.numbers.append(news.sequence)


async def turns():
    """Lets everybody have some turns."""
    for _ in range(30):
        await asyncio.sleep(0)


async def told(desk, run, watcher):
    """The state of a run as everybody tells it: one."""
    await turns()
    broker = desk.broker
    (listed,) = (await broker.list_runs(0, "")).runs
    by_state = (await broker.list_runs(0, "", states=frozenset({listed.state}))).runs
    watching = broker.watch_run(run.run_id)
    first = (await anext(watching)).update
    await watching.aclose()
    states = {
        "GetRun": (await broker.get_run(run.run_id)).state,
        "ListRuns": listed.state,
        "ListRuns, filtered": by_state[0].state,
        "GetSummary": (await broker.get_summary(run.run_id)).state,
        "WatchRun, from now": first.state,
        "WatchRun": watcher.states[-1],
    }
    assert len(set(states.values())) == 1, states
    stored = await desk.store.get_run(run.run_id)  # what the next broker would show
    assert stored.state is listed.state
    assert (stored.start_time_ns, stored.end_time_ns) == (listed.start_time_ns, listed.end_time_ns)
    return listed.state


@pytest.mark.parametrize("reads", [True, False], ids=["readable", "gone"])
@pytest.mark.parametrize("how", ["stopped", "finished", "lost"])
def test_a_run_has_one_state_through_outages(at_desk, how, reads):
    """The store goes away before each change, and comes back after it."""

    async def use(desk):
        store = desk.uses(Away(desk.store))
        store.reads = reads
        run = await desk.start("a1", "a2", users=(2,))
        watcher = Watcher(desk, run)
        runners = [await desk.runner(run, agent_id) for agent_id in ("a1", "a2")]
        await desk.settled()
        assert await told(desk, run, watcher) is STARTING

        store.there.clear()
        for runner in runners:
            runner.ready(1)
        assert await told(desk, run, watcher) is STARTING  # it runs as soon as that is stored
        store.there.set()
        await desk.settled()
        assert await told(desk, run, watcher) is RUNNING

        store.there.clear()
        if how == "stopped":
            with pytest.raises(StoreError):
                await desk.broker.stop_run(run.run_id, StopMode.GRACEFUL, "somebody")
            assert ("stop", run.run_id, "GRACEFUL") in desk.agent("a1").orders()
            assert await told(desk, run, watcher) is RUNNING
            store.there.set()
            await desk.settled()
            assert await told(desk, run, watcher) is STOPPING
            store.there.clear()
        for runner in runners:
            runner.agent.exits(run, -9 if how == "lost" else 0)
        before = STOPPING if how == "stopped" else RUNNING
        assert await told(desk, run, watcher) is before
        assert desk.broker.info().active_runs == 1

        store.there.set()
        await desk.settled()
        for each in list(desk.broker._run_store.unstored):
            await desk.broker._store_result(each)
        end = {"stopped": STOPPED, "finished": FINISHED, "lost": FAILED}[how]
        assert await told(desk, run, watcher) is end
        await watcher.task
        assert watcher.numbers == list(range(1, len(watcher.numbers) + 1))
        notes = [
            change.reason
            for change in await desk.store.changes(run.run_id)
            if change.kind == ChangeKind.NOTE
        ]
        assert notes == (["somebody asked to stop the run"] if how == "stopped" else [])

    at_desk(use)


def test_a_run_that_is_not_stored_yet_is_not_there(at_desk):
    """Nobody is shown a run that may never be one."""

    async def use(desk):
        store = desk.uses(Away(desk.store))
        desk.agent()
        await store.turn.acquire()  # the write takes its time
        starting = asyncio.create_task(desk.start())
        await turns()
        assert (await desk.broker.list_runs(0, "")).runs == []
        assert desk.broker.info().active_runs == 0
        store.turn.release()
        run = await starting
        assert [each.run_id for each in (await desk.broker.list_runs(0, "")).runs] == [run.run_id]

    at_desk(use)


def test_agents_that_come_and_go_are_in_the_log(at_desk):
    """Unreachable, back, and lost for good, each once; a stream that was replaced is no blink."""

    async def use(desk):
        run = await desk.start("a1", "a2", users=(2,))
        await desk.runner(run, "a1")
        await desk.runner(run, "a2")
        desk.agent("a1").connect([run.run_id])  # a newer stream of the same agent
        desk.agent("a1").disconnects()
        desk.agent("a1").connect([run.run_id])
        desk.agent("a2").disconnects()
        desk.clock.advance(61)
        desk.broker.heard_from_agent("a1")
        desk.broker.end_leases()
        await desk.settled()
        told = [
            (change.detail["agent_id"], change.detail["agent_event"], change.reason)
            for change in await desk.store.changes(run.run_id)
            if change.kind == ChangeKind.AGENT
        ]
        assert told == [
            ("a1", 1, ""),
            ("a1", 2, ""),
            ("a2", 1, ""),
            ("a2", 3, "not heard from for 60 s"),
        ]

    at_desk(use)


def test_the_load_is_in_the_log(at_desk):
    """Each cycle that began, with its users on all agents and of all scenarios."""

    async def use(desk):
        run = await desk.start("a1", users=(2, 5))
        runner = await desk.runner(run)
        for cycle in (1, 2):
            runner.ready(cycle)
            await desk.settled()
        loads = [
            (change.detail["cycle"], change.detail["users"], change.reason)
            for change in await desk.store.changes(run.run_id)
            if change.kind == ChangeKind.LOAD
        ]
        assert loads == [(1, 2, "cycle 1 of 2: 2 users"), (2, 5, "cycle 2 of 2: 5 users")]

    at_desk(use)
