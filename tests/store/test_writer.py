"""The writer thread: group commit, outages, bounds, idleness."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time

import pytest
import sqlalchemy as sa

from loadgrpc.model import SourceId
from loadgrpc.store import Store, StoreError, writer
from loadgrpc.store.database import Database


class Commits:
    """Counts commits; can hold them up, and fail them, before or after they are done."""

    def __init__(self, monkeypatch):
        self.count = 0
        self.failures = []
        self.lost_answers = []
        self.gate = threading.Event()
        self.gate.set()
        self.reached = threading.Event()
        commit = Database.commit

        def counted(database):
            self.reached.set()
            self.gate.wait(10)
            self.count += 1
            if self.failures:
                raise self.failures.pop()
            commit(database)
            if self.lost_answers:
                raise self.lost_answers.pop()

        monkeypatch.setattr(Database, "commit", counted)

    def hold(self):
        """Let the next commit wait for the gate."""
        self.reached.clear()
        self.gate.clear()

    async def held(self):
        """Return when a commit waits: what is queued from now on is another group."""
        assert await asyncio.to_thread(self.reached.wait, 10)


@pytest.fixture
def commits(monkeypatch):
    """Commits as they happen."""
    return Commits(monkeypatch)


@pytest.fixture(autouse=True)
def hasty(monkeypatch):
    """Outages are short here."""
    monkeypatch.setattr(writer, "FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr(writer, "LONGEST_PAUSE_S", 0.02)


def no_space():
    """What SQLAlchemy raises when the disk is full."""
    return sa.exc.OperationalError("INSERT", {}, sqlite3.OperationalError("disk is full"))


def with_run(target, records, use):
    """Open a store that knows a run, use it, close it."""

    async def main():
        store = await Store.open(target)
        try:
            await store.save_run(records.run())
            return await use(store)
        finally:
            await store.close()

    return asyncio.run(main())


async def stored(store):
    """First sequences of the stored batches."""
    return [batch.first_sequence async for batch in store.batches("run-1")]


async def outcomes(futures):
    """What became of futures."""
    return await asyncio.gather(*futures, return_exceptions=True)


def test_concurrent_appends_share_commits(target, records, commits):
    """Of 500 appends asked for together, many share a commit, and each is stored once."""

    async def use(store):
        before = commits.count

        async def append(number):
            source = SourceId("run-1", "agent-1", f"runner-{number}")
            await (await store.append(*records.batch(1, source=source)))

        await asyncio.gather(*(append(number) for number in range(500)))
        assert commits.count - before <= 10
        assert len(await stored(store)) == 500

    with_run(target, records, use)


def test_loop_goes_on_while_a_commit_hangs(target, records, commits):
    """A commit that takes long holds up neither the event loop nor what is queued."""

    async def use(store):
        commits.hold()
        futures = [await store.append(*records.batch(1))]
        await commits.held()
        start = time.perf_counter()
        futures.append(await store.append(*records.batch(11)))
        assert time.perf_counter() - start < 1
        assert not any(future.done() for future in futures)
        commits.gate.set()
        await asyncio.gather(*futures)

    with_run(target, records, use)


@pytest.mark.parametrize("kind", ["failures", "lost_answers"])
def test_failing_commit_is_repeated(target, records, commits, kind, until):
    """What a commit could not store, or did store without saying so, is stored once."""

    async def use(store):
        setattr(commits, kind, [no_space() for _ in range(3)])
        futures = [await store.append(*records.batch(first)) for first in (1, 11, 21)]
        numbers = await asyncio.gather(*futures)
        assert await stored(store) == [1, 11, 21]
        assert [batch.number async for batch in store.batches("run-1")] == numbers
        assert (await store.sources("run-1"))[0].committed_sequence == 30
        await until(lambda: not store.trouble)

    with_run(target, records, use)


def test_outage_is_told(target, records, commits, caplog, until):
    """While it lasts an outage has words, reads go on, and the log tells its beginning and end."""

    async def use(store):
        assert store.trouble == ""
        commits.failures = [no_space() for _ in range(1_000)]
        waiting = await store.append(*records.batch(1))
        await until(lambda: commits.count > 20)
        assert "not available: disk is full" in store.trouble
        assert await stored(store) == []
        later = asyncio.create_task(store.append(*records.batch(11)))
        with pytest.raises(StoreError, match="disk is full"):
            await store.save_run(records.run("run-2"))
        patient = asyncio.create_task(store.save_run(records.run("run-3"), patient=True))
        await asyncio.sleep(0.01)
        assert not waiting.done()
        assert not patient.done()
        commits.failures.clear()
        await asyncio.gather(waiting, await later, patient)
        assert await stored(store) == [1, 11]
        assert [run.run_id for run in await store.list_runs(9)] == ["run-3", "run-1"]
        assert store.trouble == ""

    with_run(target, records, use)
    began, ended = (record.getMessage() for record in caplog.records)
    assert "disk is full" in began
    assert "available again" in ended


def test_each_caller_has_its_own_error(target, records, commits):
    """Writes that fail together do not share an exception: its traceback belongs to one."""

    async def use(store):
        commits.hold()
        first = await store.append(*records.batch(1))
        await commits.held()
        runs = [asyncio.create_task(store.save_run(records.run(name))) for name in "abc"]
        await asyncio.sleep(0)
        commits.failures = [no_space(), no_space()]
        commits.gate.set()
        errors = await outcomes(runs)
        await first
        assert len({id(error) for error in errors}) == 3
        assert all("disk is full" in str(error) for error in errors)
        assert [run.run_id for run in await store.list_runs(9)] == ["run-1"]

    with_run(target, records, use)


def test_outage_that_nobody_waits_for_ends(target, records, commits, until):
    """When only an impatient write met an outage, its end is noticed without another write."""

    async def use(store):
        commits.failures = [no_space() for _ in range(10)]
        with pytest.raises(StoreError, match="disk is full"):
            await store.save_run(records.run("run-2"))
        await until(lambda: not store.trouble)

    with_run(target, records, use)


def test_nothing_is_stored_past_a_failure(target, records, commits):
    """In a hurry a write that cannot be done fails, and so does what is queued behind it."""

    async def use(store):
        store.hurry()
        assert await stored(store) == []  # it has arrived
        commits.hold()
        first = await store.append(*records.batch(1))
        await commits.held()
        second = await store.append(*records.batch(11))
        finish = asyncio.create_task(store.save_source(records.batch(11)[1]))
        await asyncio.sleep(0)
        commits.failures = [no_space()]
        commits.gate.set()
        errors = await outcomes([first, second, finish])
        assert "disk is full" in str(errors[0])
        assert "committed up to 0" in str(errors[1])
        assert "committed up to 0" in str(errors[2])
        assert await stored(store) == []
        for number in (1, 11):
            await (await store.append(*records.batch(number)))
        assert await stored(store) == [1, 11]

    with_run(target, records, use)


def test_hurry_ends_waiting(target, records, commits, until):
    """Who waits out an outage is told as soon as there is a hurry, and later writes at once."""

    async def use(store):
        commits.failures = [no_space() for _ in range(2_000)]
        waiting = [await store.append(*records.batch(first)) for first in (1, 11)]
        await until(lambda: commits.count > 5)
        store.hurry()
        for error in await outcomes([*waiting, await store.append(*records.batch(1))]):
            assert "disk is full" in str(error)
        commits.failures.clear()
        await (await store.append(*records.batch(1)))
        assert await stored(store) == [1]

    with_run(target, records, use)


def test_close_waits_for_no_outage(target, records, commits, until):
    """A store that is closed in an outage tells everybody, and ends."""

    async def main():
        store = await Store.open(target)
        await store.save_run(records.run())
        commits.failures = [no_space() for _ in range(2_000)]
        waiting = [await store.append(*records.batch(first)) for first in (1, 11)]
        await until(lambda: commits.count > 5)
        waiting.append(await store.append(*records.batch(21)))
        await store.close()
        for error in await outcomes(waiting):
            assert isinstance(error, StoreError)

    asyncio.run(main())


def test_one_bad_write_fails_alone(target, records, commits):
    """A write that no database can hold fails by itself; its neighbours share their commit."""

    async def use(store):
        commits.hold()
        blocker = asyncio.create_task(store.save_run(records.run("blocker")))
        await commits.held()
        before = commits.count
        writes = [
            store.save_run(records.run("good-1")),
            store.save_run(records.run("bad", create_time_ns=2**63)),
            store.save_run(records.run("good-2")),
        ]
        tasks = [asyncio.create_task(write) for write in writes]
        await asyncio.sleep(0)
        commits.gate.set()
        good_1, bad, good_2 = await outcomes(tasks)
        await blocker
        assert isinstance(bad, StoreError)
        assert good_1 is good_2 is None
        assert commits.count - before == 2
        assert [run.run_id for run in await store.list_runs(2)] == ["good-2", "good-1"]

    with_run(target, records, use)


def test_queue_is_bounded(target, records, commits, monkeypatch):
    """Above the bound append waits, in order, until a commit makes room; nothing is lost."""
    monkeypatch.setattr(writer, "QUEUE_BYTES", 3 * (20_000 + writer.COMMAND_BYTES))

    async def use(store):
        commits.hold()
        accepted = []

        async def send():
            for first in range(1, 101, 10):
                future = await store.append(*records.batch(first, payload=b"x" * 20_000))
                accepted.append(future)

        sending = asyncio.create_task(send())
        await commits.held()
        assert len(accepted) == 3
        commits.gate.set()
        await sending
        await asyncio.gather(*accepted)
        assert await stored(store) == list(range(1, 101, 10))
        assert store._writer._queued_bytes == 0

    with_run(target, records, use)


def test_payload_above_the_bound_is_taken(target, records, monkeypatch):
    """A payload larger than the whole queue goes through an empty one."""
    monkeypatch.setattr(writer, "QUEUE_BYTES", 1_000)

    async def use(store):
        for first in (1, 11, 21):
            await store.append(*records.batch(first, payload=b"x" * 5_000))
        assert await stored(store) == [1, 11, 21]

    with_run(target, records, use)


def test_waiting_append_can_be_given_up(target, records, commits, monkeypatch):
    """An append cancelled while it waits for room is not carried out, and blocks nobody."""
    monkeypatch.setattr(writer, "QUEUE_BYTES", 1)

    async def use(store):
        commits.hold()
        first = await store.append(*records.batch(1))
        given_up = asyncio.create_task(store.append(*records.batch(11, 20)))
        patient = asyncio.create_task(store.append(*records.batch(11, 10)))
        await commits.held()
        given_up.cancel()
        commits.gate.set()
        await first
        await (await patient)
        assert given_up.cancelled()
        assert await stored(store) == [1, 11]

    with_run(target, records, use)


def test_caller_that_left_is_no_trouble(target, records, commits):
    """A future cancelled before its commit changes nothing for the batch or for others."""

    async def use(store):
        commits.hold()
        left = await store.append(*records.batch(1))
        stays = await store.append(*records.batch(11))
        left.cancel()
        commits.gate.set()
        await stays
        assert await stored(store) == [1, 11]
        assert store._writer._queued_bytes == 0

    with_run(target, records, use)


def test_close_commits_what_is_queued(path, records, commits, monkeypatch):
    """Close waits for what is queued, refuses who still waits for room, and ends the thread."""
    monkeypatch.setattr(writer, "QUEUE_BYTES", 1)

    async def main():
        store = await Store.open(str(path))
        await store.save_run(records.run())
        commits.hold()
        queued = await store.append(*records.batch(1))
        waiting = asyncio.create_task(store.append(*records.batch(11)))
        await commits.held()
        closing = [asyncio.create_task(store.close()) for _ in range(2)]
        await asyncio.sleep(0)
        commits.gate.set()
        await asyncio.gather(*closing)
        assert queued.done()
        with pytest.raises(StoreError, match="closed"):
            await waiting
        assert not any(thread.name == "loadgrpc-store" for thread in threading.enumerate())

    asyncio.run(main())
    assert with_run(str(path), records, stored) == [1]


def test_idle_store_costs_nothing(target, records):
    """An idle store uses no CPU: nothing polls."""

    async def use(store):
        before = time.process_time()
        await asyncio.sleep(0.5)
        assert time.process_time() - before < 0.02

    with_run(target, records, use)
