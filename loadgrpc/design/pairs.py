"""Rows that have every pair of levels, where nothing is forbidden: greedy, and quick.

Row by row, factor by factor, each takes the level by which most of what is left is covered: pairs
with the levels that the row has, and those with the levels of factors that follow, as far as it may
expect them (the density algorithm of Bryce and Colbourn). Several candidates of a row take their
factors in different orders; the best one is kept. At the end rows are left out that can be spared:
`shorter.py`.

Rule: the same sizes have the same rows. Sets of levels are the bits of a number.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Final

from loadgrpc.design.shorter import shorter

CANDIDATES: Final = 10
"""Rows that are tried for each one that is kept, where that is little work."""
MAX_LEVELS_TRIED: Final = 20_000_000
"""Looks at a level for all of them, about: some ten seconds where there are very many pairs."""


def pair_rows(sizes: Sequence[int]) -> list[tuple[int, ...]]:
    """Rows of levels, from 0, that have each pair of levels of two factors."""
    greedy = _Greedy(sizes)
    rows = shorter(greedy.rows(), greedy.masks, least=_least(sizes))
    return sorted(
        tuple(level - first for level, first in zip(row, greedy.firsts, strict=True))
        for row in rows
    )


def _least(sizes: Sequence[int]) -> int:
    """Rows that there have to be: the pairs of the two largest factors."""
    one, other = sorted(sizes)[-2:]
    return one * other


class _Greedy:
    """Levels are numbered over all factors, and a set of them is the bits of a number."""

    def __init__(self, sizes: Sequence[int]) -> None:
        self._random = random.Random(0)  # noqa: S311 - it chooses among equals
        self._sizes = tuple(sizes)
        self.firsts = [sum(sizes[:at]) for at in range(len(sizes))]
        """The first level of each factor."""
        parts = list(zip(self.firsts, sizes, strict=True))
        self._levels = [range(first, first + size) for first, size in parts]
        self.masks = [((1 << size) - 1) << first for first, size in parts]
        """The levels of each factor."""
        everything = (1 << sum(sizes)) - 1
        self._left = [
            everything & ~mask
            for mask, size in zip(self.masks, sizes, strict=True)
            for _ in range(size)
        ]
        """For each level, those with which it is in no row yet."""
        self._of_size = {
            size: sum(mask for mask, each in zip(self.masks, sizes, strict=True) if each == size)
            for size in sorted(set(sizes))
        }
        looks = 2 * _least(sizes) * sum(sizes)
        self._candidates = min(max(MAX_LEVELS_TRIED // looks, 1), CANDIDATES)

    def rows(self) -> list[list[int]]:
        """Rows with every pair, each a level of each factor."""
        found = []
        while any(self._left):
            row, _ = max(
                (self._candidate() for _ in range(self._candidates)), key=lambda each: each[1]
            )
            levels = [(row & mask).bit_length() - 1 for mask in self.masks]
            for level in levels:
                self._left[level] &= ~row
            found.append(levels)
        return found

    def _candidate(self) -> tuple[int, int]:
        """A row as a set of levels, and how many pairs it covers that are in no row.

        There is one at least: it begins with the factor of which most is left.
        """
        left, draw = self._left, self._random.random
        order = list(range(len(self._levels)))
        self._random.shuffle(order)
        first = max(order, key=self._busy)
        order.remove(first)
        row, gained = 0, 0
        open_ = dict(self._of_size)
        for at in (first, *order):
            open_[self._sizes[at]] &= ~self.masks[at]
            weights = [(mask, 1 / size) for size, mask in open_.items() if mask]
            best, chosen, most = -1.0, 0, 0
            for level in self._levels[at]:
                pairs = left[level]
                now = (pairs & row).bit_count()
                score = now + draw() * 1e-6
                for mask, weight in weights:
                    score += (pairs & mask).bit_count() * weight
                if score > best:
                    best, chosen, most = score, level, now
            row |= 1 << chosen
            gained += most
        return row, gained

    def _busy(self, at: int) -> float:
        """How much is left for each level of a factor."""
        left = sum(self._left[level].bit_count() for level in self._levels[at])
        return left / self._sizes[at]
