"""The broker as a whole, without gRPC: what follows from what clients, agents and runners say."""

import asyncio
from dataclasses import replace
from typing import ClassVar

import pytest

from loadgrpc import model
from loadgrpc.broker import broker as module
from loadgrpc.broker.inbox import Inbox
from loadgrpc.errors import (
    AlreadyExists,
    InvalidRequest,
    NotFound,
    Superseded,
    TooFewAgents,
    Unavailable,
)
from loadgrpc.model import (
    AgentState,
    AssignmentState,
    Run,
    RunState,
    SourceId,
    StopMode,
)
from loadgrpc.protocol import answers
from loadgrpc.store import Store, StoreError
from loadgrpc.testing import plan_of

TEST = "a.B.c"
NS = 1_000_000_000


async def lived(desk, run, *agent_ids, hits=2):
    """A run of one cycle, lived to its end on each agent."""
    runners = [await desk.runner(run, agent_id) for agent_id in agent_ids or ("a1",)]
    for runner in runners:
        runner.ready(1)
    for runner in runners:
        await runner.publish(hits, first=1, passed=1)
        await runner.ends(hits + 1)
    await desk.settled()


# Starting


def test_a_run_from_start_to_end(at_desk):
    """A run is handed to an agent, runs, finishes, and its summary says what was measured."""

    async def use(desk):
        run = await desk.start()
        assert (run.state, run.agent_ids) == (RunState.STARTING, ("a1",))
        assert desk.agent().orders() == [("start", run.run_id)]
        assert desk.broker.agents()[0].state is AgentState.BUSY
        desk.clock.advance(1)

        runner = await desk.runner(run)
        runner.ready(1)
        await desk.settled()
        assert runner.answers() == [answers.Opened(0), answers.StartCycle(1)]
        running = await desk.broker.get_run(run.run_id)
        assert (running.state, running.start_time_ns) == (RunState.RUNNING, desk.clock.wall_ns())

        await runner.publish(4, first=1, passed=2)
        desk.clock.advance(5)
        await runner.ends(6)
        await desk.settled()
        over = await desk.broker.get_run(run.run_id)
        assert (over.state, over.end_time_ns) == (RunState.FINISHED, desk.clock.wall_ns())
        summary = await desk.broker.get_summary(run.run_id)
        assert (summary.hits.count, summary.iterations.success) == (4, 2)
        assert summary.accounting == model.Accounting(committed=6)
        assert summary.verdict.exit_code == 0
        assert summary.agents[0].state is AssignmentState.FINISHED
        assert summary.agents[0].hostname == "host-of-a1"
        desk.broker.heard_from_agent("a1")
        assert desk.broker.agents()[0].state is AgentState.IDLE
        assert desk.broker.info().active_runs == 0

    at_desk(use)


def test_the_same_request_twice_is_one_run(at_desk):
    """A request_id with the same plan gives the same run, as it is now, even when it is over."""

    async def use(desk):
        run = await desk.start(request_id="once")
        again = await desk.start(request_id="once")
        assert again == run
        assert desk.agent().orders() == [("start", run.run_id)]
        await lived(desk, run)
        third = await desk.start(request_id="once")
        assert (third.run_id, third.state) == (run.run_id, RunState.FINISHED)
        assert len((await desk.broker.list_runs(0, ""))[0]) == 1

    at_desk(use)


def test_the_same_request_at_the_same_time_is_one_run(at_desk):
    """Two calls that overlap make one run, too; without a name they make two."""

    async def use(desk):
        desk.agent("a1"), desk.agent("a2"), desk.agent("a3")
        one, other = await asyncio.gather(*(desk.start(request_id="x") for _ in range(2)))
        assert one == other
        third, fourth = await asyncio.gather(desk.start(), desk.start())
        assert len({one.run_id, third.run_id, fourth.run_id}) == 3
        assert len({one.agent_ids, third.agent_ids, fourth.agent_ids}) == 3

    at_desk(use)


def test_the_same_request_with_another_plan_is_refused(at_desk):
    """A request_id belongs to its plan."""

    async def use(desk):
        await desk.start(request_id="once")
        with pytest.raises(AlreadyExists, match="once"):
            await desk.start(request_id="once", users=(2,))

    at_desk(use)


@pytest.mark.parametrize(("idle", "busy", "asked"), [(0, 0, 1), (1, 0, 2), (1, 2, 2)])
def test_too_few_agents(at_desk, idle, busy, asked):
    """A plan for more agents than are idle is refused, says how many are, and starts nothing.

    Loads' R5: the broker could look for agents forever.
    """

    async def use(desk):
        if busy:
            await desk.start(*[f"b{at}" for at in range(busy)])
        agents = [desk.agent(f"i{at}") for at in range(idle)]
        with pytest.raises(TooFewAgents, match=rf"{asked} agent.*but {idle} idle"):
            await desk.broker.start_run(plan_of(test=TEST, iterations=(1,), agents=asked))
        assert [agent.orders() for agent in agents] == [[]] * idle

    at_desk(use)


def test_two_runs_do_not_mix(at_desk):
    """Runs at the same time have agents of their own, and figures of their own."""

    async def use(desk):
        one = await desk.start("a1")
        desk.agent("a2")
        other = await desk.start()
        assert (one.agent_ids, other.agent_ids) == (("a1",), ("a2",))
        await lived(desk, one, "a1", hits=3)
        await lived(desk, other, "a2", hits=5)
        counts = [(await desk.broker.get_summary(run.run_id)).hits.count for run in (one, other)]
        assert counts == [3, 5]

    at_desk(use)


def test_agents_enter_cycles_together(at_desk):
    """A cycle begins when the last agent is ready for it, and not before."""

    async def use(desk):
        run = await desk.start("a1", "a2", users=(1, 2))
        one, two = await desk.runner(run, "a1"), await desk.runner(run, "a2")
        one.ready(1)
        assert one.answers() == [answers.Opened(0)]
        two.ready(1)
        await desk.settled()
        assert one.answers() == [answers.StartCycle(1)]
        assert two.answers() == [answers.Opened(0), answers.StartCycle(1)]
        two.ready(2)
        await desk.settled()
        assert two.answers() == []
        one.ready(2)
        await desk.settled()
        assert (one.answers(), two.answers()) == ([answers.StartCycle(2)], [answers.StartCycle(2)])

    at_desk(use)


