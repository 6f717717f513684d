"""The contract of a store, on every kind of it."""

from __future__ import annotations

import asyncio
import dataclasses
import random

import pytest
import sqlalchemy as sa

from loadgrpc.errors import AlreadyExists
from loadgrpc.model import (
    Audited,
    Notification,
    NotificationState,
    ObserverEvent,
    Role,
    RunState,
    SourceId,
    Token,
)
from loadgrpc.store import (
    ChangeRecord,
    DrainedAgent,
    EndRecord,
    Filter,
    Retention,
    SourceProgress,
    Store,
    StoredWindow,
    StoreError,
    TokenRecord,
    TypeSet,
)
from loadgrpc.store.tables import LIST_RUNS

BIG = 2**63 - 1


async def everything(store, run_id="run-1"):
    """The batches of a run as a list."""
    return [batch async for batch in store.batches(run_id)]


def test_run_comes_back(using, target, records):
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
        roster=b"\x00roster",
    )

    async def use(store):
        await store.save_run(saved)
        return await store.get_run("run-1"), await store.find_request("request-1")

    found, by_request = using(target, use)
    assert found == by_request == dataclasses.replace(saved, sequence=found.sequence)
    assert found.sequence > 0
    assert isinstance(found.state, RunState)


def test_the_log_of_a_run_grows_with_it(using, target, records):
    """Changes are added with what they are about, each once, and go when the run goes."""

    def changes(*numbers):
        return tuple(
            ChangeRecord(
                sequence=number,
                kind=number % 3,
                state=2,
                time_ns=None if number == 2 else BIG - number,
                attempt=2,
                reason=f"why {number}: ✓",
                detail={"agent_id": "a", "cycle": number} if number > 1 else {},
            )
            for number in numbers
        )

    async def use(store):
        await store.save_run(records.run(changes=changes(1)))
        await store.save_run(records.run(changes=changes(1, 2)))  # 1 was not known to be stored
        await store.save_run(records.run("run-2", changes=changes(1)))
        await store.save_run(records.run())
        await store.save_run(records.run(state=RunState.FINISHED, changes=changes(3, 4)))
        assert await store.changes("run-1") == list(changes(1, 2, 3, 4))
        assert await store.logs([RunState.FINISHED]) == {"run-1": list(changes(1, 2, 3, 4))}
        assert await store.logs([RunState.STOPPED]) == {}
        assert await store.delete_run("run-1")
        assert await store.changes("run-1") == []
        assert await store.changes("run-2") == list(changes(1))

    using(target, use)


def test_ends_of_runners_are_rows(using, target, records):
    """Each is added once, whoever tells it again, and goes when its run goes."""
    one, two = EndRecord("a", "", "x"), EndRecord("a", "s", "x", (BIG, 5))

    async def use(store):
        await store.save_run(records.run(ends=(one,)))
        await store.save_run(records.run(ends=(one, two)))
        await store.save_run(records.run())
        assert sorted(await store.ends("run-1"), key=str) == sorted([one, two], key=str)
        assert await store.ends("run-2") == []
        assert await store.delete_run("run-1")
        assert await store.ends("run-1") == []

    using(target, use)


def test_notifications_are_rows(using, target, records):
    """Each is added once, with its change; how it stands is stored; it goes when its run goes."""
    first = Notification(observer="irc", change=2, event=ObserverEvent.START, time_ns=BIG)
    second = dataclasses.replace(first, change=5, event=ObserverEvent.END, observer="web \u2713")

    async def use(store):
        await store.save_run(records.run(notifications=(first,)))
        await store.save_run(records.run("run-2", notifications=(first,)))
        done = dataclasses.replace(
            first, state=NotificationState.DELIVERED, tries=2, reason="why\0", time_ns=7
        )
        await store.save_notification("run-1", done)
        await store.save_run(records.run(notifications=(first, second)))
        stored = dataclasses.replace(done, reason="why\N{REPLACEMENT CHARACTER}")
        assert await store.notifications("run-1") == [stored, second]
        assert await store.pending_notifications(9) == [("run-1", second), ("run-2", first)]
        assert await store.pending_notifications(1) == [("run-1", second)]
        assert await store.delete_run("run-1")
        assert await store.notifications("run-1") == []
        await store.save_notification("run-1", done)  # nothing: it is gone
        assert await store.pending_notifications(9) == [("run-2", first)]

    using(target, use)


