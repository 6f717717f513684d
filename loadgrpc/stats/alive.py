"""How many virtual users were alive in each second, as their runners report now and then.

Rule: pure. What a runner reports holds from the second of its report on, until it reports another
number or ends. A report that is late holds from the first second that is not taken yet.
"""

from __future__ import annotations

from collections.abc import Hashable


class Alive:
    """See the module."""

    def __init__(self) -> None:
        self._by_runner: dict[Hashable, int] = {}
        self._changes: dict[int, tuple[int, int]] = {}
        """By second: the sum of all changes in it, and the most that it was meanwhile."""
        self._before = 0
        """Users alive at the end of the last second that was taken."""
        self._taken_s = 0
        """All seconds before this one are taken."""

    def report(self, runner: Hashable, users: int, second: int) -> None:
        """A runner has a number of users alive, from that second on."""
        change = users - self._by_runner.get(runner, 0)
        if users:
            self._by_runner[runner] = users
        else:
            self._by_runner.pop(runner, None)
        if change:
            at = max(second, self._taken_s)
            total, most = self._changes.get(at, (0, 0))
            self._changes[at] = total + change, max(most, total + change)

    def seconds(self, end_s: int) -> list[int]:
        """The seconds before `end_s`, not taken yet, of which something was reported."""
        return sorted(each for each in self._changes if each < end_s)

    def take(self, second: int) -> int:
        """The most users that were alive in a second at a time; seconds are taken in order."""
        most = self._before
        for at in self.seconds(second + 1):
            change, peak = self._changes.pop(at)
            most = max(most, self._before + peak) if at == second else self._before + change
            self._before += change
        self._taken_s = max(self._taken_s, second + 1)
        return most

    @property
    def now(self) -> int:
        """Users alive at the end of the last second that was taken."""
        return self._before