def test_an_agent_that_is_lost_does_not_hold_up_the_others(at_desk):
    """The barrier waits for agents that live, and the run ends when those have ended."""

    async def use(desk):
        run = await desk.start("a1", "a2")
        one = await desk.runner(run, "a1")
        one.ready(1)
        desk.agent("a2").exits(run, -9)
        await desk.settled()
        assert one.answers() == [answers.Opened(0), answers.StartCycle(1)]
        await one.publish(1, first=1)
        await one.ends(1)
        await desk.settled()
        summary = await desk.broker.get_summary(run.run_id)
        assert summary.state is RunState.FINISHED
        assert summary.verdict == model.Verdict(
            exit_code=3,
            reason="agent a2 (1 user) was lost at 22:13:20 UTC: its runner ended with signal 9",
        )
        assert [agent.state for agent in summary.agents] == [
            AssignmentState.FINISHED,
            AssignmentState.LOST,
        ]
        (loss,) = summary.accounting.losses
        assert (loss.agent_id, loss.at_least) == ("a2", True)

    at_desk(use)


def test_an_agent_whose_part_is_over_is_free(at_desk):
    """An agent need not wait for the others: it takes a new run while the first goes on."""

    async def use(desk):
        first = await desk.start("a1", "a2")
        runners = [await desk.runner(first, agent_id) for agent_id in ("a1", "a2")]
        for runner in runners:
            runner.ready(1)
        await runners[0].ends(0)
        assert [agent.state for agent in desk.broker.agents()] == [
            AgentState.IDLE,
            AgentState.BUSY,
        ]
        second = await desk.start()
        assert second.agent_ids == ("a1",)
        await runners[1].ends(0)
        await desk.settled()
        # The end of the first run does not take the agent from the second.
        assert desk.broker.agents()[0].run_id == second.run_id

    at_desk(use)


def test_a_runner_that_missed_the_order_gets_it_again(at_desk):
    """Ready for a cycle that has begun is answered at once, on the stream that asks."""

    async def use(desk):
        run = await desk.start()
        runner = await desk.runner(run)
        runner.ready(1)
        await desk.settled()
        await runner.open(anew=True)
        runner.ready(1)
        assert runner.answers() == [answers.Opened(0), answers.StartCycle(1)]
        with pytest.raises(InvalidRequest, match=r"ready\.cycle"):
            runner.ready(0)

    at_desk(use)


def test_runners_without_a_barrier_make_a_run_running(at_desk):
    """When all runners enter cycles by themselves nobody is told, and the run runs."""

    async def use(desk):
        run = await desk.start("a1", "a2", users=(1, 1))
        one = await desk.runner(run, "a1", barrier=False)
        assert (await desk.broker.get_run(run.run_id)).state is RunState.STARTING
        two = await desk.runner(run, "a2", barrier=False)
        await desk.settled()
        assert (await desk.broker.get_run(run.run_id)).state is RunState.RUNNING
        assert one.answers() + two.answers() == [answers.Opened(0)] * 2

    at_desk(use)


# Ends


def test_stopping_is_idempotent(at_desk):
    """A stop reaches runners and agents; a second changes nothing, nor does one after the end."""

    async def use(desk):
        run = await desk.start(stop_timeout_s=7.0)
        desk.agent().orders()
        runner = await desk.runner(run)
        runner.ready(1)
        runner.answers()
        stopping = await desk.broker.stop_run(run.run_id, StopMode.GRACEFUL)
        assert stopping.state is RunState.STOPPING
        assert runner.answers() == [answers.StopUsers(7.0)]
        assert desk.agent().orders() == [("stop", run.run_id, "GRACEFUL")]
        assert await desk.broker.stop_run(run.run_id, StopMode.GRACEFUL) == stopping

        await runner.ends()
        await desk.settled()
        over = await desk.broker.get_run(run.run_id)
        assert (over.state, over.reason) == (
            RunState.STOPPED,
            "stopped before its end by a client",
        )
        assert await desk.broker.stop_run(run.run_id, StopMode.KILL) == over
        summary = await desk.broker.get_summary(run.run_id)
        assert summary.verdict.exit_code == 105

    at_desk(use)


def test_a_kill_comes_after_a_stop(at_desk):
    """Whoever asked politely can still insist."""

    async def use(desk):
        run = await desk.start()
        await desk.broker.stop_run(run.run_id, StopMode.GRACEFUL)
        await desk.broker.stop_run(run.run_id, StopMode.KILL)
        await desk.broker.stop_run(run.run_id, StopMode.GRACEFUL)
        assert desk.agent().orders()[1:3] == [
            ("stop", run.run_id, "GRACEFUL"),
            ("stop", run.run_id, "KILL"),
        ]
        desk.agent().exits(run, -9)
        await desk.settled()
        summary = await desk.broker.get_summary(run.run_id)
        assert (summary.state, summary.verdict.exit_code) == (RunState.STOPPED, 105)
        assert summary.accounting.losses[0].at_least

    at_desk(use)


def test_no_cycle_begins_in_a_run_that_stops(at_desk):
    """A runner that opens late is told to stop, and is not sent into a cycle."""

    async def use(desk):
        run = await desk.start("a1", "a2")
        one = await desk.runner(run, "a1")
        one.ready(1)
        await desk.broker.stop_run(run.run_id, StopMode.GRACEFUL)
        two = await desk.runner(run, "a2")
        two.ready(1)
        assert two.answers() == [answers.Opened(0), answers.StopUsers(30.0)]
        assert answers.StartCycle(1) not in one.answers()

    at_desk(use)


def test_an_agent_that_comes_back_learns_of_the_stop(at_desk):
    """An order that was given while an agent was away is given when it is back."""

    async def use(desk):
        run = await desk.start()
        desk.agent().disconnects()
        await desk.broker.stop_run(run.run_id, StopMode.KILL)
        desk.agent().connect([run.run_id])
        assert desk.agent().orders() == [("stop", run.run_id, "KILL")]

    at_desk(use)


