"""What is told of an examination: text for people, JUnit XML for machines."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from loadgrpc.conformance.finding import broken, kept, not_applicable, not_shown
from loadgrpc.conformance.judgement import Report, Result
from loadgrpc.conformance.report import junit, lines
from loadgrpc.conformance.rules import BY_NUMBER
from loadgrpc.conformance.transcript import (
    HomeMessage,
    MethodCall,
    ProcessEnd,
    RunnerMessage,
    Transcript,
)
from loadgrpc.model import SourceId
from loadgrpc.testing import assignment_of
from loadgrpc.v1 import runner_pb2


def report(*, advice_only=False):
    """One finding of each kind, and advice that was not taken."""
    transcript = Transcript(
        case="cut",
        source=SourceId("r", "a", "x"),
        assignment=assignment_of(test="t"),
        token="secret",
        limits=runner_pb2.Limits(),
        page="ok",
        begun_ns=0,
        entries=[
            MethodCall(0.0, "PublishEvents", 1, "Bearer secret"),
            RunnerMessage(0.25, 1, runner_pb2.PublishEventsRequest(ready={"cycle": 1})),
            HomeMessage(0.5, 1, runner_pb2.PublishEventsResponse(ack={"durable_sequence": 7})),
            HomeMessage(0.75, 1, runner_pb2.PublishEventsResponse()),
        ],
        exit=ProcessEnd(1.0, 1, "one\ntwo\nthree\nfour <&\x01\n"),
    )
    found = {
        "3.1": kept("1 to 7 in 2 batches"),
        "5.2": broken("number 3 first", "number 5 <&\x01"),
        "5.5": broken("longer pauses", "10 ms"),
        "6.1": not_shown("no batch was lost"),
        "10.1": not_applicable("the source sends no numbers"),
    }
    if advice_only:
        del found["5.2"]
    results = [Result(BY_NUMBER[number], finding, "cut") for number, finding in found.items()]
    return Report(results=results, transcripts=[transcript], one_user=False, took_s=1.25)


def test_text_says_what_was_expected_and_what_was_seen():
    """A line for a rule; for a broken one its case, its sentence, and the runner's last words."""
    text = [line for line, _ in lines(report())]

    assert text[0] == "all-users, 1 case, 1.2 s"
    at = next(n for n, line in enumerate(text) if line.startswith("  broken          5.2"))
    assert text[at + 1].strip() == "expected number 3 first; saw number 5 <&\x01"
    assert text[at + 2].strip().startswith("case cut: the stream breaks twice")
    assert text[at + 3].strip() == f"spec: “{BY_NUMBER['5.2'].sentence}”"
    words = text.index("The runner's last words in case cut")
    assert text[words + 1 : words + 4] == ["  two", "  three", "  four <&\x01"]
    assert text[-1] == (
        "5 rules: 1 kept, 2 broken (5.2, 5.5), 1 not shown (6.1), 1 not applicable (10.1)."
        " The runner does not conform."
    )


def test_all_that_was_said_is_told_when_asked_for():
    """With `verbose` the case of a broken rule is told entry by entry."""
    text = "\n".join(line for line, _ in lines(report(), verbose=True))

    assert "What was said in case cut" in text
    assert "0.250 s  stream 1   runner  ready cycle: 1" in text
    assert "0.500 s  stream 1   home    ack durable_sequence: 7" in text
    assert "0.750 s  stream 1   home    something unknown" in text
    assert "exited with 1" in text


def test_advice_that_is_not_taken_breaks_nothing():
    """A runner conforms that has broken nothing but advice."""
    advised = report(advice_only=True)

    assert advised.broken == ["5.5"]
    assert advised.conforms
    assert 'failures="0"' in junit(advised)


def test_junit_has_a_test_case_for_each_rule():
    """Failures, what was skipped and why; whatever a runner says, it is XML."""
    (suite,) = ET.fromstring(junit(report()))  # noqa: S314 - our own

    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("5", "1", "2")
    cases = {case.get("name").split()[0]: case for case in suite.iter("testcase")}
    failure = cases["5.2"].find("failure")
    assert failure.get("message") == r"expected number 3 first; saw number 5 <&\x01"
    assert BY_NUMBER["5.2"].sentence in failure.text
    assert cases["6.1"].find("skipped").get("message") == "not shown: no batch was lost"
    assert cases["10.1"].find("skipped").get("message").startswith("not applicable")
    assert cases["3.1"].find("system-out").text == "1 to 7 in 2 batches"
    assert cases["5.5"].find("system-out").text.startswith("advice, and not taken")
    assert cases["3.1"].get("classname") == "conformance.Numbers"
