"""Where a pool keeps its idle connections if nobody ever waits for one.

urllib3 keeps them in a `queue.LifoQueue`, whose locks and conditions take 2 KiB: for each user
and each host more than the rest of a pool, and as much time.

Rule: for a pool that does not block, this looks like that queue to urllib3. A pool that blocks
gets the real one.
"""

from __future__ import annotations

from queue import Empty, Full
from typing import Any


class IdleConnections:
    """A queue: what came last goes first. It never waits, whatever `block` says."""

    __slots__ = ("maxsize", "queue")

    def __init__(self, maxsize: int = 0) -> None:
        self.maxsize = maxsize
        self.queue: list[Any] = []

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:  # noqa: FBT001, FBT002
        """See queue.Queue.put."""
        del block, timeout
        if self.full():
            raise Full
        self.queue.append(item)

    def get(self, block: bool = True, timeout: float | None = None) -> Any:  # noqa: FBT001, FBT002
        """See queue.Queue.get."""
        del block, timeout
        try:
            return self.queue.pop()
        except IndexError:
            raise Empty from None

    def qsize(self) -> int:
        """See queue.Queue.qsize."""
        return len(self.queue)

    def empty(self) -> bool:
        """See queue.Queue.empty."""
        return not self.queue

    def full(self) -> bool:
        """See queue.Queue.full."""
        return 0 < self.maxsize <= len(self.queue)