def test_a_test_that_cannot_be_loaded_stops_the_others(at_desk):
    """One agent's load error ends the run with 107, also for who opens after it, and says why."""

    async def use(desk):
        run = await desk.start("a1", "a2", "a3")
        one, two = await desk.runner(run, "a1"), await desk.runner(run, "a2")
        two.ready(1)
        await one.finish(0, load_error="no module named 'a'")
        desk.agent("a1").exits(run, 107)
        assert two.answers() == [answers.Opened(0), answers.StopUsers(30.0)]
        assert desk.agent("a2").orders()[1:] == [("stop", run.run_id, "GRACEFUL")]

        late = await desk.runner(run, "a3")
        late.ready(1)
        assert late.answers() == [answers.Opened(0), answers.StopUsers(30.0)]
        await two.ends(0)
        await late.ends(0)
        await desk.settled()
        summary = await desk.broker.get_summary(run.run_id)
        words = "could not load a.B.c on agent a1: no module named 'a'"
        assert (summary.state, summary.reason) == (RunState.FAILED, words)
        assert summary.verdict == model.Verdict(exit_code=107, reason=words)
        assert summary.agents[0].state is AssignmentState.LOAD_FAILED
        assert summary.agents[0].load_error.type == "ModuleNotFoundError"
        assert summary.iterations.started == 0

    at_desk(use)


@pytest.mark.parametrize(
    ("status", "finish", "state", "exit_code"),
    [
        (0, True, AssignmentState.FINISHED, 0),
        (0, False, AssignmentState.FINISHED_UNVERIFIED, 0),
        (1, False, AssignmentState.LOST, 3),
        (1, True, AssignmentState.LOST, 3),
        (-15, False, AssignmentState.LOST, 3),
    ],
)
def test_how_a_runner_ends_decides_about_its_part(at_desk, status, finish, state, exit_code):
    """Exit 0 is believed, verified by `finish`; anything else is a loss."""

    async def use(desk):
        run = await desk.start()
        runner = await desk.runner(run)
        runner.ready(1)
        await runner.publish(2, first=1, passed=1)
        if finish:
            await runner.finish(3)
        desk.agent().exits(run, status, "last words")
        await desk.settled()
        summary = await desk.broker.get_summary(run.run_id)
        assert summary.agents[0].state is state
        assert summary.verdict.exit_code == exit_code
        assert summary.hits.count == 2
        assert ("last words" in summary.agents[0].reason) is (status != 0)

    at_desk(use)


def test_a_runner_that_cannot_start_fails_the_run(at_desk):
    """A run that never began is FAILED, and says why."""

    async def use(desk):
        run = await desk.start()
        desk.agent().exits(run, 1, "No such file or directory")
        await desk.settled()
        over = await desk.broker.get_run(run.run_id)
        assert over.state is RunState.FAILED
        assert over.reason == (
            "agent a1 (1 user) was lost at 22:13:20 UTC: No such file or directory"
        )

    at_desk(use)


def test_a_run_of_which_nothing_began_has_a_reason(at_desk):
    """A runner that exits at once, content, leaves a FAILED run that says it never began."""

    async def use(desk):
        run = await desk.start()
        desk.agent().exits(run, 0)
        await desk.settled()
        over = await desk.broker.get_run(run.run_id)
        assert (over.state, over.reason) == (RunState.FAILED, "it ended before it began")
        assert (await desk.broker.get_summary(run.run_id)).verdict.exit_code == 3

    at_desk(use)


# Agents


def test_an_agent_is_lost_with_its_lease(at_desk):
    """Silence makes an agent unreachable, and the end of its lease loses its part."""

    async def use(desk):
        run = await desk.start()
        desk.clock.advance(6)
        desk.broker.end_leases()
        assert desk.broker.agents()[0].state is AgentState.UNREACHABLE
        assert (await desk.broker.get_run(run.run_id)).state is RunState.STARTING
        desk.clock.advance(55)
        desk.broker.end_leases()
        await desk.settled()
        assert desk.broker.agents() == []
        over = await desk.broker.get_run(run.run_id)
        assert over.state is RunState.FAILED
        heard_last = "agent a1 (1 user) was lost at 22:13:20 UTC: not heard from for 60 s"
        assert over.reason == heard_last
        summary = await desk.broker.get_summary(run.run_id)
        (figures,) = summary.agents
        assert figures.end_time_ns == desk.clock.wall_ns() - 61 * NS
        assert summary.verdict == model.Verdict(exit_code=3, reason=heard_last)

    at_desk(use)


def test_a_lost_agent_that_is_still_connected_has_to_register_again(at_desk):
    """An agent that was silent for too long gets its stream ended, and is welcome as a new one."""

    async def use(desk):
        agent = desk.agent()
        desk.clock.advance(61)
        desk.broker.end_leases()
        assert agent.orders() == ["Unavailable"]
        old = agent.link
        agent.connect(["r-old"])
        assert agent.orders() == [("stop", "r-old", "KILL")]
        desk.broker.disconnect_agent(old, goodbye=False)
        assert desk.broker.agents()[0].state is AgentState.IDLE

    at_desk(use)


def test_heartbeats_keep_an_agent(at_desk):
    """An agent that is heard from is neither unreachable nor lost.

    Loads' D15: with heartbeats, all agents were taken off the list every 50 seconds.
    """

    async def use(desk):
        desk.agent()
        for _ in range(100):
            desk.clock.advance(2)
            desk.broker.heard_from_agent("a1")
            desk.broker.end_leases()
        assert [agent.state for agent in desk.broker.agents()] == [AgentState.IDLE]

    at_desk(use)


def test_the_broker_looks_for_lost_agents_by_itself(at_desk, monkeypatch):
    """Nobody has to ask for leases to end."""
    monkeypatch.setattr(module, "TICK_S", 0.001)

    async def use(desk):
        run = await desk.start()
        desk.clock.advance(61)
        assert (await desk.over(run)).state is RunState.FAILED

    at_desk(use)


def test_an_agent_that_comes_back_with_its_run_goes_on(at_desk):
    """A broken stream within the lease costs nothing."""

    async def use(desk):
        run = await desk.start()
        runner = await desk.runner(run)
        runner.ready(1)
        desk.agent().disconnects()
        assert desk.broker.agents()[0].state is AgentState.UNREACHABLE
        desk.clock.advance(30)
        desk.agent().connect([run.run_id])
        assert desk.agent().orders() == []
        assert desk.broker.agents()[0].state is AgentState.BUSY
        await runner.open(anew=True)
        await runner.publish(1, first=1, passed=1)
        await runner.ends(2)
        await desk.settled()
        assert (await desk.broker.get_summary(run.run_id)).verdict.exit_code == 0

    at_desk(use)


def test_an_agent_that_comes_back_without_its_run_has_lost_it(at_desk):
    """An agent that was started anew has no runner any more: its part is lost at once."""

    async def use(desk):
        run = await desk.start()
        desk.agent().disconnects()
        desk.agent().connect([])
        await desk.settled()
        summary = await desk.broker.get_summary(run.run_id)
        assert summary.agents[0].state is AssignmentState.LOST
        assert "the agent was restarted" in summary.agents[0].reason
        assert desk.broker.agents()[0].state is AgentState.IDLE

    at_desk(use)


