"""A cause-effect graph as nodes and lines, for whoever draws it.

A node that is defined by a gate carries the sign of the gate; a gate inside an expression is a node
of its own, without a name. `not` is a sign on a line.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from loadgrpc.design.expression import AND_SIGN, OR_SIGN, Expression, Gate
from loadgrpc.design.graph import CauseEffectGraph

SIGNS: Final = {"and": AND_SIGN, "or": OR_SIGN, "nand": f"not {AND_SIGN}", "nor": f"not {OR_SIGN}"}
"""Of gates."""


@dataclass(frozen=True)
class Node:
    """A node of a drawing."""

    key: str
    """Unique in the drawing, and made of letters and digits."""
    name: str
    """Empty: a gate inside an expression."""
    text: str
    """What it means; empty: nothing says that."""
    kind: str
    """`cause`, `effect` or `inner`."""
    sign: str
    """Of its gate; empty: it has none."""
    layer: int
    """How far it is from the causes."""


@dataclass(frozen=True)
class Edge:
    """A line of a drawing, between the keys of nodes."""

    start: str
    end: str
    negated: bool


@dataclass(frozen=True)
class Network:
    """All of a drawing."""

    title: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    constraints: tuple[tuple[str, tuple[str, ...]], ...]
    """The kind of each, and the keys of its nodes."""


def network(graph: CauseEffectGraph) -> Network:
    """The drawing of a graph."""
    return _Drawing(graph).whole()


class _Drawing:
    def __init__(self, graph: CauseEffectGraph) -> None:
        self._graph = graph
        self._keys = {
            name: f"n{at}" for at, name in enumerate((*graph.causes, *graph.definitions), 1)
        }
        self._nodes: dict[str, Node] = {}
        self._edges: list[Edge] = []

    def whole(self) -> Network:
        """Every node, causes first, and every line."""
        graph = self._graph
        for cause in graph.causes:
            self._add(cause, "cause", "", 0)
        for name in graph.order:
            self._define(name, graph.definitions[name])
        last = max(node.layer for node in self._nodes.values())
        nodes = [
            Node(**{**vars(node), "layer": last}) if node.kind == "effect" else node
            for node in self._nodes.values()
        ]
        constraints = tuple(
            (each.kind, tuple(self._keys[node] for node in each.nodes))
            for each in graph.constraints
        )
        return Network(graph.title, tuple(nodes), tuple(self._edges), constraints)

    def _add(self, name: str, kind: str, sign: str, layer: int) -> None:
        key = self._keys[name]
        self._nodes[key] = Node(key, name, self._graph.texts.get(name, ""), kind, sign, layer)

    def _define(self, name: str, expression: Expression) -> None:
        kind = "effect" if name in self._graph.effects else "inner"
        sign = ""
        inputs: tuple[Expression, ...] = (expression,)
        if isinstance(expression, Gate) and expression.kind != "not":
            sign, inputs = SIGNS[expression.kind], expression.inputs
        self._add(name, kind, sign, self._join(self._keys[name], inputs))

    def _join(self, key: str, inputs: tuple[Expression, ...]) -> int:
        """Lines from inputs to a node; the layer it belongs to."""
        layer = 0
        for each in inputs:
            start, negated = self._start(each)
            self._edges.append(Edge(start, key, negated))
            layer = max(layer, self._nodes[start].layer)
        return layer + 1

    def _start(self, expression: Expression) -> tuple[str, bool]:
        """The node that a line begins at, and whether the line is negated."""
        if isinstance(expression, str):
            return self._keys[expression], False
        if expression.kind == "not":
            start, negated = self._start(expression.inputs[0])
            return start, not negated
        key = f"g{len(self._nodes) + 1}"
        layer = self._join(key, expression.inputs)
        self._nodes[key] = Node(key, "", "", "inner", SIGNS[expression.kind], layer)
        return key, False
