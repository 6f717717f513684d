"""What task systems do with tasks that depend on each other, and campaigns do with runs.

Each test has the name of its row in docs/run-life.md.
"""

import pytest

from loadgrpc import campaign
from loadgrpc.broker import campaign_life as life
from loadgrpc.model import (
    ObserverChoice,
    RunState,
    StepResult,
    StepState,
    Verdict,
)
from loadgrpc.observers import Notice, Observer
from loadgrpc.testing import plan_of

PLAN = plan_of(test="a.B.c", iterations=(1,))
OTHER = plan_of(test="x.Y.z", iterations=(1,))


def run(name):
    """A step."""
    return campaign.run(PLAN, name=name)


def happens(found, *events):
    """A campaign after events."""
    for event in events:
        found = life.step(found, event, 5)
    return found


def over(name, code=0):
    """The run of a step is over."""
    verdict = Verdict(exit_code=code, reason="")
    return life.RunOver(name, StepResult(state=RunState.FINISHED, verdict=verdict))


def begun(work):
    """A campaign that begins."""
    return life.begun("c-1", campaign.of(work), 1)


def test_si():
    """A step takes nothing from the one before it, unless it asks for results: plans are values."""
    work = campaign.chain(run("a"), run("b"))
    assert not work.steps[1].results
    assert work.steps[1].plan == PLAN
    assert campaign.chain(run("a"), run("b")) == work


def test_chunks():
    """A hundred items in ten parts are ten runs, and all of the items."""
    work = campaign.chunks(PLAN, list(range(100)), 10, field="env.ITEMS")
    lists = [eval(dict(step.plan.env)["ITEMS"]) for step in work.steps]  # noqa: S307
    assert [len(each) for each in lists] == [10] * 10
    assert [item for each in lists for item in each] == list(range(100))


def test_map():
    """One plan over a hundred values is a hundred runs, side by side."""
    work = campaign.map(PLAN, "users", range(1, 101))
    assert [step.plan.users for step in work.steps] == [(number,) for number in range(1, 101)]
    assert not any(step.after for step in work.steps)


def test_starmap():
    """One plan over rows, each with values of several fields."""
    rows = [{"users": number, "agents": 2} for number in range(1, 101)]
    work = campaign.starmap(PLAN, rows)
    assert [(step.plan.users, step.plan.agents) for step in work.steps] == [
        ((number,), 2) for number in range(1, 101)
    ]


class Hooked(Observer):
    """Remembers which hooks were called."""

    def __init__(self):
        super().__init__({})
        self.called = []

    def on_success(self, notice):
        self.called.append("on_success")

    def on_failure(self, notice):
        self.called.append("on_failure")

    def after_return(self, notice):
        self.called.append("after_return")


def called(event, exit_code):
    """The hooks that are called of an event."""
    observer = Hooked()
    notice = Notice(notice_id="r/1", event=event, time_s=1.0, run_id="r", exit_code=exit_code)
    observer.notify(notice)
    return observer.called


def test_on_success():
    """A hook of a run that passed; one that did not calls another."""
    assert called("success", 0)[0] == "on_success"
    assert called("failure", 1)[0] == "on_failure"


def test_after_return():
    """A hook that is called last, however the run went."""
    assert called("end", 0) == ["on_success", "after_return"]
    assert called("end", 105) == ["on_failure", "after_return"]


def test_replace():
    """A run hands over to another: it is stopped, is no failure, and the other one counts."""
    found = happens(begun(run("a")), life.RunStarted("a", "r-1"))
    found = happens(found, life.PlanReplaced("a", OTHER, "why"))
    assert next(life.due(found, 9)) == life.WatchRun("a", "r-1", stop=True)
    found = happens(found, over("a", 105))
    command = next(life.due(found, 9))
    assert (command.plan, command.request_id) == (OTHER, "c-1/a/2")
    found = happens(found, life.RunStarted("a", "r-2"), over("a"))
    assert (found.by_name["a"].replaced, found.verdict.exit_code) == (("r-1",), 0)


@pytest.mark.parametrize(("code", "state"), [(0, StepState.READY), (1, StepState.SKIPPED)])
def test_replace_callback(code, state):
    """What comes after the run comes after the other one, which has its observers."""
    observed = plan_of(test="a.B.c", observers=(ObserverChoice(name="irc"),))
    work = campaign.chain(campaign.run(observed, name="a"), run("b"))
    found = happens(begun(work), life.RunStarted("a", "r-1"), life.PlanReplaced("a", OTHER, "why"))
    found = happens(found, over("a", 105))
    assert found.by_name["b"].state is StepState.WAITING
    assert found.spec.step("a").plan.observers == observed.observers
    found = happens(found, life.RunStarted("a", "r-2"), over("a", code))
    assert found.by_name["b"].state is state


def test_replace_group():
    """One of a group is replaced: the others go on, and the chord waits for the other one."""
    work = campaign.chord(campaign.group(run("a"), run("b")), run("body"))
    found = happens(begun(work), life.RunStarted("a", "r-1"), life.RunStarted("b", "r-2"))
    found = happens(found, life.PlanReplaced("a", OTHER, "why"), over("b"), over("a", 105))
    assert found.by_name["body"].state is StepState.WAITING
    found = happens(found, life.RunStarted("a", "r-3"), over("a"))
    told = campaign.results(
        {campaign.RESULTS_ENV: campaign.as_text(life.results_of(found, "body").values())}
    )
    assert {name: each.run_id for name, each in told.items()} == {"a": "r-3", "b": "r-2"}
    assert next(life.due(found, 9)).step == "body"
