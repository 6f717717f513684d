"""Tables and graphs in files: what is written is read again, and what is wrong has its place."""

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadgrpc.design import (
    CauseEffectGraph,
    Condition,
    DecisionTable,
    DesignError,
    Range,
    Value,
    load,
    read_graph,
    save,
    write_graph,
)
from loadgrpc.design.expression import Gate
from loadgrpc.design.graph import Constraint
from loadgrpc.design.rule import Exclusion, Rule

TEXT = st.text(string.ascii_letters + string.digits + " .,;=<>\"'|\\()!#-*äß中\n\tX", min_size=1)
NAME = TEXT.map(str.strip).filter(
    lambda name: name and "\n" not in name and "\t" not in name and name.isprintable()
)
LITERAL = st.one_of(
    TEXT,
    st.integers(-(10**9), 10**9),
    st.booleans(),
    st.sampled_from(["Y", "no", "12", "1..3", "> 5", "not x", "-", "true", "a e.g. b", "X"]),
    st.floats(-1e6, 1e6, allow_nan=False).map(lambda x: round(x, 3)),
)
WEIGHT = st.sampled_from([1, 2, 0.25])


@st.composite
def values(draw):
    """Values of a condition: literals, sets, ranges, named or not, with samples or without."""
    kind = draw(st.sampled_from(["binary", "literals", "ranges"]))
    if kind == "binary":
        return (Value.of(True), Value.of(False))
    if kind == "ranges":
        cuts = draw(st.lists(st.integers(-50, 50), min_size=1, max_size=4, unique=True).map(sorted))
        lows = [None, *cuts]
        ranges = [
            Range(low, high, low is not None, False)
            for low, high in zip(lows, [*cuts, None], strict=True)
        ]
        return tuple(Value.of(each) for each in ranges)
    literals = draw(
        st.lists(LITERAL, min_size=2, max_size=6, unique_by=lambda x: (isinstance(x, bool), x))
    )
    found, rest = [], list(literals)
    while rest:
        size = draw(st.integers(1, min(2, len(rest))))
        members, rest = tuple(rest[:size]), rest[size:]
        named = draw(st.booleans())
        found.append(Value(f"V{len(found)}", members) if named else Value.of(members))
    names = [each.name for each in found]
    return tuple(each for each in found if names.count(each.name) == 1) or (Value.of("a"),)


@st.composite
def tables(draw):
    """Tables with whatever names and values."""
    names = draw(st.lists(NAME, min_size=1, max_size=3, unique=True))
    names = [name for name in names if name not in ("rule", "weight", "impossible", "action")]
    names = [name for name in names if not name.startswith("action")] or ["c"]
    conditions = tuple(Condition(name, draw(values()), draw(st.booleans())) for name in names)
    actions = tuple(draw(st.lists(NAME, min_size=1, max_size=3, unique=True)))
    entry = st.tuples(*(st.integers(1, each.any) for each in conditions))
    action = st.one_of(st.none(), st.just(True), LITERAL)
    count = draw(st.integers(1, 5))
    rules = tuple(
        Rule(f"r{at}", draw(entry), tuple(draw(action) for _ in actions), draw(WEIGHT))
        for at in range(count)
    )
    table = DecisionTable(conditions, actions, rules)
    excluded = draw(st.lists(entry, max_size=2))
    try:
        exclusions = tuple(Exclusion(f"i{at}", each) for at, each in enumerate(excluded))
        return DecisionTable(conditions, actions, rules, exclusions)
    except DesignError:
        return table


@pytest.mark.parametrize("kind", [".toml", ".json", ".csv", ".md"])
@settings(max_examples=40)
@given(table=tables())
def test_a_table_is_read_as_it_was_written(tmp_path_factory, kind, table):
    """Every format holds all of a table, whatever its names and values are."""
    path = tmp_path_factory.getbasetemp() / f"round{kind}"

    save(table, path)
    assert load(path) == table


def test_a_spreadsheet_is_read_as_it_was_written(tmp_path):
    """A table in .xlsx, with cells that look like formulas and numbers."""
    pytest.importorskip("openpyxl", reason="openpyxl is not installed")
    table = DecisionTable.from_rules(
        [
            {"when": {"kind": "=A1", "size": "1..5"}, "then": {"answer": "=B2", "code": 200}},
            {"when": {"kind": "other", "size": "> 5"}, "then": {"code": 404}, "weight": 3},
        ]
    )

    save(table, tmp_path / "table.xlsx")
    assert load(tmp_path / "table.xlsx") == table


EXPRESSION = st.recursive(
    st.sampled_from(["a", "b", "c"]),
    lambda inner: st.one_of(
        inner.map(lambda each: Gate("not", (each,))),
        st.builds(
            Gate,
            st.sampled_from(["and", "or", "nand", "nor"]),
            st.lists(inner, min_size=2, max_size=3).map(tuple),
        ),
    ),
    max_leaves=6,
)


