"""Open loads as the broker accounts for them, and changes of loads while they run."""

import asyncio

import pytest

from loadgrpc.broker import load_orders
from loadgrpc.errors import InvalidRequest
from loadgrpc.model import AssignmentState, LoadChangeKind, LoadOrder, LoadUnit, StopMode
from loadgrpc.protocol.answers import LoadChanged
from loadgrpc.protocol.fleet import ChangeLevel
from loadgrpc.protocol.plans import plan_from_proto
from loadgrpc.stats.load_text import stages
from loadgrpc.v1 import run_pb2, runner_pb2

NS = 1_000_000_000


def open_load(text="10/s for 10s"):
    """The fields of a plan with an open load."""
    load = stages(text)
    return {"load": load, "users": (100,), "duration_s": load.duration_s}


def second(desk, planned, started, *, waiting=0, dropped=0, pool=(0, 0, 0)):
    """What a runner reports of the second before now."""
    batch = runner_pb2.EventBatch()
    event = batch.events.add()
    event.time.FromNanoseconds(desk.clock.wall_ns() - NS // 2)
    for name, value in (("planned", planned), ("started", started), ("waiting", waiting)):
        setattr(event.arrivals, name, value)
    event.arrivals.dropped = dropped
    event.arrivals.process, event.arrivals.users, event.arrivals.max_users = pool
    for _ in range(started):
        batch.events.add().test_success.test = "t"
    return batch


async def report(desk, runner, batch):
    """A runner sends a batch, which is counted then."""
    await desk.broker.intake.publish(runner.inbox, runner.source_id, batch)
    await asyncio.wait({runner.inbox.sources[runner.source_id].writing})


async def change(desk, run, order, request_id="x"):
    """What ControlService does of SetLoad."""
    asked = load_orders.asked(desk.broker.live_run(run.run_id), order, request_id, "ann")
    if asked.is_new:
        await desk.broker.ask(asked.run, asked.event)
    await desk.settled()
    return asked.run.log.of_request(request_id)


def test_the_share_of_a_lost_agent_is_counted_as_not_started(at_desk):
    """Of 100 arrivals on two agents 50 belong to each: what one did not start has its reason."""

    async def use(desk):
        run = await desk.start("a1", "a2", **open_load())
        first, other = [await desk.runner(run, each) for each in ("a1", "a2")]
        first.ready(1)
        other.ready(1)
        await desk.settled()
        desk.clock.advance(2)
        await report(desk, first, second(desk, 10, 9, waiting=1, pool=(0, 3, 50)))
        desk.clock.advance(8)
        await report(desk, other, second(desk, 50, 50))
        desk.clock.advance(61)
        desk.broker.heard_from_agent("a2")
        desk.broker.end_leases()
        await other.ends()
        await desk.settled()
        summary = await desk.broker.get_summary(run.run_id)
        iterations, planned = summary.iterations, summary.planned

        assert (iterations.planned, iterations.started, iterations.dropped) == (100, 59, 0)
        assert iterations.not_yet == 41
        assert [agent.users for agent in summary.agents] == [3, 0]
        assert [count for _, count in planned.not_started] == [41]
        assert planned.not_started[0][0].startswith("agent a1 was lost: not heard from")
        assert summary.verdict.exit_code == 3

    at_desk(use)


def test_what_started_without_a_report_was_planned(at_desk):
    """An agent is killed in a run that is being stopped: nobody says what its last second had."""

    async def use(desk):
        run = await desk.start("a1", **open_load())
        runner = await desk.runner(run)
        runner.ready(1)
        await desk.settled()
        desk.clock.advance(2)
        await report(desk, runner, second(desk, 10, 9, dropped=1))
        last = second(desk, 0, 6)
        del last.events[0]
        await report(desk, runner, last)
        await desk.broker.stop_run(run.run_id, StopMode.GRACEFUL)
        desk.clock.advance(61)
        desk.broker.end_leases()
        await desk.settled()
        summary = await desk.broker.get_summary(run.run_id)
        of = summary.iterations

        assert summary.agents[0].state is AssignmentState.LOST
        assert (of.started, of.dropped) == (15, 1)
        assert of.planned == of.started + of.dropped + of.not_yet
        assert "more than planned" not in summary.verdict.reason

    at_desk(use)


def test_what_is_dropped_makes_a_run_incomplete(at_desk):
    """All that was planned is accounted for, and the sentence says what became of it."""

    async def use(desk):
        run = await desk.start("a1", **open_load("10/s for 1s"))
        runner = await desk.runner(run)
        runner.ready(1)
        await desk.settled()
        desk.clock.advance(2)
        await report(desk, runner, second(desk, 10, 7, dropped=3))
        await runner.ends()
        await desk.settled()
        summary = await desk.broker.get_summary(run.run_id)
        iterations = summary.iterations

        assert (iterations.planned, iterations.started, iterations.dropped) == (10, 7, 3)
        assert iterations.not_yet == 0
        assert summary.verdict.exit_code == 3
        assert "3 were dropped because no user was free" in summary.verdict.reason

    at_desk(use)


def test_a_window_says_what_waits(at_desk):
    """What waits at the end of a window is what waited, plus planned, minus started."""

    async def use(desk):
        run = await desk.start("a1", **open_load())
        runner = await desk.runner(run)
        runner.ready(1)
        await desk.settled()
        for planned, started, waiting in ((10, 4, 6), (10, 16, 0)):
            desk.clock.advance(1)
            await report(desk, runner, second(desk, planned, started, waiting=waiting))
        timeline = desk.broker.live_run(run.run_id).aggregate.timeline
        windows = sorted(timeline._open.values(), key=lambda each: each.start_s)
        arrivals = [each.arrivals for each in windows if each.arrivals.second]

        assert [each.planned for each in arrivals] == [10, 10]
        assert [each.waiting for each in arrivals] == [6, 0]

    at_desk(use)


@pytest.fixture
def path(tmp_path):
    """A store that a second broker opens, too."""
    return str(tmp_path / "broker.db")


def test_a_change_of_the_load_reaches_runners_and_the_next_broker(at_desk, path):
    """It applies half a second later, once for each request; a reconnecting runner learns of it."""

    async def before(desk):
        run = await desk.start("a1", **open_load())
        runner = await desk.runner(run)
        runner.ready(1)
        await desk.settled()
        runner.answers()
        desk.clock.advance(3)
        order = LoadOrder(LoadChangeKind.LEVEL, 20, LoadUnit.ARRIVALS)
        (made,) = await change(desk, run, order)
        (again,) = await change(desk, run, order)
        (told,) = [a for _, a in runner_answers(runner) if isinstance(a, LoadChanged)]

        assert made is again
        assert made.load.at_s == pytest.approx(3.5)
        assert made.reason == "load set to 20/s, from 3.500 s on, by ann"
        assert told.changes == (made.load,)
        with pytest.raises(InvalidRequest, match="use rate"):
            await change(desk, run, LoadOrder(LoadChangeKind.LEVEL, 5, LoadUnit.USERS), "y")
        return run, runner, made.load

    async def after(desk, run, runner, made):
        desk.back("a1", [run.run_id])
        await desk.settled()
        again = await desk.runner(run, runner_id=runner.source_id.runner_id)
        told = [a for _, a in runner_answers(again) if isinstance(a, LoadChanged)]
        part = desk.broker.live_run(run.run_id).parts["a1", ""]

        assert told == [LoadChanged((made,))]
        assert part.all_arrivals == 35 + 130
        assert desk.broker.assignment(again.source_id).load_changes == (made,)

    kept = at_desk(before, store=path)
    at_desk(lambda desk: after(desk, *kept), store=path)


def runner_answers(runner):
    """What came on the stream of a runner."""
    found = []
    while not runner.inbox.answers.empty():
        found.append(runner.inbox.answers.get_nowait())
    return [each for each in found if isinstance(each, tuple)]


def test_a_runner_that_cannot_follow_stages_is_refused(at_desk):
    """With the name of what it lacks."""

    async def use(desk):
        run = await desk.start("a1", **open_load())
        runner = await desk.runner(run)
        with pytest.raises(InvalidRequest, match=r"RunnerCapabilities|stages"):
            await desk.broker.open_source(
                runner.inbox, runner.source_id, epoch=9, barrier=True, stages=False
            )

    at_desk(use)


def test_in_one_user_mode_the_agent_follows_the_level(at_desk):
    """It learns of changes, also when it was away; its runners need not, and are not refused."""

    async def use(desk):
        load = stages("levels 1,3 users each 10s")
        run = await desk.start(
            *("a1",), load=load, users=(3,), duration_s=20.0, test_runner="./x {test}"
        )
        agent = desk.agent("a1")
        desk.broker.agent_ready("a1", run.run_id, "", 1)
        await desk.settled()
        assert agent.orders() == [("start", run.run_id), ("cycle", "", 1)]
        runner = await desk.runner(run)
        await desk.broker.open_source(
            runner.inbox, runner.source_id, epoch=9, barrier=False, stages=False
        )
        desk.clock.advance(3)
        runner.answers()
        (made,) = await change(desk, run, LoadOrder(LoadChangeKind.PAUSE))

        assert [a for _, a in runner_answers(runner) if isinstance(a, LoadChanged)] == []
        (order,) = orders(agent)
        assert order == ChangeLevel(run.run_id, "", (made.load,))
        agent.connect([run.run_id])
        assert orders(agent) == [order]

    at_desk(use)


def orders(agent):
    """The orders that came since it was last asked."""
    found = []
    while not agent.link.orders.empty():
        found.append(agent.link.orders.get_nowait())
    return found


def test_users_who_come_and_go_are_no_more_than_were_planned(at_desk):
    """Five processes had the places of three."""

    async def use(desk):
        load = stages("levels 3,1,3 users each 10s")
        run = await desk.start(load=load, users=(3,), duration_s=30.0, test_runner="./x {test}")
        desk.broker.agent_ready("a1", run.run_id, "", 1)
        await desk.settled()
        for _ in range(5):
            runner = await desk.runner(run)
            batch = runner_pb2.EventBatch(first_sequence=1)
            batch.events.add().test_success.test = "t"
            await report(desk, runner, batch)
        part = desk.broker.live_run(run.run_id).parts["a1", ""]

        assert part.user_figures(5).started == part.user_figures(5).planned == 3

    at_desk(use)


def test_arrivals_need_a_process_for_all_users():
    """Levels of users do not: there the agent starts and ends users with the level."""

    def asked(load, **more):
        spec = run_pb2.RunSpec(test="http://x/", test_runner="./x {test}", load=load, **more)
        return plan_from_proto(spec)

    assert asked("3 users for 1s").scenarios[0].one_user_each
    assert asked("3/s for 1s", runner_mode="RUNNER_MODE_ALL_USERS").scenarios[0].is_open
    with pytest.raises(InvalidRequest) as raised:
        asked("3/s for 1s")
    (violation,) = raised.value.violations
    assert (violation.field, violation.description) == (
        "plan.load",
        "arrivals need all-users mode: use runner_mode all-users",
    )


@pytest.mark.parametrize(
    ("levels", "started", "planned", "code"),
    [
        ([(5, 1)], 2, 2, 0),  # it was on its way to four, and was called back
        ([(5, 1)], 1, 2, 3),
        ([(8, 6)], 6, 6, 0),
        ([(8, 6)], 4, 6, 3),
        ([(9.2, 1)], 3, 3, 0),  # what is over at once may be missed
        ([], 4, 4, 0),
        ([], 3, 4, 3),
    ],
)
def test_users_are_planned_as_the_load_was_changed(at_desk, levels, started, planned, code):
    """One that was lowered before its peak has done all its work; one that was raised has more."""

    async def use(desk):
        load = stages("ramp 0..4 users in 10s; hold 5s")
        run = await desk.start("a1", load=load, users=(4,), duration_s=15.0)
        runner = await desk.runner(run)
        runner.ready(1)
        await desk.settled()
        for at_s, level in levels:
            desk.clock.advance(at_s)
            order = LoadOrder(LoadChangeKind.LEVEL, level, LoadUnit.USERS)
            await change(desk, run, order, f"{at_s}")
        desk.clock.advance(16)
        await runner.publish(passed=started, users=started, cycle=1)
        await runner.ends()
        await desk.settled()
        summary = await desk.broker.get_summary(run.run_id)

        assert (summary.users.started, summary.users.planned) == (started, planned)
        assert summary.verdict.exit_code == code
        if code:
            assert f"{started} of {planned} users were started" in summary.verdict.reason

    at_desk(use)


def test_the_pool_is_that_of_all_processes(at_desk):
    """Also if one of them has nothing to report any more."""

    async def use(desk):
        run = await desk.start("a1", "a2", **open_load())
        for agent in ("a1", "a2"):
            runner = await desk.runner(run, agent)
            runner.ready(1)
            await desk.settled()
            desk.clock.advance(1)
            await report(desk, runner, second(desk, 5, 5, pool=(1, 2, 4)))
            await report(desk, runner, second(desk, 5, 5, pool=(2, 1, 3)))
            desk.clock.advance(1)
            await report(desk, runner, second(desk, 5, 5, pool=(1, 3, 4)))
        planned = (await desk.broker.get_summary(run.run_id)).planned

        assert (planned.users, planned.max_users) == (8, 14)

    at_desk(use)
