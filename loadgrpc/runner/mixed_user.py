"""A virtual user of several tests.

Rule: it has one instance of each class, which the tests of the class share: their session, their
cookies, whatever they keep on `self`. What it calls in an iteration is decided by a mix.
"""

from __future__ import annotations

import unittest
from collections.abc import Callable, Sequence
from typing import NamedTuple

from loadgrpc.clock import Clock
from loadgrpc.model import Plan, TestOutcome
from loadgrpc.runner.context import LoadStatus, UserContext
from loadgrpc.runner.judge import CutOff
from loadgrpc.runner.loader import LoadedTest
from loadgrpc.runner.mix import Mix, Turn
from loadgrpc.runner.recorder import Recorder
from loadgrpc.runner.rests import Rests, paced, run_paced
from loadgrpc.runner.user import VirtualUser
from loadgrpc.stats.pacing import Pace


class MixedUser:
    """See the module; to a pool it is what a VirtualUser is."""

    def __init__(  # noqa: PLR0917 - as those of VirtualUser
        self,
        tests: Sequence[LoadedTest],
        mix: Mix,
        recorder: Recorder,
        clock: Clock,
        user: int,
        plan: Plan,
        *,
        in_flight: memoryview | None = None,
        context: UserContext | None = None,
        pause: Callable[[float], bool] | None = None,
    ) -> None:
        """See VirtualUser."""
        self._mix = mix
        self._context = context or UserContext(LoadStatus(user=user))
        status = self._context.status
        self._who = status.cycle, status.user_index
        of_class: dict[type[unittest.TestCase], VirtualUser] = {}
        self._each: list[VirtualUser] = []
        for test in tests:
            made = VirtualUser(
                test.case_class,
                test.method,
                recorder,
                clock,
                user,
                plan,
                in_flight=in_flight,
                context=self._context,
                pause=pause,
                named=test.name,
                beside=of_class.get(test.case_class),
            )
            of_class.setdefault(test.case_class, made)
            self._each.append(made)
        self._instances = tuple(of_class.values())
        self._up: list[VirtualUser] = []
        """Those of the instances that are set up."""
        self._now = self._each[0]

    @property
    def rests(self) -> Rests:
        """Those of the test that it called last."""
        return self._now.rests

    @property
    def began_ns(self) -> int:
        """When its last iteration began (monotonic)."""
        return self._now.began_ns

    @property
    def ended_ns(self) -> int:
        """When its last iteration ended (monotonic)."""
        return self._now.ended_ns

    def paced(self, pace: Pace, end_ns: int | None) -> Pace:
        """See VirtualUser. After an iteration it rests as the class of its test says."""
        if not any(any(each.rests) for each in self._each):
            return pace
        return paced(pace, self, self._context, end_ns)

    def run_iteration(self, iteration: int) -> TestOutcome:
        """Calls the test whose turn it is, once, and records how it went."""
        return self._turn_of(iteration).run_iteration(iteration)

    def run_paced(self, iteration: int) -> TestOutcome:
        """The same, after a rest: with pacing, by the class of the test before, it has a plan."""
        return run_paced(self, self._context, iteration)

    def run_planned(self, iteration: int, planned_ns: int) -> TestOutcome:
        """The same, of one that was planned to start at that time (monotonic)."""
        return self._turn_of(iteration).run_planned(iteration, planned_ns)

    def _turn_of(self, iteration: int) -> VirtualUser:
        """The user as it calls the test whose turn it is."""
        self._now = now = self._each[self._mix.at(Turn(*self._who, iteration))]
        now.take_turn()
        return now

    def set_up(self) -> bool:
        """See VirtualUser. Each class sets up its instance, until one of them fails."""
        for each in self._instances:
            if not each.set_up():
                return False
            self._up.append(each)
        return True

    def tear_down(self) -> None:
        """See VirtualUser. The last that was set up goes first."""
        while self._up:
            self._up.pop().tear_down()

    def interrupt(self) -> None:
        """See VirtualUser."""
        self._now.interrupt()

    def abandon(self) -> None:
        """See VirtualUser."""
        self._now.abandon()
        for each in self._each:
            each.abandon()

    def close(self) -> None:
        """Closes what its instances hold open.

        Raises: what the first of them raised that did.
        """
        raised: list[BaseException] = []
        for each in self._instances:
            try:
                each.close()
            except CutOff:
                raise
            except BaseException as error:  # noqa: BLE001 - raised when all are closed
                raised.append(error)
        if raised:
            raise raised[0]


AnyUser = VirtualUser | MixedUser


class LoadedMix(NamedTuple):
    """Several tests that can be run, and how users choose among them."""

    tests: tuple[LoadedTest, ...]
    mix: Mix


def user_of(  # noqa: PLR0917 - as those of VirtualUser
    test: LoadedTest | LoadedMix,
    recorder: Recorder,
    clock: Clock,
    user: int,
    plan: Plan,
    in_flight: memoryview | None,
    context: UserContext | None,
    pause: Callable[[float], bool] | None,
) -> AnyUser:
    """A user of a test, or of several."""
    if isinstance(test, LoadedTest):
        return VirtualUser(
            test.case_class,
            test.method,
            recorder,
            clock,
            user,
            plan,
            in_flight=in_flight,
            context=context,
            pause=pause,
        )
    return MixedUser(
        *test, recorder, clock, user, plan, in_flight=in_flight, context=context, pause=pause
    )
