"""What goes wrong in a run is told while it is wrong: to those who watch, ask, and look at it."""

from __future__ import annotations

import asyncio
import json
import signal

import pytest

from loadgrpc.client import Client
from loadgrpc.model import Progress, Run, TroubleKind

pytestmark = pytest.mark.system

WITHIN_S = 20.0
"""Generous: it is a second or so on a machine that has nothing else to do."""


def watched(address, run_id, until):
    """The news of a run up to the first for which `until` is true; fails when none comes."""

    async def watch():
        seen = []
        async with Client.connect(address) as client, asyncio.timeout(WITHIN_S):
            async for news in client.watch_run(run_id):
                seen.append(news.update)
                if until(news.update):
                    break
        return seen

    return asyncio.run(watch())


def has(kind):
    """Whether figures tell of a trouble of some kind."""
    return lambda update: (
        isinstance(update, Progress) and kind in [each.kind for each in update.troubles]
    )


def well(update):
    """Whether figures tell of no trouble, and hits are counted."""
    return isinstance(update, Progress) and not update.troubles and update.rate > 0


def detached(loadgrpc, address, url, *more):
    """A run that goes on for a minute; its id."""
    plan = ("example.TestWebSite.test_delay", "-u", "2", "-d", "60s", "-H", url)
    ran = loadgrpc("run", *plan, "-b", address, "--detach", *more)
    assert ran.code == 0, ran.stderr
    return ran.stdout.strip()


def test_c1_a_killed_agent_is_told_wherever_people_look(
    cluster, start, loadgrpc, demo_server, folder
):
    """`kill -9` of an agent: a line in the display, in WatchRun, status, runs and show, at once."""
    its = cluster(2)
    run_id = detached(loadgrpc, its.address, demo_server.url, "-a", "2")
    watched(its.address, run_id, well)
    display = start("loadgrpc", "attach", run_id, "-b", its.address, cwd=folder)
    display.wait_for("users", WITHIN_S)

    its.agents[0].signal(signal.SIGKILL)
    *_, figures = watched(its.address, run_id, has(TroubleKind.AGENT_UNREACHABLE))
    (trouble,) = figures.troubles
    display.wait_for(f"agent {trouble.agent_id} .2 users. is unreachable", WITHIN_S)

    assert trouble.until_ns - trouble.since_ns == 60 * 10**9
    for command in (("status",), ("runs",), ("show", run_id)):
        ran = loadgrpc(*command, "-b", its.address)
        assert ran.code == 0, ran.stderr
        words = f"agent {trouble.agent_id} (2 users) is unreachable, not heard from for"
        assert words in " ".join(ran.stdout.split())
    document = loadgrpc("show", run_id, "--json", "-b", its.address).document
    assert document["troubles"][0]["agentId"] == trouble.agent_id

    loadgrpc("stop", run_id, "--kill", "-b", its.address)


@pytest.mark.long
def test_c2_a_database_that_is_away_is_told_and_what_is_known_is_answered(
    start, loadgrpc, demo_server, folder, postgres
):
    """PostgreSQL stops: status, runs, show and WatchRun go on and say so; then all is counted."""
    broker = start(
        "loadgrpc",
        "broker",
        *("--listen", "127.0.0.1:0", "--store", postgres.new_database()),
        cwd=folder,
    )
    address = broker.wait_for(r"listening on (\S+?),", WITHIN_S)[1]
    agent = start("loadgrpc", "agent", "--broker", address, cwd=folder)
    agent.wait_for("connected to", WITHIN_S)
    over = loadgrpc(
        *("run", "example.TestWebSite.test_es", "-H", demo_server.url, "-b", address, "-a", "1"),
        *("--json", "-q"),
    ).document["runId"]
    run_id = detached(loadgrpc, address, demo_server.url, "-a", "1")
    watched(address, run_id, well)
    display = start("loadgrpc", "attach", run_id, "-b", address, cwd=folder)
    display.wait_for("users", WITHIN_S)

    postgres.stop()
    *_, figures = watched(address, run_id, has(TroubleKind.STORE_AWAY))
    display.wait_for("what is reported has waited for the store for", WITHIN_S)
    told = len(display.lines)
    later = []

    def some(update):
        later.append(update)
        return len([each for each in later if isinstance(each, Progress)]) > 4

    watched(address, run_id, some)
    frozen = [each for each in later if isinstance(each, Progress)]
    assert {each.hits for each in frozen} == {figures.hits}
    assert {each.rate for each in frozen} == {figures.rate}  # it does not fall
    assert figures.rate > 0
    assert not any(" 0/s" in line for line in display.lines[told:])

    status = loadgrpc("status", "-b", address)
    runs = loadgrpc("runs", "-b", address)
    shown = loadgrpc("show", run_id, "-b", address)
    for ran in (status, runs, shown):
        assert ran.code == 0, ran.stderr
        assert run_id in ran.stdout
        assert "is not available" in " ".join(ran.stdout.split())
    assert "runs that are over may be missing" in runs.stdout
    assert over not in runs.stdout
    past = loadgrpc("show", over, "-b", address)
    assert past.code == 4
    assert f"the broker at {address} is there, but the store postgresql://" in past.stderr
    listed = json.loads(loadgrpc("runs", "--json", "-b", address).stdout)
    assert [each["runId"] for each in listed["runs"]] == [run_id]
    assert "is not available" in listed["storeTrouble"]

    postgres.start()
    *_, figures = watched(address, run_id, well)
    display.wait_for("the store takes writes again", WITHIN_S)
    assert isinstance(figures, Progress)
    loadgrpc("stop", run_id, "-b", address)
    assert display.wait(WITHIN_S) == 105
    summary = loadgrpc("show", run_id, "--json", "-b", address).document
    assert summary["accounting"]["lost"] == "0"
    assert over in loadgrpc("runs", "-b", address).stdout


@pytest.mark.long
def test_b6_the_first_rates_are_those_of_whole_seconds(cluster, loadgrpc, demo_server):
    """No early figure is far off: partial seconds and late batches do not count as whole ones."""
    its = cluster(1)
    run_id = detached(loadgrpc, its.address, demo_server.url, "-a", "1")
    figures = []

    def enough(update):
        if isinstance(update, Progress) and update.window is not None:
            figures.append(update)
        return len(figures) > 6

    seen = watched(its.address, run_id, enough)
    loadgrpc("stop", run_id, "-b", its.address)

    assert any(isinstance(update, Run) for update in seen)
    for each in figures:
        assert each.rate == each.window.hits / each.window.seconds
        assert 1 <= each.window.seconds <= 5
        # Two users, 20 ms and more an iteration: 100/s are the most that can be.
        assert 0 < each.rate <= 102
