"""Designed tests: decision tables, cause-effect graphs, and the cases that follow from them.

Rule: pure, and alone. Nothing here imports anything of the rest of the house, so that it can be
used as a library: `from loadgrpc.design import DecisionTable`.
"""

from __future__ import annotations

import importlib
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from loadgrpc.design.public import *  # noqa: F403


def __getattr__(name: str) -> Any:
    # User processes import what feeds tests, and have no use for graphs and files.
    if not name.startswith("_") and find_spec(f"{__name__}.{name}") is None:
        public = importlib.import_module("loadgrpc.design.public")
        if hasattr(public, name):
            return getattr(public, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
