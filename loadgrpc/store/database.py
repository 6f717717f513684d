"""Every SQL statement of the store, over its one connection.

Rule: only the writer thread comes here, and only here SQLAlchemy is used (with `schema`). What
changes something says LoadgrpcError before it wrote anything, so that the others of its
transaction need not be undone. Statements are built once and are the same for every database;
what is SQLite's own is in `open_sqlite`.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

import sqlalchemy as sa

from loadgrpc.errors import AlreadyExists, LoadgrpcError
from loadgrpc.model import RunState, SourceId
from loadgrpc.store.error import StoreError
from loadgrpc.store.record import RunRecord, SourceProgress, StoredBatch
from loadgrpc.store.schema import BATCHES, RUNS, SOURCES, prepare

T = TypeVar("T")

BUSY_TIMEOUT_S: Final = 5.0
"""How long a statement waits for somebody who looks into the file with another tool."""

WAL_BYTES: Final = 64 * 2**20
"""To what size SQLite's log is cut back after it had to grow."""


def _of(table: sa.Table) -> sa.ColumnElement[bool]:
    """The rows of a source."""
    return sa.and_(
        table.c.run_id == sa.bindparam("of_run"),
        table.c.agent_id == sa.bindparam("of_agent"),
        table.c.runner_id == sa.bindparam("of_runner"),
    )


_SELECT_RUN: Final = sa.select(RUNS)
_SELECT_RUN_BRIEFLY: Final = sa.select(
    *(column for column in RUNS.c if column is not RUNS.c.summary)
)
_UPDATE_RUN: Final = sa.update(RUNS).where(RUNS.c.run_id == sa.bindparam("of_run"))
_INSERT_RUN: Final = sa.insert(RUNS)
_RUN_EXISTS: Final = sa.select(RUNS.c.run_id).where(RUNS.c.run_id == sa.bindparam("of_run"))
_ADVANCE_SOURCE: Final = sa.update(SOURCES).where(
    _of(SOURCES), SOURCES.c.committed_sequence == sa.bindparam("after")
)
_SELECT_COMMITTED: Final = sa.select(SOURCES.c.committed_sequence).where(_of(SOURCES))
_INSERT_SOURCE: Final = sa.insert(SOURCES)
_INSERT_BATCH: Final = sa.insert(BATCHES)
_SELECT_BATCHES: Final = (
    sa.select(BATCHES)
    .where(BATCHES.c.run_id == sa.bindparam("of_run"), BATCHES.c.batch_id > sa.bindparam("after"))
    .order_by(BATCHES.c.batch_id)
    .limit(sa.bindparam("limit"))
)


def open_sqlite(path: str) -> Database:
    """The database in a SQLite file, made if it is missing, or in memory for `:memory:`."""

    def connect() -> sqlite3.Connection:
        # No implicit transactions of the driver, which would leave out tables and savepoints.
        connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
        try:
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            if connection.execute("PRAGMA page_count").fetchone() == (0,):
                # Can be said of a new file only: what is deleted may go back to the disk.
                connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        except BaseException:
            connection.close()
            raise
        return connection

    def begin(connection: sa.Connection) -> None:
        # Not SQLAlchemy's "begin" event: when that raises (the file is locked), the connection
        # never begins another transaction, and every later statement commits by itself.
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    def settle(connection: sa.Connection) -> None:
        # Not earlier: a file that turns out to be somebody else's stays as it is.
        driver: Any = connection.connection.driver_connection
        driver.execute("PRAGMA journal_mode = WAL")
        driver.execute(f"PRAGMA journal_size_limit = {WAL_BYTES}")

    engine = sa.create_engine("sqlite://", creator=connect, poolclass=sa.pool.NullPool)
    return Database(engine, path, begin=begin, settle=settle)