@given(EXPRESSION, EXPRESSION, st.sampled_from("EIOR"))
def test_a_graph_is_read_as_it_was_written(first, second, kind):
    """The text of a graph has all of it."""
    graph = CauseEffectGraph(
        ("a", "b", "c"),
        {"x": first, "y": second},
        (Constraint(kind, ("a", "b")), Constraint("M", ("x", "y"))),
        {"a": "it is so", "x": "do it"},
        "title",
    )

    assert read_graph(write_graph(graph)) == graph


def wrong(tmp_path, name, text):
    """What is said about a file."""
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DesignError) as caught:
        load(path)
    return str(caught.value).replace(f"{tmp_path}/", "")


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        (
            "a.csv",
            "rule,day (D1 = 1..27; D2 = 28),action\n1,D1,x\n2,D3,go\n",
            "a.csv:3: rule 2: day has no value 'D3'; it has: D1, D2",
        ),
        (
            "a.csv",
            "# comment\nrule,day,action\n1,D1,go\n\n2,D2,\n",
            "a.csv:5: rule 2 has no action; if it does nothing, write - for one",
        ),
        (
            "a.csv",
            "rule,day,action\n1,D1,go\n1,D2,stay\n",
            "a.csv:3: two rules are named '1' (the first is in line 2)",
        ),
        ("a.csv", "rule,day\n1,D1\n", "a.csv:1: there is no action: name a column `action`"),
        ("a.csv", "rule,day,day,action\n", "a.csv:1: two columns are named 'day'"),
        ("a.csv", "rule,day,action\n1,D1,go,away\n", "a.csv:2: there are 4 cells in a row, but 3"),
        ("a.csv", 'rule,day,action\n1,"D1,go\n', "a.csv:2: it is not CSV: unexpected end of data"),
        ("a.csv", "", "a.csv: there is no table in it"),
        (
            "a.csv",
            "rule,a,action,impossible\n1,Y,go,\n2,N,stay,\n3,N,,X\n",
            "a.csv:3: rule 2 can never apply: all of it is impossible (by 3)",
        ),
        (
            "a.csv",
            "rule,n (1..5; 4..9),action\n1,-,go\n",
            "a.csv:1: condition n: the values '1..5' and '4..9' overlap",
        ),
        (
            "a.csv",
            "rule,n (5..1; 9),action\n1,-,go\n",
            "a.csv:1: condition n: no number is in 5..1",
        ),
        (
            "a.csv",
            "rule,n (1..5; 6..9),action\n1,2..7,go\n",
            "a.csv:2: rule 1: n: 2..7 cuts through the value '1..5'",
        ),
        ("a.csv", "rule,a,weight,action\n1,Y,many,go\n", "a.csv:2: a weight is a number from 0"),
        (
            "a.md",
            "# T\n\n| rule | a | action |\n| --- | --- | --- |\n| 1 | Y | go |\n| 1 | N | go |\n",
            "a.md:6: two rules are named '1' (the first is in line 5)",
        ),
        (
            "a.toml",
            "title = 3\n[[rule]]\nthen = 'go'\nwhen = {a = 'Y'}",
            "a.toml:1: the title is a text",
        ),
        ("a.toml", "x = ]\n", "a.toml:1: it is not TOML: "),
        (
            "a.toml",
            "title = 't'\n\n[conditions]\nday = ['D1',\n  'D2 = 2',\n]\nn = ['1..5', '4..9']\n",
            "a.toml:7: condition n: the values '1..5' and '4..9' overlap",
        ),
        (
            "a.toml",
            '[conditions]\n"a b" = 3\n',
            "a.toml:2: the values of a b are a list, or a table of names and values",
        ),
        (
            "a.toml",
            "[conditions.day]\nD1 = '1..5'\n\n[conditions.month] # of year\nM1 = [['x']]\n",
            "a.toml:4: ['x'] is no value: expected a text or a number",
        ),
        (
            "a.toml",
            "conditions.day = ['a', 'b']\napart = ['dya']\n",
            "a.toml:2: apart: no condition 'dya' is declared",
        ),
        (
            "a.toml",
            "\nconditons = {day = ['a']}\n",
            "a.toml:2: a table has no 'conditons'; did you mean 'conditions'?",
        ),
        (
            "a.toml",
            "[conditions]\nday = ['D1', 'D2']\n\n[[rule]]\nwhen = {dya = 'D1'}\nthen = 'go'\n",
            "a.toml:4: rule 1: no condition 'dya'; did you mean 'day'?",
        ),
        (
            "a.toml",
            "[[rule]]\nwhen = {a = true}\nthen = 'go'\n[[rule]]\nwhen = {a = false}\n",
            "a.toml:4: rule 2 has no action",
        ),
        (
            "a.toml",
            "actions = ['go', 'stay']\n[[rule]]\nwhen = {a = true}\nthen = ['og']\n",
            "a.toml:2: rule 1: no action is named 'og'; there are go, stay",
        ),
        ("a.toml", "[[rule]]\nwen = {a = true}\nthen = []\n", "a.toml:1: rule 1 has no 'wen'; did"),
        ("a.json", '{"rule": [\n}', "a.json:2: it is not JSON: "),
        ("a.json", "[]", "a.json: a table in JSON is an object"),
        ("a.yaml", "", "a.yaml: the end of its name says what is in a file; known are .toml"),
        (
            "a.ceg",
            "1: a\n21 = 22 or 1\n22 = 23\n23 = not 21\n",
            "a.ceg:2: the graph is circular: 21 = 22 = 23 = 21",
        ),
        ("a.ceg", "1: a\n2 = 1\nE: 1, 3\n", "a.ceg:3: E: 1, 3: 3 is no node"),
        ("a.ceg", "1: a\n2 = 1\nE: 1, 2\n", "a.ceg:3: E: 1, 2: 2 is none of the causes"),
        ("a.ceg", "1: a\n2 = 1\nM: 1, 2\n", "a.ceg:3: M: 1, 2: 1 is none of the effects"),
        ("a.ceg", "1: a\n2 = 1\nE: 1\n", "a.ceg:3: E: 1 names too few nodes"),
        (
            "a.ceg",
            "1: a\n2: b\n3 = 1\nE: 1, 2\nR: 1, 2\nR: 2, 1\nI: 1, 2\n",
            "a.ceg: the constraints exclude every combination of causes",
        ),
        ("a.ceg", "2 = 1 and\n", "a.ceg:1: '1 and' ends where a node is expected"),
        (
            "a.ceg",
            "2 = 1 nor 3 or 4\n",
            "a.ceg:1: '1 nor 3 or 4': say by brackets what or",
        ),
        ("a.ceg", "2 = 1 3\n", "a.ceg:1: '1 3': 3 is not expected there"),
        ("a.ceg", "2 = (1 or 3\n", "a.ceg:1: '(1 or 3': a bracket is not closed"),
        ("a.ceg", "2 = 1\n2 = not 1\n", "a.ceg:2: 2 is defined in line 1 already"),
        ("a.ceg", "E = 1\n", "a.ceg:1: 'E' has a meaning of its own, and cannot be a node"),
        ("a.ceg", "what\n", "a.ceg:1: 'what' is none of `NODE: text`"),
        ("a.ceg", "1: a\n", "a.ceg: a graph needs an effect"),
    ],
)
def test_what_is_wrong_has_its_file_line_and_name(tmp_path, name, text, said):
    """A bad file gets a sentence that says where, which, and what would be right."""
    assert wrong(tmp_path, name, text).startswith(said)


