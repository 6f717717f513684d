"""The virtual users of one user process whose load changes over time."""

from __future__ import annotations

from collections.abc import Sequence

from loadgrpc.model import Cycle, LoadChange, Plan
from loadgrpc.runner.pool import Pool
from loadgrpc.runner.share import LoadShare
from loadgrpc.stats.load_line import LoadLine


class LoadPool(Pool):
    """Runs the users that a load asks for, which may be changed live, at any moment."""

    def follow(self, share: LoadShare) -> None:
        """Which load it is, and which part of it is made here. Before any cycle."""
        self._share = share
        self._changes = share.changes
        """All changes so far."""
        self._known = share.changes, share.line(share.changes)
        """Those that have been applied, and the level that they make."""

    def change(self, changes: Sequence[LoadChange]) -> None:
        """The load is changed live: these are all changes so far."""
        self._changes = tuple(changes)
        self.roused.set()

    def _line(self) -> LoadLine:
        """The level as all changes so far make it; the same object until there is another."""
        changes = self._changes  # read once: the next may come while the level is made
        if changes is not self._known[0]:
            self._known = changes, self._share.line(changes)
        return self._known[1]

    def run_cycle(
        self,
        plan: Plan,
        cycle: Cycle,
        users: Sequence[int],
        number: int = 1,
        began_ns: int | None = None,
    ) -> None:
        """Runs a cycle, which began then (monotonic); None: it begins now."""
        raise NotImplementedError
