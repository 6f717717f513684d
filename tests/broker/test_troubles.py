"""What is wrong with a run is told wherever people look, for as long as it is."""

import asyncio
from dataclasses import replace

import pytest

from loadgrpc.broker import broker as module
from loadgrpc.broker import live as of_live
from loadgrpc.broker import store_watch
from loadgrpc.broker.troubles import MAX_TROUBLES, SILENT_S
from loadgrpc.model import Progress, RunState, TroubleKind
from loadgrpc.protocol.fleet import HeldBack
from loadgrpc.store import Store, StoreError
from loadgrpc.testing import ManualClock

NS = 1_000_000_000
LOST, UNREACHABLE, STORE_AWAY, SILENT, WAITING, _PREPARING = TroubleKind


async def live(desk, *agent_ids, **plan):
    """A run that goes on, in its first cycle, and its runners."""
    agent_ids = agent_ids or ("a1",)
    run = await desk.start(*agent_ids, **plan)
    runners = [await desk.runner(run, agent_id) for agent_id in agent_ids]
    for runner in runners:
        runner.ready(1)
    await desk.settled()
    return run, runners


async def figures(desk, run):
    """The first figures that a new watcher gets, made anew."""
    desk.clock.advance(1.0)
    async for news in desk.broker.watch_run(run.run_id):
        if isinstance(news.update, Progress):
            return news.update
    return None


async def told(desk, run):
    """The troubles of a run, which are the same wherever one looks."""
    watched = (await figures(desk, run)).troubles
    (listed,) = (await desk.broker.list_runs(0, "")).runs
    assert (await desk.broker.get_run(run.run_id)).troubles == watched == listed.troubles
    assert (await desk.broker.get_summary(run.run_id)).troubles == watched
    return watched


def test_c1_a_killed_agent_is_told_everywhere_until_it_is_lost_or_back(at_desk):
    """Since when it is not heard from, when it will be lost, and then that it is."""

    async def use(desk):
        run, _ = await live(desk, "a1", "a2", users=(20,))
        assert await told(desk, run) == ()
        heard_ns = desk.clock.wall_ns()
        for agent_id in ("a1", "a2"):
            desk.broker.heard_from_agent(agent_id)
        desk.agent("a2").disconnects()
        (trouble,) = await told(desk, run)
        assert (trouble.kind, trouble.agent_id) == (UNREACHABLE, "a2")
        assert (trouble.since_ns, trouble.until_ns) == (heard_ns, heard_ns + 60 * NS)
        assert trouble.message == (
            "agent a2 (20 users) is unreachable, not heard from for 1 s:"
            " if it does not come back it is lost in 59 s"
        )
        desk.back("a2", [run.run_id])
        assert await told(desk, run) == ()
        desk.agent("a2").disconnects()
        desk.clock.advance(61)
        desk.broker.heard_from_agent("a1")
        desk.broker.end_leases()
        trouble, silent = await told(desk, run)
        assert (silent.kind, silent.agent_id) == (SILENT, "a1")  # nor did its runner say a word
        assert (trouble.kind, trouble.agent_id) == (LOST, "a2")
        assert "agent a2 (20 users) was lost at " in trouble.message
        assert "not heard from for 60 s" in trouble.message

    at_desk(use)


def test_c1_users_that_are_lost_with_their_runner_are_told(at_desk):
    """Their agent is there, and is not said to be lost."""

    async def use(desk):
        run, _ = await live(desk, "a1", "a2", users=(20,))
        desk.agent("a2").exits(run, -9, "killed")
        (trouble,) = await told(desk, run)
        assert (trouble.kind, trouble.agent_id) == (LOST, "a2")
        assert trouble.message.startswith("20 users of agent a2 were lost at ")
        assert trouble.message.endswith(": its runner ended with signal 9: killed")

    at_desk(use)


def test_c1_a_silent_agent_is_told_before_its_stream_breaks(at_desk):
    """One that hangs, connected as it may be, is unreachable after five seconds."""

    async def use(desk):
        run, _ = await live(desk)
        desk.clock.advance(5.5)
        assert [each.kind for each in await told(desk, run)] == [UNREACHABLE]

    at_desk(use)


