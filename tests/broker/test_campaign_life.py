"""The life of campaigns: a table that is total, gates, stops, replacements, verdicts."""

import random

import pytest

from loadgrpc import campaign as compose
from loadgrpc.broker import campaign_life as life
from loadgrpc.broker.state import IllegalEventError
from loadgrpc.broker.step_life import GATES, STEP_TRANSITIONS, StepEvent
from loadgrpc.design import DecisionTable
from loadgrpc.design.files import read_markdown
from loadgrpc.model import (
    After,
    CampaignState,
    HitFigures,
    ObserverChoice,
    RunState,
    Step,
    StepGate,
    StepResult,
    StepState,
    StepStatus,
    Verdict,
)
from loadgrpc.testing import plan_of

S = 10**9
PLAN = plan_of(test="a.B.c")


def result(code=0, reason=""):
    """What came out of a run."""
    return StepResult(
        state=RunState.FINISHED,
        verdict=Verdict(exit_code=code, reason=reason),
        hits=HitFigures(count=7),
    )


class Course:
    """A campaign that takes its course."""

    def __init__(self, work, **more):
        self.now = 1_000 * S
        self.campaign = life.begun("c-1", compose.of(work, **more), self.now)

    def happens(self, *events):
        """Something happens to it, a second later."""
        for event in events:
            self.now += S
            self.campaign = life.step(self.campaign, event, self.now)
        return self

    def started(self, *names):
        """The runs of steps are there."""
        return self.happens(*(life.RunStarted(name, f"r-{name}") for name in names))

    def over(self, name, code=0, reason=""):
        """The run of a step is over."""
        return self.happens(life.RunOver(name, result(code, reason)))

    @property
    def states(self):
        """The states of its steps, by name."""
        return {status.name: status.state.name for status in self.campaign.steps}

    @property
    def due(self):
        """What is to be done, in short."""
        return [(type(each).__name__, each.step) for each in life.due(self.campaign, self.now)]


def run(name):
    """A step."""
    return compose.run(PLAN, name=name)


def test_the_table_is_total():
    """Each state has a row; all are reached; nothing but final states is a dead end."""
    assert STEP_TRANSITIONS.keys() == set(StepState)
    reached = {StepState.WAITING}
    while more := {s for at in reached for s in STEP_TRANSITIONS[at].values()} - reached:
        reached |= more
    assert reached == set(StepState)
    for state, row in STEP_TRANSITIONS.items():
        assert StepEvent.STOP_ASKED in row
        assert state.final is (set(row.values()) == {state})


@pytest.mark.parametrize("state", StepState)
@pytest.mark.parametrize("event", StepEvent)
def test_what_cannot_happen_is_a_defect(state, event):
    """An event without a cell raises; one with a cell leads where the table says."""
    course = Course(run("a"))
    status = StepStatus(name="a", state=state)
    there = life._with(course.campaign, status)
    if event in STEP_TRANSITIONS[state]:
        moved = life._moved(there, "a", event, course.now)
        assert moved.by_name["a"].state is STEP_TRANSITIONS[state][event]
    else:
        with pytest.raises(IllegalEventError, match=f"of a step that is {state.name}"):
            life._moved(there, "a", event, course.now)


def test_gates_are_the_documented_table():
    """Which gates are open behind which state is a decision table without gaps."""
    table = DecisionTable.of(
        read_markdown(
            """
        | gate   | state            | action |
        | ------ | ---------------- | ------ |
        | passed | PASSED           | open   |
        | passed | FAILED, SKIPPED  | closed |
        | failed | FAILED           | open   |
        | failed | PASSED, SKIPPED  | closed |
        | over   | PASSED, FAILED, SKIPPED | open |
        | -      | CANCELLED        | closed |
        """
        )
    )
    assert not table.check().gaps
    for gate in StepGate:
        for state in StepState:
            if state.final:
                given = {"gate": gate.name.lower(), "state": state.name}
                word = "open" if state in GATES[gate] else "closed"
                assert table.decide(given).actions == {"action": word}


