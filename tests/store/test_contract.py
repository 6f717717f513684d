"""The contract of a store, on every kind of it; and what only a file can do."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import subprocess
import sys
import time

import pytest

from loadgrpc.errors import AlreadyExists
from loadgrpc.model import RunState, SourceId
from loadgrpc.store import SourceProgress, Store, StoreError

BIG = 2**63 - 1


def using(target, use):
    """Open a store, use it, close it; what `use` returned."""

    async def main():
        store = await Store.open(target)
        try:
            return await use(store)
        finally:
            await store.close()

    return asyncio.run(main())


async def everything(store, run_id="run-1"):
    """The batches of a run as a list."""
    return [batch async for batch in store.batches(run_id)]


# The contract


def test_run_comes_back(target, records):
    """A run is read as it was saved, every field of it."""
    saved = records.run(
        state=RunState.FINISHED,
        request_id="request-1",
        reason="everything done: ✓",
        plan=bytes(range(256)),
        create_time_ns=1_750_000_000_123_456_789,
        start_time_ns=1_750_000_001_123_456_789,
        end_time_ns=BIG,
        agent_ids=("agent-1", "agent-2"),
        summary=b"\x00summary",
    )

    async def use(store):
        await store.save_run(saved)
        return await store.get_run("run-1"), await store.find_request("request-1")

    found, by_request = using(target, use)
    assert found == by_request == dataclasses.replace(saved, sequence=found.sequence)
    assert found.sequence > 0
    assert isinstance(found.state, RunState)


def test_what_is_not_there_is_none(target):
    """An unknown run, request or run's source is an absence, not an error."""

    async def use(store):
        assert await store.get_run("run-1") is None
        assert await store.find_request("request-1") is None
        assert await store.list_runs(10) == []
        assert await store.unfinished_runs() == []
        assert await store.sources("run-1") == []
        assert await everything(store) == []

    using(target, use)


def test_saving_again_replaces(target, records):
    """A run saved again has its new values and its old place among the runs."""

    async def use(store):
        await store.save_run(records.run())
        before = await store.get_run("run-1")
        await store.save_run(records.run("run-2"))
        await store.save_run(records.run(state=RunState.FAILED, reason="why", end_time_ns=5))
        after = await store.get_run("run-1")
        assert (after.state, after.reason, after.end_time_ns) == (RunState.FAILED, "why", 5)
        assert after.sequence == before.sequence

    using(target, use)


def test_summary_is_kept(target, records):
    """A run saved without a summary keeps the one it had, so that a listed run can be saved."""

    async def use(store):
        await store.save_run(records.run(summary=b"result"))
        (listed,) = await store.list_runs(1)
        assert listed.summary is None
        await store.save_run(listed)
        assert (await store.get_run("run-1")).summary == b"result"

    using(target, use)


def test_request_id_names_one_run(target, records):
    """A second run with a request_id is refused, and leaves nothing behind; None never collides."""

    async def use(store):
        await store.save_run(records.run("run-1", request_id="request-1"))
        with pytest.raises(AlreadyExists, match=r"'request-1' is that of run run-1"):
            await store.save_run(records.run("run-2", request_id="request-1"))
        assert await store.get_run("run-2") is None
        await store.save_run(records.run("run-1", request_id="request-1"))
        await store.save_run(records.run("run-3"))
        await store.save_run(records.run("run-4"))

    using(target, use)


def test_pages_are_newest_first(target, records):
    """Pages follow one another without gap or repetition while runs are added, newest first."""

    async def use(store):
        for number in range(7):
            await store.save_run(records.run(f"run-{number}"))
        seen = []
        page = await store.list_runs(3)
        while page:
            seen += [run.run_id for run in page]
            await store.save_run(records.run(f"later-{len(seen)}"))
            page = await store.list_runs(3, before=page[-1].sequence)
        assert seen == [f"run-{number}" for number in reversed(range(7))]

    using(target, use)


def test_unfinished_runs(target, records):
    """Runs in a state that is not final are found, and no others."""

    async def use(store):
        for state in RunState:
            await store.save_run(records.run(state.name, state=state))
        found = await store.unfinished_runs()
        assert [run.state for run in found] == [s for s in RunState if not s.final]

    using(target, use)


def test_batch_and_progress_are_stored_together(target, records):
    """After its future, a batch and what it made of its source are both there."""

    async def use(store):
        await store.save_run(records.run())
        batch, progress = records.batch(1, payload=bytes(range(256)) * 100)
        committed = await store.append(batch, progress)
        assert await committed is None
        assert await everything(store) == [batch]
        assert await store.sources("run-1") == [progress]

    using(target, use)


def test_source_comes_back(target, records):
    """A source is read as it was saved, every field of it, and can be saved again."""
    progress = SourceProgress(
        source=records.source,
        committed_sequence=BIG,
        finished=True,
        committed=BIG - 6,
        rejected=1,
        duplicates=2,
        lost=3,
    )

    async def use(store):
        await store.save_run(records.run())
        first = SourceProgress(source=records.source)
        await store.save_source(first)
        assert await store.sources("run-1") == [first]
        await store.save_source(progress, after=0)
        await store.save_source(progress)
        assert await store.sources("run-1") == [progress]

    using(target, use)


