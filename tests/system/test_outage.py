"""PostgreSQL goes away in a run: whoever is asked tells the same state, the stored one."""

from __future__ import annotations

import asyncio

import pytest

from loadgrpc.client import Client
from loadgrpc.model import Run, RunState

pytestmark = pytest.mark.system

WITHIN_S = 30.0
"""Generous: it is a second or so on a machine that has nothing else to do."""


async def told(client, run_id, seen):
    """The states of a run that everybody tells, in the order in which they were asked."""
    watching = client.watch_run(run_id)
    first = (await anext(watching)).update
    await watching.aclose()
    found = [first.state, (await client.get_run(run_id)).state]
    runs, _ = await client.list_runs()
    found.append(next(run.state for run in runs if run.run_id == run_id))
    found.append((await client.get_summary(run_id)).state)
    return [*found, *seen[-1:], (await client.get_run(run_id)).state]


async def watch(client, run_id, seen):
    """Notes each state that a watcher is told."""
    async for news in client.watch_run(run_id, after=0):
        if isinstance(news.update, Run):
            seen.append(news.update.state)


async def until(client, run_id, seen, wanted):
    """Polls everybody until the run is in the state that is wanted; nobody is ever ahead."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            states = await told(client, run_id, seen)
            if states[0] is states[-1]:  # nothing changed while they were asked
                # The watcher of old may be told a moment later than who asks is.
                await asyncio.sleep(0.2)
                assert set(states[:-2]) == {states[0]}, states
                if seen[-1] is wanted is states[0]:
                    return
            await asyncio.sleep(0.1)


@pytest.mark.long
def test_everybody_tells_the_stored_state(start, loadgrpc, demo_server, folder, postgres):
    """Stopped while the database is away, a run is RUNNING for all until that is stored."""
    broker = start(
        "loadgrpc",
        "broker",
        *("--listen", "127.0.0.1:0", "--store", postgres.new_database()),
        cwd=folder,
    )
    address = broker.wait_for(r"listening on (\S+?),", WITHIN_S)[1]
    agent = start("loadgrpc", "agent", "--broker", address, cwd=folder)
    agent.wait_for("connected to", WITHIN_S)
    plan = ("example.TestWebSite.test_delay", "-u", "2", "-d", "60s", "-H", demo_server.url)
    ran = loadgrpc("run", *plan, "-b", address, "-a", "1", "--detach")
    assert ran.code == 0, ran.stderr
    run_id = ran.stdout.strip()

    def status(state):
        ran = loadgrpc("status", "-b", address)
        found = [line for line in ran.stdout.splitlines() if line.split()[:2] == [run_id, state]]
        assert len(found) == 1, f"exit {ran.code}: {ran.stdout}{ran.stderr}"

    # No client is open while PostgreSQL starts: gRPC does not bear forks of its process.
    def asked(wanted, times=None):
        async def use():
            async with Client.connect(address) as client:
                seen = []
                watching = asyncio.create_task(watch(client, run_id, seen))
                await until(client, run_id, seen, wanted)
                for _ in range(times or 0):
                    assert set(await told(client, run_id, seen)) == {wanted}
                    await asyncio.sleep(0.2)
                watching.cancel()
                await asyncio.gather(watching, return_exceptions=True)
                return seen, await client.list_changes(run_id)

        return asyncio.run(use())

    asked(RunState.RUNNING)
    postgres.stop()
    assert loadgrpc("stop", run_id, "-b", address).code == 4
    asked(RunState.RUNNING, times=10)  # its users end meanwhile
    status("running")
    postgres.start()
    seen, changes = asked(RunState.STOPPED)
    states = [RunState.STARTING, RunState.RUNNING, RunState.STOPPING, RunState.STOPPED]
    assert [state for state in states if state in seen] == seen
    assert [change.sequence for change in changes] == list(range(1, len(changes) + 1))
    shown = loadgrpc("show", run_id, "--changes", "-b", address).stdout
    for words in ("RUNNING", "cycle 1 of 1: 2 users", "asked to stop the run", "STOPPED"):
        assert words in shown