def test_a_run_that_is_not_stored_adds_nothing_to_its_log(using, target, records):
    """The run and what happened to it are one transaction."""

    async def use(store):
        await store.save_run(records.run(request_id="taken"))
        change = ChangeRecord(sequence=1, kind=1, state=1, time_ns=1)
        with pytest.raises(AlreadyExists):
            await store.save_run(records.run("run-2", request_id="taken", changes=(change,)))
        assert await store.changes("run-2") == []

    using(target, use)


def test_what_is_not_there_is_none(using, target):
    """An unknown run, request or run's source is an absence, not an error."""

    async def use(store):
        assert await store.get_run("run-1") is None
        assert await store.find_request("request-1") is None
        assert await store.list_runs(10) == []
        assert await store.unfinished_runs() == []
        assert await store.sources("run-1") == []
        assert await everything(store) == []

    using(target, use)


def test_saving_again_replaces(using, target, records):
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


def test_c3_runs_are_listed_by_state_and_verdict(using, target, records):
    """A filter takes runs in its states and of its verdicts, and those that are to come anyway."""

    async def use(store):
        await store.save_run(records.run("run-1", state=RunState.FINISHED, verdict=0))
        bad = {"verdict": 1, "verdict_reason": "1 of 1\0"}
        await store.save_run(records.run("run-2", state=RunState.FINISHED, **bad))
        await store.save_run(records.run("run-3", state=RunState.RUNNING))

        async def listed(limit=9, **wanted):
            return [run.run_id for run in await store.list_runs(limit, None, Filter(**wanted))]

        finished, running = frozenset({RunState.FINISHED}), frozenset({RunState.RUNNING})
        assert await listed() == ["run-3", "run-2", "run-1"]
        assert await listed(states=finished) == ["run-2", "run-1"]
        assert await listed(limit=1, states=finished) == ["run-2"]
        assert await listed(verdicts=frozenset({1, 3})) == ["run-2"]
        assert await listed(states=running, verdicts=frozenset({0})) == []
        assert await listed(verdicts=frozenset({0}), also=frozenset({"run-3"})) == [
            "run-3",
            "run-1",
        ]
        await store.save_run(records.run("run-2", state=RunState.FINISHED))
        stored = await store.get_run("run-2")
        assert (stored.verdict, stored.verdict_reason) == (1, "1 of 1\N{REPLACEMENT CHARACTER}")

    using(target, use)


def test_summary_and_roster_are_kept(using, target, records):
    """A run saved without summary and roster keeps them, so that a listed run can be saved."""

    async def use(store):
        await store.save_run(records.run(summary=b"result", roster=b"parts"))
        (listed,) = await store.list_runs(1)
        assert listed.summary is listed.roster is None
        await store.save_run(listed)
        stored = await store.get_run("run-1")
        assert (stored.summary, stored.roster) == (b"result", b"parts")

    using(target, use)


def test_request_id_names_one_run(using, target, records):
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


def test_pages_are_newest_first(using, target, records):
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


def test_unfinished_runs(using, target, records):
    """Runs in a state that is not final are found, and no others."""

    async def use(store):
        for state in RunState:
            await store.save_run(records.run(state.name, state=state))
        found = await store.unfinished_runs()
        assert [run.state for run in found] == [s for s in RunState if not s.final]

    using(target, use)


def test_batch_and_progress_are_stored_together(using, target, records):
    """After its future, a batch and what it made of its source are both there."""

    async def use(store):
        await store.save_run(records.run())
        batch, progress = records.batch(1, payload=bytes(range(256)) * 100)
        committed = await store.append(batch, progress)
        number = await committed
        (stored,) = await everything(store)
        assert stored == batch
        assert stored.number == number > 0
        assert await store.sources("run-1") == [progress]

    using(target, use)