def test_c1_a_runner_that_reports_nothing_is_told(at_desk):
    """Its agent is there, but the runner is silent; one that waits for a cycle may be."""

    async def use(desk):
        run, (runner, _) = await live(desk, "a1", "a2", users=(1, 1))

        async def later(seconds):
            desk.clock.advance(seconds - 1)
            for agent_id in ("a1", "a2"):
                desk.broker.heard_from_agent(agent_id)
            return await told(desk, run)

        assert await later(SILENT_S - 1) == ()
        await runner.publish(1)
        (trouble,) = await later(2)
        assert (trouble.kind, trouble.agent_id) == (SILENT, "a2")
        assert "has reported nothing for 11 s on agent a2" in trouble.message
        runner.ready(2)  # it waits for the other one
        (trouble,) = await later(100)
        assert trouble.agent_id == "a2"

    at_desk(use)


def test_c1_troubles_are_bounded(at_desk):
    """Of a hundred agents that are gone some are named, and the others are counted."""

    async def use(desk):
        run, _ = await live(desk, *(f"a{n:03}" for n in range(100)))
        for agent in desk.agents.values():
            agent.disconnects()
        troubles = await told(desk, run)
        assert len(troubles) == MAX_TROUBLES
        assert troubles[-1].message.endswith("(and 80 more like this)")

    at_desk(use)


def test_c1_a_run_that_is_over_has_no_troubles(at_desk):
    """What became of it is in its verdict; a store that is away is no trouble of the run then."""

    async def use(desk):
        run, (runner,) = await live(desk)
        await runner.ends()
        await desk.settled()
        assert await desk.over(run) == await desk.broker.get_run(run.run_id)
        assert (await desk.broker.get_run(run.run_id)).troubles == ()
        assert (await desk.broker.get_summary(run.run_id)).troubles == ()

    at_desk(use)


class Broken:
    """A store that can be taken away: its reads fail, and it says that writes wait."""

    def __init__(self, store):
        self._store = store
        self.trouble = ""
        self.reads = ""

    def __getattr__(self, name):
        return getattr(self._store, name)

    async def _read(self, name, *args):
        if self.reads == "hangs":
            await asyncio.sleep(600)
        if self.reads:
            raise StoreError(self.reads)
        return await getattr(self._store, name)(*args)

    async def get_run(self, run_id):
        return await self._read("get_run", run_id)

    async def list_runs(self, *args):
        return await self._read("list_runs", *args)

    async def check(self):
        await self._read("check")


AWAY = "the store postgresql://h/d is not available: connection refused"


def test_c2_while_the_store_is_away_what_is_in_memory_is_answered(at_desk):
    """The runs that go on, their figures and what is wrong; and all is well again afterwards."""

    async def use(desk):
        over, (runner,) = await live(desk)
        await runner.ends()
        await desk.settled()
        run, (runner,) = await live(desk)
        await runner.publish(5, first=1)
        store = desk.uses(Broken(desk.store))
        store.reads = store.trouble = AWAY

        page = await desk.broker.list_runs(0, "")
        assert [each.run_id for each in page.runs] == [run.run_id]
        assert (page.next_token, page.store_trouble) == ("", AWAY)
        assert desk.broker.info().store_trouble == AWAY
        (trouble,) = (await desk.broker.get_run(run.run_id)).troubles
        assert trouble.kind is STORE_AWAY
        assert AWAY in trouble.message
        summary = await desk.broker.get_summary(run.run_id)
        assert (summary.hits.count, summary.troubles[0].kind) == (5, STORE_AWAY)
        assert (await figures(desk, run)).troubles[0].kind is STORE_AWAY
        for asked in (
            desk.broker.get_run(over.run_id),
            desk.broker.get_summary(over.run_id),
            desk.broker.list_runs(0, "7"),
        ):
            with pytest.raises(StoreError, match="connection refused"):
                await asked

        store.reads = store.trouble = ""
        assert len((await desk.broker.list_runs(0, "")).runs) == 2
        assert desk.broker.info().store_trouble == ""
        assert await told_of(desk, run) == ()

    async def told_of(desk, run):
        return (await figures(desk, run)).troubles

    at_desk(use)


