"""The runner that is a shell script: by the conformance kit, in real runs, and when it fails."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import pytest

RUNNER = Path(__file__).resolve().parents[2] / "tools/runners/shell/runner.sh"
COMMAND = shlex.quote(str(RUNNER))

pytestmark = pytest.mark.system


@pytest.fixture(autouse=True)
def programs(tool, monkeypatch) -> None:
    """What the script calls is on PATH; what is missing skips the test."""
    folders = {str(Path(tool(name)).parent) for name in ("bash", "curl", "grpcurl", "setsid")}
    monkeypatch.setenv("PATH", os.pathsep.join([*sorted(folders), os.environ["PATH"]]))


@pytest.mark.long
def test_it_conforms(conforms):
    """The conformance kit finds nothing."""
    conforms(str(RUNNER), "{test}", options=("--mode", "one-user"))


def test_a_run_counts_what_the_server_has_counted(summary_of, counting_server):
    """Every hit is counted; nothing is verified, because it sends no totals."""
    summary = summary_of(COMMAND, f"{counting_server.url}/?q=1", "-u", "3", "-i", "4")

    assert counting_server.requests() == 12
    assert summary["hits"]["count"] == "12"
    assert [name["name"] for name in summary["names"]] == [f"{counting_server.url}/"]
    assert summary["iterations"]["success"] == "12"
    assert [agent["state"] for agent in summary["agents"]] == [
        "ASSIGNMENT_STATE_FINISHED_UNVERIFIED"
    ]


def test_a_user_that_is_ended_says_so(summary_when_ended):
    """SIGTERM to all that the agent has started cuts a request off, and this is reported."""
    summary = summary_when_ended(COMMAND)

    assert summary["iterations"]["interrupted"] == "1"
    assert [group["error"] for group in summary["hitErrors"]] == ["HIT_ERROR_ABORTED"]
    assert summary["accounting"]["committed"] == "3"


def test_it_fails_when_a_report_fails(summary_of, demo_server, tool, tmp_path, monkeypatch):
    """A grpcurl that ends badly ends the script, and not with 0; what it was told counts."""
    broken = tmp_path / "grpcurl"
    broken.write_text(f'#!/bin/sh\nsed -u /testStop/q | {tool("grpcurl")} "$@"\nexit 70\n')
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)

    summary = summary_of(COMMAND, demo_server.url, "-u", "1", "-i", "100", code=3)

    assert summary["hits"]["count"] == "1"
    assert demo_server.requests() < 100
    assert [agent["state"] for agent in summary["agents"]] == ["ASSIGNMENT_STATE_LOST"]
