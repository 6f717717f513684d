"""Which test a user calls: shares hold over users, agents and time, and the seed decides."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadgrpc.broker.split import assignments
from loadgrpc.model import TestOrder as Order
from loadgrpc.model import WeightedTest as Weighted
from loadgrpc.runner.context import ProcessContext
from loadgrpc.runner.mix import Mix, Turn
from loadgrpc.testing import plan_of

weights = st.lists(st.integers(1, 9), min_size=2, max_size=5)
seeds = st.integers(0, 2**64 - 1)


@given(weights, seeds, st.integers(0, 500), st.integers(0, 20))
def test_each_user_calls_each_test_as_often_as_its_weight(weights, seed, user, rounds):
    """In each round, of as many iterations as the weights are together."""
    mix = Mix(weights, Order.WEIGHTED, seed)
    of = sum(weights)
    first = 1 + rounds * of
    called = Counter(mix.at(Turn(1, user, each)) for each in range(first, first + of))

    assert [called[at] for at in range(len(weights))] == weights


@given(weights, seeds, st.integers(0, 20), st.integers(1, 500))
def test_so_do_neighbouring_users_in_the_same_iteration(weights, seed, pile, iteration):
    """A run in which each user makes one iteration has its shares, too."""
    mix = Mix(weights, Order.WEIGHTED, seed)
    of = sum(weights)
    called = Counter(mix.at(Turn(1, user, iteration)) for user in range(pile * of, (pile + 1) * of))
    assert [called[at] for at in range(len(weights))] == weights


@settings(max_examples=40)
@given(
    weights=weights,
    agents=st.integers(1, 7),
    users=st.integers(1, 40),
    split=st.booleans(),
    order=st.sampled_from(Order),
)
def test_shares_hold_over_agents(weights, agents, users, split, order):
    """Agents together call what one agent with all users would, user by user."""
    tests = tuple(Weighted(f"a.B.test_{at}", weight) for at, weight in enumerate(weights))
    load = {"tests": tests, "test_order": order, "iterations": (3,)}
    plan = plan_of(users=(users,), agents=agents, split=split, **load)
    called = {}
    for part in assignments(plan, "r-1", [f"a{at}" for at in range(agents)]):
        context, mix = ProcessContext(part), Mix.of(part)
        for user in range(1, part.cycles[0].users + 1):
            index = context.of_user(1, user).status.user_index
            called |= {(index, at): mix.at(Turn(1, index, at)) for at in (1, 2, 3)}
    everybody = users if split else users * agents
    alone = Mix.of(assignments(plan, "r-1", ["a"] * agents)[0])

    assert called == {
        (index, at): alone.at(Turn(1, index, at)) for index in range(everybody) for at in (1, 2, 3)
    }
    if order is Order.WEIGHTED:
        whole = sum(weights)
        total = Counter(called[index, 1] for index in range(everybody))
        for at, weight in enumerate(weights):
            assert abs(total[at] - everybody * weight / whole) < whole


def test_users_and_rounds_and_runs_differ():
    """What is drawn is not the same order again and again."""
    weights = (3, 2, 2)

    def order(seed=1, cycle=1, user=0, first=1):
        mix = Mix(weights, Order.WEIGHTED, seed)
        return tuple(mix.at(Turn(cycle, user, at)) for at in range(first, first + 7))

    orders = {order(), order(seed=2), order(cycle=2), order(user=7), order(first=8), order(user=1)}
    assert len(orders) == 6
    assert order() == order()


def test_common_factors_make_no_larger_pile():
    """80:20 are 4:1: five iterations have their shares."""
    mix = Mix((80, 20), Order.WEIGHTED, 5)

    assert Counter(mix.at(Turn(1, 0, at)) for at in range(1, 6)) == {0: 4, 1: 1}


def test_in_sequence_tests_come_as_they_are_listed():
    """Each as often as its weight, then from the start; the same for all users."""
    mix = Mix((2, 1), Order.SEQUENTIAL, 1)

    for user in (0, 5):
        assert [mix.at(Turn(1, user, at)) for at in range(1, 7)] == [0, 0, 1, 0, 0, 1]


def test_at_random_each_is_equally_likely():
    """Over users and iterations, independently."""
    mix = Mix((1, 1, 1), Order.RANDOM, 1)
    called = Counter(
        (mix.at(Turn(1, user, at)), mix.at(Turn(1, user, at + 1)))
        for user in range(60)
        for at in range(1, 60)
    )
    assert len(called) == 9
    assert all(count == pytest.approx(393, abs=100) for count in called.values()), called
