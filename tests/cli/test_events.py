"""`events`: what was reported in a run, for people and for programs."""

import base64
import json
import time

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from loadgrpc import errors
from loadgrpc.v1 import control_pb2

START_S = 1_700_000_000


@pytest.fixture(autouse=True)
def utc(monkeypatch):
    """The time of day is the same everywhere."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def event(sequence=1, **what):
    """A listed event."""
    listed = control_pb2.ListedEvent(agent_id="web-1", runner_id="r", sequence=sequence)
    listed.event.CopyFrom(type(listed.event)(**what))
    listed.event.time.seconds = START_S + 180  # the agent's clock is wrong
    listed.event.time.nanos = 5_000_000
    listed.time.seconds, listed.time.nanos = START_S, 5_000_000
    return listed


WORDS = {
    "hit": (
        {"hit": {"url": "http://h/a", "method": "GET", "status": 200, "elapsed": {"nanos": 10**6}}},
        "GET http://h/a 200 in 1.00 ms",
    ),
    "hit without an answer": (
        {"hit": {"name": "a", "method": "GET", "error": 1, "error_message": "no such host"}},
        "GET a no such host in 0 s",
    ),
    "socket": (
        {"socket": {"name": "chat", "opened": 2, "messages_sent": 3, "bytes_sent": 1_500}},
        "chat: 2 opened, 3 sent (1.50 kB)",
    ),
    "hit that says more": (
        {
            "hit": {
                "name": "/s/Say",
                "protocol": "grpc",
                "status": 14,
                "failed": True,
                "attempt": 2,
                "elapsed": {"nanos": 10**6},
                "planned_start_time": {"seconds": START_S + 180, "nanos": 1_500_000},
            },
            "status": {"case": "rainy"},
        },
        "grpc /s/Say 14 in 1.00 ms, failed, planned 2.50 ms earlier, attempt 2, case rainy",
    ),
    "hit that was expected": (
        {"hit": {"name": "a", "method": "GET", "status": 404, "failed": False}},
        "GET a 404 in 0 s, not failed",
    ),
    "hit without words": ({"hit": {"name": "a", "error": 1}}, "a no answer in 0 s"),
    "test_start": ({"test_start": {"test": "t"}}, "t"),
    "test_stop": ({"test_stop": {"test": "t"}}, "t"),
    "test_success": ({"test_success": {"test": "t"}}, "t"),
    "test_failure": (
        {"test_failure": {"test": "t", "exception": {"type": "E", "message": "1 !=\n2"}}},
        "t: E: 1 != 2",
    ),
    "test_error": (
        {"test_error": {"test": "t", "exception": {"type": "E", "message": "x"}}},
        "t: E: x",
    ),
    "counter": ({"counter": {"name": "carts"}}, "carts +1"),
    "counter down": ({"counter": {"name": "carts", "increment": -3}}, "carts -3"),
    "state": ({"state": {"active_users": 7}}, "users alive: 7"),
    "generator": ({"generator": {"lags_ns": [10, 2_000_000]}}, "process 1, up to 2.00 ms late"),
    "generator without lags": ({"generator": {"process": 3}}, "process 3"),
    "output": (
        {"output": {"text": "a  \x1b[2J http://u:p@h/?token=x", "process": 2}},
        "process 2: a  \\x1b[2J http://u:***@h/?token=***",
    ),
    "output of standard error": (
        {"output": {"text": "", "stream": 2, "left_out": 7}},
        "process 1, standard error: (7 left out)",
    ),
    "custom": ({"custom": {"type_url": "x/acme.Order", "value": b"abc"}}, "acme.Order (3 B)"),
}


def test_c8_a_printed_line_keeps_its_spaces(invoke, client):
    """Tables that a test prints are tables when they are listed."""
    client.events = [event(output={"text": "  a   b"})]
    assert invoke("events", "some-run")[1].endswith("process 1:   a   b\n")


@pytest.mark.parametrize(("what", "words"), WORDS.values(), ids=WORDS)
def test_each_kind_has_a_line(invoke, client, what, words):
    """When it was, where, its kind, and what it says, on one line."""
    client.events = [event(**what)]
    kind = next(iter(what))
    code, out, err = invoke("events", "some-run")
    assert (code, err) == (0, "")
    when, agent, found, *rest = out.split()
    assert (when, agent, found) == ("22:13:20.005", "web-1", kind)
    assert " ".join(rest) == " ".join(words.split())
    assert out.count("\n") == 1


def test_users_are_named(invoke, client):
    """An event on behalf of a user says of which."""
    client.events = [event(status={"current_user": 12}, counter={"name": "n"})]
    assert "user 12" in invoke("events", "some-run")[1]


def test_types_that_were_brought_are_shown(invoke, client, acme):
    """Fields of a custom event are shown when the broker knows its type; it is asked once."""
    (file,) = FileDescriptorSet.FromString(acme.types()).file
    client.described = {"acme.Order": [file.SerializeToString()]}
    client.events = [event(at, custom=acme.order(item=item)) for at, item in ((1, "ö"), (2, "b"))]
    code, out, _ = invoke("events", "some-run", "-k", "custom")
    assert code == 0
    assert [line.partition("acme.Order ")[2] for line in out.splitlines()] == [
        *('{"item": "ö"}', '{"item": "b"}')
    ]
    assert [asked for asked in client.asked if asked[0] == "describe"] == [
        ("describe", "acme.Order")
    ]


def test_documents(invoke, client, acme):
    """--json prints a document a line, as protobuf writes them; unknown values in base64."""
    client.events = [event(5, hit={"name": "a"}), event(6, custom=acme.order(item="pear"))]
    code, out, _ = invoke("events", "some-run", "--json")
    assert code == 0
    hit, custom = map(json.loads, out.splitlines())
    assert hit == {
        "agentId": "web-1",
        "runnerId": "r",
        "sequence": "5",
        "event": {"time": "2023-11-14T22:16:20.005Z", "hit": {"name": "a"}},
        "time": "2023-11-14T22:13:20.005Z",
    }
    value = base64.b64encode(acme.order(item="pear").value).decode()
    assert custom["event"]["custom"] == {
        "@type": "type.googleapis.com/acme.Order",
        "@error": "acme.Order is not recognized; see @value for raw binary message data",
        "@value": value,
    }


def test_what_is_wanted_is_asked_for(invoke, client):
    """Kinds, agent and limit are the broker's to apply."""
    options = ("-k", "hit", "--kind", "custom", "--agent", "web-2", "-n", "7")
    assert invoke("events", "x", *options) == (0, "", "")
    wanted = {"kinds": ("hit", "custom"), "agent_id": "web-2", "limit": 7}
    assert client.asked == [("list_events", "x", wanted)]


def test_what_is_refused(invoke, client):
    """What the broker refuses is one line, and exit code 2."""
    client.fails["list_events"] = errors.EventsGone("the events of run x are not kept any more")
    assert invoke("events", "x") == (
        2,
        "",
        "loadgrpc events: error: the events of run x are not kept any more\n",
    )