def test_a_chain():
    """One after another; when one fails, the others are skipped, each with its reason."""
    course = Course(compose.chain(run("a"), run("b"), run("c")))
    assert course.due == [("StartRun", "a")]
    course.started("a")
    assert course.due == [("WatchRun", "a")]
    course.over("a")
    assert course.due == [("StartRun", "b")]
    course.started("b").over("b", 1, "2 iterations failed")
    assert course.states == {"a": "PASSED", "b": "FAILED", "c": "SKIPPED"}
    assert course.campaign.by_name["c"].reason == "step b did not pass"
    assert course.campaign.state is CampaignState.FINISHED
    assert course.campaign.verdict == Verdict(exit_code=1, reason="step b: 2 iterations failed")


def test_a_chain_that_goes_on():
    """`continue`: the next one begins whatever became of the one before."""
    course = Course(compose.chain(run("a"), run("b"), on_failure="continue"))
    course.happens(life.RunNotStarted("a", "no agents within an hour"))
    assert course.due == [("StartRun", "b")]
    course.started("b").over("b")
    assert course.states == {"a": "FAILED", "b": "PASSED"}
    judged = course.campaign.verdict
    assert (judged.exit_code, judged.reason) == (4, "step a: no agents within an hour")


def test_a_group_and_a_chord():
    """Side by side; what comes after all of them gets their results."""
    work = compose.chord(compose.group(run("a"), run("b"), run("c")), run("body"))
    course = Course(work)
    assert course.due == [("StartRun", "a"), ("StartRun", "b"), ("StartRun", "c")]
    course.started("a", "b", "c").over("b").over("c")
    assert course.states["body"] == "WAITING"
    course.over("a")
    assert course.due == [("StartRun", "body")]
    assert course.campaign.spec.step("body").results
    known = life.results_of(course.campaign, "body")
    told = compose.results({compose.RESULTS_ENV: compose.as_text(known.values())})
    assert {name: (each.passed, each.hits) for name, each in told.items()} == {
        "a": (True, 7),
        "b": (True, 7),
        "c": (True, 7),
    }


def test_gates_on_verdicts():
    """What comes after one that passed, failed, or ended with a certain code; one way is taken."""
    work = compose.chain(
        compose.gate(
            run("probe"),
            passed=run("load"),
            failed=run("look"),
            exit_codes={(99,): run("tune")},
        ),
        run("after"),
    )
    course = Course(work).started("probe").over("probe", 99, "p95 was crossed")
    assert course.states == {
        "probe": "FAILED",
        "load": "SKIPPED",
        "look": "READY",
        "tune": "READY",
        "after": "WAITING",
    }
    course.started("look", "tune").over("look", 1).over("tune")
    assert course.states["after"] == "READY"
    course = Course(work).started("probe").over("probe")
    course.started("load").over("load", 1)
    assert course.states["after"] == "SKIPPED"
    reason = course.campaign.by_name["after"].reason
    assert reason == "step load did not pass and step look did not pass and step tune did not pass"


def test_a_start_under_way_is_asked_for_again_under_the_same_name():
    """READY means that the run may be there: the request says whether it is."""
    course = Course(run("a"))
    (first,) = life.due(course.campaign, course.now)
    course.happens(life.RunWaits("a", "1 agent asked for, but 0 idle"))
    (again,) = life.due(course.campaign, course.now)
    assert first.request_id == again.request_id == "c-1/a/1"
    assert course.campaign.by_name["a"].reason == "1 agent asked for, but 0 idle"


def test_a_run_in_the_queue():
    """It is the step's from the beginning; it is looked at and stopped like any other."""
    course = Course(run("a")).happens(life.RunWaits("a", "1 of 1 in the queue", "r-1"))
    assert course.states == {"a": "READY"}
    assert course.campaign.by_name["a"].run_id == "r-1"
    assert course.due == [("WatchRun", "a")]
    stopped = Course(run("a")).happens(life.RunWaits("a", "1 of 1 in the queue", "r-1"))
    stopped.happens(life.CampaignStopAsked("why"))
    assert next(life.due(stopped.campaign, 0)) == life.WatchRun("a", "r-1", stop=True)
    course.happens(life.RunWaits("a", "needs 2 agents"))
    assert course.campaign.by_name["a"].run_id == "r-1"
    course.happens(life.RunStarted("a", "r-1")).over("a")
    assert course.states == {"a": "PASSED"}


