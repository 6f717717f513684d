"""Windows as rows, and how rows of several lengths are read as one timeline.

Rule: pure. Of 1 s and 10 s each moment is in rows of one length only; those of 1 min, 10 min and
1 h each have all that is old enough, for as long as they are kept: of these one length is read.
Rows of the same span add up.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from loadgrpc.model import WINDOW_LENGTHS_S
from loadgrpc.stats.sealed import unseal
from loadgrpc.stats.window import Window

LENGTHS: Final = WINDOW_LENGTHS_S
COARSE: Final = LENGTHS[2:]
"""Lengths of windows that are in the store only, in seconds."""


class Row(NamedTuple):
    """A window, or a part of one."""

    number: int
    """From 1, of a row that is stored or is to be. 0: of one that is not."""
    length_s: int
    start_s: int
    window: bytes | Window | None
    """Sealed, or as it is. None: it was not read."""


class Bucket(NamedTuple):
    """Rows that are one window together."""

    start_s: int
    length_s: int
    rows: list[Row]

    @property
    def end_s(self) -> int:
        """Where it ends, in seconds since 1970."""
        return self.start_s + self.length_s

    def window(self) -> Window:
        """The window, a new one."""
        whole = Window(self.start_s, self.length_s)
        for row in self.rows:
            assert row.window is not None, row  # noqa: S101 - a defect of who calls
            whole.merge(unseal(row.window) if isinstance(row.window, bytes) else row.window)
        return whole


def fitting(resolution_s: float) -> int:
    """The shortest length that windows have and that is not below this; the longest at most."""
    return next((each for each in LENGTHS if each >= resolution_s), LENGTHS[-1])


def buckets(rows: Iterable[Row], resolution_s: int) -> list[Bucket]:
    """The rows of each window at a resolution, one of LENGTHS, in the order of time.

    Windows are longer where nothing finer is kept. They do not overlap.
    """
    found: list[Bucket] = []
    chosen = sorted(_of_one_length(list(rows), resolution_s), key=_order)
    for row in chosen:
        length_s = max(row.length_s, resolution_s)
        start_s = row.start_s - row.start_s % length_s
        if found and row.start_s < found[-1].end_s:
            found[-1].rows.append(row)
        else:
            found.append(Bucket(start_s, length_s, [row]))
    return found


def _order(row: Row) -> tuple[int, int]:
    """By time; of those that begin together the longest is first."""
    return row.start_s, -row.length_s


def _of_one_length(rows: list[Row], resolution_s: int) -> Iterator[Row]:
    """All fine rows, and of each moment the coarse rows of one length."""
    wanted = max((each for each in COARSE if each <= resolution_s), default=COARSE[0])
    end_s: float = float("inf")
    for length_s in COARSE:
        of_it = [row for row in rows if row.length_s == length_s]
        from_s = end_s
        if length_s >= wanted:
            yield from (row for row in of_it if row.start_s < end_s)
            # Rows of a length go by whole hours: before that, those of the next one are read.
            first_s = min((row.start_s for row in of_it), default=end_s)
            from_s = min(end_s, first_s - first_s % COARSE[-1])
        end_s = from_s
    yield from (row for row in rows if row.length_s not in COARSE)
