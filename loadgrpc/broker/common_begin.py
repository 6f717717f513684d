"""When a load that several agents make begins: at one instant, by the clock of each.

Rule: pure. A load of one agent begins when its order comes, and so does that of an agent whose
clock is not known.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from loadgrpc.clock import NS_PER_S
from loadgrpc.model import Plan

BEGIN_IN_NS: Final = NS_PER_S // 4
"""How long after the order: all have it before."""


class CommonBegin:
    """The instant of the cycle that was entered last."""

    def __init__(self) -> None:
        self._begin_ns = 0
        """By the broker's wall clock; 0: there is none."""

    def decide(self, plan: Plan, agent_ids: Collection[str], now_wall_ns: int) -> None:
        """A cycle is entered now, by these agents."""
        has_load = any(each.load is not None for each in plan.scenarios)
        self._begin_ns = now_wall_ns + BEGIN_IN_NS if has_load and len(agent_ids) > 1 else 0

    def at(self, ahead_ns: int | None) -> int:
        """The instant, by a clock that is so far ahead; 0: at once."""
        return self._begin_ns + ahead_ns if self._begin_ns and ahead_ns is not None else 0
