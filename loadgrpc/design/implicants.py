"""All cubes that lie in a set of combinations: multi-valued Quine-McCluskey.

Two cubes that differ in one condition only are one cube with the values of both. Beginning with
single combinations, this finds every cube that has nothing but them in it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from loadgrpc.design.cube import Budget, Space

Entries = tuple[int, ...]


def implicants(points: Iterable[Entries], space: Space, budget: Budget) -> set[Entries]:
    """Every cube of which all combinations are among `points`. Raises BudgetSpentError."""
    found = set(points)
    for at in range(len(space.widths)):
        found = _joined(found, at, budget)
    return found


def _joined(cubes: set[Entries], at: int, budget: Budget) -> set[Entries]:
    """With those that are joined along one condition.

    Going along one condition after another is enough: a cube is the union of its slices along the
    last condition, each of which has been found along the earlier ones.
    """
    alike: dict[tuple[Entries, Entries], list[int]] = defaultdict(list)
    for cube in cubes:
        alike[cube[:at], cube[at + 1 :]].append(cube[at])
    result = set(cubes)
    for (before, after), values in alike.items():
        for union in _unions(sorted(values), budget):
            result.add((*before, union, *after))
    return result


def _unions(values: Sequence[int], budget: Budget) -> set[int]:
    """The unions of all subsets of some single values."""
    unions: set[int] = set()
    for value in values:
        for each in [*unions, 0]:
            budget.step()
            unions.add(each | value)
    return unions
