"""What follows from what happens to a run, as lists: no store, no clock, no loop."""

import logging

import pytest

from loadgrpc.broker import life, resume
from loadgrpc.broker.common_begin import BEGIN_IN_NS
from loadgrpc.broker.happened import (
    AgentAway,
    AgentBack,
    AgentGone,
    AgentReady,
    Began,
    CycleStored,
    Resumed,
    RunnerExited,
    SourceFinished,
    SourceOpened,
    SourceReady,
    StatesReported,
    StopAsked,
    TimePassed,
    UsersHeldBack,
)
from loadgrpc.broker.inbox import Source
from loadgrpc.broker.life import Close, GiveUp, Log, Order, Release, Reply, Save
from loadgrpc.broker.part import Part
from loadgrpc.broker.records import change_from_record, change_to_record
from loadgrpc.broker.run import ActiveRun
from loadgrpc.broker.split import assignments
from loadgrpc.model import (
    AssignmentState,
    ChangeKind,
    CustomState,
    ExceptionInfo,
    Run,
    RunnerMode,
    RunState,
    SourceId,
    StopMode,
)
from loadgrpc.protocol import answers
from loadgrpc.protocol.fleet import (
    HeldBack,
    Registration,
    StartProcesses,
    StartRunners,
    StopRunners,
)
from loadgrpc.stats.load_text import stages
from loadgrpc.testing import plan_of

NS = 1_000_000_000
STARTING, RUNNING, STOPPING, FINISHED, STOPPED, FAILED, *_ = RunState
GRACEFUL, KILL = StopMode


class Life:
    """A run that things happen to; what follows comes back as a list, without what is logged."""

    def __init__(self, *agent_ids, **plan):
        self.agent_ids = agent_ids or ("a1",)
        plan = {"test": "t", "agents": len(self.agent_ids), "iterations": (1,), **plan}
        run = Run(
            run_id="r",
            state=STARTING,
            plan=plan_of(**plan),
            create_time_ns=1,
            agent_ids=self.agent_ids,
        )
        shares = assignments(run.plan, "r", self.agent_ids)
        self.run = ActiveRun(run, [Part(share, "host") for share in shares])
        self.now = life.Now(100 * NS, 50 * NS)
        self.logged = []

    @property
    def state(self):
        """Where the run is."""
        return self.run.run.state

    @property
    def parts(self):
        """Where its parts are."""
        return [part.state.name for part in self.run.parts.values()]

    def happens(self, event):
        """Lets something happen."""
        commands = life.step(self.run, event, self.now)
        self.logged += [each for each in commands if isinstance(each, Log)]
        return [each for each in commands if not isinstance(each, Log)]

    def later(self, seconds):
        """Lets time pass."""
        self.now = life.Now(*(each + round(seconds * NS) for each in self.now))

    def source(self, agent_id="a1", runner_id="x", *, barrier=True):
        """A source that is about to open."""
        source_id = SourceId("r", agent_id, runner_id)
        source = Source(source_id, barrier=barrier)
        self.run.add_source(self.run.parts[agent_id, ""], source)
        return source_id

    def begun(self, **how):
        """A run whose runners are open and ready for the first cycle; their sources."""
        self.happens(Began(self.agent_ids))
        sources = [self.source(agent_id, **how) for agent_id in self.agent_ids]
        for source_id in sources:
            self.happens(SourceOpened(source_id))
            self.happens(SourceReady(source_id, 1))
        return sources

    def start(self, agent_id="a1"):
        """The order to begin its part."""
        return Order(agent_id, StartRunners(self.run.parts[agent_id, ""].assignment))


def test_a_run_begins_with_an_order_for_each_agent():
    """And with a lost part for each that is not there any more."""
    its = Life("a1", "a2", users=(2,))
    assert its.happens(Began({"a1"})) == [its.start("a1"), Save()]
    assert its.parts == ["STARTING", "LOST"]
    assert [(each.level, each.words) for each in its.logged] == [
        (logging.WARNING, "lost agent a2: it left before its part began")
    ]


def test_a_run_without_its_agents_is_over():
    """Every part is lost before it began."""
    its = Life("a1")
    assert its.happens(Began(())) == [Save(), Close()]
    assert its.state is FAILED


