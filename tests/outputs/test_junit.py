"""`junit`: a report of tests that CI servers read."""

import asyncio
import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from loadgrpc.model import (
    ExceptionInfo,
    HitFigures,
    IterationErrorGroup,
    IterationFigures,
    ScenarioFigures,
    ThresholdOutcome,
    ThresholdResult,
    Verdict,
)
from loadgrpc.outputs.junit import JUnit

DECIMAL = r"\d+(\.\d+)?"
TOKEN = r"\S+( \S+)*"
NEEDED = {
    "testsuite": {
        "id": r"\d+",
        "package": TOKEN,
        "name": TOKEN,
        "timestamp": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d",
        "hostname": TOKEN,
        "tests": r"\d+",
        "failures": r"\d+",
        "errors": r"\d+",
        "skipped": r"\d+",
        "time": DECIMAL,
    },
    "property": {"name": TOKEN, "value": ".*"},
    "testcase": {"name": TOKEN, "classname": TOKEN, "time": DECIMAL},
    "failure": {"message": ".*", "type": ".*"},
    "error": {"message": ".*", "type": ".*"},
}
"""The attributes of elements, by the schema of Ant's reports (JUnit.xsd): all, and no others."""
INSIDE = {
    "testsuites": "(testsuite )*",
    "testsuite": "properties (testcase )*system-out system-err ",
    "properties": "(property )*",
    "testcase": "((failure|error|skipped) )?",
}
"""What elements contain, in which order, by the same."""


def check(element):
    """What the schema demands of an element and all in it."""
    needed = NEEDED.get(element.tag, {})
    assert element.attrib.keys() == needed.keys(), element.tag
    for name, pattern in needed.items():
        assert re.fullmatch(pattern, element.get(name)), (name, element.get(name))
    assert re.fullmatch(INSIDE.get(element.tag, ""), "".join(f"{each.tag} " for each in element)), (
        element.tag
    )
    if element.tag == "testsuite":
        cases = element.findall("testcase")
        assert int(element.get("tests")) == len(cases)
        assert int(element.get("failures")) == len(element.findall("testcase/failure"))
        assert int(element.get("skipped")) == len(element.findall("testcase/skipped"))
        assert int(element.get("errors")) == len(element.findall("testcase/error"))
    for each in element:
        check(each)


@pytest.fixture
def report(tmp_path, script):
    """The report on a run, which the schema allows."""

    def make(summary):
        output = JUnit(str(tmp_path / "junit.xml"))
        output.check()
        asyncio.run(output.write(script(summary)))
        root = ET.parse(tmp_path / "junit.xml").getroot()  # noqa: S314 - it is our own
        check(root)
        return root

    return make


def lines(root):
    """Each case: its name, and what is wrong with it."""
    return {
        case.get("name"): next(((each.tag, each.get("message")) for each in case), None)
        for case in root.iter("testcase")
    }


def passed(summary):
    """The same without anything that went wrong."""
    return replace(
        summary,
        verdict=Verdict(exit_code=0, reason="passed"),
        iterations=IterationFigures(started=10, success=10),
        failures=(),
        errors=(),
    )


def test_a_run_that_passed_is_green(report, summary):
    """The test and the run are a case each."""
    assert lines(report(passed(summary))) == {"test_es": None, "verdict": None}


def test_each_threshold_is_a_case(report, summary):
    """Red when it fails, with its evidence; skipped when there is no data, and that is allowed."""
    made = {
        "hits > 1": (ThresholdOutcome.PASS, False),
        "p95(response) < 1s": (ThresholdOutcome.FAIL, True),
        "orders > 1 or no data": (ThresholdOutcome.NO_DATA, False),
        "ordrs > 1": (ThresholdOutcome.NO_DATA, True),
    }
    results = tuple(
        ThresholdResult(text=text, outcome=outcome, failed=failed, message="evidence")
        for text, (outcome, failed) in made.items()
    )
    found = lines(report(replace(passed(summary), thresholds=results)))
    assert [found[text] for text in made] == [
        None,
        ("failure", "evidence"),
        ("skipped", None),
        ("failure", "evidence"),
    ]


