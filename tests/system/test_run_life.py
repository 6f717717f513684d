"""Runs that wait and are tried again, with real seconds, processes and a broker that is killed."""

from __future__ import annotations

import json
import signal
import subprocess
import time

import pytest

pytestmark = pytest.mark.system

CONTROL = "loadgrpc.v1.ControlService"


def messages(text: str) -> list[dict]:
    """The JSON documents that follow one another in a text."""
    decoder, found, at = json.JSONDecoder(), [], 0
    while at < len(text.rstrip()):
        document, at = decoder.raw_decode(text, at)
        found.append(document)
        at += len(text[at:]) - len(text[at:].lstrip())
    return found


def test_a_person_with_grpcurl_schedules_a_run_and_reads_both_attempts(tool, cluster):
    """It starts after its delay, goes through its states, is tried again, and both are kept."""
    begun = cluster(1)
    program = tool("grpcurl")

    def call(method: str, **asked: object):
        done = subprocess.run(
            [program, "-plaintext", "-d", json.dumps(asked), begun.address, f"{CONTROL}/{method}"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return messages(done.stdout)

    asked_s = time.time()
    plan = {
        "test": "example.TestWebSite.test_boom",
        "retry": {"maxAttempts": 2, "retryOn": ["RETRY_REASON_TEST_FAILED"]},
    }
    run = call("StartRun", plan=plan, delay="1s", expireAfter="60s")[0]["run"]
    assert run["state"] == "RUN_STATE_SCHEDULED"

    watched = call("WatchRun", runId="latest", after=0)
    states = [
        (each["change"]["attempt"], each["change"]["state"].removeprefix("RUN_STATE_"))
        for each in watched
        if each.get("change", {}).get("kind") == "CHANGE_KIND_STATE"
    ]
    each_time = ["SCHEDULED", "QUEUED", "STARTING", "RUNNING"]
    assert states == [
        *((1, state) for state in each_time),
        *((2, state) for state in each_time),
        (2, "FINISHED"),
    ]
    assert time.time() - asked_s >= 2.0  # the delay, and the first backoff
    over = watched[-1]["run"]
    assert (over["attempt"], len(over["attempts"])) == (2, 1)
    for number in (1, 2):
        summary = call("GetSummary", runId=f"latest.{number}")[0]["summary"]
        assert summary["runId"] == run["runId"]
        assert summary["attempt"] == number
        assert summary["verdict"]["exitCode"] == 1
        assert summary["iterations"]["started"] == "1"
    assert "attempt 1: " in over["verdict"]["reason"]


def test_a_run_that_waits_outlives_a_broker_that_is_killed(start, cluster, loadgrpc, folder):
    """Killed between submission and start, by SIGKILL: the next broker starts it, once."""
    begun = cluster(0)
    run = ("run", "example.TestWebSite.test_boom", "-b", begun.address, "--detach")
    waits = loadgrpc(*run, "--wait", "60s", "--label", "nightly")
    assert "needs 1 agent, none known" in waits.stderr
    run_id = waits.stdout.strip()
    begun.broker.signal(signal.SIGKILL)
    begun.broker.wait()
    again = ("--listen", begun.address, "--store", str(begun.store))
    start("loadgrpc", "broker", *again, cwd=folder).wait_for("listening on")
    begun.start_agent().wait_for("connected to", within_s=60.0)

    assert loadgrpc("attach", run_id[:8], "-b", begun.address, "--quiet").code == 1
    listed = loadgrpc("runs", "-b", begun.address, "--label", "nightly", "--json").document["runs"]
    assert [each["runId"] for each in listed] == [run_id]
    changes = loadgrpc("show", "latest", "-b", begun.address, "--changes").stdout
    assert changes.count("STARTING") == 1
