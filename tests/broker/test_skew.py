"""Agents of another minor version are refused with a sentence, once in the log."""

import logging

import pytest

from loadgrpc import __version__
from loadgrpc.broker.skew import MAX_REFUSED, VersionGate
from loadgrpc.errors import OtherVersion
from loadgrpc.protocol.fleet import Registration

MINOR = __version__.rpartition(".")[0]


def registration(version, agent_id="a"):
    """An agent of a version."""
    return Registration(agent_id=agent_id, hostname="host", pid=1, version=version, cores=1)


@pytest.mark.parametrize("version", [__version__, f"{MINOR}.99", ""])
def test_agents_of_this_version_come_in(version):
    """The same, another patch, and one that does not say."""
    VersionGate(allow=False).check(registration(version))


def test_another_minor_version_is_refused_with_what_to_do():
    """The sentence names both versions, and the ways out; it is logged once for each agent."""
    with pytest.raises(OtherVersion) as refused:
        VersionGate(allow=False).check(registration("0.9.0"))

    assert str(refused.value) == (
        f"the agent runs loadgrpc 0.9.0, and the broker {__version__}: install one version on both"
        " sides, or start the broker with --allow-version-skew"
    )
    VersionGate(allow=True).check(registration("0.9.0"))


def test_a_refusal_is_logged_once(caplog):
    """An agent that dials every two seconds does not fill the log; what is known is bounded."""
    gate = VersionGate(allow=False)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            for version in ("0.8.0", "0.9.0"):
                with pytest.raises(OtherVersion):
                    gate.check(registration(version))
    assert len(caplog.records) == 2
    assert "agent a on host is refused: it runs loadgrpc 0.8.0" in caplog.text

    for number in range(2 * MAX_REFUSED):
        with pytest.raises(OtherVersion):
            gate.check(registration("0.9.0", str(number)))
    assert len(gate._logged) == MAX_REFUSED
