"""Designed tests: decision tables, cause-effect graphs, and the cases that follow from them.

Rule: pure, and alone. Nothing here imports anything of the rest of the house, so that it can be
used as a library: `from loadgrpc.design import DecisionTable`.
"""

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
