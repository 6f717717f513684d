"""Similar things, counted together, each group with its first one as an example.

Rule: bounded, and sums hold: what would make one group too many is counted with the rest.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, NamedTuple, TypeVar

Shown = TypeVar("Shown")


class Group(NamedTuple, Generic[Shown]):
    """How many there were, and the first of them."""

    size: int
    first: Shown


class Groups(Generic[Shown]):
    """See the module."""

    def __init__(self, most: int) -> None:
        """`most`: how many groups are kept apart."""
        self._most = most
        self._first: dict[Hashable, Shown] = {}
        self._counts: dict[Hashable, int] = {}
        self.rest = 0
        """How many are in none of the groups."""

    def __len__(self) -> int:
        return len(self._first)

    def add(self, key: Hashable, shown: Shown, count: int) -> None:
        """Adds `count` to the group of `key`; `shown` is an example."""
        if key in self._first:
            self._counts[key] += count
        elif len(self._first) < self._most:
            self._first[key], self._counts[key] = shown, count
        else:
            self.rest += count

    @property
    def total(self) -> int:
        """All that was added."""
        return sum(self._counts.values()) + self.rest

    def most_common(self) -> list[Group[Shown]]:
        """All groups, the largest first, and of equal ones the oldest."""
        groups = [Group(self._counts[key], first) for key, first in self._first.items()]
        return sorted(groups, key=lambda group: -group.size)
