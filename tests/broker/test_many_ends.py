"""Thousands of processes of one user each, which end one by one: what is kept does not grow."""

import asyncio
import gc
import json
import tracemalloc
from dataclasses import replace

from loadgrpc.model import AssignmentState, RunState
from loadgrpc.protocol import answers
from loadgrpc.protocol.produced import Produced

MANY = 1_000
"""Processes; an hour may have ten thousand."""
MOST = 1_000 * MANY
"""Bytes that they may leave: 10 MB for ten thousand."""


class Instant:
    """A store that takes everything at once, and keeps only how much it was."""

    trouble = ""

    def __init__(self, store):
        self._store = store
        self.written = []
        """Bytes and rows of each write of a run."""

    def __getattr__(self, name):
        return getattr(self._store, name)

    async def save_run(self, record, *, patient=False):
        size = len(record.roster or b"")
        self.written.append((size, len(record.ends) + len(record.changes)))

    async def save_source(self, progress, *, after=None):
        pass

    async def append(self, batch, progress):
        stored = asyncio.get_running_loop().create_future()
        stored.set_result(1)
        return stored


async def begun(desk, users):
    """A run in which each user is a process, whose agent has started them."""
    run = await desk.start("a1", test_runner="./r", users=(users,), iterations=(users,))
    desk.broker.agent_ready("a1", run.run_id, "", 1)
    await desk.settled()
    return run


async def lived(desk, run, number, **how):
    """A process that reports an iteration, finishes and ends."""
    runner = await desk.runner(run, barrier=False, runner_id=f"{number:012x}")
    await runner.publish(2, first=1, passed=1)
    await runner.finish(3)
    desk.agent().exits(runner.source_id, last=False, **how)
    await desk.settled()
    desk.broker.close_inbox(runner.inbox)
    desk.agent().orders()
    return runner


