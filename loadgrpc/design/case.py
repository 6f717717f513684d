"""A case: the inputs that an iteration is fed with, and what is expected of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from loadgrpc.design.value import Literal


@dataclass(frozen=True)
class Case:
    """See the module."""

    name: str
    """The name of its rule, with a number where the rule has several cases."""
    rule: str
    values: Mapping[str, Literal]
    """An input for each condition."""
    expected: Mapping[str, Literal | None]
    """For each action: None, it is not taken; True, it is; or its value."""
    weight: float = 1
    """Its share: that of its rule, shared among the cases of the rule."""

    def __getitem__(self, condition: str) -> Literal:
        return self.values[condition]