def test_an_agent_that_delivered_everything_loses_nothing(at_desk):
    """When only the message of a runner's end was lost, its verified counts still stand."""

    async def use(desk):
        run = await desk.start()
        runner = await desk.runner(run)
        runner.ready(1)
        await runner.publish(1, first=1, passed=1)
        await runner.finish(2)
        desk.agent().disconnects()
        desk.agent().connect([])
        await desk.settled()
        summary = await desk.broker.get_summary(run.run_id)
        assert (summary.state, summary.verdict.exit_code) == (RunState.FINISHED, 0)

    at_desk(use)


def test_a_newer_stream_of_an_agent_ends_the_older(at_desk):
    """Of two streams with one id the newer stays, and the end of the older changes nothing."""

    async def use(desk):
        agent = desk.agent()
        old = agent.link
        agent.connect()
        assert isinstance(old.orders.get_nowait(), Superseded)
        desk.broker.disconnect_agent(old, goodbye=True)
        assert [agent.state for agent in desk.broker.agents()] == [AgentState.IDLE]

    at_desk(use)


def test_an_agent_that_says_goodbye_leaves_at_once(at_desk):
    """Goodbye takes an agent off the list, and its part with it."""

    async def use(desk):
        run = await desk.start("a1", "a2")
        desk.agent("a1").disconnects(goodbye=True)
        assert [agent.agent_id for agent in desk.broker.agents()] == ["a2"]
        summary = await desk.broker.get_summary(run.run_id)
        assert (summary.agents[0].state, summary.agents[0].reason) == (
            AssignmentState.LOST,
            "it left",
        )

    at_desk(use)


class Gate:
    """A store whose `save_run` or `append` waits until it is let through."""

    def __init__(self, store, *names):
        self.inner = store
        self.names = names
        self.reached = asyncio.Event()
        self.let_through = asyncio.Event()
        self.turn = asyncio.Lock()

    def __getattr__(self, name):
        method = getattr(self.inner, name)
        if name not in self.names:
            return method

        async def waiting(*args, **kwargs):
            self.reached.set()
            async with self.turn:  # as the store: in the order in which it was asked
                await self.let_through.wait()
                return await method(*args, **kwargs)

        return waiting


@pytest.mark.parametrize("how", ["away", "gone", "back"])
def test_an_agent_that_goes_while_its_run_is_stored(at_desk, how):
    """An agent that is chosen and goes before it was told has lost its part, and is not told."""

    async def use(desk):
        agent = desk.agent()
        gate = desk.uses(Gate(desk.store, "save_run"))
        starting = asyncio.create_task(desk.start())
        await gate.reached.wait()
        agent.disconnects(goodbye=how == "gone")
        if how == "back":
            agent.connect()
        gate.let_through.set()
        run = await starting
        await desk.settled()
        assert (await desk.broker.get_run(run.run_id)).state is RunState.FAILED
        assert agent.orders() == []
        if how == "back":
            assert desk.broker.agents()[0].state is AgentState.IDLE

    at_desk(use)


# Sources


def test_opening_where_nothing_is_expected(at_desk):
    """No such run and an agent without a part are NOT_FOUND; a run that is over is closed."""

    async def use(desk):
        run = await desk.start()
        desk.agent("a2")
        for source_id in (SourceId("r-none", "a1", "x"), SourceId(run.run_id, "a2", "x")):
            with pytest.raises(NotFound):
                await desk.broker.open_source(Inbox(), source_id, epoch=1, barrier=False)
            with pytest.raises(NotFound):
                desk.broker.assignment(source_id)
        await lived(desk, run)
        late = await desk.runner(run)
        await late.publish(1, first=1)
        assert late.answers() == [answers.RunClosed()] * 2
        with pytest.raises(NotFound):
            desk.broker.assignment(late.source_id)

    at_desk(use)


def test_an_assignment_is_the_agents_share(at_desk):
    """A source is told its own agent's part."""

    async def use(desk):
        run = await desk.start("a1", "a2", users=(3,), split=True)
        found = [
            desk.broker.assignment(SourceId(run.run_id, agent_id, "x")).cycles[0].users
            for agent_id in ("a1", "a2")
        ]
        assert found == [2, 1]

    at_desk(use)


def test_what_is_late_is_not_counted(at_desk):
    """After its part is over a source gets RUN_CLOSED to everything, and counts in nothing."""

    async def use(desk):
        run = await desk.start("a1", "a2")
        runner = await desk.runner(run)
        runner.ready(1)
        desk.agent().exits(run, 1)
        runner.answers()
        await runner.publish(5, first=1)
        await runner.skip(1, 1)
        runner.ready(2)
        await runner.finish(5)
        await runner.open(anew=True)
        assert runner.answers() == [answers.RunClosed()]
        assert (await desk.broker.get_summary(run.run_id)).accounting.committed == 0

    at_desk(use)


def test_the_barrier_waits_for_every_runner_of_an_agent(at_desk):
    """An agent with two runners is ready when both are."""

    async def use(desk):
        run = await desk.start()
        one, two = [await desk.runner(run, runner_id=name) for name in ("one", "two")]
        one.ready(1)
        assert one.answers() == [answers.Opened(0)]
        two.ready(1)
        await desk.settled()
        assert answers.StartCycle(1) in one.answers()

    at_desk(use)


def test_answers_come_on_the_stream_that_asked(at_desk, new_batch):
    """A source without numbers may use several streams; each batch is acked on its own."""

    async def use(desk):
        run = await desk.start()
        source_id = SourceId(run.run_id, "a1", "script")
        inboxes = [Inbox(), Inbox()]
        for inbox in inboxes:
            await desk.broker.open_source(inbox, source_id, epoch=0, barrier=False)

        def heard(inbox):
            found = []
            while not inbox.answers.empty():
                found.append(inbox.newest(*inbox.answers.get_nowait()))
            return found

        opened = [heard(inbox) for inbox in inboxes]
        assert opened == [[answers.Opened(0)], [answers.Opened(0)]]
        for inbox, other, sequence in ((*inboxes, 2), (*inboxes[::-1], 4), (*inboxes, 6)):
            await desk.broker.intake.publish(inbox, source_id, new_batch(2))
            await desk.settled()
            assert (heard(inbox), heard(other)) == ([answers.Acked(sequence)], [])
        await desk.broker.stop_run(run.run_id, StopMode.GRACEFUL)
        assert [heard(inbox) for inbox in inboxes] == [[answers.StopUsers(30.0)]] * 2

    at_desk(use)


