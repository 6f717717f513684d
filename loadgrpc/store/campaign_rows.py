"""Schedules and campaigns, as rows; and the bundles that they hold.

Rule: as in `tables`, and what is in a row is opaque here. A bundle that somebody holds stays: a
schedule for as long as there is one, a campaign until it is over.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa

from loadgrpc.errors import AlreadyExists
from loadgrpc.store.record import CampaignRecord, ScheduleRecord
from loadgrpc.store.schema import CAMPAIGNS, HOLDS, SCHEDULES

_OF: Final = CAMPAIGNS.c.campaign_id == sa.bindparam("of_campaign")
_UPDATE: Final = sa.update(CAMPAIGNS).where(_OF)
_INSERT: Final = sa.insert(CAMPAIGNS)
_DELETE: Final = sa.delete(CAMPAIGNS).where(_OF)
_SELECT: Final = sa.select(CAMPAIGNS)
_LISTED: Final = sa.select(*(column for column in CAMPAIGNS.c if column is not CAMPAIGNS.c.spec))
_HELD_BY: Final = HOLDS.c.owner == sa.bindparam("of_owner")
_ALL_SCHEDULES: Final = sa.select(SCHEDULES).order_by(SCHEDULES.c.name)
_OF_NAME: Final = SCHEDULES.c.name == sa.bindparam("of_name")


class CampaignRows:
    """Every statement about them, over one connection; see `CampaignStore` for what each means."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def save_schedule(self, record: ScheduleRecord) -> None:
        """See `CampaignStore`."""
        self._connection.execute(sa.delete(SCHEDULES).where(_OF_NAME), {"of_name": record.name})
        row = {"name": record.name, "body": record.body}
        self._connection.execute(sa.insert(SCHEDULES), row)
        self._hold(f"schedule/{record.name}", [record.bundle] if record.bundle else [])

    def drop_schedule(self, name: str) -> None:
        """See `CampaignStore`."""
        self._connection.execute(sa.delete(SCHEDULES).where(_OF_NAME), {"of_name": name})
        self._hold(f"schedule/{name}", [])

    def schedules(self) -> list[ScheduleRecord]:
        """See `CampaignStore`."""
        rows = self._connection.execute(_ALL_SCHEDULES)
        return [ScheduleRecord(name=row.name, body=row.body) for row in rows]

    def save(self, record: CampaignRecord) -> None:
        """See `CampaignStore`."""
        values: dict[str, Any] = {"head": record.head, "over": record.over}
        if record.spec is not None:
            values["spec"] = record.spec
        if record.request_id is not None:
            values["request_id"] = record.request_id
            holder = self.of_request(record.request_id)
            if holder is not None and holder.campaign_id != record.campaign_id:
                raise AlreadyExists(
                    f"request_id {record.request_id!r} is that of campaign {holder.campaign_id}"
                )
        key = {"of_campaign": record.campaign_id}
        if not self._connection.execute(_UPDATE, {**values, **key}).rowcount:
            self._connection.execute(_INSERT, {**values, "campaign_id": record.campaign_id})
        self._hold(f"campaign/{record.campaign_id}", [] if record.over else record.bundles)

    def get(self, campaign_id: str) -> CampaignRecord | None:
        """See `CampaignStore`."""
        return self._one(_SELECT.where(CAMPAIGNS.c.campaign_id == campaign_id))

    def of_request(self, request_id: str) -> CampaignRecord | None:
        """See `CampaignStore`."""
        return self._one(_SELECT.where(CAMPAIGNS.c.request_id == request_id))

    def active(self) -> list[CampaignRecord]:
        """See `CampaignStore`."""
        query = _SELECT.where(sa.not_(CAMPAIGNS.c.over)).order_by(CAMPAIGNS.c.number)
        return [_record(row) for row in self._connection.execute(query)]

    def listed(self, limit: int, before: int | None) -> list[CampaignRecord]:
        """See `CampaignStore`."""
        query = _LISTED.order_by(CAMPAIGNS.c.number.desc()).limit(limit)
        if before is not None:
            query = query.where(CAMPAIGNS.c.number < before)
        return [_record(row) for row in self._connection.execute(query)]

    def drop(self, campaign_id: str) -> bool:
        """See `CampaignStore`."""
        dropped = self._connection.execute(_DELETE, {"of_campaign": campaign_id}).rowcount
        self._hold(f"campaign/{campaign_id}", [])
        return bool(dropped)

    def drop_beyond(self, keep: int) -> None:
        """See `CampaignStore`."""
        newest = (
            sa.select(CAMPAIGNS.c.number)
            .where(CAMPAIGNS.c.over)
            .order_by(CAMPAIGNS.c.number.desc())
            .limit(keep)
        )
        old = sa.and_(CAMPAIGNS.c.over, CAMPAIGNS.c.number.not_in(newest.scalar_subquery()))
        self._connection.execute(sa.delete(CAMPAIGNS).where(old))

    def _hold(self, owner: str, bundles: Sequence[str]) -> None:
        self._connection.execute(sa.delete(HOLDS).where(_HELD_BY), {"of_owner": owner})
        rows = [{"owner": owner, "sha256": sha256} for sha256 in dict.fromkeys(bundles)]
        if rows:
            self._connection.execute(sa.insert(HOLDS), rows)

    def _one(self, query: sa.Select[Any]) -> CampaignRecord | None:
        row = self._connection.execute(query).one_or_none()
        return None if row is None else _record(row)


def _record(row: sa.Row[Any]) -> CampaignRecord:
    return CampaignRecord(
        campaign_id=row.campaign_id,
        head=row.head,
        spec=row._mapping.get("spec"),  # noqa: SLF001 - public in spite of its name
        request_id=row.request_id,
        over=bool(row.over),
        number=row.number,
    )