def test_source_comes_back(using, target, records):
    """A source is read as it was saved, every field of it, and can be saved again."""
    progress = SourceProgress(
        source=records.source,
        committed_sequence=BIG,
        finished=True,
        committed=BIG - 6,
        rejected=1,
        duplicates=2,
        lost=3,
        scenario="browse",
        losses={"its queue was full": [1, 0], "\0": [2, 1]},
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


def test_batches_come_in_order(using, target, records):
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


def test_overlap_is_stored_with_its_offset(using, target, records):
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
def test_batch_out_of_step_is_refused(using, target, records, first, offset):
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


def test_source_never_goes_back(using, target, records):
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


def test_unknown_run_has_no_sources(using, target, records):
    """A source or a batch of a run that was never saved is refused."""

    async def use(store):
        with pytest.raises(StoreError, match="no stored run"):
            await store.save_source(SourceProgress(source=records.source))
        with pytest.raises(StoreError, match="no stored run"):
            await (await store.append(*records.batch(1)))
        assert await everything(store) == []

    using(target, use)


def test_batch_must_fit_its_progress(using, target, records):
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


def test_commands_keep_their_order(using, target, records):
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


def test_reason_may_hold_anything(using, target, records):
    """Words of other programs, even such as a database cannot keep, do not fail a run."""

    async def use(store):
        await store.save_run(records.run(reason="its runner said \0: ☠"))
        return (await store.get_run("run-1")).reason

    assert using(target, use) == "its runner said \N{REPLACEMENT CHARACTER}: ☠"


def test_list_reads_an_index_and_no_results(using, target, records):
    """A page of runs comes from an index, in its order, without sorting or reading summaries."""
    page = LIST_RUNS.where(sa.literal_column("sequence") < 900).limit(50)

    def explain(tables):
        compiled = page.compile(tables.connection, compile_kwargs={"literal_binds": True})
        assert "summary" not in str(compiled)
        postgresql = tables.connection.dialect.name == "postgresql"
        tables.connection.exec_driver_sql("ANALYZE")
        how = "EXPLAIN" if postgresql else "EXPLAIN QUERY PLAN"
        rows = tables.connection.exec_driver_sql(f"{how} {compiled}")
        return "\n".join(str(tuple(row)) for row in rows), postgresql

    async def use(store):
        saved = (records.run(f"run-{n}", summary=b"s" * 4_000) for n in range(1_000))
        await asyncio.gather(*(store.save_run(run) for run in saved))
        plan, postgresql = await store._writer.read(explain)
        wanted = "Index Scan Backward using runs_pkey" if postgresql else "INTEGER PRIMARY KEY"
        assert wanted in plan
        assert "SORT" not in plan.upper()
        assert "TEMP B-TREE" not in plan

    using(target, use)


def test_batches_after_a_number(using, target, records):
    """A reader goes on after a batch it knows the number of, and sees only later ones."""

    async def use(store):
        await store.save_run(records.run())
        await store.save_run(records.run("run-2"))
        other = SourceId("run-2", "agent-1", "runner-1")
        numbers = [await (await store.append(*records.batch(1)))]
        elsewhere = await (await store.append(*records.batch(1, source=other)))
        numbers += [await (await store.append(*records.batch(n))) for n in range(11, 400, 10)]
        assert sorted({*numbers, elsewhere}) == [numbers[0], elsewhere, *numbers[1:]]
        for after, expected in ((0, numbers), (elsewhere, numbers[1:]), (numbers[-1], [])):
            assert [batch.number async for batch in store.batches("run-1", after=after)] == expected

    using(target, use)


# What goes


async def fill(store, records, run_id, *, batches=3, **values):
    """Save a run with some batches of incompressible payload; their numbers."""
    await store.save_run(records.run(run_id, **values))
    source = SourceId(run_id, "agent-1", "runner-1")
    return [
        await (await store.append(*records.batch(n, source=source, payload=noise(1_000))))
        for n in range(1, 10 * batches + 1, 10)
    ]


def noise(size):
    """Bytes that do not get smaller."""
    return random.Random(4).randbytes(size)


async def held(store):
    """How many batches each run holds."""
    runs = [run.run_id for run in await store.list_runs(100)]
    return {run_id: len(await everything(store, run_id)) for run_id in reversed(runs)}


OVER = {"state": RunState.FINISHED, "summary": b"result"}


def test_deleted_run_is_gone(using, target, records):
    """A deleted run takes everything of it along, and nothing of others; again: there is none."""

    async def use(store):
        await fill(store, records, "run-1", request_id="request", batches=100, **OVER)
        await fill(store, records, "run-2", **OVER)
        assert await store.delete_run("run-1")
        assert not await store.delete_run("run-1")
        assert await store.get_run("run-1") is None
        assert await store.find_request("request") is None
        assert await store.sources("run-1") == await everything(store, "run-1") == []
        assert await held(store) == {"run-2": 3}

    using(target, use)


def test_types_come_back(using, target, records):
    """Types of all runs come in the order in which they were brought, each set once a run."""

    async def use(store):
        await store.save_run(records.run("run-1"))
        await store.save_run(records.run("run-2", **OVER))
        sets = [TypeSet("run-2", b"two"), *(TypeSet("run-1", b"%d" % at) for at in range(40))]
        for types in (*sets, TypeSet("run-2", b"two"), TypeSet("run-2", b"0")):
            await store.save_types(types)
        found = [types async for types in store.types()]
        assert found == [*sets, TypeSet("run-2", b"0")]
        assert [types.over for types in found] == [True, *[False] * 40, True]

    using(target, use)


def test_types_go_with_their_run(using, target, records):
    """A deleted run takes its types along; one that is not there can have none."""

    async def use(store):
        for run_id in ("run-1", "run-2"):
            await store.save_run(records.run(run_id, **OVER))
            await store.save_types(TypeSet(run_id, b"types"))
        await store.delete_run("run-1")
        assert [types.run_id async for types in store.types()] == ["run-2"]
        with pytest.raises(StoreError, match="belongs to no stored run"):
            await store.save_types(TypeSet("run-1", b"types"))

    using(target, use)


def test_windows_come_back(using, target, records):
    """Each by its number; what is saved again is replaced, and what is dropped is gone."""

    async def use(store):
        await store.save_run(records.run("run-1"))
        await store.save_run(records.run("run-2"))
        rows = [StoredWindow(at, 60 if at % 2 else 600, 600 * at, b"%d" % at) for at in range(1, 9)]
        await store.save_windows("run-1", rows, {})
        await store.save_windows("run-1", [StoredWindow(8, 600, 4_800, b"again")], {})
        await store.save_windows("run-2", rows[:1], {})
        listed = sorted(await store.windows("run-1"), key=lambda row: row.number)
        assert listed == [StoredWindow(*list(vars(row).values())[:3]) for row in rows]
        found = await store.sealed_windows("run-1", [2, 8, 99])
        assert found == {2: b"2", 8: b"again"}
        await store.save_windows("run-1", [], {60: 1_801, 600: 1_200})
        assert {row.number for row in await store.windows("run-1")} == {2, 4, 5, 6, 7, 8}
        await store.drop_windows("run-1")
        assert await store.windows("run-1") == []
        assert len(await store.windows("run-2")) == 1

    using(target, use)


def test_windows_go_with_their_run(using, target, records):
    """A deleted run takes its windows along; one that is not there can have none."""

    async def use(store):
        for run_id in ("run-1", "run-2"):
            await store.save_run(records.run(run_id, **OVER))
            await store.save_windows(run_id, [StoredWindow(1, 1, 7, b"")], {})
        await store.delete_run("run-1")
        assert await store.windows("run-1") == []
        assert len(await store.windows("run-2")) == 1
        with pytest.raises(StoreError, match="belongs to no stored run"):
            await store.save_windows("run-1", [StoredWindow(1, 1, 7, b"")], {})

    using(target, use)


def test_purge(using, target, records):
    """What ended before a moment goes, or all that is over; what is not over stays."""

    async def use(store):
        await fill(store, records, "old", end_time_ns=10, **OVER)
        await fill(store, records, "new", end_time_ns=20, **OVER)
        await fill(store, records, "live")
        assert [run_id async for run_id in store.purge_runs(ended_before_ns=20)] == ["old"]
        assert await held(store) == {"new": 3, "live": 3}
        assert [run_id async for run_id in store.purge_runs()] == ["new"]
        assert [run_id async for run_id in store.purge_runs()] == []
        assert await held(store) == {"live": 3}

    using(target, use)


def test_hostile_25_many_runs_are_purged_together(using, target, records):
    """Small runs go a hundred in a transaction, large ones piece by piece, the oldest first."""

    async def use(store):
        names = [f"run-{number:03}" for number in range(150)]
        for name in names:
            await store.save_run(records.run(name, **OVER))
        source = SourceId("run-070", "agent-1", "runner-1")
        for first in range(1, 151):
            batch, progress = records.batch(first, 1, source=source)
            stored = await store.append(batch, progress)
        await stored
        writes = []
        write = store._writer.write
        store._writer.write = lambda *args, **more: (writes.append(args), write(*args, **more))[1]
        assert [run_id async for run_id in store.purge_runs()] == names
        assert len(writes) <= 5
        assert await store.list_runs(1) == []
        assert await everything(store, "run-070") == []

    using(target, use)


def test_detail_of_older_runs_goes(using, target, records):
    """With keep_runs only the newest runs that are over keep detail; results all stay."""

    async def use(store):
        for name in "abc":
            await fill(store, records, name, **OVER)
        await fill(store, records, "live")
        assert await store.retain(Retention(keep_runs=2)) == 3
        assert await held(store) == {"a": 0, "b": 3, "c": 3, "live": 3}
        assert await store.retain(Retention(keep_runs=2)) == 0
        assert await store.retain(Retention(keep_runs=0)) == 6
        assert await held(store) == {"a": 0, "b": 0, "c": 0, "live": 3}
        run = await store.get_run("a")
        (source,) = await store.sources("a")
        assert run.summary == b"result"
        assert source.committed_sequence == 30

    using(target, use)


def test_oldest_detail_goes_first(using, target, records):
    """With keep_bytes as many of the oldest batches go as must, and not one more."""

    async def use(store):
        for name in "ab":
            await fill(store, records, name, **OVER)
        assert await store.retain(Retention(keep_bytes=6_000)) == 0
        assert await store.retain(Retention(keep_bytes=2_500)) == 4
        assert await held(store) == {"a": 0, "b": 2}
        assert [batch.first_sequence for batch in await everything(store, "b")] == [11, 21]

    using(target, use)


def test_what_a_restart_needs_stays(using, target, records):
    """Nothing goes of a run that is not over."""

    async def use(store):
        numbers = await fill(store, records, "live")
        assert await store.retain(Retention(keep_bytes=0, keep_runs=0)) == 0
        assert [batch.number for batch in await everything(store, "live")] == numbers

    using(target, use)


def test_source_goes_on_after_its_detail_went(using, target, records):
    """A repeated batch is still known as one when the batch itself is gone."""

    async def use(store):
        await fill(store, records, "run-1", **OVER)
        await store.retain(Retention(keep_bytes=0))
        with pytest.raises(StoreError, match="committed up to 30"):
            await (await store.append(*records.batch(21)))
        await (await store.append(*records.batch(31)))

    using(target, use)


def test_drained_agents_are_kept_by_name(using, target):
    """Each is there once, with what was saved last, until it is dropped; dropping again is fine."""
    first, again = DrainedAgent("a", "host", 1), DrainedAgent("a", "other", BIG)

    async def use(store):
        for agent in (DrainedAgent("b", "h\0st", 2), first, again):
            await store.save_drained(agent)
        before = await store.drained()
        await store.drop_drained("b")
        await store.drop_drained("b")
        return before, await store.drained()

    before, after = using(target, use)
    assert before == [again, DrainedAgent("b", "h\N{REPLACEMENT CHARACTER}st", 2)]
    assert after == [again]


def test_tokens_are_kept_by_name(using, target):
    """Each is there once, with what was saved last; another with the same secret cannot be."""
    first = Token(name="ann", role=Role.RUN, create_time_ns=1, expire_time_ns=BIG)
    revoked = dataclasses.replace(first, revoke_time_ns=2)
    bob = Token(name="bob", role=Role.WATCH, create_time_ns=3, expire_time_ns=4)

    async def use(store):
        await store.access.save_token(TokenRecord("22", bob))
        await store.access.save_token(TokenRecord("11", first))
        await store.access.save_token(TokenRecord("11", revoked))
        return await store.access.tokens()

    assert using(target, use) == [TokenRecord("11", revoked), TokenRecord("22", bob)]


def test_of_what_was_done_the_newest_is_kept(using, target):
    """In order, numbered, page by page, and of one name; the oldest goes beyond the bound."""
    entries = [
        Audited(time_ns=at, name="ann" if at % 2 else "", role=Role.RUN, did="did", what=f"{at}\0")
        for at in range(1, 8)
    ]

    async def use(store):
        await store.access.add_audited(entries[:4], 5)
        await store.access.add_audited(entries[4:], 5)
        newest = await store.access.audited(3, None, "")
        older = await store.access.audited(3, newest[-1].number, "")
        return newest, older, await store.access.audited(9, None, "ann")

    newest, older, of_ann = using(target, use)
    assert [each.time_ns for each in (*newest, *older)] == [7, 6, 5, 4, 3]
    assert [each.time_ns for each in of_ann] == [7, 5, 3]
    assert newest[0].what == "7\N{REPLACEMENT CHARACTER}"
    assert newest[0].role is Role.RUN


def test_a_store_knows_its_size(using, target):
    """Bytes of what is on disk, growing with what is stored; nothing for one in memory."""

    async def use(store):
        return await store.size()

    size = using(target, use)
    assert size is None if str(target) == ":memory:" else size > 1_000


def test_bundles_grow_in_order(using, target):
    """Pieces add up, what is there is ignored, a gap adds nothing; what is read is what came."""

    async def use(store):
        assert await store.get_bundle("b") is None
        steps = [
            await store.append_to_bundle("b", 10, offset, data, now_ns=at)
            for at, (offset, data) in enumerate([(0, b"abcd"), (2, b"cdef"), (9, b"x"), (0, b"a")])
        ]
        assert [each.received for each in steps] == [4, 6, 6, 6]
        assert [await store.read_bundle("b", at) for at in (0, 3, 4, 6)] == [
            b"abcd",
            b"d",
            b"ef",
            b"ef"[2:],
        ]
        await store.append_to_bundle("b", 10, 6, b"ghij", now_ns=BIG)
        done = await store.touch_bundle("b", now_ns=5, complete=True)
        assert (done.complete, done.size, done.received, done.touched_ns) == (True, 10, 10, 5)
        assert (await store.append_to_bundle("b", 99, 0, b"zz", now_ns=6)).received == 10
        again = await store.append_to_bundle("c", 5, 0, b"12", now_ns=1)
        assert (await store.append_to_bundle("c", 6, 0, b"1", now_ns=1)).received == 1
        await store.drop_bundle("b")
        assert await store.get_bundle("b") is None
        assert await store.touch_bundle("b", now_ns=1) is None
        assert again.received == 2

    using(target, use)


def test_a_bundle_goes_with_its_last_run(using, target, records):
    """Deleting one of two runs keeps it; purging the other drops it; that of no run stays."""

    async def use(store):
        for name in ("used", "free"):
            await store.append_to_bundle(name, 1, 0, b"x", now_ns=1)
        for run_id in ("run-1", "run-2"):
            run = records.run(run_id, state=RunState.FINISHED, end_time_ns=2, bundle="used")
            await store.save_run(run)
            await store.save_run(records.run(run_id, state=RunState.FINISHED, end_time_ns=2))
        assert (await store.get_run("run-1")).bundle == "used"
        await store.delete_run("run-1")
        kept = await store.get_bundle("used")
        assert [run_id async for run_id in store.purge_runs()] == ["run-2"]
        return kept, await store.get_bundle("used"), await store.get_bundle("free")

    kept, gone, free = using(target, use)
    assert kept.received == 1
    assert gone is None
    assert free.received == 1


def test_room_is_made_of_what_is_not_needed(using, target, records):
    """That of an active run stays, and what was touched lately; the oldest of the others go."""

    async def use(store):
        for at, name in enumerate(("active", "over", "old", "new")):
            await store.append_to_bundle(name, 10, 0, b"x", now_ns=at)
        await store.save_run(records.run("run-1", bundle="active"))
        over = records.run("run-2", state=RunState.FINISHED, bundle="over")
        await store.save_run(over)

        async def room(size, **moments):
            made = await store.make_room(size, 40, **moments)
            names = ("active", "over", "old", "new")
            return made, [name for name in names if await store.get_bundle(name)]

        never = {"touched_before_ns": 0, "unused_before_ns": 0}
        return [
            await room(0, **never),
            await room(1, **never),
            await room(10, touched_before_ns=3, unused_before_ns=0),
            await room(20, touched_before_ns=3, unused_before_ns=3),
            await room(40, touched_before_ns=9, unused_before_ns=0),
        ]

    assert using(target, use) == [
        (True, ["active", "over", "old", "new"]),
        (False, ["active", "over", "old", "new"]),
        (True, ["active", "old", "new"]),
        (True, ["active", "new"]),
        (False, ["active"]),
    ]
