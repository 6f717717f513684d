"""`loadgrpc design`, as people type it."""

import json
from pathlib import Path

import pytest

from loadgrpc.cli import main
from loadgrpc.design import load

EXAMPLES = Path(__file__).parents[2] / "loadgrpc/examples/design"


def run(capsys, *argv):
    """The exit code, and what was printed."""
    code = main(["design", *map(str, argv)])
    out, err = capsys.readouterr()
    return code, out, err


def test_a_complete_table_passes(capsys):
    """The head says how many combinations there are, and the last line that nothing is missing."""
    code, out, _ = run(capsys, "check", EXAMPLES / "cash-machine.csv")

    assert code == 0
    assert "14 rules, 16 combinations, 2 of them impossible; with a rule: 14" in out
    assert out.endswith("complete: every combination has one outcome\n")


def test_what_is_wrong_is_named(capsys, tmp_path):
    """Gaps and contradictions are listed with their rules and values, and the exit code is 1."""
    table = tmp_path / "bad.csv"
    table.write_text("rule,a,b,action\n1,Y,-,x\n2,-,N,y\n3,Y,Y,x\n", encoding="utf-8")
    code, out, _ = run(capsys, "check", table)

    assert code == 1
    assert out.splitlines()[1:] == [
        "1 gap",
        "  a=N, b=Y (1 combination)",
        "1 contradiction",
        "  rules 1 and 2: a=Y, b=N",
        "1 overlap",
        "  rules 1 and 3: a=Y, b=Y",
        "1 redundant rule",
        "  rule 3, because of 1",
        "not complete",
    ]
    code, out, _ = run(capsys, "check", table, "--json")
    assert code == 1
    assert json.loads(out)["gaps"] == [{"when": {"a": "N", "b": "Y"}, "combinations": 1}]


@pytest.mark.parametrize("format_", ["table", "markdown", "csv", "json"])
def test_a_table_is_simplified(capsys, format_):
    """In every format, with the method on stderr."""
    code, out, err = run(capsys, "simplify", EXAMPLES / "book-shop.csv", "--format", format_)

    assert code == 0
    assert "5-8" in out
    assert err.startswith("8 rules, now 4: multi-valued Quine-McCluskey with exact cover")


@pytest.mark.parametrize("format_", ["table", "markdown", "csv", "json"])
def test_cases_are_printed(capsys, format_):
    """In every format, one for each rule, with what is expected."""
    code, out, _ = run(capsys, "cases", EXAMPLES / "book-shop.csv", "--format", format_)

    assert code == 0
    assert out.count("1200") == 4
    assert out.count("discount") == 3


def test_a_graph_is_drawn(capsys, tmp_path):
    """As SVG by default, to a file or to stdout; a table has no graph."""
    graph = EXAMPLES / "two-characters.ceg"

    assert run(capsys, "graph", graph)[1].startswith("<svg ")
    assert run(capsys, "graph", graph, "--format", "mermaid")[1].startswith("flowchart LR")
    assert run(capsys, "graph", graph, "-o", tmp_path / "a.svg")[0] == 0
    assert (tmp_path / "a.svg").read_text(encoding="utf-8").startswith("<svg ")
    code, _, err = run(capsys, "graph", EXAMPLES / "book-shop.csv")
    assert code == 2
    assert "holds a table; a graph is in a .ceg file" in err


def test_a_table_is_converted(capsys, tmp_path):
    """From one kind of file to another, a graph to its table; and simplified into a file."""
    for target in ("a.toml", "a.csv", "a.md", "a.json"):
        source = EXAMPLES / "nextdate.toml"
        assert run(capsys, "convert", source, tmp_path / target)[0] == 0
        assert load(tmp_path / target) == load(source)
    graph = EXAMPLES / "two-characters.ceg"
    assert run(capsys, "convert", graph, tmp_path / "b.csv")[0] == 0
    assert load(tmp_path / "b.csv") == load(graph).table()
    assert run(capsys, "simplify", tmp_path / "a.csv", "-o", tmp_path / "c.md")[0] == 0
    assert len(load(tmp_path / "c.md").rules) == 13


def test_an_example_is_written(capsys, tmp_path):
    """A table or a graph to start from, which are complete; nothing is overwritten."""
    for name in ("a.toml", "a.csv", "a.md", "a.ceg"):
        assert run(capsys, "init", tmp_path / name)[0] == 0
        assert run(capsys, "check", tmp_path / name)[0] == 0
    code, _, err = run(capsys, "init", tmp_path / "a.csv")
    assert code == 2
    assert "exists already" in err


@pytest.mark.parametrize("action", ["check", "simplify", "cases", "graph"])
def test_a_bad_file_is_one_line(capsys, tmp_path, action):
    """The file, the line and the name, and exit code 2."""
    path = tmp_path / "bad.csv"
    path.write_text("rule,a (b; c),action\n7,d,x\n", encoding="utf-8")
    code, _, err = run(capsys, action, path)

    assert code == 2
    assert err == (
        f"loadgrpc design {action}: error: {path}:2: rule 7: a has no value 'd'; it has: b, c\n"
    )


def test_a_wide_table_has_a_column_for_each_rule(invoke, monkeypatch):
    """As in textbooks: conditions above, actions beneath; what has no room beside goes below."""
    monkeypatch.setenv("COLUMNS", "80")
    table = EXAMPLES / "nextdate.toml"
    code, out, _ = invoke("design", "simplify", str(table))
    assert code == 0
    lines = out.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[1].split() == ["rule", "1-3", "4", "5", "6-9", "10", "11-14", "15", "16"]
    assert lines[2].split() == ["month", "M1", "M1", "M1", "M2", "M2", "M3", "M3", "M4"]
    assert set(lines[5]) == {"─"}
    assert lines[7].split() == ["day", "+", "1", "X", "X", "X", "X"]
    assert [line.split()[1] for line in lines if line.startswith("rule")] == ["1-3", "17"]


def test_a_table_that_gets_no_simpler_stays_as_it_is_written(invoke):
    """Rules that cannot be fewer are neither narrowed nor weighed otherwise."""
    triangle = EXAMPLES / "triangle.md"
    simple = invoke("design", "simplify", str(triangle), "--format", "markdown")
    assert simple[0] == 0
    assert "weight" not in simple[1]
    rules = [line.split("|")[1:-1] for line in simple[1].splitlines() if line.startswith("| 1 ")]
    assert [cell.strip() for cell in rules[0]][1:8] == ["N", "-", "-", "-", "-", "-", "none"]
