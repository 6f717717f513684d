"""What sources measured: it is numbered, stored, counted and acked, in this order.

Rule: the ledger of a source decides about numbers, under the source's lock. More may arrive while
a batch is being written; each batch is counted when those before it are. A batch that the store
rejects counts for nothing, and neither do those queued behind it: the stream ends, and all of
them are sent again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from loadgrpc.broker import happened
from loadgrpc.broker.inbox import Inbox, Source
from loadgrpc.broker.ledger import Ledger, Lost
from loadgrpc.broker.quotas import Quotas
from loadgrpc.broker.reading import reading
from loadgrpc.broker.run import ActiveRun
from loadgrpc.broker.sources import Sources, progress_of, unavailable
from loadgrpc.broker.work import Work
from loadgrpc.clock import NS_PER_S, Clock
from loadgrpc.errors import InvalidRequest, Violation
from loadgrpc.model import SourceId
from loadgrpc.protocol import answers, home
from loadgrpc.protocol.decoded import Decoded
from loadgrpc.protocol.home import Accept, Duplicate, OutOfOrder
from loadgrpc.store import SourceProgress, Store, StoredBatch, StoreError
from loadgrpc.v1 import runner_pb2

DROPPED: Final = "dropped by the runner"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Arrived:
    """A batch that is being stored, and what it will make of its source."""

    inbox: Inbox
    run: ActiveRun
    source: Source
    batch: StoredBatch
    events: Decoded
    ledger: Ledger


class Intake:
    """See the module. `runs` are those that are not over; the broker's, and read here.

    `keep_batches`: whether committed batches stay in the store.
    """

    def __init__(
        self,
        sources: Sources,
        runs: Mapping[str, ActiveRun],
        store: Store,
        *,
        clock: Clock,
        work: Work,
        keep_batches: bool,
        quotas: Quotas,
        happens: Callable[[ActiveRun, happened.Event], object],
    ) -> None:
        self._sources = sources
        self._runs = runs
        self._store = store
        self._clock = clock
        self._work = work
        self._keep_batches = keep_batches
        self._quotas = quotas
        self._happens = happens

    async def publish(
        self, inbox: Inbox, source_id: SourceId, batch: runner_pb2.EventBatch
    ) -> None:
        """Events came: stores, counts and acks them. Returns when more of them may come.

        Raises:
            NotFound: the source is not open on this stream.
            Unavailable: the store failed; nothing of the batch counts.
        """
        source = self._sources.source(inbox, source_id)
        if source is None:
            return
        payload = batch.SerializeToString()
        if home.over_limits(batch, len(payload)):
            inbox.put(source_id, answers.TooLarge(batch.first_sequence, len(payload)))
            return
        if not (count := home.size(batch)):
            inbox.put(source_id, answers.Acked(source.stored.received))  # it may wait for an answer
            return
        await self._work.whole(self._publish(inbox, source, batch, count, payload))
        if wait_ns := self._quotas.read_ns(source, count):
            await asyncio.sleep(wait_ns / NS_PER_S)  # its stream is not read meanwhile

    def too_large(
        self, inbox: Inbox, source_id: SourceId, first_sequence: int, batch_bytes: int
    ) -> None:
        """A batch came that was too large to be read.

        Raises:
            NotFound: the source is not open on this stream.
        """
        if self._sources.source(inbox, source_id) is not None:
            inbox.put(source_id, answers.TooLarge(first_sequence, batch_bytes))

    async def _publish(
        self,
        inbox: Inbox,
        source: Source,
        batch: runner_pb2.EventBatch,
        count: int,
        payload: bytes,
    ) -> None:
        """Takes a batch into the store's queue."""
        source_id = source.source_id
        async with source.lock:
            if source.broken:
                await source.settle()
            run = self._runs.get(source_id.run_id)
            if run is None or self._sources.source(inbox, source_id) is None:
                return  # its part ended while this waited for the lock
            decision = source.ledger.batch(batch.first_sequence, count)
            if not isinstance(decision, Accept):
                await source.settle()
                self._refuse(inbox, source, decision)
                return
            arrival_ns = self._clock.wall_ns()
            try:
                events = Decoded()
                steps = reading(
                    run, source_id, batch, events, arrival_ns=arrival_ns, skip=decision.skip
                )
                for _ in steps:
                    await asyncio.sleep(0)
                source.ledger.reject(events.rejected)
                stored = StoredBatch(
                    source=source_id,
                    first_sequence=source.ledger.received - count + 1,
                    count=count,
                    offset=decision.skip,
                    payload=payload,
                    arrival_ns=arrival_ns,
                )
                ledger = source.ledger.copy()
                written = await self._write(stored, progress_of(source, ledger))
            except BaseException as error:
                source.broken = True  # nothing of it counts
                if isinstance(error, StoreError):
                    raise unavailable(source_id, error) from error
                raise
            arrived = _Arrived(inbox, run, source, stored, events, ledger)
            inbox.answers.expect()
            source.writing = self._work.begin(self._count(arrived, written, source.writing))

    async def _write(self, batch: StoredBatch, progress: SourceProgress) -> asyncio.Future[Any]:
        """Has the store write a batch, or only how far its source is; done when that is durable."""
        if self._keep_batches:
            return await self._store.append(batch, progress)
        saving = self._store.save_source(progress, after=batch.previous_sequence)
        return asyncio.ensure_future(saving)

    async def _count(
        self, arrived: _Arrived, written: asyncio.Future[Any], before: asyncio.Task[None] | None
    ) -> None:
        """Counts and acks a batch when it is stored and those before it are counted."""
        try:
            await self._count_in_turn(arrived, written, before)
        finally:
            arrived.inbox.answers.came()

    async def _count_in_turn(
        self, arrived: _Arrived, written: asyncio.Future[Any], before: asyncio.Task[None] | None
    ) -> None:
        if before is not None and not before.done():
            await asyncio.wait({before})
        inbox, source, batch = arrived.inbox, arrived.source, arrived.batch
        try:
            await written
        except StoreError as error:
            source.broken = True
            inbox.end(unavailable(source.source_id, error))
            return
        source.stored = arrived.ledger
        events = arrived.events
        for some in events.surplus():
            arrived.run.count(batch.source, some, arrival_ns=batch.arrival_ns)
            await asyncio.sleep(0)
        for _ in arrived.run.counting(batch.source, events, arrival_ns=batch.arrival_ns):
            await asyncio.sleep(0)
        part = arrived.run.part_of(batch.source)
        part.got_on_ns = self._clock.monotonic_ns()
        if events.custom_states:
            states = tuple(state for state, _ in events.custom_states)
            self._happens(arrived.run, happened.StatesReported(part.key, states))
        if events.rejected:
            violations = tuple(events.violations)
            rejected = answers.Rejected(batch.first_sequence, events.rejected, violations)
            inbox.put(source.source_id, rejected)
        inbox.put(source.source_id, answers.Acked(source.stored.received))

    async def skip(
        self,
        inbox: Inbox,
        source_id: SourceId,
        first_sequence: int,
        count: int,
        reason: str,
        *,
        hits: int = 0,
    ) -> None:
        """Numbers were declared lost; `hits` of them were numbers of hits.

        Raises:
            InvalidRequest: without a first number, nobody knows which.
            NotFound: the source is not open on this stream.
            Unavailable: the store failed.
        """
        source = self._sources.source(inbox, source_id)
        if source is None:
            return
        if count == 0:
            inbox.put(source_id, answers.Acked(source.stored.received))
            return
        if first_sequence == 0:
            raise InvalidRequest([Violation("skip.first_sequence", "is required")])
        lost = Lost(count, hits)
        await self._work.whole(self._skip(inbox, source, first_sequence, lost, reason or DROPPED))

    async def _skip(
        self, inbox: Inbox, source: Source, first_sequence: int, lost: Lost, reason: str
    ) -> None:
        async with source.lock:
            await source.settle()
            if self._sources.source(inbox, source.source_id) is None:
                return
            decision = source.ledger.skip(first_sequence, lost.events, reason, lost.hits)
            if not isinstance(decision, Accept):
                self._refuse(inbox, source, decision)
                return
            await self._sources.commit(source)
        inbox.put(source.source_id, answers.Acked(source.stored.received))

    def _refuse(self, inbox: Inbox, source: Source, decision: Duplicate | OutOfOrder) -> None:
        if isinstance(decision, Duplicate):
            inbox.put(source.source_id, answers.Acked(source.stored.received))
        elif decision.report:
            inbox.put(source.source_id, answers.Gap(decision.expected))
