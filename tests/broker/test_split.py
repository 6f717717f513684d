"""The laws of splitting a plan."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadgrpc.broker.split import assignments, shares
from loadgrpc.model import Plan, RunnerMode, Scenario
from loadgrpc.testing import plan_of

plans = st.builds(
    plan_of,
    test=st.just("a.B.c"),
    users=st.lists(st.integers(1, 1_000), min_size=1, max_size=5).map(tuple),
    iterations=st.lists(st.integers(1, 100), min_size=1, max_size=3).map(tuple),
    agents=st.integers(1, 30),
    split=st.booleans(),
    spawn_rate=st.floats(0, 1e6),
)


@given(st.integers(0, 10**6), st.integers(1, 1_000))
def test_shares_sum_to_the_whole_and_are_even(total, parts):
    """Shares sum to the total, differ by at most one, and the larger ones come first."""
    found = shares(total, parts)

    assert (len(found), sum(found)) == (parts, total)
    assert max(found) - min(found) <= 1
    assert found == sorted(found, reverse=True)


@given(plans)
def test_parts_make_up_the_plan(plan):
    """Iterations of all parts are those of the plan; with split, users and rate are, too."""
    agent_ids = [f"a{at}" for at in range(plan.agents)]
    parts = assignments(plan, "r", agent_ids)

    assert [part.agent_id for part in parts] == agent_ids
    assert {len(part.cycles) for part in parts} == {len(plan.users)}
    made = sum(cycle.users * cycle.iterations for part in parts for cycle in part.cycles)
    assert made == plan.total_iterations
    times = 1 if plan.split else plan.agents
    for at, users in enumerate(plan.users):
        assert sum(part.cycles[at].users for part in parts) == users * times
    assert sum(part.scenario.spawn_rate for part in parts) == pytest.approx(
        plan.scenarios[0].spawn_rate * times
    )


def test_an_agent_may_get_no_users():
    """One user on three agents is a part of one and two parts of none."""
    plan = plan_of(test="a.B.c", users=(1, 4), iterations=(2, 3), agents=3, split=True)
    parts = assignments(plan, "r", ["a", "b", "c"])

    assert [[cycle.users for cycle in part.cycles] for part in parts] == [[1, 2], [0, 1], [0, 1]]
    assert {cycle.iterations for part in parts for cycle in part.cycles} == {5}


def test_each_part_is_told_how_to_go_about_it():
    """What is not a number of something is the same for all agents."""
    plan = plan_of(
        test="a.B.c",
        iterations=(1,),
        agents=2,
        split=True,
        server_url="http://h:1",
        processes=3,
        stop_timeout_s=7.0,
        no_dns_resolve=True,
    )
    for part in assignments(plan, "r", ["a", "b"]):
        assert (part.scenario.test, part.scenario.server_url, part.scenario.processes) == (
            "a.B.c",
            "http://h:1",
            3,
        )
        assert (part.plan.stop_timeout_s, part.plan.no_dns_resolve) == (7.0, True)


def test_a_duration_is_not_split():
    """Every part of a timed plan lasts as long as the plan's cycles."""
    plan = plan_of(test="a.B.c", users=(4,), duration_s=90.0, agents=2, split=True)

    assert [part.cycles[0].duration_s for part in assignments(plan, "r", ["a", "b"])] == [90, 90]


def test_an_agent_has_a_part_in_each_scenario():
    """Agent by agent, in the order of the plan; each is told what lives its users."""
    other = Scenario(
        name="b",
        test="x",
        users=(5,),
        iterations=(1,),
        test_runner="./x {test}",
        runner_mode=RunnerMode.ALL_USERS,
        silence_timeout_s=3.0,
    )
    ours = Scenario(name="a", test="a.B.c", users=(1, 2), duration_s=1.0)
    plan = Plan(scenarios=(ours, other), agents=2, split=True)
    found = assignments(plan, "r", ["one", "two"])

    parts = [(each.agent_id, each.scenario.name) for each in found]
    assert parts == [("one", "a"), ("one", "b"), ("two", "a"), ("two", "b")]
    assert [found[1].scenario.users, found[3].scenario.users] == [(3,), (2,)]
    assert (found[1].scenario.test_runner, found[1].scenario.silence_timeout_s) == (
        "./x {test}",
        3.0,
    )
    assert [each.scenario.one_user_each for each in found[:2]] == [False, False]