class Database:
    """The connection and what is asked of it.

    `name` stands in error messages, `begin` begins a transaction that writes, `settle` is
    called once the tables are there.
    """

    def __init__(
        self,
        engine: sa.Engine,
        name: str,
        *,
        begin: Callable[[sa.Connection], None],
        settle: Callable[[sa.Connection], None],
    ) -> None:
        self._engine = engine
        self._name = name
        self._begin = begin
        try:
            self._connection = engine.connect()
            try:
                begin(self._connection)
                prepare(self._connection)
                self._connection.commit()
                settle(self._connection)
            except BaseException:
                self._connection.close()
                raise
        except (StoreError, sa.exc.SQLAlchemyError, sqlite3.Error) as error:
            raise StoreError(f"cannot open the store {name}: {_words(error)}") from error

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
        self._engine.dispose()

    def read(self, work: Callable[[Database], T]) -> T:
        """Do what only reads."""
        try:
            return work(self)
        except sa.exc.SQLAlchemyError as error:
            raise StoreError(f"cannot read the store {self._name}: {_words(error)}") from error
        finally:
            self._connection.rollback()

    def write(self, works: Sequence[Callable[[Database], None]]) -> list[Exception | None]:
        """Do all that is in `works` in one transaction; what failed, in the same order.

        What fails by its own fault fails alone. What the database cannot do (its disk is full)
        fails for all, and nothing of it is kept.
        """
        try:
            outcomes = self._carry_out(works)
            self.commit()
        except Exception as error:  # noqa: BLE001 - handed to whoever asked for it
            self._connection.rollback()
            return [self._failure(error) for _ in works]
        return outcomes

    def commit(self) -> None:
        """Make what was written durable."""
        self._connection.commit()

    def _carry_out(self, works: Sequence[Callable[[Database], None]]) -> list[Exception | None]:
        """Do all that is in `works`, and undo what fails by its own fault."""
        self._begin(self._connection)
        try:
            return [self._attempt(work, apart=False) for work in works]
        except Exception as error:
            if not _blames_one(error):
                raise
        self._connection.rollback()
        self._begin(self._connection)
        return [self._attempt(work, apart=True) for work in works]

    def _attempt(self, work: Callable[[Database], None], *, apart: bool) -> Exception | None:
        """One write; `apart` gives it a savepoint of its own, which costs time."""
        try:
            with self._connection.begin_nested() if apart else contextlib.nullcontext():
                work(self)
        except LoadgrpcError as error:
            return error
        except Exception as error:
            if not (apart and _blames_one(error)):
                raise
            return self._failure(error)
        return None

    def _failure(self, error: Exception) -> StoreError:
        """The error of one write; each gets its own, because a traceback belongs to one."""
        failure = StoreError(f"cannot write to the store {self._name}: {_words(error)}")
        failure.__cause__ = error
        return failure

    # Runs

    def save_run(self, record: RunRecord) -> None:
        """See `Store.save_run`."""
        values: dict[str, Any] = {
            "request_id": record.request_id,
            "state": int(record.state),
            "reason": record.reason,
            "create_time_ns": record.create_time_ns,
            "start_time_ns": record.start_time_ns,
            "end_time_ns": record.end_time_ns,
            "agent_ids": list(record.agent_ids),
            "plan": record.plan,
        }
        if record.summary is not None:
            values["summary"] = record.summary
        if record.request_id is not None:
            holder = self.find_request(record.request_id)
            if holder is not None and holder.run_id != record.run_id:
                raise AlreadyExists(
                    f"request_id {record.request_id!r} is that of run {holder.run_id}"
                )
        updated = self._connection.execute(_UPDATE_RUN, {**values, "of_run": record.run_id})
        if not updated.rowcount:
            self._connection.execute(_INSERT_RUN, {**values, "run_id": record.run_id})

    def get_run(self, run_id: str) -> RunRecord | None:
        """See `Store.get_run`."""
        return self._run(_SELECT_RUN.where(RUNS.c.run_id == run_id))

    def find_request(self, request_id: str) -> RunRecord | None:
        """See `Store.find_request`."""
        return self._run(_SELECT_RUN.where(RUNS.c.request_id == request_id))

    def list_runs(self, limit: int, before: int | None) -> list[RunRecord]:
        """See `Store.list_runs`."""
        query = _SELECT_RUN_BRIEFLY.order_by(RUNS.c.sequence.desc()).limit(limit)
        if before is not None:
            query = query.where(RUNS.c.sequence < before)
        return [_run(row) for row in self._connection.execute(query)]

    def unfinished_runs(self) -> list[RunRecord]:
        """See `Store.unfinished_runs`."""
        final = [int(state) for state in RunState if state.final]
        query = _SELECT_RUN.where(RUNS.c.state.not_in(final)).order_by(RUNS.c.sequence)
        return [_run(row) for row in self._connection.execute(query)]

    def _run(self, query: sa.Select[Any]) -> RunRecord | None:
        row = self._connection.execute(query).one_or_none()
        return None if row is None else _run(row)

    # Sources and batches

    def save_source(self, progress: SourceProgress, after: int) -> None:
        """See `Store.save_source`."""
        key = _key(progress.source)
        values = {
            "committed_sequence": progress.committed_sequence,
            "finished": progress.finished,
            "committed": progress.committed,
            "rejected": progress.rejected,
            "duplicates": progress.duplicates,
            "lost": progress.lost,
        }
        if self._connection.execute(_ADVANCE_SOURCE, {**values, **key, "after": after}).rowcount:
            return
        stored = self._connection.scalar(_SELECT_COMMITTED, key)
        if (stored or 0) != after:
            raise StoreError(
                f"source {progress.source} is committed up to {stored or 0}, "
                f"but this write follows {after}"
            )
        of_run = {"of_run": progress.source.run_id}
        if self._connection.scalar(_RUN_EXISTS, of_run) is None:
            raise StoreError(f"source {progress.source} belongs to no stored run")
        self._connection.execute(_INSERT_SOURCE, {**values, **_columns(progress.source)})

    def append(self, batch: StoredBatch, progress: SourceProgress) -> None:
        """See `Store.append`."""
        self.save_source(progress, after=batch.previous_sequence)
        values = {
            "first_sequence": batch.first_sequence,
            "count": batch.count,
            "offset": batch.offset,
            "payload": batch.payload,
            "arrival_ns": batch.arrival_ns,
        }
        self._connection.execute(_INSERT_BATCH, {**values, **_columns(batch.source)})

    def sources(self, run_id: str) -> list[SourceProgress]:
        """See `Store.sources`."""
        query = (
            sa.select(SOURCES)
            .where(SOURCES.c.run_id == run_id)
            .order_by(SOURCES.c.agent_id, SOURCES.c.runner_id)
        )
        return [
            SourceProgress(
                source=_source(row),
                committed_sequence=row.committed_sequence,
                finished=row.finished,
                committed=row.committed,
                rejected=row.rejected,
                duplicates=row.duplicates,
                lost=row.lost,
            )
            for row in self._connection.execute(query)
        ]

    def batches(self, run_id: str, after: int, limit: int) -> tuple[list[StoredBatch], int]:
        """At most `limit` batches after the one numbered `after`, and the number of the last."""
        parameters = {"of_run": run_id, "after": after, "limit": limit}
        found = []
        for row in self._connection.execute(_SELECT_BATCHES, parameters):
            after = row.batch_id
            found.append(
                StoredBatch(
                    source=_source(row),
                    first_sequence=row.first_sequence,
                    # By name: a row is a tuple, and has a method of that name.
                    count=row._mapping["count"],  # noqa: SLF001 - public in spite of its name
                    offset=row.offset,
                    payload=row.payload,
                    arrival_ns=row.arrival_ns,
                )
            )
        return found, after


def _run(row: sa.Row[Any]) -> RunRecord:
    values = dict(row._mapping)  # noqa: SLF001 - public in spite of its name
    values["state"] = RunState(values["state"])
    values["agent_ids"] = tuple(values["agent_ids"])
    return RunRecord(**values)


def _columns(source: SourceId) -> dict[str, str]:
    return {
        "run_id": source.run_id,
        "agent_id": source.agent_id,
        "runner_id": source.runner_id,
    }


def _key(source: SourceId) -> dict[str, str]:
    return {
        "of_run": source.run_id,
        "of_agent": source.agent_id,
        "of_runner": source.runner_id,
    }


def _source(row: sa.Row[Any]) -> SourceId:
    return SourceId(row.run_id, row.agent_id, row.runner_id)


def _blames_one(error: Exception) -> bool:
    """Whether an error is the fault of one write, and not of the database."""
    own = (sa.exc.IntegrityError, sa.exc.DataError)
    return isinstance(error, own) or not isinstance(error, sa.exc.DBAPIError)


def _words(error: Exception) -> str:
    """What the driver says, without the statement and its parameters: those may hold secrets."""
    return str(error.orig if isinstance(error, sa.exc.DBAPIError) else error)
