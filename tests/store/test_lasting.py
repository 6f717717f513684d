"""What a store keeps when its broker is gone, on every kind that outlives it."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys

import pytest

from loadgrpc.store import Store, StoreError

WRITE_UNTIL_KILLED = """
import asyncio, random, sys
from loadgrpc.model import RunState, SourceId
from loadgrpc.store import RunRecord, SourceProgress, Store, StoredBatch

async def report(store, runner_id, committed):
    source = SourceId("run-1", "agent-1", runner_id)
    while True:
        batch = StoredBatch(
            source=source, first_sequence=committed + 1, count=10,
            payload=random.randbytes(random.randint(0, 20_000)))
        committed += 10
        progress = SourceProgress(
            source=source, committed_sequence=committed, committed=committed)
        await (await store.append(batch, progress))
        print(runner_id, committed, flush=True)

async def main():
    store = await Store.open(sys.argv[1])
    await store.save_run(
        RunRecord(run_id="run-1", state=RunState.RUNNING, plan=b"plan", create_time_ns=1))
    known = {s.source.runner_id: s.committed_sequence for s in await store.sources("run-1")}
    runners = [f"runner-{n}" for n in range(5)]
    await asyncio.gather(*(report(store, name, known.get(name, 0)) for name in runners))

asyncio.run(main())
"""


async def everything(store, run_id="run-1"):
    """The batches of a run as a list."""
    return [batch async for batch in store.batches(run_id)]


def test_reopening_finds_everything(using, lasting, records):
    """What was committed is there when the store is opened again."""

    async def write(store):
        await store.save_run(records.run(request_id="request-1", roster=b"roster"))
        await store.append(*records.batch(1))  # close commits it

    async def read(store):
        assert (await store.find_request("request-1")).roster == b"roster"
        assert await everything(store) == [records.batch(1)[0]]
        assert await store.sources("run-1") == [records.batch(1)[1]]

    using(lasting, write)
    for _ in range(2):
        using(lasting, read)


def test_killed_broker_loses_nothing_acked(using, lasting):
    """However often a broker is killed: what it was told is stored is there, once, no more."""
    chance = random.Random(4)
    acked = {}
    for _ in range(3):
        child = subprocess.Popen(
            [sys.executable, "-c", WRITE_UNTIL_KILLED, lasting], stdout=subprocess.PIPE, text=True
        )
        with child:
            for _ in range(chance.randint(1, 300)):
                runner_id, committed = child.stdout.readline().split()
                acked[runner_id] = int(committed)
            child.send_signal(signal.SIGKILL)
            for line in child.stdout.read().splitlines():
                if len(words := line.split()) == 2:
                    acked[words[0]] = int(words[1])

        async def look(store):
            (run,) = await store.unfinished_runs()
            assert run.run_id == "run-1"
            batches = await everything(store)
            for source in await store.sources("run-1"):
                mine = [batch for batch in batches if batch.source == source.source]
                numbers = [batch.first_sequence for batch in mine]
                assert numbers == list(range(1, source.committed_sequence, 10))
                assert source.committed_sequence >= acked.get(source.source.runner_id, 0)
            return len(batches)

        assert using(lasting, look) >= sum(acked.values()) / 10
    assert acked


def test_number_of_a_page_is_not_given_again(using, lasting, records):
    """Runs of a store that was opened again are newer than all before, deleted ones too."""

    async def delete(store):
        (newest,) = await store.list_runs(1)
        await store.delete_run(newest.run_id)
        return newest.sequence

    using(lasting, lambda store: store.save_run(records.run("old")))
    using(lasting, lambda store: store.save_run(records.run("deleted")))
    deleted = using(lasting, delete)
    using(lasting, lambda store: store.save_run(records.run("new")))
    page = using(lasting, lambda store: store.list_runs(5))
    assert [run.run_id for run in page] == ["new", "old"]
    assert page[0].sequence > deleted


def test_second_broker_is_refused(lasting):
    """One broker at a time: the second is told which process has the store open."""

    async def main():
        first = await Store.open(lasting)
        with pytest.raises(StoreError, match=rf"process {os.getpid()}\b.* has it open"):
            await Store.open(lasting)
        await first.close()
        again = await Store.open(lasting)
        await again.close()

    asyncio.run(main())


def test_open_that_is_given_up_leaves_no_lock(lasting):
    """A cancelled open ends by itself and lets the next one in."""

    async def main():
        opening = asyncio.create_task(Store.open(lasting))
        await asyncio.sleep(0)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        while True:  # the test's time-out ends it
            try:
                store = await Store.open(lasting)
            except StoreError:
                await asyncio.sleep(0.01)
            else:
                await store.close()
                return

    asyncio.run(main())
