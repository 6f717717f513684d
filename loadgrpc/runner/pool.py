"""The virtual users of one user process, cycle by cycle.

Rule: a cycle is over when its last user has ended; none leaks into the next. Users look at
the time and at `stopping` before each iteration; one that takes longer than the stop
time-out to finish is cut off, and its iteration counts as interrupted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import gevent
from gevent.event import Event

from loadgrpc.clock import Clock
from loadgrpc.model import Cycle
from loadgrpc.runner.loader import LoadedTest
from loadgrpc.runner.recorder import Recorder
from loadgrpc.runner.user import VirtualUser

KILL_TRIES: Final = 5
KILL_WAIT_S: Final = 1.0
"""How often, and how long apart, a user that swallows its end is cut off again."""
SETTLED_IN: Final = 2
"""The iteration whose beginning shows that the first is over."""


class StubbornUserError(RuntimeError):
    """A user could not be cut off: its test swallows every exception."""


class Pool:
    """Lives the users of a cycle."""

    def __init__(
        self,
        test: LoadedTest,
        recorder: Recorder,
        clock: Clock,
        *,
        server_url: str,
        no_dns_resolve: bool = False,
        on_standing: Callable[[], object] = lambda: None,
    ) -> None:
        """`on_standing` is called once a cycle: when each user begins a second iteration."""
        self._test = test
        self._recorder = recorder
        self._clock = clock
        self._server_url = server_url
        self._no_dns_resolve = no_dns_resolve
        self._on_standing = on_standing
        self._not_standing = 0
        """Users of this cycle who have not begun a second iteration."""
        self.active_users = 0
        """Users alive now."""
        self.started_users = 0
        """Users of this cycle that were started."""
        self._cut_off_ns: int | None = None
        """When users who have not finished are cut off; None: nobody is waited for yet."""
        self._hurried = Event()
        """Set when that was brought forward."""
        self.stopping = Event()

    def stop(self, timeout_s: float) -> None:
        """Lets users finish their iteration; after `timeout_s` they are cut off."""
        self._hurry(timeout_s)
        self.stopping.set()

    def run_cycle(
        self,
        cycle: Cycle,
        users: Sequence[int],
        *,
        spawn_rate: float,
        stop_timeout_s: float,
    ) -> None:
        """Lives the given `users` (numbers, from 1) of a cycle to their end.

        Raises:
            StubbornUserError: a user could not be cut off.
        """
        self._cut_off_ns = None
        self.started_users = 0
        end_ns = None
        if cycle.duration_s is not None:
            end_ns = self._clock.monotonic_ns() + round(cycle.duration_s * 1e9)
        live = partial(self._live, iterations=cycle.iterations, end_ns=end_ns)
        greenlets = [
            gevent.spawn(live, user, _delay_s(user, spawn_rate))
            for user in users
            if cycle.duration_s is None or _delay_s(user, spawn_rate) < cycle.duration_s
        ]
        self._not_standing = len(greenlets)
        everybody = gevent.spawn(gevent.joinall, greenlets)
        gevent.wait([everybody, self.stopping], count=1, timeout=cycle.duration_s)
        self._hurry(stop_timeout_s)
        while not everybody.ready() and (left_s := self._left_s()) > 0:
            self._hurried.clear()
            gevent.wait([everybody, self._hurried], count=1, timeout=left_s)
        self._cut_off(greenlets)
        for greenlet in greenlets:
            if greenlet.exception is not None:
                raise greenlet.exception

    def _hurry(self, timeout_s: float) -> None:
        """Lets users finish until then, or until it was said before."""
        cut_off_ns = self._clock.monotonic_ns() + round(timeout_s * 1e9)
        if self._cut_off_ns is None or cut_off_ns < self._cut_off_ns:
            self._cut_off_ns = cut_off_ns
            self._hurried.set()

    def _left_s(self) -> float:
        """How long users may still take to finish."""
        assert self._cut_off_ns is not None  # noqa: S101 - it was said before they are waited for
        return (self._cut_off_ns - self._clock.monotonic_ns()) / 1e9

    def _cut_off(self, greenlets: Sequence[gevent.Greenlet]) -> None:
        for _ in range(KILL_TRIES):
            alive = [greenlet for greenlet in greenlets if not greenlet.ready()]
            if not alive:
                return
            gevent.killall(alive, block=False)
            gevent.joinall(alive, timeout=KILL_WAIT_S)
        raise StubbornUserError(f"{len(alive)} users cannot be stopped")

    def _live(self, number: int, delay_s: float, *, iterations: int, end_ns: int | None) -> None:
        """One user, from its start to its end."""
        if delay_s and self.stopping.wait(delay_s):
            return
        user = VirtualUser(
            self._test.case_class,
            self._test.method,
            self._recorder,
            self._clock,
            user=number,
            server_url=self._server_url,
            no_dns_resolve=self._no_dns_resolve,
        )
        self.active_users += 1
        self.started_users += 1
        try:
            iteration = 0
            while self._goes_on(iteration, iterations, end_ns):
                iteration += 1
                if iteration == SETTLED_IN:
                    self._stands()
                user.run_iteration(iteration)
        finally:
            user.close()
            self.active_users -= 1

    def _stands(self) -> None:
        """One more user has all it will have: its session, its connections."""
        self._not_standing -= 1
        if not self._not_standing:
            self._on_standing()

    def _goes_on(self, done: int, iterations: int, end_ns: int | None) -> bool:
        if self.stopping.is_set() or (iterations and done >= iterations):
            return False
        return end_ns is None or self._clock.monotonic_ns() < end_ns


def _delay_s(user: int, spawn_rate: float) -> float:
    """When a user starts, from the start of its cycle."""
    return (user - 1) / spawn_rate if spawn_rate else 0.0
