"""What holds for every table, whatever its rules: checked against writing all combinations down."""

import itertools
from functools import reduce
from operator import or_

import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from loadgrpc.design import Condition, DecisionTable, DesignError
from loadgrpc.design.rule import Exclusion, Rule

OUTCOMES = (("a", None), (None, True), (3, None))


@st.composite
def tables(draw, *, widths=(2, 3), most=4, rules=8, disjoint=False, impossible=True):
    """Tables of few combinations; with `disjoint`, no two rules are about the same one."""
    sizes = draw(st.lists(st.sampled_from(widths), min_size=1, max_size=most))
    conditions = tuple(
        Condition.of(f"c{at}", [f"v{n}" for n in range(size)], apart=draw(st.booleans()))
        for at, size in enumerate(sizes)
    )
    entry = st.tuples(*(st.integers(1, (1 << size) - 1) for size in sizes))
    excluded = draw(st.lists(entry, max_size=2)) if impossible else []
    exclusions = tuple(Exclusion(f"i{n}", each) for n, each in enumerate(excluded))
    found = []
    for number, each in enumerate(draw(st.lists(entry, min_size=1, max_size=rules))):
        points = set(points_of(each))
        taken = set().union(*(points_of(rule.entries) for rule in found))
        if points <= set().union(*map(points_of, excluded), set()):
            continue
        if disjoint and points & taken:
            continue
        weight = draw(st.sampled_from([1, 2, 0.5]))
        found.append(Rule(str(number), each, draw(st.sampled_from(OUTCOMES)), weight))
    return DecisionTable(conditions, ("first", "second"), tuple(found), exclusions)


def points_of(entries):
    """All combinations of some entries, as places of values."""
    return set(
        itertools.product(
            *([at for at in range(8) if entry >> at & 1] for entry in entries),
        )
    )


def outcomes(table):
    """Each combination that can occur, with the outcomes that its rules have."""
    excluded = set().union(*(points_of(each.entries) for each in table.impossible), set())
    found = {
        point: set()
        for point in itertools.product(*(range(len(each.values)) for each in table.conditions))
        if point not in excluded
    }
    for rule in table.rules:
        for point in points_of(rule.entries) & found.keys():
            found[point].add(rule.outcome)
    return found


def meetings(table):
    """How many rules each combination that can occur meets."""
    possible = outcomes(table)
    return [sum(point in points_of(rule.entries) for rule in table.rules) for point in possible]


@given(tables())
def test_findings_are_those_of_all_combinations(table):
    """Gaps, overlaps, contradictions and counts are those found by writing everything down."""
    found = table.check()
    all_of_them = outcomes(table)
    gaps = {point for point, those in all_of_them.items() if not those}
    shared = [
        (one, other)
        for one, other in itertools.combinations(table.rules, 2)
        if points_of(one.entries) & points_of(other.entries) & all_of_them.keys()
    ]
    agree = sum(one.outcome == other.outcome for one, other in shared)

    assert not found.undecided
    assert found.total == reduce(lambda n, each: n * len(each.values), table.conditions, 1)
    assert found.impossible == found.total - len(all_of_them)
    assert found.covered == len(all_of_them) - len(gaps)
    assert set().union(*(points_of(gap.entries) for gap in found.gaps), set()) == gaps
    assert sum(gap.size for gap in found.gaps) == len(gaps)
    assert (found.overlap_count, found.contradiction_count) == (agree, len(shared) - agree)
    redundant = {
        rule.name
        for rule in table.rules
        if (points_of(rule.entries) & all_of_them.keys())
        <= set().union(
            *(
                points_of(each.entries)
                for each in table.rules
                if each is not rule and each.outcome == rule.outcome
            ),
            set(),
        )
    }
    assert {each.rule for each in found.redundancies} == redundant


@given(tables(), st.booleans())
def test_simplification_keeps_every_decision(table, overlap):
    """Every combination has the outcome that it had, by no more rules; gaps stay gaps."""
    if table.check().contradictions:
        return
    simple = table.simplify(overlap=overlap)

    assert outcomes(simple.table) == outcomes(table)
    assert len(simple.table.rules) <= len(table.rules)
    assert simple.how.minimal
    assert simple.table == table.simplify(overlap=overlap).table  # the same each time
    if not simple.how.overlap:
        assert max(meetings(simple.table), default=0) <= 1


