"""Ctrl-C, SIGTERM and SIGHUP, counted: what the first, the second and the third mean.

Rule: a signal increases a count that coroutines wait for. When the count reaches the limit that
the command tolerates at this stage, the command's task is cancelled, so that a command never
ignores signals for good. A closed terminal counts once: shell and kernel both send SIGHUP.
"""

from __future__ import annotations

import asyncio
import signal
from types import TracebackType
from typing import Final, Self

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""SIGHUP is left alone where it was ignored from the start, as by nohup."""


class Interrupts:
    """Counts signals while it is entered, in the task that enters it."""

    def __init__(self) -> None:
        self.count = 0
        self._limit = 1
        self._changed = asyncio.Event()
        self._task: asyncio.Task[object] | None = None
        self._taken: list[signal.Signals] = []
        self._hung_up = False

    def __enter__(self) -> Self:
        self._task = asyncio.current_task()
        loop = asyncio.get_running_loop()
        self._taken = [
            number
            for number in SIGNALS
            if number is not signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN
        ]
        for number in self._taken:
            take = self.hang_up if number is signal.SIGHUP else self.interrupt
            loop.add_signal_handler(number, take)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        loop = asyncio.get_running_loop()
        for number in self._taken:
            loop.remove_signal_handler(number)

    def interrupt(self) -> None:
        """Take one signal."""
        self.count += 1
        self._changed.set()
        self._changed = asyncio.Event()
        if self._task is not None and self.count >= self._limit:
            self._task.cancel()

    def hang_up(self) -> None:
        """Take the end of the terminal, the first time."""
        if not self._hung_up:
            self._hung_up = True
            self.interrupt()

    def bear(self, more: int) -> None:
        """Cancel the task on the last of this many further signals; earlier ones do not count."""
        self._limit = self.count + more

    async def wait(self, count: int) -> None:
        """Return when this many signals have come."""
        while self.count < count:
            await self._changed.wait()
