"""The cheapest choice of candidates that covers everything: exactly once each, or at least once.

Rule: deterministic, and bounded by steps. What is found is minimal unless it says otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from loadgrpc.design.cube import Budget, BudgetSpentError

Cost = tuple[int, ...]
"""Compared in order; the first number is 1 for each candidate."""


@dataclass(frozen=True)
class Candidate:
    """What may be chosen: the things that it covers, a bit each, and what it costs."""

    covers: int
    cost: Cost
    cube: int


@dataclass(frozen=True)
class Cover:
    """A choice."""

    chosen: tuple[Candidate, ...]
    minimal: bool
    """Whether no choice is shorter, as was proven."""
    at_least: int
    """How many candidates any choice needs."""


def cheapest(
    candidates: Sequence[Candidate],
    things: int,
    known: Sequence[Candidate],
    steps: int,
    *,
    once: bool,
) -> Cover:
    """The cheapest cover of `things`, a bit each, with a cover that is known already.

    Args:
        candidates: Those that cover the same things are the cheapest of their kind.
        things: What to cover.
        known: A cover to improve on.
        steps: The bound of the search.
        once: Whether nothing may be covered twice.
    """
    groups = _groups(candidates, things)
    chosen: list[Candidate] = []
    at_least, minimal = 0, True
    for group, mine in groups:
        start = [each for each in known if each.covers & group]
        search = _Search(mine, start, steps, once=once)
        search.run(group)
        chosen += search.best
        at_least += search.at_least
        minimal = minimal and len(search.best) == search.at_least
    return Cover(tuple(chosen), minimal, at_least)


def _groups(candidates: Sequence[Candidate], things: int) -> list[tuple[int, list[Candidate]]]:
    """Things that have no candidate in common are separate questions."""
    groups: list[tuple[int, list[Candidate]]] = []
    for each in candidates:
        joined, mine, rest = each.covers, [each], []
        for group, members in groups:
            if group & joined:
                joined |= group
                mine = members + mine
            else:
                rest.append((group, members))
        groups = [*rest, (joined, mine)]
    covered = 0
    for group, _ in groups:
        covered |= group
    assert covered == things, "every thing has a candidate"  # noqa: S101 - each is one itself
    return sorted(groups, key=lambda each: each[0] & -each[0])


class _Search:
    """Branch and bound over one group."""

    def __init__(
        self, candidates: Sequence[Candidate], known: Sequence[Candidate], steps: int, *, once: bool
    ) -> None:
        self._once = once
        self._budget = Budget(steps)
        self.best = list(known)
        self._best_cost = _total(known)
        self.at_least = 0
        self._seen: dict[int, Cost] = {}
        """What it cost at least to come to what is left."""
        self._of: dict[int, list[Candidate]] = {}
        order = sorted(
            candidates, key=lambda each: (-each.covers.bit_count(), each.cost, each.cube)
        )
        for each in order:
            covers = each.covers
            while covers:
                bit = covers & -covers
                self._of.setdefault(bit, []).append(each)
                covers ^= bit
        self._reach: dict[int, int] = {}
        """For each thing, those that a candidate covers together with it."""
        for bit, those in self._of.items():
            reach = 0
            for each in those:
                reach |= each.covers
            self._reach[bit] = reach

    def run(self, things: int) -> None:
        self.at_least = self._apart(things)
        try:
            self._go(things, (0,) * len(self._best_cost), [])
        except BudgetSpentError:
            return
        self.at_least = len(self.best)

    def _go(self, left: int, cost: Cost, chosen: list[Candidate]) -> None:
        if not left:
            if cost < self._best_cost:
                self.best, self._best_cost = list(chosen), cost
            return
        self._budget.step()
        if (cost[0] + self._apart(left), *cost[1:]) >= self._best_cost:
            return
        before = self._seen.get(left)
        if before is not None and before <= cost:
            return
        self._seen[left] = cost
        for each in self._pivot(left):
            chosen.append(each)
            self._go(left & ~each.covers, _add(cost, each.cost), chosen)
            chosen.pop()

    def _pivot(self, left: int) -> list[Candidate]:
        """The candidates of the thing that has fewest."""
        best: list[Candidate] | None = None
        rest = left
        while rest:
            bit = rest & -rest
            rest ^= bit
            those = self._of[bit]
            if self._once:
                those = [each for each in those if not each.covers & ~left]
            if best is None or len(those) < len(best):
                best = those
                if len(best) <= 1:
                    break
        assert best is not None  # noqa: S101 - something is left
        return best

    def _apart(self, left: int) -> int:
        """At least this many are needed: things of which no two share a candidate."""
        count = 0
        while left:
            bit = left & -left
            count += 1
            left &= ~self._reach[bit]
        return count


def _add(one: Cost, other: Cost) -> Cost:
    return tuple(a + b for a, b in zip(one, other, strict=True))


def _total(candidates: Iterable[Candidate]) -> Cost:
    return tuple(map(sum, zip(*(each.cost for each in candidates), strict=True)))
