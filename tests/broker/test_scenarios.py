"""Scenarios side by side, and parts of which each user is a process."""

from dataclasses import replace

import pytest

from loadgrpc.broker.part import UNKNOWN_LOSS
from loadgrpc.errors import NotFound
from loadgrpc.model import AssignmentState, Plan, RunnerMode, RunState, Scenario, StopMode
from loadgrpc.protocol import answers
from loadgrpc.protocol.produced import Produced

BROWSE = Scenario(name="browse", test="a.B.c", users=(1, 1), iterations=(1,))
BUY = Scenario(name="buy", test="a.B.d", users=(2,), iterations=(1,))
EACH = Scenario(name="each", test="x", users=(1, 2), iterations=(1,), test_runner="./x {test}")
HAND = Scenario(name="hand", test="x", users=(1,), iterations=(1,), runner_mode=RunnerMode.BY_HAND)


async def begin(desk, *scenarios):
    """A run of these on one agent."""
    desk.agent()
    return await desk.broker.start_run(Plan(scenarios=scenarios))


def cycles_of(runner):
    """The cycles that a runner was told to enter since it was last asked."""
    return [each.cycle for each in runner.answers() if isinstance(each, answers.StartCycle)]


def test_scenarios_enter_cycles_together(at_desk):
    """The next begins when all are done with the one before; who has none more is waited for."""

    async def use(desk):
        run = await begin(desk, BROWSE, BUY)
        browse = await desk.runner(run, scenario="browse")
        browse.ready(1)
        await desk.settled()
        assert cycles_of(browse) == []
        buy = await desk.runner(run, scenario="buy")
        buy.ready(1)
        await desk.settled()
        assert (cycles_of(browse), cycles_of(buy)) == ([1], [1])
        browse.ready(2)
        await desk.settled()
        assert cycles_of(browse) == []
        await buy.publish(2, first=1)
        await buy.finish()
        desk.agent().exits(buy.source_id, scenario="buy")
        await desk.settled()
        assert cycles_of(browse) == [2]
        await browse.publish(3, first=1)
        await browse.finish()
        desk.agent().exits(browse.source_id, scenario="browse")
        assert (await desk.over(run)).state is RunState.FINISHED
        summary = await desk.broker.get_summary(run.run_id)
        assert [(one.name, one.hits.count) for one in summary.scenarios] == [
            ("browse", 3),
            ("buy", 2),
        ]
        assert [(one.scenario, one.hits.count) for one in summary.names] == [
            ("browse", 3),
            ("buy", 2),
        ]
        (agent,) = summary.agents
        assert (agent.hits, agent.users, agent.state) == (5, 3, AssignmentState.FINISHED)

    at_desk(use)


def test_a_source_of_no_scenario(at_desk):
    """Nothing is made up for it."""

    async def use(desk):
        run = await begin(desk, BROWSE, BUY)
        with pytest.raises(NotFound, match="has no part"):
            await desk.runner(run)
        with pytest.raises(NotFound, match="'sell'"):
            await desk.runner(run, scenario="sell")
        runner = await desk.runner(run, scenario="buy")
        assert desk.broker.assignment(runner.source_id, "buy").scenario.test == "a.B.d"
        with pytest.raises(NotFound, match="nothing is expected"):
            desk.broker.assignment(runner.source_id)

    at_desk(use)


def test_an_agent_waits_for_cycles_in_the_place_of_processes(at_desk):
    """It is told of each, also when it says again that it is ready on another stream."""

    async def use(desk):
        run = await begin(desk, EACH, BUY)
        agent, broker = desk.agent(), desk.broker
        agent.orders()
        broker.agent_ready("a1", run.run_id, "each", 1)
        await desk.settled()
        assert agent.orders() == []
        buy = await desk.runner(run, scenario="buy")
        buy.ready(1)
        await desk.settled()
        assert agent.orders() == [("cycle", "each", 1)]
        agent.disconnects()
        agent.connect([run.run_id])
        broker.agent_ready("a1", run.run_id, "each", 1)
        assert agent.orders() == [("cycle", "each", 1)]
        broker.agent_ready("a1", "no-such-run", "each", 1)
        broker.agent_ready("a1", run.run_id, "no such scenario", 1)
        await desk.settled()
        assert agent.orders() == []

    at_desk(use)


