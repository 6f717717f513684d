"""Schedules and campaigns of a real broker, in the test's process, on a clock that stands."""

import asyncio
from dataclasses import replace

import pytest

from loadgrpc import campaign as compose
from loadgrpc.broker import campaigns as module
from loadgrpc.broker.conductor import Conductor
from loadgrpc.errors import AlreadyExists, InvalidRequest, NotFound, RunNotOver, StoreUnavailable
from loadgrpc.model import (
    CampaignState,
    FiringState,
    ObserverChoice,
    Parameter,
    RunState,
    ScheduleSpec,
    StepState,
    StopMode,
)
from loadgrpc.store import StoreError
from loadgrpc.testing import plan_of

PLAN = plan_of(test="a.B.c", iterations=(1,))
TWO = plan_of(test="a.B.c", iterations=(1,), agents=2)


def run(name, plan=PLAN):
    """A step."""
    return compose.run(plan, name=name)


class Stage:
    """A conductor of a desk's broker, and what it has started."""

    def __init__(self, desk):
        self.desk = desk
        broker = desk.broker._parts[0]
        self.conductor = Conductor(broker, desk.store, desk.clock.wall_ns)
        self.campaigns = self.conductor.campaigns
        self.schedules = self.conductor.schedules

    async def up(self):
        """It goes on with what is stored, without a clock of its own."""
        await self.schedules.recall()
        await self.campaigns.recall()
        return self

    async def later(self, seconds=1.0):
        """Time passes; agents stay in touch."""
        self.desk.clock.advance(seconds)
        for agent in self.desk.agents.values():
            self.desk.broker.roster.heard(agent.agent_id, self.desk.clock.monotonic_ns())
        self.desk.broker.dispatcher.look()
        await self.desk.settled()
        await self.conductor.tick()

    async def ends(self, run_id, *, failed=0):
        """A run ends by itself: what its runners report is one iteration each."""
        active = await self.desk.broker.get_run(run_id)
        for agent_id in active.agent_ids:
            runner = await self.desk.runner(active, agent_id)
            runner.ready(1)
            await self.desk.settled()
            counts = {"failed": 1} if failed else {"passed": 1}
            await runner.publish(1, first=1, users=1, cycle=1, **counts)
            await runner.ends(3)
        await self.desk.settled()
        await self.conductor.tick()

    async def states(self, campaign_id):
        """The states of a campaign's steps."""
        campaign = await self.campaigns.get(campaign_id)
        return {status.name: status.state.name for status in campaign.steps}

    async def run_of(self, campaign_id, step):
        """The run of a step."""
        return (await self.campaigns.get(campaign_id)).by_name[step].run_id


@pytest.fixture
def on_stage(at_desk):
    """`on_stage(use, agents=2)` runs a coroutine function with a Stage."""

    def play(use, *, agents=2, **options):
        async def main(desk):
            for number in range(1, agents + 1):
                desk.agent(f"a{number}")
            return await use(await Stage(desk).up())

        return at_desk(main, **options)

    return play