def test_batches_come_in_order(target, records):
    """A run's batches are replayed in the order of their commits, more than a page of them."""

    async def use(store):
        await store.save_run(records.run())
        await store.save_run(records.run("run-2"))
        sources = [SourceId("run-1", "agent-1", f"runner-{n}") for n in range(3)]
        sent = []
        for first in range(1, 200, 10):
            for source in sources:
                batch, progress = records.batch(first, source=source)
                sent.append(batch)
                last = await store.append(batch, progress)
        other = SourceId("run-2", "agent-1", "runner-1")
        await store.append(*records.batch(1, source=other))
        await last
        assert await everything(store) == sent
        assert len(await everything(store, "run-2")) == 1

    using(target, use)


def test_overlap_is_stored_with_its_offset(target, records):
    """Of a batch that overlaps, the offset says which entries are new, and it is accepted."""

    async def use(store):
        await store.save_run(records.run())
        await (await store.append(*records.batch(1, 10)))
        batch, progress = records.batch(6, 10, offset=5)
        await (await store.append(batch, progress))
        assert (await everything(store))[1] == batch
        assert (await store.sources("run-1"))[0].committed_sequence == 15

    using(target, use)


@pytest.mark.parametrize(("first", "offset"), [(1, 0), (10, 0), (12, 0), (11, 1), (5, 5), (6, 4)])
def test_batch_out_of_step_is_refused(target, records, first, offset):
    """A batch that repeats or leaves out a number is never stored, whatever its sender thinks."""

    async def use(store):
        await store.save_run(records.run())
        await (await store.append(*records.batch(1, 10)))
        refused = await store.append(*records.batch(first, 10, offset=offset))
        with pytest.raises(StoreError, match="committed up to 10"):
            await refused
        assert len(await everything(store)) == 1
        await (await store.append(*records.batch(11, 10)))

    using(target, use)


def test_source_never_goes_back(target, records):
    """A progress that follows another number than the committed one is refused."""

    def at(sequence):
        return SourceProgress(source=records.source, committed_sequence=sequence)

    async def use(store):
        await store.save_run(records.run())
        await store.save_source(at(10), after=0)
        for progress, after in [(at(9), None), (at(11), None), (at(20), 9), (at(20), 11)]:
            with pytest.raises(StoreError, match="committed up to 10"):
                await store.save_source(progress, after=after)
        with pytest.raises(ValueError, match="goes back"):
            await store.save_source(at(9), after=10)
        assert await store.sources("run-1") == [at(10)]

    using(target, use)


def test_unknown_run_has_no_sources(target, records):
    """A source or a batch of a run that was never saved is refused."""

    async def use(store):
        with pytest.raises(StoreError, match="no stored run"):
            await store.save_source(SourceProgress(source=records.source))
        with pytest.raises(StoreError, match="no stored run"):
            await (await store.append(*records.batch(1)))
        assert await everything(store) == []

    using(target, use)


def test_batch_must_fit_its_progress(target, records):
    """A batch with the progress of something else is the caller's mistake, and said at once."""

    async def use(store):
        batch, progress = records.batch(1, 10)
        other = SourceId("run-1", "agent-1", "runner-2")
        for wrong_batch, wrong_progress in [
            (batch, dataclasses.replace(progress, source=other)),
            (batch, dataclasses.replace(progress, committed_sequence=9)),
            (dataclasses.replace(batch, offset=10), progress),
            (dataclasses.replace(batch, offset=-1), progress),
        ]:
            with pytest.raises(ValueError, match="batch"):
                await store.append(wrong_batch, wrong_progress)

    using(target, use)


def test_commands_keep_their_order(target, records):
    """Without awaiting in between, a later command sees what an earlier one wrote."""

    async def use(store):
        _, committed, found, _ = await asyncio.gather(
            store.save_run(records.run()),
            store.append(*records.batch(1)),
            store.sources("run-1"),
            store.save_run(records.run(state=RunState.FINISHED)),
        )
        assert committed.done()
        assert found[0].committed_sequence == 10
        assert (await store.get_run("run-1")).state is RunState.FINISHED

    using(target, use)


def test_thousand_runs_page_quickly(target, records):
    """Of 1,000 runs with real plans and summaries, a page of 50 comes within 50 ms."""

    async def use(store):
        runs = (
            records.run(
                f"run-{n}", plan=b"p" * 2_000, summary=b"s" * 40_000, state=RunState.FINISHED
            )
            for n in range(1_000)
        )
        await asyncio.gather(*(store.save_run(run) for run in runs))
        before = None
        took = []
        for _ in range(20):
            start = time.perf_counter()
            page = await store.list_runs(50, before)
            took.append(time.perf_counter() - start)
            before = page[-1].sequence
        assert page[-1].run_id == "run-0"
        assert sorted(took)[10] < 0.05

    using(target, use)


def test_closed_store_says_so(target, records):
    """After close every method raises StoreError, and closing again does nothing."""

    async def main():
        store = await Store.open(target)
        await store.close()
        await store.close()
        with pytest.raises(StoreError, match="closed"):
            await store.get_run("run-1")
        with pytest.raises(StoreError, match="closed"):
            await store.append(*records.batch(1))

    asyncio.run(main())


