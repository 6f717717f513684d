"""Tests are sent to agents: what is left when one of these is killed."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

pytestmark = pytest.mark.system

SLOW = """
import time
from pathlib import Path
from loadgrpc import TestCase


class TestSlow(TestCase):
    def test_it(self):
        Path("written").write_text("while it ran")
        print("here I am")
        time.sleep(60)
"""


def test_a_killed_agent_leaves_nothing_of_a_run(start, loadgrpc, cluster, folder, tmp_path):
    """Restarted, in a folder without the test, it removes what an earlier run has left."""
    begun = cluster()
    elsewhere, state = tmp_path / "elsewhere", tmp_path / "state"
    elsewhere.mkdir()
    (folder / "slow.py").write_text(SLOW)

    def agent():
        started = start(
            *("loadgrpc", "agent", "-b", begun.address, "--state-dir", str(state)), cwd=elsewhere
        )
        started.wait_for("connected to", within_s=60.0)
        return started

    def left():
        return [path for path in (state / "runs").rglob("*") if path.is_file()]

    first = agent()
    test = "slow.py::TestSlow.test_it"
    ran = loadgrpc("run", test, "-b", begun.address, "--detach", cwd=folder)
    first.wait_for("here I am", within_s=60.0)
    assert {path.name for path in left()} >= {"slow.py", "written"}

    first.signal(signal.SIGKILL)
    first.wait()
    agent()
    over = loadgrpc("attach", ran.stdout.strip(), "-b", begun.address)

    assert over.code == 3
    assert left() == []
    assert list(elsewhere.iterdir()) == []
    assert Path(state / "bundles").is_dir()
