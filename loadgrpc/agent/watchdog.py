"""Ends the runs on an agent that take more than they may.

Rule: without limits nothing is looked at. With them, all processes of each run are, several times
a second, and how long it has been on this agent. A run that is over its time is asked to end, so
that what it did is reported; one that takes too much of the machine is killed, and so is every run
when nobody knows what it takes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final

from loadgrpc.agent.defects import log_defect
from loadgrpc.agent.limits import is_over_time, why_over
from loadgrpc.agent.part import AssignedPart
from loadgrpc.agent.usage import usage_below
from loadgrpc.model import Limits

_log = logging.getLogger(__name__)

WATCH_EVERY_S: Final = 0.25
"""What a run can take of a machine in that time, it can do without."""


@asynccontextmanager
async def watching(
    limits: Limits, parts: Callable[[], Sequence[AssignedPart]]
) -> AsyncIterator[None]:
    """Keeps runs to their limits, for as long as the context lasts."""
    if not limits:
        yield
        return
    looking = asyncio.create_task(_watch(limits, parts))
    looking.add_done_callback(log_defect)
    try:
        yield
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)


async def _watch(limits: Limits, parts: Callable[[], Sequence[AssignedPart]]) -> None:
    began_s: dict[str, float] = {}
    while True:
        now_s = asyncio.get_running_loop().time()
        runs: dict[str, list[AssignedPart]] = {}
        for part in parts():
            if not part.is_ended:
                runs.setdefault(part.run_id, []).append(part)
        began_s = {run_id: began_s.get(run_id, now_s) for run_id in runs}
        for run_id, of_run in runs.items():
            try:
                await _look(limits, of_run, now_s - began_s[run_id])
            except Exception as error:  # noqa: BLE001 - logged, and told
                _log.exception("a defect: please report it; run %s cannot be watched", run_id)
                for part in of_run:
                    part.end_load(f"a defect of the agent: {type(error).__name__}: {error}")
        await asyncio.sleep(WATCH_EVERY_S)


async def _look(limits: Limits, of_run: Sequence[AssignedPart], time_s: float) -> None:
    """Ends a run that takes too much."""
    pids = [pid for part in of_run for pid in part.pids]
    usage = await asyncio.to_thread(usage_below, pids, files=limits.files is not None)
    usage = replace(usage, time_s=time_s)
    if why := why_over(limits, usage):
        for part in of_run:
            end = part.end_soon if is_over_time(limits, usage) else part.end_load
            end(why)
