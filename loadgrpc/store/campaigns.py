"""Schedules and campaigns in the store: a part of `Store`, with its rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from loadgrpc.store.record import CampaignRecord, ScheduleRecord
    from loadgrpc.store.writer import Writer


class CampaignStore:
    """Schedules and campaigns in the store: `Store.campaigns`. Errors are those of `Store`."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def save_schedule(self, record: ScheduleRecord) -> None:
        """Add a schedule, or replace the one of its name."""
        await self._writer.write(
            lambda tables: tables.campaigns.save_schedule(record), patient=False
        )

    async def drop_schedule(self, name: str) -> None:
        """Forget a schedule."""
        await self._writer.write(lambda tables: tables.campaigns.drop_schedule(name), patient=False)

    async def schedules(self) -> list[ScheduleRecord]:
        """All schedules, by name."""
        return await self._writer.read(lambda tables: tables.campaigns.schedules())

    async def save(self, record: CampaignRecord) -> None:
        """Add a campaign, or replace its record. AlreadyExists: its request_id is another's."""
        await self._writer.write(lambda tables: tables.campaigns.save(record), patient=False)

    async def get(self, campaign_id: str) -> CampaignRecord | None:
        """A campaign, or None."""
        return await self._writer.read(lambda tables: tables.campaigns.get(campaign_id))

    async def of_request(self, request_id: str) -> CampaignRecord | None:
        """The campaign that was started with a request_id, or None."""
        return await self._writer.read(lambda tables: tables.campaigns.of_request(request_id))

    async def active(self) -> list[CampaignRecord]:
        """The campaigns that are not over, the oldest first."""
        return await self._writer.read(lambda tables: tables.campaigns.active())

    async def listed(self, limit: int, before: int | None = None) -> list[CampaignRecord]:
        """At most `limit` campaigns, the newest first, without what was asked for.

        `before`: the `number` of the last one of the page before; None: the first page.
        """
        return await self._writer.read(lambda tables: tables.campaigns.listed(limit, before))

    async def drop(self, campaign_id: str) -> bool:
        """Delete a campaign; whether there was one."""
        return await self._writer.write(
            lambda tables: tables.campaigns.drop(campaign_id), patient=False
        )

    async def drop_beyond(self, keep: int) -> None:
        """Delete campaigns that are over, all but the newest."""
        await self._writer.write(lambda tables: tables.campaigns.drop_beyond(keep), patient=False)