def test_a_group_runs_side_by_side_on_agents_of_its_own(on_stage):
    """Two agents, three runs: two at a time, in order; the third begins when one has ended."""

    async def use(stage):
        spec = compose.of(compose.chord(compose.group(run("a"), run("b"), run("c")), run("body")))
        campaign_id = (await stage.campaigns.start(spec)).campaign_id
        campaign = await stage.campaigns.get(campaign_id)
        assert [status.state.name for status in campaign.steps] == [
            *("RUNNING", "RUNNING", "READY", "WAITING"),
        ]
        assert campaign.by_name["c"].reason == "1 of 1 in the queue: needs 1 agent, 0 idle"
        one, two = [await stage.run_of(campaign_id, name) for name in "ab"]
        agents = {(await stage.desk.broker.get_run(each)).agent_ids for each in (one, two)}
        assert agents == {("a1",), ("a2",)}
        await stage.ends(two)
        assert await stage.states(campaign_id) == {
            "a": "RUNNING",
            "b": "PASSED",
            "c": "RUNNING",
            "body": "WAITING",
        }
        await stage.ends(one)
        await stage.ends(await stage.run_of(campaign_id, "c"))
        body = await stage.desk.broker.get_run(await stage.run_of(campaign_id, "body"))
        told = compose.results(dict(body.plan.env))
        assert {name: (each.passed, each.hits) for name, each in told.items()} == {
            "a": (True, 1),
            "b": (True, 1),
            "c": (True, 1),
        }
        await stage.ends(body.run_id)
        over = await stage.campaigns.get(campaign_id)
        assert (over.state, over.verdict.exit_code) == (CampaignState.FINISHED, 0)
        assert over.by_name["a"].result.hits.count == 1
        await stage.campaigns.delete(campaign_id)
        with pytest.raises(NotFound, match="no campaign"):
            await stage.campaigns.get(campaign_id)
        assert (await stage.desk.broker.get_run(one)).state is RunState.FINISHED

    on_stage(use)


def test_a_broker_that_is_restarted_goes_on(on_stage, tmp_path):
    """Between two steps, and while one runs: each step has one run, before and after."""
    store = str(tmp_path / "s.db")

    async def before(stage):
        campaign = await stage.campaigns.start(compose.of(compose.chain(run("a"), run("b"))), "q")
        return campaign.campaign_id, campaign.by_name["a"].run_id

    async def between(stage):
        campaign_id, first = begun
        assert await stage.run_of(campaign_id, "a") == first
        stage.desk.back("a1", [first])
        await stage.ends(first)
        return await stage.run_of(campaign_id, "b")

    async def after(stage):
        campaign_id, _ = begun
        assert await stage.run_of(campaign_id, "b") == second
        stage.desk.back("a1", [second])
        await stage.ends(second)
        again = await stage.campaigns.start(compose.of(compose.chain(run("a"), run("b"))), "q")
        page = await stage.campaigns.list(10)
        runs = await stage.desk.broker.list_runs(10, "")
        return again, len(page.campaigns), len(runs.runs)

    begun = on_stage(before, agents=1, store=store)
    second = on_stage(between, agents=0, store=store)
    again, campaigns, runs = on_stage(after, agents=0, store=store)
    assert (again.campaign_id, again.state.name) == (begun[0], "FINISHED")
    assert (campaigns, runs) == (1, 2)


def test_a_stop(on_stage):
    """Active runs are stopped, by the name of the campaign; what waits is cancelled."""

    async def use(stage):
        spec = compose.of(compose.chain(run("a"), run("b")))
        campaign_id = (await stage.campaigns.start(spec)).campaign_id
        with pytest.raises(RunNotOver, match="stop it first"):
            await stage.campaigns.delete(campaign_id)
        stopping = await stage.campaigns.stop(campaign_id, StopMode.GRACEFUL, "somebody")
        assert stopping.state is CampaignState.STOPPING
        assert await stage.states(campaign_id) == {"a": "STOPPING", "b": "CANCELLED"}
        first = await stage.run_of(campaign_id, "a")
        assert (await stage.desk.broker.get_run(first)).state is RunState.STOPPING
        await stage.later()
        orders = stage.desk.agent("a1").orders()
        assert [each for each in orders if each[0] == "stop"] == [("stop", first, "GRACEFUL")]
        await stage.campaigns.stop(campaign_id, StopMode.KILL)
        assert ("stop", first, "KILL") in stage.desk.agent("a1").orders()
        stage.desk.agent("a1").exits(await stage.desk.broker.get_run(first), -9)
        await stage.desk.settled()
        await stage.later()
        over = await stage.campaigns.get(campaign_id)
        assert (over.state, over.verdict.exit_code) == (CampaignState.STOPPED, 105)
        assert (await stage.campaigns.stop(campaign_id, StopMode.KILL)).state == over.state

    on_stage(use)


