"""Cause-effect graphs: their tables agree with evaluating them, and they can be drawn."""

import itertools
import xml.etree.ElementTree as ET
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from loadgrpc.design import CauseEffectGraph, DesignError, dot, load, mermaid, read_graph, svg
from loadgrpc.design.expression import OR_SIGN, Gate
from loadgrpc.design.graph import Constraint

CAUSES = ("a", "b", "c", "d")
GATES = {
    "and": all,
    "or": any,
    "nand": lambda inputs: not all(inputs),
    "nor": lambda inputs: not any(inputs),
}
EXPRESSION = st.recursive(
    st.sampled_from(CAUSES),
    lambda inner: st.one_of(
        inner.map(lambda each: Gate("not", (each,))),
        st.builds(
            Gate, st.sampled_from(list(GATES)), st.lists(inner, min_size=2, max_size=3).map(tuple)
        ),
    ),
    max_leaves=6,
)
CONSTRAINT = st.builds(
    Constraint,
    st.sampled_from("EIOR"),
    st.lists(st.sampled_from(CAUSES), min_size=2, max_size=3, unique=True).map(tuple),
)


def plainly(expression, values):
    """An expression, evaluated the obvious way."""
    if isinstance(expression, str):
        return values[expression]
    inputs = [plainly(each, values) for each in expression.inputs]
    return not inputs[0] if expression.kind == "not" else GATES[expression.kind](inputs)


def satisfied(constraint, values):
    """Whether all constraints of causes hold, the obvious way."""
    given_ = [values[node] for node in constraint.nodes]
    return {
        "E": sum(given_) <= 1,
        "I": sum(given_) >= 1,
        "O": sum(given_) == 1,
        "R": not given_[0] or all(given_[1:]),
    }[constraint.kind]


@settings(max_examples=60)
@given(EXPRESSION, EXPRESSION, st.lists(CONSTRAINT, max_size=2), st.booleans(), st.booleans())
def test_the_table_of_a_graph_agrees_with_the_graph(first, second, constraints, masked, columns):
    """Every combination that constraints allow has its effects; every other one is impossible."""
    constraints = [*constraints, *([Constraint("M", ("x", "y"))] if masked else [])]
    try:
        graph = CauseEffectGraph(CAUSES, {"x": first, "y": second}, tuple(constraints))
    except DesignError as error:
        assert "exclude every combination" in error.message  # noqa: PT017
        return
    table = graph.table(columns=columns)

    assert table.check().complete
    for chosen in itertools.product((True, False), repeat=len(CAUSES)):
        values = dict(zip(CAUSES, chosen, strict=True))
        point = table.space.pack(table.point(values))
        excluded = any(not point & ~cube for cube in table.impossible_cubes)
        allowed = all(satisfied(each, values) for each in constraints if each.kind != "M")
        assert excluded is not allowed
        if allowed:
            x, y = plainly(first, values), plainly(second, values)
            expected = {"x": x, "y": y and not (masked and x)}
            actions = table.decide(values).actions
            assert {name: actions.get(name, False) for name in expected} == expected


def test_a_graph_of_many_causes_needs_no_column_for_each_combination():
    """Thirty causes of which only a few matter at a time."""
    names = [f"c{at}" for at in range(30)]
    graph = read_graph(f"alarm = {' or '.join(names)}\n")
    table = graph.table()

    assert len(table.rules) == 31
    assert table.check().complete


def test_effects_are_those_nobody_uses_or_with_a_text():
    """A node in between is no effect, unless it says what it means."""
    graph = read_graph("1: cause\n10 = not 1\n11: seen\n11 = not 10\n12 = 11\n")

    assert graph.effects == ("11", "12")


SIGNS = read_graph(
    'title: A < B & C\n1: a "quoted" cause\n2: 中文\n3: c\n9 = not (1 or 2) and 3\n'
    "10: alarm\n10 = 9 nor 3\n11 = 1 nand 2\nM: 10, 11\nO: 1, 2\nR: 3, 1\n"
)


def test_a_picture_is_a_picture():
    """SVG is XML with each node, line, sign and constraint."""
    root = ET.fromstring(svg(SIGNS))  # noqa: S314 - it is our own
    texts = [each.text for each in root.iter("{http://www.w3.org/2000/svg}text")]

    assert {'1: a "quoted" cause', "2: 中文", "not ∧ 11", f"not {OR_SIGN} 10: alarm"} <= set(texts)
    assert [each for each in texts if each in "MOR"] == ["M", "O", "R"]
    assert texts.count("~") == 1
    assert "A < B & C" in texts


def test_the_same_for_other_programs():
    """Mermaid and DOT have a line for each line of the graph, and the constraints dashed."""
    graph = load(Path(__file__).parents[2] / "loadgrpc/examples/design/two-characters.ceg")

    assert mermaid(graph).splitlines()[-7:] == [
        "  n1 --> n4",
        "  n2 --> n4",
        "  n4 --> n5",
        "  n3 --> n5",
        "  n4 -- not --> n6",
        "  n3 -- not --> n7",
        "  n1 -. E .- n2",
    ]
    assert '  n4 -> n6 [label="~"];' in dot(graph)
    assert '  n1 -> n2 [label="E", style=dashed, dir=none, constraint=false];' in dot(graph)
    assert '"1: a #quot;quoted#quot; cause"' in mermaid(SIGNS)
