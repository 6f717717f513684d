"""A cause-effect graph as text, one line for each thing that is said.

# Comments, and empty lines.
title: Two characters
1: the first character is A        a text for a node; a node that nothing defines is a cause
21: the file is changed
11 = 1 or 2                        a node, defined: and, or, not, nand, nor, brackets
21 = 11 and 3
E: 1, 2                            a constraint: E, I, O, R or M, see graph.py
"""

from __future__ import annotations

import re
from typing import Final

from loadgrpc.design.errors import DesignError
from loadgrpc.design.expression import NODE, Expression, nodes_of, parse, said
from loadgrpc.design.graph import KINDS, CauseEffectGraph, Constraint

_DEFINED: Final = re.compile(rf"\s*({NODE})\s*=\s*(.*?)\s*")
_SAID: Final = re.compile(rf"\s*({NODE})\s*:\s*(.*?)\s*")
_TITLE: Final = "title"
_TAKEN: Final = (*KINDS, _TITLE, "and", "or", "not", "nand", "nor")


def read_graph(text: str) -> CauseEffectGraph:
    """The graph of a text; raises DesignError, with the line."""
    reading = _Reading()
    for number, whole in enumerate(text.splitlines(), 1):
        line = whole.strip()
        if line and not line.startswith("#"):
            try:
                reading.line(line, number)
            except DesignError as error:
                raise error.at(line=number) from None
    return reading.graph()


class _Reading:
    """What has been read."""

    def __init__(self) -> None:
        self._title = ""
        self._texts: dict[str, str] = {}
        self._definitions: dict[str, Expression] = {}
        self._constraints: list[Constraint] = []
        self._lines: dict[str, int] = {}

    def line(self, line: str, number: int) -> None:
        """One line that says something; raises DesignError."""
        if match := _DEFINED.fullmatch(line):
            name = _free(match[1])
            if name in self._definitions:
                raise DesignError(f"{name} is defined in line {self._lines[name]} already")
            self._definitions[name], self._lines[name] = parse(match[2]), number
            return
        match = _SAID.fullmatch(line)
        if match is None:
            raise DesignError(
                f"{line!r} is none of `NODE: text`, `NODE = expression` and `E: NODE, NODE`"
            )
        name, text = match.groups()
        if name in KINDS:
            nodes = tuple(each.strip() for each in text.split(","))
            self._constraints.append(Constraint(name, nodes, number))
        elif name == _TITLE:
            self._title = text
        elif _free(name) in self._texts:
            raise DesignError(f"{name} has a text already")
        else:
            self._texts[name] = text
            self._lines.setdefault(name, number)

    def graph(self) -> CauseEffectGraph:
        """The graph of all lines; raises DesignError."""
        used = [each for one in self._definitions.values() for each in nodes_of(one)]
        causes = dict.fromkeys(
            name for name in (*self._texts, *used) if name not in self._definitions
        )
        texts = {
            name: text for name, text in self._texts.items() if text != name or name not in causes
        }
        try:
            return CauseEffectGraph(
                tuple(causes), self._definitions, tuple(self._constraints), texts, self._title
            )
        except DesignError as error:
            message = error.message
            named = (
                line
                for name, line in self._lines.items()
                if message.startswith((f"{name} is ", f"the graph is circular: {name} "))
            )
            raise error.at(line=next(named, 0)) from None


def write_graph(graph: CauseEffectGraph) -> str:
    """The text of a graph; reading it gives the same."""
    lines = [f"title: {graph.title}", ""] if graph.title else []
    lines += [f"{cause}: {graph.text(cause)}" for cause in graph.causes]
    lines += [f"{name}: {graph.texts[name]}" for name in graph.definitions if name in graph.texts]
    lines.append("")
    lines += [f"{name} = {said(each)}" for name, each in graph.definitions.items()]
    if graph.constraints:
        lines += ["", *map(str, graph.constraints)]
    return "\n".join(lines) + "\n"


def _free(name: str) -> str:
    if name in _TAKEN:
        raise DesignError(f"{name!r} has a meaning of its own, and cannot be a node")
    return name
