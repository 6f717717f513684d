"""What `loadgrpc.design` gives: each name once, with where it is from."""

# ruff: noqa: PLC0414 - `as` says that a name is for others

from __future__ import annotations

from loadgrpc.design.case import Case as Case
from loadgrpc.design.case_file import load_cases as load_cases
from loadgrpc.design.condition import Condition as Condition
from loadgrpc.design.drawing import dot as dot
from loadgrpc.design.drawing import mermaid as mermaid
from loadgrpc.design.drawing import svg as svg
from loadgrpc.design.errors import DesignError as DesignError
from loadgrpc.design.feed import CaseFeed as CaseFeed
from loadgrpc.design.feed import cases as cases
from loadgrpc.design.files import GRAPHS as GRAPHS
from loadgrpc.design.files import load as load
from loadgrpc.design.files import load_table as load_table
from loadgrpc.design.files import save as save
from loadgrpc.design.graph import CauseEffectGraph as CauseEffectGraph
from loadgrpc.design.graph_text import read_graph as read_graph
from loadgrpc.design.graph_text import write_graph as write_graph
from loadgrpc.design.rule import Decision as Decision
from loadgrpc.design.rule import Rule as Rule
from loadgrpc.design.table import DecisionTable as DecisionTable
from loadgrpc.design.table import Impossible as Impossible
from loadgrpc.design.value import Range as Range
from loadgrpc.design.value import Value as Value
