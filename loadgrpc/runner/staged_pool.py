"""A pool for a load of users that changes over time.

Rule: users come and go as the level does. Those that go finish their iteration; each that comes
has a number that no other had. A place is that of one user at a time: while its user finishes, and
the level rises again, the user stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from loadgrpc.clock import NS_PER_S
from loadgrpc.model import Cycle, Plan
from loadgrpc.runner.load_pool import LoadPool
from loadgrpc.runner.share import LoadShare
from loadgrpc.runner.strands import Strand
from loadgrpc.stats.pacing import Pace
from loadgrpc.stats.seating import Seating

MOST_WAIT_S: Final = 1.0


class StagedPool(LoadPool):
    """See the module."""

    def follow(self, share: LoadShare) -> None:
        """Which load it is, and which of its users are run here. Before any cycle."""
        super().follow(share)
        self._wanted = 0
        """Users wanted now: those in places from this one on leave."""

    def run_cycle(
        self,
        plan: Plan,
        cycle: Cycle,
        users: Sequence[int],
        number: int = 1,
        began_ns: int | None = None,
    ) -> None:
        """Runs users as the level wants them, in a cycle that began then (monotonic)."""
        del cycle
        now_ns = self._begin(number)
        began_ns = now_ns if began_ns is None else began_ns
        share = self._share
        line = self._line()
        seats: dict[int, Strand] = {}
        """By place, the user that has it or had it last: every user that runs has one."""
        come = 0
        step = users[1] - users[0] if len(users) > 1 else 1
        self._cold = share.stripe.count(round(line.peak))
        seating = Seating()

        def is_taken(place: int) -> bool:
            return place in seats and not seats[place].ready()  # it may be leaving

        while not self.stopping.is_set():
            self.roused.clear()
            line = self._line()
            since_s = (self._clock.monotonic_ns() - began_ns) / NS_PER_S
            if since_s >= line.duration_s:
                break
            wanted = min(share.stripe.count(line.users(since_s)), len(users))
            fewer = wanted < self._wanted
            self._wanted = wanted
            if fewer:
                self._wake()
            for place in seating.rise(wanted, is_taken):
                user = users[0] + come * step
                seats[place] = self._strands.spawn(
                    self._live, plan, user, 0, _at_once, self._stays(place), None, users[place]
                )
                come += 1
            wait_s = seating.look_again_s(since_s, line.next_change_s(since_s))
            self._wait([self.roused], min(wait_s, MOST_WAIT_S))
        self._wanted = 0
        self._wake()
        self._finish(plan, list(seats.values()))

    def _wake(self) -> None:
        """Lets users who rest between their iterations see whether they are still wanted."""
        with self._counting:
            resting = list(self._resting.values())
        for wake in resting:
            wake.set()

    def _stays(self, place: int) -> Pace:
        """An iteration begins as soon as the one before it is over, while the user is wanted."""

        def pace(_now_ns: int, _done: int) -> int | None:
            return 0 if place < self._wanted else None

        return pace


def _at_once(_now_ns: int, _done: int) -> int:
    return 0
