"""Rows that have every combination of t levels in some row: covering arrays.

Pairs of which none is forbidden are covered by our own search (`pairs.py`), which is quick for a
hundred factors, too; everything else by the library covertable.

Rule: the library is met here only, behind one function of ours. The same question has the same
answer: searches are bounded by steps, and not by time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from itertools import combinations, product
from math import prod
from typing import Any, Final

from loadgrpc.design.errors import DesignError
from loadgrpc.design.pairs import pair_rows

PAIR: Final = 2
MAX_TUPLES: Final = 1_000_000
"""Combinations of t levels that are to be covered."""
THOROUGH_TUPLES: Final = 3_000
"""Up to this many, the thorough way of the library is quick enough."""
QUICK_TOLERANCE: Final = 50
"""Beyond, it may take the first row that is nearly as good as the best one."""
LOOKS: Final = 12
MANY_LOOKS: Final = 40
"""The bounds of the search for fewer rows, which looks once in some thousand moves whether to end:
about a second, and ten of them beyond THOROUGH_TUPLES."""
_BUDGET_MS: Final = 120_000
_MOVES: Final = 50_000

Forbidden = Mapping[int, frozenset[int]]
"""Levels by factor: a row that has one of them in each of these factors is not allowed."""


def covering_rows(
    sizes: Sequence[int], strength: int, forbidden: Sequence[Forbidden] = ()
) -> list[tuple[int, ...]]:
    """Rows of levels, from 0: each combination of `strength` levels that is allowed is in one.

    Args:
        sizes: How many levels each factor has.
        strength: How many factors at a time; more than there are: all of them.
        forbidden: What no row may have.

    Raises:
        DesignError: there are too many combinations, or the library is not installed.
    """
    strength = min(strength, len(sizes))
    if not strength:
        return [()]
    tuples = sum(map(prod, combinations(sizes, strength)))
    if tuples > MAX_TUPLES:
        raise DesignError(f"{tuples} combinations of {strength} are too many to cover")
    if strength == len(sizes):
        rows = product(*map(range, sizes))
        return [row for row in rows if not any(_has(row, each) for each in forbidden)]
    if strength == PAIR and not forbidden:
        return list(_pairs(tuple(sizes)))
    levels = tuple(tuple(sorted(each.items())) for each in forbidden)
    return list(_by_library(tuple(sizes), strength, levels, thorough=tuples <= THOROUGH_TUPLES))


@cache
def _pairs(sizes: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    """The same for many rules of a table, and searched once."""
    return tuple(pair_rows(sizes))


@cache
def _by_library(
    sizes: tuple[int, ...],
    strength: int,
    forbidden: tuple[tuple[tuple[int, frozenset[int]], ...], ...],
    *,
    thorough: bool,
) -> tuple[tuple[int, ...], ...]:
    """The same for many rules of a table, and asked of the library once."""
    try:
        from covertable import Controller, criteria  # noqa: PLC0415 - slow to import, seldom used
    except ImportError:
        raise DesignError(
            "t-way coverage needs the package covertable: pip install 'loadgrpc[design]'"
        ) from None
    factors = {f"f{at}": list(range(size)) for at, size in enumerate(sizes)}
    array: Any = Controller(
        factors,
        strength=strength,
        criterion=criteria.greedy,
        tolerance=0 if thorough else QUICK_TOLERANCE,
        constraints=[_constraint(dict(each)) for each in forbidden],
    )
    rows = array.make()
    if len(rows) > prod(sorted(sizes)[-strength:]):
        end = _Countdown(LOOKS if thorough else MANY_LOOKS)
        rows = array.optimize(
            tuning={"budget_ms": _BUDGET_MS, "initial_iterations": _MOVES, "cancel": end}
        )
    return tuple(sorted(tuple(row[name] for name in factors) for row in rows))


def _constraint(forbidden: Forbidden) -> dict[str, Any]:
    levels = [
        {"operator": "in", "left": f"f{at}", "values": sorted(each)}
        for at, each in forbidden.items()
    ]
    return {"operator": "not", "condition": {"operator": "and", "conditions": levels}}


def _has(row: Sequence[int], forbidden: Forbidden) -> bool:
    return all(row[at] in levels for at, levels in forbidden.items())


class _Countdown:
    """What the library takes for an event that ends its search: set after some looks."""

    def __init__(self, looks: int) -> None:
        self._left = looks

    def is_set(self) -> bool:
        self._left -= 1
        return self._left < 0
