"""How long a user rests between two iterations: its pacing and its think time.

    pacing   from the start of an iteration to the start of the next
    think    from the end of an iteration to the start of the next

With both, the later of the two counts. Rule: what is drawn follows from the seed of the run, the
user, the cycle and the iteration alone, so that the same seed makes the same rests, on any number
of agents. A rest has no end of its own: whoever waits for it is woken by a stop.
"""

from __future__ import annotations

import unittest
from typing import Any, Final, NamedTuple, Protocol

from loadgrpc.clock import NS_PER_S
from loadgrpc.errors import TestNotLoaded
from loadgrpc.model import Constant, Scenario, TestOutcome, Wait
from loadgrpc.runner.context import UserContext
from loadgrpc.runner.testcase import TestCase
from loadgrpc.stats.draws import draw
from loadgrpc.stats.pacing import Pace, rested

NO_WAIT: Final = Constant(0.0)
_PACING: Final = 1
_THINK: Final = 2


class Rests(NamedTuple):
    """How the users of a test rest."""

    pacing: Wait | None = None
    think: Wait | None = None

    @classmethod
    def of(cls, case_class: type[unittest.TestCase], scenario: Scenario) -> Rests:
        """What a scenario says, or else the class. Those who serve arrivals do not rest.

        Raises:
            TestNotLoaded: what the class says is no wait, or is not possible with arrivals.
        """
        found = []
        for name, asked in (("pacing", scenario.pacing), ("think", scenario.think)):
            wait = _said(case_class, name) if asked is None else asked
            if scenario.is_open and wait is not None and wait != NO_WAIT:
                raise TestNotLoaded(
                    f"{case_class.__qualname__}.{name} is for users who wait, but arrivals start"
                    f" when they are planned: use a load of users, or --{name} 0s",
                    cause="ValueError",
                )
            found.append(wait)
        return cls(*found)


def _said(case_class: Any, name: str) -> Wait | None:
    """What an attribute of a class says; plain TestCases may have one that means something else."""
    value = getattr(case_class, name, None)
    if value is None or isinstance(value, Wait):
        return value
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    wrong = Constant(float(value)).wrong() if is_number else f"is {value!r}"
    if is_number and not wrong:
        return Constant(float(value))
    if not issubclass(case_class, TestCase):
        return None
    raise TestNotLoaded(
        f"{case_class.__qualname__}.{name} {wrong}; expected seconds, or constant(), between(),"
        " exponential() or lognormal() of loadgrpc.case",
        cause="ValueError",
    )


class Resting(Protocol):
    """A user, as far as it matters when it rests."""

    @property
    def rests(self) -> Rests:
        """Those of the test that it called last."""

    @property
    def began_ns(self) -> int:
        """When its last iteration began (monotonic)."""

    @property
    def ended_ns(self) -> int:
        """When it ended."""


class PacedUser(Resting, Protocol):
    """A user whose iterations may have a plan."""

    def run_iteration(self, iteration: int) -> TestOutcome:
        """Runs the test once."""

    def run_planned(self, iteration: int, planned_ns: int) -> TestOutcome:
        """The same, of an iteration that was planned to start at that time (monotonic)."""


def due_ns(user: Resting, context: UserContext, done: int) -> int:
    """When the next iteration of a user is due that has `done` some: its planned start.

    Raises:
        ValueError: it has done none.
    """
    if not done:
        raise ValueError("the first iteration follows no other")
    return max([user.ended_ns, *_rested_ns(user, context, done)])


def planned_ns(user: Resting, context: UserContext, done: int) -> int | None:
    """When the next iteration of a paced user was planned to start; None: it has no plan.

    Other than when it is due, this may be before the end of the iteration before it, which took
    longer than the pacing: then the next is late. Whoever thinks, too, waits for the answer.
    """
    pacing = user.rests.pacing
    if pacing is None or pacing == NO_WAIT or not done:
        return None
    return max(_rested_ns(user, context, done))


def _rested_ns(user: Resting, context: UserContext, done: int) -> list[int]:
    """When each of its rests after that iteration is over."""
    status, (pacing, think) = context.status, user.rests
    who = status.cycle, status.user_index, done
    over = []
    if pacing is not None:
        over.append(user.began_ns + _ns(pacing, draw(context.seed, *who, _PACING)))
    if think is not None:
        over.append(user.ended_ns + _ns(think, draw(context.seed, *who, _THINK)))
    return over


def run_paced(user: PacedUser, context: UserContext, iteration: int) -> TestOutcome:
    """Lets a user run an iteration after a rest: with pacing it has a planned start."""
    planned = planned_ns(user, context, iteration - 1)
    if planned is None:
        return user.run_iteration(iteration)
    return user.run_planned(iteration, planned)


def paced(pace: Pace, user: Resting, context: UserContext, end_ns: int | None) -> Pace:
    """A pace whose iterations wait for the rests of a user; none begins at `end_ns` or later."""
    return rested(pace, lambda done: due_ns(user, context, done) if done else 0, end_ns)


def _ns(wait: Wait, drawn: int) -> int:
    return round(wait.seconds(drawn) * NS_PER_S)
