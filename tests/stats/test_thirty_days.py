"""A long run is bounded, in memory and in the store, and nothing of it is lost."""

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.system
@pytest.mark.timeout(1_800)  # a minute or so of computing; a busy machine takes longer
def test_thirty_days_of_a_hundred_names(tmp_path):
    """They need less than 64 MB of memory and 200 MB of the store; windows have every hit."""
    script = Path(__file__).with_name("thirty_days.py")
    command = [sys.executable, str(script), str(tmp_path / "store.db")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert found["memory_mib"] < 64
    assert found["store_mib"] < 200
    assert found["counted"] == found["hits"] > 30 * 86_400 * 1_000
