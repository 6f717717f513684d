"""What tests of the kit share: a runner that keeps every rule, and its faults."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def runner() -> list[str]:
    """The command of a runner that keeps every rule."""
    return [sys.executable, str(HERE / "runner.py"), "{test}"]


def load(name: str):
    """A module beside this one."""
    spec = importlib.util.spec_from_file_location(f"conformance_{name}", HERE / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
