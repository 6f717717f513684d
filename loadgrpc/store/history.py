"""What happened in runs, as rows: the log of each, and its runners that have ended.

Rule: as in `tables`. A row is added once, with the run that it is of, and never changed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from typing import Any, Final

import sqlalchemy as sa

from loadgrpc.model import RunState
from loadgrpc.store.record import ChangeRecord, EndRecord, RunRecord
from loadgrpc.store.schema import CHANGES, ENDS, RUNS

NO_TEXT: Final = str.maketrans({"\0": "\N{REPLACEMENT CHARACTER}"})
"""What PostgreSQL cannot keep in a text; text of other programs may contain it."""

_LAST_CHANGE: Final = sa.select(sa.func.coalesce(sa.func.max(CHANGES.c.sequence), 0)).where(
    CHANGES.c.run_id == sa.bindparam("of_run")
)
_INSERT_CHANGE: Final = sa.insert(CHANGES)
_SELECT_CHANGES: Final = (
    sa.select(CHANGES)
    .where(CHANGES.c.run_id == sa.bindparam("of_run"))
    .order_by(CHANGES.c.sequence)
)
_SELECT_LOGS: Final = (
    sa.select(CHANGES)
    .join(RUNS, RUNS.c.run_id == CHANGES.c.run_id)
    .where(RUNS.c.state.in_(sa.bindparam("states", expanding=True)))
    .order_by(CHANGES.c.run_id, CHANGES.c.sequence)
)
_END_EXISTS: Final = sa.select(ENDS.c.run_id).where(
    ENDS.c.run_id == sa.bindparam("of_run"),
    ENDS.c.agent_id == sa.bindparam("of_agent"),
    ENDS.c.scenario == sa.bindparam("of_scenario"),
    ENDS.c.runner_id == sa.bindparam("of_runner"),
)
_INSERT_END: Final = sa.insert(ENDS)
_SELECT_ENDS: Final = sa.select(ENDS).where(ENDS.c.run_id == sa.bindparam("of_run"))

_CHANGE: Final = tuple(field.name for field in fields(ChangeRecord))
"""Columns of a change beside its run: named as in the record."""


class History:
    """See the module."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def add(self, record: RunRecord) -> None:
        """Add what is new with a run; of what is there already nothing is written."""
        self._add_changes(record)
        for end in record.ends:
            self._add_end(record.run_id, end)

    def _add_changes(self, record: RunRecord) -> None:
        """Add to the log of a run what it does not have yet."""
        if not record.changes:
            return
        last = self._connection.scalar(_LAST_CHANGE, {"of_run": record.run_id}) or 0
        rows = [
            {
                **{name: getattr(change, name) for name in _CHANGE},
                "run_id": record.run_id,
                "reason": change.reason.translate(NO_TEXT),
                "detail": dict(change.detail),
            }
            for change in record.changes
            if change.sequence > last
        ]
        if rows:
            self._connection.execute(_INSERT_CHANGE, rows)

    def _add_end(self, run_id: str, end: EndRecord) -> None:
        key = {
            "of_run": run_id,
            "of_agent": end.agent_id,
            "of_scenario": end.scenario,
            "of_runner": end.runner_id,
        }
        if self._connection.scalar(_END_EXISTS, key) is not None:
            return
        events, hits = end.produced or (None, None)
        row = {
            "run_id": run_id,
            "agent_id": end.agent_id,
            "scenario": end.scenario,
            "runner_id": end.runner_id,
            "events": events,
            "hits": hits,
        }
        self._connection.execute(_INSERT_END, row)

    def ends(self, run_id: str) -> list[EndRecord]:
        """See `Store.ends`."""
        return [
            EndRecord(
                row.agent_id,
                row.scenario,
                row.runner_id,
                None if row.events is None else (row.events, row.hits),
            )
            for row in self._connection.execute(_SELECT_ENDS, {"of_run": run_id})
        ]

    def changes(self, run_id: str) -> list[ChangeRecord]:
        """See `Store.changes`."""
        rows = self._connection.execute(_SELECT_CHANGES, {"of_run": run_id})
        return [change for _, change in map(_change, rows)]

    def logs(self, states: Iterable[RunState]) -> dict[str, list[ChangeRecord]]:
        """See `Store.logs`."""
        found: dict[str, list[ChangeRecord]] = {}
        rows = self._connection.execute(_SELECT_LOGS, {"states": [int(each) for each in states]})
        for run_id, change in map(_change, rows):
            found.setdefault(run_id, []).append(change)
        return found


def _change(row: sa.Row[Any]) -> tuple[str, ChangeRecord]:
    """A change with the run that it is of."""
    return row.run_id, ChangeRecord(**{name: getattr(row, name) for name in _CHANGE})