def test_waiting_for_agents_has_an_end():
    """A step that has waited for as long as the campaign says is overdue."""
    course = Course(run("a"), start_timeout_s=60.0)
    assert [each.overdue for each in life.due(course.campaign, 1_059 * S)] == [False]
    assert [each.overdue for each in life.due(course.campaign, 1_060 * S)] == [True]


def test_a_stop():
    """Active runs are stopped, what waits is cancelled, and what may be there is looked for."""
    work = compose.group(run("a"), run("b"), compose.chain(run("c"), run("d")))
    course = Course(work).started("a").happens(life.RunStarted("c", "r-c"))
    course.happens(life.CampaignStopAsked("somebody asked to stop it"))
    assert course.states == {
        "a": "STOPPING",
        "b": "STOPPING",
        "c": "STOPPING",
        "d": "CANCELLED",
    }
    assert course.due == [("WatchRun", "a"), ("FindRun", "b"), ("WatchRun", "c")]
    assert all(each.stop for each in life.due(course.campaign, 0) if hasattr(each, "stop"))
    course.happens(life.RunNotStarted("b", "")).over("a", 105, "stopped").over("c")
    assert course.states["b"] == "CANCELLED"
    assert course.campaign.state is CampaignState.STOPPED
    assert course.campaign.verdict.exit_code == 105
    assert course.happens(life.CampaignStopAsked("again")).campaign.state is CampaignState.STOPPED


def test_a_run_that_is_replaced():
    """It is stopped, its successor begins when it is over, and watchers keep the step."""
    observer = ObserverChoice(name="irc")
    plan = plan_of(test="a.B.c", observers=(observer,))
    work = compose.chain(compose.run(plan, name="a"), run("b"))
    course = Course(work).started("a")
    other = plan_of(test="x.Y.z")
    course.happens(life.PlanReplaced("a", other, "somebody replaced its plan"))
    assert course.states == {"a": "REPLACING", "b": "WAITING"}
    (command,) = life.due(course.campaign, course.now)
    assert (command.run_id, command.stop) == ("r-a", True)
    course.over("a", 105, "stopped")
    (command,) = life.due(course.campaign, course.now)
    assert (command.request_id, command.plan.label) == ("c-1/a/2", "x.Y.z")
    assert command.plan.observers == (observer,)
    course.happens(life.RunStarted("a", "r-second")).over("a")
    status = course.campaign.by_name["a"]
    assert (status.state, status.run_id, status.replaced) == (
        StepState.PASSED,
        "r-second",
        ("r-a",),
    )
    assert course.due == [("StartRun", "b")]


def test_replaced_before_it_was_known_to_be_there():
    """The run that was asked for before is looked for, under its own name, and not forgotten."""
    course = Course(run("a")).happens(life.PlanReplaced("a", PLAN, "why"))
    (command,) = life.due(course.campaign, course.now)
    assert (type(command).__name__, command.request_id) == ("FindRun", "c-1/a/1")
    course.happens(life.RunNotStarted("a", ""))
    (command,) = life.due(course.campaign, course.now)
    assert (type(command).__name__, command.request_id) == ("StartRun", "c-1/a/2")
    # Stopped while it is being replaced: the one before is still the one to look for.
    course = Course(run("a")).happens(
        life.PlanReplaced("a", PLAN, "why"), life.CampaignStopAsked("by")
    )
    (command,) = life.due(course.campaign, course.now)
    assert (type(command).__name__, command.request_id) == ("FindRun", "c-1/a/1")


def test_a_plan_that_is_replaced_before_its_turn():
    """Nothing is stopped: the step has another plan when it begins."""
    course = Course(compose.chain(run("a"), run("b")))
    course.happens(life.PlanReplaced("b", plan_of(test="x.Y.z"), "why"))
    assert course.states == {"a": "READY", "b": "WAITING"}
    course.started("a").over("a")
    (command,) = life.due(course.campaign, course.now)
    assert (command.plan.label, command.request_id) == ("x.Y.z", "c-1/b/2")


