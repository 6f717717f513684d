"""Three kinds of runner in one run: ours, one in Go, one in Node; and one report."""

from __future__ import annotations

import json
import subprocess
import time

import pytest

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]

TEST = """
from loadgrpc import TestCase


class TestTogether(TestCase):
    def test_it(self):
        self.assertEqual(self.session.get(self.server_url).status_code, 200)
"""
CALLS = "loadgrpc.v1.ControlService/"


@pytest.fixture
def plan(root, tmp_path, go_runner, node, counting_server) -> dict:
    """A plan with three scenarios, which are 15, 12 and 8 hits on each agent."""
    test, url = tmp_path / "together.py", counting_server.url + "/"
    test.write_text(TEST)
    return {
        "scenarios": [
            {
                "name": "python",
                "test": f"{test}::TestTogether.test_it",
                "users": [2, 1],
                "iterations": [5],
                "serverUrl": url,
            },
            {
                "name": "go",
                "test": url,
                "users": [3],
                "iterations": [4],
                "testRunner": f"'{go_runner}' {{test}}",
                "runnerMode": "RUNNER_MODE_ALL_USERS",
            },
            {
                "name": "node",
                "test": url,
                "users": [1, 3],
                "iterations": [2],
                "testRunner": f"'{node}' '{root}/tools/runners/node/runner.js' {{test}}",
            },
        ]
    }


def check(summary: dict, server, agents: int) -> None:
    """Each has a section, and all agree with the server's own count."""
    hits = {each["name"]: int(each["hits"]["count"]) for each in summary["scenarios"]}
    passed = {each["name"]: int(each["iterations"]["success"]) for each in summary["scenarios"]}
    assert hits == passed == {"python": 15 * agents, "go": 12 * agents, "node": 8 * agents}
    assert int(summary["hits"]["count"]) == server.requests() == 35 * agents
    assert {each["scenario"] for each in summary["names"]} == {"python", "go", "node"}
    accounting = summary["accounting"]
    assert (accounting["lost"], accounting["duplicates"], accounting["rejected"]) == ("0",) * 3
    assert not accounting["mismatches"]


def test_from_a_plan_file(loadgrpc, plan, counting_server, tmp_path):
    """Here, on a cluster of one."""
    (tmp_path / "plan.json").write_text(json.dumps(plan))

    ran = loadgrpc("run", "--plan", str(tmp_path / "plan.json"), "--json")

    assert ran.returncode == 0, ran.stdout + ran.stderr
    check(json.loads(ran.stdout), counting_server, 1)


def test_from_grpcurl(plan, counting_server, start, tool, tmp_path):
    """On two agents."""
    grpcurl = tool("grpcurl")
    here = {"XDG_STATE_HOME": str(tmp_path / "state")}
    loadgrpc = ("python", "-m", "loadgrpc")
    broker = start(*loadgrpc, "broker", "--listen", "127.0.0.1:0", cwd=tmp_path, env=here)
    address = broker.wait_for(r"listening on (\S+?),")[1]
    for _ in range(2):
        agent = (*loadgrpc, "agent", "--broker", address)
        start(*agent, cwd=tmp_path, env=here, until="connected to", within_s=60.0)

    def call(method: str, request: dict) -> dict:
        command = [grpcurl, "-plaintext", "-emit-defaults", "-d", json.dumps(request)]
        done = subprocess.run(
            [*command, address, CALLS + method], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    run_id = call("StartRun", {"plan": {**plan, "agents": 2}})["run"]["runId"]
    deadline = time.monotonic() + 60
    while call("GetRun", {"runId": run_id})["run"]["state"] != "RUN_STATE_FINISHED":
        assert time.monotonic() < deadline, broker.output
        time.sleep(0.2)
    check(call("GetSummary", {"runId": run_id})["summary"], counting_server, 2)