def test_a_stream_that_breaks_during_a_commit(at_desk):
    """What was on its way into the store when its stream broke is stored, counted, and acked."""

    async def use(desk):
        run = await desk.start()
        runner = await desk.runner(run)
        runner.ready(1)
        gate = desk.uses(Gate(desk.store, "append"))
        publishing = asyncio.create_task(runner.publish(3, first=1))
        await gate.reached.wait()
        publishing.cancel()
        await asyncio.gather(publishing, return_exceptions=True)
        desk.broker.close_inbox(runner.inbox)
        again = asyncio.create_task(runner.open(anew=True))
        gate.let_through.set()
        await again
        assert runner.answers() == [answers.Opened(3)]
        await runner.publish(4, first=2)
        assert runner.answers() == [answers.Acked(5)]
        await runner.ends(5)
        await desk.settled()
        summary = await desk.broker.get_summary(run.run_id)
        assert summary.hits.count == 5
        assert summary.accounting == model.Accounting(committed=5, duplicates=2)

    at_desk(use)


def test_a_run_that_ends_during_a_commit(at_desk):
    """A batch that is being stored when its run ends is in the summary, or in nothing."""

    async def use(desk):
        run = await desk.start()
        runner = await desk.runner(run)
        runner.ready(1)
        await desk.settled()
        gate = desk.uses(Gate(desk.store, "append"))
        publishing = [asyncio.create_task(runner.publish(3, first=at)) for at in (1, 4)]
        await gate.reached.wait()
        desk.agent().exits(run, 0)
        gate.let_through.set()
        await asyncio.gather(*publishing)
        await desk.settled()
        summary = await desk.broker.get_summary(run.run_id)
        assert (summary.hits.count, summary.accounting.committed) == (3, 3)
        stored = await desk.store.sources(run.run_id)
        assert [source.committed for source in stored] == [3]
        assert set(runner.answers()[2:]) == {answers.Acked(3), answers.RunClosed()}

    at_desk(use)


# Watching and listing


async def heard(desk, run_id, messages, started):
    """Watches a run to its end; `started` is set with the first message."""
    async for news in desk.broker.watch_run(run_id):
        messages.append(news)
        started.set()


def test_watching_begins_with_the_run_and_ends_with_its_end(at_desk):
    """The first message is the run as it is, the last its final state, and no state is missed."""

    async def use(desk):
        run = await desk.start()
        messages, started = [], asyncio.Event()
        watching = asyncio.create_task(heard(desk, run.run_id, messages, started))
        await started.wait()
        await lived(desk, run)
        await watching
        changes = [news for news in messages if isinstance(news.update, Run)]
        assert [(news.sequence, news.update.state) for news in changes] == [
            (1, RunState.STARTING),
            (2, RunState.RUNNING),
            (4, RunState.FINISHED),
        ]
        assert messages[0] is changes[0]
        assert messages[-1].update == await desk.broker.get_run(run.run_id)
        assert messages[-2].sequence == 3
        assert messages[-2].update.hits == 2

    at_desk(use)


def test_figures_come_every_second(at_desk, monkeypatch):
    """Between changes the figures are sent at every tick, and a second watcher gets them, too."""
    monkeypatch.setattr(module, "TICK_S", 0.001)

    async def use(desk):
        run = await desk.start(users=(1, 1), iterations=(4,))
        runner = await desk.runner(run)
        runner.ready(1)
        await runner.publish(6, first=1, passed=2)
        desk.clock.advance(2.5)
        for _ in range(2):
            watching = desk.broker.watch_run(run.run_id)
            assert (await anext(watching)).update.state is RunState.RUNNING
            progress = (await anext(watching)).update
            await watching.aclose()
            assert (progress.hits, progress.iterations.success) == (6, 2)
            assert (progress.cycle, progress.cycles, progress.agents) == (1, 2, 1)
            assert progress.elapsed_ns == 2_500_000_000
            assert progress.fraction == 0.25
            assert progress.p50_ns == pytest.approx(3_000_000, rel=0.003)

    at_desk(use)


def test_the_progress_of_a_timed_run(at_desk, monkeypatch):
    """With a duration, progress is by time within the cycle, and never beyond its end."""
    monkeypatch.setattr(module, "TICK_S", 0.001)

    async def use(desk):
        run = await desk.start(users=(1, 1), duration_s=10.0)
        runner = await desk.runner(run)
        watching = desk.broker.watch_run(run.run_id)
        await anext(watching)
        assert (await anext(watching)).update.fraction == 0.0
        await watching.aclose()
        fractions = []
        for cycle in (1, 2):
            runner.ready(cycle)
            for _ in range(3):
                desk.clock.advance(5)
                watching = desk.broker.watch_run(run.run_id)
                await anext(watching)
                fractions.append((await anext(watching)).update.fraction)
                await watching.aclose()
        assert fractions == [0.25, 0.5, 0.5, 0.75, 1.0, 1.0]

    at_desk(use)


def test_watching_what_is_over_or_never_was(at_desk):
    """A run that is over is one message; a run that never was is NOT_FOUND."""

    async def use(desk):
        run = await desk.start()
        await lived(desk, run)
        messages = [news async for news in desk.broker.watch_run(run.run_id)]
        assert [(news.sequence, news.update.state) for news in messages] == [(4, RunState.FINISHED)]
        for call in (
            anext(desk.broker.watch_run("r-none")),
            desk.broker.get_run("r-none"),
            desk.broker.get_summary("r-none"),
            desk.broker.stop_run("r-none", StopMode.KILL),
        ):
            with pytest.raises(NotFound, match="r-none"):
                await call

    at_desk(use)


def test_watchers_are_told_when_the_broker_goes(at_desk, monkeypatch):
    """A broker that closes ends its watchers with UNAVAILABLE, not with silence."""
    monkeypatch.setattr(module, "TICK_S", 0.001)

    async def use(desk):
        run = await desk.start()
        watching = desk.broker.watch_run(run.run_id)
        await anext(watching)
        runner = await desk.runner(run)
        await desk.broker.close()
        with pytest.raises(Unavailable):
            await anext(watching)
        assert desk.agent().orders()[-1] == "Unavailable"
        assert isinstance(runner.answers()[-1], Unavailable)

    at_desk(use)