def test_a_file_that_is_missing(tmp_path):
    """No file, and a file that is no text."""
    with pytest.raises(DesignError, match=r"no\.csv: No such file or directory"):
        load(tmp_path / "no.csv")
    (tmp_path / "a.csv").write_bytes(b"\xff\xfe")
    with pytest.raises(DesignError, match="it is not a text in UTF-8"):
        load(tmp_path / "a.csv")
    (tmp_path / "a.xlsx").write_bytes(b"PK")
    with pytest.raises(DesignError, match=r"a\.xlsx: it is not a spreadsheet"):
        load(tmp_path / "a.xlsx")


def test_values_follow_from_what_rules_mention():
    """Ranges that overlap are cut; a comparison means all numbers, so that a gap is found."""
    table = DecisionTable.from_rules(
        [
            {"when": {"age": "> 65"}, "then": "old"},
            {"when": {"age": "1..17"}, "then": "young"},
            {"when": {"age": "18"}, "then": "new"},
        ]
    )
    (condition,) = table.conditions
    found = table.check()

    assert [value.name for value in condition.values] == [
        "< 1",
        "1..17",
        "18",
        "(18..65]",
        "> 65",
    ]
    assert [table.sentence(gap.entries) for gap in found.gaps] == ["age=< 1, (18..65]"]


def test_marks_and_values_of_actions(tmp_path):
    """A mark is not the number 1, and quotes make a text of anything."""
    (tmp_path / "a.csv").write_text(
        'rule,a,action: one,action: two\n1,Y,X,"""X"""\n2,N,1,true\n', encoding="utf-8"
    )
    table = load(tmp_path / "a.csv")

    assert [table.taken(rule) for rule in table.rules] == [
        {"one": True, "two": "X"},
        {"one": 1, "two": True},
    ]