def test_a_cycle_begins_when_every_part_is_ready_and_that_is_stored():
    """Nobody is told before it is stored; then every source that waits."""
    its = Life("a1", "a2", users=(2,))
    its.happens(Began({"a1", "a2"}))
    one, two = its.source("a1"), its.source("a2")
    assert its.happens(SourceOpened(one)) == []
    assert its.happens(SourceReady(one, 1)) == []
    assert its.state is STARTING
    assert its.happens(SourceReady(two, 1)) == [Save(then=CycleStored())]
    assert its.state is RUNNING
    start = answers.StartCycle(1)
    assert its.happens(CycleStored()) == [Reply(one, start), Reply(two, start)]


def test_a_load_of_several_agents_begins_at_one_instant():
    """By each agent's own clock; a clock that is not known, or a single agent, begins at once."""
    its = Life("a1", "a2", "a3", load=stages("20/s for 10s"))
    one, two, three = its.begun()
    its.run.note_clock("a1", 180 * NS)
    its.run.note_clock("a2", -3)
    begin_ns = its.now.wall_ns + BEGIN_IN_NS
    assert its.happens(CycleStored()) == [
        Reply(one, answers.StartCycle(1, begin_ns + 180 * NS)),
        Reply(two, answers.StartCycle(1, begin_ns - 3)),
        Reply(three, answers.StartCycle(1)),
    ]
    its.later(1)
    assert its.run.common_begin.at(-3) == begin_ns - 3  # for who missed the order

    alone = Life("a1", load=stages("20/s for 10s"))
    (source_id,) = alone.begun()
    alone.run.note_clock("a1", 0)
    assert alone.happens(CycleStored()) == [Reply(source_id, answers.StartCycle(1))]


def test_a_runner_that_waits_for_nobody_makes_its_run_running():
    """It is told nothing."""
    its = Life()
    its.happens(Began({"a1"}))
    source_id = its.source(barrier=False)
    assert its.happens(SourceOpened(source_id)) == [Save(then=CycleStored())]
    assert (its.state, its.parts) == (RUNNING, ["RUNNING"])
    assert its.happens(CycleStored()) == []


def test_where_each_user_is_a_process_the_agent_starts_them():
    """When the cycle is stored, or at once when it missed the order."""
    its = Life(test_runner="./r", users=(3,))
    its.happens(Began({"a1"}))
    assert its.happens(AgentReady("a1", "", 1)) == [Save(then=CycleStored())]
    order = Order("a1", StartProcesses("r", "", 1))
    assert its.happens(CycleStored()) == [order]
    assert its.happens(AgentReady("a1", "", 1)) == [order]


@pytest.mark.parametrize(("status", "state"), [(0, FINISHED), (1, FAILED)])
def test_a_run_ends_with_its_last_part(status, state):
    """The agent is free, and the result is made."""
    its = Life("a1", "a2", users=(2,))
    its.begun()
    exited = {"scenario": "", "runner_id": "x", "exit_status": status}
    assert its.happens(RunnerExited(agent_id="a1", **exited)) == [Release("a1")]
    assert its.state is RUNNING
    assert its.happens(RunnerExited(agent_id="a2", **exited)) == [Release("a2"), Close()]
    assert its.state is state


def test_a_part_goes_on_until_its_last_runner():
    """An exit of one of many changes no state."""
    its = Life(test_runner="./r", users=(3,))
    its.happens(Began({"a1"}))
    its.happens(AgentReady("a1", "", 1))
    for number in range(2):
        exited = RunnerExited(agent_id="a1", scenario="", runner_id=f"x{number}", last=False)
        assert its.happens(exited) == []
    assert its.parts == ["RUNNING"]
    last = RunnerExited(agent_id="a1", scenario="", runner_id="x2")
    assert its.happens(last) == [Release("a1"), Close()]


def test_a_stop_goes_two_ways_and_is_stored():
    """To the runners on their streams, and to the agents; the answer waits for the store."""
    its = Life("a1", "a2", users=(2,), stop_timeout_s=7.0)
    one, two = its.begun()
    its.happens(CycleStored())
    stop = answers.StopUsers(7.0)
    assert its.happens(StopAsked(GRACEFUL, "somebody")) == [
        Reply(one, stop),
        Reply(two, stop),
        Order("a1", StopRunners("r", GRACEFUL, 7.0)),
        Order("a2", StopRunners("r", GRACEFUL, 7.0)),
        Save(patient=False),
    ]
    assert its.state is STOPPING
    notes = [each.reason for each in its.run.log.unwritten if each.kind.name == "NOTE"]
    assert notes == ["somebody asked to stop the run"]