def test_c3_a_run_that_is_over_has_its_verdict(at_desk):
    """It is told where runs are: in GetRun, WatchRun and ListRuns, which filters by it."""

    async def use(desk):
        over = await desk.start()
        await lived(desk, over)
        going = await desk.start()
        run = await desk.broker.get_run(over.run_id)
        watched = [news.update async for news in desk.broker.watch_run(over.run_id)]
        summary = await desk.broker.get_summary(over.run_id)
        assert run.verdict == summary.verdict == watched[-1].verdict
        assert (await desk.broker.get_run(going.run_id)).verdict is None

        async def listed(**wanted):
            return [each.run_id for each in (await desk.broker.list_runs(9, "", **wanted))[0]]

        code = run.verdict.exit_code
        assert await listed(exit_codes=frozenset({code})) == [over.run_id]
        assert await listed(exit_codes=frozenset({code + 1})) == []
        assert await listed(states=frozenset({RunState.STARTING})) == [going.run_id]
        await desk.runner(going, barrier=False)
        await desk.settled()
        assert await listed(states=frozenset({RunState.STARTING})) == []
        assert await listed(states=frozenset({RunState.RUNNING})) == [going.run_id]

    at_desk(use)


def test_pages_of_runs(at_desk):
    """Runs come newest first, in pages that neither skip nor repeat, with their live state."""

    async def use(desk):
        for _ in range(5):
            await lived(desk, await desk.start())
        running = await desk.start()
        await desk.runner(running, barrier=False)
        await desk.settled()
        pages, token = [], ""
        while True:
            runs, token, _ = await desk.broker.list_runs(4, token)
            pages.append(runs)
            if not token:
                break
        assert [len(page) for page in pages] == [4, 2]
        states = [run.state for page in pages for run in page]
        assert states == [RunState.RUNNING] + [RunState.FINISHED] * 5
        assert len({run.run_id for page in pages for run in page}) == 6
        everything, end, _ = await desk.broker.list_runs(6, "")
        assert ([run for page in pages for run in page], "") == (everything, end)

    at_desk(use)


@pytest.mark.parametrize("token", ["x", "-1", "1.5", "٣", "9" * 30, " 1"])
def test_a_page_token_of_somebody_else(at_desk, token):
    """A token that this broker never gave is refused by name."""

    async def use(desk):
        with pytest.raises(InvalidRequest, match="page_token"):
            await desk.broker.list_runs(0, token)

    at_desk(use)


# The store


def test_a_restart_goes_on_with_what_was_left(at_desk, tmp_path):
    """A broker that was killed finds its runs as they were, and those that go on end well."""
    path = str(tmp_path / "store.db")

    async def before(desk):
        over = await desk.start("a1")
        await lived(desk, over)
        left = await desk.start("a1", users=(1, 2))
        runner = await desk.runner(left, runner_id="x")
        runner.ready(1)
        await runner.publish(3, first=1, invalid=1, failed=1)
        await runner.publish(2, first=1)
        await runner.skip(6, 2)
        await runner.publish(6, first=4)
        await runner.publish(6, first=5)
        await desk.settled()
        run = await desk.broker.get_run(left.run_id)
        return over, run, await desk.broker.get_summary(left.run_id)

    over, left, live = at_desk(before, store=path)
    assert left.state is RunState.RUNNING

    async def after(desk):
        assert (await desk.broker.get_run(over.run_id)).state is RunState.FINISHED
        run = await desk.broker.get_run(left.run_id)
        assert replace(run, troubles=()) == left
        (absent,) = run.troubles
        assert (absent.kind, absent.agent_id) == (model.TroubleKind.AGENT_UNREACHABLE, "a1")
        summary = await desk.broker.get_summary(left.run_id)
        assert (summary.hits.count, summary.iterations) == (live.hits.count, live.iterations)
        assert [(g.count, g.exception) for g in summary.failures] == [
            (g.count, g.exception) for g in live.failures
        ]
        assert summary.accounting.committed == live.accounting.committed == 7
        assert summary.accounting.rejected == live.accounting.rejected == 1
        assert summary.accounting.losses == live.accounting.losses
        assert summary.accounting.lost == 2
        absent = desk.broker.agents()[0]
        assert (absent.agent_id, absent.state) == ("a1", AgentState.UNREACHABLE)
        assert absent.run_id == left.run_id

        desk.back("a1", [left.run_id])
        assert desk.agent().orders() == []
        runner = await desk.runner(left, runner_id="x")
        await runner.publish(7, first=5)
        runner.ready(2)
        await desk.settled()
        assert runner.answers() == [
            answers.Opened(10),
            answers.Acked(11),
            answers.StartCycle(2),
        ]
        await runner.ends(11)
        await desk.settled()
        summary = await desk.broker.get_summary(left.run_id)
        assert summary.state is RunState.FINISHED
        assert (summary.hits.count, summary.accounting.committed) == (live.hits.count + 1, 8)
        assert desk.agent().orders() == ["ExitNoted"]

    at_desk(after, store=path)


def _restarted(at_desk, path, after, *, begun=True, agents=("a1",)):
    """A run that is left by one broker, `after(desk, run)` at the next."""

    async def before(desk):
        run = await desk.start(*agents)
        if begun:
            for agent_id in agents:
                runner = await desk.runner(run, agent_id, runner_id="x")
                runner.ready(1)
                await runner.publish(1, first=1)
        await desk.settled()
        return run

    run = at_desk(before, store=str(path))
    at_desk(lambda desk: after(desk, run), store=str(path))


def test_c13_a_restart_remembers_who_its_agents_are(at_desk, tmp_path):
    """Agents that a broker waits for after a restart are listed with what they said before."""
    store = str(tmp_path / "store.db")

    async def before(desk):
        await desk.start("a1", "a2")
        (agent, _) = desk.broker.agents()
        return agent

    async def after(desk):
        (agent, _) = desk.broker.agents()
        assert agent.state is AgentState.UNREACHABLE
        for name in ("hostname", "pid", "version", "cores", "run_id"):
            assert getattr(agent, name) == getattr(known, name)

    known = at_desk(before, store=store)
    at_desk(after, store=store)