def test_a_run_hands_over_to_another(on_stage):
    """The first is stopped, the second begins when it is over, and watchers see both."""

    async def use(stage):
        spec = compose.of(compose.chain(run("a"), run("b")))
        campaign_id = (await stage.campaigns.start(spec)).campaign_id
        seen = []

        async def watch():
            async for campaign in stage.campaigns.watch(campaign_id):
                seen.append(campaign.by_name["a"].run_id)

        watching = asyncio.create_task(watch())
        first = await stage.run_of(campaign_id, "a")
        await asyncio.sleep(0)
        other = replace(PLAN, title="other")
        await stage.campaigns.replace(campaign_id, "a", other)
        assert await stage.states(campaign_id) == {"a": "REPLACING", "b": "WAITING"}
        stage.desk.agent("a1").exits(await stage.desk.broker.get_run(first))
        await stage.desk.settled()
        await stage.later()
        second = await stage.run_of(campaign_id, "a")
        assert second not in {"", first}
        shown = (await stage.desk.broker.get_run(second)).plan
        assert shown == replace(other, labels=(f"campaign={campaign_id}",))
        await stage.ends(second)
        third = await stage.run_of(campaign_id, "b")
        await stage.ends(third)
        await watching
        assert [each for at, each in enumerate(seen) if each not in seen[:at]] == [
            *(first, "", second),
        ]
        campaign = await stage.campaigns.get(campaign_id)
        assert campaign.by_name["a"].replaced == (first,)
        assert (campaign.state, campaign.verdict.exit_code) == (CampaignState.FINISHED, 0)
        with pytest.raises(InvalidRequest, match="is FINISHED: it is over"):
            await stage.campaigns.replace(campaign_id, "a", other)

    on_stage(use, agents=1)


def test_what_cannot_be_replaced(on_stage):
    """A step that is not there, is over, or is no run."""

    async def use(stage):
        observer = compose.notify(ObserverChoice(name="webhook"), name="tell")
        spec = compose.of(compose.chain(run("a"), run("b"), observer))
        campaign_id = (await stage.campaigns.start(spec)).campaign_id
        await stage.ends(await stage.run_of(campaign_id, "a"))
        for name, error, words in (
            ("x", NotFound, "has no step 'x'"),
            ("a", InvalidRequest, "'a' is PASSED: only a step that is not over"),
            ("tell", InvalidRequest, "notifies an observer"),
        ):
            with pytest.raises(error, match=words):
                await stage.campaigns.replace(campaign_id, name, PLAN)

    environ = {"LOADGRPC_OBSERVER_WEBHOOK_URL": "http://127.0.0.1:1/"}
    with pytest.MonkeyPatch.context() as patched:
        for name, value in environ.items():
            patched.setenv(name, value)
        on_stage(use)


def test_a_store_that_is_away(on_stage, monkeypatch):
    """Nothing happens that is not stored, and everything when the store is back."""

    async def use(stage):
        spec = compose.of(compose.chain(run("a"), run("b")))
        campaign_id = (await stage.campaigns.start(spec)).campaign_id
        first = await stage.run_of(campaign_id, "a")
        real = stage.campaigns._store.save

        async def away(record):
            raise StoreError("the disk is full")

        monkeypatch.setattr(stage.campaigns._store, "save", away)
        await stage.ends(first)
        assert await stage.states(campaign_id) == {"a": "RUNNING", "b": "WAITING"}
        with pytest.raises(StoreUnavailable, match="the disk is full"):
            await stage.campaigns.stop(campaign_id, StopMode.GRACEFUL)
        with pytest.raises(StoreUnavailable, match="the disk is full"):
            await stage.campaigns.start(spec)
        monkeypatch.setattr(stage.campaigns._store, "save", real)
        await stage.later()
        assert await stage.states(campaign_id) == {"a": "PASSED", "b": "RUNNING"}

    on_stage(use)


