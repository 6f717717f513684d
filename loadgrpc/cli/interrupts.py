"""Ctrl-C, SIGTERM and SIGHUP, counted: what the first, the second and the third mean.

Rule: a signal increases a count that coroutines wait for, unless it is a first Ctrl-C and somebody
takes that for a question. When the count reaches the limit that
the command tolerates at this stage, the command's task is cancelled, so that a command never
ignores signals for good. A closed terminal counts once: shell and kernel both send SIGHUP.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""SIGHUP is left alone where it was ignored from the start, as by nohup."""


class Interrupts:
    """Counts signals while it is entered, in the task that enters it."""

    def __init__(self) -> None:
        self.count = 0
        self.ctrl_c: Callable[[], bool] | None = None
        """Called by Ctrl-C while nothing is counted; true: it is not counted either."""
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
            loop.add_signal_handler(number, self._take, number)
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

    def _take(self, number: signal.Signals) -> None:
        """Take a signal: the end of the terminal only once, Ctrl-C as it is meant."""
        if number is signal.SIGHUP and self._hung_up:
            return
        self._hung_up |= number is signal.SIGHUP
        if number is signal.SIGINT and not self.count and self.ctrl_c and self.ctrl_c():
            return
        self.interrupt()

    def bear(self, more: int) -> None:
        """Cancel the task on the last of this many further signals; earlier ones do not count."""
        self._limit = self.count + more

    async def wait(self, count: int) -> None:
        """Return when this many signals have come."""
        while self.count < count:
            await self._changed.wait()
