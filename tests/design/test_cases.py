"""Cases: each meets its rule, none is impossible, and what is to be covered is covered."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadgrpc.design import Condition, DecisionTable, DesignError, Range, Value, covering
from loadgrpc.design.covering import covering_rows


def missing(rows, sizes, strength, forbidden=()):
    """The combinations of levels that no row has, though a row could: an independent counter."""

    def allowed(row):
        return not any(all(row[at] in levels for at, levels in each.items()) for each in forbidden)

    assert all(map(allowed, rows))
    found = set()
    everything = [row for row in itertools.product(*map(range, sizes)) if allowed(row)]
    for factors in itertools.combinations(range(len(sizes)), min(strength, len(sizes))):
        possible = {tuple(row[at] for at in factors) for row in everything}
        covered = {tuple(row[at] for at in factors) for row in rows}
        found |= {(factors, each) for each in possible - covered}
    return found


@settings(max_examples=8)
@given(
    st.lists(st.integers(2, 3), min_size=1, max_size=5),
    st.sampled_from([1, 2, 3]),
    st.data(),
)
def test_every_combination_of_levels_is_in_some_row(sizes, strength, data):
    """All t-tuples that are allowed are covered, whatever is forbidden."""
    forbidden = []
    if len(sizes) > 1:
        pairs = data.draw(
            st.lists(
                st.tuples(
                    st.sampled_from(list(itertools.combinations(range(len(sizes)), 2))),
                    st.integers(0, 1),
                    st.integers(0, 1),
                ),
                max_size=2,
            )
        )
        forbidden = [
            {one: frozenset({first}), other: frozenset({second})}
            for (one, other), first, second in pairs
        ]

    rows = covering_rows(sizes, strength, forbidden)
    assert not missing(rows, sizes, strength, forbidden)


PICT = [
    ([3] * 4, 9),
    ([3] * 13, 18),
    ([4] * 15 + [3] * 17 + [2] * 29, 37),
    ([4] + [3] * 39 + [2] * 35, 27),
    ([2] * 100, 15),
    ([10] * 20, 210),
    ([7, 7, 2, 3, 8, 2], 60),
]
"""The models that pair generators are compared by, and that of PICT's manual, with its figures."""


@pytest.mark.parametrize(("sizes", "pict"), PICT, ids=lambda each: "")
def test_pairs_need_no_more_rows_than_with_pict(sizes, pict):
    """The whole search, which is no less than 5 % short of PICT's figure for any of them."""
    rows = covering_rows(sizes, 2)

    assert len(rows) <= pict * 1.05
    assert all(0 <= level < size for row in rows for level, size in zip(row, sizes, strict=True))
    pairs = {
        (one, other, row[one], row[other])
        for row in rows
        for one, other in itertools.combinations(range(len(sizes)), 2)
    }
    assert len(pairs) == sum(a * b for a, b in itertools.combinations(sizes, 2))


def test_the_same_question_has_the_same_answer():
    """The search for fewer rows is bounded by steps, so that it ends where it ended before."""
    forbidden = [{0: frozenset({1}), 1: frozenset({2})}]
    first = [covering_rows([3, 3, 2, 4], 2), covering_rows([3, 3, 2, 4], 2, forbidden)]
    covering._pairs.cache_clear()
    covering._by_library.cache_clear()

    assert [
        covering_rows([3, 3, 2, 4], 2),
        covering_rows([3, 3, 2, 4], 2, forbidden),
    ] == first


def shop():
    """A table with ranges, a set, and something impossible."""
    return DecisionTable.from_rules(
        [
            {"when": {"amount": "> 1000"}, "then": "discount", "weight": 3},
            {"when": {"amount": "1..1000", "kind": "gold"}, "then": "discount"},
            {"when": {"amount": "1..1000", "kind": "not gold"}, "then": "normal"},
        ],
        conditions={
            "amount": ["1..1000", "> 1000"],
            "kind": ["gold", "silver, bronze", "none"],
            "paid": ["Y", "N"],
        },
        impossible=[{"kind": "none", "paid": "Y"}],
    )


def test_one_case_for_each_rule():
    """Without a strength each rule has one case, with its weight; what is open takes turns."""
    cases = shop().cases()

    assert [(case.name, case.weight) for case in cases] == [("1", 3), ("2", 1), ("3", 1)]
    assert [case.values["amount"] for case in cases] == [1001, 500, 500]
    assert [case.values["paid"] for case in cases[:2]] == [True, False]
    assert [dict(case.expected) for case in cases][1:] == [
        {"action": "discount"},
        {"action": "normal"},
    ]


@pytest.mark.parametrize("strength", [0, 2, 3])
@pytest.mark.parametrize("boundaries", [False, True])
def test_cases_meet_their_rule(strength, boundaries):
    """Every input is decided as expected by its own rule; weights of a rule's cases add up."""
    table = shop()

    cases = table.cases(strength=strength, boundaries=boundaries)
    assert len({case.name for case in cases}) == len(cases)
    for case in cases:
        decision = table.decide(case.values)
        assert decision.rules == (case.rule,)
        assert decision.actions == {k: v for k, v in case.expected.items() if v is not None}
    for rule in table.rules:
        shares = [case.weight for case in cases if case.rule == rule.name]
        assert abs(sum(shares) - rule.weight) < 1e-9
    amounts = {case.values["amount"] for case in cases}
    assert amounts == ({1, 500, 1000, 1001} if boundaries else {500, 1001})


def test_the_ends_of_ranges():
    """The first and the last number inside, beside an end that is left out as well."""
    assert Range(1, 27).bounds() == (1, 27)
    assert Range(1000, None, low_open=True).bounds() == (1001,)
    assert Range(None, 9.99, high_open=True).bounds() == (9.98,)
    assert Range(500, 1000, low_open=True).bounds() == (501, 1000)
    assert Range(3, 3).bounds() == (3,)
    assert Range().bounds() == ()
    assert [Range(1, 27).typical(), Range(0, 1).typical(), Range(None, 5).typical()] == [14, 0, 5]


def test_a_strength_that_makes_no_sense():
    """More than there are conditions, and less than none."""
    for strength in (-1, 4):
        with pytest.raises(DesignError, match="from 0 to the number of conditions, 3, not"):
            shop().cases(strength=strength)


def test_too_many_combinations_are_refused():
    """What would take forever is refused at once, with the number."""
    with pytest.raises(DesignError, match=r"combinations of 3 are too many to cover"):
        covering_rows([10] * 30, 3)


def test_an_input_may_be_the_name_of_a_value():
    """A name is taken where no member is meant; a truth value is not the number 1."""
    condition = Condition("c", (Value("high", (Range(10, None),)), Value("one", (1,))))

    assert [condition.place_of(each) for each in (10, "high", 1, "one")] == [0, 0, 1, 1]
    for given_ in (True, 2, "low", None):
        with pytest.raises(DesignError, match="c has no value"):
            condition.place_of(given_)
