"""`funkload`: the document that Loads wrote, of what runners report here."""

import asyncio
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from loadgrpc.model import AgentFigures, AssignmentState
from loadgrpc.outputs import funkload
from loadgrpc.testing import plan_of
from loadgrpc.v1 import control_pb2, event_pb2

START_S = 1_700_000_000
TEST = "example.TestWebSite.test_es"
URL = "http://127.0.0.1:9000/active"


def listed(at_ms=0, *, cycle=1, user=1, iteration=1, agent="a", **what):
    """A listed event."""
    event = control_pb2.ListedEvent(agent_id=agent, runner_id="r")
    event.event.CopyFrom(event_pb2.Event(**what))
    event.event.time.seconds, event.event.time.nanos = START_S, at_ms * 10**6
    event.event.status.cycle = cycle
    event.event.status.current_user = user
    event.event.status.current_iteration = iteration
    return event


def hit(at_ms=5, *, elapsed_ms=5, status=200, url=URL, more=None, **where):
    """A request."""
    said = {"url": url, "method": "GET", "status": status, "elapsed": {"nanos": elapsed_ms * 10**6}}
    return listed(at_ms, hit={**said, **(more or {})}, **where)


def outcome(kind="test_success", start_ms=0, end_ms=10, raised=None, **where):
    """An iteration: its start, outcome and stop."""
    said = {"test": TEST, **({"exception": raised} if raised else {})}
    return [
        listed(start_ms, test_start={"test": TEST}, **where),
        *([listed(end_ms, **{kind: said}, **where)] if kind else []),
        listed(end_ms, test_stop={"test": TEST}, **where),
    ]


@pytest.fixture
def document(tmp_path, script, summary):
    """The document of some events."""

    def make(*events, of=summary):
        results = script(of, events=events)
        output = funkload.Funkload(str(tmp_path / "fl.xml"))
        asyncio.run(output.write(results))
        assert results.asked == [funkload.KINDS]
        return (tmp_path / "fl.xml").read_text()

    return make


def elements(text, tag):
    """The elements of a document, as dictionaries."""
    return [dict(each.attrib) for each in ET.fromstring(text).iter(tag)]  # noqa: S314 - our own


def test_the_golden_document(document, golden):
    """Of the same load there is the same document, apart from times, hosts and versions.

    Hits come before the iterations that they belong to, as blocks of a batch do.
    """
    events = []
    for cycle, users in ((1, 1), (2, 2)):
        where = [
            {"cycle": cycle, "user": user, "iteration": iteration}
            for iteration in (1, 2)
            for user in range(1, users + 1)
        ]
        events += [hit(**each) for each in where]
        events += [event for each in where for event in outcome(**each)]

    assert golden.comparable(document(*events)) == golden.comparable(golden.GOLDEN)


def test_results_of_iterations(document):
    """What failed and what ended with an error differ, and say what was raised; without an outcome
    it was cut off, which is an error.
    """
    raised = {"type": "AssertionError", "message": '"a" != <b>', "traceback": 'File "x"\n  a\n'}
    found = elements(
        document(
            *outcome(user=1),
            *outcome("test_failure", raised=raised, user=2),
            *outcome("test_error", raised={"type": "KeyError"}, user=3),
            *outcome("", user=4),
        ),
        "testResult",
    )
    assert [each["result"] for each in found] == ["Successful", "Failure", "Error", "Error"]
    assert [each.get("traceback") for each in found] == [
        None,
        'File "x"\n  a\n',
        "KeyError",
        None,
    ]
    assert found[0]["duration"] == "0.01"


def test_results_of_responses(document):
    """A failed answer, no answer, and one that failed although its status is fine."""
    found = elements(
        document(
            hit(status=404),
            hit(status=0, more={"error": 2, "error_message": "refused"}),
            hit(more={"failed": True}),
            hit(status=404, more={"failed": False}),
        ),
        "response",
    )
    assert [(each["result"], each["code"]) for each in found] == [
        ("Failure", "404"),
        ("Error", "0"),
        ("Failure", "200"),
        ("Successful", "404"),
    ]
    assert found[1]["description"] == "refused"


def test_steps_of_an_iteration_are_counted(document):
    """Each hit is a step; redirects are no pages."""
    text = document(hit(status=302), hit(), hit(), *outcome())
    assert [each["step"] for each in elements(text, "response")] == ["001", "002", "003"]
    (result,) = elements(text, "testResult")
    assert [result[each] for each in ("steps", "requests", "pages", "redirects")] == [
        *("3", "3", "2", "1")
    ]


def test_iterations_of_agents_do_not_mix(document):
    """The same user of two agents is two users."""
    text = document(hit(agent="a"), hit(agent="b"), *outcome(agent="a"), *outcome(agent="b"))
    assert [each["steps"] for each in elements(text, "testResult")] == ["1", "1"]


@pytest.mark.parametrize(("split", "cycles"), [(True, "[3, 4]"), (False, "[6, 8]")])
def test_users_are_those_of_all_agents(document, summary, split, cycles):
    """The users of a cycle are the same in each of its lines, whoever ran them."""
    plan = plan_of(test=TEST, users=(3, 4), iterations=(1,), agents=2, split=split)
    text = document(*outcome(cycle=2), of=replace(summary, plan=plan))
    (shown,) = [each["value"] for each in elements(text, "config") if each["key"] == "cycles"]
    assert shown == cycles
    assert elements(text, "testResult")[0]["cvus"] == f"{4 if split else 8:03}"


def test_what_has_no_end_is_written(document, monkeypatch):
    """Hits of a runner that reports no iterations are all there, and do not pile up."""
    monkeypatch.setattr(funkload, "MAX_OPEN", 10)
    monkeypatch.setattr(funkload, "MAX_WAITING", 7)
    text = document(*(hit(iteration=number) for number in range(1, 101)))
    assert len(elements(text, "response")) == 100


@pytest.mark.parametrize("text", ["\x00\x1b[1m", '"><evil a="', "\ufffe", "a\nb", "ünï"])
def test_hostile_text_is_well_formed(document, summary, text):
    """Whatever a name, an answer or a host says, the document can be read."""
    agent = AgentFigures(agent_id="a", hostname=text, state=AssignmentState.FINISHED)
    raised = {"type": text, "message": text, "traceback": text}
    found = document(
        hit(url=f"http://h/{text}", more={"error_message": text}),
        *outcome("test_error", raised=raised),
        of=replace(summary, agents=(agent,), plan=replace(summary.plan, title=text)),
    )
    assert {each.tag for each in ET.fromstring(found).iter()} == {  # noqa: S314 - our own
        *("funkload", "config", "response", "testResult")
    }
