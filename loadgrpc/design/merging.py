"""Cubes with the same outcome, joined pair by pair: as people simplify a table by hand.

Two cubes that differ in one condition become one. What is covered stays the same, what was
disjoint stays disjoint, and there are never more cubes than before.
"""

from __future__ import annotations

from collections.abc import Sequence

from loadgrpc.design.cube import Space


def merged(space: Space, cubes: Sequence[int], apart: Sequence[bool]) -> list[int]:
    """Fewer cubes that cover the same.

    `apart`: for each condition, whether its values are only joined when all of them are.
    """
    found = _without_contained(list(dict.fromkeys(cubes)))
    before = 0
    while before != len(found):
        before = len(found)
        for at in reversed(range(len(space.widths))):  # the last conditions matter least
            found = _along(space, found, at, alone=apart[at])
        found = _without_contained(found)
    return found


def _along(space: Space, cubes: list[int], at: int, *, alone: bool) -> list[int]:
    """Those that differ in one condition only, joined along it."""
    field = space.field(at)
    groups: dict[int, list[int]] = {}
    for cube in cubes:
        groups.setdefault(cube & ~field, []).append(cube)
    found = []
    for rest, those in groups.items():
        union = rest
        for each in those:
            union |= each
        if len(those) > 1 and (not alone or union & field == field):
            found.append(union)
        else:
            found += those
    return found


def _without_contained(cubes: list[int]) -> list[int]:
    """Without those that lie in another one."""
    return [
        cube
        for at, cube in enumerate(cubes)
        if not any(
            not cube & ~other and (cube != other or place < at)
            for place, other in enumerate(cubes)
            if place != at
        )
    ]
