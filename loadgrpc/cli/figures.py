"""Figures and names as people read them.

Rule: three significant digits, a unit on everything, no thousands separators (so that a count can
be searched for), and no rounded figure says "none" or "all" if that is not true.
"""

# ruff: noqa: PLR2004 - where one unit ends and the next begins is clearest as a number

from __future__ import annotations

import time
import unicodedata
from typing import Final

from loadgrpc.clock import NS_PER_S

TIMES: Final = "×"  # noqa: RUF001 - a multiplication sign is meant
NONE: Final = "-"
"""For a figure that there is not."""


def duration(ns: int) -> str:
    """`850 µs`, `12.3 ms`, `1.24 s`, `2 min 3 s`, `1 h 2 min`."""
    if ns < 1000:
        return f"{ns} ns" if ns else "0 s"
    for unit, unit_ns in (("µs", 1_000), ("ms", 1_000_000)):
        digits = significant(ns / unit_ns)
        if float(digits) < 1000:
            return f"{digits} {unit}"
    digits = significant(ns / NS_PER_S)
    if float(digits) < 60:
        return f"{digits} s"
    minutes, rest_s = divmod(round(ns / NS_PER_S), 60)
    if minutes < 60:
        return f"{minutes} min {rest_s} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"


def ago(ns: int) -> str:
    """How long ago, in its largest unit: `12 s ago`, `5 min ago`, `3 h ago`, `2 d ago`."""
    seconds = max(ns, 0) // NS_PER_S
    for unit, unit_s in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= unit_s:
            return f"{seconds // unit_s} {unit} ago"
    return f"{seconds} s ago"


def span(seconds: float) -> str:
    """A duration that a person set, as set: `5 s`, `1.5 s`, `1 min 30 s`, `30 d`."""
    days, rest_s = divmod(seconds, 86_400)
    if days and not rest_s:
        return f"{days:.0f} d"
    whole = seconds >= 1 and seconds == int(seconds)
    return clock(int(seconds) * NS_PER_S) if whole else f"{seconds:g} s"


def duration_column(ns: int) -> str:
    """A duration whose unit is two characters wide, so that numbers stand beneath each other."""
    text = duration(ns)
    return f"{text} " if text.endswith(" s") and "min" not in text else text


def clock(ns: int) -> str:
    """A duration that still grows, in whole seconds: `12 s`, `2 min 3 s`."""
    seconds = ns // NS_PER_S
    return f"{seconds} s" if seconds < 60 else duration(seconds * NS_PER_S)


def significant(value: float) -> str:
    """Three significant digits, more when the whole part has more: `1.24`, `12.3`, `1234`."""
    if value < 9.995:
        return f"{value:.2f}"
    if value < 99.95:
        return f"{value:.1f}"
    return f"{value:.0f}"


def rate(per_second: float) -> str:
    """`240/s`, `12.3/s`; `0/s` only when it is."""
    if per_second == 0:
        return "0/s"
    return f"{significant(per_second)}/s" if per_second >= 0.005 else "<0.01/s"


def percent(part: float, whole: float) -> str:
    """`1.7 %`; `0 %` and `100 %` only when it is none and all."""
    if part <= 0 or whole <= 0:
        return "0 %"
    if part >= whole:
        return "100 %"
    share = 100 * part / whole
    if share < 0.01:
        return "<0.01 %"
    return f"{significant(share)} %" if share < 99.95 else ">99.9 %"


def size(count: int) -> str:
    """Bytes: `512 B`, `1.20 MB`."""
    if count < 1000:
        return f"{count} B"
    value = float(count)
    for unit in ("kB", "MB", "GB"):
        value /= 1000
        if value < 999.5:
            return f"{significant(value)} {unit}"
    return f"{significant(value / 1000)} TB"


def moment(wall_ns: int) -> str:
    """A wall-clock time, local."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(wall_ns // NS_PER_S))


def cells(text: str) -> int:
    """Columns of a terminal that a text takes."""
    if text.isascii():
        return len(text)
    return sum(_cell(character) for character in text)


def _cell(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def shorten(text: str, width: int) -> str:
    """The text in at most `width` columns: what is left out is left out in its middle."""
    if cells(text) <= width:
        return text
    if width < 2:
        return "…"[:width]
    head = _take(text, (width - 1) // 2)
    tail = _take(text[::-1], width - 1 - cells(head))[::-1]
    return f"{head}…{tail}"


def clip(text: str, width: int) -> str:
    """The text in at most `width` columns, its end left out."""
    if cells(text) <= width:
        return text
    return _take(text, width - 1) + "…" if width > 0 else ""


def _take(text: str, width: int) -> str:
    taken = 0
    for at, character in enumerate(text):
        taken += _cell(character)
        if taken > width:
            return text[:at]
    return text
