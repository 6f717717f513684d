"""What waits to be sent to a peer that may not be reading.

Rule: nothing is thrown away, and nothing grows without a bound. Before the next message of a peer
is read, its outbox must have `room`: a peer that does not read its answers is not read from
(back-pressure).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final, TypeVar

T = TypeVar("T")

MOST: Final = 1_000
"""Answers that may wait, or be still to come, before a peer is listened to again."""


class Outbox(asyncio.Queue[T]):
    """See the module."""

    def __init__(self) -> None:
        super().__init__()
        self._expected = 0
        self._freed = asyncio.Event()

    def expect(self) -> None:
        """An answer is to come later."""
        self._expected += 1

    def came(self) -> None:
        """It has come, or will not."""
        self._expected -= 1
        self._freed.set()

    async def room(self) -> None:
        """Waits while too much waits."""
        while self.qsize() + self._expected >= MOST:
            self._freed.clear()
            await self._freed.wait()

    def _get(self) -> T:
        self._freed.set()
        return super()._get()


async def queued(queue: asyncio.Queue[Any], reading: asyncio.Task[None]) -> AsyncIterator[Any]:
    """What is put on `queue`, until both it is empty and the other side has ended.

    An exception on the queue, or one that reading raised, ends the stream.
    """
    reading.add_done_callback(lambda _: queue.put_nowait(None))
    while True:
        item = await queue.get()
        if isinstance(item, Exception):
            raise item
        if item is not None:
            yield item
        elif queue.empty():
            break
    if reading.done():
        reading.result()
