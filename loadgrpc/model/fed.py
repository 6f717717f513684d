"""Cases that a plan feeds iterations with."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TypeAlias

CaseLiteral: TypeAlias = str | int | float | bool


class CaseOrder(IntEnum):
    """The order in which iterations get cases."""

    IN_TURN = 1
    RANDOM = 2
    WEIGHT = 3


@dataclass(frozen=True, kw_only=True)
class FedCase:
    """One case: inputs, and what is expected of them."""

    name: str
    rule: str
    """What events and figures call it."""
    values: tuple[tuple[str, CaseLiteral], ...] = ()
    """By condition."""
    expected: tuple[tuple[str, CaseLiteral], ...] = ()
    """The actions that are taken, each with its value, or True."""
    weight: float = 1.0


@dataclass(frozen=True, kw_only=True)
class FedCases:
    """See the module."""

    cases: tuple[FedCase, ...]
    order: CaseOrder = CaseOrder.IN_TURN
    seed: int = 0

    @property
    def rules(self) -> tuple[str, ...]:
        """The rules that iterations can be fed with, in their order."""
        by_weight = self.order is CaseOrder.WEIGHT
        return tuple(
            dict.fromkeys(each.rule for each in self.cases if each.weight or not by_weight)
        )
