"""The runner in Go: built, by its own tests, by the conformance kit, and in a real run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RUNNER = ROOT / "tools/runners/go"
BUILD_S = 600
"""What a build takes where nothing is cached, at most."""


def succeeds(*command: str, cwd: Path = RUNNER) -> str:
    """Runs a command that must exit with 0; what it wrote to its standard output."""
    done = subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, timeout=BUILD_S, check=False
    )
    assert done.returncode == 0, f"{command}:\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="session")
def go(tool) -> str:
    """The path of go."""
    return tool("go")


@pytest.fixture(scope="session")
def runner(go) -> str:
    """The path of the runner, built."""
    succeeds(str(RUNNER / "build.sh"))
    return str(RUNNER / "bin/runner")


@pytest.mark.timeout(BUILD_S)
def test_its_own_tests_pass(go):
    """It is formatted, passes vet, and its units do what they should."""
    assert succeeds("gofmt", "-l", *map(str, RUNNER.glob("*.go"))) == ""
    succeeds(go, "vet", "./...")
    succeeds(go, "test", "./...")


@pytest.mark.timeout(BUILD_S)
def test_what_is_generated_is_fresh(go):
    """The committed code is what `protos/` generates."""
    succeeds(sys.executable, "go_protos.py", "--check")


@pytest.mark.system
@pytest.mark.timeout(BUILD_S)
def test_it_conforms(runner):
    """The conformance kit finds nothing."""
    command = [sys.executable, "-m", "loadgrpc", "conformance", "--", runner, "{test}"]
    succeeds(*command, cwd=ROOT)
