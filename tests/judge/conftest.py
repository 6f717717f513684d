"""What the tests of thresholds share."""

import importlib.util
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def hand():
    """How windows are made by hand, and judged."""
    spec = importlib.util.spec_from_file_location("by_hand", Path(__file__).parent / "by_hand.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
