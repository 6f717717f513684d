"""Names as people type them: `agent-lost` for AGENT_LOST, and the one that was meant."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from enum import Enum
from typing import TypeVar

_E = TypeVar("_E", bound=Enum)


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
