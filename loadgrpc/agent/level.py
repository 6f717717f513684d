"""The users of a part whose number changes over time, where each is a process.

Rule: a user that the level no longer asks for is asked to stop, finishes its iteration and leaves;
if it takes longer than the stop timeout, it is ended. Each who comes has a number that no other
had. A user without a place among the processes of the agent comes when there is one, if it is
still wanted then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from loadgrpc.agent.places import Places
from loadgrpc.agent.runner import Runner
from loadgrpc.model import Assignment, LoadChange
from loadgrpc.protocol.fleet import HeldBack
from loadgrpc.stats.arrivals import Stripe
from loadgrpc.stats.load_line import LoadLine
from loadgrpc.stats.seating import Seating


class StartedUser(NamedTuple):
    """A user whose process was started."""

    runner: Runner
    living: asyncio.Task[None]
    """Done when it has ended."""


class LevelUsers:
    """See the module. Times are seconds since the cycle began."""

    def __init__(
        self,
        assignment: Assignment,
        cycle: int,
        places: Places,
        start: Callable[[Assignment], StartedUser],
    ) -> None:
        """`start` starts a user that has taken a place of the agent."""
        self._assignment = assignment
        self._cycle = cycle
        self._places = places
        self._start = start
        self._stripe = Stripe(assignment.place.agent_index, assignment.place.agents)
        self._line: LoadLine | None = None
        self._changes: tuple[LoadChange, ...] = ()
        self._seating = Seating()
        self._seats: dict[int, StartedUser] = {}
        self._leaving: set[int] = set()
        """Places whose user was asked to stop."""
        self._come = 0
        """Users so far: the number of the last."""
        self._waiting: set[int] = set()
        """Places for whose users the agent has none."""
        self._waited = 0

    async def follow(self, since_s: float, changes: tuple[LoadChange, ...]) -> float | None:
        """Lets users come and go as they should now, given how the load was changed live so far.

        Returns how long until the next look; None: the load is over.
        """
        line = self._line_of(changes)
        if since_s >= line.duration_s:
            return None
        wanted = min(self._stripe.count(line.users(since_s)), self._assignment.places)
        for place, user in self._seats.items():
            if place >= wanted and place not in self._leaving and not user.living.done():
                self._leaving.add(place)
                user.runner.leave(self._assignment.plan.stop_timeout_s)
        before, self._waiting = self._waiting, set()
        for place in self._seating.rise(wanted, self._is_taken):
            await self._places.take()  # at once: there is one
            self._seat(place, line.duration_s - since_s)
        self._waited += len(self._waiting - before)
        return self._seating.look_again_s(since_s, line.next_change_s(since_s))

    @property
    def held_back(self) -> HeldBack:
        """How many users wait, and have waited, for a place of the agent."""
        return HeldBack(len(self._waiting), self._waited, self._places.most)

    def _line_of(self, changes: tuple[LoadChange, ...]) -> LoadLine:
        if self._line is None or changes != self._changes:
            assert self._assignment.scenario.load is not None  # noqa: S101 - made for one that has
            self._line = LoadLine(self._assignment.scenario.load, changes)
            self._changes = changes
        return self._line

    def _is_taken(self, place: int) -> bool:
        user = self._seats.get(place)
        if user is not None and not user.living.done():
            return True
        if self._places.full:
            self._waiting.add(place)
            return True
        return False

    def _seat(self, place: int, left_s: float) -> None:
        self._come += 1
        own = self._assignment.of_user(self._come, self._cycle, duration_s=left_s, place=place + 1)
        self._seats[place] = self._start(own)
        self._leaving.discard(place)