def test_processes_that_end_leave_sums(at_desk):
    """An hour of them: memory stays within 10 MB, each end writes as much as the first did."""

    async def use(desk):
        run = await begun(desk, MANY)
        store = desk.uses(Instant(desk.store))
        for number in range(MANY // 10):
            await lived(desk, run, number)
        part = desk.broker._runs[run.run_id].parts["a1", ""]
        first = store.written[-1]
        gc.collect()
        tracemalloc.start()
        for number in range(MANY // 10, MANY - 1):
            await lived(desk, run, number)
            desk.clock.advance(0.36)
            desk.broker.heard_from_agent("a1")
        store.written, last = [], store.written[-1]
        gc.collect()
        grown, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert grown < MOST
        assert last == first, "bytes and rows of a write"
        assert part.sources == {}
        assert part.past.sources == MANY - 1
        desk.uses(desk.store)
        summary = await desk.broker.get_summary(run.run_id)
        assert summary.accounting.committed == 3 * (MANY - 1)
        assert summary.users.started == MANY - 1
        assert summary.hits.count == 2 * (MANY - 1)
        assert summary.iterations.started == MANY - 1

    at_desk(use, within_s=300)


def test_ends_are_known_to_the_next_broker(at_desk, tmp_path):
    """Each is a row; an end that is told again, before or after, counts once."""
    path = str(tmp_path / "store.db")

    async def before(desk):
        run = await begun(desk, 4)
        runner = await lived(desk, run, 0)
        desk.agent().exits(runner.source_id, last=False)  # the answer was lost
        await desk.settled()
        assert desk.agent().orders() == ["ExitNoted"]
        bad = await desk.runner(run, barrier=False, runner_id="bad")
        await bad.publish(2, first=1)
        desk.agent().exits(bad.source_id, 1, "boom", Produced(7, 5), last=False)
        await desk.settled()
        ends = {end.runner_id: end.produced for end in await desk.store.ends(run.run_id)}
        assert ends == {f"{0:012x}": None, "bad": (7, 5)}
        assert b"bad" not in (await desk.store.get_run(run.run_id)).roster
        return run, (await desk.broker.get_summary(run.run_id)).accounting

    run, accounting = at_desk(before, store=path)
    assert accounting.committed == 5
    assert [(loss.count, loss.hits) for loss in accounting.losses] == [(5, 3)]

    async def after(desk):
        agent = desk.back("a1", [run.run_id])
        part = desk.broker._runs[run.run_id].parts["a1", ""]
        assert part.sources == {}
        assert (part.past.sources, part.failed, len(part.ended)) == (2, 1, 2)
        assert (await desk.broker.get_summary(run.run_id)).accounting == accounting
        agent.runner_id = "bad"
        agent.exits(run, 1, "boom", Produced(7, 5), last=False)
        agent.runner_id = "last"
        agent.exits(run, 0)
        await desk.settled()
        assert part.state is AssignmentState.LOST
        assert part.reason == "1 of its 3 runners: its runner ended with status 1: boom" or (
            part.failed == 1
        )
        summary = await desk.broker.get_summary(run.run_id)
        assert summary.accounting.lost == 5
        assert (await desk.over(run)).state is RunState.FAILED

    at_desk(after, store=path)


def test_a_process_that_has_ended_is_closed_for_good(at_desk):
    """Nothing that comes of it later counts, on its stream or on a new one."""

    async def use(desk):
        run = await begun(desk, 4)
        runner = await desk.runner(run, barrier=False)
        await runner.publish(2, first=1)
        await runner.finish(2)
        desk.agent().exits(runner.source_id, last=False)
        await desk.settled()
        runner.answers()
        await runner.publish(1, first=3)
        assert runner.answers() == [answers.RunClosed()]
        await runner.open(anew=True)
        assert runner.answers() == [answers.RunClosed()]
        assert (await desk.broker.get_summary(run.run_id)).accounting.committed == 2

    at_desk(use)


def test_what_is_still_being_stored_is_not_folded(at_desk):
    """A batch that is under way when its process ends counts when it is stored."""

    async def use(desk):
        run = await begun(desk, 4)
        runner = await desk.runner(run, barrier=False)
        held = asyncio.Event()

        class Slow(Instant):
            async def save_run(self, record, *, patient=False):
                await self._store.save_run(record, patient=patient)

            async def append(self, batch, progress):
                async def stored():
                    await held.wait()
                    return await (await self._store.append(batch, progress))

                return asyncio.ensure_future(stored())

            save_source = property(lambda self: self._store.save_source)

        desk.uses(Slow(desk.store))
        publishing = asyncio.create_task(runner.publish(2, first=1))
        await asyncio.sleep(0.01)
        desk.agent().exits(runner.source_id, last=False)
        await asyncio.sleep(0.1)
        part = desk.broker._runs[run.run_id].parts["a1", ""]
        assert list(part.sources) == [runner.source_id]
        held.set()
        await publishing
        assert (await desk.broker.get_summary(run.run_id)).accounting.committed == 2

    at_desk(use)


def test_a_defect_in_a_regular_task_stops_nothing(at_desk, monkeypatch, caplog):
    """It is logged once, and everything else goes on: leases end, results are stored."""
    from loadgrpc.broker import broker as module

    monkeypatch.setattr(module, "TICK_S", 0.001)

    async def use(desk):
        run = await desk.start("a1")

        def broken(*_, **__):
            raise ValueError("a defect")

        monkeypatch.setattr(desk.broker._store_watch, "tick", broken)
        monkeypatch.setattr(desk.broker._parts[0], "end_overdue", broken)
        desk.clock.advance(61)
        assert (await desk.over(run)).state is RunState.FAILED  # its lease is over

    at_desk(use)
    defects = [each for each in caplog.records if "a defect in" in each.message]
    assert {each.args[0].split()[0] for each in defects} == {"giving", "looking"}
    assert len(defects) == 2


def test_ends_that_an_older_broker_kept_become_rows(at_desk, tmp_path):
    """It kept a list with each part; what of it this broker stores is known to the next one."""
    path = str(tmp_path / "store.db")

    async def before(desk):
        run = await begun(desk, 4)
        record = await desk.store.get_run(run.run_id)
        roster = json.loads(record.roster)
        roster["parts"][0] |= {"ended": ["x", "y"], "produced": {"y": [7, 5]}}
        await desk.store.save_run(replace(record, roster=json.dumps(roster).encode()))
        return run

    run = at_desk(before, store=path)

    async def after(desk):
        await desk.settled()
        part = desk.broker._runs[run.run_id].parts["a1", ""]
        assert part.ended == {"x", "y"}
        losses = (await desk.broker.get_summary(run.run_id)).accounting.losses
        assert [(loss.count, loss.hits) for loss in losses] == [(7, 5)]
        stored = {end.runner_id: end.produced for end in await desk.store.ends(run.run_id)}
        assert stored == {"x": None, "y": (7, 5)}

    for _ in range(2):
        at_desk(after, store=path)
