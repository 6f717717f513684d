"""Notifications of observers, as rows.

Rule: as in `tables`. A row is added with the change that it is of, in its transaction, so that
nothing is forgotten that somebody is to be notified of; and it is kept as long as its run.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Final

import sqlalchemy as sa

from loadgrpc.model import Notification, NotificationState, ObserverEvent
from loadgrpc.store.history import NO_TEXT
from loadgrpc.store.record import RunRecord
from loadgrpc.store.schema import NOTIFICATIONS

_OF_RUN: Final = NOTIFICATIONS.c.run_id == sa.bindparam("of_run")
_THIS: Final = sa.and_(
    _OF_RUN,
    NOTIFICATIONS.c.change == sa.bindparam("of_change"),
    NOTIFICATIONS.c.observer == sa.bindparam("of_observer"),
)
_ORDER: Final = (NOTIFICATIONS.c.run_id, NOTIFICATIONS.c.change, NOTIFICATIONS.c.observer)
_EXISTS: Final = sa.select(NOTIFICATIONS.c.run_id).where(_THIS)
_INSERT: Final = sa.insert(NOTIFICATIONS)
_UPDATE: Final = sa.update(NOTIFICATIONS).where(_THIS)
_SELECT: Final = sa.select(NOTIFICATIONS).where(_OF_RUN).order_by(*_ORDER)
_PENDING: Final = (
    sa.select(NOTIFICATIONS)
    .where(NOTIFICATIONS.c.state == int(NotificationState.PENDING))
    .order_by(*_ORDER)
    .limit(sa.bindparam("limit"))
)
_NAMES: Final = tuple(field.name for field in fields(Notification))
"""Columns beside the run: named as in the model."""


class Notifications:
    """See the module."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def add(self, record: RunRecord) -> None:
        """Adds what is new with a run; of what is there already nothing is written."""
        for each in record.notifications:
            key = _key(record.run_id, each)
            if self._connection.scalar(_EXISTS, key) is None:
                self._connection.execute(_INSERT, {"run_id": record.run_id, **_row(each)})

    def update(self, run_id: str, notification: Notification) -> None:
        """See `Store.save_notification`."""
        self._connection.execute(_UPDATE, {**_key(run_id, notification), **_row(notification)})

    def of_run(self, run_id: str) -> list[Notification]:
        """See `Store.notifications`."""
        return [_notification(row) for row in self._connection.execute(_SELECT, {"of_run": run_id})]

    def pending(self, limit: int) -> list[tuple[str, Notification]]:
        """See `Store.pending_notifications`."""
        rows = self._connection.execute(_PENDING, {"limit": limit})
        return [(row.run_id, _notification(row)) for row in rows]


def _key(run_id: str, notification: Notification) -> dict[str, Any]:
    return {
        "of_run": run_id,
        "of_change": notification.change,
        "of_observer": notification.observer,
    }


def _row(notification: Notification) -> dict[str, Any]:
    row = {name: getattr(notification, name) for name in _NAMES}
    numbers = {"event": int(notification.event), "state": int(notification.state)}
    return {**row, **numbers, "reason": notification.reason.translate(NO_TEXT)}


def _notification(row: Any) -> Notification:
    values = {name: getattr(row, name) for name in _NAMES}
    values["event"] = ObserverEvent(row.event)
    values["state"] = NotificationState(row.state)
    return Notification(**values)