def test_two_memory_stores_are_two(records):
    """Stores in memory share nothing."""

    async def main():
        one, two = await Store.open(":memory:"), await Store.open("sqlite:///:memory:")
        await one.save_run(records.run())
        assert await two.get_run("run-1") is None
        await one.close()
        await two.close()

    asyncio.run(main())


# Files


def test_reopening_finds_everything(path, records, monkeypatch):
    """What was committed is there when the file is opened again, under any name of it."""
    monkeypatch.chdir(path.parent.parent)

    async def write(store):
        await store.save_run(records.run(request_id="request-1"))
        await store.append(*records.batch(1))  # close commits it

    async def read(store):
        assert (await store.find_request("request-1")).run_id == "run-1"
        assert await everything(store) == [records.batch(1)[0]]
        assert await store.sources("run-1") == [records.batch(1)[1]]

    using(str(path), write)
    for name in (f"sqlite:///{path}", "sqlite:///broker/store.db", "broker/store.db"):
        using(name, read)


def test_killed_broker_loses_nothing_acked(path, records):
    """A process killed after a future was done leaves its batch, and no lock, behind."""
    script = f"""
import asyncio, os, signal
from loadgrpc.model import RunState, SourceId
from loadgrpc.store import RunRecord, SourceProgress, Store, StoredBatch
async def main():
    store = await Store.open({str(path)!r})
    source = SourceId("run-1", "agent-1", "runner-1")
    await store.save_run(
        RunRecord(run_id="run-1", state=RunState.RUNNING, plan=b"plan", create_time_ns=1))
    batch = StoredBatch(source=source, first_sequence=1, count=10, payload=b"payload")
    progress = SourceProgress(source=source, committed_sequence=10, committed=10)
    await (await store.append(batch, progress))
    os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(main())
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == -9

    async def use(store):
        assert await everything(store) == [records.batch(1)[0]]
        (run,) = await store.unfinished_runs()
        assert run.run_id == "run-1"

    using(str(path), use)


def test_number_of_a_page_is_not_given_again(path, records):
    """Runs of a store that was opened again are newer than all before."""
    using(str(path), lambda store: store.save_run(records.run("old")))
    using(str(path), lambda store: store.save_run(records.run("new")))
    page = using(str(path), lambda store: store.list_runs(5))
    assert [run.run_id for run in page] == ["new", "old"]


def test_importing_loads_no_sqlalchemy():
    """Who only imports the store pays nothing for SQLAlchemy."""
    script = "import sys, loadgrpc.store; sys.exit('sqlalchemy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


# What cannot be opened


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("", "no store is named"),
        ("sqlite:///", "no store is named"),
        ("mysql://me:secret@host/db", "no store can be opened at mysql://"),
        ("sqlite:///x.db?mode=ro", "takes no parameters"),
    ],
)
def test_target_without_meaning(target, words):
    """A target that names no store is refused in words that hold no password."""
    with pytest.raises(StoreError, match=words) as caught:
        asyncio.run(Store.open(target))
    assert "secret" not in str(caught.value)


def refusal(path):
    """What is said when a path cannot be opened; it names the path."""
    with pytest.raises(StoreError) as caught:
        asyncio.run(Store.open(str(path)))
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_folder_that_cannot_be_made(tmp_path):
    """A path below a file is refused by name."""
    (tmp_path / "file").touch()
    assert f"{tmp_path / 'file'} is not a folder" in refusal(tmp_path / "file" / "store.db")
    assert "Not a directory" in refusal(tmp_path / "file" / "folder" / "store.db")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_folder_that_cannot_be_written(tmp_path):
    """A folder without write permission is refused by name."""
    (tmp_path / "locked").mkdir(mode=0o500)
    assert "Permission denied" in refusal(tmp_path / "locked" / "store.db")


def test_folder_is_no_store(tmp_path):
    """A folder in place of the file is refused, and no lock is left beside it."""
    (tmp_path / "folder").mkdir()
    assert "not a file" in refusal(tmp_path / "folder")
    assert not (tmp_path / "folder.lock").exists()


def test_second_broker_is_refused(path):
    """One broker at a time: the second is told which process has the store open."""

    async def main():
        first = await Store.open(str(path))
        link = path.with_name("link.db")
        link.symlink_to(path)
        for name in (path, link):
            with pytest.raises(StoreError, match=f"process {os.getpid()} has it open"):
                await Store.open(str(name))
        await first.close()
        again = await Store.open(str(path))
        await again.close()

    asyncio.run(main())


def test_open_that_is_given_up_leaves_no_lock(path):
    """A cancelled open ends by itself and lets the next one in."""

    async def main():
        opening = asyncio.create_task(Store.open(str(path)))
        await asyncio.sleep(0)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        for _ in range(500):
            try:
                store = await Store.open(str(path))
            except StoreError:
                await asyncio.sleep(0.01)
            else:
                await store.close()
                return
        pytest.fail("the store stays locked")

    asyncio.run(main())