def test_a_restart_waits_for_agents_as_long_as_ever(at_desk, tmp_path):
    """An agent that does not come back within its lease is lost; what it delivered counts."""

    async def after(desk, run):
        desk.clock.advance(61)
        desk.broker.end_leases()
        await desk.settled()
        summary = await desk.broker.get_summary(run.run_id)
        assert (summary.state, summary.hits.count) == (RunState.FAILED, 1)
        assert summary.reason.endswith("was lost at 22:13:20 UTC: not heard from for 60 s")

    _restarted(at_desk, tmp_path / "store.db", after)


def test_a_restart_remembers_which_parts_are_over(at_desk, tmp_path):
    """What one broker knew of a runner's end, the next knows."""

    async def before(desk):
        run = await desk.start("a1", "a2")
        await lived_in_part(desk, run)
        return run

    async def lived_in_part(desk, run):
        for agent_id in ("a1", "a2"):
            (await desk.runner(run, agent_id, runner_id="x")).ready(1)
        desk.agent("a1").exits(run, -9, "out of memory")
        await desk.settled()

    async def after(desk, run):
        desk.back("a2", [run.run_id])
        await (await desk.runner(run, "a2", runner_id="x")).ends(0)
        await desk.settled()
        summary = await desk.broker.get_summary(run.run_id)
        assert [(one.state, one.hostname) for one in summary.agents] == [
            (AssignmentState.LOST, "host-of-a1"),
            (AssignmentState.FINISHED, "host-of-a2"),
        ]
        assert summary.agents[0].reason == "its runner ended with signal 9: out of memory"

    run = at_desk(before, store=str(tmp_path / "store.db"))
    at_desk(lambda desk: after(desk, run), store=str(tmp_path / "store.db"))


def test_an_order_that_a_restart_forgot_is_given_again(at_desk, tmp_path):
    """An agent that comes back without a run that never began there gets its order; once."""

    async def after(desk, run):
        agent = desk.back("a1", [])
        assert agent.orders() == [("start", run.run_id)]
        agent.disconnects()
        agent.connect([])
        await desk.settled()
        assert (await desk.broker.get_run(run.run_id)).state is RunState.FAILED

    _restarted(at_desk, tmp_path / "store.db", after, begun=False)


def test_a_restart_remembers_a_stop(at_desk, tmp_path):
    """A run that was told to stop is told again."""

    async def before(desk):
        run = await desk.start()
        (await desk.runner(run, runner_id="x")).ready(1)
        await desk.settled()
        await desk.broker.stop_run(run.run_id, StopMode.GRACEFUL)
        await desk.broker.stop_run(run.run_id, StopMode.KILL)
        return run

    async def after(desk, run):
        agent = desk.back("a1", [run.run_id])
        assert agent.orders() == [("stop", run.run_id, "KILL")]
        runner = await desk.runner(run, runner_id="x")
        assert runner.answers() == [answers.Opened(0), answers.StopUsers(30.0)]
        agent.exits(run, -9)
        await desk.settled()
        assert (await desk.broker.get_run(run.run_id)).state is RunState.STOPPED

    run = at_desk(before, store=str(tmp_path / "store.db"))
    at_desk(lambda desk: after(desk, run), store=str(tmp_path / "store.db"))


class Failing:
    """A store of which some methods fail."""

    def __init__(self, store, *names):
        self.inner = store
        self.names = set(names)

    def __getattr__(self, name):
        method = getattr(self.inner, name)
        if name not in self.names:
            return method

        async def fails(*args, **kwargs):
            raise StoreError("the disk is full")

        return fails


@pytest.mark.parametrize("keep_batches", [True, False])
def test_what_the_store_refuses_does_not_count(at_desk, keep_batches):
    """Nothing of a batch that could not be stored is counted or acked; sent again, all of it is."""

    async def use(desk):
        run = await desk.start()
        runner = await desk.runner(run)
        runner.ready(1)
        await runner.publish(1, first=1)
        await desk.settled()
        runner.answers()
        failing = desk.uses(Failing(desk.store, "append", "save_source"))
        for act in (runner.publish(2, first=2), runner.skip(2, 2), runner.finish(9)):
            with pytest.raises(Unavailable, match="the disk is full"):
                await act
        summary = await desk.broker.get_summary(run.run_id)
        assert (summary.hits.count, summary.accounting) == (1, model.Accounting(committed=1))
        assert runner.answers() == []

        failing.names.clear()
        await runner.open(anew=True)
        await runner.publish(2, first=2)
        await runner.ends(3)
        assert runner.answers() == [
            answers.Opened(1),
            answers.Acked(3),
            answers.Finished(committed=3, rejected=0, lost=0),
        ]
        await desk.settled()
        summary = await desk.broker.get_summary(run.run_id)
        assert (summary.hits.count, summary.accounting) == (3, model.Accounting(committed=3))

    at_desk(use, keep_batches=keep_batches)


def test_a_commit_that_fails_later_does_not_count(at_desk):
    """A batch that was queued, and refused when it was written, counts no more than any other."""

    async def use(desk):
        run = await desk.start()
        runner = await desk.runner(run)
        broken = asyncio.get_running_loop().create_future()
        broken.set_exception(StoreError("the disk is full"))

        class Late(Failing):
            async def append(self, *_):
                return broken

        desk.uses(Late(desk.store))
        with pytest.raises(Unavailable):
            await runner.publish(2, first=1)
        assert (await desk.broker.get_summary(run.run_id)).hits.count == 0

    at_desk(use)


def test_batches_are_taken_while_others_are_written(at_desk, new_batch):
    """They wait for the disk together, count in their order, and all fail when one of them does."""

    async def use(desk):
        run = await desk.start()
        runner = await desk.runner(run)
        loop = asyncio.get_running_loop()

        class Slow(Failing):
            written: ClassVar = []

            async def append(self, batch, progress):
                self.written.append((batch, progress, loop.create_future()))
                return self.written[-1][2]

        slow = desk.uses(Slow(desk.store))
        for first in (1, 3, 5):
            batch = new_batch(2, first=first)
            await desk.broker.intake.publish(runner.inbox, runner.source_id, batch)
        numbers = [
            (batch.first_sequence, after.committed_sequence) for batch, after, _ in slow.written
        ]
        assert numbers == [(1, 2), (3, 4), (5, 6)]
        assert runner.answers() == [answers.Opened(0)]
        slow.written[1][2].set_exception(StoreError("the disk is full"))
        slow.written[2][2].set_exception(StoreError("it does not follow"))
        await asyncio.sleep(0.01)
        assert runner.answers() == []
        slow.written[0][2].set_result(1)
        await desk.settled()
        acked, *errors = runner.answers()
        for act in (runner.finish(6), runner.skip(5, 2)):  # were on their way, and do not count
            with pytest.raises(Unavailable):
                await act
        assert acked == answers.Acked(2)
        assert [type(error) for error in errors] == [Unavailable, Unavailable]
        assert (await desk.broker.get_summary(run.run_id)).hits.count == 2
        desk.uses(desk.store)
        await desk.store.save_source(slow.written[0][1], after=0)
        await runner.open(anew=True)
        await runner.publish(4, first=3)
        assert runner.answers() == [answers.Opened(2), answers.Acked(6)]

    at_desk(use)


