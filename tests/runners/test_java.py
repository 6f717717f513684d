"""The runner in Java: built, by the conformance kit, and in a real run."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RUNNER = ROOT / "tools/runners/java"
BUILD_S = 600
"""What a build takes where nothing is cached, at most."""

pytestmark = [pytest.mark.system, pytest.mark.timeout(BUILD_S)]


@pytest.fixture(scope="session")
def runner(tool) -> list[str]:
    """The command of the runner, built."""
    java, mvn = tool("java"), tool("mvn")
    command = [mvn, "-q", "-B", "package"]
    built = subprocess.run(
        command, cwd=RUNNER, capture_output=True, text=True, timeout=BUILD_S, check=False
    )
    assert built.returncode == 0, built.stdout + built.stderr
    return [java, "-jar", str(RUNNER / "target/runner.jar"), "{test}"]


def loadgrpc(*arguments: str) -> str:
    """Runs the command, which must exit with 0; what it wrote to its standard output."""
    done = subprocess.run(
        [sys.executable, "-m", "loadgrpc", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=BUILD_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("mode", ["all-users", "one-user"])
def test_it_conforms(runner, mode):
    """The conformance kit finds nothing, where a process lives all users and where it lives one."""
    loadgrpc("conformance", "--runner-mode", mode, "--", *runner)


@pytest.mark.parametrize("mode", ["all-users", "one-user"])
def test_a_run_counts_what_the_server_counts(runner, mode, demo_server):
    """Hits of a run are as many as the server has answered, each an iteration that passed."""
    summary = json.loads(
        loadgrpc(
            *("run", "--test-runner", shlex.join(runner), "--runner-mode", mode),
            *(demo_server.url + "/", "-u", "3:5", "-i", "4", "--json"),
        )
    )

    hits = (3 + 5) * 4
    assert demo_server.requests() == hits
    assert int(summary["hits"]["count"]) == hits
    assert int(summary["iterations"]["success"]) == hits
    assert int(summary["accounting"]["lost"]) == 0
