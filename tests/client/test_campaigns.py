"""Schedules and campaigns over the wire: a broker in the test's process, and nobody to run them."""

import asyncio
from dataclasses import replace

import pytest

import loadgrpc
from loadgrpc import campaign as compose
from loadgrpc.cli.command import call
from loadgrpc.cli.root import root
from loadgrpc.client import Client
from loadgrpc.errors import AlreadyExists, InvalidRequest, NotFound, RunNotOver
from loadgrpc.model import (
    CampaignState,
    ObserverChoice,
    Overlap,
    RunState,
    ScheduleSpec,
    StepState,
)
from loadgrpc.testing import plan_of, running_cluster
from loadgrpc.v1 import campaign_pb2

PLAN = plan_of(test="a.B.c", iterations=(1,), env=(("BUILD", "1f2e3d4c5b6a79881f2e3d4c5b6a7988"),))


def with_client(use, store=":memory:"):
    """What `use(client)` returns."""

    async def main():
        async with (
            running_cluster(agents=0, store=store) as endpoint,
            Client.connect(endpoint) as client,
        ):
            return await use(client)

    return asyncio.run(main())


def schedule(name="n", **more):
    """A schedule."""
    return ScheduleSpec(
        **{"name": name, "cron": "0 3 * * 1-5", "time_zone": "Europe/Berlin", "plan": PLAN, **more}
    )


def test_schedules():
    """Added, listed without secrets, paused, resumed, started by hand, removed."""

    async def use(client):
        calls = client.schedules
        added = await calls.add(schedule(overlap=Overlap.QUEUE))
        assert dict(added.spec.plan.env) == {"BUILD": "***"}
        assert added.spec.overlap is Overlap.QUEUE
        with pytest.raises(AlreadyExists):
            await calls.add(schedule(cron="@daily"))
        secret = replace(PLAN, env=(("API_TOKEN", "hunter2hunter2"),))
        with pytest.raises(InvalidRequest, match=r"plan\.env\['API_TOKEN'\]: is a secret, or has"):
            await calls.add(schedule("s", plan=secret))
        host = plan_of(test="a.B.c", server_url="http://ann:hunter2@h/")
        with pytest.raises(
            InvalidRequest, match=r"schedule\.plan\.server_url: is a secret, or has"
        ):
            await calls.add(schedule("s", plan=host))
        with pytest.raises(InvalidRequest, match=r"schedule\.plan\.test.*package\.module"):
            await calls.add(schedule("m", plan=plan_of(test="x")))
        with pytest.raises(InvalidRequest, match=r"schedule\.name"):
            await calls.add(schedule(""))
        await calls.add(schedule("a"))
        assert [each.spec.name for each in await calls.list()] == ["a", "n"]
        assert (await calls.pause("n")).paused
        assert (await calls.resume("n")).next_time_ns == added.next_time_ns
        fired = (await calls.run_now("n")).firings[0]
        assert fired.state.name == "STARTING"
        assert (await client.get_run(fired.run_id)).state is RunState.QUEUED
        assert fired.reason == "1 of 1 in the queue: needs 1 agent, none known"
        await calls.remove("n")
        with pytest.raises(NotFound, match="no schedule 'n'"):
            await calls.list("n")
        with pytest.raises(InvalidRequest, match="name: is required"):
            await calls.pause("")

    with_client(use)


def test_a_long_list_of_schedules_comes_in_pages():
    """No answer has more than clients accept: plans of 100 kB, fifty of them."""
    plan = plan_of(test="a.B.c", env=tuple((f"V{at}", "x" * 30_000) for at in range(8)))

    async def use(client):
        for at in range(16):
            await client.schedules.add(schedule(f"n{at:02}", plan=plan))
        return [each.spec.name for each in await client.schedules.list()]

    assert with_client(use) == [f"n{at:02}" for at in range(16)]


def test_campaigns():
    """Started once, watched, listed, replaced, stopped, deleted."""

    async def use(client):
        calls = client.campaigns
        spec = compose.of(
            compose.chain(compose.run(PLAN, name="a"), compose.run(PLAN, name="b")), title="t"
        )
        first = await calls.start(spec, request_id="q")
        assert (await calls.start(spec, request_id="q")).campaign_id == first.campaign_id
        assert dict(first.spec.steps[0].plan.env) == {"BUILD": "***"}
        unknown = compose.notify(ObserverChoice(name="irk"))
        with pytest.raises(InvalidRequest, match=r"campaign\.steps\[1\]\.observer\.name.*irk"):
            await calls.start(compose.of(compose.chain(compose.run(PLAN), unknown)))
        name = first.campaign_id
        seen = []

        async def watch():
            async for campaign in calls.watch(name):
                seen.append(campaign)

        watching = asyncio.create_task(watch())
        replaced = await calls.replace(name, "b", plan_of(test="x.Y.z"))
        assert replaced.spec.step("b").plan.label == "x.Y.z"
        with pytest.raises(RunNotOver):
            await calls.delete(name)
        assert "asked to stop it" in (await calls.stop(name)).reason
        await watching
        stopped = await calls.get(name)
        assert (stopped.state, stopped.verdict.exit_code) == (CampaignState.STOPPED, 105)
        assert seen[-1] == stopped
        assert [campaign.sequence for campaign in seen] == sorted(
            {campaign.sequence for campaign in seen}
        )
        second = await calls.start(spec)
        page, token = await calls.list(page_size=1)
        assert [each.campaign_id for each in page] == [second.campaign_id]
        assert page[0].spec.steps[0].plan is None
        rest, end = await calls.list(page_size=1, page_token=token)
        assert ([each.campaign_id for each in rest], end) == ([name], "")
        await calls.delete(name)
        with pytest.raises(NotFound, match="no campaign"):
            await calls.get(name)

    with_client(use)


