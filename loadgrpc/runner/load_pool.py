"""The virtual users of one user process whose load changes over time."""

from __future__ import annotations

from collections.abc import Sequence

from loadgrpc.model import Cycle, LoadChange, Plan
from loadgrpc.runner.pool import Pool
from loadgrpc.runner.share import LoadShare


class LoadPool(Pool):
    """Runs the users that a load asks for, which may be changed live."""

    def follow(self, share: LoadShare) -> None:
        """Which load it is, and which part of it is made here. Before any cycle."""
        self._share = share
        self._changes: tuple[LoadChange, ...] | None = share.changes
        """All changes so far, if some have not been applied yet."""

    def change(self, changes: Sequence[LoadChange]) -> None:
        """The load is changed live: these are all changes so far."""
        self._changes = tuple(changes)
        self.roused.set()

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
