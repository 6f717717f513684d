"""What the agent's tests share: a loop whose time leaps, and processes that only pass time."""

from __future__ import annotations

import asyncio
import selectors
from concurrent.futures import Future, ThreadPoolExecutor

from loadgrpc.agent.process import Exit
from loadgrpc.testing import NS_PER_S, ManualClock

SHORTEST_LEAP_S = 1e-6


class LeapingSelector(selectors.DefaultSelector):
    """Does not wait for what may come, but lets the time pass that it would have waited for."""

    def __init__(self, clock):
        super().__init__()
        self._clock = clock

    def select(self, timeout=None):
        """See BaseSelector. Without a timeout only somebody else can go on: that is waited for."""
        ready = super().select(None if timeout is None else 0)
        if not ready and timeout:
            self._clock.advance(max(timeout, SHORTEST_LEAP_S))
        return ready


class LeapingLoop(asyncio.SelectorEventLoop):
    """A loop by a clock that stands while there is something to do, and else leaps."""

    def __init__(self):
        self.clock = ManualClock()
        super().__init__(LeapingSelector(self.clock))
        self.set_default_executor(AtOnce(1))

    def time(self):
        """See AbstractEventLoop."""
        return self.clock.monotonic_ns() / NS_PER_S


class AtOnce(ThreadPoolExecutor):
    """Does in the caller's thread what is asked for, so that no time passes meanwhile."""

    def submit(self, work, /, *arguments, **options):
        """See Executor."""
        done = Future()
        try:
            done.set_result(work(*arguments, **options))
        except BaseException as error:  # noqa: BLE001 - the caller's
            done.set_exception(error)
        return done


def leaping(work):
    """What a coroutine returns, run in a time that leaps."""
    with asyncio.Runner(loop_factory=LeapingLoop) as runner:
        return runner.run(work)


class Passing:
    """A process that takes its time, and ends with 0; earlier when it is ended, with 1."""

    def __init__(self, takes_s):
        loop = asyncio.get_running_loop()
        self.heard_s = loop.time()
        self._ended = loop.create_future()
        loop.call_later(takes_s, self._end, 0)

    def _end(self, status):
        if not self._ended.done():
            self._ended.set_result(Exit(status, ""))

    async def wait(self):
        """See RunnerProcess."""
        return await self._ended

    def stop(self, mode, stop_timeout_s):
        """See RunnerProcess."""
        self._end(1)

    def terminate(self):
        """See RunnerProcess."""
        self._end(1)
