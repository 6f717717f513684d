"""The store as the broker sees it.

Rule: when a writing method has returned, or the future of `append` is done, the data is
committed: on disk, if the store is persistent. Commands are carried out in the order in which
they were issued. One broker at a time has a store open. A source only ever continues from where
it is: a write that follows anything other than what is committed fails, and so does everything
queued behind a failed one of the same source. After a StoreError, read `sources` and continue
from that.

While the database accepts no writes (its disk is full, it is away) reported data waits: `append`,
`save_source`, and `save_run` if asked to. It is stored once when the database is back. Everything
else fails, and may be tried again; reads go on where they can.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from loadgrpc.model import Notification, RunState
from loadgrpc.store.access import AccessStore
from loadgrpc.store.append import Append
from loadgrpc.store.campaigns import CampaignStore
from loadgrpc.store.lock import gone
from loadgrpc.store.opening import database_of
from loadgrpc.store.record import (
    AttemptRecord,
    BundleRecord,
    ChangeRecord,
    DrainedAgent,
    EndRecord,
    Filter,
    Retention,
    RunRecord,
    SourceProgress,
    StoredBatch,
    StoredWindow,
    TypeSet,
)
from loadgrpc.store.target import parse_target
from loadgrpc.store.writer import Writer

if TYPE_CHECKING:
    from loadgrpc.store.tables import Tables

T = TypeVar("T")

_PAGE_BATCHES: Final = 16
"""Batches read at once by `Store.batches`: at 1 MiB a batch, 16 MiB of memory."""

_DELETED_RUNS: Final = 100
"""Runs deleted in one transaction, if they have few batches."""

_DROPPED_BATCHES: Final = 64
"""Batches dropped in one transaction: what is reported meanwhile does not wait for long."""


class Store:
    """An open store; `Store.open` makes one. Used on the event loop that opened it."""

    def __init__(self, writer: Writer, name: str, path: Path | None) -> None:
        self._writer = writer
        self.campaigns = CampaignStore(writer)
        self.access = AccessStore(writer)
        self.name = name
        """What it was opened as, without a password."""
        self._path = path
        self._file = (path, path.stat()) if path is not None else None
        """The file it is in, and what that was when it was opened."""

    @classmethod
    async def open(cls, target: str) -> Store:
        """Open the store at a file path, `sqlite:///PATH`, `:memory:` or `postgresql://…`.

        What is missing is made; what an older loadgrpc wrote is brought to the schema of now.
        Raises StoreError, naming the store, for what cannot be opened: a folder that cannot be
        written, a server that cannot be reached, a database of something else or of a newer
        version, or one that a broker has open.
        """
        parsed = parse_target(target)
        writer = Writer(database_of(parsed))
        await writer.start()
        return cls(writer, parsed.name, parsed.path.resolve() if parsed.path else None)

    @property
    def trouble(self) -> str:
        """Why the store accepts no writes at present, as text; empty: it does."""
        if self._writer.trouble or self._file is None:
            return self._writer.trouble
        return gone(*self._file)

    def hurry(self) -> None:
        """From now on writes do not wait for an unavailable database: they fail at once.

        For the way out: whoever waits for writes to end need not wait for the database.
        """
        self._writer.hurry()

    async def close(self) -> None:
        """Commit what is queued, and close; later calls of other methods raise StoreError."""
        await self._writer.close()

    @property
    def place(self) -> str:
        """Where it is: the absolute path of a file, or what it was opened as."""
        return str(self._path) if self._path is not None else self.name

    async def size(self) -> int | None:
        """The bytes that it takes; None: it is in memory."""
        return await self._writer.read(lambda tables: tables.size())

    async def check(self) -> None:
        """Return if the database can be read; raise StoreError if not."""
        await self._writer.read(lambda tables: tables.get_run(""))

    # Runs

    async def save_run(self, record: RunRecord, *, patient: bool = False) -> None:
        """Add a run, or replace its record.

        A summary or roster of None keeps the stored one; `sequence` is the store's and ignored.
        Changes are added to its log in the same transaction, with their notifications, and ends
        of runners; of those that are there already nothing is written.
        `patient`: wait while the database takes no writes. Raises AlreadyExists if another run
        has its request_id.
        """
        await self._writer.write(lambda tables: tables.save_run(record), patient=patient)

    async def get_run(self, run_id: str) -> RunRecord | None:
        """A run, or None."""
        return await self._writer.read(lambda tables: tables.get_run(run_id))

    async def changes(self, run_id: str) -> list[ChangeRecord]:
        """The log of a run, in order; empty for one that an older loadgrpc stored."""
        return await self._writer.read(lambda tables: tables.history.changes(run_id))

    async def logs(self, states: Collection[RunState]) -> dict[str, list[ChangeRecord]]:
        """The logs of all runs in these states, each in order, by the id of the run."""
        return await self._writer.read(lambda tables: tables.history.logs(states))

    async def ends(self, run_id: str) -> list[EndRecord]:
        """The runners of a run that have ended, as far as they were stored one by one."""
        return await self._writer.read(lambda tables: tables.history.ends(run_id))

    async def notifications(self, run_id: str) -> list[Notification]:
        """Who is notified of what of a run, and how that stands; in the order of the changes."""
        return await self._writer.read(lambda tables: tables.notifications.of_run(run_id))

    async def pending_notifications(self, limit: int) -> list[tuple[str, Notification]]:
        """At most `limit` notifications that are pending, with the id of their run, by run."""
        return await self._writer.read(lambda tables: tables.notifications.pending(limit))

    async def save_notification(self, run_id: str, notification: Notification) -> None:
        """Store how a notification stands, patiently; nothing if its run was deleted."""
        await self._writer.write(
            lambda tables: tables.notifications.update(run_id, notification), patient=True
        )

    async def find_request(self, request_id: str) -> RunRecord | None:
        """The run that was started with a request_id, or None."""
        return await self._writer.read(lambda tables: tables.find_request(request_id))

    async def attempts(self, run_id: str) -> list[AttemptRecord]:
        """The attempts of a run that were followed by another one, without their summaries."""
        return await self._writer.read(lambda tables: tables.lives.attempts(run_id))

    async def attempt_summary(self, run_id: str, attempt: int) -> bytes | None:
        """The summary of such an attempt, or None."""
        return await self._writer.read(lambda tables: tables.lives.attempt_summary(run_id, attempt))

    async def find_runs(self, beginning: str, limit: int) -> list[str]:
        """At most `limit` runs whose id begins like this, the newest first."""
        return await self._writer.read(lambda tables: tables.lives.find(beginning, limit))

    async def list_runs(
        self, limit: int, before: int | None = None, wanted: Filter | None = None
    ) -> list[RunRecord]:
        """At most `limit` runs, the newest first, without their summaries and rosters.

        `before` is the `sequence` of the last run of the page before; None: the first page.
        `wanted` None: all.
        """
        wanted = wanted or Filter()
        return await self._writer.read(lambda tables: tables.list_runs(limit, before, wanted))

    async def unfinished_runs(self) -> list[RunRecord]:
        """The runs whose state is not final, the oldest first."""
        return await self._writer.read(lambda tables: tables.unfinished_runs())

    async def delete_run(self, run_id: str) -> bool:
        """Delete a run and everything of it; whether there was one.

        Its detail goes first, piece by piece: a run whose deletion failed half-way is still
        there, and may be deleted again.
        """
        if await self.get_run(run_id) is None:
            return False
        for own in await self._writer.read(lambda tables: tables.lives.own_rows(run_id)):
            await self._drop_detail_of(own)
        return await self._change(_deletion_of(run_id))

    async def purge_runs(self, *, ended_before_ns: int | None = None) -> AsyncIterator[str]:
        """Delete the runs that are over and ended before a moment, None: all of them.

        The id of each comes when it is deleted, the oldest first.
        """
        waiting = deque(await self._writer.read(lambda tables: tables.runs_over(ended_before_ns)))
        while waiting:
            some = list(itertools.islice(waiting, _DELETED_RUNS))
            for run_id in await self._change(_deletion(some)):
                waiting.remove(run_id)  # it is the first of them
                yield run_id

    # What sources send

    async def append(self, batch: StoredBatch, progress: SourceProgress) -> asyncio.Future[int]:
        """Queue a batch with what it makes of its source; the future is done when it is stored.

            committed = await store.append(batch, progress)   # queued; waits only for room
            number = await committed                          # on disk

        Both are stored, or neither. The batch must follow what is committed: its first entry
        that is not to be ignored is the next number. Payloads of 64 MiB are queued at most;
        above that this waits. The run must have been saved before. The result is the number
        of the batch: later ones have higher numbers.
        """
        if batch.source != progress.source:
            raise ValueError(f"a batch of {batch.source} with the progress of {progress.source}")
        if not 0 <= batch.offset < batch.count:
            raise ValueError(f"a batch of {batch.count} entries, of which {batch.offset} are old")
        if progress.committed_sequence != batch.last_sequence:
            raise ValueError(
                f"a batch up to {batch.last_sequence} commits {progress.committed_sequence}"
            )
        return await self._writer.write_payload(Append(batch, progress), len(batch.payload))

    async def save_source(self, progress: SourceProgress, *, after: int | None = None) -> None:
        """Add a source, or replace its record, without a batch.

        `after` is the committed sequence this goes on from, lower than its own when numbers
        were skipped or rejected; None: its own, which does not change. Another one in the store
        (0 for a source it does not know) raises StoreError, and so does an unknown run.
        """
        follows = progress.committed_sequence if after is None else after
        if follows > progress.committed_sequence:
            raise ValueError(f"{progress.source} goes back from {follows}")
        await self._writer.write(lambda tables: tables.save_source(progress, follows), patient=True)

    async def sources(self, run_id: str) -> list[SourceProgress]:
        """The sources of a run, by agent and runner."""
        return await self._writer.read(lambda tables: tables.sources(run_id))

    async def batches(self, run_id: str, *, after: int = 0) -> AsyncIterator[StoredBatch]:
        """The batches of a run in the order in which they were committed, read piece by piece.

        `after` is the number of a batch, of this run or not: only those committed later come.
        Batches committed meanwhile come too.
        """
        while True:
            page = await self._writer.read(_page(run_id, after))
            for batch in page:
                yield batch
            if len(page) < _PAGE_BATCHES:
                return
            after = page[-1].number

    # Runs by time

    async def save_windows(
        self, run_id: str, windows: Sequence[StoredWindow], dropped: Mapping[int, int]
    ) -> None:
        """Add windows, patiently, and drop those that are not needed any more, both or neither.

        `dropped`: by length, those that start before that second. An unknown run raises StoreError.
        """
        await self._writer.write(
            lambda tables: tables.save_windows(run_id, windows, dropped), patient=True
        )

    async def drop_windows(self, run_id: str) -> None:
        """Drop all windows of a run."""
        await self._writer.write(lambda tables: tables.drop_windows(run_id), patient=True)

    async def windows(self, run_id: str) -> list[StoredWindow]:
        """Which windows of a run there are, without what is in them."""
        return await self._writer.read(lambda tables: tables.windows(run_id))

    async def sealed_windows(self, run_id: str, numbers: Sequence[int]) -> dict[int, bytes]:
        """What is in some windows of a run, by number; what is not there any more is left out."""
        return await self._writer.read(lambda tables: tables.sealed_windows(run_id, numbers))

    # What describes events of a run's own

    async def save_types(self, types: TypeSet) -> None:
        """Keep types for as long as their run is kept; the same again changes nothing.

        An unknown run raises StoreError.
        """
        await self._writer.write(lambda tables: tables.save_types(types), patient=True)

    async def types(self) -> AsyncIterator[TypeSet]:
        """What all runs have brought, in the order in which it came, read piece by piece."""
        after = 0
        while True:
            page = await self._writer.read(_page_of_types(after))
            for types in page:
                yield types
            if len(page) < _PAGE_BATCHES:
                return
            after = page[-1].number

    # Agents that are drained

    async def save_drained(self, agent: DrainedAgent) -> None:
        """Add an agent that gets no further runs, or replace what is known of it."""
        await self._change(lambda tables: tables.drained.add(agent))

    async def drop_drained(self, agent_id: str) -> None:
        """Forget that an agent was drained."""
        await self._change(lambda tables: tables.drained.drop(agent_id))

    async def drained(self) -> list[DrainedAgent]:
        """The agents that are drained, by id."""
        return await self._writer.read(lambda tables: tables.drained.all())

    # Files that tests need

    async def get_bundle(self, sha256: str) -> BundleRecord | None:
        """What is there of a bundle, or None."""
        return await self._writer.read(lambda tables: tables.bundles.get(sha256))

    async def append_to_bundle(
        self, sha256: str, size: int, offset: int, data: bytes, *, now_ns: int
    ) -> BundleRecord:
        """Add bytes of a bundle of this size; what is there of it then.

        Bytes that are there already are ignored, and so are those that would leave a gap. One
        that is not complete and of another size begins again.
        """
        return await self._change(
            lambda tables: tables.bundles.append(sha256, size, offset, data, now_ns)
        )

    async def touch_bundle(
        self, sha256: str, *, now_ns: int, complete: bool = False
    ) -> BundleRecord | None:
        """Note that a bundle is wanted, or is `complete` now; what is there of it, or None."""
        return await self._change(
            lambda tables: tables.bundles.touch(sha256, now_ns, complete=complete)
        )

    async def read_bundle(self, sha256: str, offset: int) -> bytes:
        """Some bytes of a bundle from an offset on, as they came; empty: there are no more."""
        return await self._writer.read(lambda tables: tables.bundles.read(sha256, offset))

    async def drop_bundle(self, sha256: str) -> None:
        """Drop a bundle, whoever uses it."""
        await self._change(lambda tables: tables.bundles.drop(sha256))

    async def make_room(
        self, size: int, most: int, *, touched_before_ns: int, unused_before_ns: int
    ) -> bool:
        """Drop bundles until one of this size has room among `most` bytes; whether it has.

        Those go that no run uses and that were last touched before `unused_before_ns`; then, the
        oldest first, those that no active run uses and that were touched before
        `touched_before_ns`.
        """
        return await self._change(
            lambda tables: tables.bundles.make_room(
                size,
                most,
                touched_before_ns=touched_before_ns,
                unused_before_ns=unused_before_ns,
            )
        )

    # What goes

    async def retain(self, retention: Retention) -> int:
        """Drop the oldest detail, as far as `retention` asks for it; how many batches went.

        What a restart would read again stays: that of runs that are not over. Runs, summaries
        and how far sources are stay.
        """
        dropped = 0
        if (keep_runs := retention.keep_runs) is not None:
            older = await self._writer.read(lambda tables: tables.runs_with_detail(keep_runs))
            for run_id in older:
                dropped += await self._drop_detail_of(run_id)
        if retention.keep_bytes is not None:
            dropped += await self._drop_excess(retention.keep_bytes)
        return dropped

    async def _drop_detail_of(self, run_id: str) -> int:
        return await self._drop(lambda tables: tables.drop_detail_of(run_id, _DROPPED_BATCHES))

    async def _drop_excess(self, keep_bytes: int) -> int:
        def drop(tables: Tables) -> int:
            return tables.drop_oldest_detail(tables.detail_bytes() - keep_bytes, _DROPPED_BATCHES)

        return await self._drop(drop)

    async def _drop(self, work: Callable[[Tables], int]) -> int:
        """Drop piece by piece, until nothing is left to drop; how many batches went."""

        def drop(tables: Tables) -> int:
            dropped = work(tables)
            if dropped:
                tables.give_back()
            return dropped

        total = 0
        while dropped := await self._change(drop):
            total += dropped
        return total

    def _change(self, work: Callable[[Tables], T]) -> asyncio.Future[T]:
        return self._writer.write(work, patient=False)


def _page(run_id: str, after: int) -> Callable[[Tables], list[StoredBatch]]:
    return lambda tables: tables.batches(run_id, after, _PAGE_BATCHES)


def _deletion(run_ids: list[str]) -> Callable[[Tables], list[str]]:
    def delete(tables: Tables) -> list[str]:
        deleted = tables.delete_runs(run_ids, _DROPPED_BATCHES)
        tables.give_back()
        return deleted

    return delete


def _deletion_of(run_id: str) -> Callable[[Tables], bool]:
    def delete(tables: Tables) -> bool:
        deleted = tables.delete_run(run_id)
        tables.give_back()  # what its bundle took
        return deleted

    return delete


def _page_of_types(after: int) -> Callable[[Tables], list[TypeSet]]:
    return lambda tables: tables.types(after, _PAGE_BATCHES)
