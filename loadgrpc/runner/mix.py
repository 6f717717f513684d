"""Which of its tests a user calls in an iteration.

    weighted     from a pile of cards, each test as often in it as its weight. Users draw from it
                 without putting back, each in another order and another in each round, so that
                 - a user has called each test as often as its weight when the pile is through;
                 - as many neighbouring users as there are cards do so in any one iteration.
    random       each iteration by itself, all tests equally likely
    sequential   one after another, each as often as its weight

Rule: pure. What a user calls follows from the seed of the run, the cycle, the user's index among
those of all agents, and the iteration, so that shares hold over agents without anybody being asked.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from loadgrpc.model import Assignment, TestOrder
from loadgrpc.stats.draws import draw, seed_of, shuffled

ORDERS_KEPT: Final = 1_024
"""Orders of the pile that are remembered: at most 2 kB each, for users of about as many piles."""


class Turn(NamedTuple):
    """An iteration of a user: which turn it is to choose a test."""

    cycle: int
    """From 1."""
    user_index: int
    """Among the users of the cycle on all agents, from 0."""
    iteration: int
    """From 1."""


class Mix:
    """See the module."""

    def __init__(self, weights: Sequence[int], order: TestOrder, seed: int) -> None:
        """`weights` of the tests, each at least 1."""
        shared = math.gcd(*weights)
        self._tests = len(weights)
        self._cards = [at for at, each in enumerate(weights) for _ in range(each // shared)]
        self._seed = seed
        self._order = order
        self._shuffled = lru_cache(maxsize=ORDERS_KEPT)(self._shuffle)

    @classmethod
    def of(cls, assignment: Assignment) -> Mix:
        """That of the users of an assignment, whose scenario has several tests."""
        scenario = assignment.scenario
        weights = [each.weight for each in scenario.tests]
        return cls(weights, scenario.test_order, seed_of(f"{assignment.seed}/tests"))

    def at(self, turn: Turn) -> int:
        """The test that is called, from 0."""
        cards = self._cards
        at = turn.iteration - 1
        if self._order is TestOrder.SEQUENTIAL:
            return cards[at % len(cards)]
        if self._order is TestOrder.RANDOM:
            return draw(self._seed, *turn) * self._tests >> 64
        pile, place = divmod(turn.user_index, len(cards))
        round_, step = divmod(at, len(cards))
        return cards[(self._shuffled(turn.cycle, pile, round_)[step] + place) % len(cards)]

    def _shuffle(self, cycle: int, pile: int, round_: int) -> array[int]:
        """The order in which the users of a pile go through it in a round."""
        return array("H", shuffled(len(self._cards), self._seed, cycle, pile, round_))
