"""What became of arrivals in a span of time.

Rule: what waits at the end of a span is what waited at its beginning, plus planned, minus started
and dropped. Spans of the same seconds add up; of one after another, the later says what waits.

Laws: merging commutes, associates, and counts of nothing change nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from loadgrpc.model import ArrivalsState


@dataclass(slots=True)
class ArrivalCounts:
    """See the module."""

    planned: int = 0
    started: int = 0
    dropped: int = 0
    waiting: int = 0
    """Planned, and neither started nor dropped, at the end of `second`."""
    second: int = 0
    """The last second of which anything was reported. 0: nothing was."""
    users: int = 0
    """Users that there were at the end of `second`, busy or not."""
    max_users: int = 0
    """Users that there might have been."""

    def add(self, state: ArrivalsState, second: int) -> None:
        """Adds what a process reports of a second."""
        self.merge(
            ArrivalCounts(
                planned=state.planned,
                started=state.started,
                dropped=state.dropped,
                waiting=state.waiting,
                second=second,
                users=state.users,
                max_users=state.max_users,
            )
        )

    def merge(self, other: ArrivalCounts) -> None:
        """Adds other counts."""
        self.planned += other.planned
        self.started += other.started
        self.dropped += other.dropped
        if other.second > self.second:
            self.second = other.second
            self.waiting, self.users, self.max_users = other.waiting, other.users, other.max_users
        elif other.second == self.second:
            self.waiting += other.waiting
            self.users += other.users
            self.max_users += other.max_users
