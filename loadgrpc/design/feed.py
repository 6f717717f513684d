"""Cases for a test: each iteration of each user is fed with one.

    @cases("nextdate.toml")
    def test_next_date(self):
        answer = self.session.post(self.server_url, json=dict(self.case.values))
        self.assertEqual(..., self.expected["day + 1"])

All iterations of all users on all agents stand in one line: the first iterations of all users, by
their index, then the second ones, and so on. The case of an iteration follows from its place there
alone, so that nobody has to ask anybody.

    in turn    case after case: each equally often, give or take one, if all users make the same
               number of iterations
    random     drawn, each equally likely
    weight     drawn by the weights of the rules

Rule: pure; the same place has the same case.
"""

from __future__ import annotations

import functools
import inspect
import math
from bisect import bisect_right
from collections.abc import Callable, Iterable
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from loadgrpc.design.case import Case
from loadgrpc.design.errors import DesignError

if TYPE_CHECKING:
    from loadgrpc.design.table import DecisionTable

ORDERS: Final = ("in turn", "random", "weight")
MARK: Final = "__loadgrpc_cases__"
"""The attribute of a test method that says what it is fed with."""
GIVEN: Final = "__loadgrpc_given__"
"""The attribute of a test case that is fed by somebody else."""
_BITS: Final = 64
_MASK: Final = (1 << _BITS) - 1
_GOLDEN: Final = 0x9E3779B97F4A7C15

Test = TypeVar("Test", bound=Callable[..., object])


class CaseFeed:
    """Cases, and the order in which iterations get them."""

    def __init__(self, cases: Iterable[Case], order: str = "in turn", seed: int = 0) -> None:
        """`seed`: other draws for another number.

        Raises:
            DesignError: there are no cases, no such order, or no weight.
        """
        self.cases = tuple(cases)
        self.order = order
        self._seed = _mixed(seed & _MASK)
        if not self.cases:
            raise DesignError("there are no cases to feed a test with")
        if order not in ORDERS:
            raise DesignError(f"no order is {order!r}; there are {', '.join(ORDERS)}")
        self._sums = list(accumulate(each.weight for each in self.cases))
        if order == "weight" and not self._sums[-1]:
            raise DesignError("the weights of all cases are 0")

    @property
    def rules(self) -> tuple[str, ...]:
        """The rules that the cases are of, those that are fed to nobody left out."""
        wanted = (each for each in self.cases if self.order != "weight" or each.weight)
        return tuple(dict.fromkeys(each.rule for each in wanted))

    def at(self, place: int, users: int, iteration: int, before: int = 0) -> Case:
        """The case of an iteration.

        Args:
            place: The user among all `users` of the cycle, from 0.
            users: Users of the cycle, on all agents.
            iteration: From 0.
            before: Iterations of the cycles before, of all users.
        """
        cases = self.cases
        number = before + iteration * users + place
        if self.order == "in turn":
            # Users whose number has a divisor in common with that of the cases would meet the same
            # few again and again: after each round of all of them, they move on by one.
            shared = math.gcd(users, len(cases))
            turn = number // (users * len(cases) // shared) % shared
            return cases[(number + turn) % len(cases)]
        draw = _mixed(self._seed ^ (number * _GOLDEN & _MASK))
        if self.order == "random":
            return cases[draw * len(cases) >> _BITS]
        return cases[bisect_right(self._sums, draw * self._sums[-1] / (1 << _BITS))]


def cases(
    table: DecisionTable | str | Path | Iterable[Case],
    order: str = "in turn",
    *,
    seed: int = 0,
    strength: int = 0,
    boundaries: bool = False,
) -> Callable[[Test], Test]:
    """Feeds a test method with the cases of a table.

    In a load run each iteration has one, as `self.case` and `self.expected`. Under unittest and
    pytest one call of the test goes through all of them, each in a subTest.

    Args:
        table: A table, a file of one beside the test's, or cases.
        order: "in turn", "random", or "weight": by the weights of the rules.
        seed: Of the draws; the same on all agents.
        strength: See `DecisionTable.cases`.
        boundaries: Likewise.

    Raises:
        DesignError: the file cannot be read, or there are no cases.
    """
    # User processes that are fed with nothing need not know what a table is.
    from loadgrpc.design.files import load_table  # noqa: PLC0415
    from loadgrpc.design.table import DecisionTable  # noqa: PLC0415

    if isinstance(table, str | Path):
        caller = inspect.stack(0)[1].filename
        table = load_table(Path(caller).resolve().parent / table)
    made = table
    if isinstance(made, DecisionTable):
        made = made.cases(strength=strength, boundaries=boundaries)
    feed = CaseFeed(made, order, seed)

    def decorate(method: Test) -> Test:
        if inspect.iscoroutinefunction(method):
            raise DesignError("@cases is for test methods that are not async")

        @functools.wraps(method)
        def fed(self: Any) -> object:
            if GIVEN in vars(self):
                return method(self)
            for each in feed.cases:
                with self.subTest(case=each.name, values=_said(each)):
                    self.case, self.expected = each, each.expected
                    method(self)
            return None

        setattr(fed, MARK, feed)
        return fed  # type: ignore[return-value]  # it is called as the method is

    return decorate


def feed_of(function: object) -> CaseFeed | None:
    """What a test method is fed with; None: nothing."""
    found = getattr(function, MARK, None)
    return found if isinstance(found, CaseFeed) else None


def give(test: Any, case: Case) -> None:
    """Feeds a test with a case: its next call is about this one."""
    test.case, test.expected = case, case.expected
    setattr(test, GIVEN, True)


def sentence(case: Case) -> str:
    """A case as text, for what goes wrong in it."""
    return f"rule {case.rule}: {_said(case)}"


def _said(case: Case) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in case.values.items())


def _mixed(number: int) -> int:
    """A number of 64 bits that looks drawn: the output function of SplitMix64."""
    number = (number + _GOLDEN) & _MASK
    number = (number ^ (number >> 30)) * 0xBF58476D1CE4E5B9 & _MASK
    number = (number ^ (number >> 27)) * 0x94D049BB133111EB & _MASK
    return number ^ (number >> 31)
