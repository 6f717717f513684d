"""The runner in Java: built, by the conformance kit, and in real runs."""

from __future__ import annotations

import shlex

import pytest

BUILD_S = 600
"""What a build takes where nothing is cached, at most."""

pytestmark = [pytest.mark.system, pytest.mark.long, pytest.mark.timeout(BUILD_S)]


def test_it_conforms(java_runner, conforms):
    """The conformance kit finds nothing. (In the mode one-user neither: that takes a minute.)"""
    conforms(*java_runner, options=("--mode", "all-users"))


@pytest.mark.parametrize("mode", ["one-user", "all-users"])
def test_a_run_counts_what_the_server_has_counted(java_runner, summary_of, counting_server, mode):
    """Three users, then five, with four iterations each: every hit is counted, and verified."""
    load = ("-u", "3:5", "-i", "4", "--runner-mode", mode)

    summary = summary_of(shlex.join(java_runner), f"{counting_server.url}/", *load)

    assert counting_server.requests() == 32
    assert summary["hits"]["count"] == "32"
    assert summary["iterations"]["success"] == "32"
    assert summary["accounting"]["lost"] == "0"
    assert {agent["state"] for agent in summary["agents"]} == {"ASSIGNMENT_STATE_FINISHED"}
