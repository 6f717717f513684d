"""Pacing and think time: when the next iteration of a user is due, and what wakes it before."""

import unittest
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadgrpc.broker.split import assignments
from loadgrpc.case import TestCase as LoadgrpcCase
from loadgrpc.case import between, constant, exponential
from loadgrpc.errors import TestNotLoaded as NotLoaded
from loadgrpc.model import Constant, Hold, Load, LoadUnit, Scenario
from loadgrpc.runner.context import LoadStatus, ProcessContext, UserContext
from loadgrpc.runner.rests import Rests, due_ns, planned_ns
from loadgrpc.testing import NS_PER_S, plan_of

BEGAN_NS, ENDED_NS = 10 * NS_PER_S, 12 * NS_PER_S


def due_s(rests, done=1, context=None):
    """How long after its last iteration the next of a user is due that began 2 s before."""
    user = SimpleNamespace(rests=rests, began_ns=BEGAN_NS, ended_ns=ENDED_NS)
    context = context or UserContext(LoadStatus())
    return (due_ns(user, context, done) - ENDED_NS) / NS_PER_S


def test_pacing_counts_from_the_start_and_thinking_from_the_end():
    """The later of the two is when the next is due; what took longer is not made up for."""
    assert due_s(Rests(pacing=constant(3))) == 1
    assert due_s(Rests(pacing=constant(1))) == 0
    assert due_s(Rests(think=constant(1.5))) == 1.5
    assert due_s(Rests(pacing=constant(3), think=constant(1.5))) == 1.5
    assert due_s(Rests(pacing=constant(5), think=constant(1.5))) == 3


@given(agents=st.integers(1, 7), users=st.integers(1, 20), done=st.integers(1, 1_000))
def test_the_same_run_rests_the_same_on_any_number_of_agents(agents, users, done):
    """A user that has the same index thinks the same; others think otherwise."""

    def rests(agents):
        plan = plan_of(test="a.B.c", users=(users,), iterations=(9,), agents=agents, split=True)
        for part in assignments(plan, "r-1", [f"a{at}" for at in range(agents)]):
            context = ProcessContext(part)
            for user in range(1, part.cycles[0].users + 1):
                yield due_s(Rests(think=between(0, 1)), done, context.of_user(1, user))

    alone = list(rests(1))
    assert list(rests(agents)) == alone
    assert len(set(alone)) == users


def test_each_rest_is_drawn_for_itself():
    """Iterations, cycles, runs, and pacing and think time do not draw the same."""
    plan = plan_of(test="a.B.c", users=(2, 2), iterations=(9,))
    drawn = [
        due_s(rests, done, ProcessContext(assignments(plan, run, ["a"])[0]).of_user(cycle, user))
        for rests in (Rests(think=between(5, 9)), Rests(pacing=between(7, 11)))
        for run in ("r-1", "r-2")
        for cycle in (1, 2)
        for user in (1, 2)
        for done in (1, 2)
    ]
    assert len(set(drawn)) == 32


class Says(LoadgrpcCase):
    """A test with rests of its own."""

    pacing = 3
    think = exponential(2)

    def test_it(self):
        """Does nothing."""


def test_a_class_says_how_its_users_rest():
    """Numbers are seconds; a class that says nothing has users that do not rest."""
    assert Rests.of(Says, Scenario()) == Rests(Constant(3.0), exponential(2))
    assert not any(Rests.of(LoadgrpcCase, Scenario()))


def test_the_plan_goes_before_the_class():
    """Each of the two by itself; a wait of 0 is none."""
    assert Rests.of(Says, Scenario(think=constant(0))) == Rests(Constant(3.0), constant(0))
    assert Rests.of(LoadgrpcCase, Scenario(pacing=constant(1))) == Rests(constant(1), None)


@pytest.mark.parametrize("says", [-1, "3s", (1, 3), True, lambda _: 3])
def test_what_a_class_says_that_is_no_wait_is_refused(says):
    """The test cannot be loaded; the sentence says what was expected."""
    with pytest.raises(NotLoaded, match=r"think .*expected seconds, or constant"):
        Rests.of(type("Wrong", (LoadgrpcCase,), {"think": says}), Scenario())


def test_a_plain_case_may_mean_something_else():
    """Attributes of a class that knows nothing of loads are its own."""
    plain = type("Plain", (unittest.TestCase,), {"think": lambda _: 3, "pacing": "slow"})

    assert not any(Rests.of(plain, Scenario()))


def open_scenario(**more):
    """A scenario of arrivals."""
    return Scenario(load=Load(LoadUnit.ARRIVALS, (Hold(10, 1),)), **more)


@pytest.mark.parametrize("name", ["pacing", "think"])
def test_those_who_serve_arrivals_do_not_rest(name):
    """A class whose users do cannot be loaded, unless the plan takes that back."""
    resting = type("Resting", (LoadgrpcCase,), {name: 3})
    with pytest.raises(NotLoaded, match=rf"Resting\.{name} is for users who wait.*--{name} 0s"):
        Rests.of(resting, open_scenario())
    assert any(Rests.of(resting, Scenario()))
    assert Rests.of(resting, open_scenario(**{name: constant(0)}))._asdict()[name] == constant(0)
    assert Rests.of(LoadgrpcCase, open_scenario()) == (None, None)


@pytest.mark.parametrize(
    ("rests", "done", "planned_s"),
    [
        (Rests(pacing=constant(3)), 1, 1),
        (Rests(pacing=constant(0.5)), 1, -1.5),
        (Rests(pacing=constant(0.5), think=constant(1)), 1, 1),
        (Rests(pacing=constant(3)), 0, None),
        (Rests(pacing=constant(0)), 1, None),
        (Rests(think=constant(1)), 1, None),
        (Rests(), 1, None),
    ],
)
def test_only_pacing_is_a_plan(rests, done, planned_s):
    """Counted from the start of the iteration before, whatever that took."""
    user = SimpleNamespace(rests=rests, began_ns=BEGAN_NS, ended_ns=ENDED_NS)
    planned = planned_ns(user, UserContext(LoadStatus()), done)
    assert (None if planned is None else (planned - ENDED_NS) / NS_PER_S) == planned_s
