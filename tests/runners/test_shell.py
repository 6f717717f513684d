"""The runner that is a shell script: by the conformance kit, in real runs, and when it fails."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

RUNNER = Path(__file__).resolve().parents[2] / "tools/runners/shell/runner.sh"

pytestmark = pytest.mark.system


@pytest.fixture(autouse=True)
def programs(tool, monkeypatch) -> None:
    """What the script calls is on PATH; what is missing skips the test."""
    folders = {str(Path(tool(name)).parent) for name in ("bash", "curl", "grpcurl", "setsid")}
    monkeypatch.setenv("PATH", os.pathsep.join([*sorted(folders), os.environ["PATH"]]))


def test_it_conforms(conforms):
    """The conformance kit finds nothing."""
    conforms(str(RUNNER), "{test}", options=("--mode", "one-user"))


def test_a_run_counts_what_the_server_has_counted(summary_of, counting_server):
    """Every hit is counted; nothing is verified, because it sends no totals."""
    summary = summary_of(str(RUNNER), f"{counting_server.url}/?q=1", "-u", "3", "-i", "4")

    assert counting_server.requests() == 12
    assert summary["hits"]["count"] == "12"
    assert [name["name"] for name in summary["names"]] == [f"{counting_server.url}/"]
    assert summary["iterations"]["success"] == "12"
    assert [agent["state"] for agent in summary["agents"]] == [
        "ASSIGNMENT_STATE_FINISHED_UNVERIFIED"
    ]


def test_a_user_that_is_ended_says_so(summary_of, demo_server):
    """SIGTERM cuts a request off; that it was is reported, before the end."""
    load = ("-u", "1", "-i", "1", "--silence-timeout", "1s")

    summary = summary_of(str(RUNNER), f"{demo_server.url}/delay/600000", *load, code=3)

    assert summary["iterations"] | {"started": "1", "interrupted": "1"} == summary["iterations"]
    assert [group["error"] for group in summary["hitErrors"]] == ["HIT_ERROR_ABORTED"]
    assert summary["accounting"]["lost"] == "0"


def test_it_fails_when_it_cannot_report(demo_server):
    """With nobody to report to it makes no hits and does not exit with 0; it says why."""
    environment = {
        "LOADGRPC_ENDPOINT": "127.0.0.1:1",
        "LOADGRPC_TOKEN": "none",
        "LOADGRPC_RUN_ID": "r-1",
        "LOADGRPC_AGENT_ID": "a-1",
        "LOADGRPC_RUNNER_ID": "1",
        "LOADGRPC_TEST": demo_server.url,
        "LOADGRPC_TOTAL_USERS": "1",
        "LOADGRPC_CURRENT_USER": "1",
        "LOADGRPC_TOTAL_ITERATIONS": "1",
    }

    ran = subprocess.run(
        [RUNNER], env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )

    assert ran.returncode != 0
    assert "127.0.0.1:1" in ran.stderr
    assert demo_server.requests() == 0
