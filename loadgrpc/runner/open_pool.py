"""A pool for an open load: iterations start at planned instants, whatever the answers do.

    next arrival is due ──▶ a user is free ────────────────▶ it runs the iteration
                        ├─▶ there may be one more ─────────▶ a new user runs it
                        └─▶ neither: it waits, or is dropped

Rule: one strand starts everything, in the order of the plan; users never wait for it. A user is
free or runs an iteration, and its number is never that of another. When the last arrival has come,
those that wait still start, within the stop timeout; after a stop none does.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final

from loadgrpc.clock import NS_PER_S
from loadgrpc.model import Cycle, LatePolicy, Plan, TestOutcome
from loadgrpc.runner.data.feeds import UserIsDone
from loadgrpc.runner.judge import CutOff
from loadgrpc.runner.load_pool import LoadPool
from loadgrpc.runner.mixed_user import AnyUser
from loadgrpc.runner.share import LoadShare
from loadgrpc.runner.strands import Signal, Strand
from loadgrpc.runner.tally import Tally
from loadgrpc.stats.arrivals import Arrivals
from loadgrpc.stats.user_need import UserNeed

HELD_UP_NS: Final = 10_000_000
"""An arrival that is noticed later than this after its planned instant makes no new user."""
CATCH_UP: Final = 50
"""Arrivals that are started at once, before users have their turn."""
REST_S: Final = 0.001
"""After a sleep of 0 the hub would not have looked for answers."""
WARM_S: Final = 1.0
"""After this time most of the users are there that are needed."""


class _Seat:
    """A user of the pool, as the strand that starts iterations sees it."""

    __slots__ = ("planned_ns", "turn")

    def __init__(self, turn: Signal, planned_ns: int) -> None:
        self.turn = turn
        """Set when there is something to do, or nothing more will be."""
        self.planned_ns: int | None = planned_ns
        """When its next iteration was planned to start (monotonic); None: there is none."""


class OpenPool(LoadPool):
    """See the module."""

    _tally: Tally | None = None

    def follow(self, share: LoadShare) -> None:
        """Which load it is, and which of its arrivals are started here. Before any cycle."""
        super().follow(share)
        self._free: list[_Seat] = []
        self._late: deque[int] = deque()
        """When arrivals were planned that wait for a user."""
        self._seats: list[tuple[_Seat, Strand]] = []
        self._need = UserNeed()
        self._gone = 0
        """Users that have ended before the load did."""
        self._over = False
        self._due_ns = 0
        """All arrivals before this moment are planned (wall clock)."""
        self._most = 0

    def run_cycle(
        self,
        plan: Plan,
        cycle: Cycle,
        users: Sequence[int],
        number: int = 1,
        began_ns: int | None = None,
    ) -> None:
        """Starts the arrivals of the cycle, which began then (monotonic), and runs them."""
        del cycle
        now_ns = self._begin(number)
        began_ns = now_ns if began_ns is None else began_ns
        share = self._share
        line = self._line()
        arrivals = Arrivals(line, share.stripe, share.spacing, share.seed)
        epoch_ns = self._clock.epoch_ns
        self._due_ns = began_ns + epoch_ns
        tally = self._tally = Tally(began_ns + epoch_ns, share.process)
        rate = line.peak / share.stripe.step
        drop = share.late is LatePolicy.DROP
        most = len(users)
        started = 0
        warm_ns = began_ns + round(WARM_S * NS_PER_S)
        while not self.stopping.is_set():
            self.roused.clear()
            if (newer := self._line()) is not line:
                line = newer
                arrivals.follow(line)
                rate = line.peak / share.stripe.step
            due_ns = arrivals.due_ns
            now_ns = self._clock.monotonic_ns()
            if now_ns >= warm_ns:
                warm_ns = 1 << 63
                self._on_warm()
            if due_ns is None:
                left_s = line.duration_s - (now_ns - began_ns) / NS_PER_S
                self._due_ns = now_ns + epoch_ns
                if left_s <= 0:
                    break
                self._wait([self.roused], None if left_s == float("inf") else min(left_s, 1.0))
                continue
            planned_ns = began_ns + due_ns
            self._due_ns = min(planned_ns, now_ns) + epoch_ns
            if planned_ns > now_ns:
                self._wait([self.roused], min(planned_ns - now_ns, NS_PER_S) / NS_PER_S)
                continue
            started += 1
            if started % CATCH_UP == 0 and now_ns - planned_ns > HELD_UP_NS:
                self._strands.sleep(REST_S)  # who is behind lets answers be read
            arrivals.take()
            tally.plan(planned_ns + epoch_ns)
            self._arrived(plan, planned_ns, now_ns, rate, users, drop=drop, most=most)
        self._due_ns = self._clock.monotonic_ns() + epoch_ns
        self._leave_off(plan)

    def _arrived(
        self,
        plan: Plan,
        planned_ns: int,
        now_ns: int,
        rate: float,
        users: Sequence[int],
        *,
        drop: bool,
        most: int,
    ) -> None:
        """An arrival is due."""
        with self._counting:
            seat = self._free.pop() if self._free else None
            if seat is not None:
                seat.planned_ns = planned_ns
        if seat is not None:
            seat.turn.set()
            return
        place = len(self._seats)
        self._most = self._need.users(rate, now_ns, most)
        # One that comes late to here does so because this process is held up: answers of users may
        # wait to be read, and more users would hold it up for longer.
        held_up = now_ns - planned_ns > HELD_UP_NS and place > self._gone
        if place - self._gone < self._most and place < most and not held_up:
            with self._counting:
                if self._late:  # who has waited goes first
                    self._late.append(planned_ns)
                    planned_ns = self._late.popleft()
            seat = _Seat(self._strands.event(), planned_ns)
            strand = self._strands.spawn(self._serve, plan, users[place], seat)
            self._seats.append((seat, strand))
        elif drop:
            assert self._tally is not None  # noqa: S101 - it runs
            self._tally.drop(now_ns + self._clock.epoch_ns)
        else:
            with self._counting:
                self._late.append(planned_ns)

    def _leave_off(self, plan: Plan) -> None:
        """No arrival comes any more: what waits starts, unless it is to stop; then all leave."""
        self._hurry(plan.stop_timeout_s)
        while not self.stopping.is_set() and (left_s := self._left_s()) > 0:
            with self._counting:
                if not self._late and not self._need.in_flight:
                    break
            self._wait([self.stopping], min(left_s, 0.02))
        with self._counting:
            self._over = True
        for seat, _ in self._seats:
            seat.turn.set()
        self._finish(plan, [strand for _, strand in self._seats])

    def _serve(self, plan: Plan, number: int, seat: _Seat) -> None:
        """One user, from its first iteration to the end of the cycle."""
        self._count_one()
        done, forked, clock = 0, self._forked, self._clock
        interrupted = TestOutcome.INTERRUPTED
        user: AnyUser | None = None
        need, tally, epoch_ns = self._need, self._tally, self._clock.epoch_ns
        assert tally is not None  # noqa: S101 - it runs
        try:
            user = self._made(plan, number, number)
            if not user.set_up():
                return
            while (planned_ns := self._next(seat)) is not None:
                done += 1
                start_ns = clock.monotonic_ns()
                with self._counting:
                    need.start(start_ns)
                    tally.start(start_ns + epoch_ns)
                try:
                    outcome = user.run_planned(done, planned_ns)
                finally:
                    with self._counting:
                        need.end(start_ns, clock.monotonic_ns())
                if outcome is interrupted:
                    break  # there are no rows left for it
                if forked is not None and forked.is_child:
                    forked.leave_if_child(outcome is not TestOutcome.SUCCESS)
            user.tear_down()
        except (CutOff, UserIsDone):
            pass
        except BaseException as error:  # noqa: BLE001 - recorded; the others go on
            self._record(error, number, done + 1)
        finally:
            self._gone += 1
            self._leave_if_child(1)
            self._leave(user, number, done)

    def _next(self, seat: _Seat) -> int | None:
        """When the next iteration of a user was planned to start; None: there is none."""
        if (planned_ns := seat.planned_ns) is not None:
            seat.planned_ns = None
            return planned_ns
        with self._counting:
            if self._late and not self.stopping.is_set():
                return self._late.popleft()
            if self._over or self.stopping.is_set():
                return None
            seat.turn.clear()
            self._free.append(seat)
        seat.turn.wait()
        planned_ns, seat.planned_ns = seat.planned_ns, None
        return planned_ns

    def report(self, *, all_of_it: bool = False) -> None:
        """Records how arrivals went, in the seconds that are over."""
        tally = self._tally
        if tally is None:
            return
        users, most = len(self._seats), self._most
        if all_of_it:
            self._tally = None
        seconds = tally.rest(users, most) if all_of_it else tally.take(self._due_ns, users, most)
        with self._counting:
            found = list(seconds)
        for time_ns, state in found:
            self._recorder.arrivals(state, time_ns)