def test_a_step_without_agents_fails_in_time(on_stage):
    """With what was missing; what comes after it is skipped, and the exit code is 4."""

    async def use(stage):
        work = compose.chain(run("a", TWO), run("b"))
        spec = compose.of(work, start_timeout_s=30.0)
        campaign_id = (await stage.campaigns.start(spec)).campaign_id
        await stage.later(29.0)
        assert await stage.states(campaign_id) == {"a": "READY", "b": "WAITING"}
        await stage.later(1.0)
        campaign = await stage.campaigns.get(campaign_id)
        assert campaign.by_name["a"].state is StepState.FAILED
        assert campaign.by_name["a"].result.state is RunState.EXPIRED
        assert "it had not started when it expired: needs 2" in campaign.by_name["a"].reason
        assert campaign.by_name["b"].state is StepState.SKIPPED
        assert campaign.verdict.exit_code == 4

    on_stage(use, agents=1)


def test_a_campaign_that_cannot_be(on_stage):
    """What the broker does not have, or may not do, is said when it is started, by its path."""

    async def use(stage):
        missing = replace(PLAN, bundle="0" * 64)
        with pytest.raises(NotFound, match="UploadBundle brings it"):
            await stage.campaigns.start(compose.of(run("a", missing)))
        observer = ObserverChoice(name="irc", settings=(("server", "x"),))
        observed = replace(PLAN, observers=(observer,))
        work = compose.chain(run("a", observed), compose.notify(observer))
        with pytest.raises(InvalidRequest) as caught:
            await stage.campaigns.start(compose.of(work))
        assert [each.field for each in caught.value.violations] == [
            "campaign.steps[0].plan.observers[0]",
            "campaign.steps[1].observer",
        ]
        spec = compose.of(run("a"))
        await stage.campaigns.start(spec, "q")
        with pytest.raises(AlreadyExists, match="was used for another campaign"):
            await stage.campaigns.start(compose.of(run("b")), "q")

    on_stage(use)


def test_a_long_list_comes_in_pages(on_stage, monkeypatch):
    """As many as were asked for, and no more than clients accept; each campaign once."""

    async def use(stage):
        started = [
            (await stage.campaigns.start(compose.of(run(f"s{at}")))).campaign_id for at in range(5)
        ]

        async def pages(limit):
            found, sizes, before = [], [], None
            while True:
                page = await stage.campaigns.list(limit, before)
                found += [each.campaign_id for each in page.campaigns]
                sizes.append(len(page.campaigns))
                if (before := page.next_number) is None:
                    return found[::-1], sizes

        assert await pages(2) == (started, [2, 2, 1])
        assert await pages(5) == (started, [5])
        monkeypatch.setattr(module, "MAX_ANSWER_BYTES", 1)
        assert await pages(5) == (started, [1] * 5)

    on_stage(use)


def schedule(**more):
    """A schedule of every hour."""
    return ScheduleSpec(
        **{"name": "n", "cron": "0 * * * *", "time_zone": "UTC", "plan": PLAN, **more}
    )


def test_a_schedule_starts_runs(on_stage):
    """At its time, once; what came of it is kept with the schedule."""

    async def use(stage):
        added = await stage.schedules.add(schedule())
        assert await stage.schedules.add(schedule()) == added
        with pytest.raises(AlreadyExists, match="there is another schedule 'n'"):
            await stage.schedules.add(schedule(cron="@daily"))
        wait_s = (added.next_time_ns - stage.desk.clock.wall_ns()) / 1e9
        await stage.later(wait_s - 1)
        assert stage.schedules.get("n").firings == ()
        await stage.later(1)
        await stage.later(1)
        (fired,) = stage.schedules.get("n").firings
        assert fired.state is FiringState.RUNNING
        assert (await stage.desk.broker.get_run(fired.run_id)).plan.labels == ("schedule=n",)
        await stage.ends(fired.run_id, failed=1)
        (fired,) = stage.schedules.get("n").firings
        assert (fired.state, fired.verdict.exit_code) == (FiringState.OVER, 1)
        paused = await stage.schedules.pause("n")
        assert (paused.paused, paused.next_time_ns) == (True, None)
        by_hand = await stage.schedules.run_now("n")
        assert by_hand.firings[0].by_hand
        assert by_hand.firings[0].state is FiringState.RUNNING
        assert (await stage.schedules.resume("n")).next_time_ns > stage.desk.clock.wall_ns()
        await stage.schedules.remove("n")
        for ask in (stage.schedules.pause, stage.schedules.remove, stage.schedules.run_now):
            with pytest.raises(NotFound, match="no schedule 'n'"):
                await ask("n")
        assert stage.schedules.all() == []
        run_id = by_hand.firings[0].run_id
        assert not (await stage.desk.broker.get_run(run_id)).state.final

    on_stage(use, agents=1)


