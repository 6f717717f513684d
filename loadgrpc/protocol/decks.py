"""The cases of a plan, and the deck from which its iterations are dealt them: see CaseDeck.

Rule: where cases are dealt is decided in `design/feed.py` alone; runners in other languages find
the result in their assignment or in their environment.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from typing import Final

from loadgrpc.design.case import Case
from loadgrpc.design.feed import CaseFeed
from loadgrpc.model import Assignment, CaseOrder, FedCase, FedCases, hyphened
from loadgrpc.protocol.case_kind import case_json, put_cases
from loadgrpc.v1 import runner_pb2

MAX_ENTRIES: Final = 10_000
"""Of a deck."""
MAX_LINES: Final = 1_000
"""Cases of one user that are in a file: as many as there may be different ones."""


@functools.lru_cache(maxsize=16)
def feed_of_cases(fed: FedCases) -> CaseFeed:
    """What feeds iterations with the cases of a plan."""
    actions = dict.fromkeys(name for case in fed.cases for name, _ in case.expected)
    cases = [
        Case(
            name=case.name,
            rule=case.rule,
            values=dict(case.values),
            expected={**actions, **dict(case.expected)},
            weight=case.weight,
        )
        for case in fed.cases
    ]
    return CaseFeed(cases, _words(fed.order), fed.seed)


def fed_cases(
    cases: Iterable[Case], order: CaseOrder = CaseOrder.IN_TURN, seed: int = 0
) -> FedCases:
    """Cases of a decision table, for a plan."""
    found = (
        FedCase(
            name=case.name,
            rule=case.rule,
            values=tuple(case.values.items()),
            expected=tuple((k, value) for k, value in case.expected.items() if value is not None),
            weight=case.weight,
        )
        for case in cases
    )
    return FedCases(cases=tuple(found), order=order, seed=seed)


def deck_of(fed: FedCases) -> runner_pb2.CaseDeck:
    """The deck of a runner's assignment."""
    deck = runner_pb2.CaseDeck(entries=feed_of_cases(fed).deck)
    put_cases(deck.cases, fed.cases)
    return deck


def lines_of_user(assignment: Assignment) -> Iterator[str]:
    """The cases of the one user of an assignment, iteration by iteration, each as JSON.

    They are as many as there are iterations, or entries in the deck; MAX_LINES at most.
    """
    fed, place = assignment.scenario.cases, assignment.place
    if fed is None or not assignment.user:
        return
    feed = feed_of_cases(fed)
    cycle, made = assignment.first_cycle - 1, assignment.cycles[0].iterations
    seat = feed.seat(
        assignment.user_index,
        place.total_users[cycle],
        sum(place.total_users[:cycle]) * made,
    )
    by_name = {case.name: case_json(case) for case in fed.cases}
    for iteration in range(min(made or MAX_LINES, len(feed.deck), MAX_LINES)):
        yield by_name[seat.at(iteration).name]


def _words(order: CaseOrder) -> str:
    return hyphened(order.name).replace("-", " ")
