"""Sets of combinations as cubes: an entry for each condition, packed into one number.

A cube is what a rule is about. Its bits are the entries of the conditions, side by side, with a
spare bit above each, so that one addition says whether any of them is empty. That makes tables
of many conditions cheap to check: no combination is ever written down by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from math import prod


class BudgetSpentError(Exception):
    """A search took as many steps as it may."""


class Budget:
    """Steps that searches may take together: a bound that does not depend on the machine."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def step(self, steps: int = 1) -> None:
        """Take some; raises BudgetSpentError."""
        if self.left < steps:
            self.left = 0
            raise BudgetSpentError
        self.left -= steps


class Space:
    """All combinations of the values of some conditions, and the algebra of cubes in it."""

    def __init__(self, widths: Sequence[int]) -> None:
        """`widths`: how many values each condition has."""
        self.widths = tuple(widths)
        self._offsets = []
        offset = self._fill = self._guards = 0
        for width in self.widths:
            self._offsets.append(offset)
            self._fill |= ((1 << width) - 1) << offset
            self._guards |= 1 << (offset + width)
            offset += width + 1
        self.full = self._fill
        """The cube of everything."""
        self.total = prod(self.widths)
        """How many combinations there are."""

    def pack(self, entries: Sequence[int]) -> int:
        """A cube of these entries."""
        cube = 0
        for entry, offset in zip(entries, self._offsets, strict=True):
            cube |= entry << offset
        return cube

    def entries(self, cube: int) -> tuple[int, ...]:
        """The entries of a cube."""
        return tuple(
            cube >> offset & ((1 << width) - 1)
            for offset, width in zip(self._offsets, self.widths, strict=True)
        )

    def field(self, at: int) -> int:
        """The bits of a condition, all set."""
        return ((1 << self.widths[at]) - 1) << self._offsets[at]

    def is_empty(self, cube: int) -> bool:
        """Whether nothing is in it: some entry has no value."""
        return (cube + self._fill) & self._guards != self._guards

    def meet(self, one: int, other: int) -> bool:
        """Whether a combination is in both."""
        return ((one & other) + self._fill) & self._guards == self._guards

    def size(self, cube: int) -> int:
        """How many combinations are in it."""
        return prod(entry.bit_count() for entry in self.entries(cube))

    def differing(self, one: int, other: int) -> int:
        """In how many conditions the entries of two cubes differ."""
        return (((one ^ other) + self._fill) & self._guards).bit_count()

    def without(self, cube: int, other: int) -> list[int]:
        """What of a cube is not in another: disjoint cubes."""
        pieces = []
        for offset, width in zip(self._offsets, self.widths, strict=True):
            field = ((1 << width) - 1) << offset
            outside = cube & field & ~other
            if outside:
                if outside != cube & field:
                    pieces.append(cube & ~field | outside)
                    cube &= ~field | other
                else:
                    return [*pieces, cube]
        return pieces

    def uncovered(self, cube: int, cubes: Iterable[int], budget: Budget) -> Iterator[int]:
        """What of a cube is in none of others: disjoint cubes, one by one.

        It goes by the cube that leaves least to look at, as a solver takes its shortest clause. A
        look at a cube is a step. Raises BudgetSpentError.
        """
        fill, guards = self._fill, self._guards
        stack = [(cube, list(cubes))]
        while stack:
            cube, candidates = stack.pop()
            budget.step(1 + len(candidates))
            live = []
            best = least = -1
            for each in candidates:
                if ((each & cube) + fill) & guards != guards:
                    continue
                rest = cube & ~each
                if not rest:
                    break
                sides = ((rest + fill) & guards).bit_count()
                if least < 0 or sides < least:
                    best, least = each, sides
                live.append(each)
            else:
                if best < 0:
                    yield cube
                else:
                    live.remove(best)
                    pieces = self.without(cube, best)
                    stack.extend((piece, live) for piece in reversed(pieces))

    def is_covered(self, cube: int, cubes: Iterable[int], budget: Budget) -> bool:
        """Whether all of a cube is in others together. Raises BudgetSpentError."""
        return next(self.uncovered(cube, cubes, budget), None) is None

    def points(self, cube: int) -> Iterator[int]:
        """The combinations of a cube, as cubes, in the order of conditions and values."""
        found = [0]
        for entry, offset in zip(self.entries(cube), self._offsets, strict=True):
            bits = [1 << (at + offset) for at in range(entry.bit_length()) if entry >> at & 1]
            found = [point | bit for point in found for bit in bits]
        yield from found
