"""What runs are listed by and wait for, and their attempts that are over, as rows.

Rule: as in `tables`. Every run has one row in `lives`, and so has no attempt: the second and later
attempts of a run are in `runs` only so that what their sources send belongs to something.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Final

import sqlalchemy as sa

from loadgrpc.model import attempt_id
from loadgrpc.store.history import NO_TEXT
from loadgrpc.store.record import AttemptRecord, Filter, RunRecord
from loadgrpc.store.schema import ATTEMPTS, LIVES, RUNS

NAMED: Final = ("priority", "due_time_ns", "queue_time_ns", "expire_time_ns", "attempt")
"""Columns that are named as in the record of a run."""
OF_RUN: Final = tuple(LIVES.c[name] for name in NAMED)

_UPDATE: Final = sa.update(LIVES).where(LIVES.c.run_id == sa.bindparam("of_run"))
_INSERT: Final = sa.insert(LIVES)
_INSERT_ATTEMPT: Final = sa.insert(ATTEMPTS)
_ATTEMPT_EXISTS: Final = sa.select(ATTEMPTS.c.attempt).where(
    ATTEMPTS.c.run_id == sa.bindparam("of_run"), ATTEMPTS.c.attempt == sa.bindparam("of_attempt")
)
_SELECT_ATTEMPTS: Final = (
    sa.select(*(column for column in ATTEMPTS.c if column is not ATTEMPTS.c.summary))
    .where(ATTEMPTS.c.run_id == sa.bindparam("of_run"))
    .order_by(ATTEMPTS.c.attempt)
)
_SELECT_SUMMARY: Final = sa.select(ATTEMPTS.c.summary).where(
    ATTEMPTS.c.run_id == sa.bindparam("of_run"), ATTEMPTS.c.attempt == sa.bindparam("of_attempt")
)
_LAST: Final = sa.select(LIVES.c.attempt).where(LIVES.c.run_id == sa.bindparam("of_run"))
_UPDATE_STATE: Final = sa.update(RUNS).where(RUNS.c.run_id == sa.bindparam("of_run"))
_INSERT_RUN: Final = sa.insert(RUNS)
_ATTEMPT: Final = tuple(
    field.name for field in fields(AttemptRecord) if field.name not in {"agent_ids", "summary"}
)


class Lives:
    """See the module."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def save(self, record: RunRecord, *, new: bool) -> None:
        """Add or replace what is known beside the row of a run, which is there."""
        values: dict[str, Any] = {name: getattr(record, name) for name in NAMED}
        values["owner"] = record.owner.translate(NO_TEXT)
        values["title"] = record.title.translate(NO_TEXT)
        values["labels"] = f" {' '.join(record.labels)} "
        if new:
            self._connection.execute(_INSERT, {**values, "run_id": record.run_id})
        else:
            self._connection.execute(_UPDATE, {**values, "of_run": record.run_id})
        for attempt in record.attempts:
            self._add_attempt(record.run_id, attempt)
        if record.attempt > 1:
            self._save_attempt(record)

    def _save_attempt(self, record: RunRecord) -> None:
        """The row of the current attempt in `runs`: whether it is over."""
        own = attempt_id(record.run_id, record.attempt)
        state = {"state": int(record.state), "end_time_ns": record.end_time_ns}
        if not self._connection.execute(_UPDATE_STATE, {**state, "of_run": own}).rowcount:
            row = {
                "run_id": own,
                "reason": "",
                "create_time_ns": record.create_time_ns,
                "agent_ids": [],
                "plan": b"",
            }
            self._connection.execute(_INSERT_RUN, {**row, **state})

    def _add_attempt(self, run_id: str, attempt: AttemptRecord) -> None:
        key = {"of_run": run_id, "of_attempt": attempt.attempt}
        if self._connection.scalar(_ATTEMPT_EXISTS, key) is not None:
            return
        row = {name: getattr(attempt, name) for name in _ATTEMPT}
        row |= {
            "run_id": run_id,
            "reason": attempt.reason.translate(NO_TEXT),
            "verdict_reason": attempt.verdict_reason.translate(NO_TEXT),
            "agent_ids": list(attempt.agent_ids),
            "summary": attempt.summary,
        }
        self._connection.execute(_INSERT_ATTEMPT, row)
        if attempt.attempt > 1:  # what its sources sent may go like that of a run that is over
            state = {"state": attempt.state, "end_time_ns": attempt.end_time_ns}
            own = attempt_id(run_id, attempt.attempt)
            self._connection.execute(_UPDATE_STATE, {**state, "of_run": own})

    def attempts(self, run_id: str) -> list[AttemptRecord]:
        """See `Store.attempts`."""
        return [
            AttemptRecord(
                **{name: getattr(row, name) for name in _ATTEMPT}, agent_ids=tuple(row.agent_ids)
            )
            for row in self._connection.execute(_SELECT_ATTEMPTS, {"of_run": run_id})
        ]

    def attempt_summary(self, run_id: str, attempt: int) -> bytes | None:
        """See `Store.attempt_summary`."""
        found = self._connection.scalar(_SELECT_SUMMARY, {"of_run": run_id, "of_attempt": attempt})
        return None if found is None else bytes(found)

    def own_rows(self, run_id: str) -> list[str]:
        """The rows in `runs` of a run: its own, and one for each later attempt."""
        last = self._connection.scalar(_LAST, {"of_run": run_id}) or 1
        return [attempt_id(run_id, attempt) for attempt in range(last, 0, -1)]

    def find(self, beginning: str, limit: int) -> list[str]:
        """See `Store.find_runs`."""
        query = (
            sa.select(RUNS.c.run_id)
            .join(LIVES, LIVES.c.run_id == RUNS.c.run_id)
            .where(RUNS.c.run_id.startswith(beginning, autoescape=True))
            .order_by(RUNS.c.sequence.desc())
            .limit(limit)
        )
        return list(self._connection.scalars(query))


def listed(query: sa.Select[Any], wanted: Filter) -> sa.Select[Any]:
    """A query about runs, of which only those with these labels, owner and title are wanted."""
    for label in wanted.labels:
        query = query.where(LIVES.c.labels.contains(f" {label} ", autoescape=True))
    if wanted.owner:
        query = query.where(LIVES.c.owner == wanted.owner)
    if wanted.title:
        query = query.where(LIVES.c.title.contains(wanted.title, autoescape=True))
    return query
