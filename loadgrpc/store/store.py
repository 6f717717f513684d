"""The store as the broker sees it.

Rule: what a writing method returned for, and `append` by its future, is committed: on disk, if
the store is a file. Commands are carried out in the order in which they were asked for. One broker
at a time has a file open. A source only ever goes on from where it is: a write that follows
anything else than what is committed fails, and so does everything queued behind a failed one
of the same source. Whoever meets a StoreError there reads `sources` and goes on from that.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from loadgrpc.store.error import StoreError
from loadgrpc.store.lock import FileLock
from loadgrpc.store.record import RunRecord, SourceProgress, StoredBatch
from loadgrpc.store.writer import Writer

if TYPE_CHECKING:
    from loadgrpc.store.database import Database  # loads SQLAlchemy: in the thread only

MEMORY: Final = ":memory:"

_SQLITE: Final = "sqlite:///"

_PAGE_BATCHES: Final = 16
"""Batches read at once by `Store.batches`: at 1 MiB a batch, 16 MiB of memory."""


class Store:
    """An open store; `Store.open` makes one. Used on the event loop that opened it."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    @classmethod
    async def open(cls, target: str) -> Store:
        """Open the store at a file path, `sqlite:///PATH` or `:memory:`, made if it is missing.

        Raises StoreError, naming the path, for what cannot be opened: a folder that cannot be
        written, a file of something else or of a newer version, or one that a broker has open.
        """
        writer = Writer(_database(_path(target)))
        await writer.start()
        return cls(writer)

    async def close(self) -> None:
        """Commit what is queued, and close; later calls of other methods raise StoreError."""
        await self._writer.close()

    async def save_run(self, record: RunRecord) -> None:
        """Add a run, or replace what is stored of it.

        A summary of None keeps the stored one; `sequence` is the store's and ignored. Raises
        AlreadyExists if another run has its request_id.
        """
        await self._writer.write(lambda database: database.save_run(record))

    async def get_run(self, run_id: str) -> RunRecord | None:
        """A run, or None."""
        return await self._writer.read(lambda database: database.get_run(run_id))

    async def find_request(self, request_id: str) -> RunRecord | None:
        """The run that was started with a request_id, or None."""
        return await self._writer.read(lambda database: database.find_request(request_id))

    async def list_runs(self, limit: int, before: int | None = None) -> list[RunRecord]:
        """At most `limit` runs, the newest first, without their summaries.

        `before` is the `sequence` of the last run of the page before; None: the first page.
        """
        return await self._writer.read(lambda database: database.list_runs(limit, before))

    async def unfinished_runs(self) -> list[RunRecord]:
        """The runs whose state is not final, the oldest first."""
        return await self._writer.read(lambda database: database.unfinished_runs())

    async def append(self, batch: StoredBatch, progress: SourceProgress) -> asyncio.Future[None]:
        """Queue a batch with what it makes of its source; the future is done when it is stored.

            committed = await store.append(batch, progress)   # queued; waits only for room
            await committed                                   # on disk

        Both are stored, or neither. The batch must follow what is committed: its first entry
        that is not to be ignored is the next number. Payloads of 64 MiB are queued at most;
        above that this waits. The run must have been saved before.
        """
        if batch.source != progress.source:
            raise ValueError(f"a batch of {batch.source} with the progress of {progress.source}")
        if not 0 <= batch.offset < batch.count:
            raise ValueError(f"a batch of {batch.count} entries, of which {batch.offset} are old")
        if progress.committed_sequence != batch.last_sequence:
            raise ValueError(
                f"a batch up to {batch.last_sequence} commits {progress.committed_sequence}"
            )
        return await self._writer.write_payload(
            lambda database: database.append(batch, progress), len(batch.payload)
        )

    async def save_source(self, progress: SourceProgress, *, after: int | None = None) -> None:
        """Add a source, or replace what is stored of it, without a batch.

        `after` is the committed sequence this goes on from, lower than its own when numbers
        were skipped or rejected; None: its own, which does not change. Another one in the store
        (0 for a source it does not know) raises StoreError, and so does an unknown run.
        """
        follows = progress.committed_sequence if after is None else after
        if follows > progress.committed_sequence:
            raise ValueError(f"{progress.source} goes back from {follows}")
        await self._writer.write(lambda database: database.save_source(progress, follows))

    async def sources(self, run_id: str) -> list[SourceProgress]:
        """The sources of a run, by agent and runner."""
        return await self._writer.read(lambda database: database.sources(run_id))

    async def batches(self, run_id: str) -> AsyncIterator[StoredBatch]:
        """The batches of a run in the order in which they were committed, read piece by piece.

        Batches committed meanwhile come too.
        """
        after = 0
        while True:
            page, after = await self._writer.read(_page(run_id, after))
            for batch in page:
                yield batch
            if len(page) < _PAGE_BATCHES:
                return


def _page(run_id: str, after: int) -> Callable[[Database], tuple[list[StoredBatch], int]]:
    return lambda database: database.batches(run_id, after, _PAGE_BATCHES)


def _path(target: str) -> Path | None:
    """The file that a target means; None: memory."""
    if target.startswith(_SQLITE):
        target = target.removeprefix(_SQLITE)
        if "?" in target:
            raise StoreError(f"a store's URL takes no parameters: {_SQLITE}{target}")
    elif "://" in target:
        scheme = target.partition("://")[0]  # not the whole: it may hold a password
        raise StoreError(
            f"no store can be opened at {scheme}://…: give a file, {_SQLITE}FILE or {MEMORY}"
        )
    if not target:
        raise StoreError(f"no store is named: give a file, {_SQLITE}FILE or {MEMORY}")
    return None if target == MEMORY else Path(target)


@contextlib.contextmanager
def _database(path: Path | None) -> Iterator[Database]:
    """The database in a file, locked, or in memory; entered in the writer's thread."""
    # Here, because SQLAlchemy takes longer to load than anything else that the store needs.
    from loadgrpc.store.database import open_sqlite  # noqa: PLC0415

    with contextlib.ExitStack() as stack:
        name = MEMORY
        if path is not None:
            path = path.resolve()  # two names of a file have one lock
            name = str(path)
            _claim(path, stack)
        database = open_sqlite(name)
        stack.callback(database.close)
        yield database


def _claim(path: Path, stack: contextlib.ExitStack) -> None:
    """Make sure that a database file can be there, and that it is ours alone."""
    try:
        usable = path.is_file() or not path.exists()
        if usable:
            path.parent.mkdir(parents=True, exist_ok=True)
            stack.callback(FileLock(path).release)
    except FileExistsError as error:
        words = f"{path.parent} is not a folder"
        raise StoreError(f"cannot open the store {path}: {words}") from error
    except OSError as error:
        raise StoreError(f"cannot open the store {path}: {error.strerror}") from error
    if not usable:
        raise StoreError(f"cannot open the store {path}: it is not a file")