def test_a_run_that_cannot_be_stored_is_not_started(at_desk):
    """Nobody is told of a run that a restart would forget."""

    async def use(desk):
        desk.agent()
        desk.uses(Failing(desk.store, "save_run"))
        with pytest.raises(Unavailable, match="the disk is full"):
            await desk.start()
        assert desk.agent().orders() == []
        assert desk.broker.agents()[0].state is AgentState.IDLE
        assert desk.broker.info().active_runs == 0

    at_desk(use)


def test_a_stop_that_cannot_be_stored_is_a_stop(at_desk):
    """Runners are told to stop even when the store fails, and the caller hears of the store."""

    async def use(desk):
        run = await desk.start()
        runner = await desk.runner(run)
        desk.uses(Failing(desk.store, "save_run"))
        with pytest.raises(Unavailable):
            await desk.broker.stop_run(run.run_id, StopMode.GRACEFUL)
        assert answers.StopUsers(30.0) in runner.answers()
        assert ("stop", run.run_id, "GRACEFUL") in desk.agent().orders()

    at_desk(use)


def test_an_end_that_a_defect_keeps_from_being_stored_is_an_end(at_desk, caplog):
    """Watchers and agents are let go when a result can never be stored, and it is logged."""

    async def use(desk):
        run = await desk.start()
        runner = await desk.runner(run)
        runner.ready(1)
        await desk.settled()

        class Broken(Failing):
            async def save_run(self, record, *, patient=False):
                raise ValueError("a defect")

        desk.uses(Broken(desk.store))
        watching = asyncio.create_task(desk.over(run))
        await asyncio.sleep(0)
        await runner.ends()
        with pytest.raises(Unavailable, match="a defect of the broker"):
            await watching
        assert desk.broker.agents()[0].state is AgentState.IDLE

    at_desk(use)
    assert "a defect" in caplog.text


def test_an_end_that_could_not_be_stored_is_stored_later(at_desk, monkeypatch):
    """A result that the store did not take is kept, and stored and shown when the store can again.

    Agents do not wait for that.
    """
    monkeypatch.setattr(module, "TICK_S", 0.001)

    async def use(desk):
        run = await desk.start()
        runner = await desk.runner(run)
        runner.ready(1)
        await desk.settled()
        stored = asyncio.Event()

        class Recovering(Failing):
            async def save_run(self, record, *, patient=False):
                if self.names:
                    raise StoreError("the disk is full")
                await self.inner.save_run(record)
                stored.set()

        failing = desk.uses(Recovering(desk.store, "disk"))
        watching = asyncio.create_task(desk.over(run))
        await runner.ends()
        await asyncio.sleep(0.01)
        assert desk.broker.agents()[0].state is AgentState.IDLE
        assert (await desk.broker.get_run(run.run_id)).state is RunState.RUNNING
        assert (await desk.broker.get_summary(run.run_id)).state is RunState.RUNNING
        assert (await desk.store.get_run(run.run_id)).state is RunState.RUNNING
        assert not watching.done()
        failing.names.clear()
        await stored.wait()
        assert (await watching).state is RunState.FINISHED
        assert desk.broker.info().active_runs == 0
        assert (await desk.store.get_run(run.run_id)).state is RunState.FINISHED
        assert (await desk.broker.get_summary(run.run_id)).state is RunState.FINISHED

    at_desk(use)


def test_many_acks_are_one(at_desk):
    """Acks that nobody has read yet are one ack, the newest; other answers keep their order."""

    async def use(desk):
        run = await desk.start()
        runner = await desk.runner(run)
        for first in range(1, 6):
            await runner.publish(1, first=first)
        await runner.finish(5)
        assert runner.answers() == [
            answers.Opened(0),
            answers.Acked(5),
            answers.Finished(committed=5, rejected=0, lost=0),
        ]
        await runner.publish(1, first=1)
        assert runner.answers() == [answers.Acked(5)]

    at_desk(use)


def test_batches_need_not_be_kept(at_desk, tmp_path):
    """A broker that keeps no batches counts them all the same, and stores how far it is."""

    async def use(desk):
        run = await desk.start()
        runner = await desk.runner(run)
        runner.ready(1)
        for first in (1, 3, 4):
            await runner.publish(3, first=first)
        assert [batch async for batch in desk.store.batches(run.run_id)] == []
        assert [source.committed for source in await desk.store.sources(run.run_id)] == [6]
        assert (await desk.broker.get_summary(run.run_id)).hits.count == 6

    at_desk(use, keep_batches=False)


def test_a_counter_of_any_size_does_not_break_the_summary(at_desk):
    """Increments beyond 64 bits end in a summary that can be stored and shown."""

    async def use(desk):
        run = await desk.start()
        runner = await desk.runner(run)
        runner.ready(1)
        from loadgrpc.v1 import runner_pb2

        message = runner_pb2.EventBatch(first_sequence=1)
        for _ in range(3):
            message.events.add().counter.name = "c"
            message.events[-1].counter.increment = 2**63 - 1
        await desk.broker.intake.publish(runner.inbox, runner.source_id, message)
        await runner.ends(3)
        await desk.settled()
        summary = await desk.broker.get_summary(run.run_id)
        assert summary.counters == {"c": 2**63 - 1}

    at_desk(use)


def test_the_broker_tells_about_itself(at_desk):
    """Its store is named, its agents and its active runs are counted."""

    async def use(desk):
        await desk.start("a1")
        desk.agent("a2")
        info = desk.broker.info()
        assert (info.store, info.agents, info.active_runs) == ("test", 2, 1)
        assert info.start_time_ns == desk.clock.wall_ns()
        assert replace(info, pid=0, hostname="") != info

    at_desk(use)


def test_the_store_double_is_no_store():
    """What the doubles here replace is there: a renamed method would make them useless."""
    for name in ("append", "save_source", "save_run"):
        assert callable(getattr(Store, name))
