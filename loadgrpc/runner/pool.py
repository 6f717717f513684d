"""The virtual users of one user process, cycle by cycle.

Rule: a cycle is over when its last user has ended; none leaks into the next. When users begin,
and when their iterations do, is decided by a pace (`stats/pacing.py`) and by `stopping`; all time
is that of the clock and of `wait`, which are handed in. A user that takes longer than the stop
timeout to finish is cut off, and its iteration counts as interrupted. What a user raises outside
of its iterations ends this user, as an error with its reason, and no other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from loadgrpc.clock import NS_PER_S, Clock
from loadgrpc.model import Cycle, Plan, TestOutcome
from loadgrpc.runner.context import UserContext
from loadgrpc.runner.data.feeds import UserIsDone
from loadgrpc.runner.exception_text import exception_info
from loadgrpc.runner.forked import Forked
from loadgrpc.runner.judge import CutOff
from loadgrpc.runner.loader import LoadedTest
from loadgrpc.runner.mixed_user import AnyUser, LoadedMix, user_of
from loadgrpc.runner.recorder import Recorder
from loadgrpc.runner.strands import Signal, Strand, Strands
from loadgrpc.stats.pacing import Pace, bounded, closed, end_ns, ramp_up

CUT_OFF_TRIES: Final = 6
CUT_OFF_WAIT_S: Final = 0.25
"""How often, and how long apart, a user that swallows its end is cut off again."""
SETTLED_IN: Final = 2
"""The iteration whose beginning shows that the first is over."""


class StubbornUserError(RuntimeError):
    """A user could not be cut off: its test swallows every exception."""


class Pool:
    """Runs the users of a cycle."""

    def __init__(
        self,
        test: LoadedTest | LoadedMix,
        recorder: Recorder,
        clock: Clock,
        strands: Strands,
        *,
        on_warm: Callable[[], object] = lambda: None,
        in_flight: Callable[[int], memoryview | None] = lambda _: None,
        context: Callable[[int, int], UserContext | None] = lambda *_: None,
        forked: Forked | None = None,
    ) -> None:
        """`on_warm` is called once a cycle: when every user has begun its second iteration.

        `in_flight` gives each user (a number from 1) its row of what is in flight, and `context`
        what it knows of its run, given its cycle and itself. `strands` are to go by the same time
        as `clock`.
        """
        self._test = test
        self._recorder = recorder
        self._clock = clock
        self._on_warm = on_warm
        self._in_flight = in_flight
        self._context = context
        self._forked = forked
        self._strands = strands
        self._wait = strands.wait
        self._counting = strands.lock()
        """Held to change what is counted here: users may be threads."""
        self._cycle = 1
        """The number of the cycle."""
        self._cold = 0
        """Users of this cycle who have not begun a second iteration."""
        self.active_users = 0
        """Users alive now."""
        self.started_users = 0
        """Users of this cycle that were started."""
        self._cut_off_ns: int | None = None
        """When users who have not finished are cut off; None: not known yet."""
        self._living: set[AnyUser] = set()
        self._abandoned: set[AnyUser] = set()
        """Users that could not be cut off, and are left to themselves."""
        self._resting: dict[AnyUser, Signal] = {}
        """What wakes each user that rests between its iterations. Thousands wait at one time, and
        an event for all of them would be searched for each."""
        self._hurried = strands.event()
        """Set when that was brought forward."""
        self.stopping = strands.event()
        self.roused = strands.event()
        """Set when whoever starts users must look again: a stop, or a change of the load."""

    def stop(self, timeout_s: float) -> None:
        """Lets users finish their iteration; after `timeout_s` they are cut off."""
        self._hurry(timeout_s)
        self.stopping.set()
        with self._counting:
            resting = list(self._resting.values())
        for wake in resting:
            wake.set()
        self.roused.set()

    def run_cycle(self, plan: Plan, cycle: Cycle, users: Sequence[int], number: int = 1) -> None:
        """Runs the given `users` (numbers, from 1, ascending) of a cycle to their end.

        `plan` is that of the assignment, and `cycle` one of its cycles, with its `number`.

        Raises:
            StubbornUserError: a user could not be cut off.
        """
        began_ns = self._begin(number)
        over_ns = end_ns(began_ns, cycle.duration_s)
        start = bounded(ramp_up(users, plan.scenarios[0].spawn_rate, began_ns), end_ns=over_ns)
        pace = closed(count=cycle.iterations, end_ns=over_ns)
        begin = [place for place in range(len(users)) if start(began_ns, place) is not None]
        self._cold = len(begin)
        strands = [
            self._strands.spawn(self._live, plan, users[place], place, start, pace, over_ns)
            for place in begin
        ]
        self._wait([self._strands.everybody(strands), self.stopping], cycle.duration_s)
        self._finish(plan, strands)

    def _begin(self, number: int) -> int:
        """A cycle begins; when (monotonic)."""
        self._cut_off_ns = None
        self._cycle = number
        self.started_users = 0
        return self._clock.monotonic_ns()

    def _finish(self, plan: Plan, strands: Sequence[Strand]) -> None:
        """Lets users finish their iteration; the cycle is over when all of them have ended."""
        everybody = self._strands.everybody(strands)
        self._hurry(plan.stop_timeout_s)
        while not everybody.ready() and (left_s := self._left_s()) > 0:
            self._hurried.clear()
            self._wait([everybody, self._hurried], left_s)
        self._cut_off(strands)
        self._strands.end_cycle()

    def _hurry(self, timeout_s: float) -> None:
        """Lets users finish within this time, or until an earlier deadline."""
        cut_off_ns = self._clock.monotonic_ns() + round(timeout_s * NS_PER_S)
        if self._cut_off_ns is None or cut_off_ns < self._cut_off_ns:
            self._cut_off_ns = cut_off_ns
            self._hurried.set()

    def _left_s(self) -> float:
        """How long users may still take to finish."""
        assert self._cut_off_ns is not None  # noqa: S101 - set before anybody waits
        return (self._cut_off_ns - self._clock.monotonic_ns()) / NS_PER_S

    def _cut_off(self, strands: Sequence[Strand]) -> None:
        tries, before = 0, len(strands)
        while alive := [strand for strand in strands if not strand.ready()]:
            tries = tries + 1 if len(alive) == before else 1  # many take their time
            if tries > CUT_OFF_TRIES:
                if not self._strands.may_abandon:
                    raise StubbornUserError(f"{len(alive)} users cannot be cut off")
                self._abandon()
                return
            before = len(alive)
            for user in list(self._living):
                user.interrupt()
            self._strands.cut_off(alive)
            self._wait([self._strands.everybody(alive)], CUT_OFF_WAIT_S)

    def _abandon(self) -> None:
        """Leaves users that are still alive to themselves: they record nothing any more."""
        with self._counting:
            left, self._living = self._living, set()
            self._abandoned |= left
            self.active_users -= len(left)
        for user in left:
            user.abandon()

    def _live(  # noqa: PLR0917 - as it is spawned
        self,
        plan: Plan,
        number: int,
        place: int,
        start: Pace,
        pace: Pace,
        over_ns: int | None,
        slot: int = 0,
    ) -> None:
        """One user, from its start, as that of its place in the cycle, to its end.

        `slot`: the number of the user whose place it takes; 0: it has its own.
        """
        if not self._begins(start, place):
            return
        self._count_one()
        done, forked, stopping = 0, self._forked, self.stopping
        interrupted = TestOutcome.INTERRUPTED  # asking the enum takes longer than comparing
        user: AnyUser | None = None
        try:
            user = self._made(plan, number, slot or number)
            if not user.set_up():
                return
            run, wake = user.run_iteration, None
            if (paced := user.paced(pace, over_ns)) is not pace:
                pace, run, wake = paced, user.run_paced, self._wakes(user)
            now_ns = self._clock.monotonic_ns()
            # Most iterations begin at once: the rest is asked for only if this one does not.
            while (pace(now_ns, done) == 0 and not stopping.is_set()) or self._begins(
                pace, done, wake
            ):
                done += 1
                if done == SETTLED_IN:
                    self._warmed_up()
                outcome = run(done)
                if outcome is interrupted:
                    break  # there are no rows left for it
                now_ns = user.ended_ns
                if forked is not None and forked.is_child:
                    forked.leave_if_child(outcome is not TestOutcome.SUCCESS)
            user.tear_down()
        except (CutOff, UserIsDone):
            pass
        except BaseException as error:  # noqa: BLE001 - recorded; the others go on
            self._record(error, number, done + 1)
        finally:
            self._leave_if_child(1)
            self._leave(user, number, done)

    def _count_one(self) -> None:
        """One more user has started."""
        with self._counting:
            self.active_users += 1
            self.started_users += 1

    def _made(self, plan: Plan, number: int, slot: int) -> AnyUser:
        """A user of the cycle, which takes the place of the one with the number `slot`."""
        context = self._context(self._cycle, slot)
        row = self._in_flight(slot)
        if slot != number:
            if context is not None:
                context = context._replace(status=context.status._replace(user=number))
            if row is not None:
                row[2] = number
        user = user_of(
            self._test, self._recorder, self._clock, number, plan, row, context, self._pause
        )
        self._leave_if_child()
        self._living.add(user)
        return user

    def _leave_if_child(self, status: int = 0) -> None:
        if self._forked is not None:
            self._forked.leave_if_child(status)

    def _leave(self, user: AnyUser | None, number: int, done: int) -> None:
        """A user has ended, as it may."""
        with self._counting:
            if user is not None:
                self._living.discard(user)
                self._resting.pop(user, None)
            abandoned = user in self._abandoned
        try:
            if user is not None:
                user.close()
        except CutOff:
            pass
        except BaseException as error:  # noqa: BLE001 - recorded; the others go on
            self._record(error, number, done)
        finally:
            if not abandoned:
                with self._counting:
                    self.active_users -= 1

    def _record(self, error: BaseException, user: int, iteration: int) -> None:
        """What a user raised outside of its iterations is an error with its reason."""
        self._recorder.iteration(
            outcome=TestOutcome.ERROR,
            exception=exception_info(error),
            start_ns=self._clock.wall_ns(),
            elapsed_ns=0,
            user=user,
            iteration=iteration,
        )

    def _pause(self, seconds: float) -> bool:
        """Waits, unless the users are to stop; whether they are."""
        if seconds > 0 and not self.stopping.is_set():
            self._wait([self.stopping], seconds)
        return self.stopping.is_set()

    def _warmed_up(self) -> None:
        """One more user has its session and its connections."""
        with self._counting:
            self._cold -= 1
            warm = not self._cold
        if warm:
            self._on_warm()

    def _wakes(self, user: AnyUser) -> Signal:
        """What wakes a user that rests when it is to stop."""
        wake = self._strands.event()
        with self._counting:
            self._resting[user] = wake
        return wake

    def _begins(self, pace: Pace, done: int, wake: Signal | None = None) -> bool:
        """Waits until it is time for the next to begin, or for what wakes it; whether it does."""
        while not self.stopping.is_set():
            wait_ns = pace(self._clock.monotonic_ns(), done)
            if wait_ns is None:
                return False
            if wait_ns <= 0:
                return True
            self._wait([self.stopping if wake is None else wake], wait_ns / NS_PER_S)
            if wake is not None:
                wake.clear()  # whoever woke it wants it to ask again
        return False