def test_a_kill_after_a_stop_is_a_kill_and_stays_one():
    """A later, milder stop takes nothing back."""
    its = Life()
    its.begun()
    for mode, stopping in ((GRACEFUL, GRACEFUL), (KILL, KILL), (GRACEFUL, KILL)):
        commands = its.happens(StopAsked(mode))
        assert Order("a1", StopRunners("r", mode, 30.0)) in commands
        assert its.run.stopping is stopping


def test_a_run_that_is_stopped_before_its_cycle_is_stored_starts_nobody():
    """The write was under way."""
    its = Life()
    its.happens(Began({"a1"}))
    assert its.happens(SourceReady(its.source(), 1)) == [Save(then=CycleStored())]
    its.happens(StopAsked(GRACEFUL))
    assert its.happens(CycleStored()) == []


def test_a_run_that_is_over_is_not_stopped():
    """Nothing follows."""
    its = Life()
    its.happens(Began(()))
    assert its.happens(StopAsked(KILL)) == []
    assert its.state is FAILED


def test_an_agent_that_is_gone_loses_its_part():
    """The others go on, and are let into the cycle."""
    its = Life("a1", "a2", users=(2,))
    its.happens(Began({"a1", "a2"}))
    its.happens(SourceReady(its.source("a1"), 1))
    gone = AgentGone("a2", "it left", 90 * NS)
    assert its.happens(gone) == [Save(), Save(then=CycleStored())]
    assert its.parts == ["RUNNING", "LOST"]
    assert its.run.parts["a2", ""].end_time_ns == 90 * NS


def test_an_agent_that_comes_back_goes_on():
    """It is in the log once, and told to stop if that was missed."""
    its = Life()
    its.begun()
    assert its.happens(AgentAway("a1")) == [Save()]
    assert its.happens(AgentAway("a1")) == []
    back = AgentBack(registration("a1", "r"), 90 * NS)
    assert its.happens(back) == [Save()]
    assert its.happens(back) == []
    its.happens(StopAsked(GRACEFUL))
    assert its.happens(back) == [Order("a1", StopRunners("r", GRACEFUL, 30.0))]


def test_an_agent_that_was_restarted_has_lost_its_part():
    """It holds nothing any more, and the message of the end may have been lost."""
    its = Life()
    its.begun()
    assert its.happens(AgentBack(registration("a1"), 90 * NS)) == [
        Release("a1"),
        Close(),
        Save(),
    ]
    assert its.parts == ["LOST"]
    assert its.run.parts["a1", ""].end_time_ns == 90 * NS


def test_an_agent_that_may_not_have_been_told_is_told():
    """A broker that goes on with a run does not know if the order was sent."""
    its = Life()
    its.run.parts["a1", ""].unsure = True
    assert its.happens(Resumed()) == [Save()]
    assert its.happens(AgentBack(registration("a1"), 90 * NS)) == [its.start("a1")]
    assert its.parts == ["STARTING"]


def test_a_test_that_cannot_be_loaded_stops_the_others():
    """What was wrong is noted once; the run ends with its runners."""
    its = Life("a1", "a2", users=(2,))
    its.happens(Began({"a1", "a2"}))
    one = its.source("a1")
    error = ExceptionInfo(type="ImportError", message="no module")
    commands = its.happens(SourceFinished(one, error))
    stop = [Order(agent_id, StopRunners("r", GRACEFUL, 30.0)) for agent_id in ("a1", "a2")]
    assert commands == [Reply(one, answers.StopUsers(30.0)), *stop, Save()]
    assert its.happens(SourceFinished(one, error)) == []
    its.run.part_of(one).sources[one].ledger.finish(0)
    for agent_id in ("a1", "a2"):
        its.happens(RunnerExited(agent_id=agent_id, scenario="", runner_id="x"))
    assert its.parts == ["LOAD_FAILED", "FINISHED_UNVERIFIED"]
    assert its.state is FAILED


