"""What the broker does on its own account: schedules and campaigns.

Rule: it looks what is due once a second, and when a run is over. It asks for runs as clients do
(`launcher`), and does nothing that a client could not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from loadgrpc.broker.announcing import Announcing
from loadgrpc.broker.broker import Broker
from loadgrpc.broker.campaigns import Campaigns
from loadgrpc.broker.launcher import Launcher
from loadgrpc.broker.schedules import Schedules
from loadgrpc.store import Store

TICK_S: Final = 1.0
"""How often it looks what is due, if nothing happens."""


class Conductor:
    """See the module. `now_ns`: the time of day, by the machine's own clock."""

    def __init__(self, broker: Broker, store: Store, now_ns: Callable[[], int]) -> None:
        launcher = Launcher(broker)
        self._happened = asyncio.Event()
        self.announcing = Announcing(broker.observing, self.wake)
        self.schedules = Schedules(store, launcher, now_ns)
        self.campaigns = Campaigns(store, launcher, self.announcing, now_ns)
        self._ticking: asyncio.Task[None] | None = None
        broker.run_over = lambda _: self.wake()

    def wake(self) -> None:
        """Something has happened: what is due may be more."""
        self._happened.set()

    async def start(self) -> None:
        """Goes on with what an earlier broker has left.

        Raises:
            StoreError: the store cannot be read.
        """
        await self.schedules.recall()
        await self.campaigns.recall()
        self._ticking = asyncio.create_task(self._tick())

    async def close(self) -> None:
        """Does nothing more; everything stays as it is, for the next broker."""
        self.campaigns.close()
        if self._ticking is not None:
            self._ticking.cancel()
            await asyncio.gather(self._ticking, return_exceptions=True)
        await self.announcing.close()

    async def tick(self) -> None:
        """Does what is due."""
        await self.schedules.tick()
        await self.campaigns.tick()

    async def _tick(self) -> None:
        while True:
            self._happened.clear()
            await self.tick()
            with suppress(TimeoutError):
                async with asyncio.timeout(TICK_S):
                    await self._happened.wait()
