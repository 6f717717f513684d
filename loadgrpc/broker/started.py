"""How many users of a part were started, as far as known.

Rule: the number that a runner reports comes first. Without it, the most users that were alive at
one time take its place; and at least as many were started as iterations name. The plan bounds it:
cycles and users that the part does not have are ignored. A cycle whose users have all started is
not looked at any more, so that a batch costs next to nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loadgrpc.protocol.decoded import Decoded


class StartedUsers:
    """The users of a part, cycle by cycle. Cycles count from 1."""

    def __init__(self, planned: Sequence[int]) -> None:
        """`planned`: the users of each cycle."""
        self._planned = list(planned)
        self._open = {cycle for cycle, users in enumerate(planned, 1) if users}
        """Cycles of which not all users were started."""
        self._told: dict[int, dict[str, int]] = {}
        """By cycle and runner."""
        self._named: dict[int, NDArray[np.bool_]] = {}
        """By cycle: whether an iteration names the user."""
        self._before = 0
        """Users of the only cycle that were started when another number was planned."""

    def expect(self, planned: int) -> None:
        """The load was changed live: this many users are planned now for the only cycle."""
        self._before = self._of_cycle(1)
        self._planned[0] = planned
        if (named := self._named.get(1)) is not None:
            self._named[1] = np.zeros(planned + 1, bool)
            both = min(len(named), planned + 1)
            self._named[1][:both] = named[:both]
        self._open = {1}
        if not self._missing(1):
            self._open.clear()

    @property
    def known(self) -> bool:
        """Whether anything was reported."""
        return bool(self._told or self._named)

    @property
    def total(self) -> int:
        """Users of all cycles that are known to have been started."""
        return sum(self._of_cycle(cycle) for cycle in range(1, len(self._planned) + 1))

    def add(self, runner_id: str, events: Decoded) -> None:
        """Adds what the events of a runner report."""
        if not self._open:
            return
        news: set[int] = set()
        for number, active, started in events.users:
            if (cycle := self._cycle(number)) and (active or started is not None):
                told = self._told.setdefault(cycle, {})
                told[runner_id] = max(
                    told.get(runner_id, 0), active if started is None else started
                )
                news.add(cycle)
        for number, user in events.user_starts:
            news.add(self._name(number, user))
        for iterations in events.iterations:
            if len(iterations.user):
                news.add(self._name(iterations.cycle, iterations.user))
        self._open -= {cycle for cycle in news if cycle and not self._missing(cycle)}

    def _cycle(self, number: int) -> int:
        """The cycle; 0: the part has no such cycle, or needs to hear no more of it."""
        cycle = 1 if number == 0 and len(self._planned) == 1 else number
        return cycle if cycle in self._open else 0

    def _name(self, number: int, users: int | NDArray[np.unsignedinteger[Any]]) -> int:
        """An iteration of a user, or of each of several; their cycle, or 0."""
        if cycle := self._cycle(number):
            named = self._named.get(cycle)
            if named is None:
                named = self._named[cycle] = np.zeros(self._planned[cycle - 1] + 1, bool)
            if isinstance(users, int):
                named[min(users, len(named)) % len(named)] = True
            else:
                named[users[users < len(named)]] = True
        return cycle

    def _of_cycle(self, cycle: int) -> int:
        """Users of a cycle that are known to have been started, no more than are planned."""
        planned = self._planned[cycle - 1]
        if cycle not in self._open:
            return planned
        told = sum(self._told.get(cycle, {}).values())
        named = self._named.get(cycle)
        by_name = int(named[1:].sum()) if named is not None else 0  # 0 is nobody
        return min(max(told, by_name, self._before), planned)

    def _missing(self, cycle: int) -> int:
        return self._planned[cycle - 1] - self._of_cycle(cycle)
