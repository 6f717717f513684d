"""A long run is bounded, in memory and in the store, and nothing of it is lost."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

NAMES = int(os.environ.get("LOADGRPC_THIRTY_DAYS_NAMES", "100"))
"""What is bounded grows with it, and so does the time that this takes."""


@pytest.mark.system
@pytest.mark.long
@pytest.mark.timeout(1_800)  # a busy machine takes longer
def test_thirty_days_of_many_names(tmp_path):
    """A hundred need less than 64 MB of memory and 200 MB of the store; windows have every hit."""
    script = Path(__file__).with_name("thirty_days.py")
    command = [sys.executable, str(script), str(tmp_path / "store.db"), str(NAMES)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert found["memory_mib"] < 64 * NAMES / 100
    assert found["store_mib"] < 200 * NAMES / 100
    assert found["counted"] == found["hits"] > 30 * 86_400 * 10 * NAMES