def test_schedules_survive_the_broker(on_stage, tmp_path):
    """A run that was active is still the schedule's, and what was missed is listed."""
    store = str(tmp_path / "s.db")

    async def before(stage):
        await stage.schedules.add(schedule())
        return (await stage.schedules.run_now("n")).firings[0].run_id

    async def after(stage):
        stage.desk.back("a1", [run_id])
        await stage.ends(run_id)
        await stage.later(3 * 3_600)
        return stage.schedules.get("n")

    run_id = on_stage(before, agents=1, store=store)
    kept = on_stage(after, agents=0, store=store)
    assert [each.state.name for each in kept.firings] == ["MISSED", "OVER"]
    assert kept.firings[1].run_id == run_id


def test_a_schedule_that_cannot_be(on_stage):
    """Wrong fields are named; times that never come are refused."""

    async def use(stage):
        with pytest.raises(InvalidRequest, match=r"schedule\.cron: .*schedule\.time_zone"):
            await stage.schedules.add(schedule(cron="x", time_zone="y"))
        with pytest.raises(InvalidRequest, match=r"never comes|not a cron expression"):
            await stage.schedules.add(schedule(cron="0 0 31 2 *"))
        with pytest.raises(NotFound, match="UploadBundle brings it"):
            await stage.schedules.add(schedule(plan=replace(PLAN, bundle="0" * 64)))

    on_stage(use, agents=0)


def test_damage_of_one_does_not_keep_others(on_stage, tmp_path, caplog):
    """A schedule that cannot be read is left alone; the broker starts, and says so."""
    store = str(tmp_path / "s.db")

    async def before(stage):
        await stage.schedules.add(schedule(name="a"))
        await stage.schedules.add(schedule(name="b"))
        from loadgrpc.store import ScheduleRecord

        await stage.desk.store.campaigns.save_schedule(ScheduleRecord(name="a", body=b"\xff\xff"))

    async def after(stage):
        return [each.spec.name for each in stage.schedules.all()]

    on_stage(before, store=store)
    assert on_stage(after, store=store) == ["b"]
    assert "schedule a is damaged in the store" in caplog.text


def test_secrets_are_not_stored(on_stage, tmp_path):
    """A schedule refuses them; a campaign has them for as long as its broker, and nobody else."""
    secret = plan_of(test="a.B.c", iterations=(1,), parameters=(Parameter("password", "hunter2"),))
    store = tmp_path / "s.db"

    async def use(stage):
        with pytest.raises(InvalidRequest, match=r"parameters\['password'\]: is a secret"):
            await stage.schedules.add(schedule(plan=secret))
        spec = compose.of(run("a", secret))
        campaign = await stage.campaigns.start(spec, "q")
        again = await stage.campaigns.start(spec, "q")
        assert again.campaign_id == campaign.campaign_id
        await stage.desk.settled()

    async def after(stage):
        return await stage.campaigns.start(compose.of(run("a", secret)), "q")

    on_stage(use, store=str(store))
    assert on_stage(after, agents=0, store=str(store)).by_name["a"].run_id
    assert b"hunter2" not in store.read_bytes()