def test_an_observer_that_is_a_step():
    """It is notified once it is stored that this begins; giving it up fails no run."""
    work = compose.chord(
        compose.group(run("a"), run("b")), compose.notify(ObserverChoice(name="irc"))
    )
    course = Course(work).started("a", "b").over("a").over("b")
    (command,) = life.due(course.campaign, course.now)
    assert not command.begun
    course.happens(life.NotifyBegan("irc"))
    (command,) = life.due(course.campaign, course.now)
    assert command.begun
    course.happens(life.Notified("irc", "nobody listens"))
    assert course.states["irc"] == "FAILED"
    assert course.campaign.verdict == Verdict(exit_code=0)


def test_the_worst_verdict_counts():
    """By the table of verdicts, whatever the order of the steps, with how many more there are."""
    names = "abcd"
    course = Course(compose.group(*map(run, names))).started(*names)
    for name, code in zip(names, (1, 107, 0, 99), strict=True):
        course.over(name, code, f"code {code}")
    assert course.campaign.verdict == Verdict(
        exit_code=107, reason="step b: code 107; 2 more did not pass"
    )


class World:
    """Runs that are started once for each request, and that end somehow."""

    def __init__(self, rng):
        self.rng = rng
        self.runs = {}

    def does(self, course, command):
        """What comes of a command; nothing, sometimes."""
        rng = self.rng
        match command:
            case life.StartRun(name) if rng.random() < 0.1:
                course.happens(life.RunNotStarted(name, "why"))
            case life.StartRun(name, _, request_id) if rng.random() < 0.8:
                known = self.runs.setdefault(request_id, f"r-{len(self.runs)}")
                course.happens(life.RunStarted(name, known))
            case life.FindRun(name, request_id) if request_id in self.runs:
                course.happens(life.RunStarted(name, self.runs[request_id]))
            case life.FindRun(name):
                course.happens(life.RunNotStarted(name, ""))
            case life.WatchRun(name):
                course.over(name, rng.choice((0, 0, 0, 1, 99)))

    def interferes(self, course):
        """Somebody stops the campaign, or replaces a step."""
        rng = self.rng
        if rng.random() < 0.02:
            course.happens(life.CampaignStopAsked("why"))
        status = rng.choice(course.campaign.steps)
        if StepEvent.REPLACED in STEP_TRANSITIONS[status.state] and rng.random() < 0.1:
            course.happens(life.PlanReplaced(status.name, PLAN, "why"))


def some_graph(rng):
    """Steps that come after some of those before them, by gates of all kinds."""
    steps, names = [], [f"s{at}" for at in range(rng.randint(2, 12))]
    for at, name in enumerate(names):
        after = tuple(
            After(
                step=each,
                gate=rng.choice(list(StepGate)),
                exit_codes=(99,) if rng.random() < 0.1 else (),
            )
            for each in rng.sample(names[:at], rng.randint(0, min(at, 3)))
        )
        steps.append(Step(name=name, plan=PLAN, after=after, any_of=rng.random() < 0.3))
    return compose.Fragment(tuple(steps), (), ())


@pytest.mark.parametrize("seed", range(50))
def test_all_steps_end_and_no_run_is_forgotten(seed):
    """Whatever the graph, the verdicts, stops and replacements: each run started is a step's."""
    rng = random.Random(seed)
    course, world = Course(some_graph(rng)), World(rng)
    for _ in range(500):
        if course.campaign.state.final:
            break
        world.interferes(course)
        commands = list(life.due(course.campaign, course.now))
        assert commands or course.campaign.state.final
        if commands:
            world.does(course, rng.choice(commands))
    assert course.campaign.state.final
    owned = [each.run_id for each in course.campaign.steps if each.run_id]
    owned += [run_id for each in course.campaign.steps for run_id in each.replaced]
    assert sorted(owned) == sorted(world.runs.values())