def test_c2_a_store_that_is_away_is_noticed_though_nobody_writes(at_desk, monkeypatch):
    """An idle broker knows within a second or so, and knows when it is back."""
    monkeypatch.setattr(module, "TICK_S", 0.01)

    async def use(desk):
        store = desk.uses(Broken(desk.store))
        for words in (AWAY, ""):
            store.reads = words
            async with asyncio.timeout(10):
                while desk.broker.info().store_trouble != words:  # noqa: ASYNC110 - it ticks
                    await asyncio.sleep(0.01)

    at_desk(use)


def test_c2_a_store_that_does_not_answer_holds_nobody_up(at_desk, monkeypatch):
    """Reads have a limit, and after some seconds the silence is a trouble."""
    monkeypatch.setattr(store_watch, "READ_S", 0.05)
    monkeypatch.setattr(module, "TICK_S", 0.01)

    async def use(desk):
        run, _ = await live(desk)
        store = desk.uses(Broken(desk.store))
        store.reads = "hangs"
        page = await desk.broker.list_runs(0, "")
        assert [each.run_id for each in page.runs] == [run.run_id]
        assert "has not answered" in page.store_trouble
        await asyncio.sleep(0.05)
        desk.clock.advance(4)
        desk.broker.heard_from_agent("a1")
        assert "does not answer" in desk.broker.info().store_trouble
        assert [each.kind for each in (await figures(desk, run)).troubles] == [STORE_AWAY]

    at_desk(use)


def test_c2_the_rate_does_not_fall_while_the_store_is_away(at_desk):
    """Hits that wait are not hits that were not made: the window stands where it stood."""
    clock = ManualClock()

    async def use(desk):
        run, (runner,) = await live(desk, duration_s=600.0)
        store = desk.uses(Broken(desk.store))

        async def second():
            await runner.publish(10)
            desk.broker.heard_from_agent("a1")
            return await figures(desk, run)

        for _ in range(12):
            before = await second()
        assert before.rate == 10.0
        assert before.window.seconds == 5
        store.trouble = AWAY
        for _ in range(30):
            desk.broker.heard_from_agent("a1")
            now = await figures(desk, run)
            assert (now.rate, now.window.end_ns) == (10.0, before.window.end_ns)
        store.trouble = ""
        for _ in range(12):
            after = await second()
        assert after.rate == 10.0
        assert after.window.end_ns > before.window.end_ns + 30 * NS

    at_desk(use, clock=clock)


def test_figures_are_made_once_a_second_whoever_watches(at_desk, monkeypatch):
    """A hundred watchers cost as much as one."""
    made = 0

    async def use(desk):
        nonlocal made
        run, _ = await live(desk)
        original = of_live._figures

        def counted(*args):
            nonlocal made
            made += 1
            return original(*args)

        monkeypatch.setattr(of_live, "_figures", counted)
        for _ in range(3):
            for _ in range(100):
                await first_figures(desk, run)
            desk.clock.advance(1.0)
        assert made == 3

    async def first_figures(desk, run):
        async for news in desk.broker.watch_run(run.run_id):
            if isinstance(news.update, Progress):
                return

    at_desk(use)


def test_the_last_figures_are_whole(at_desk):
    """However shortly after others they come, the figures before the end have everything."""

    async def use(desk):
        run, (runner,) = await live(desk)
        assert (await figures(desk, run)).hits == 0
        watching = asyncio.create_task(all_of(desk, run))
        await asyncio.sleep(0)
        await runner.publish(5, first=1)
        await runner.ends()
        *_, figures_at_end, last = await watching
        assert (figures_at_end.hits, last.state) == (5, RunState.FINISHED)

    async def all_of(desk, run):
        return [news.update async for news in desk.broker.watch_run(run.run_id)]

    at_desk(use)


