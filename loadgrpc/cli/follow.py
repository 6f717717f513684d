"""A run followed to its end, and stopped on demand.

Rule: in the command that owns the run, the first signal lets users finish their iteration, the
second kills them, and both keep following, so that there is a summary in the end; the third gives
up. At a terminal Ctrl-C first asks whether to stop at all, if the run can go on without the
command. In a command that only watches, the first signal gives up. A broker that is away may come
back and continue the run: it is asked again for a while, for what was missed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final, Protocol, TypeVar

from loadgrpc.cli.display import Display
from loadgrpc.cli.interrupts import Interrupts
from loadgrpc.cli.prompt import CtrlC, Prompt
from loadgrpc.cli.run_keys import RunKeys
from loadgrpc.errors import OverLimit, StoreUnavailable, Unavailable
from loadgrpc.model import Change, LoadOrder, News, Progress, Run, StopMode, Summary

REDRAW_S: Final = 1.0
LOOK_S: Final = 0.25
"""How long a redraw waits for news when it is due."""
PATIENCE_S: Final = 90.0
"""How long a broker may be away: agents go on for their lease, a minute."""
RETRY_S: Final = 0.5

Stop = tuple[int, StopMode, str]

STOPS: Final[Sequence[Stop]] = (
    (1, StopMode.GRACEFUL, "stopping: users finish their iteration; again to kill"),
    (2, StopMode.KILL, "killing the users"),
)
"""The signal, the stop it asks for, and what is printed; the next signal gives up."""

T = TypeVar("T")


class Detached(Exception):
    """The person at the terminal left the run alone; it goes on."""


class RunClient(Protocol):
    """What following needs of a client."""

    def watch_run(self, run_id: str, *, after: int | None = None) -> AsyncIterator[News]:
        """What happens to a run after a change that was seen, to its end."""

    async def stop_run(self, run_id: str, mode: StopMode = StopMode.GRACEFUL) -> Run:
        """Stop a run."""

    async def set_load(self, run_id: str, order: LoadOrder, request_id: str = "") -> list[Change]:
        """Change the load of a run."""

    async def get_summary(self, run_id: str) -> Summary:
        """The result of a run."""


async def follow(
    client: RunClient,
    run: Run,
    interrupts: Interrupts,
    display: Display,
    *,
    stops: Sequence[Stop] = STOPS,
    prompt: Prompt | None = None,
    keys: RunKeys | None = None,
    redraw_s: float = REDRAW_S,
    patience_s: float = 0.0,
) -> Run:
    """The run in its final state. What signals mean is said by `stops`, or by whoever answers.

    Raises:
        Unavailable: the broker was lost on the way, and was away for `patience_s`.
        Detached: that was the answer.
    """
    interrupts.bear(max(len(stops) + 1 - interrupts.count, 1))
    news = asyncio.Event()
    display.update(run)
    free = asyncio.Event()
    free.set()
    watch = asyncio.create_task(_watch(client, run, display, news, patience_s, keys))
    others = [
        *(
            _stop(client, run.run_id, interrupts, display, row, patience_s=patience_s)
            for row in stops
        ),
        _draw(display, news, free, redraw_s),
    ]
    if prompt is not None:
        others.append(_ask(prompt, run.run_id, interrupts, display, free, keys))
    if keys is not None:
        others.append(keys.steer(client, run, interrupts, display))
    tasks = {watch, *map(asyncio.create_task, others)}
    try:
        waiting = tasks
        while not watch.done():
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done - {watch}:
                task.result()  # raises what it raised
        return watch.result()
    finally:
        interrupts.ctrl_c = None
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def summary_of(
    client: RunClient,
    run: Run,
    interrupts: Interrupts,
    display: Display,
    *,
    stops: Sequence[Stop] = STOPS,
    prompt: Prompt | None = None,
    keys: RunKeys | None = None,
    patience_s: float,
) -> Summary:
    """The summary of a run that is followed to its end; the display is closed then.

    Raises:
        Unavailable, Detached: as from `follow`.
    """
    try:
        await follow(
            *(client, run, interrupts, display),
            stops=stops,
            prompt=prompt,
            keys=keys,
            patience_s=patience_s,
        )
    finally:
        display.close()
    interrupts.bear(2 if stops else 1)
    return await patiently(lambda: client.get_summary(run.run_id), patience_s)


async def _watch(  # noqa: PLR0917 - all that a watch touches
    client: RunClient,
    run: Run,
    display: Display,
    news: asyncio.Event,
    patience_s: float,
    keys: RunKeys | None,
) -> Run:
    lost_at: float | None = None
    seen: int | None = None
    while True:
        try:
            async for each in client.watch_run(run.run_id, after=seen):
                if lost_at is not None:
                    lost_at = None
                    display.notice("the broker is back")
                seen = each.sequence
                if _show(each, display, keys):
                    news.set()
                if isinstance(each.update, Run):
                    run = each.update
            if run.state.final:
                return run
            raise Unavailable("the broker ended the watch before the run's end")  # noqa: TRY301
        except Unavailable as error:
            now = time.monotonic()
            if lost_at is None and patience_s:
                there = isinstance(error, StoreUnavailable | OverLimit)
                what = "waiting for" if there else "lost"
                display.notice(f"{what} the broker ({error}); trying again for {patience_s:.0f} s")
            lost_at = lost_at or now
            if now - lost_at >= patience_s:
                raise
        await asyncio.sleep(RETRY_S)


def _show(each: News, display: Display, keys: RunKeys | None) -> bool:
    """Hand what a watcher has received to a display; whether there is something to draw."""
    if each.change is not None:
        display.change(each.change)
        if keys is not None:
            keys.change(each.change)
    if not isinstance(each.update, Run | Progress):
        return False
    display.update(each.update)
    return True


async def patiently(ask: Callable[[], Awaitable[T]], patience_s: float) -> T:
    """The answer of a broker, which may be away for this long.

    Raises:
        Unavailable: it was away for longer.
    """
    deadline = time.monotonic() + patience_s
    while True:
        try:
            return await ask()
        except Unavailable:
            if time.monotonic() >= deadline:
                raise
        await asyncio.sleep(RETRY_S)


async def _stop(
    client: RunClient,
    run_id: str,
    interrupts: Interrupts,
    display: Display,
    row: Stop,
    *,
    patience_s: float,
) -> None:
    count, mode, notice = row
    await interrupts.wait(count)
    display.notice(notice)
    await patiently(lambda: client.stop_run(run_id, mode), patience_s)


async def _ask(  # noqa: PLR0917 - all that a question touches
    prompt: Prompt,
    run_id: str,
    interrupts: Interrupts,
    display: Display,
    free: asyncio.Event,
    keys: RunKeys | None,
) -> None:
    """Ask at each first Ctrl-C what it means, until it means to stop; another one does.

    `free` is not set while the question stands.

    Raises:
        Detached: that was the answer.
    """
    pressed = asyncio.Event()

    def press() -> bool:
        first = not pressed.is_set()
        pressed.set()
        return first

    interrupts.ctrl_c = press
    while True:
        await pressed.wait()
        free.clear()
        display.pause()
        if keys is not None:
            keys.let_go()
        answer = await _answer(prompt, run_id, interrupts)
        free.set()
        if keys is not None:
            keys.take()
        if answer is CtrlC.DETACH:
            raise Detached
        if answer is CtrlC.STOP and not interrupts.count:
            interrupts.interrupt()
        if answer is CtrlC.STOP:
            return
        pressed.clear()


async def _answer(prompt: Prompt, run_id: str, interrupts: Interrupts) -> CtrlC:
    """What the person at the terminal says; a signal meanwhile means to stop."""
    asking = asyncio.create_task(prompt.ask(run_id))
    counting = asyncio.create_task(interrupts.wait(1))
    try:
        await asyncio.wait({asking, counting}, return_when=asyncio.FIRST_COMPLETED)
        if asking.done():
            return asking.result()
        prompt.leave()
        return CtrlC.STOP
    finally:
        for task in (asking, counting):
            task.cancel()
        await asyncio.gather(asking, counting, return_exceptions=True)


async def _draw(
    display: Display, news: asyncio.Event, free: asyncio.Event, redraw_s: float
) -> None:
    """Draw when there is news, but not more often than every `redraw_s`; time passes, too."""
    while True:
        await free.wait()
        with suppress(TimeoutError):
            # Not wait_for, which before Python 3.12 may swallow the cancellation that ends us.
            async with asyncio.timeout(min(LOOK_S, redraw_s)):
                await news.wait()
        if not free.is_set():
            continue
        news.clear()
        display.draw()
        await asyncio.sleep(redraw_s)
