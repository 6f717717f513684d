"""A rule of a table: for which combinations it is, and what follows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Outcome = tuple[str | int | float | bool | None, ...]
"""For each action of a table: None, it is not taken; True, it is; or a value."""


@dataclass(frozen=True)
class Rule:
    """See the module. Its entries and its outcome are in the order of the table's names."""

    name: str
    entries: tuple[int, ...]
    """For each condition its values, as a set: see condition.py."""
    outcome: Outcome
    weight: float = 1
    """Its share of the load, beside those of the other rules."""

    @property
    def decides(self) -> object:
        """What makes two outcomes the same: a mark is not the number 1."""
        return tuple((type(each), each) for each in self.outcome)


@dataclass(frozen=True)
class Exclusion:
    """A combination that cannot occur."""

    name: str
    entries: tuple[int, ...]


@dataclass(frozen=True)
class Decision:
    """What a table decides about an input."""

    rules: tuple[str, ...]
    """The rules it meets: one, or several that agree."""
    actions: Mapping[str, str | int | float | bool]
    """What follows: the actions that are taken, each True or with its value."""
