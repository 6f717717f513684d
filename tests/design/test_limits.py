"""Tables too large to be written down: checked within time and memory, and said to be so."""

import itertools
import random
import time
import tracemalloc

import pytest

from loadgrpc.design import Condition, DecisionTable, DesignError, Range, Value
from loadgrpc.design.rule import Rule

BINARY = [f"c{at}" for at in range(40)]


def random_table(conditions, rules, literals, seed=1):
    """Rules about `literals` conditions each, of two outcomes."""
    rng = random.Random(seed)
    names = BINARY[:conditions]
    found = []
    for number in range(rules):
        entries = [3] * conditions
        for at in rng.sample(range(conditions), literals):
            entries[at] = rng.choice([1, 2])
        found.append(Rule(str(number), tuple(entries), (rng.choice(["a", "b"]),)))
    return DecisionTable(tuple(map(Condition.binary, names)), ("action",), tuple(found))


def tree(conditions, rules, seed=2):
    """A complete table without overlaps, as a tree of decisions makes it."""
    rng = random.Random(seed)
    leaves = [[3] * conditions]
    while len(leaves) < rules:
        leaf = leaves.pop(rng.randrange(len(leaves)))
        at = rng.choice([at for at, entry in enumerate(leaf) if entry == 3])
        leaves += [[*leaf[:at], side, *leaf[at + 1 :]] for side in (1, 2)]
    return DecisionTable(
        tuple(map(Condition.binary, BINARY[:conditions])),
        ("action",),
        tuple(Rule(str(n), tuple(leaf), (f"a{n % 7}",)) for n, leaf in enumerate(leaves)),
    )


@pytest.mark.parametrize(
    "table",
    [random_table(20, 60, 3), random_table(40, 200, 12), tree(40, 200)],
    ids=["20 conditions", "40 conditions", "40 without overlaps"],
)
def test_a_large_table_is_checked_without_expanding_it(table):
    """Gaps, overlaps and contradictions are found in less than 5 s."""
    began = time.process_time()
    found = table.check()
    assert time.process_time() - began < 5
    for gap in found.gaps:
        assert not any(
            table.space.meet(table.space.pack(gap.entries), cube) for cube in table.cubes
        )
    pairs = itertools.combinations(zip(table.rules, table.cubes, strict=True), 2)
    met = sum(table.space.meet(one[1], other[1]) for one, other in pairs)
    assert found.overlap_count + found.contradiction_count == met


def test_a_large_table_needs_little_memory():
    """Twenty conditions are checked within 200 MB: a hundredth of that, as it is."""
    table = random_table(20, 60, 3)
    tracemalloc.start()
    table.check()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 20e6


def test_a_complete_table_of_forty_conditions():
    """Two hundred rules that leave nothing out: no gaps, and every combination is counted."""
    found = tree(40, 200).check()

    assert found.complete
    assert found.covered == found.total == 2**40


def test_one_rule_taken_away_is_the_gap():
    """What a missing rule was about is what is found, and nothing else."""
    table = tree(40, 200)
    missing = table.rules[77]
    found = table.with_rules(each for each in table.rules if each is not missing).check()

    space = table.space
    assert sum(gap.size for gap in found.gaps) == space.size(space.pack(missing.entries))
    assert all(not space.pack(gap.entries) & ~space.pack(missing.entries) for gap in found.gaps)


def test_a_table_beyond_exact_simplification_says_so():
    """Merging keeps decisions, makes no more rules, and says how many are needed at least."""
    table = tree(20, 300)
    simple = table.simplify()

    assert simple.how.method.startswith(
        "merging pairs of rules (1048576 combinations, and an exact"
    )
    assert simple.how.method.endswith("at least 7 are needed")
    assert not simple.how.minimal
    assert 7 <= len(simple.table.rules) <= 300
    assert simple.table.check().complete
    rng = random.Random(3)
    for _ in range(500):
        given = {name: rng.random() < 0.5 for name in BINARY[:20]}
        assert simple.table.decide(given).actions == table.decide(given).actions


def test_a_contradiction_is_to_be_mended_first():
    """A table that contradicts itself has no simpler form."""
    table = DecisionTable.from_rules(
        [{"when": {"a": "Y"}, "then": "x"}, {"when": {"b": "N"}, "then": "y"}]
    )

    with pytest.raises(DesignError, match="rules 1 and 2 contradict each other about a=Y, b=N"):
        table.simplify()
    with pytest.raises(DesignError, match="no condition is named 'c'"):
        table.simplify(apart=["c"])


def test_a_function_with_too_many_combinations():
    """A function is not asked a million times."""
    with pytest.raises(DesignError, match="1048576 combinations are too many to ask a function"):
        DecisionTable.from_function(lambda **_: "x", list(map(Condition.binary, BINARY[:20])))


@pytest.mark.parametrize(
    ("conditions", "rules", "said"),
    [
        ((), (), "a table needs a condition"),
        ((Condition.binary("a"),), (Rule("1", (0,), ("x",)),), "rule 1 has no value for a"),
        ((Condition.binary("a"),), (Rule("1", (1, 1), ("x",)),), "rule 1 has 2 entries, not 1"),
        ((Condition.binary("a"),), (Rule("1", (1,), ()),), "rule 1 has 0 actions, not 1"),
        ((Condition.binary("a"),), (Rule("1", (1,), ("x",), -1),), "a weight is a number from 0"),
        ((Condition.binary("a"),) * 2, (), "two conditions are named 'a'"),
    ],
)
def test_parts_that_do_not_fit(conditions, rules, said):
    """A table that is put together wrongly is refused."""
    with pytest.raises(DesignError, match=said):
        DecisionTable(conditions, ("action",), rules)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ((), "condition c has no values"),
        ((Value("v", (1,)), Value("v", (2,))), "condition c has two values named 'v'"),
        ((Value("v", (1, 2)), Value("w", (2,))), "the values 'v' and 'w' overlap"),
        ((Value("v", (Range(1, 5),)), Value("w", (5,))), "the values 'v' and 'w' overlap"),
        ((Value("v", (7,)), Value("w", (Range(5, None),))), "the values 'v' and 'w' overlap"),
    ],
)
def test_values_that_do_not_fit(values, said):
    """A condition whose values are not disjoint is refused."""
    with pytest.raises(DesignError, match=said):
        Condition("c", values)
