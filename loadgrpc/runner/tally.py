"""What became of the arrivals of a process, second by second.

Rule: planned = started + dropped + waiting, at any moment and so at the end of each second. A
second is reported when it is over, and all arrivals up to its end have been planned.
"""

from __future__ import annotations

from collections.abc import Iterator

from loadgrpc.clock import NS_PER_S
from loadgrpc.model import ArrivalsState


class Tally:
    """See the module. Moments are nanoseconds of the wall clock."""

    def __init__(self, begin_ns: int, process: int) -> None:
        self._process = process
        self._next_s = begin_ns // NS_PER_S
        """The first second that was not reported."""
        self._last_s = self._next_s
        """The last one in which something happened."""
        self._planned: dict[int, int] = {}
        self._started: dict[int, int] = {}
        self._dropped: dict[int, int] = {}
        self._waiting = 0
        """At the end of the last second that was reported."""

    def plan(self, planned_ns: int) -> None:
        """An arrival was planned for that moment."""
        self._add(self._planned, planned_ns)

    def start(self, now_ns: int) -> None:
        """An iteration starts."""
        self._add(self._started, now_ns)

    def drop(self, now_ns: int) -> None:
        """An arrival is dropped."""
        self._add(self._dropped, now_ns)

    def _add(self, to: dict[int, int], moment_ns: int) -> None:
        second = max(moment_ns // NS_PER_S, self._next_s)
        to[second] = to.get(second, 0) + 1
        self._last_s = max(self._last_s, second)

    def take(
        self, until_ns: int, users: int, max_users: int
    ) -> Iterator[tuple[int, ArrivalsState]]:
        """The seconds that are over by then and not reported yet, each with its middle."""
        while self._next_s < until_ns // NS_PER_S:
            yield self._take(users, max_users)

    def rest(self, users: int, max_users: int) -> Iterator[tuple[int, ArrivalsState]]:
        """All that is not reported yet, when nothing more comes."""
        while self._next_s <= self._last_s:
            yield self._take(users, max_users)

    def _take(self, users: int, max_users: int) -> tuple[int, ArrivalsState]:
        second = self._next_s
        self._next_s += 1
        planned = self._planned.pop(second, 0)
        started = self._started.pop(second, 0)
        dropped = self._dropped.pop(second, 0)
        self._waiting += planned - started - dropped
        state = ArrivalsState(
            process=self._process,
            planned=planned,
            started=started,
            dropped=dropped,
            waiting=max(0, self._waiting),
            users=users,
            max_users=max_users,
        )
        return second * NS_PER_S + NS_PER_S // 2, state