def test_a_part_by_hand_ends_when_its_runners_have_finished():
    """Its agent is let go, because no process of its ends."""
    its = Life(runner_mode=RunnerMode.BY_HAND, test_runner="")
    its.happens(Began({"a1"}))
    source_id = its.source()
    its.happens(SourceReady(source_id, 1))
    its.run.part_of(source_id).sources[source_id].ledger.finish(0)
    assert its.happens(SourceFinished(source_id)) == [
        Release("a1"),
        Close(),
        Order("a1", StopRunners("r", GRACEFUL, 0.0, "")),
    ]


def test_a_part_that_does_not_begin_is_given_up():
    """After ten minutes, if its agent is there: one that is not has a lease."""
    its = Life()
    its.happens(Began({"a1"}))
    its.later(601)
    assert its.happens(TimePassed(())) == []
    assert its.happens(TimePassed({"a1"})) == [
        GiveUp("a1"),
        Order("a1", StopRunners("r", KILL, 0.0, "")),
        Save(),
        Close(),
    ]
    assert its.parts == ["LOST"]
    assert its.happens(TimePassed({"a1"})) == []


def test_every_event_has_its_rule():
    """What can happen is what is decided about; anything else is a defect."""
    decided = set(life._decide.registry) - {object}
    assert decided == set(life.Event.__args__)
    with pytest.raises(TypeError, match="no event"):
        life.step(Life().run, object(), life.Now(0, 0))


def test_states_of_parts_are_as_the_run_is_over():
    """A part that is over is never touched again: late messages change nothing."""
    its = Life()
    (source_id,) = its.begun()
    its.happens(AgentGone("a1", "it left", 90 * NS))
    assert its.happens(AgentReady("a1", "", 1)) == []
    assert its.happens(AgentGone("a1", "again", 91 * NS)) == []
    assert its.run.part_of(source_id).state is AssignmentState.LOST


def registration(agent_id, *run_ids):
    """What an agent says when it connects; it holds parts of these runs."""
    return Registration(
        agent_id=agent_id, hostname="h", pid=1, version="1", cores=1, run_ids=run_ids
    )


def test_users_that_waited_are_part_of_what_a_part_did():
    """The agent says it again on each stream; it counts no more users than there are."""
    its = Life("a1", users=(20,), test_runner="./x")
    its.begun()
    part = its.run.parts["a1", ""]
    held = HeldBack(total=5_000, most=5, waiting=15)
    assert its.happens(UsersHeldBack("a1", "", held)) == []
    assert part.held_back == HeldBack(total=20, most=5, waiting=15)
    began_ns = its.now.wall_ns
    its.later(3)
    its.happens(UsersHeldBack("a1", "", HeldBack(total=15, most=5, waiting=1)))
    assert part.waiting_since_ns == began_ns
    its.happens(UsersHeldBack("a1", "", HeldBack(total=15, most=5)))
    assert part.why_held_back() == (
        "15 of 20 users had to wait for others to end: agent a1 runs at most 5 processes at once"
    )


def test_users_that_waited_are_known_to_the_next_broker():
    """What is stored of a part says it, without those that waited just then."""
    its = Life("a1", users=(20,), test_runner="./x")
    its.happens(UsersHeldBack("a1", "", HeldBack(total=15, most=5, waiting=3)))
    kept = resume.to_bytes(its.run)
    again = resume.from_bytes(its.run.run, "", kept, sources=[], log=its.run.log, ends=[])

    assert again.parts["a1", ""].held_back == HeldBack(total=15, most=5)


def test_what_a_test_is_doing_is_a_change_of_the_run():
    """A note, with the state itself; one that says nothing new is none, and none comes later."""
    its = Life("a1")
    its.begun()
    warming = CustomState("warming", (("pool", "3"),))
    assert its.happens(StatesReported(("a1", ""), (warming, warming))) == [Save()]
    assert its.happens(StatesReported(("a1", ""), (warming,))) == []
    change = its.run.log.unwritten[-1]
    assert (change.kind, change.agent_id, change.custom_state) == (ChangeKind.NOTE, "a1", warming)
    assert change.reason == "agent a1: warming (pool=3)"
    assert change_from_record(change_to_record(change)) == change
