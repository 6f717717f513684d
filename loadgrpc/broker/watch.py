"""What a watcher of a run receives: its changes, each once, and its figures now and then.

Rule: nothing is sent before it is stored. Figures are made once a second for all watchers
(`ActiveRun.progress`); a slow reader misses figures, never changes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import suppress

from loadgrpc.broker.changes import ChangeLog, as_it_was
from loadgrpc.broker.run import ActiveRun
from loadgrpc.clock import NS_PER_S
from loadgrpc.errors import InvalidRequest, Violation
from loadgrpc.model import Change, ChangeKind, News, Progress, Run


def begun(run: Run, log: ChangeLog, after: int | None) -> tuple[int, list[News]]:
    """The number of the change that a watcher continues from, and what it is sent first.

    Raises:
        InvalidRequest: the run has no change of that number.
    """
    if after is None:
        return log.last, [News(log.last, run)]
    if after > log.last:
        message = f"is beyond the {log.last} changes of the run"
        raise InvalidRequest([Violation("after", message)])
    return after, []


def past(run: Run, log: ChangeLog, after: int | None) -> Iterator[News]:
    """What is sent about a run that is over.

    Raises:
        InvalidRequest: it has no change of that number.
    """
    seen, first = begun(run, log, after)
    yield from first
    for change in log.after(seen):
        yield _news(run, change)


async def live(
    run: ActiveRun,
    after: int | None,
    *,
    every_s: float,
    windows: bool,
    figures: Callable[[], Progress | Run],
    check: Callable[[], None],
) -> AsyncGenerator[News]:
    """What is sent about an active run, to its end; `figures` come at intervals.

    Of a run that waits they are the run itself, and come when that has changed.

    With `windows`, each window that closes from now on comes too. `check` raises what ends the
    watch before the end of the run.

    Raises:
        InvalidRequest: it has no change of that number.
    """
    log = run.log
    from_s = run.aggregate.timeline.closed_s
    seen, first = begun(run.announced, log, after)
    for news in first:
        yield news
    waiting: Run | None = None
    changed = asyncio.Event()
    run.watchers.add(changed)
    try:
        while True:
            changed.clear()
            for window in run.closed_windows(from_s) if windows else ():
                from_s = window.end_ns // NS_PER_S
                yield News(seen, window)
            for change in log.after(seen):
                if change.state.final:
                    yield News(seen, figures())  # the last ones are whole
                seen = change.sequence
                yield _news(run.announced, change)
            if run.announced.state.final:
                if seen == log.last:
                    return
                continue  # a slow reader has not seen the end yet
            check()
            now = figures()
            if not isinstance(now, Run) or now != waiting:
                yield News(seen, now)
            waiting = now if isinstance(now, Run) else None
            with suppress(TimeoutError):
                async with asyncio.timeout(every_s):
                    await changed.wait()
    finally:
        run.watchers.discard(changed)


def _news(run: Run, change: Change) -> News:
    of_state = change.kind is ChangeKind.STATE
    return News(change.sequence, as_it_was(run, change) if of_state else None, change)