@pytest.mark.parametrize(
    ("plan", "after_s", "left_s"),
    [
        ({"duration_s": 10.0}, 4, 6),
        ({"duration_s": 10.0}, 12, 0),
        ({"duration_s": 10.0, "users": (1, 2, 3)}, 4, 26),
        ({"duration_s": 10.0, "users": (1, 2, 3)}, 11, 20),
        ({"iterations": (100,)}, 4, None),
    ],
)
def test_c12_the_time_that_is_left(at_desk, plan, after_s, left_s):
    """As planned; 0 when users finish; of iterations none is known before one has ended."""

    async def use(desk):
        run, _ = await live(desk, **plan)
        desk.clock.advance(after_s - 1)
        left_ns = (await figures(desk, run)).left_ns
        assert left_ns == (None if left_s is None else left_s * NS)

    at_desk(use)


def test_c12_iterations_tell_the_time_that_is_left_by_their_pace(at_desk):
    """25 of 100 in 5 s: 15 s are left."""

    async def use(desk):
        run, (runner,) = await live(desk, iterations=(100,))
        desk.clock.advance(4)
        await runner.publish(passed=25, first=1)
        found = await figures(desk, run)
        assert (found.left_ns, found.fraction) == (15 * NS, 0.25)

    at_desk(use)


def test_c12_names_and_failures_are_in_the_figures(at_desk):
    """The busiest names with what is since the start, and what went wrong, in one line each."""

    async def use(desk):
        run, (runner,) = await live(desk)
        await runner.publish(5, first=1, failed=2)
        found = await figures(desk, run)
        (name,) = found.names
        assert (name.method, name.name, name.hits, name.failed) == ("GET", "/", 5, 0)
        (failure,) = found.failures
        assert (failure.count, failure.message, failure.where) == (2, "AssertionError", "t")

    at_desk(use)


def test_stored_runs_have_no_troubles(at_desk, tmp_path):
    """What is wrong just now is nothing that a store keeps."""

    async def use(desk):
        run, _ = await live(desk)
        desk.agent().disconnects()
        shown = await desk.broker.get_run(run.run_id)
        assert shown.troubles
        assert replace(shown, troubles=()) == desk.broker._runs[run.run_id].run
        assert isinstance(desk.store, Store)

    at_desk(use, store=str(tmp_path / "s.db"))


def test_c2_a_store_is_asked_rarely_while_no_run_goes_on():
    """An idle broker asks every few seconds, one with runs, or with trouble, each second."""
    asked = []

    class Asked:
        name, trouble = "s", ""

        async def check(self):
            asked.append(clock.monotonic_ns())
            if len(asked) == 4:
                raise StoreError("gone")

        async def size(self):
            return 42

    clock = ManualClock()

    async def main():
        watch = store_watch.StoreWatch(Asked(), clock)
        for idle in (*[True] * 8, *[False] * 2, *[True] * 3):
            clock.advance(1.0)
            watch.tick(idle=idle)
            await asyncio.sleep(0)
            await asyncio.sleep(0)

    asyncio.run(main())

    seconds = [round((at - asked[0]) / 1e9) for at in asked]
    assert seconds == [0, 4, 8, 9, 10]


def test_users_that_wait_for_others_to_end_are_told_while_they_do(at_desk):
    """With the agent, how many, since when, and the bound that can be raised; none after that."""

    async def use(desk):
        run, _ = await live(desk, "a1", users=(20,), test_runner="./x", iterations=(1,))
        fleet = desk.broker.fleet
        fleet.users_held_back("a1", run.run_id, "", HeldBack(total=15, most=5, waiting=15))
        since_ns = desk.clock.wall_ns()
        desk.clock.advance(3.0)
        fleet.users_held_back("a1", run.run_id, "", HeldBack(total=15, most=5, waiting=12))
        desk.broker.heard_from_agent("a1")
        (trouble,) = await told(desk, run)
        assert (trouble.kind, trouble.agent_id, trouble.since_ns) == (WAITING, "a1", since_ns)
        assert trouble.message == (
            "12 users wait for others to end, for 4 s: agent a1 runs at most 5 processes at once"
            " (--max-processes)"
        )
        fleet.users_held_back("a1", run.run_id, "", HeldBack(total=15, most=5))
        assert await told(desk, run) == ()

    at_desk(use)
