"""A runner that reports by reporter.py of the adapters, as they do: an iteration is one GET."""

from __future__ import annotations

import asyncio
import os
import sys
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "tools/runners/adapters"))

from columns import Hit, Iteration
from reporter import Reporter, report

from loadgrpc.v1 import event_pb2


def get(url: str) -> tuple[int, str]:
    """The status of the answer, or 0 and why there is none."""
    try:
        with urllib.request.urlopen(url) as answer:  # noqa: S310 - the kit's
            answer.read()
            return answer.status, ""
    except urllib.error.HTTPError as error:
        return error.code, ""
    except OSError as error:
        return 0, str(error)


class Load:
    """The users of a cycle."""

    def __init__(self, reporter: Reporter, cycle) -> None:
        self._reporter = reporter
        self._cycle = cycle
        self._over = False
        self._pool = ThreadPoolExecutor(max(cycle.users, 1))

    async def live(self) -> None:
        """Lives them, until they have made their iterations or their time is over."""
        users = [asyncio.create_task(self._user(user + 1)) for user in range(self._cycle.users)]
        ending = asyncio.create_task(self._end(users))
        await asyncio.gather(*users, return_exceptions=True)
        ending.cancel()
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _end(self, users: list[asyncio.Task]) -> None:
        assignment, stopped = self._reporter.assignment, self._reporter.stopped
        timeout_s = assignment.stop_timeout.ToTimedelta().total_seconds()
        duration_s = self._cycle.duration.ToTimedelta().total_seconds()
        try:
            await asyncio.wait_for(stopped.wait(), None if self._cycle.iterations else duration_s)
            timeout_s = self._reporter.stop_timeout_s
        except TimeoutError:
            pass
        self._over = True
        await asyncio.sleep(timeout_s)
        for user in users:
            user.cancel()

    async def _user(self, user: int) -> None:
        if rate := self._reporter.assignment.spawn_rate:
            await asyncio.sleep((user - 1) / rate)
        for iteration in count(1):
            if self._over or 0 < self._cycle.iterations < iteration:
                return
            await self._iterate(user, iteration)

    async def _iterate(self, user: int, iteration: int) -> None:
        url, began_ns = self._reporter.assignment.test, time.perf_counter_ns()
        loop = asyncio.get_running_loop()
        status, why, error = 0, "", event_pb2.HIT_ERROR_ABORTED
        outcome, exception = event_pb2.TEST_OUTCOME_INTERRUPTED, None
        try:
            status, why = await loop.run_in_executor(self._pool, get, url)
            error = event_pb2.HIT_ERROR_CONNECT if why else event_pb2.HIT_ERROR_UNSPECIFIED
            outcome = event_pb2.TEST_OUTCOME_SUCCESS
            if why:
                outcome, exception = event_pb2.TEST_OUTCOME_ERROR, ("OSError", why, "")
            elif status >= 400:
                said = f"GET {url} answered {status}"
                outcome, exception = event_pb2.TEST_OUTCOME_FAILURE, ("StatusError", said, "")
        finally:
            elapsed_ns, end_ns = time.perf_counter_ns() - began_ns, time.time_ns()
            name = url.partition("?")[0]
            whose = {"user": user, "iteration": iteration}
            self._reporter.add(
                Hit(end_ns, elapsed_ns, name, url, "GET", status, error, why, **whose)
            )
            self._reporter.add(Iteration(end_ns, elapsed_ns, outcome, exception, **whose))


async def live(reporter: Reporter) -> None:
    """Lives cycle after cycle."""
    for number, cycle in enumerate(
        reporter.assignment.cycles, reporter.assignment.first_cycle or 1
    ):
        if await reporter.enter(number, cycle):
            await Load(reporter, cycle).live()


if __name__ == "__main__":
    os._exit(report(live))  # threads that still wait for an answer are left