def test_what_failed_is_red(report, summary):
    """The test says how often, each group what and where, and the run has its verdict."""
    root = report(summary)
    assert lines(root) == {
        "test_es": ("failure", "of 10 iterations, 2 failed and 1 ended with an error"),
        "test_es: AssertionError: 500 != 200": ("failure", "2 times: AssertionError: 500 != 200"),
        "test_es: ConnectionError: refused": ("error", "once: ConnectionError: refused"),
        "verdict": ("failure", "3 of 10 iterations failed"),
    }
    (first,) = [each.text for each in root.iter("failure") if "\n  line" in (each.text or "")]
    assert first == "Traceback\n  line\n"
    assert {each.get("classname") for each in root.iter("testcase")} == {
        "example.TestWebSite",
        "loadgrpc",
    }


@pytest.mark.parametrize("code", [3, 4, 105, 107])
def test_an_incomplete_run_is_not_green(report, summary, code):
    """Whatever tests did: a run that was stopped, or lost results, is an error."""
    judged = replace(passed(summary), verdict=Verdict(exit_code=code, reason="an agent was lost"))
    assert lines(report(judged))["verdict"] == ("error", "an agent was lost")


def test_what_was_not_done_is_not_green(report, summary):
    """A test of which no iteration came to an end is skipped, or was not loaded."""
    idle = replace(
        passed(summary),
        verdict=Verdict(exit_code=105, reason="stopped"),
        iterations=IterationFigures(started=2, interrupted=2),
    )
    assert lines(report(idle))["test_es"] == ("skipped", None)
    broken = ExceptionInfo(type="SyntaxError", message="invalid syntax", traceback="File x, line 3")
    (agent,) = summary.agents
    root = report(replace(idle, agents=(replace(agent, load_error=broken),)))
    assert lines(root)["test_es"] == (*("error", "the test could not be loaded: invalid syntax"),)
    assert next(root.iter("error")).text == "File x, line 3"


def test_scenarios_are_suites(report, summary):
    """Each has its own iterations and groups; groups of no scenario are in the last one."""
    groups = [
        IterationErrorGroup(count=1, test=test, exception=ExceptionInfo(type="E", message="x"))
        for test in ("m.C.test_a", "(other)")
    ]
    scenarios = [
        ScenarioFigures(
            name=name,
            test=test,
            hits=HitFigures(count=5),
            iterations=IterationFigures(started=5, success=5 - failed, failure=failed),
        )
        for name, test, failed in (("buy", "m.C.test_a", 1), ("look", "shop.py::D.test_b", 0))
    ]
    root = report(replace(summary, scenarios=tuple(scenarios), failures=tuple(groups), errors=()))
    cases = [
        (suite.get("name"), case.get("classname"), case.get("name"), len(case))
        for suite in root
        for case in suite.iter("testcase")
    ]
    assert cases == [
        ("buy", "m.C", "test_a", 1),
        ("buy", "m.C", "test_a: E: x", 1),
        ("look", "shop.D", "test_b", 0),
        ("look", "(other)", "(other): E: x", 1),
        ("run r-0123456789", "loadgrpc", "verdict", 1),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "\x00\x01\x1b[31m\x7f\x85",
        "]]><evil attribute='\"'>&amp;",
        "\ufffe\uffff\U0001f600",
        "one\r\ntwo\tthree",
        "  ",
        "\u202egnihtemos",
        "x" * 100_000,
    ],
)
def test_hostile_text_is_well_formed(report, summary, text):
    """Whatever a server said, the report can be read, and markup in it is text."""
    group = IterationErrorGroup(
        count=1,
        test=text,
        exception=ExceptionInfo(type=text, message=text, traceback=text),
    )
    root = report(replace(summary, failures=(group,), errors=()))
    assert {each.tag for each in root.iter()} <= {*NEEDED, *INSIDE, "system-out", "system-err"}


def test_a_run_without_an_agent_has_a_report(report, summary):
    """No agent, no start, no test: the broker was lost before anything was known."""
    lost = replace(
        summary,
        run_id="",
        agents=(),
        start_time_ns=None,
        plan=replace(summary.plan, scenarios=(replace(summary.plan.scenarios[0], test=""),)),
        verdict=Verdict(exit_code=4, reason="no broker"),
    )
    assert lines(report(lost)) == {"verdict": ("error", "no broker")}
