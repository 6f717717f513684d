"""Whether the store accepts writes and can be read: checked now and then, and reported on request.

Rule: an unavailable store is noticed even if nobody writes, and one that does not answer holds up
no client: reads from it have a time limit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Final, TypeVar

from loadgrpc.broker.troubles import StoreTrouble
from loadgrpc.clock import NS_PER_S, Clock
from loadgrpc.store import Store, StoreError

READ_S: Final = 5.0
"""How long a client waits for the store before it gets the answer that it is unavailable."""
SLOW_S: Final = 3.0
"""A store that has not answered for this long is in trouble."""
IDLE_S: Final = 4.0
"""While no run is active and all is well, it is asked so rarely: an idle broker costs nothing."""
SIZE_S: Final = 10.0
"""How old its size may be."""

T = TypeVar("T")


class StoreWatch:
    """See the module. `tick` is to be called once a second."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._unreadable = ""
        """Why the store could not be read when it was asked last; empty: it could."""
        self._asking: asyncio.Task[None] | None = None
        self._asked_ns = 0
        """When it was asked last."""
        self._ticked_ns: int | None = None
        """When a tick made that so."""
        self._trouble: StoreTrouble | None = None
        self.size: int | None = None
        """The bytes that it took when it was asked last. None: in memory, or not known."""
        self._sized_ns: int | None = None

    def start(self) -> None:
        """Asks for the first time, so that its size is known; the first tick asks all the same."""
        self._begin(self._clock.monotonic_ns())

    def tick(self, *, idle: bool = False) -> None:
        """Asks the store whether it can be read, unless it is still asked.

        `idle`: no run is active.
        """
        now_ns = self._clock.monotonic_ns()
        since = self._ticked_ns
        lately = since is not None and now_ns - since < IDLE_S * NS_PER_S
        if idle and not self._unreadable and lately:
            return
        if self._asking is None or self._asking.done():
            self._ticked_ns = now_ns
            self._begin(now_ns)

    def _begin(self, now_ns: int) -> None:
        self._asked_ns = now_ns
        self._asking = asyncio.create_task(self._ask())

    def close(self) -> None:
        """Asks no more."""
        if self._asking is not None:
            self._asking.cancel()

    async def _ask(self) -> None:
        try:
            await self._store.check()
            now_ns = self._clock.monotonic_ns()
            if self._sized_ns is None or now_ns - self._sized_ns >= SIZE_S * NS_PER_S:
                self.size = await self._store.size()
                self._sized_ns = now_ns
        except StoreError as error:
            self._unreadable = str(error)
        else:
            self._unreadable = ""

    async def read(self, asked: Awaitable[T]) -> T:
        """What the store answers.

        Raises:
            StoreError: it cannot be read, or does not answer.
        """
        try:
            async with asyncio.timeout(READ_S):
                answer = await asked
        except TimeoutError:
            message = f"the store {self._store.name} has not answered for {READ_S:.0f} s"
            raise StoreError(message) from None
        except StoreError as error:
            self._unreadable = str(error)
            raise
        self._unreadable = ""
        return answer

    @property
    def trouble(self) -> StoreTrouble | None:
        """What is wrong with it, since that was seen first."""
        words = self._store.trouble or self._unreadable or self._slow()
        if not words:
            self._trouble = None
        elif self._trouble is None or self._trouble.words != words:
            held = self._trouble
            since_ns = held.since_ns if held is not None else self._clock.wall_ns()
            self._trouble = StoreTrouble(words, since_ns)
        return self._trouble

    def _slow(self) -> str:
        if self._asking is None or self._asking.done():
            return ""
        waited_ns = self._clock.monotonic_ns() - self._asked_ns
        if waited_ns < SLOW_S * NS_PER_S:
            return ""
        return f"the store {self._store.name} does not answer"
