"""Runs on their way to the store and back.

Rule: a run is shown as it was stored last (`ActiveRun.stored`). Patient writes wait for a store
that accepts no writes, and share one write with all that come while the one before is under way.
A result that the store does not accept is kept, and tried again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import replace
from typing import Final

from loadgrpc.broker import resume
from loadgrpc.broker.changes import ChangeLog, derived
from loadgrpc.broker.observing import Observing
from loadgrpc.broker.reading import reading
from loadgrpc.broker.records import change_from_record, change_to_record, record_of, run_of
from loadgrpc.broker.run import ActiveRun
from loadgrpc.broker.store_watch import StoreWatch
from loadgrpc.broker.timeline import Timelines
from loadgrpc.broker.work import Work
from loadgrpc.clock import Clock
from loadgrpc.errors import NotFound
from loadgrpc.model import AgentEvent, ChangeKind, Notification, Run, RunState
from loadgrpc.protocol.decoded import Decoded
from loadgrpc.store import ChangeRecord, RunRecord, Store, StoreError
from loadgrpc.v1 import runner_pb2

MANY_PARTS: Final = 500
"""From this many parts on, parts are made, or written, in a thread: others have their turn."""
LONG_S: Final = 0.005
LONG_REST: Final = 10
"""After what is known of a run took longer than LONG_S to write down, it is not written again for
that many times as long: a run of thousands of parts leaves time for the others."""

_log = logging.getLogger(__name__)


class RunStore:
    """See the module. `unstored`: runs that are over, and whose result the store did not take.

    `noticed` is called with the notifications of a run that were stored with its changes.
    """

    def __init__(
        self,
        store: Store,
        *,
        store_watch: StoreWatch,
        timelines: Timelines,
        observing: Observing,
        noticed: Callable[[str, Iterable[Notification]], None],
        clock: Clock,
        work: Work,
    ) -> None:
        self._store = store
        self._observing = observing
        self._noticed = noticed
        self._store_watch = store_watch
        self._timelines = timelines
        self._clock = clock
        self._work = work
        self._hurried = False
        self.unstored: set[ActiveRun] = set()

    def hurry(self) -> None:
        """From now on no write waits for others to have their time."""
        self._hurried = True

    # To the store

    async def save(self, run: ActiveRun, *, patient: bool = False) -> None:
        """Stores what is known of a run. `patient`: waits for a store that accepts no writes.

        Raises:
            StoreError: the store takes no writes, and this is not patient.
        """
        if not patient:
            await self._write(run, run.going_on, self._record_of(run))
            return
        if run.saving is None and run.rested_s <= asyncio.get_running_loop().time():
            await self._save_now(run)
            return
        if run.saving_next is None:
            run.saving_next = self._work.shared(self._save_next(run))
        await asyncio.shield(run.saving_next)

    async def save_result(self, run: ActiveRun) -> bool:
        """Stores the result of a run; whether the store took it. If not, it is `unstored`."""
        try:
            await self._timelines.finish(run)
            known = run.going_on
            many = len(run.parts) > MANY_PARTS  # nothing happens to it any more
            record = await asyncio.to_thread(self._record_of, run) if many else self._record_of(run)
            await self._write(run, known, record)
        except StoreError:
            if run not in self.unstored:
                _log.exception(
                    "the result of run %s could not be stored",
                    run.run.run_id,
                    extra={"run_id": run.run.run_id},
                )
            self.unstored.add(run)
            return False
        self.unstored.discard(run)
        return True

    async def finish_attempt(self, run: ActiveRun) -> None:
        """Stores what happened by time in an attempt that is over, and not of its run's end.

        While the store takes no writes this waits.
        """
        try:
            await self._timelines.finish(run)
        except StoreError:
            _log.exception("the timeline of run %s could not be stored", run.run.run_id)

    async def save_damaged(self, record: RunRecord, error: Exception) -> None:
        """Ends a run that cannot continue because its stored record cannot be read."""
        reason = f"damaged in the store ({type(error).__name__}): it could not go on"
        now_ns = self._clock.wall_ns()
        log = await self.log_of(run_of(record))
        log.add(ChangeKind.STATE, RunState.FAILED, now_ns, reason)
        due = self._observing.due(run_of(record).plan, log.unwritten, lost_before=0)
        await self._store.save_run(
            RunRecord(
                run_id=record.run_id,
                request_id=record.request_id,
                state=RunState.FAILED,
                reason=reason,
                plan=record.plan,
                create_time_ns=record.create_time_ns,
                start_time_ns=record.start_time_ns,
                end_time_ns=now_ns,
                agent_ids=record.agent_ids,
                changes=tuple(map(change_to_record, log.unwritten)),
                notifications=tuple(due),
                attempt=record.attempt,
                owner=run_of(record).plan.user_id,
                title=run_of(record).plan.title,
                labels=run_of(record).plan.labels,
                priority=record.priority,
                due_time_ns=record.due_time_ns,
                queue_time_ns=record.queue_time_ns,
                expire_time_ns=record.expire_time_ns,
            )
        )

    def _record_of(self, run: ActiveRun) -> RunRecord:
        """What is known of a run, with changes that are not stored yet, and who learns of them."""
        log = run.log
        new = log.unwritten
        known = log.after(0) if any(each.agent_event is AgentEvent.LOST for each in new) else ()
        lost = sum(each.agent_event is AgentEvent.LOST for each in known)
        due = self._observing.due(run.run.plan, new, lost_before=lost, verdict=run.run.verdict)
        return replace(record_of(run), notifications=tuple(due))

    async def _write(
        self, run: ActiveRun, known: Run, record: RunRecord, *, patient: bool = False
    ) -> None:
        """Stores a record of a run, and then shows what is in it: what was `known` of the run."""
        number = record.changes[-1].sequence if record.changes else run.log.written
        await self._store.save_run(record, patient=patient)
        written = run.log.written  # another write may have been quicker
        run.stored(known, number, record)
        new = [each for each in record.notifications if each.change > written]
        if new:
            self._noticed(run.run.run_id, new)

    async def _save_next(self, run: ActiveRun) -> None:
        while run.saving is not None:
            await asyncio.wait({run.saving})
        rest_s = run.rested_s - asyncio.get_running_loop().time()
        if rest_s > 0 and not self._hurried:
            await asyncio.sleep(rest_s)
        run.saving_next = None  # what happens from here on needs another
        await self._save_now(run)

    async def _save_now(self, run: ActiveRun) -> None:
        loop = asyncio.get_running_loop()
        saving = run.saving = loop.create_future()
        began_s = loop.time()
        try:
            known, record = run.going_on, self._record_of(run)
            took_s = loop.time() - began_s
            if took_s > LONG_S:
                run.rested_s = began_s + took_s * LONG_REST
            await self._write(run, known, record, patient=True)
        finally:
            run.saving = None
            saving.set_result(None)

    # From the store

    async def record(self, run_id: str) -> RunRecord:
        """What is stored of a run.

        Raises:
            NotFound: no such run.
            StoreError: the store cannot be read.
        """
        record = await self._store_watch.read(self._store.get_run(run_id))
        if record is None:
            raise NotFound(f"no run {run_id!r}")
        return record

    async def run(self, run_id: str) -> Run:
        """A run that is stored, with its attempts.

        Raises:
            NotFound: no such run.
            StoreError: the store cannot be read.
        """
        record = await self.record(run_id)
        if record.attempt == 1:
            return run_of(record)
        return run_of(record, await self._store_watch.read(self._store.attempts(run_id)))

    async def by_request(self, request_id: str) -> RunRecord | None:
        """The run that a request has started.

        Raises:
            StoreError: the store cannot be read.
        """
        return await self._store_watch.read(self._store.find_request(request_id))

    async def log_of(self, run: Run) -> ChangeLog:
        """The log of a run that is stored; of one that has none, what follows from it."""
        return _log_from(run, await self._store_watch.read(self._store.changes(run.run_id)))

    async def unfinished(self) -> AsyncIterator[ActiveRun]:
        """The runs that a broker before this one left, with their figures; the oldest first.

        What is stored of them is what is known. One that is damaged in the store ends there.
        """
        # Thousands may wait: what happened to them is read at once.
        logs = await self._store.logs([state for state in RunState if state.waiting])
        for record in await self._store.unfinished_runs():
            try:
                run = await self._resumed(record, logs.get(record.run_id, []))
            except StoreError:
                raise
            except Exception as error:  # noqa: BLE001 - whatever reading damage raises
                _log.exception("run %s is damaged in the store and cannot continue", record.run_id)
                await self.save_damaged(record, error)
            else:
                yield run

    async def _resumed(self, record: RunRecord, waited: list[ChangeRecord]) -> ActiveRun:
        """A run as it was left; `waited`: its log, if it waits."""
        attempts = await self._store.attempts(record.run_id) if record.attempt > 1 else ()
        stored = run_of(record, attempts)
        if record.state.waiting:
            log = _log_from(stored, waited)
            return ActiveRun(stored, [], request_id=record.request_id or "", log=log)
        log = await self.log_of(stored)
        own = stored.attempt_id
        sources = await self._store.sources(own)
        await self._timelines.begin_again(own)
        ends = await self._store.ends(own)
        run = resume.from_bytes(
            stored, record.request_id or "", record.roster, sources=sources, log=log, ends=ends
        )
        async for batch in self._store.batches(own):
            message = runner_pb2.EventBatch.FromString(batch.payload)
            arrival_ns = batch.arrival_ns
            events = Decoded()
            for _ in reading(
                run, batch.source, message, events, arrival_ns=arrival_ns, skip=batch.offset
            ):
                pass
            run.count(batch.source, events, arrival_ns=arrival_ns)
            run.close_seconds(arrival_ns, stored=True)
            await self._timelines.keep(run)
        for part in run.parts.values():
            for runner_id in part.ended:
                run.retire(part, runner_id)
            if part.state.final:
                run.aggregate.ended(part.key, part.end_time_ns or self._clock.wall_ns())
        return run


def _log_from(run: Run, stored: list[ChangeRecord]) -> ChangeLog:
    """The log that is stored of a run; of one that has none, what follows from it."""
    if not stored:
        return ChangeLog(derived(run), written=False)
    try:
        return ChangeLog([change_from_record(each) for each in stored])
    except ValueError:
        _log.exception("the log of run %s is damaged in the store", run.run_id)
        return ChangeLog(derived(run))
