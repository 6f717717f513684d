"""Cases for a test: each iteration of each user is fed with one.

    @cases("nextdate.toml")
    def test_next_date(self):
        answer = self.session.post(self.server_url, json=dict(self.case.values))
        self.assertEqual(..., self.expected["day + 1"])

All iterations of all users on all agents stand in one line: the first iterations of all users, by
their index, then the second ones, and so on. They are dealt cases from a deck, again and again. The
case of an iteration follows from its place in the line alone, so that nobody has to ask anybody.

    in turn    a deck of each case once, in their order: each comes equally often, give or take one,
               if all users make the same number of iterations
    random     a deck with each case equally often, shuffled
    weight     a deck with each case as often as the weight of its rule says, shuffled

Rule: pure; the same place has the same case, in every process, version of Python, and language.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Iterable, Iterator
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
SHUFFLED: Final = 8_192
"""Cards of a deck that is shuffled, about."""
FEWEST_OF_EACH: Final = 4
"""... or as many for each case, where there are so many cases that this is more."""
_MASK: Final = (1 << 64) - 1
_GOLDEN: Final = 0x9E3779B97F4A7C15

Test = TypeVar("Test", bound=Callable[..., object])


class CaseFeed:
    """Cases, and the deck from which iterations are dealt them."""

    def __init__(self, cases: Iterable[Case], order: str = "in turn", seed: int = 0) -> None:
        """`seed`: another number shuffles otherwise.

        Raises:
            DesignError: there are no cases, no such order, or no weight.
        """
        self.cases = tuple(cases)
        self.order = order
        if not self.cases:
            raise DesignError("there are no cases to feed a test with")
        if order not in ORDERS:
            raise DesignError(f"no order is {order!r}; there are {', '.join(ORDERS)}")
        self.deck = tuple(self._deck(seed))
        """The cases in the order in which they are dealt, by their places in `cases`."""

    @property
    def rules(self) -> tuple[str, ...]:
        """The rules that the cases are of, those that are fed to nobody left out."""
        wanted = (each for each in self.cases if self.order != "weight" or each.weight)
        return tuple(dict.fromkeys(each.rule for each in wanted))

    def seat(self, place: int, users: int, before: int = 0) -> CaseSeat:
        """Where a user gets its cases from.

        Args:
            place: The user among all `users` of the cycle, from 0.
            users: Users of the cycle, on all agents.
            before: Iterations of the cycles before, of all users.
        """
        return CaseSeat(self, place, users, before)

    def _deck(self, seed: int) -> list[int]:
        places = range(len(self.cases))
        if self.order == "in turn":
            return list(places)
        if self.order == "random":
            cards = [at for at in places for _ in range(max(SHUFFLED // len(places), 1))]
        else:
            total = math.fsum(each.weight for each in self.cases)
            if not total:
                raise DesignError("the weights of all cases are 0")
            size = max(SHUFFLED, FEWEST_OF_EACH * len(places))
            cards = [
                at
                for at, case in enumerate(self.cases)
                if case.weight
                for _ in range(max(round(case.weight / total * size), 1))
            ]
        draws = _draws(seed)
        for last in range(len(cards) - 1, 0, -1):
            other = next(draws) % (last + 1)
            cards[last], cards[other] = cards[other], cards[last]
        return cards


class CaseSeat:
    """Where a user gets its cases from: see `CaseFeed.seat`."""

    __slots__ = ("_cases", "_deck", "_first", "_round", "_size", "_turns", "_users")

    def __init__(self, feed: CaseFeed, place: int, users: int, before: int) -> None:
        self._cases, self._deck = feed.cases, feed.deck
        self._size, self._users = len(feed.deck), users
        self._first = before + place
        # Users whose number has a divisor in common with that of the cards would be dealt the same
        # few again and again: after each round of all of them, they move on by one.
        self._round = math.lcm(users, self._size)
        self._turns = math.gcd(users, self._size)

    def at(self, iteration: int) -> Case:
        """The case of an iteration, from 0. After as many as there are cards they come again."""
        number = self._first + iteration * self._users
        card = (number + number // self._round % self._turns) % self._size
        return self._cases[self._deck[card]]


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
        table: A table, a file of one or of cases beside the test's, or cases.
        order: "in turn", "random", or "weight": by the weights of the rules.
        seed: Of the draws; the same on all agents.
        strength: See `DecisionTable.cases`.
        boundaries: Likewise.

    Raises:
        DesignError: the file cannot be read, or there are no cases.
    """
    # User processes that are fed with nothing need not know what a table is.
    from loadgrpc.design.case_file import load_cases  # noqa: PLC0415
    from loadgrpc.design.table import DecisionTable  # noqa: PLC0415

    made: Iterable[Case]
    if isinstance(table, str | Path):
        path = Path(inspect.stack(0)[1].filename).resolve().parent / table
        made = load_cases(path, strength=strength, boundaries=boundaries)
    elif isinstance(table, DecisionTable):
        made = table.cases(strength=strength, boundaries=boundaries)
    else:
        made = table
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


def _draws(seed: int) -> Iterator[int]:
    """Numbers of 64 bits that look drawn: SplitMix64."""
    state = seed & _MASK
    while True:
        state = (state + _GOLDEN) & _MASK
        number = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9 & _MASK
        number = (number ^ (number >> 27)) * 0x94D049BB133111EB & _MASK
        yield number ^ (number >> 31)
