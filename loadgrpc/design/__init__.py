"""Designed tests: decision tables, cause-effect graphs, and the cases that follow from them.

Rule: pure, and alone. Nothing here imports anything of the rest of the house, so that it can be
used as a library: `from loadgrpc.design import DecisionTable`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from loadgrpc.design.case import Case
    from loadgrpc.design.condition import Condition
    from loadgrpc.design.drawing import dot, mermaid, svg
    from loadgrpc.design.errors import DesignError
    from loadgrpc.design.feed import CaseFeed, cases
    from loadgrpc.design.files import GRAPHS, load, load_table, save
    from loadgrpc.design.graph import CauseEffectGraph
    from loadgrpc.design.graph_text import read_graph, write_graph
    from loadgrpc.design.rule import Decision, Rule
    from loadgrpc.design.table import DecisionTable, Impossible
    from loadgrpc.design.value import Range, Value

__all__ = [
    "GRAPHS",
    "Case",
    "CaseFeed",
    "CauseEffectGraph",
    "Condition",
    "Decision",
    "DecisionTable",
    "DesignError",
    "Impossible",
    "Range",
    "Rule",
    "Value",
    "cases",
    "dot",
    "load",
    "load_table",
    "mermaid",
    "read_graph",
    "save",
    "svg",
    "write_graph",
]

_PLACES: Final = {
    "GRAPHS": "loadgrpc.design.files",
    "Case": "loadgrpc.design.case",
    "CaseFeed": "loadgrpc.design.feed",
    "CauseEffectGraph": "loadgrpc.design.graph",
    "Condition": "loadgrpc.design.condition",
    "Decision": "loadgrpc.design.rule",
    "DecisionTable": "loadgrpc.design.table",
    "DesignError": "loadgrpc.design.errors",
    "Impossible": "loadgrpc.design.table",
    "Range": "loadgrpc.design.value",
    "Rule": "loadgrpc.design.rule",
    "Value": "loadgrpc.design.value",
    "cases": "loadgrpc.design.feed",
    "dot": "loadgrpc.design.drawing",
    "load": "loadgrpc.design.files",
    "load_table": "loadgrpc.design.files",
    "mermaid": "loadgrpc.design.drawing",
    "read_graph": "loadgrpc.design.graph_text",
    "save": "loadgrpc.design.files",
    "svg": "loadgrpc.design.drawing",
    "write_graph": "loadgrpc.design.graph_text",
}


def __getattr__(name: str) -> Any:
    # User processes import what feeds tests, and have no use for graphs and files.
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_PLACES[name]), name)