async def lived_by_processes(desk, statuses):
    """A run of which each user was a process, which ended so; none but the first finished."""
    run = await begin(desk, EACH)
    desk.broker.agent_ready("a1", run.run_id, "each", 1)
    for at, status in enumerate(statuses):
        process = await desk.runner(run, barrier=False, scenario="each", runner_id=f"p{at}")
        await process.publish(2, first=1, passed=1)
        if at == 0:
            await process.finish()
        desk.agent().exits(process.source_id, status, "no petrol", scenario="each", last=False)
    await desk.settled()
    return run


def test_a_part_is_over_when_its_agent_says_so(at_desk):
    """Not with the first of its processes; what was told twice counts once."""

    async def use(desk):
        run = await lived_by_processes(desk, (0, 0))
        assert (await desk.broker.get_run(run.run_id)).state is RunState.RUNNING
        for _ in range(2):
            desk.broker.runner_exited("a1", run.run_id, "", 0, "", scenario="each")
        await desk.over(run)
        summary = await desk.broker.get_summary(run.run_id)
        (agent,) = summary.agents
        assert agent.state is AssignmentState.FINISHED_UNVERIFIED
        assert (summary.hits.count, summary.iterations.started) == (4, 2)
        assert summary.verdict.reason == "scenario each: 2 of 3 iterations were started"

    at_desk(use)


def test_processes_that_ended_badly(at_desk, tmp_path):
    """Their number and the first one's last words are told, also by a broker started anew."""

    async def before(desk):
        run = await lived_by_processes(desk, (0, 7, -9))
        desk.agent().exits(run, 7, scenario="each", last=False)  # told again: it is known
        await desk.settled()
        return run

    async def after(desk):
        desk.back("a1", [run.run_id])
        desk.broker.runner_exited("a1", run.run_id, "p2", -9, "", scenario="each", last=False)
        desk.broker.runner_exited("a1", run.run_id, "", 0, "", scenario="each")
        await desk.over(run)
        summary = await desk.broker.get_summary(run.run_id)
        (agent,) = summary.agents
        assert agent.state is AssignmentState.LOST
        assert agent.reason == "2 of its 3 runners: its runner ended with status 7: no petrol"
        assert summary.hits.count == 6
        (loss,) = summary.accounting.losses
        assert (loss.reason, loss.count, loss.at_least) == (UNKNOWN_LOSS, 0, True)
        assert summary.verdict.exit_code == 3

    path = str(tmp_path / "store.db")
    run = at_desk(before, store=path)
    at_desk(after, store=path)


def test_what_a_killed_process_had_produced_is_counted_for_each(at_desk):
    """One that counts has its loss told exactly, beside others that do not."""

    async def use(desk):
        run = await begin(desk, EACH)
        for at, produced in enumerate([(5, 3), None]):
            process = await desk.runner(run, barrier=False, scenario="each", runner_id=f"p{at}")
            await process.publish(2, first=1)
            desk.agent().exits(
                *(process.source_id, -9, "", Produced(*produced) if produced else None),
                scenario="each",
                last=False,
            )
        desk.broker.runner_exited("a1", run.run_id, "", 0, "", scenario="each")
        await desk.over(run)
        losses = (await desk.broker.get_summary(run.run_id)).accounting.losses
        assert [(loss.count, loss.hits, loss.at_least) for loss in losses] == [
            (3, 1, False),
            (0, 0, True),
        ]

    at_desk(use)


