"""Which iteration is fed with which case: evenly, by weight, and the same wherever it runs."""

import itertools
import math
import unittest
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadgrpc.case import TestCase
from loadgrpc.design import Case, CaseFeed, DecisionTable, DesignError, cases
from loadgrpc.design.feed import feed_of


def some(count, weights=None):
    """Cases of as many rules."""
    weights = weights or [1] * count
    return [Case(str(at), str(at), {"at": at}, {"go": True}, weights[at]) for at in range(count)]


@given(st.integers(1, 30), st.integers(1, 40), st.integers(0, 12), st.integers(0, 500))
def test_in_turn_every_case_comes_equally_often(count, users, iterations, before):
    """Give or take one, over all users together, in this cycle and with those before."""
    feed = CaseFeed(some(count))
    met = Counter(
        feed.seat(place, users, before).at(iteration).rule
        for iteration in range(iterations)
        for place in range(users)
    )
    counts = [met[each] for each in feed.rules]

    assert max(counts) - min(counts) <= (1 if not before else 2)
    assert sum(counts) == users * iterations


@given(st.integers(1, 12), st.integers(1, 24), st.integers(0, 100))
def test_every_user_is_dealt_all_cards_in_as_many_iterations(count, users, before):
    """However many users there are, nobody is kept to a few cases; then they come again."""
    feed = CaseFeed(some(count))

    for place in range(users):
        seat = feed.seat(place, users, before)
        met = [seat.at(iteration).rule for iteration in range(2 * count)]
        assert len(set(met[:count])) == count
        assert met[count:] == met[:count]


def test_one_user_goes_through_the_table_in_its_order():
    """And begins again."""
    feed = CaseFeed(some(3))

    assert [feed.seat(0, 1).at(at).rule for at in range(7)] == list("0120120")


def test_draws_are_the_same_everywhere_and_differ_by_seed():
    """They follow from the place and the seed alone."""
    places = list(itertools.product(range(10), range(20)))

    def drawn(seed):
        feed = CaseFeed(some(5), "random", seed)
        return [feed.seat(at, 10).at(n).rule for at, n in places]

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)
    assert "".join(drawn(0)[:20]) == "24402200041213343214"


@pytest.mark.parametrize(("order", "weights"), [("random", [1, 1, 1, 1]), ("weight", [6, 3, 1, 0])])
@pytest.mark.parametrize("seed", [0, 1, 99])
def test_weights_are_kept_within_statistical_error(order, weights, seed):
    """Each share is within four standard deviations; a weight of 0 is never drawn."""
    feed = CaseFeed(some(4, weights), order, seed)
    total = 20_000
    met = Counter(feed.seat(at % 10, 10).at(at // 10).rule for at in range(total))

    for case in feed.cases:
        share = case.weight / sum(weights)
        deviation = math.sqrt(total * share * (1 - share))
        assert abs(met[case.rule] - total * share) <= 4 * deviation
    assert feed.rules == tuple(str(at) for at, weight in enumerate(weights) if weight)


def test_a_deck_has_shares_as_exactly_as_its_size_allows():
    """At random each case equally often; by weight to half a card; one with a weight is in it."""
    assert Counter(CaseFeed(some(3), "random").deck) == dict.fromkeys(range(3), 2_730)
    counts = Counter(CaseFeed(some(4, [1e-9, 2, 1, 0]), "weight").deck)
    assert counts == {0: 1, 1: 5_461, 2: 2_731}
    assert len(CaseFeed(some(3_000, [1] * 3_000), "weight").deck) == 12_000


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (([],), "there are no cases"),
        ((some(1), "fast"), "no order is 'fast'; there are in turn, random, weight"),
        ((some(2, [0, 0]), "weight"), "the weights of all cases are 0"),
    ],
)
def test_a_feed_that_makes_no_sense(arguments, said):
    """Is refused when it is made."""
    with pytest.raises(DesignError, match=said):
        CaseFeed(*arguments)


def test_a_functional_test_goes_through_all_cases(tmp_path):
    """Under unittest, each in a subTest, so that a failure names its case and its values."""
    table = DecisionTable.from_rules(
        [{"when": {"n": "1..3"}, "then": "low"}, {"when": {"n": "4..6"}, "then": "high"}]
    )
    met = []

    class Test(TestCase):
        @cases(table, boundaries=True)
        def test_it(self):
            met.append((self.case.rule, self.case["n"], self.expected["action"]))
            self.assertLess(self.case["n"], 6)

    result = unittest.TestResult()
    Test("test_it").run(result)

    assert met == [
        ("1", 2, "low"),
        ("1", 1, "low"),
        ("1", 3, "low"),
        ("2", 5, "high"),
        ("2", 4, "high"),
        ("2", 6, "high"),
    ]
    ((failed, _),) = result.failures
    assert "(case='2#3', values='n=6')" in str(failed)
    assert len(feed_of(Test.test_it).cases) == 6
    assert feed_of(Test.setUp) is None


def test_async_tests_are_refused():
    """With a sentence, when the class is made."""
    with pytest.raises(DesignError, match="@cases is for test methods that are not async"):

        @cases(some(1))
        async def test_it(self):
            """Never called."""
