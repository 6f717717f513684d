"""Drawings of a cause-effect graph: SVG without any other program, Mermaid, and DOT of Graphviz."""

from __future__ import annotations

import html
import json
import unicodedata
from collections.abc import Iterator
from typing import Final

from loadgrpc.design.expression import NOT_SIGN
from loadgrpc.design.graph import CauseEffectGraph
from loadgrpc.design.network import Network, Node, network

_CHAR: Final = 7
_PAD: Final = 10
_HEIGHT: Final = 34
_ROW: Final = 56
_GAP: Final = 110
_TOP: Final = 54
_BOX_LEAST: Final = 44
_LEFT: Final = 70
_FILLS: Final = {"cause": "#e3edf9", "effect": "#e2f2e5", "inner": "#f4f4f4"}


def mermaid(graph: CauseEffectGraph) -> str:
    """The graph as a flowchart of Mermaid."""
    drawing = network(graph)
    lines = ["flowchart LR"]
    for node in drawing.nodes:
        text = json.dumps(_label(node), ensure_ascii=False).replace('\\"', "#quot;")
        opening, closing = ("([", "])") if node.kind == "cause" else ("[", "]")
        lines.append(f"  {node.key}{opening}{text}{closing}")
    lines += [
        f"  {edge.start} {'-- not -->' if edge.negated else '-->'} {edge.end}"
        for edge in drawing.edges
    ]
    for kind, keys in drawing.constraints:
        first, *others = keys
        lines += [f"  {first} -. {kind} .- {other}" for other in others]
    return "\n".join(lines) + "\n"


def dot(graph: CauseEffectGraph) -> str:
    """The graph in the language of Graphviz."""
    drawing = network(graph)
    quoted = json.dumps
    lines = ["digraph {", "  rankdir=LR;", "  node [shape=box];"]
    if drawing.title:
        lines.append(f"  label={quoted(drawing.title, ensure_ascii=False)}; labelloc=t;")
    for node in drawing.nodes:
        shape = ", style=rounded" if node.kind == "cause" else ""
        lines.append(f"  {node.key} [label={quoted(_label(node), ensure_ascii=False)}{shape}];")
    sign = f" [label={quoted(NOT_SIGN)}]"
    lines += [f"  {edge.start} -> {edge.end}{sign * edge.negated};" for edge in drawing.edges]
    for kind, keys in drawing.constraints:
        first, *others = keys
        style = f'label="{kind}", style=dashed, dir=none, constraint=false'
        lines += [f"  {first} -> {other} [{style}];" for other in others]
    return "\n".join([*lines, "}"]) + "\n"


def svg(graph: CauseEffectGraph) -> str:
    """The graph as a picture: causes to the left, effects to the right."""
    return _Layout(network(graph)).text()


def _label(node: Node) -> str:
    """What stands in a node."""
    named = f"{node.name}: {node.text}" if node.text else node.name
    return " ".join(each for each in (node.sign, named) if each)


def _width(text: str) -> int:
    """About how wide a text is, in pixels."""
    wide = sum(unicodedata.east_asian_width(each) in "WF" for each in text)
    return (len(text) + wide) * _CHAR


class _Layout:
    """Places for the nodes of a network, and its SVG."""

    def __init__(self, drawing: Network) -> None:
        self._drawing = drawing
        layers: dict[int, list[Node]] = {}
        for node in drawing.nodes:
            layers.setdefault(node.layer, []).append(node)
        most = max(map(len, layers.values()))
        self._boxes: dict[str, tuple[int, int, int]] = {}
        """The left edge, the middle and the width of each node."""
        left = _LEFT if any(kind != "M" for kind, _ in drawing.constraints) else _PAD
        for layer in sorted(layers):
            nodes = layers[layer]
            widths = [max(_BOX_LEAST, _width(_label(node)) + 2 * _PAD) for node in nodes]
            start = _TOP + (most - len(nodes)) * _ROW // 2
            for at, (node, width) in enumerate(zip(nodes, widths, strict=True)):
                self._boxes[node.key] = (left, start + at * _ROW + _HEIGHT // 2, width)
            left += max(widths) + _GAP
        masks = any(kind == "M" for kind, _ in drawing.constraints)
        self._right = left - _GAP
        self._size = (self._right + (_LEFT if masks else _PAD), _TOP + most * _ROW)

    def text(self) -> str:
        """The whole SVG."""
        width, height = self._size
        title = html.escape(self._drawing.title)
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"'
            f' width="{width}" height="{height}" font-family="sans-serif" font-size="12">'
        )
        background = f'<rect width="{width}" height="{height}" fill="white"/>'
        heading = f'<text x="{_PAD}" y="24" font-size="15">{title}</text>'
        named = f"<title>{title or 'cause-effect graph'}</title>"
        parts = [*self._lines(), *self._nodes(), *self._constraints()]
        return "\n".join([head, named, background, heading, *parts, "</svg>", ""])

    def _nodes(self) -> Iterator[str]:
        for node in self._drawing.nodes:
            left, middle, width = self._boxes[node.key]
            round_ = _HEIGHT // 2 if node.kind == "cause" else 4
            yield (
                f'<rect x="{left}" y="{middle - _HEIGHT // 2}" width="{width}" height="{_HEIGHT}"'
                f' rx="{round_}" fill="{_FILLS[node.kind]}" stroke="#555"/>'
            )
            yield (
                f'<text x="{left + width // 2}" y="{middle + 4}" text-anchor="middle">'
                f"{html.escape(_label(node))}</text>"
            )

    def _lines(self) -> Iterator[str]:
        for edge in self._drawing.edges:
            left, from_y, width = self._boxes[edge.start]
            from_x = left + width
            to_x, to_y, _ = self._boxes[edge.end]
            yield f'<path d="M{from_x} {from_y} L{to_x} {to_y}" stroke="#555" fill="none"/>'
            if edge.negated:
                x, y = (from_x + to_x) // 2, (from_y + to_y) // 2
                yield f'<circle cx="{x}" cy="{y}" r="9" fill="white" stroke="#555"/>'
                yield f'<text x="{x}" y="{y + 4}" text-anchor="middle">{NOT_SIGN}</text>'

    def _constraints(self) -> Iterator[str]:
        for at, (kind, keys) in enumerate(self._drawing.constraints):
            boxes = [self._boxes[key] for key in keys]
            middle = sum(box[1] for box in boxes) // len(boxes)
            x = self._right + 45 if kind == "M" else 25 - 4 * (at % 4)
            for left, y, width in boxes:
                side = left + width if kind == "M" else left
                yield (
                    f'<path d="M{x} {middle} L{side} {y}" stroke="#a33" stroke-dasharray="4 3"'
                    ' fill="none"/>'
                )
            yield f'<circle cx="{x}" cy="{middle}" r="10" fill="white" stroke="#a33"/>'
            yield f'<text x="{x}" y="{middle + 4}" text-anchor="middle">{kind}</text>'
