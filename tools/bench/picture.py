"""Draws lines against a logarithmic scale as an SVG, readable on light and dark pages. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

WIDTH: Final = 760
HEIGHT: Final = 420
LEFT: Final = 70
RIGHT: Final = 190
TOP: Final = 20
BOTTOM: Final = 50
LABEL_PX: Final = 15
"""The least distance between two labels."""
COLOURS: Final = ("#8b5a2b", "#1f77b4", "#9467bd", "#2ca02c", "#7f7f7f", "#e08214", "#17a2b8")
OURS: Final = "#d62728"
STYLE: Final = (
    "text{font:13px sans-serif;fill:#333}.grid{stroke:#8886;stroke-width:1}"
    "@media(prefers-color-scheme:dark){text{fill:#ddd}}"
)


@dataclass(frozen=True)
class Line:
    """What one line shows."""

    label: str
    points: Sequence[tuple[float, float]]
    """From left to right, all greater than 0."""
    stands_out: bool = False


def draw(lines: Sequence[Line], *, across: str, up: str) -> str:
    """The picture; `across` and `up` say what the axes are of.

    Raises:
        ValueError: there is nothing to draw.
    """
    xs = sorted({x for line in lines for x, _ in line.points})
    if not xs:
        raise ValueError("nothing to draw")
    step = _step(max(y for line in lines for _, y in line.points))
    top = step * math.ceil(max(y for line in lines for _, y in line.points) / step)

    def x_of(x: float) -> float:
        span = math.log(xs[-1] / xs[0]) or 1.0
        return LEFT + (WIDTH - LEFT - RIGHT) * math.log(x / xs[0]) / span

    def y_of(y: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * y / top

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        f"<title>{escape(up)} against {escape(across)}</title>",
        f"<style>{STYLE}</style>",
    ]
    for number in range(round(top / step) + 1):
        y, value = y_of(number * step), number * step
        parts.append(
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        )
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{value:,.0f}</text>')
    parts += [
        f'<text x="{x_of(x):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{x:g}</text>'
        for x in xs
    ]
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(
        f'<text x="{middle:.1f}" y="{HEIGHT - 8}" text-anchor="middle">{escape(across)}</text>'
    )
    parts.append(f'<text x="8" y="14">{escape(up)}</text>')
    colours = _colours(lines)
    for line in lines:
        points = " ".join(f"{x_of(x):.1f},{y_of(y):.1f}" for x, y in line.points)
        width = 3.5 if line.stands_out else 1.75
        parts.append(
            f'<polyline fill="none" stroke="{colours[line.label]}" stroke-width="{width}"'
            f' points="{points}"/>'
        )
    parts += _labels(lines, colours, x_of, y_of)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _colours(lines: Sequence[Line]) -> dict[str, str]:
    others = [line for line in lines if not line.stands_out]
    colours = {line.label: COLOURS[at % len(COLOURS)] for at, line in enumerate(others)}
    return colours | {line.label: OURS for line in lines if line.stands_out}


def _labels(
    lines: Sequence[Line],
    colours: dict[str, str],
    x_of: Callable[[float], float],
    y_of: Callable[[float], float],
) -> list[str]:
    """Beside the ends of the lines, moved apart where they would overlap."""
    wanted = sorted(((y_of(line.points[-1][1]), line) for line in lines), key=lambda each: each[0])
    parts, last = [], -math.inf
    for y, line in wanted:
        last = max(y, last + LABEL_PX)
        x = x_of(line.points[-1][0]) + 8
        weight = ' font-weight="bold"' if line.stands_out else ""
        parts.append(
            f'<text x="{x:.1f}" y="{last + 4:.1f}" style="fill:{colours[line.label]}"{weight}>'
            f"{escape(line.label)}</text>"
        )
    return parts


def _step(most: float) -> float:
    """A round distance of grid lines, so that there are some five of them."""
    power = 10.0 ** math.floor(math.log10(most / 5))
    return next(power * each for each in (1, 2, 2.5, 5, 10) if power * each >= most / 5)
