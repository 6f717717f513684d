"""The fault suite in its short form: one round of each kind, with a short load."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile

import pytest

pytestmark = pytest.mark.system

SHORT = ("--rounds", "1", "--seconds", "1.5", "--pause", "2")
FAULTS = (
    *("kill-runner", "kill-agent", "kill-broker", "cut", "full-store"),
    *(
        pytest.param(each, marks=pytest.mark.long)
        for each in ("kill-user", "term-agent", "stop-runner", "deaf-runner", "postgresql")
    ),
)


@pytest.mark.parametrize("fault", FAULTS)
def test_hits_are_accounted_for(fault, root, request, lacks):
    """Under a fault nothing is counted twice, what is lost is said, and nothing is left behind."""
    logs = tempfile.mkdtemp(prefix="faults-")  # with a short path: Unix sockets are in it
    request.addfinalizer(lambda: shutil.rmtree(logs, ignore_errors=True))
    environment = {**os.environ, "PYTHONPATH": str(root / "tools")}
    played = subprocess.run(
        [sys.executable, "-m", "faults", "--only", fault, "--logs", logs, *SHORT],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )

    skipped = played.stdout.partition(f"{fault}: skipped, ")[2].partition("\n")[0]
    # Not to be root is no fault of CI's; a program that is missing is.
    if skipped and "root" not in skipped:
        lacks(skipped)
    if skipped:
        pytest.skip(skipped)
    assert played.returncode == 0, played.stdout + played.stderr
