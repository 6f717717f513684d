"""The runner in Node: built, by its own tests, by the conformance kit, and in real runs."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RUNNER = ROOT / "tools/runners/node"
BUILD_S = 300

pytestmark = [pytest.mark.system, pytest.mark.timeout(BUILD_S)]


def test_its_own_tests_pass(node):
    """Numbers, limits and repetitions are as they should be."""
    done = subprocess.run([node, "--test"], cwd=RUNNER, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("mode", [pytest.param("one-user", marks=pytest.mark.long), "all-users"])
def test_it_conforms(node, conforms, mode):
    """The conformance kit finds nothing."""
    conforms(node, str(RUNNER / "runner.js"), "{test}", options=("--mode", mode))


@pytest.mark.parametrize("mode", ["one-user", "all-users"])
def test_a_run_counts_what_the_server_has_counted(node, summary_of, counting_server, mode):
    """Three users, then two, with four iterations each: every hit is counted, and verified."""
    load = ("-u", "3:2", "-i", "4", "--runner-mode", mode)
    test_runner = f"'{node}' '{RUNNER}/runner.js' {{test}}"

    summary = summary_of(test_runner, f"{counting_server.url}/", *load)

    assert counting_server.requests() == 20
    assert summary["hits"]["count"] == "20"
    assert summary["iterations"]["success"] == "20"
    assert summary["generator"]["watchedTime"] != "0s"
    assert [agent["state"] for agent in summary["agents"]] == ["ASSIGNMENT_STATE_FINISHED"]


def test_a_user_that_is_ended_says_so(node, summary_when_ended):
    """SIGTERM cuts a request off after a moment, and this is reported."""
    summary = summary_when_ended(f"'{node}' '{RUNNER}/runner.js' {{test}}")

    assert summary["iterations"]["interrupted"] == "1"
    assert [group["error"] for group in summary["hitErrors"]] == ["HIT_ERROR_ABORTED"]
    assert [agent["state"] for agent in summary["agents"]] == ["ASSIGNMENT_STATE_FINISHED"]
