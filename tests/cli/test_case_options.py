"""Cases of a plan, from a command line and from a plan file."""

import json

import pytest

from loadgrpc.cli.failure import Failure
from loadgrpc.cli.plan_file import plan_of_file
from loadgrpc.model import CaseOrder

TABLE = "rule,n (1..9; 10..20),action\nlow,1..9,no\nhigh,10..20,yes\n"
RUN = ("run", "--test-runner", "./x {test}", "x", "-a", "1")


@pytest.fixture
def table(tmp_path):
    """A file with a table."""
    path = tmp_path / "ages.csv"
    path.write_text(TABLE)
    return path


def fed(client):
    """What iterations of the run that was asked for are fed with."""
    return client.asked[0][1].scenarios[0].cases


def test_cases_of_a_table_go_with_the_plan(invoke, client, table):
    """One for each rule, in turn unless something else is said."""
    done = invoke(*RUN, "--cases", str(table))
    assert done[0] == 0, done
    cases = fed(client)
    assert [(each.name, each.values, each.expected) for each in cases.cases] == [
        ("low", (("n", 5),), (("action", "no"),)),
        ("high", (("n", 15),), (("action", "yes"),)),
    ]
    assert (cases.order, cases.seed) == (CaseOrder.IN_TURN, 0)


def test_cases_that_design_prints_are_read_again(invoke, client, table, tmp_path):
    """With boundaries, for example; order and seed are options of their own."""
    code, printed, _ = invoke("design", "cases", str(table), "--boundaries", "--format", "json")
    assert code == 0
    path = tmp_path / "cases.json"
    path.write_text(printed)
    order = ("--case-order", "weight", "--case-seed", "7")
    assert invoke(*RUN, "--cases", str(path), *order)[0] == 0
    cases = fed(client)
    assert [each.name for each in cases.cases] == [
        *("low#1", "low#2", "low#3"),
        *("high#1", "high#2", "high#3"),
    ]
    assert [each.weight for each in cases.cases] == [1 / 3] * 6
    assert (cases.order, cases.seed) == (CaseOrder.WEIGHT, 7)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--cases", "missing.csv"), "missing.csv: No such file or directory"),
        (("--cases", "BAD"), "bad.csv:2: rule 1: a has no value 'maybe'"),
        (("--case-order", "weight"), "--case-order needs --cases, or a plan file with cases"),
        (("--cases", "TABLE", "--case-order", "best"), "'best' is none of in-turn, random, weight"),
    ],
)
def test_what_is_wrong_with_cases(invoke, table, tmp_path, options, said):
    """The file, the line and the name are named, and nothing is started."""
    bad = tmp_path / "bad.csv"
    bad.write_text("rule,a (Y; N),action\n1,maybe,x\n")
    paths = {"BAD": str(bad), "TABLE": str(table)}
    code, _, err = invoke(*RUN, *(paths.get(each, each) for each in options))
    assert code == 2
    assert said in err


def test_a_plan_file_names_a_file_of_cases(table, tmp_path):
    """Beside the plan file, for each scenario; the command line orders them otherwise."""
    path = tmp_path / "plan.json"
    one = {"name": "one", "test": "x", "testRunner": "./x", "cases": "ages.csv"}
    two = {
        **one,
        "name": "two",
        "cases": {"file": "ages.csv", "order": "by weight", "seed": 3},
    }
    path.write_text(json.dumps({"scenarios": [one, two]}))
    with pytest.raises(Failure, match="'by weight' is none of in-turn, random, weight"):
        plan_of_file(path, {})
    two["cases"]["order"] = "random"
    path.write_text(json.dumps({"scenarios": [one, two]}))
    found = [each.cases for each in plan_of_file(path, {}).plan.scenarios]
    assert [(each.order, each.seed) for each in found] == [
        (CaseOrder.IN_TURN, 0),
        (CaseOrder.RANDOM, 3),
    ]
    assert found[0].cases == found[1].cases
    over = plan_of_file(path, {"case_order": CaseOrder.WEIGHT, "case_seed": 9}).plan
    assert {(each.cases.order, each.cases.seed) for each in over.scenarios} == {
        (CaseOrder.WEIGHT, 9)
    }


def test_cases_may_stand_in_a_plan_as_they_are(tmp_path):
    """As protobuf's JSON has them; what is wrong with one is named."""
    path = tmp_path / "plan.json"
    case = {"name": "a", "rule": "a", "values": [{"name": "n", "whole": "5"}]}
    plan = {"test": "x", "testRunner": "./x", "cases": {"cases": [case, case]}}
    path.write_text(json.dumps(plan))
    with pytest.raises(Failure, match=r"cases.cases\[0\].name: 'a' is there twice"):
        plan_of_file(path, {})
