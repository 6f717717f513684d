"""A pool of urllib3's, and those of its connections that the fast lane keeps.

Rule: a connection is either here or in its pool. Requests gets back what is here whenever it
is about to ask the pool.
"""

from __future__ import annotations

import weakref
from queue import Empty

from requests.adapters import HTTPAdapter

from loadgrpc.clock import Clock
from loadgrpc.runner.line import Line
from loadgrpc.runner.wire import MeasuredConnection, MeasuredPool


class Depot:
    """See the module."""

    __slots__ = ("__weakref__", "_pools", "lines", "pool", "where")

    def __init__(self, pool: MeasuredPool, adapter: HTTPAdapter) -> None:
        self.pool = pool
        self.where = pool.where
        self.lines: list[Line] = []
        weakref.finalize(self, _close, self.lines)  # as urllib3 does it for a pool
        self._pools = adapter.poolmanager.pools._container  # noqa: SLF001 - asking it by key costs 1 µs

    def is_open(self) -> bool:
        """Whether Requests would still use the pool; one that it let go is never closed."""
        return self.pool in self._pools.values()

    def line(self, clock: Clock) -> Line | None:
        """An idle connection; None: there is none."""
        lines = self.lines
        while lines:
            line = lines.pop()
            if line.idle():
                return line
            line.connection.close()
        return _take(self.pool, clock)

    def give_back(self) -> None:
        """Puts the connections where Requests finds them."""
        for line in self.lines:
            self.pool._put_conn(line.connection)  # noqa: SLF001 - closes it if it has to
        self.lines.clear()

    def close(self) -> None:
        """Closes what the lane keeps."""
        _close(self.lines)


def _close(lines: list[Line]) -> None:
    while lines:
        lines.pop().connection.close()


def _take(pool: MeasuredPool, clock: Clock) -> Line | None:
    """The idle connection that Requests put into its pool last."""
    if pool.pool is None:
        return None
    try:
        connection = pool.pool.get(block=False)
    except Empty:
        return None
    if isinstance(connection, MeasuredConnection) and connection.sock is not None:
        line = Line(connection, clock)
        if line.idle():
            return line
    pool.pool.put(connection, block=False)
    return None
