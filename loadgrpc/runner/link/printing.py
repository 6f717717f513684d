"""What user processes print, on its way to the broker as events of their source.

Rule: whoever reads what is printed waits for nobody. Events are published a few times a second;
while the publisher is busy with others, lines are left out and counted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final, NoReturn

from loadgrpc.clock import Clock
from loadgrpc.model import OutputStream
from loadgrpc.protocol.printed import PrintedLine
from loadgrpc.runner.link.printed_events import PrintedEvents
from loadgrpc.v1 import event_pb2

PUBLISH_EVERY_S: Final = 0.25
COUNT_EVERY_S: Final = 10.0
"""How often lines that were left out are looked for while none is printed."""


class Printing:
    """See the module. `publish` sends events, and waits while it must; `is_busy`: it should not."""

    def __init__(
        self,
        publish: Callable[[list[event_pb2.Event]], Awaitable[None]],
        is_busy: Callable[[], bool],
        clock: Clock,
    ) -> None:
        self._publish = publish
        self._is_busy = is_busy
        self._clock = clock
        self._events = PrintedEvents()
        self._came = asyncio.Event()
        self._publishing = asyncio.Lock()

    def heard(self, process: int, stream: OutputStream, lines: list[PrintedLine]) -> None:
        """A user process, from 1, has printed this."""
        self._events.add(process, stream, lines, self._clock.wall_ns())
        self._came.set()

    async def run(self) -> NoReturn:
        """Publishes what comes, until it is cancelled."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(COUNT_EVERY_S):
                    await self._came.wait()
            self._came.clear()
            await self._publish_some()
            await asyncio.sleep(PUBLISH_EVERY_S)

    async def finish(self) -> None:
        """Publishes the rest; what is heard later is no event."""
        await self._publish_some(last=True)

    async def _publish_some(self, *, last: bool = False) -> None:
        async with self._publishing:
            if self._is_busy():
                self._events.drop()
            while events := self._events.take(self._clock.wall_ns(), last=last):
                await self._publish(events)