def test_without_an_event_loop():
    """The same from a script: `loadgrpc.Client`, whose watches are plain iterators."""

    async def use(client):
        return await asyncio.to_thread(script, client._endpoint)

    def script(endpoint):
        with loadgrpc.Client(endpoint) as client:
            client.schedules.add(schedule())
            assert client.schedules.pause("n").paused
            assert not client.schedules.resume("n").paused
            assert client.schedules.run_now("n").fired == 1
            assert [each.spec.name for each in client.schedules.list()] == ["n"]
            client.schedules.remove("n")
            spec = compose.of(compose.run(PLAN, name="a"))
            started = client.campaigns.start(spec, request_id="q")
            name = started.campaign_id
            assert client.campaigns.get(name).campaign_id == name
            client.campaigns.replace(name, "a", plan_of(test="x.Y.z"))
            client.campaigns.stop(name, kill=True)
            over = client.campaigns.result(name)
            assert [each.campaign_id for each in client.campaigns.list()] == [name]
            client.campaigns.delete(name)
            return over

    assert with_client(use).state is CampaignState.STOPPED


def test_what_strangers_send():
    """Wrong enums, tokens and ids are named; a graph with a circle is refused."""

    async def use(client):
        stub = client.campaigns._stub
        from loadgrpc.client.calling import called

        for method, request, words in (
            (stub.GetCampaign, campaign_pb2.GetCampaignRequest(), "campaign_id: is required"),
            (
                stub.ListCampaigns,
                campaign_pb2.ListCampaignsRequest(page_token="x"),
                "page_token: was not issued",
            ),
            (
                stub.StopCampaign,
                campaign_pb2.StopCampaignRequest(campaign_id="c", mode=9),
                "mode: is not known here",
            ),
            (
                stub.ReplaceStep,
                campaign_pb2.ReplaceStepRequest(campaign_id="c"),
                "step: is required",
            ),
            (
                stub.StartCampaign,
                campaign_pb2.StartCampaignRequest(),
                "campaign.steps: is required",
            ),
            (
                stub.StartCampaign,
                campaign_pb2.StartCampaignRequest(
                    campaign={
                        "steps": [
                            {"name": "a", "plan": {"test": "a.B.c"}, "after": [{"step": "a"}]},
                        ]
                    }
                ),
                "no step may come after itself: a → a",
            ),
            (
                stub.StartCampaign,
                campaign_pb2.StartCampaignRequest(
                    campaign={
                        "steps": [
                            {"name": "a", "plan": {"test": "a.B.c"}},
                            {"name": "b", "after": [{"step": "a", "gate": 9}]},
                        ]
                    }
                ),
                r"steps[1].after[0].gate: is not known here",
            ),
        ):
            with pytest.raises(InvalidRequest) as caught:
                await called(method, request)
            assert words in str(caught.value)

    with_client(use)


def test_a_campaign_that_waits_for_agents_says_so(tmp_path):
    """In its step, for everybody who looks; and after a restart, too."""
    spec = compose.of(compose.run(PLAN, name="a"))

    async def start(client):
        return (await client.campaigns.start(spec)).campaign_id

    async def look(client):
        return (await client.campaigns.get(campaign_id)).by_name["a"]

    store = str(tmp_path / "s.db")
    campaign_id = with_client(start, store)
    status = with_client(look, store)
    assert status.state is StepState.READY
    assert status.reason == "1 of 1 in the queue: needs 1 agent, none known"


def test_commands_that_name_nothing(capsys, tmp_path, monkeypatch):
    """A group without a command shows its help; a slip is an error that names the commands."""
    monkeypatch.chdir(tmp_path)
    assert call(root, ["schedule"]) == 0
    assert "run-now" in capsys.readouterr().out
    assert call(root, ["campaign"]) == 0
    assert "Start a campaign, follow it, and report its result" in capsys.readouterr().out
    assert call(root, ["campaign", "shwo"]) == 2
    assert "no such file: shwo (there are delete, draw, list" in capsys.readouterr().err
    assert call(root, ["campaign", "no.toml"]) == 2
    assert "no.toml cannot be read: No such file or directory" in capsys.readouterr().err
