"""The runner in Go: built, by its own tests, by the conformance kit, and in real runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RUNNER = ROOT / "tools/runners/go"
BUILD_S = 600
"""What a build takes where nothing is cached, at most."""

pytestmark = [pytest.mark.system, pytest.mark.timeout(BUILD_S)]


def done(*command: str) -> subprocess.CompletedProcess[str]:
    """Runs a command in the folder of the runner, to its end."""
    return subprocess.run(command, cwd=RUNNER, capture_output=True, text=True, check=False)


def succeeds(*command: str) -> str:
    """Runs a command that must exit with 0; what it wrote to its standard output."""
    ended = done(*command)
    assert ended.returncode == 0, f"{command}:\n{ended.stdout}{ended.stderr}"
    return ended.stdout


def test_its_own_tests_pass(go, tool):
    """It is formatted, passes vet, and its units do what they should."""
    assert succeeds(tool("gofmt"), "-l", *map(str, RUNNER.glob("*.go"))) == ""
    succeeds(go, "vet", ".")
    succeeds(go, "test", ".")


def test_what_is_generated_is_fresh(go):
    """The committed code is what `protos/` generates."""
    succeeds(sys.executable, "go_protos.py", "--check")


@pytest.mark.parametrize("mode", ["one-user", "all-users"])
def test_it_conforms(go_runner, conforms, mode):
    """The conformance kit finds nothing."""
    conforms(go_runner, "{test}", options=("--mode", mode))


@pytest.mark.parametrize("mode", ["one-user", "all-users"])
def test_a_run_counts_what_the_server_has_counted(go_runner, summary_of, counting_server, mode):
    """Three users, then two, with four iterations each: every hit is counted, and verified."""
    load = ("-u", "3:2", "-i", "4", "--runner-mode", mode)

    summary = summary_of(f"'{go_runner}' {{test}}", f"{counting_server.url}/", *load)

    assert counting_server.requests() == 20
    assert summary["hits"]["count"] == "20"
    assert summary["iterations"]["success"] == "20"
    assert [agent["state"] for agent in summary["agents"]] == ["ASSIGNMENT_STATE_FINISHED"]


def test_a_run_as_fast_as_it_can_counts_every_hit(go_runner, summary_of, counting_server):
    """For a second users do nothing but ask: the server has counted as many as the summary."""
    load = ("-u", "20", "-d", "1", "--runner-mode", "all-users")

    summary = summary_of(f"'{go_runner}' {{test}}", f"{counting_server.url}/", *load)

    counted = counting_server.requests()
    assert counted > 20
    assert summary["hits"]["count"] == summary["iterations"]["success"] == str(counted)
    assert summary["accounting"]["lost"] == "0"


def test_a_user_that_is_ended_says_so(go_runner, summary_when_ended):
    """SIGTERM cuts a request off after a moment, and this is reported."""
    summary = summary_when_ended(f"'{go_runner}' {{test}}")

    assert summary["iterations"]["interrupted"] == "1"
    assert [group["error"] for group in summary["hitErrors"]] == ["HIT_ERROR_ABORTED"]
    assert [agent["state"] for agent in summary["agents"]] == ["ASSIGNMENT_STATE_FINISHED"]
