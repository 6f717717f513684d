"""Stores that older versions wrote: small ones, as they were left, and what they showed then."""

import asyncio
import json
import sqlite3
from pathlib import Path

import pytest

from loadgrpc.model import ChangeKind, Run, RunState
from loadgrpc.testing import ManualClock

STORES = Path(__file__).parent / "old_stores"


@pytest.fixture(params=[2, 3], ids=lambda version: f"schema-{version}")
def old(request, tmp_path):
    """A store of an older schema, and what its broker showed of each run.

    The last of its runs was going on when the broker was killed.
    """
    path = tmp_path / "store.db"
    database = sqlite3.connect(path)
    database.executescript((STORES / f"schema_{request.param}.sql").read_text())
    database.close()
    return str(path), json.loads((STORES / f"schema_{request.param}.json").read_text())


async def history(desk, run_id):
    """The changes of state of a run, from the beginning; of one that goes on, those up to now."""
    found = []
    async for news in desk.broker.watch_run(run_id, 0):
        if news.change is None:
            break
        if isinstance(news.update, Run):
            found.append([news.update.state.name, news.update.reason])
    return found


def test_an_old_store_shows_what_it_showed(at_desk, old):
    """State, reason, times, verdict, figures and history of each run are what they were."""
    path, shown = old

    async def use(desk):
        runs = {run.run_id: run for run in (await desk.broker.list_runs(0, "")).runs}
        assert set(runs) == {each["run_id"] for each in shown.values()}
        for each in shown.values():
            run = await desk.broker.get_run(each["run_id"])
            summary = await desk.broker.get_summary(run.run_id)
            listed = runs[run.run_id]
            assert listed.state.name == run.state.name == summary.state.name == each["state"]
            assert listed.reason == run.reason == each["reason"]
            assert run.start_time_ns == each["start_time_ns"]
            assert run.end_time_ns == each["end_time_ns"]
            assert await history(desk, run.run_id) == each["history"]
            if each["verdict"] is not None:
                judged = summary.verdict
                assert [judged.exit_code, judged.reason] == each["verdict"]
                assert summary.iterations.started == each["iterations"]

    at_desk(use, store=path)


def test_a_run_of_an_old_store_goes_on_and_gets_a_log(at_desk, old):
    """Its past has the numbers that it had, what follows is logged, and the next broker knows."""
    path, shown = old
    going_on = shown["going_on"]
    clock = ManualClock(wall_ns=going_on["start_time_ns"] + 60 * 10**9)
    run_id = going_on["run_id"]

    async def resumed(desk):
        watching = desk.broker.watch_run(run_id, 0)
        first = [await anext(watching) for _ in range(2)]
        assert [(news.sequence, news.change.state) for news in first] == [
            (1, RunState.STARTING),
            (2, RunState.RUNNING),
        ]
        assert first[1].change.time_ns == going_on["start_time_ns"]
        clock.advance(61)
        desk.broker.end_leases()
        return [news.change async for news in watching if news.change is not None]

    later = at_desk(resumed, store=path, clock=clock)
    assert [(change.sequence, change.kind, change.state) for change in later] == [
        (3, ChangeKind.NOTE, RunState.RUNNING),
        (4, ChangeKind.AGENT, RunState.RUNNING),
        (5, ChangeKind.STATE, RunState.FAILED),
    ]

    async def read(desk):
        told = [news.change async for news in desk.broker.watch_run(run_id, 0)]
        assert [change.sequence for change in told] == [1, 2, 3, 4, 5]
        assert told[2:] == later

    at_desk(read, store=path, clock=clock)


def test_an_old_run_that_is_damaged_keeps_its_history(at_desk, old):
    """What failed at the restart is the last of its changes, not the only one."""
    path, shown = old
    run_id = shown["going_on"]["run_id"]
    database = sqlite3.connect(path)
    database.execute("UPDATE runs SET roster = '{}' WHERE run_id = ?", (run_id,))
    database.commit()
    database.close()

    async def use(desk):
        states = [state for state, _ in await history(desk, run_id)]
        assert states == ["STARTING", "RUNNING", "FAILED"]
        assert (await desk.broker.get_run(run_id)).state is RunState.FAILED
        await asyncio.sleep(0)

    at_desk(use, store=path)
