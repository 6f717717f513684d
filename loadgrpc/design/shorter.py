"""Fewer rows that still have every pair of levels: one is left out, and the others are mended.

What it leaves uncovered is put, pair by pair, into the row that loses least by it; nothing is
undone soon after. If everything is covered again, another row is left out, and so on.

Rule: the same rows become the same. It is bounded by moves.
"""

from __future__ import annotations

import math
import random
from collections import deque
from collections.abc import Sequence
from typing import Final

MOVES: Final = 4_000
"""Pairs that are put somewhere for each row that is left out, at most."""
MAX_ROWS_TRIED: Final = 3_000_000
"""Looks at a row for all of them, about: some seconds where there are very many rows."""
_PAIRS_A_LOOK: Final = 8
"""Pairs that are counted in the time of one look."""
REMEMBERED: Final = 12
"""A place that was changed stays as it is for as many changes, if it can."""
_HINDRANCE: Final = 1_000
"""How many lost pairs it takes to change it all the same."""


def shorter(rows: Sequence[Sequence[int]], masks: Sequence[int], *, least: int) -> list[list[int]]:
    """As few of the rows as it can mend.

    Args:
        rows: For each factor a level, numbered over all factors, so that all pairs are in some row.
        masks: The levels of each factor, as bits.
        least: No fewer can do.
    """
    found = [list(row) for row in rows]
    draw = random.Random(0)  # noqa: S311 - it chooses among equals
    spent = 0
    while len(found) > least and spent < MAX_ROWS_TRIED:
        spent += len(found) * len(masks) ** 2 // _PAIRS_A_LOOK
        trial = _Mending(found, masks, draw)
        moves = trial.mend(min(MOVES, (MAX_ROWS_TRIED - spent) // len(found)))
        if moves is None:
            break
        spent += moves * len(found)
        found = trial.rows
    return found


class _Mending:
    def __init__(
        self, rows: Sequence[Sequence[int]], masks: Sequence[int], draw: random.Random
    ) -> None:
        self._draw = draw
        self._factor = {
            level: at
            for at, mask in enumerate(masks)
            for level in range(mask.bit_length())
            if mask >> level & 1
        }
        count = len(self._factor)
        everything = (1 << count) - 1
        self._counts = [[0] * count for _ in range(count)]
        """In how many rows each pair of levels is."""
        self._none = [everything & ~masks[self._factor[level]] for level in range(count)]
        """For each level, those with which it is in no row."""
        self._once = [0] * count
        """... and in one row only."""
        self.rows: list[list[int]] = []
        self._bits: list[int] = []
        for row in rows:
            self._add(list(row))
        self._remove(min(range(len(rows)), key=self._loss))

    def mend(self, most: int) -> int | None:
        """Puts all pairs into rows again; the moves that it took. None: more than there may be."""
        fixed: deque[tuple[int, int]] = deque(maxlen=REMEMBERED)
        for moves in range(most):
            if not any(self._none):
                return moves
            one, other = self._open_pair()
            row = self._best_row(one, other, fixed)
            for level in (one, other):
                if self.rows[row][self._factor[level]] != level:
                    self._set(row, level)
                    fixed.append((row, self._factor[level]))
        return None

    def _open_pair(self) -> tuple[int, int]:
        """A pair that is in no row, drawn."""
        open_ = [level for level, none in enumerate(self._none) if none]
        one = open_[self._draw.randrange(len(open_))]
        none = self._none[one]
        for _ in range(self._draw.randrange(none.bit_count())):
            none &= none - 1
        return one, (none & -none).bit_length() - 1

    def _best_row(self, one: int, other: int, fixed: Sequence[tuple[int, int]]) -> int:
        """The row that loses least by having a pair."""
        first, second = self._factor[one], self._factor[other]
        best, least = 0, math.inf
        for at, row in enumerate(self.rows):
            bits = self._bits[at] & ~(1 << row[first] | 1 << row[second])
            loss = 0.0
            for factor, level in ((first, one), (second, other)):
                if row[factor] != level:
                    loss += (self._once[row[factor]] & bits).bit_count()
                    loss -= (self._none[level] & bits).bit_count()
                    if (at, factor) in fixed:
                        loss += _HINDRANCE
            loss += self._draw.random()
            if loss < least:
                best, least = at, loss
        return best

    def _loss(self, at: int) -> int:
        """Pairs that only this row has."""
        bits = self._bits[at]
        return sum((self._once[level] & bits).bit_count() for level in self.rows[at])

    def _add(self, row: list[int]) -> None:
        self.rows.append([-1] * len(row))
        self._bits.append(0)
        for level in row:
            self._put(len(self.rows) - 1, level)

    def _remove(self, at: int) -> None:
        for level in list(self.rows[at]):
            self._take(at, level)
        del self.rows[at], self._bits[at]

    def _set(self, at: int, level: int) -> None:
        self._take(at, self.rows[at][self._factor[level]])
        self._put(at, level)

    def _put(self, at: int, level: int) -> None:
        """A level comes into a row, whose factor has none."""
        counts, bit = self._counts[level], 1 << level
        for other in self.rows[at]:
            if other >= 0:
                counts[other] += 1
                self._counts[other][level] += 1
                if counts[other] == 1:
                    self._none[level] ^= 1 << other
                    self._none[other] ^= bit
                    self._once[level] ^= 1 << other
                    self._once[other] ^= bit
                elif counts[other] == 2:  # noqa: PLR2004 - it was in one only
                    self._once[level] ^= 1 << other
                    self._once[other] ^= bit
        self.rows[at][self._factor[level]] = level
        self._bits[at] |= bit

    def _take(self, at: int, level: int) -> None:
        """A level goes from a row."""
        counts, bit = self._counts[level], 1 << level
        self.rows[at][self._factor[level]] = -1
        self._bits[at] ^= bit
        for other in self.rows[at]:
            if other >= 0:
                counts[other] -= 1
                self._counts[other][level] -= 1
                if counts[other] == 0:
                    self._none[level] ^= 1 << other
                    self._none[other] ^= bit
                    self._once[level] ^= 1 << other
                    self._once[other] ^= bit
                elif counts[other] == 1:
                    self._once[level] ^= 1 << other
                    self._once[other] ^= bit
