"""Runs whose agents do not answer: each ends, and says why."""

import pytest

from loadgrpc.broker import deadlines
from loadgrpc.model import AgentState, AssignmentState, RunnerMode, RunState, StopMode

STOP_S = 2.0
ALL_S = STOP_S + deadlines.STOP_SLACK_S + deadlines.STOP_GRACE_S


def beats(desk, seconds):
    """Time passes, and agents say nothing but that they live."""
    while seconds > 0:
        step = min(seconds, 2.0)
        desk.clock.advance(step)
        seconds -= step
        for agent in desk.agents.values():
            desk.broker.heard_from_agent(agent.agent_id)
        desk.broker.end_leases()
        desk.broker.end_overdue()


async def started(desk, **plan):
    """A run that goes on, and its runner."""
    run = await desk.start(stop_timeout_s=STOP_S, **plan)
    runner = await desk.runner(run)
    runner.ready(1)
    await desk.settled()
    return run, runner


def test_hostile_13_a_stop_that_nobody_answers_ends_the_run(at_desk):
    """Stop time-out and slack after the order the part is LOST with a reason; the agent stays
    busy until it says that it is over, and is killed once more.
    """

    async def use(desk):
        run, _ = await started(desk)
        await desk.broker.stop_run(run.run_id, StopMode.GRACEFUL)
        beats(desk, ALL_S)
        assert (await desk.broker.get_run(run.run_id)).state is RunState.STOPPING
        beats(desk, 0.1)
        assert (await desk.over(run)).state is RunState.STOPPED
        await desk.settled()
        (agent,) = (await desk.broker.get_summary(run.run_id)).agents
        assert (agent.state, agent.reason) == (AssignmentState.LOST, deadlines.SILENT)
        assert desk.agent().orders()[-1] == ("stop", run.run_id, "KILL")

        (known,) = desk.broker.agents()
        assert (known.state, known.run_id) == (AgentState.BUSY, run.run_id)
        assert run.run_id in known.troubles[-1]
        await desk.broker.delete_run(run.run_id)
        desk.agent().exits(run)
        (known,) = desk.broker.agents()
        assert (known.state, known.run_id) == (AgentState.IDLE, "")

    at_desk(use)


@pytest.mark.parametrize("connected", [True, False])
def test_hostile_13_a_kill_that_nobody_answers_ends_the_run_at_once(at_desk, connected):
    """After a kill it takes a few seconds, even if a stop came before, or the agent is away.

    Loads' R2: nothing ended an agent that did not answer.
    """

    async def use(desk):
        run, _ = await started(desk)
        await desk.broker.stop_run(run.run_id, StopMode.GRACEFUL)
        beats(desk, 1)
        await desk.broker.stop_run(run.run_id, StopMode.KILL)
        if not connected:
            desk.agent().disconnects()
        beats(desk, deadlines.KILL_GRACE_S)
        assert (await desk.broker.get_run(run.run_id)).state is RunState.STOPPING
        beats(desk, 0.1)
        assert (await desk.over(run)).state is RunState.STOPPED

    at_desk(use)


def test_hostile_13_who_still_delivers_is_waited_for(at_desk):
    """As long as something of the part is stored, and a while longer, it is not given up."""

    async def use(desk):
        run, runner = await started(desk)
        await desk.broker.stop_run(run.run_id, StopMode.GRACEFUL)
        for number in range(5):
            beats(desk, deadlines.STOP_GRACE_S)
            await runner.publish(1, first=1 + number)
            await desk.settled()
        assert (await desk.broker.get_run(run.run_id)).state is RunState.STOPPING
        beats(desk, deadlines.STOP_GRACE_S + 0.1)
        assert (await desk.over(run)).state is RunState.STOPPED

    at_desk(use)


def test_hostile_13_who_is_away_has_its_lease(at_desk):
    """An agent that is not connected when the run is stopped is lost with its lease, no sooner."""

    async def use(desk):
        run, _ = await started(desk)
        desk.agent().disconnects()
        await desk.broker.stop_run(run.run_id, StopMode.GRACEFUL)
        desk.clock.advance(ALL_S + 1)
        desk.broker.end_overdue()
        assert (await desk.broker.get_run(run.run_id)).state is RunState.STOPPING
        desk.clock.advance(60)
        desk.broker.end_leases()
        assert (await desk.over(run)).state is RunState.STOPPED

    at_desk(use)


def test_hostile_13_an_agent_that_is_never_ready_is_given_up(at_desk):
    """A part that does not become ready is LOST, and does not hold up the others."""

    async def use(desk):
        run = await desk.start("a1", "a2")
        runner = await desk.runner(run, "a1")
        runner.ready(1)
        beats(desk, deadlines.START_TIMEOUT_S)
        assert (await desk.broker.get_run(run.run_id)).state is RunState.STARTING
        beats(desk, 0.1)
        await desk.settled()
        assert (await desk.broker.get_run(run.run_id)).state is RunState.RUNNING
        summary = await desk.broker.get_summary(run.run_id)
        assert "not ready to begin within 600 s" in summary.agents[1].reason

    at_desk(use)


def test_hostile_13_by_hand_there_is_no_haste(at_desk):
    """Whoever lives the users by hand may begin when they like."""

    async def use(desk):
        run = await desk.start(runner_mode=RunnerMode.BY_HAND)
        beats(desk, 2 * deadlines.START_TIMEOUT_S)
        assert (await desk.broker.get_run(run.run_id)).state is RunState.STARTING

    at_desk(use)


def test_hostile_13_after_a_restart_a_stop_is_still_a_stop(at_desk, tmp_path):
    """A broker that goes on with a run that is being stopped ends it in time, too."""
    store = str(tmp_path / "runs.db")

    async def before(desk):
        run, _ = await started(desk)
        await desk.broker.stop_run(run.run_id, StopMode.GRACEFUL)
        return run

    async def after(desk):
        desk.back("a1", [run.run_id])
        beats(desk, ALL_S + 0.1)
        assert (await desk.over(run)).state is RunState.STOPPED

    run = at_desk(before, store=store)
    at_desk(after, store=store)
