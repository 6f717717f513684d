"""A pool of urllib3's, and those of its connections that the fast lane keeps.

Rule: a connection is either here or in its pool. Requests gets these back whenever it is about to
ask the pool.
"""

from __future__ import annotations

from contextlib import suppress
from queue import Empty
from typing import Any, Final

from requests.adapters import HTTPAdapter

from loadgrpc.clock import Clock
from loadgrpc.runner.http.genuine import is_overridden
from loadgrpc.runner.http.lane.connection import LaneConnection
from loadgrpc.runner.http.versioned import VersionedSession
from loadgrpc.runner.http.wire import MeasuredConnection, MeasuredPool

FEW_POOLS: Final = 10
"""Of up to this many, as Requests has at most by default, each is looked at: the key has twenty
parts, which are hashed each time, and so they are by what OrderedDict makes of `values`.
"""
_values: Final = dict.values


class Connections:
    """See the module."""

    __slots__ = (
        "_attributes",
        "_key",
        "_own",
        "_pools",
        "adapter",
        "lines",
        "pool",
        "where",
    )

    def __init__(self, pool: MeasuredPool, adapter: HTTPAdapter) -> None:
        self.pool = pool
        self.adapter = adapter
        self.where = pool.where
        self.lines: list[LaneConnection] = []
        self._pools: Any = adapter.poolmanager.pools._container  # noqa: SLF001 - asking it touches it
        self._key = next((key for key, each in list(self._pools.items()) if each is pool), None)
        self._own = vars(pool)
        self._attributes = len(self._own)

    def __del__(self) -> None:
        _close(self.lines)  # as urllib3 does it for a pool

    def is_open(self) -> bool:
        """Whether Requests would still use the pool; one that it let go is never closed."""
        pools = self._pools
        if len(pools) > FEW_POOLS:
            return pools.get(self._key) is self.pool
        return self.pool in _values(pools)

    def is_genuine(self) -> bool:
        """Whether it is open, and no method of the pool has been replaced."""
        return len(self._own) == self._attributes and self.is_open()

    def is_of(self, session: VersionedSession) -> bool:
        """Whether one of the session's adapters would use it."""
        adapter = self.adapter
        return (
            any(adapter is each for each in session.adapters.values())
            and adapter.poolmanager.pools._container is self._pools  # noqa: SLF001
        )

    def touch(self) -> None:
        """Notes that the pool was used: Requests lets go the one that was used least recently."""
        if len(self._pools) > 1 and self.is_open():
            with suppress(KeyError):
                self._pools.move_to_end(self._key)

    def line(self, clock: Clock) -> LaneConnection | None:
        """An idle connection; None: there is none."""
        lines = self.lines
        while lines:
            try:
                line = lines.pop()
            except IndexError:  # another thread took it
                break
            if len(line.own) != line.attributes:  # a method of it was replaced
                self.pool._put_conn(line.connection)  # noqa: SLF001 - Requests finds it there
                return None
            if line.idle():
                return line
            line.connection.close()
        return _take(self.pool, clock)

    def keep(self, line: LaneConnection) -> None:
        """Keeps a connection that is idle now, if the pool has room for it."""
        lines = self.lines
        queue: Any = self.pool.pool
        if queue is not None and len(lines) + len(queue.queue) < queue.maxsize:
            lines.append(line)
        else:
            self.pool._put_conn(line.connection)  # noqa: SLF001 - closes it if it has to

    def give_back(self) -> None:
        """Puts the connections where Requests finds them, one at a time: another may be first."""
        while self.lines:
            try:
                line = self.lines.pop(0)
            except IndexError:
                break
            self.pool._put_conn(line.connection)  # noqa: SLF001 - closes it if it has to

    def close(self) -> None:
        """Closes what the lane keeps."""
        _close(self.lines)


def _close(lines: list[LaneConnection]) -> None:
    while lines:
        with suppress(IndexError):
            lines.pop().connection.close()


def _take(pool: MeasuredPool, clock: Clock) -> LaneConnection | None:
    """The idle connection that Requests put into its pool last."""
    if pool.pool is None:
        return None
    try:
        connection = pool.pool.get(block=False)
    except Empty:
        return None
    if isinstance(connection, MeasuredConnection) and connection.sock is not None:
        line = LaneConnection(connection, clock)
        if line.idle() and not is_overridden(connection):
            return line
    pool.pool.put(connection, block=False)
    return None
