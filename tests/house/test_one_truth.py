"""What is said in several places is the same in all of them."""

import re

import pytest

from loadgrpc.agent.process import KILL_AFTER_S
from loadgrpc.conformance.checks.load import TERMINATED_S

PLACES = (
    "protos/loadgrpc/v1/fleet.proto",
    "protos/loadgrpc/v1/runner.proto",
    "docs/protocol.md",
    "docs/writing-a-runner.md",
    "docs/conformance.md",
)


@pytest.mark.parametrize("place", PLACES)
def test_d10_the_time_from_sigterm_to_sigkill_is_one(root, place):
    """Protos and pages name the seconds that the agent gives, and no others."""
    words = re.sub(r"\s*//\s*|\s+", " ", (root / place).read_text())
    found = re.findall(r"SIGTERM,? and (?:kills )?([\d.]+) seconds", words)

    assert found
    assert {float(seconds) for seconds in found} == {KILL_AFTER_S}


def test_d10_the_kit_gives_what_the_agent_gives():
    """A runner that conforms is not killed by an agent."""
    assert TERMINATED_S == KILL_AFTER_S
