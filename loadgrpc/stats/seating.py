"""Which places get a new user while the level of a load rises and falls.

Rule: pure. A place is that of one user at a time: while its user is leaving, and the level rises
again, nobody else gets it. A user who leaves by itself leaves its place empty until the level has
fallen below it and risen again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

LOOK_S: Final = 0.05
"""How often the level is looked at while it changes, and places while users leave them."""


class Seating:
    """See the module. Places count from 0."""

    def __init__(self) -> None:
        self._filled = 0
        """Places below this one were given to somebody, or are due."""
        self._due: set[int] = set()
        """Those of them that are still taken by somebody else."""

    def rise(self, wanted: int, is_taken: Callable[[int], bool]) -> Iterator[int]:
        """Places that get a new user now, given how many are wanted; asked one by one."""
        due = sorted(place for place in self._due if place < wanted)
        due += range(self._filled, wanted)
        self._due, self._filled = set(), wanted
        for place in due:
            if is_taken(place):
                self._due.add(place)
            else:
                yield place

    def look_again_s(self, since_s: float, until_s: float) -> float:
        """How long to wait until places may have to change; the level stays `until_s`."""
        left_s = until_s - since_s
        return LOOK_S if self._due or left_s <= 0 else max(left_s, LOOK_S)
