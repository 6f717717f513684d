"""Schedules and campaigns in every kind of store, and the bundles that they hold."""

import pytest

from loadgrpc.errors import AlreadyExists
from loadgrpc.model import RunState
from loadgrpc.store import CampaignRecord, ScheduleRecord


def test_schedules_are_kept_by_name(using, target):
    """Saving one again replaces it; what is removed is gone."""

    async def use(store):
        kept = store.campaigns
        await kept.save_schedule(ScheduleRecord(name="b", body=b"1"))
        await kept.save_schedule(ScheduleRecord(name="a", body=bytes(range(256))))
        await kept.save_schedule(ScheduleRecord(name="b", body=b"2"))
        both = await kept.schedules()
        await kept.drop_schedule("a")
        await kept.drop_schedule("nobody")
        return both, await kept.schedules()

    both, left = using(target, use)
    assert [(each.name, each.body) for each in both] == [("a", bytes(range(256))), ("b", b"2")]
    assert [each.name for each in left] == ["b"]


def test_campaigns_come_back(using, target):
    """What was asked for stays when only how it stands is saved; the newest are listed first."""

    async def use(store):
        kept = store.campaigns
        for number in range(3):
            spec = f"spec {number}".encode()
            record = CampaignRecord(
                campaign_id=f"c-{number}", head=b"begun", spec=spec, request_id=f"q-{number}"
            )
            await kept.save(record)
        await kept.save(CampaignRecord(campaign_id="c-1", head=b"over", over=True))
        with pytest.raises(AlreadyExists, match="is that of campaign c-0"):
            await kept.save(CampaignRecord(campaign_id="c-9", head=b"", spec=b"", request_id="q-0"))
        one = await kept.get("c-1")
        listed = await kept.listed(2)
        rest = await kept.listed(2, listed[-1].number)
        return one, await kept.of_request("q-1"), await kept.active(), listed, rest

    one, by_request, active, listed, rest = using(target, use)
    assert one == by_request
    assert (one.head, one.spec, one.request_id, one.over) == (b"over", b"spec 1", "q-1", True)
    assert [each.campaign_id for each in active] == ["c-0", "c-2"]
    assert [each.campaign_id for each in listed] == ["c-2", "c-1"]
    assert [each.campaign_id for each in rest] == ["c-0"]
    assert listed[0].spec is None


def test_what_is_over_goes_the_oldest_first(using, target):
    """Active campaigns stay; deleting one says whether there was one."""

    async def use(store):
        kept = store.campaigns
        for number in range(5):
            over = number != 0
            await kept.save(
                CampaignRecord(campaign_id=f"c-{number}", head=b"", spec=b"", over=over)
            )
        await kept.drop_beyond(2)
        left = [each.campaign_id for each in await kept.listed(10)]
        return left, await kept.drop("c-4"), await kept.drop("c-4"), await kept.get("c-4")

    left, first, again, gone = using(target, use)
    assert left == ["c-4", "c-3", "c-0"]
    assert (first, again, gone) == (True, False, None)


def test_a_held_bundle_stays(using, target, records):
    """No run uses it, and others need its room: a schedule, or an active campaign, keeps it."""

    async def use(store):
        for name in ("of schedule", "of campaign", "free"):
            await store.append_to_bundle(name, 10, 0, b"x" * 10, now_ns=1)
        kept = store.campaigns
        await kept.save_schedule(ScheduleRecord(name="s", body=b"", bundle="of schedule"))
        record = CampaignRecord(
            campaign_id="c", head=b"", spec=b"", bundles=("of campaign", "of campaign")
        )
        await kept.save(record)
        run = records.run(state=RunState.FINISHED, bundle="of schedule")
        await store.save_run(run)
        await store.delete_run("run-1")

        async def left():
            await store.make_room(1, 15, touched_before_ns=9, unused_before_ns=9)
            names = ("of schedule", "of campaign", "free")
            return [name for name in names if await store.get_bundle(name)]

        first = await left()
        await kept.save(CampaignRecord(campaign_id="c", head=b"", over=True))
        second = await left()
        await kept.drop_schedule("s")
        return first, second, await left()

    first, second, third = using(target, use)
    assert first == ["of schedule", "of campaign"]
    assert second == ["of schedule"]
    assert third == []
