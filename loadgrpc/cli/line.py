"""A line of output: its text, and a style that says what it means.

Rule: code that makes lines knows nothing of terminals, so that tests can compare them; code that
prints them decides about colours and characters. The text says everything; the style only helps
to find it.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Final, TextIO

import click

from loadgrpc.cli.figures import TIMES
from loadgrpc.text import json_for, safe_json, safe_line


class Style(Enum):
    """What a line is."""

    PLAIN = "plain"
    HEADING = "heading"
    DIM = "dim"
    GOOD = "good"
    BAD = "bad"
    WARNING = "warning"


@dataclass(frozen=True)
class Line:
    """One line, without its newline."""

    text: str = ""
    style: Style = Style.PLAIN


MIN_WIDTH: Final = 40
"""Narrower terminals wrap."""
UNCUT: Final = 100_000
"""The width of what is no terminal: programs and files want names whole."""

_LOOKS: Final[dict[Style, dict[str, object]]] = {
    Style.HEADING: {"bold": True},
    Style.DIM: {"dim": True},
    Style.GOOD: {"fg": "green"},
    Style.BAD: {"fg": "red"},
    Style.WARNING: {"fg": "yellow"},
}
_PLAINER: Final = str.maketrans(
    {
        "µ": "u",
        TIMES: "x",
        "…": "...",
        "█": "#",
        "░": ".",
        "─": "-",
        "·": "|",
        **dict(zip("▁▂▃▄▅▆▇", "_.-=+*%", strict=True)),
    }
)
"""For terminals that have ASCII only."""


def is_terminal(stream: TextIO) -> bool:
    """Whether the stream is a terminal that can move its cursor."""
    return stream.isatty() and os.environ.get("TERM", "") not in ("dumb", "unknown")


def has_colour(stream: TextIO) -> bool:
    """Whether to colour what goes to the stream (https://no-color.org)."""
    return is_terminal(stream) and not os.environ.get("NO_COLOR")


def write(lines: Iterable[Line], stream: TextIO) -> None:
    """Print lines, in colour where the stream has it; nothing in them steers a terminal."""
    colour = has_colour(stream)
    for line in lines:
        text = spelled(safe_line(line.text), stream.encoding)
        if colour and line.style in _LOOKS:
            text = click.style(text, **_LOOKS[line.style])  # type: ignore[arg-type]  # a literal above
        stream.write(text + "\n")
    stream.flush()


def say(text: str, stream: TextIO | None = None) -> None:
    """Print one plain line, to stdout by default."""
    write([Line(text)], stream or sys.stdout)


def write_json(document: object, stream: TextIO | None = None, *, indent: int | None = 2) -> None:
    """Print a JSON document, in ASCII where the stream has no UTF-8."""
    stream = stream or sys.stdout
    text = document if isinstance(document, str) else as_json(document, indent=indent)
    stream.write(json_for(stream.encoding, text) + "\n")
    stream.flush()


def as_json(document: object, *, indent: int | None = 2) -> str:
    """A JSON document as text, in which nothing steers a terminal."""
    return safe_json(json.dumps(document, indent=indent, ensure_ascii=False))


def spelled(text: str, encoding: str | None) -> str:
    """The text in characters that the encoding has."""
    if text.isascii():
        return text
    encoding = encoding or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(_PLAINER).encode(encoding, "replace").decode(encoding)
    return text


def width_of(stream: TextIO) -> int:
    """The width to print for: that of the terminal; where there is none nothing is cut."""
    if (columns := os.environ.get("COLUMNS", "")).isdecimal() and int(columns) >= MIN_WIDTH:
        return int(columns)
    try:
        return max(os.get_terminal_size(stream.fileno()).columns, MIN_WIDTH)
    except (OSError, ValueError):
        return UNCUT
