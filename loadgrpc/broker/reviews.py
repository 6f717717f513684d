"""Runs judged and compared when somebody asks, from what is kept of them.

Rule: nothing is stored of that, and every run is read as the archive shows it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace

from loadgrpc.broker.archive import Archive
from loadgrpc.broker.changes import ChangeLog
from loadgrpc.broker.checking import check
from loadgrpc.broker.comparing import compared
from loadgrpc.broker.run_store import RunStore
from loadgrpc.broker.timeline import Timelines
from loadgrpc.errors import InvalidRequest, RunNotOver, Violation
from loadgrpc.judge.compare import DEFAULT_EFFECT, Compared, compare
from loadgrpc.model import Change, CheckedRun, CheckQuery, Run, RunComparison


class Reviews:
    """See the module."""

    def __init__(self, archive: Archive, run_store: RunStore, timelines: Timelines) -> None:
        self._archive = archive
        self._run_store = run_store
        self._timelines = timelines

    async def check_run(self, query: CheckQuery) -> CheckedRun:
        """How a run, or a span of it, is judged by thresholds; none: by those of its plan.

        Raises:
            NotFound: no such run.
            InvalidRequest: there are none, and its plan has none.
        """
        run = await self._archive.get_run(query.run_id)
        texts = query.thresholds or run.plan.thresholds
        if not texts:
            message = "are required: the plan of the run has none"
            raise InvalidRequest([Violation("thresholds", message)])
        active = self._archive.live_run(query.run_id)
        log = active.log if active is not None else await self._run_store.log_of(run)
        summary = await self._archive.get_summary(query.run_id)
        closed = self._timelines.closed(run.attempt_id, active, query.from_ns, query.to_ns)
        async with aclosing(closed) as windows:
            query = replace(query, thresholds=texts)
            return await check(query, run, _of_attempt(run, log), summary, windows)

    async def compare_runs(self, run_ids: Sequence[str], min_effect: float) -> list[RunComparison]:
        """Runs that are over, compared with the first of them.

        Raises:
            NotFound: no such run.
            RunNotOver: one of them is active.
        """
        known = [await self._compared(run_id) for run_id in run_ids]
        effect = min_effect or DEFAULT_EFFECT
        return [await asyncio.to_thread(compare, known[0], each, effect) for each in known[1:]]

    async def _compared(self, run_id: str) -> Compared:
        run = await self._archive.get_run(run_id)
        if not run.state.final:
            raise RunNotOver(f"run {run_id} is {run.state.name}: it is compared when it is over")
        log = await self._run_store.log_of(run)
        summary = await self._archive.get_summary(run_id)
        async with aclosing(
            self._timelines.closed(run.attempt_id, self._archive.live_run(run_id))
        ) as windows:
            changes = _of_attempt(run, log)
            return compared(run, changes, summary, [each async for each in windows])


def _of_attempt(run: Run, log: ChangeLog) -> list[Change]:
    """What happened in the newest attempt of a run, which is the one that is judged."""
    return [each for each in log.after(0) if each.attempt == run.attempt]
