"""Runs that wait for their time or for agents, at a broker on a clock that stands."""

import asyncio

import pytest

from loadgrpc.errors import InvalidRequest, TooFewAgents
from loadgrpc.model import ChangeKind, Run, RunState, StopMode, Submission
from loadgrpc.testing import ManualClock, plan_of

QUEUE = Submission(queue=True)


def plan(agents=1, **more):
    """A plan of one iteration."""
    return plan_of(**{"test": "a.B.c", "iterations": (1,), "agents": agents, **more})


async def ask(desk, agents=1, submission=QUEUE, request_id="", **more):
    """Asks for a run, and waits for what follows."""
    run = await desk.broker.start_run(plan(agents, **more), request_id, submission)
    await desk.settled()
    return run


async def look(desk, *, after_s=0):
    """Lets time pass, lets the broker look, and waits for what follows."""
    desk.clock.advance(after_s)
    for agent_id in desk.agents:
        desk.broker.heard_from_agent(agent_id)
    desk.broker.look()
    await desk.settled()


async def state_of(desk, run):
    """The state of a run as it is shown."""
    return (await desk.broker.get_run(run.run_id)).state


async def done(desk, run):
    """The runners of a run do its work, and end."""
    for agent_id in (await desk.broker.get_run(run.run_id)).agent_ids:
        runner = await desk.runner(run, agent_id)
        runner.ready(1)
        await desk.settled()
        await runner.publish(passed=1)
        await runner.ends()
    await desk.settled()


async def states(desk, run):
    """The states that a run has had, in order."""
    log = await desk.broker._run_store.log_of(await desk.broker.get_run(run.run_id))
    return [each.state for each in log.after(0) if each.kind is ChangeKind.STATE]


def test_ten_plans_for_six_agents(at_desk):
    """Each wants two: three at a time, in the order in which they came, and none starves."""

    async def use(desk):
        for at in range(6):
            desk.agent(f"a{at}")
        runs = [await ask(desk, 2) for _ in range(10)]
        now = [await desk.broker.get_run(run.run_id) for run in runs]
        assert [run.state for run in now] == [RunState.STARTING] * 3 + [RunState.QUEUED] * 7
        assert [run.waiting.position for run in now[3:]] == list(range(1, 8))
        assert now[3].waiting.reason == "needs 2 agents, 0 idle"
        assert now[4].waiting.reason == "needs 2 agents, 0 idle"
        for at, run in enumerate(runs):
            await done(desk, run)
            assert await state_of(desk, run) is RunState.FINISHED
            following = [await state_of(desk, each) for each in runs[at + 1 : at + 4]]
            assert following == [RunState.STARTING] * len(following)
            behind = [await state_of(desk, each) for each in runs[at + 4 :]]
            assert behind == [RunState.QUEUED] * len(behind)
        went = [RunState.STARTING, RunState.RUNNING, RunState.FINISHED]
        assert await states(desk, runs[0]) == went
        assert await states(desk, runs[9]) == [RunState.QUEUED, *went]

    at_desk(use)


def test_a_run_that_is_stopped_in_the_queue_frees_its_place(at_desk):
    """It is STOPPED at once, was judged so, and those behind it move up."""

    async def use(desk):
        desk.agent()
        first, second, third = [await ask(desk) for _ in range(3)]
        stopped = await desk.broker.stop_run(second.run_id, StopMode.GRACEFUL, "ann")
        assert stopped.state is RunState.STOPPED
        assert stopped.verdict.exit_code == 105
        assert stopped.reason == "stopped by a client before it started"
        await desk.settled()
        assert (await desk.broker.get_run(third.run_id)).waiting.position == 1
        assert await states(desk, second) == [RunState.QUEUED, RunState.STOPPED]
        await done(desk, first)
        assert await state_of(desk, third) is RunState.STARTING
        again = await desk.broker.stop_run(second.run_id, StopMode.KILL)
        assert again.state is RunState.STOPPED

    at_desk(use)


def test_a_run_starts_when_its_time_has_come(at_desk):
    """It is SCHEDULED, which takes no agents from others, then QUEUED, and starts."""

    async def use(desk):
        desk.agent()
        run = await ask(desk, submission=Submission(delay_s=60.0, priority=9))
        assert (run.state, run.due_time_ns) == (
            RunState.SCHEDULED,
            desk.clock.wall_ns() + 60 * 10**9,
        )
        other = await ask(desk, submission=None)
        assert other.state is RunState.STARTING
        await look(desk, after_s=59)
        assert await state_of(desk, run) is RunState.SCHEDULED
        await look(desk, after_s=1)
        assert await state_of(desk, run) is RunState.QUEUED
        await done(desk, other)
        assert await state_of(desk, run) is RunState.STARTING
        shown = await desk.broker.get_run(run.run_id)
        assert (shown.due_time_ns, shown.priority) == (None, 9)

    at_desk(use)