def test_an_agent_that_was_started_anew_may_have_something_of_one_part_only(at_desk):
    """What it has nothing of is lost; what it has, it goes on to tell of."""

    async def use(desk):
        run = await begin(desk, BROWSE, EACH)
        browse = await desk.runner(run, scenario="browse")
        await browse.publish(2, first=1)
        desk.broker.agent_ready("a1", run.run_id, "each", 1)
        desk.agent().disconnects()
        desk.agent().connect([run.run_id], {(run.run_id, "browse")})
        assert (await desk.broker.get_run(run.run_id)).state is RunState.STARTING
        desk.agent().exits(browse.source_id, -9, "killed", scenario="browse")
        assert (await desk.over(run)).state is RunState.FAILED
        (agent,) = (await desk.broker.get_summary(run.run_id)).agents
        assert agent.state is AssignmentState.LOST

    at_desk(use)


def test_an_agent_without_users(at_desk):
    """A share of none is finished, and verified, when the agent says so."""

    async def use(desk):
        desk.agent("a1"), desk.agent("a2")
        plan = Plan(scenarios=(replace(EACH, users=(1,)),), agents=2, split=True)
        run = await desk.broker.start_run(plan)
        for agent_id in ("a1", "a2"):
            desk.broker.agent_ready(agent_id, run.run_id, "each", 1)
        process = await desk.runner(run, barrier=False, scenario="each")
        await process.finish()
        desk.agent("a1").exits(process.source_id, scenario="each")
        desk.broker.runner_exited("a2", run.run_id, "", 0, "", scenario="each")
        await desk.over(run)
        summary = await desk.broker.get_summary(run.run_id)
        assert {agent.state for agent in summary.agents} == {AssignmentState.FINISHED}

    at_desk(use)


def test_what_is_lived_by_hand_ends_alone(at_desk):
    """When it has finished, the runners of other scenarios go on."""

    async def use(desk):
        run = await begin(desk, BROWSE, HAND)
        browse = await desk.runner(run, scenario="browse")
        hand = await desk.runner(run, scenario="hand")
        browse.ready(1)
        hand.ready(1)
        await desk.settled()
        desk.agent().orders()
        await hand.publish(2, first=1)
        await hand.finish()
        assert desk.agent().orders() == [("stop", "hand", "GRACEFUL", 0.0)]
        browse.ready(2)
        await desk.settled()
        assert cycles_of(browse) == [1, 2]
        await browse.finish()
        desk.agent().exits(browse.source_id, scenario="browse")
        assert (await desk.over(run)).state is RunState.FINISHED

    at_desk(use)


@pytest.mark.parametrize("opened", [False, True])
def test_what_is_lived_by_hand_may_end_its_iteration(at_desk, opened):
    """A polite stop waits for it, but not when nobody lives it."""

    async def use(desk):
        run = await begin(desk, HAND)
        if opened:
            await desk.runner(run, scenario="hand")
        desk.agent().orders()
        await desk.broker.stop_run(run.run_id, StopMode.GRACEFUL)
        first, *more = desk.agent().orders()
        assert first == ("stop", run.run_id, "GRACEFUL")
        assert more == ([] if opened else [("stop", "hand", "GRACEFUL", 0.0)])

    at_desk(use)


def test_an_agent_that_ends_between_cycles_is_a_loss(at_desk):
    """No runner lives that could say it; one that has said it is not counted twice."""

    async def use(desk):
        for runner_fails in (False, True):
            run = await begin(desk, EACH)
            if runner_fails:
                desk.agent().runner_id = "one"
                desk.agent().exits(run, 1, "it was stopped", scenario="each", last=False)
            desk.agent().runner_id = ""
            desk.agent().exits(run, 1, "the agent was stopped", scenario="each")
            over = await desk.over(run)
            assert over.state is RunState.FAILED
            summary = await desk.broker.get_summary(run.run_id)
            assert summary.verdict.exit_code == 3
            (agent,) = summary.agents
            assert agent.reason == (
                "its runner ended with status 1: it was stopped"
                if runner_fails
                else "the agent was stopped"
            )

    at_desk(use)
