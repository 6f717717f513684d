"""What a check finds: whether a rule was kept, and what was seen.

Rule: pure. Findings of several cases about one rule are added up: broken once is broken.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum


class Outcome(Enum):
    """How a rule fared; the later, the more it says."""

    NOT_SHOWN = "not shown"
    NOT_APPLICABLE = "not applicable"
    KEPT = "kept"
    BROKEN = "broken"


@dataclass(frozen=True)
class Finding:
    """How a rule fared in one case; as text, what was expected and what was seen."""

    outcome: Outcome
    words: str


def kept(message: str) -> Finding:
    """The rule was kept."""
    return Finding(Outcome.KEPT, message)


def broken(expected: str, seen: str) -> Finding:
    """The rule was broken."""
    return Finding(Outcome.BROKEN, f"expected {expected}; saw {seen}")


def not_shown(why: str) -> Finding:
    """Nothing happened that shows whether the rule was kept."""
    return Finding(Outcome.NOT_SHOWN, why)


def not_applicable(why: str) -> Finding:
    """The rule is not for such a runner."""
    return Finding(Outcome.NOT_APPLICABLE, why)


_ORDER = list(Outcome)


def worst(findings: Iterable[tuple[str, Finding]]) -> tuple[str, Finding] | None:
    """Of findings, each with its case, the one that says most; the first of equals."""
    return max(findings, key=lambda each: _ORDER.index(each[1].outcome), default=None)