def test_a_time_that_has_passed_means_now(at_desk):
    """As for a client whose clock is behind."""

    async def use(desk):
        desk.agent()
        past = Submission(start_time_ns=desk.clock.wall_ns() - 1)
        assert (await ask(desk, submission=past)).state is RunState.STARTING

    at_desk(use)


def test_a_run_that_waits_too_long_expires(at_desk):
    """EXPIRED, exit code 4, and the reason says what was missing; what expires later goes on."""

    async def use(desk):
        desk.agent()
        soon = await ask(desk, 2, Submission(queue=True, expire_after_s=10.0))
        late = await ask(desk, 2, Submission(delay_s=5.0, expire_after_s=10.0))
        await look(desk, after_s=10)
        over = await desk.broker.get_run(soon.run_id)
        assert (over.state, over.verdict.exit_code) == (RunState.EXPIRED, 4)
        assert over.reason == "it had not started when it expired: needs 2 agents, only 1 known"
        assert over.verdict.reason == over.reason
        assert await states(desk, soon) == [RunState.QUEUED, RunState.EXPIRED]
        assert await state_of(desk, late) is RunState.QUEUED
        desk.agent("a2")
        await look(desk)
        assert await state_of(desk, late) is RunState.STARTING
        await look(desk, after_s=60)
        assert await state_of(desk, late) is RunState.STARTING  # it has started in time

    at_desk(use)


def test_a_run_that_cannot_expire_in_time_is_refused(at_desk):
    """A moment before it is to start, or one that has passed."""

    async def use(desk):
        now_ns = desk.clock.wall_ns()
        for submission in (
            Submission(queue=True, expire_time_ns=now_ns),
            Submission(delay_s=9.0, expire_time_ns=now_ns + 8 * 10**9),
        ):
            with pytest.raises(InvalidRequest, match="expire_time"):
                await desk.broker.start_run(plan(), "", submission)

    at_desk(use)


def test_a_run_that_does_not_wait_is_refused_at_once(at_desk):
    """If agents are not idle, or kept for the queue; the sentence says which."""

    async def use(desk):
        with pytest.raises(TooFewAgents, match=r"1 agent asked for, but 0 idle \(0 known\)"):
            await ask(desk, submission=None)
        desk.agent()
        with pytest.raises(TooFewAgents, match="1 agent with label eu asked for, but 0 idle"):
            await ask(desk, submission=None, agent_labels=("eu",))
        desk.agent("a2")
        busy = await ask(desk)
        large = await ask(desk, 2)
        assert large.waiting.reason == "needs 2 agents, 1 idle"
        with pytest.raises(TooFewAgents, match="for which runs in the queue wait"):
            await ask(desk, submission=None)
        await done(desk, busy)
        assert await state_of(desk, large) is RunState.STARTING

    at_desk(use)


def test_a_plan_that_can_never_be_satisfied_says_so_at_once(at_desk):
    """In the answer to whoever asks; it holds up nobody, and waits for agents to connect."""

    async def use(desk):
        desk.agent()
        run = await ask(desk, 2, agent_labels=("mars",))
        assert run.waiting.reason == "needs 2 agents with label mars, none known"
        assert run.waiting.agents == 0
        other = await ask(desk)
        assert other.state is RunState.STARTING
        for at in range(2):
            desk.agents[f"m{at}"] = type(desk.agent())(desk.broker, f"m{at}").connect(
                labels=("mars",)
            )
        await look(desk)
        assert (await desk.broker.get_run(run.run_id)).agent_ids == ("m0", "m1")

    at_desk(use)


def test_purging_the_queue_stops_what_waits_and_says_how_many(at_desk):
    """Scheduled and queued runs; those that run stay."""

    async def use(desk):
        desk.agent()
        active = await ask(desk)
        waiting = [await ask(desk), await ask(desk, submission=Submission(delay_s=9.0))]
        assert await desk.broker.purge("ann") == [run.run_id for run in waiting]
        for run in waiting:
            over = await desk.broker.get_run(run.run_id)
            assert (over.state, over.reason) == (RunState.STOPPED, "purged from the queue")
        assert await state_of(desk, active) is RunState.STARTING
        assert await desk.broker.purge() == []

    at_desk(use)


