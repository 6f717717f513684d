"""Who a user is: gap-free over agents and processes, and the same in every place that asks."""

import io
import unittest
from typing import ClassVar

from hypothesis import given
from hypothesis import strategies as st

from loadgrpc.broker.split import assignments
from loadgrpc.case import TestCase as LoadgrpcCase
from loadgrpc.clock import SystemClock
from loadgrpc.model import Plan, Scenario
from loadgrpc.protocol.assignments import assignment_from_proto, assignment_to_proto
from loadgrpc.runner.context import ProcessContext
from loadgrpc.runner.recorder import Recorder
from loadgrpc.runner.share import WorkerShare
from loadgrpc.runner.user import VirtualUser
from loadgrpc.testing import assignment_of, plan_of


@given(
    agents=st.integers(1, 12),
    processes=st.lists(st.integers(1, 5), min_size=12, max_size=12),
    users=st.lists(st.integers(1, 60), min_size=1, max_size=4).map(tuple),
    split=st.booleans(),
)
def test_indices_of_all_users_have_no_gaps(agents, processes, users, split):
    """In each cycle they are 0, 1, 2, … over all agents and their processes."""
    plan = plan_of(test="a.B.c", users=users, iterations=(1,), agents=agents, split=split)
    parts = assignments(plan, "r", [f"a{at}" for at in range(agents)])
    for cycle, planned in enumerate(users, 1):
        found = []
        for part, of in zip(parts, processes, strict=False):
            sent = assignment_from_proto(assignment_to_proto(part))
            for first in range(1, of + 1):
                share, context = WorkerShare(sent, first, of), ProcessContext(sent)
                for user in share.users(sent.cycles[cycle - 1].users):
                    status = context.of_user(cycle, user).status
                    found.append(status.user_index)
                    assert status.all_users == planned * (1 if split else agents)
        assert sorted(found) == list(range(planned * (1 if split else agents)))


def test_each_scenario_counts_its_own_users():
    """Users of two scenarios may have the same index."""
    scenarios = tuple(Scenario(name=name, test="a.B.c", users=(3,)) for name in "xy")
    parts = assignments(Plan(scenarios=scenarios, agents=2), "r", ["a", "b"])
    of_b = [ProcessContext(part).of_user(1, 1).status for part in parts if part.agent_id == "b"]
    assert [(status.scenario, status.user_index) for status in of_b] == [("x", 3), ("y", 3)]


def test_without_a_placement_the_agent_is_the_only_one():
    """An older broker says nothing of others."""
    known = ProcessContext(assignment_of(test="a.B.c", users=(2, 5), iterations=(3,)))
    status = known.of_user(2, 5).status
    assert (status.user_index, status.all_users, status.iterations) == (4, 5, 3)
    assert (status.agent, status.run_id) == ("a", "r")


class Asks(LoadgrpcCase):
    """Notes what it learns."""

    learned: ClassVar[list] = []

    def test_it(self):
        self.learned.append((self.load_status, self.user_index, self.config))


def test_a_test_learns_which_user_it_is():
    """Its iteration goes on; who it is stays; the options are those of the run, and read-only."""
    Asks.learned = []
    assignment = assignment_of(
        test="a.B.c", users=(4,), duration_s=2.0, server_url="http://h", title="x", agents=1
    )
    context = ProcessContext(assignment).of_user(1, 3)
    recorder = Recorder(SystemClock(), "t")
    user = VirtualUser(Asks, "test_it", recorder, SystemClock(), 3, context=context)
    user.run_iteration(1)
    user.run_iteration(2)
    (first, index, config), (second, *_) = Asks.learned
    assert (first.user, first.users, first.iteration, first.iterations) == (3, 4, 1, 0)
    assert second == first._replace(iteration=2)
    assert index == first.user_index == 2
    assert (config["users"], config["duration"], config["title"]) == ((4,), 2.0, "x")
    assert (config["server_url"], config["agents"]) == ("http://h", 1)
    assert not hasattr(config, "__setitem__")


def test_outside_a_load_run_there_is_one_user_with_defaults():
    """A functional test goes through the same lines."""
    Asks.learned = []
    unittest.TextTestRunner(stream=io.StringIO()).run(Asks("test_it"))
    ((status, index, config),) = Asks.learned
    assert (status.user, status.users, status.iteration, status.cycle) == (1, 1, 1, 1)
    assert (index, status.all_users, status.run_id) == (0, 1, "")
    assert (config["users"], config["iterations"], config["server_url"]) == ((1,), (1,), "")


def test_a_test_may_have_names_of_its_own():
    """What a test sets under these names is its own, as before there were any."""

    class Own(LoadgrpcCase):
        def test_it(self):
            self.config = {"mine": 1}
            self.user_index = 7

    user = VirtualUser(Own, "test_it", Recorder(SystemClock(), "t"), SystemClock(), 1)
    assert user.run_iteration(1).name == "SUCCESS"
