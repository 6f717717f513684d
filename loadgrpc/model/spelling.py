"""Names and times as people type them: `agent-lost` for AGENT_LOST, and the one that was meant."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from enum import Enum
from typing import Final, TypeVar

_E = TypeVar("_E", bound=Enum)

_SECONDS: Final = re.compile(r"[0-9]{1,12}(\.[0-9]{1,9})?")
_DURATION: Final = re.compile(
    r"(?:(?P<h>[0-9]{1,12}(?:\.[0-9]{1,9})?)h)?"
    r"(?:(?P<m>[0-9]{1,12}(?:\.[0-9]{1,9})?)m)?"
    r"(?:(?P<s>[0-9]{1,12}(?:\.[0-9]{1,9})?)s)?"
    r"(?:(?P<ms>[0-9]{1,12}(?:\.[0-9]{1,9})?)ms)?"
)
_UNIT_S: Final = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


def hyphened(name: str) -> str:
    """A name as people type it; case, and `_` or `-`, make no difference."""
    return name.lower().replace("_", "-")


def words_of(kind: type[_E]) -> dict[str, _E]:
    """The values of an enum, by their names as people type them."""
    return {hyphened(value.name): value for value in kind}


def did_you_mean(name: str, names: Sequence[str]) -> str:
    """The end of a sentence: the names that are meant; empty: none is like it."""
    close = difflib.get_close_matches(name, names, n=3)
    return f"; did you mean {' or '.join(map(repr, close))}?" if close else ""


def seconds_of(text: str) -> float:
    """A duration as people type it: `90`, `90s`, `5m`, `1h30m`, `1.5s`, `500ms`.

    Raises:
        ValueError: it is none.
    """
    if _SECONDS.fullmatch(text):
        value = float(text)
    elif text and (match := _DURATION.fullmatch(text)):
        value = sum(float(part) * _UNIT_S[unit] for unit, part in match.groupdict("0").items())
    else:
        raise ValueError(f"{text!r} is not a duration; expected 90, 90s, 5m, 1h30m, 1.5s or 500ms")
    return round(value, 9)
