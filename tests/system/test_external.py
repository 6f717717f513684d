"""Runners that are not ours: one process for each user, one for all, several scenarios at once."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import textwrap
import time

import pytest

pytestmark = pytest.mark.system

RUNNER = textwrap.dedent(
    """
    import os, sys, time, urllib.request
    import grpc
    from google.protobuf.duration_pb2 import Duration
    from loadgrpc.v1 import event_pb2, runner_pb2, runner_pb2_grpc

    env = os.environ
    source = runner_pb2.SourceId(run_id=env["LOADGRPC_RUN_ID"], agent_id=env["LOADGRPC_AGENT_ID"],
                                 runner_id=env["LOADGRPC_RUNNER_ID"])
    metadata = [("authorization", "Bearer " + env["LOADGRPC_TOKEN"])]
    channel = grpc.insecure_channel(env["LOADGRPC_ENDPOINT"])
    stub = runner_pb2_grpc.RunnerServiceStub(channel)
    asked = runner_pb2.GetAssignmentRequest(source=source)
    assignment = stub.GetAssignment(asked, metadata=metadata).assignment
    test, how = assignment.test, sys.argv[1]
    print("user", env.get("LOADGRPC_CURRENT_USER", "all"), "of", env["LOADGRPC_TOTAL_USERS"])
    sys.stderr.write("on its way\\n")

    def events(user, cycle, number):
        status = event_pb2.LoadStatus(users=cycle.users, iterations=cycle.iterations,
                                      current_user=user, current_iteration=number, cycle=1)
        began = time.monotonic()
        with urllib.request.urlopen(test) as answer:
            answer.read()
        took = round((time.monotonic() - began) * 1e9)
        for kind in (dict(test_start={"test": test}),
                     dict(hit={"url": test, "method": "GET", "status": answer.status,
                               "elapsed": Duration(nanos=took)}),
                     dict(test_success={"test": test}), dict(test_stop={"test": test})):
            yield event_pb2.Event(status=status, **kind)

    def say():
        yield runner_pb2.PublishEventsRequest(source=source, open=runner_pb2.OpenSource(epoch=1))
        if how == "silent":
            time.sleep(60)
        sequence = 1
        for cycle in assignment.cycles:
            users = [assignment.user] if assignment.user else range(1, cycle.users + 1)
            for user in users:
                for number in range(1, cycle.iterations + 1):
                    rows = list(events(user, cycle, number))
                    yield runner_pb2.PublishEventsRequest(
                        batch=runner_pb2.EventBatch(first_sequence=sequence, events=rows))
                    sequence += len(rows)
        if how == "dies" and assignment.user == 2:
            sys.stderr.write("no more petrol\\n")
            sys.stderr.flush()
            os._exit(7)
        if how != "unfinished":
            totals = runner_pb2.SourceTotals(events=sequence - 1, hits=(sequence - 1) // 4)
            yield runner_pb2.PublishEventsRequest(finish=runner_pb2.Finish(totals=totals))

    acked = 0
    for answer in stub.PublishEvents(say(), metadata=metadata):
        if answer.HasField("finished"):
            break
    """
)


@pytest.fixture
def runner(folder) -> str:
    """A command: the runner above, which does as it is told by its argument."""
    (folder / "own.py").write_text(RUNNER)
    return f"{shlex.quote(sys.executable)} own.py"


def test_a_process_for_each_user_of_each_cycle(loadgrpc, counting_server, runner):
    """Two and then three users are five processes; every hit is counted, and verified."""
    ran = loadgrpc(
        *("run", counting_server.url, "--test-runner", f"{runner} well {{test}}"),
        *("-u", "2:3", "-i", "4", "--json", "-v"),
    )

    assert ran.code == 0, ran.stdout + ran.stderr
    assert counting_server.requests() == 20
    assert int(ran.document["hits"]["count"]) == 20
    assert int(ran.document["iterations"]["success"]) == 20
    assert int(ran.document["accounting"]["committed"]) == 80
    assert [agent["state"] for agent in ran.document["agents"]] == ["ASSIGNMENT_STATE_FINISHED"]


def test_one_process_for_all_users(loadgrpc, cluster, counting_server, runner):
    """In the other mode an agent has one process, which lives all users of all cycles."""
    begun = cluster(2)
    ran = loadgrpc(
        *("run", counting_server.url, "--test-runner", f"{runner} well"),
        *("--runner-mode", "all-users", "-u", "2:3", "-i", "4", "--json"),
        *("-b", begun.address, "-a", "2"),
    )

    assert ran.code == 0, ran.stdout + ran.stderr
    assert counting_server.requests() == int(ran.document["hits"]["count"]) == 40


def test_a_runner_that_does_not_finish_is_believed_when_it_exits_with_0(
    loadgrpc, counting_server, runner
):
    """Its counts are taken, and said to be unverified."""
    ran = loadgrpc(
        *("run", counting_server.url, "--test-runner", f"{runner} unfinished", "-i", "3"),
        "--json",
    )

    assert ran.code == 0, ran.stdout + ran.stderr
    assert int(ran.document["hits"]["count"]) == 3
    (agent,) = ran.document["agents"]
    assert agent["state"] == "ASSIGNMENT_STATE_FINISHED_UNVERIFIED"


def test_a_runner_that_dies_is_told_of_with_its_last_words(loadgrpc, counting_server, runner):
    """The others go on; what it had not delivered is lost, at least nothing is known of it."""
    ran = loadgrpc(
        *("run", counting_server.url, "--test-runner", f"{runner} dies", "-u", "3", "-i", "2"),
        "--json",
    )

    assert ran.code == 3, ran.stdout + ran.stderr
    (agent,) = ran.document["agents"]
    assert agent["state"] == "ASSIGNMENT_STATE_LOST"
    assert "no more petrol" in agent["reason"]
    assert "status 7" in agent["reason"]
    assert int(ran.document["hits"]["count"]) <= counting_server.requests() == 6


def test_a_silent_runner_is_ended(loadgrpc, counting_server, runner):
    """Not before it was silent for as long as was said."""
    began = time.monotonic()
    ran = loadgrpc(
        *("run", counting_server.url, "--test-runner", f"{runner} silent"),
        *("--silence-timeout", "1s", "--json"),
    )

    assert ran.code == 3, ran.stdout + ran.stderr
    assert time.monotonic() - began > 1
    assert "silent for 1 s" in ran.document["agents"][0]["reason"]


def test_a_command_that_is_none(loadgrpc):
    """The program that is missing is named, and no other user is tried."""
    ran = loadgrpc("run", "x", "--test-runner", "no-such-program {test}", "-u", "3:3", "--json")

    assert ran.code == 3, ran.stdout + ran.stderr
    assert "no-such-program: No such file or directory" in ran.document["agents"][0]["reason"]
    assert int(ran.document["iterations"]["started"]) == 0


def test_scenarios_side_by_side_from_a_plan_file(
    loadgrpc, cluster, counting_server, runner, folder
):
    """Ours and another, with a section for each; cycles are entered together."""
    plan = {
        "scenarios": [
            {"name": "ours", "test": "example.TestWebSite.test_es", "users": [2, 1],
             "iterations": [5], "serverUrl": counting_server.url},
            {"name": "all", "test": counting_server.url, "users": [3], "iterations": [2],
             "testRunner": f"{runner} well", "runnerMode": "RUNNER_MODE_ALL_USERS"},
            {"name": "each", "test": counting_server.url, "users": [1, 2], "iterations": [4],
             "testRunner": f"{runner} well"},
        ]
    }  # fmt: skip
    (folder / "plan.json").write_text(json.dumps(plan))
    begun = cluster(2)

    ran = loadgrpc("run", "-f", "plan.json", "--json", "-b", begun.address, "-a", "2")

    assert ran.code == 0, ran.stdout + ran.stderr
    hits = {one["name"]: int(one["hits"]["count"]) for one in ran.document["scenarios"]}
    assert hits == {"ours": 2 * 15, "all": 2 * 6, "each": 2 * 12}
    assert counting_server.requests() == int(ran.document["hits"]["count"]) == sum(hits.values())
    iterations = {
        one["name"]: int(one["iterations"]["success"]) for one in ran.document["scenarios"]
    }
    assert iterations == hits
    assert {entry["scenario"] for entry in ran.document["names"]} == set(hits)
    assert "Scenario each" in ran.stderr


def test_a_runner_started_by_hand(loadgrpc, cluster, counting_server, runner, folder):
    """It is told where to report, and to whom; when it has finished, the run is over."""
    begun = cluster(1)
    asked = ("run", counting_server.url, "--runner-mode", "by-hand", "-u", "2", "-i", "3")
    run_id = loadgrpc(*asked, "-b", begun.address, "--detach").stdout.strip()
    told = loadgrpc("assignment", run_id, "-b", begun.address)
    assert told.code == 0, told.stderr

    script = f"{told.stdout}\nexec {runner} well"
    done = subprocess.run(["sh", "-c", script], cwd=folder, timeout=30, check=False)

    assert done.returncode == 0
    ran = loadgrpc("attach", run_id, "-b", begun.address, "--json")
    assert ran.code == 0, ran.stderr
    assert int(ran.document["hits"]["count"]) == counting_server.requests() == 6
    gone = loadgrpc("assignment", run_id, "-b", begun.address)
    assert "nothing is expected" in gone.stderr


def test_what_nobody_lives_can_be_stopped(loadgrpc, cluster):
    """A run whose runner is never started waits, and ends when it is told to."""
    begun = cluster(1)
    asked = ("run", "x", "--runner-mode", "by-hand", "-b", begun.address, "--detach")
    run_id = loadgrpc(*asked).stdout.strip()

    assert loadgrpc("stop", run_id, "-b", begun.address).code == 0
    assert loadgrpc("attach", run_id, "-b", begun.address).code == 105


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run"], "missing TEST"),
        (["run", "x", "--test-runner", "'"], "No closing quotation"),
        (["run", "a.B.c", "--runner-mode", "all-users"], "--runner-mode needs a --test-runner"),
        (["run", "x", "--runner-mode", "by-hand"], "by-hand needs -b/--broker"),
        (["run", "-f", "bad.json"], "bad.json is not a plan"),
        (["run", "-f", "wrong.json"], "plan.scenarios[0].test: is required"),
        (["run", "-f", "wrong.json", "-u", "3"], "plan.scenarios[0].test: is required"),
        (["run", "-f", "nowhere.json"], "nowhere.json"),
    ],
)
def test_wrong_plans_say_what_is_wrong(loadgrpc, folder, arguments, words):
    """Before anything is started."""
    (folder / "bad.json").write_text("{")
    wrong = {"scenarios": [{"name": "x", "testRunner": "./x"}]}
    (folder / "wrong.json").write_text(json.dumps(wrong))

    ran = loadgrpc(*arguments)

    assert ran.code == 2
    assert words in " ".join(ran.stderr.split()), ran.stderr


def test_users_wait_where_an_agent_bounds_its_processes(
    start, folder, cluster, loadgrpc, runner, counting_server
):
    """All five do their work, two at a time; the run says that they had to wait, and is not green.

    While they wait, that is a trouble of the run, and a line in the agent's log.
    """
    begun = cluster()
    agent = start(
        *("loadgrpc", "agent", "--broker", begun.address, "--max-processes", "2"), cwd=folder
    )
    agent.wait_for("connected to", within_s=60.0)
    ran = loadgrpc(
        *("run", "-b", begun.address, "-a", "1", "--test-runner", f"{runner} well"),
        *(counting_server.url, "-u", "5", "--json"),
    )

    agent.wait_for("this agent runs at most 2 of them at once", within_s=60.0)
    assert ran.document["iterations"]["success"] == "5"
    assert ran.document["users"] == {"planned": "5", "started": "5", "unknown": "0"}
    assert ran.document["verdict"]["reason"] == (
        "3 of 5 users had to wait for others to end: agent "
        f"{ran.document['agents'][0]['agentId']} runs at most 2 processes at once"
    )
    assert ran.code == 3