def test_repeating_a_request_starts_nothing(at_desk):
    """Nor does it queue the run again."""

    async def use(desk):
        run = await ask(desk, request_id="q")
        again = await ask(desk, request_id="q")
        assert (again.run_id, again.waiting.position) == (run.run_id, 1)
        assert len((await desk.broker.list_runs(0, "")).runs) == 1

    at_desk(use)


def test_a_watcher_sees_a_run_wait(at_desk):
    """The run as it is, then again when its place has changed, then its states, to the end."""

    async def use(desk):
        desk.agent()
        first, second, third = [await ask(desk) for _ in range(3)]
        seen = []

        async def watch():
            async for news in desk.broker.watch_run(third.run_id):
                if isinstance(news.update, Run):
                    place = news.update.waiting.position if news.update.waiting else None
                    seen.append((news.update.state, place))

        watching = asyncio.create_task(watch())
        await asyncio.sleep(0)
        await desk.broker.stop_run(second.run_id, StopMode.GRACEFUL)
        await desk.settled()
        desk.broker.live_run(third.run_id).wake()
        await asyncio.sleep(0.01)
        await done(desk, first)
        await done(desk, third)
        await watching
        assert seen[:3] == [(RunState.QUEUED, None), (RunState.QUEUED, 2), (RunState.QUEUED, 1)]
        assert [state for state, _ in seen[3:]] == [
            RunState.STARTING,
            RunState.RUNNING,
            RunState.FINISHED,
        ]

    at_desk(use)


def test_what_waits_outlives_the_broker(at_desk, tmp_path):
    """Scheduled and queued runs are there again, in order, with what they were asked for with."""
    store, clock = str(tmp_path / "store.db"), ManualClock()
    known = {}

    async def before(desk):
        desk.agent()
        known["active"] = await ask(desk)
        known["first"] = await ask(desk, labels=("nightly",), user_id="ann")
        known["urgent"] = await ask(desk, submission=Submission(queue=True, priority=9))
        known["later"] = await ask(desk, submission=Submission(delay_s=60.0, expire_after_s=5.0))

    async def after(desk):
        for name in ("first", "urgent", "later"):
            run, was = await desk.broker.get_run(known[name].run_id), known[name]
            assert (run.state, run.plan, run.priority) == (was.state, was.plan, was.priority)
            assert (run.due_time_ns, run.expire_time_ns) == (was.due_time_ns, was.expire_time_ns)
        assert (await desk.broker.get_run(known["first"].run_id)).waiting.position == 2
        desk.back("a1", [known["active"].run_id])
        await done(desk, known["active"])
        assert await state_of(desk, known["urgent"]) is RunState.STARTING
        await look(desk, after_s=66)
        assert await state_of(desk, known["later"]) is RunState.EXPIRED
        assert await states(desk, known["later"]) == [RunState.SCHEDULED, RunState.EXPIRED]

    at_desk(before, store=store, clock=clock)
    at_desk(after, store=store, clock=clock)


def test_runs_are_found_by_labels_owner_and_title(at_desk):
    """All of the labels, exactly that owner, and a text in the title."""

    async def use(desk):
        one = await ask(desk, labels=("a", "b"), user_id="ann", title="The shop")
        two = await ask(desk, labels=("b",), user_id="bob", title="100% of it")
        for wanted, found in (
            ({"labels": frozenset({"b"})}, {one.run_id, two.run_id}),
            ({"labels": frozenset({"a", "b"})}, {one.run_id}),
            ({"labels": frozenset({"ab"})}, set()),
            ({"owner": "bob"}, {two.run_id}),
            ({"owner": "bo"}, set()),
            ({"title": "shop"}, {one.run_id}),
            ({"title": "0% o"}, {two.run_id}),
            ({"title": "%"}, {two.run_id}),
            ({"labels": frozenset({"b"}), "owner": "ann", "title": "The"}, {one.run_id}),
            ({"states": frozenset({RunState.QUEUED}), "owner": "bob"}, {two.run_id}),
            ({"states": frozenset({RunState.FAILED})}, set()),
        ):
            page = await desk.broker.list_runs(0, "", **wanted)
            assert {run.run_id for run in page.runs} == found, wanted

    at_desk(use)
