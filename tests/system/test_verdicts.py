"""Green can be trusted: real runs that did not do what was planned, in every mode."""

from __future__ import annotations

import shlex
import sys

import pytest

pytestmark = pytest.mark.system

TESTS = """\
import time

from loadgrpc import TestCase


class TestIt(TestCase):
    ran = 0

    def test_pass(self):
        time.sleep(0.02)

    def test_for_ever(self):
        time.sleep(600)

    def test_now_and_then(self):
        TestIt.ran += 1
        time.sleep(600 if TestIt.ran == 3 else 0.02)

    def test_slow(self):
        began = time.monotonic()
        time.sleep(0.01)
        self.assertLess(time.monotonic() - began, 0.001)
"""

HITS_ONLY = """\
import grpc, os, time
from loadgrpc.v1 import runner_pb2, runner_pb2_grpc

names = ("run_id", "agent_id", "runner_id")
source = {name: os.environ["LOADGRPC_" + name.upper()] for name in names}
bearer = [("authorization", "Bearer " + os.environ["LOADGRPC_TOKEN"])]
hit = {"name": "/", "method": "GET", "status": 200, "elapsed": {"nanos": 1_000_000}}
batch = {"first_sequence": 1, "events": [{"hit": hit}] * 3}


def said():
    yield runner_pb2.PublishEventsRequest(source=source, open={"epoch": 1})
    time.sleep(float(os.environ.get("LOADGRPC_DURATION", 0)))
    yield runner_pb2.PublishEventsRequest(batch=batch)
    yield runner_pb2.PublishEventsRequest(finish={"totals": {"events": 3, "hits": 3}})
    time.sleep(1)


with grpc.insecure_channel(os.environ["LOADGRPC_ENDPOINT"]) as channel:
    stub = runner_pb2_grpc.RunnerServiceStub(channel)
    for answer in stub.PublishEvents(said(), metadata=bearer):
        if answer.HasField("finished"):
            break
"""


@pytest.fixture
def tests(folder):
    """A folder with tests and a runner that reports hits only."""
    (folder / "it.py").write_text(TESTS)
    (folder / "hits_only.py").write_text(HITS_ONLY)
    return folder


@pytest.mark.parametrize("mode", ["one-user", "all-users"])
@pytest.mark.parametrize(("bound", "what"), [("-i5", "10 iterations"), ("-d1", "2 users")])
def test_b1_a_runner_that_does_nothing(loadgrpc, mode, bound, what):
    """`true` exits with 0, and none of what was planned is done: exit 3, with numbers."""
    ran = loadgrpc("run", "--test-runner", "true", "--runner-mode", mode, "x", "-u2", bound)

    assert ran.code == 3
    assert ran.last_line.startswith("exit 3: ")
    assert f"0 of {what} were started" in ran.last_line


def test_b1_it_is_no_other_on_agents(loadgrpc, cluster):
    """Two agents, each with half of the users, scenario by scenario."""
    begun = cluster(2)
    ran = loadgrpc(
        *("run", "--test-runner", "true", "x", "-u", "3", "-i", "5", "-a", "2", "--split"),
        *("-b", begun.address, "--json"),
    )

    assert ran.code == 3
    assert ran.document["verdict"]["reason"] == "0 of 15 iterations were started"
    assert ran.document["iterations"]["dropped"] == "15"
    assert ran.document["users"] == {"planned": "3", "started": "0", "unknown": "0"}


@pytest.mark.parametrize("mode", ["one-user", "all-users"])
@pytest.mark.parametrize(
    ("bound", "words"),
    [("-i1", "0 of 1 iterations were started"), ("-d2", "no iteration was reported, only 3 hits")],
)
def test_b1_hits_alone_are_no_work(loadgrpc, tests, mode, bound, words):
    """A runner that reports no iterations is told that it has to."""
    runner = shlex.join([sys.executable, "hits_only.py"])
    ran = loadgrpc("run", "--test-runner", runner, "--runner-mode", mode, "x", bound, cwd=tests)

    assert ran.code == 3
    assert words in ran.last_line


def test_b2_all_users_interrupted(loadgrpc, tests):
    """Nobody finished an iteration: that is not passed."""
    ran = loadgrpc(
        *("run", "it.TestIt.test_for_ever", "-u", "2", "-d", "1s", "--stop-timeout", "500ms")
    )

    assert ran.code == 3
    assert ran.last_line == "exit 3: no iteration finished: 2 of 2 were cut off"


@pytest.mark.parametrize(
    ("timeout", "code", "words"),
    [
        ("500ms", 3, "iterations were cut off (the stop timeout is 0.5 s)"),
        ("0s", 0, "passed; 1 iteration cut off at the end, as a stop timeout of 0 asks"),
    ],
)
def test_b2_some_interrupted(loadgrpc, tests, timeout, code, words):
    """What was cut off is told in the last line; only a plan that asks for it passes."""
    ran = loadgrpc(*("run", "it.TestIt.test_now_and_then", "-d", "1s", "--stop-timeout", timeout))

    assert ran.code == code
    assert words in ran.last_line


def test_f23_users_that_a_spawn_rate_did_not_start(loadgrpc, tests):
    """The last line, the report and the document say how many of the users there were."""
    ran = loadgrpc(*("run", "it.TestIt.test_pass", "-u", "10", "-r", "1", "-d", "2500ms", "--json"))

    assert ran.code == 3
    assert ran.document["verdict"]["reason"] == "3 of 10 users were started, at 1 per second"
    users = {"planned": "10", "started": "3", "unknown": "0"}
    assert ran.document["users"] == ran.document["agents"][0]["allUsers"] == users
    assert "3 of 10 started" in ran.stderr


def test_b7_ten_thousand_values_are_one_group(loadgrpc, tests):
    """A limit that is broken each time by another amount is one finding."""
    ran = loadgrpc("run", "it.TestIt.test_slow", "-u", "4", "-i", "25", "--json")

    assert ran.code == 1
    (group,) = ran.document["failures"]
    assert group["count"] == ran.document["iterations"]["failure"] == "100"
    assert "100 iterations in 1 group" in ran.stderr
