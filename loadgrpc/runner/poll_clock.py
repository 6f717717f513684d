"""When a hub last asked the kernel what has come, and when what was received had come.

Rule: an answer has come when it was there to be read, not when its user's turn to read it came.
"""

from __future__ import annotations

from typing import Any, Final
from weakref import WeakKeyDictionary

from loadgrpc.clock import Clock
from loadgrpc.runner.supported import TIMESPEC

READINGS: Final = 10
"""Of both clocks, before a hub is looked at: of these the closest counts."""
SLACK_NS: Final = 100_000
"""The clocks drift apart by at most this much without being set."""


class PollClock:
    """When a hub last asked the kernel what has come.

    All that it then heard of was there by that time, and is handed out one after the other.

    The kernel stamps what comes by the real-time clock, which is ahead of the monotonic one.
    By how much is known from reading the one between two readings of the other, and only as
    well as these two lie close together: this thread may be held up between them. What one
    look knows better than the next is kept, so that no hold-up moves a stamp.
    """

    __slots__ = ("_ahead_ns", "_clock", "_monotonic_ns", "_told", "_watcher", "at_ns")

    def __init__(self, clock: Clock, hub: Any) -> None:
        self._clock = clock
        self._monotonic_ns = clock.monotonic_ns  # to find it takes as long as to ask it
        self._ahead_ns = 0
        for _ in range(READINGS):
            self._note()
        self._told = True
        """Whether timestamps can be used: not when the real-time clock has just been set."""
        self._watcher = hub.loop.check(ref=False, priority=hub.loop.MAXPRI)
        self._watcher.start(self._note)

    @classmethod
    def of(cls, clock: Clock, hub: Any) -> PollClock:
        """The time of the hub's last poll, by `clock`."""
        looks = _poll_clocks.setdefault(hub, {})
        if clock not in looks:
            looks[clock] = cls(clock, hub)
        return looks[clock]

    def came_ns(
        self, stamps: list[tuple[int, int, bytes]], asked_ns: int, not_before_ns: int
    ) -> int:
        """When something came that was received after this look.

        It was asked for from `asked_ns` on, and cannot be counted as come before
        `not_before_ns`, when all of the question was sent. That is what the kernel's stamp says;
        one that cannot be is not believed, and then the look counts.
        """
        at_ns = self.at_ns
        if stamps and self._told:
            seconds, ns = TIMESPEC.unpack(stamps[0][2])
            came_ns: int = seconds * 1_000_000_000 + ns - self._ahead_ns
            # After the look more may have come, and the stamp is of the last that was received.
            if asked_ns < came_ns and (came_ns <= at_ns or came_ns <= self._monotonic_ns()):
                at_ns = came_ns
        return at_ns if at_ns > not_before_ns else not_before_ns  # noqa: FURB136 - `max` costs more

    def _note(self) -> None:
        self.at_ns = at_ns = self._monotonic_ns()
        real_ns = self._clock.real_ns()
        least_ns = real_ns - self._monotonic_ns()
        ahead_ns = self._ahead_ns
        if least_ns <= ahead_ns <= real_ns - at_ns:
            self._told = True
            return
        # This look and those before it do not agree: those were not so close, or the clock was
        # set. With the least that it can be ahead, nothing seems to have come too early.
        self._told = least_ns - SLACK_NS <= ahead_ns <= real_ns - at_ns + SLACK_NS
        self._ahead_ns = least_ns


_poll_clocks: WeakKeyDictionary[Any, dict[Clock, PollClock]] = WeakKeyDictionary()
