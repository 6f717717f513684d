"""A cluster as the documentation of Loads has it: one broker, five agents, the scripts of Loads."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.system

TEST = """\
from loadgrpc.case import TestCase


class TestWebSite(TestCase):
    def test_something(self):
        pass
"""


def test_five_agents_make_6000_iterations(start, tmp_path):
    """--ping-broker, the run of the documentation, --purge-broker: as they stand, renamed."""
    (tmp_path / "example.py").write_text(TEST)
    broker = start("loadgrpc-broker", "--listen", "127.0.0.1:0", cwd=tmp_path)
    address = broker.wait_for(r"listening on (\S+?),")[1]
    state = {"LOADGRPC_BROKER": address, "XDG_STATE_HOME": str(tmp_path / "state")}
    agents = [start("loadgrpc-agent", cwd=tmp_path, env=state) for _ in range(5)]
    for agent in agents:
        agent.wait_for("connected to", within_s=60.0)

    def runner(line: str) -> str:
        done = subprocess.run(
            [f"{Path(sys.executable).parent}/loadgrpc-runner", *line.split()],
            cwd=tmp_path,
            env={**state, "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert done.returncode == 0, (done.stdout, done.stderr)
        assert done.stderr in ("", "set by LOADGRPC_BROKER: broker\n")
        return done.stdout

    assert "\nagents      5: 5 idle\n" in runner("--ping-broker")
    ran = runner("example.TestWebSite.test_something -u 10:20:30 -c 20 --agents 5")
    assert "\niterations  6000   " in ran
    assert ran.endswith("exit 0: passed\n")
    assert runner("--purge-broker") == "no run is active\n"
