"""When the next thing of a sequence begins: the next iteration of a user, the next user of a cycle.

Rule: a pace is a pure function of now and of how many have begun so far. Its answer is how long
to wait, or that nothing more begins. It reads no clock and remembers nothing, so it may be asked
as often as anybody likes, and several machines that follow one pace agree. After waiting, ask
again: a stop may have come meanwhile.

    pace(now_ns, done) -> nanoseconds to wait; 0 or less: it begins now, and was due that long
    ago; None: nothing more begins
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Final

from loadgrpc.clock import NS_PER_S

Pace = Callable[[int, int], int | None]
"""See the module. `now_ns` is of a monotonic clock."""

_NO_BOUND: Final = 2**63 - 1
"""More than is ever counted, and later than any time; an int, because those compare fast."""


def closed(*, count: int = 0, end_ns: int | None = None) -> Pace:
    """The closed model: an iteration begins as soon as the one before it is over.

    At most `count` (0: any number), none at `end_ns` or later. This is `bounded` of a pace that
    never waits, in one call, because it is asked between any two iterations.
    """
    most, end = _bounds(count, end_ns)

    def pace(now_ns: int, done: int) -> int | None:
        return 0 if done < most and now_ns < end else None

    return pace


def ramp_up(users: Sequence[int], rate: float, began_ns: int) -> Pace:
    """The users of a cycle, one after another: user n begins after (n - 1) / `rate` seconds.

    `users` are the numbers, from 1 and ascending, of those that begin here; others may begin
    elsewhere. A `rate` of 0 begins all at once.
    """
    ns_per_user = NS_PER_S / rate if rate else 0.0

    def pace(now_ns: int, done: int) -> int | None:
        if done >= len(users):
            return None
        return began_ns + round((users[done] - 1) * ns_per_user) - now_ns

    return pace


def bounded(pace: Pace, *, count: int = 0, end_ns: int | None = None) -> Pace:
    """A pace with bounds: at most `count` begin (0: any number), and none at `end_ns` or later.

    What would have to wait until then does not begin, and is not waited for.
    """
    most, end = _bounds(count, end_ns)

    def within(now_ns: int, done: int) -> int | None:
        wait_ns = pace(now_ns, done)
        if wait_ns is None or done >= most or now_ns + max(wait_ns, 0) >= end:
            return None
        return wait_ns

    return within


def rested(pace: Pace, due_ns: Callable[[int], int], end_ns: int | None = None) -> Pace:
    """A pace whose next, after `done`, begins no earlier than at `due_ns(done)`.

    What is due at `end_ns` or later is waited for until then: the pace itself says that it does not
    begin. Whoever rests is still there.
    """
    _, end = _bounds(0, end_ns)

    def later(now_ns: int, done: int) -> int | None:
        wait_ns = pace(now_ns, done)
        return None if wait_ns is None else max(wait_ns, min(due_ns(done), end) - now_ns)

    return later


def due(pace: Pace, now_ns: int, places: range) -> int:
    """How many of these places in a sequence are due, whatever they wait for.

    Places become due in their order, and the pace is that of the whole sequence.
    """
    return bisect_right(places, 0, key=lambda done: pace(now_ns, done) or 0)


def end_ns(began_ns: int, duration_s: float | None) -> int | None:
    """When a cycle with this duration is over; None: no time bounds it."""
    return None if duration_s is None else began_ns + round(duration_s * NS_PER_S)


def _bounds(count: int, end_ns: int | None) -> tuple[int, int]:
    return count or _NO_BOUND, _NO_BOUND if end_ns is None else end_ns
