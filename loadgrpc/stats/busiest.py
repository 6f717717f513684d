"""Which names a timeline tells apart: the busiest, a bounded number of them.

Rule: pure, and steady: a name that is told apart stays, so that its series has no gaps, until
another one is OUTDONE times as busy as the least busy of them.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Final, Generic, TypeVar

OUTDONE: Final = 2

K = TypeVar("K", bound=Hashable)


class Busiest(Generic[K]):
    """See the module."""

    def __init__(self, limit: int, leave_out: Callable[[K], bool] = lambda _: False) -> None:
        """`leave_out`: what is never told apart."""
        self._limit = limit
        self._leave_out = leave_out
        self.wanted: Callable[[K], bool] = lambda _: False
        """Names that are told apart in any case. They have to be few."""
        self.names: set[K] = set()

    @property
    def full(self) -> bool:
        """Whether there are as many as there may be."""
        return len(self.names) >= self._limit

    def meet(self, name: K) -> None:
        """A name was seen: it is told apart while there is room."""
        if self.wanted(name) or (not self.full and not self._leave_out(name)):
            self.names.add(name)

    def look(self, counts: Mapping[K, int]) -> None:
        """Chooses by what was counted so far of each, once there is no room."""
        for name in counts:
            self.meet(name)
        waiting = sorted(
            (each for each in counts if each not in self.names and not self._leave_out(each)),
            key=counts.__getitem__,
        )
        names = [each for each in self.names if not self.wanted(each)]
        told = sorted(names, key=lambda each: counts.get(each, 0), reverse=True)
        while waiting and told and counts[waiting[-1]] > OUTDONE * counts.get(told[-1], 0):
            self.names.discard(told.pop())
            self.names.add(waiting.pop())
