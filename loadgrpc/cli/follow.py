"""A run followed to its end, and stopped on demand.

Rule: the first signal lets users finish their iteration, the second kills them, and both
keep following, so that there is a summary in the end. The third gives up.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Final, Protocol

from loadgrpc.cli.display import Display
from loadgrpc.cli.interrupts import Interrupts
from loadgrpc.errors import Unavailable
from loadgrpc.model import Progress, Run, StopMode

REDRAW_S: Final = 1.0
LOOK_S: Final = 0.25
"""How long a redraw waits for news when it is due."""
GIVE_UP: Final = 3
"""The signal that ends the following itself."""

STOPS: Final = (
    (1, StopMode.GRACEFUL, "stopping: users finish their iteration; again to kill"),
    (2, StopMode.KILL, "killing the users"),
)
"""The signal, the stop it asks for, and what people are told."""


class RunClient(Protocol):
    """What following needs of a client."""

    def watch_run(self, run_id: str) -> AsyncIterator[Run | Progress]:
        """What happens to a run, to its end."""

    async def stop_run(self, run_id: str, mode: StopMode = StopMode.GRACEFUL) -> Run:
        """Stop a run."""


async def follow(
    client: RunClient,
    run: Run,
    interrupts: Interrupts,
    display: Display,
    *,
    redraw_s: float = REDRAW_S,
) -> Run:
    """The run in its final state.

    Raises:
        Unavailable: the broker was lost on the way.
    """
    interrupts.bear(max(GIVE_UP - interrupts.count, 1))
    news = asyncio.Event()
    display.update(run)
    watch = asyncio.create_task(_watch(client, run, display, news))
    stops = [
        asyncio.create_task(_stop(client, run.run_id, interrupts, display, row)) for row in STOPS
    ]
    drawing = asyncio.create_task(_draw(display, news, redraw_s))
    try:
        waiting = {watch, drawing, *stops}
        while not watch.done():
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done - {watch}:
                task.result()  # raises what it raised
        return watch.result()
    finally:
        for task in (watch, drawing, *stops):
            task.cancel()
        await asyncio.gather(watch, drawing, *stops, return_exceptions=True)


async def _watch(client: RunClient, run: Run, display: Display, news: asyncio.Event) -> Run:
    async for update in client.watch_run(run.run_id):
        display.update(update)
        news.set()
        if isinstance(update, Run):
            run = update
    if not run.state.final:
        raise Unavailable("the broker ended the watch before the run's end")
    return run


async def _stop(
    client: RunClient,
    run_id: str,
    interrupts: Interrupts,
    display: Display,
    row: tuple[int, StopMode, str],
) -> None:
    count, mode, notice = row
    await interrupts.wait(count)
    display.notice(notice)
    await client.stop_run(run_id, mode)


async def _draw(display: Display, news: asyncio.Event, redraw_s: float) -> None:
    """Draw when there is news, but not more often than every `redraw_s`; time passes, too."""
    while True:
        with suppress(TimeoutError):
            # Not wait_for, which before Python 3.12 may swallow the cancellation that ends us.
            async with asyncio.timeout(min(LOOK_S, redraw_s)):
                await news.wait()
        news.clear()
        display.draw()
        await asyncio.sleep(redraw_s)