@given(tables(disjoint=True))
def test_nothing_overlaps_after_simplification(table):
    """Rules that did not overlap do not afterwards, and the weights still add up."""
    simple = table.simplify().table

    assert max(meetings(simple), default=0) <= 1
    before, after = (sum(rule.weight for rule in each.rules) for each in (table, simple))
    if not table.impossible:
        assert abs(before - after) < 1e-6
    for rule in simple.rules:
        for condition, entry in zip(table.conditions, rule.entries, strict=True):
            if condition.apart:
                several = entry.bit_count() not in (1, len(condition.values))
                at = table.conditions.index(condition)
                assert not several or entry in {each.entries[at] for each in table.rules}


def fewest(table, *, once):
    """The fewest rules with the same decisions, by trying everything."""
    possible = outcomes(table)
    total = 0
    for outcome in {each for those in possible.values() for each in those}:
        points = frozenset(point for point, those in possible.items() if outcome in those)
        rest = {point for point in possible if point not in points}
        cubes = {
            frozenset(points_of(entries)) & points
            for entries in itertools.product(
                *(range(1, 1 << len(each.values)) for each in table.conditions)
            )
            if not points_of(entries) & rest
        } - {frozenset()}
        total += next(
            count
            for count in itertools.count()
            if _covers(
                points, sorted(cubes, key=lambda each: (-len(each), sorted(each))), count, once
            )
        )
    return total


def _covers(left, cubes, count, once):
    if not left:
        return True
    if not count:
        return False
    first = min(left)
    return any(
        _covers(left - cube, cubes, count - 1, once)
        for cube in cubes
        if first in cube and (not once or cube <= left)
    )


@settings(max_examples=60)
@given(tables(most=3, rules=5, disjoint=True), st.booleans())
def test_no_table_is_simpler(table, overlap):
    """The number of rules is the smallest there is, as brute force finds it."""
    free = [Condition(each.name, each.values) for each in table.conditions]
    table = DecisionTable(tuple(free), table.actions, table.rules, table.impossible)

    simple = table.simplify(overlap=overlap)
    assert len(simple.table.rules) == fewest(table, once=not simple.how.overlap)


@settings(max_examples=40)
@given(st.integers(1, 4), st.data())
def test_binary_tables_agree_with_sympy(size, data):
    """The rules of an action say what sympy's sum of products says, by no more products."""
    points = list(itertools.product((0, 1), repeat=size))
    chosen = data.draw(st.sets(st.sampled_from(points), min_size=1))
    names = [f"x{at}" for at in range(size)]
    symbols = sympy.symbols(names)
    table = DecisionTable.from_function(
        lambda **given: ["yes"] if tuple(map(int, given.values())) in chosen else ["no"],
        [Condition.binary(name) for name in names],
    )
    simple = table.simplify(overlap=True).table
    mine = [rule for rule in simple.rules if simple.taken(rule).get("yes")]
    products = [
        sympy.And(
            *(
                symbol if entry == 1 else ~symbol
                for symbol, entry in zip(symbols, rule.entries, strict=True)
                if entry != 3
            )
        )
        for rule in mine
    ]
    theirs = sympy.SOPform(symbols, [list(point) for point in chosen])

    assert sympy.satisfiable(sympy.Xor(reduce(or_, products), theirs)) is False
    assert len(mine) <= len(sympy.Or.make_args(theirs))


@given(tables())
def test_decide_is_what_the_rules_say(table):
    """Every input has the decision of the rules it meets, or an error that says why not."""
    for point, those in outcomes(table).items():
        names = {
            each.name: each.values[at].name
            for each, at in zip(table.conditions, point, strict=True)
        }
        if len(those) != 1:
            with pytest.raises(DesignError, match="contradict" if those else "no rule"):
                table.decide(names)
        else:
            (outcome,), decision = those, table.decide(names)
            pairs = zip(table.actions, outcome, strict=True)
            assert decision.actions == {name: value for name, value in pairs if value is not None}
