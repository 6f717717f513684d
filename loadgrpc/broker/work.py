"""Background tasks, work that must not be cancelled half-way, and work that must never stop.

Rule: at the end, wait for `ended`; nothing is left behind.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final, TypeVar

T = TypeVar("T")

MAX_LOGGED: Final = 100
"""Different defects that a guard logs."""

_log = logging.getLogger(__name__)


@asynccontextmanager
async def meanwhile(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Does `work` for as long as the context lasts."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class Guard:
    """Lets what is done again and again go on after a defect, which is logged once.

    with guard("ending leases"):
        ...
    """

    def __init__(self) -> None:
        self._logged: set[tuple[str, str]] = set()

    @contextmanager
    def __call__(self, what: str) -> Iterator[None]:
        """`what` names what is done; the same error of the same thing is logged once."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - logged, whatever it is
            found = what, repr(error)
            if found not in self._logged and len(self._logged) < MAX_LOGGED:
                self._logged.add(found)
                _log.exception("a defect in %s; it is tried again", what)


class Work:
    """See the module."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    async def whole(self, work: Coroutine[None, None, T]) -> T:
        """Does `work` whole, even if the stream it came on ends meanwhile.

        Otherwise what is stored and what is counted would part when a stream breaks.
        """
        return await asyncio.shield(self.shared(work))

    def shared(self, work: Coroutine[None, None, T]) -> asyncio.Task[T]:
        """Runs `work` for several who await it, each behind a shield; what fails, fails there."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda done: done.cancelled() or done.exception())  # seen
        return task

    def begin(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Runs `work` without waiting for it; what fails in it is a defect, and logged."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._begun_done)
        return task

    def _begun_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("background work failed", exc_info=error)

    async def ended(self) -> None:
        """Waits for all of it, and for what follows from it."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)
