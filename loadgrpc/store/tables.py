"""Every SQL statement about runs, sources and batches, over one connection.

Rule: only the writer thread comes here. A statement that changes something raises LoadgrpcError
before it writes anything, so that the rest of its transaction need not be undone. Statements are
built once and are the same for every database.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, Final

import sqlalchemy as sa

from loadgrpc.errors import AlreadyExists
from loadgrpc.model import RunState, SourceId
from loadgrpc.store.access_rows import AccessRows
from loadgrpc.store.backend import Backend
from loadgrpc.store.bundles import BundleRows
from loadgrpc.store.campaign_rows import CampaignRows
from loadgrpc.store.drained import Drained
from loadgrpc.store.error import StoreError
from loadgrpc.store.history import NO_TEXT, History
from loadgrpc.store.lives import OF_RUN, Lives, listed
from loadgrpc.store.notifications import Notifications
from loadgrpc.store.packing import Packed, unpack
from loadgrpc.store.record import (
    Filter,
    RunRecord,
    SourceProgress,
    StoredBatch,
    StoredWindow,
    TypeSet,
)
from loadgrpc.store.schema import BATCHES, LIVES, RUNS, SOURCES, TYPES, WINDOWS

_FINAL_STATES: Final = [int(state) for state in RunState if state.final]


def _of(table: sa.Table) -> sa.ColumnElement[bool]:
    """The rows of a source."""
    return sa.and_(
        table.c.run_id == sa.bindparam("of_run"),
        table.c.agent_id == sa.bindparam("of_agent"),
        table.c.runner_id == sa.bindparam("of_runner"),
    )


_OF_RUNS: Final = RUNS.join(LIVES, LIVES.c.run_id == RUNS.c.run_id)
"""Runs, without the rows of their later attempts."""
_SELECT_RUN: Final = sa.select(RUNS, *OF_RUN).select_from(_OF_RUNS)
LIST_RUNS: Final = (
    sa.select(
        *(column for column in RUNS.c if column not in {RUNS.c.summary, RUNS.c.roster}), *OF_RUN
    )
    .select_from(_OF_RUNS)
    .order_by(RUNS.c.sequence.desc())
)
_UPDATE_RUN: Final = sa.update(RUNS).where(RUNS.c.run_id == sa.bindparam("of_run"))
_INSERT_RUN: Final = sa.insert(RUNS)
_DELETE_RUN: Final = sa.delete(RUNS).where(RUNS.c.run_id == sa.bindparam("of_run"))
_BUNDLE_OF: Final = sa.select(RUNS.c.bundle).where(RUNS.c.run_id == sa.bindparam("of_run"))
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
_INSERT_WINDOW: Final = sa.insert(WINDOWS)
_LIST_WINDOWS: Final = sa.select(WINDOWS.c.number, WINDOWS.c.length_s, WINDOWS.c.start_s).where(
    WINDOWS.c.run_id == sa.bindparam("of_run")
)
_DROP_WINDOWS: Final = sa.delete(WINDOWS).where(
    WINDOWS.c.run_id == sa.bindparam("of_run"),
    WINDOWS.c.length_s == sa.bindparam("of_length"),
    WINDOWS.c.start_s < sa.bindparam("before"),
)
_TYPES_EXIST: Final = sa.select(TYPES.c.run_id).where(
    TYPES.c.run_id == sa.bindparam("of_run"), TYPES.c.digest == sa.bindparam("of_digest")
)
_INSERT_TYPES: Final = sa.insert(TYPES)
_SELECT_TYPES: Final = (
    sa.select(TYPES.c.number, TYPES.c.run_id, TYPES.c.payload, RUNS.c.state)
    .join(RUNS, RUNS.c.run_id == TYPES.c.run_id)
    .where(TYPES.c.number > sa.bindparam("after"))
    .order_by(TYPES.c.number)
    .limit(sa.bindparam("limit"))
)

_OVER: Final = RUNS.c.state.in_(_FINAL_STATES)
_DETAIL_BYTES: Final = sa.select(sa.func.coalesce(sa.func.sum(BATCHES.c.size), 0))
_HAS_DETAIL: Final = sa.exists().where(BATCHES.c.run_id == RUNS.c.run_id)
_OLDEST_DETAIL: Final = (
    sa.select(BATCHES.c.batch_id, BATCHES.c.size)
    .join(RUNS, RUNS.c.run_id == BATCHES.c.run_id)
    .where(_OVER)  # what a restart would have to read again stays
    .order_by(BATCHES.c.batch_id)
    .limit(sa.bindparam("limit"))
)
_DETAIL_OF_RUN: Final = (
    sa.select(BATCHES.c.batch_id)
    .where(BATCHES.c.run_id == sa.bindparam("of_run"))
    .order_by(BATCHES.c.batch_id)
    .limit(sa.bindparam("limit"))
)


class Tables:
    """What can be asked of the database; see `Store` for what each means."""

    def __init__(self, connection: sa.Connection, backend: Backend) -> None:
        self.connection = connection
        self.history = History(connection)
        self.drained = Drained(connection)
        self.bundles = BundleRows(connection)
        self.notifications = Notifications(connection)
        self.campaigns = CampaignRows(connection)
        self.lives = Lives(connection)
        self.access = AccessRows(connection)
        self._backend = backend

    # Runs

    def save_run(self, record: RunRecord) -> None:
        """See `Store.save_run`."""
        values: dict[str, Any] = {
            "request_id": record.request_id,
            "state": int(record.state),
            "reason": record.reason.translate(NO_TEXT),
            "create_time_ns": record.create_time_ns,
            "start_time_ns": record.start_time_ns,
            "end_time_ns": record.end_time_ns,
            "agent_ids": list(record.agent_ids),
            "plan": record.plan,
        }
        if record.summary is not None:
            values["summary"] = record.summary
        if record.verdict is not None:
            values["verdict"] = record.verdict
            values["verdict_reason"] = record.verdict_reason.translate(NO_TEXT)
        if record.roster is not None:
            values["roster"] = record.roster
        if record.bundle is not None:
            values["bundle"] = record.bundle
        if record.request_id is not None:
            holder = self.find_request(record.request_id)
            if holder is not None and holder.run_id != record.run_id:
                raise AlreadyExists(
                    f"request_id {record.request_id!r} is that of run {holder.run_id}"
                )
        updated = self.connection.execute(_UPDATE_RUN, {**values, "of_run": record.run_id})
        new = not updated.rowcount
        if new:
            self.connection.execute(_INSERT_RUN, {**values, "run_id": record.run_id})
        self.lives.save(record, new=new)
        self.history.add(record)
        self.notifications.add(record)

    def get_run(self, run_id: str) -> RunRecord | None:
        """See `Store.get_run`."""
        return self._run(_SELECT_RUN.where(RUNS.c.run_id == run_id))

    def find_request(self, request_id: str) -> RunRecord | None:
        """See `Store.find_request`."""
        return self._run(_SELECT_RUN.where(RUNS.c.request_id == request_id))

    def list_runs(self, limit: int, before: int | None, wanted: Filter) -> list[RunRecord]:
        """See `Store.list_runs`."""
        query = listed(LIST_RUNS, wanted).limit(limit)
        if wanted.states or wanted.verdicts:
            query = query.where(sa.or_(RUNS.c.run_id.in_(sorted(wanted.also)), _is(wanted)))
        if before is not None:
            query = query.where(RUNS.c.sequence < before)
        return [_run(row) for row in self.connection.execute(query)]

    def unfinished_runs(self) -> list[RunRecord]:
        """See `Store.unfinished_runs`."""
        query = _SELECT_RUN.where(RUNS.c.state.not_in(_FINAL_STATES)).order_by(RUNS.c.sequence)
        return [_run(row) for row in self.connection.execute(query)]

    def delete_run(self, run_id: str) -> bool:
        """Delete the rows of a run and what hangs on them; whether there was one."""
        bundle = self.connection.scalar(_BUNDLE_OF, {"of_run": run_id})
        deleted = False
        for own in self.lives.own_rows(run_id):  # its own comes last
            deleted = bool(self.connection.execute(_DELETE_RUN, {"of_run": own}).rowcount)
        self.bundles.drop_if_unused(bundle)
        return deleted

    def delete_runs(self, run_ids: list[str], most_batches: int) -> list[str]:
        """Delete runs in this order, until `most_batches` of their batches are gone; which."""
        deleted: list[str] = []
        left = most_batches
        for run_id in run_ids:
            for own in self.lives.own_rows(run_id):
                left -= self.drop_detail_of(own, left)
                if not left:
                    return deleted  # it may have more
            self.delete_run(run_id)
            deleted.append(run_id)
        return deleted

    def runs_over(self, before_ns: int | None) -> list[str]:
        """The runs that are over, and ended before a moment, the oldest first."""
        query = sa.select(RUNS.c.run_id).select_from(_OF_RUNS)
        query = query.where(_OVER).order_by(RUNS.c.sequence)
        if before_ns is not None:
            query = query.where(RUNS.c.end_time_ns < before_ns)
        return list(self.connection.scalars(query))

    def _run(self, query: sa.Select[Any]) -> RunRecord | None:
        row = self.connection.execute(query).one_or_none()
        return None if row is None else _run(row)

    # Sources and batches

    def save_source(self, progress: SourceProgress, after: int) -> None:
        """See `Store.save_source`."""
        key = _key(progress.source)
        values = {name: getattr(progress, name) for name in _PROGRESS}
        values["losses"] = dict(progress.losses)
        if self.connection.execute(_ADVANCE_SOURCE, {**values, **key, "after": after}).rowcount:
            return
        stored = self.connection.scalar(_SELECT_COMMITTED, key)
        if (stored or 0) != after:
            raise StoreError(
                f"source {progress.source} is committed up to {stored or 0}, "
                f"but this write follows {after}"
            )
        self._check_run(progress.source.run_id, f"source {progress.source}")
        self.connection.execute(_INSERT_SOURCE, {**values, **_columns(progress.source)})

    def append(self, batch: StoredBatch, packed: Packed, progress: SourceProgress) -> int:
        """See `Store.append`; the number of the batch."""
        self.save_source(progress, after=batch.previous_sequence)
        values = {
            "first_sequence": batch.first_sequence,
            "count": batch.count,
            "offset": batch.offset,
            "packing": int(packed.packing),
            "payload": packed.payload,
            "size": len(packed.payload),
            "arrival_ns": batch.arrival_ns,
        }
        inserted = self.connection.execute(_INSERT_BATCH, {**values, **_columns(batch.source)})
        return int(inserted.inserted_primary_key[0])  # type: ignore[index]  # it has a key

    def sources(self, run_id: str) -> list[SourceProgress]:
        """See `Store.sources`."""
        query = (
            sa.select(SOURCES)
            .where(SOURCES.c.run_id == run_id)
            .order_by(SOURCES.c.agent_id, SOURCES.c.runner_id)
        )
        return [
            SourceProgress(source=_source(row), **{name: getattr(row, name) for name in _PROGRESS})
            for row in self.connection.execute(query)
        ]

    def batches(self, run_id: str, after: int, limit: int) -> list[StoredBatch]:
        """At most `limit` batches after the one numbered `after`."""
        parameters = {"of_run": run_id, "after": after, "limit": limit}
        return [_batch(row) for row in self.connection.execute(_SELECT_BATCHES, parameters)]

    # Windows

    def save_windows(
        self, run_id: str, windows: Sequence[StoredWindow], dropped: Mapping[int, int]
    ) -> None:
        """See `Store.save_windows`."""
        self._check_run(run_id, "what happened by time")
        rows = [{"run_id": run_id, **vars(window)} for window in windows]
        if rows:  # one that is there already is replaced: whoever saved it may not know that
            known = WINDOWS.c.number.in_([window.number for window in windows])
            self.connection.execute(sa.delete(WINDOWS).where(WINDOWS.c.run_id == run_id, known))
            self.connection.execute(_INSERT_WINDOW, rows)
        for length_s, before_s in dropped.items():
            old = {"of_run": run_id, "of_length": length_s, "before": before_s}
            self.connection.execute(_DROP_WINDOWS, old)

    def drop_windows(self, run_id: str) -> None:
        """See `Store.drop_windows`."""
        self.connection.execute(sa.delete(WINDOWS).where(WINDOWS.c.run_id == run_id))

    def windows(self, run_id: str) -> list[StoredWindow]:
        """See `Store.windows`."""
        return [
            StoredWindow(row.number, row.length_s, row.start_s)
            for row in self.connection.execute(_LIST_WINDOWS, {"of_run": run_id})
        ]

    def sealed_windows(self, run_id: str, numbers: Sequence[int]) -> dict[int, bytes]:
        """See `Store.sealed_windows`."""
        query = sa.select(WINDOWS.c.number, WINDOWS.c.sealed).where(
            WINDOWS.c.run_id == run_id, WINDOWS.c.number.in_(numbers)
        )
        return {row.number: row.sealed for row in self.connection.execute(query)}

    # Types

    def save_types(self, types: TypeSet) -> None:
        """See `Store.save_types`."""
        self._check_run(types.run_id, "what describes types")
        digest = hashlib.sha256(types.payload).hexdigest()
        known = {"of_run": types.run_id, "of_digest": digest}
        if self.connection.scalar(_TYPES_EXIST, known) is None:
            values = {"run_id": types.run_id, "digest": digest, "payload": types.payload}
            self.connection.execute(_INSERT_TYPES, values)

    def types(self, after: int, limit: int) -> list[TypeSet]:
        """At most `limit` sets after the one numbered `after`."""
        return [
            TypeSet(row.run_id, row.payload, over=row.state in _FINAL_STATES, number=row.number)
            for row in self.connection.execute(_SELECT_TYPES, {"after": after, "limit": limit})
        ]

    def _check_run(self, run_id: str, what: str) -> None:
        if self.connection.scalar(_RUN_EXISTS, {"of_run": run_id}) is None:
            raise StoreError(f"{what} belongs to no stored run")

    # Detail that goes

    def detail_bytes(self) -> int:
        """What all batches take."""
        return int(self.connection.scalar(_DETAIL_BYTES) or 0)

    def runs_with_detail(self, keep_runs: int) -> list[str]:
        """Runs that are over and have detail, the oldest first, without the newest that are over.

        Those that have none left count among the newest too.
        """
        newest = (sa.select(RUNS.c.sequence).where(_OVER).order_by(RUNS.c.sequence.desc())).limit(
            keep_runs
        )
        query = (
            sa.select(RUNS.c.run_id)
            .where(_OVER, RUNS.c.sequence.not_in(newest.scalar_subquery()), _HAS_DETAIL)
            .order_by(RUNS.c.sequence)
        )
        return list(self.connection.scalars(query))

    def drop_detail_of(self, run_id: str, limit: int) -> int:
        """Drop at most `limit` batches of a run, the oldest; how many."""
        numbers = self.connection.scalars(_DETAIL_OF_RUN, {"of_run": run_id, "limit": limit})
        return self._drop(list(numbers))

    def drop_oldest_detail(self, excess: int, limit: int) -> int:
        """Drop the oldest batches that are not needed, until `excess` bytes are gone.

        At most `limit` batches; the rest is for another call. Returns how many were dropped.
        """
        numbers = []
        for row in self.connection.execute(_OLDEST_DETAIL, {"limit": limit}):
            if excess <= 0:
                break
            numbers.append(row.batch_id)
            excess -= row.size
        return self._drop(numbers)

    def size(self) -> int | None:
        """The bytes that the database takes; None: it is in memory."""
        return self._backend.size(self.connection)

    def give_back(self) -> None:
        """Give back to the disk some of what deleted rows took."""
        self._backend.shrink(self.connection)

    def _drop(self, numbers: list[int]) -> int:
        if numbers:
            self.connection.execute(sa.delete(BATCHES).where(BATCHES.c.batch_id.in_(numbers)))
        return len(numbers)


_PROGRESS: Final = tuple(field.name for field in fields(SourceProgress) if field.name != "source")
"""Columns of a source beside its key: named as in the record."""


def _is(wanted: Filter) -> sa.ColumnElement[bool]:
    """Whether a run is in the states and of the verdicts that are wanted."""
    conditions = []
    if wanted.states:
        conditions.append(RUNS.c.state.in_(sorted(map(int, wanted.states))))
    if wanted.verdicts:
        conditions.append(RUNS.c.verdict.in_(sorted(wanted.verdicts)))
    return sa.and_(*conditions)


def _run(row: sa.Row[Any]) -> RunRecord:
    values = dict(row._mapping)  # noqa: SLF001 - public in spite of its name
    values["state"] = RunState(values["state"])
    values["agent_ids"] = tuple(values["agent_ids"])
    return RunRecord(**values)


def _batch(row: sa.Row[Any]) -> StoredBatch:
    return StoredBatch(
        source=_source(row),
        first_sequence=row.first_sequence,
        # By name: a row is a tuple, and has a method of that name.
        count=row._mapping["count"],  # noqa: SLF001 - public in spite of its name
        offset=row.offset,
        payload=unpack(row.packing, row.payload),
        arrival_ns=row.arrival_ns,
        number=row.batch_id,
    )


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
