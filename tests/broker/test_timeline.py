"""A run by time, through the broker: it survives the broker, is stored, and adds up."""

import asyncio
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loadgrpc.broker import broker as of_broker
from loadgrpc.broker import control_service, watch
from loadgrpc.broker import timeline as module
from loadgrpc.broker.windows import ClosedWindows
from loadgrpc.clock import NS_PER_S
from loadgrpc.errors import InvalidRequest, NotFound
from loadgrpc.model import Progress, TimelineQuery, TimelineWindow
from loadgrpc.stats.rows import LENGTHS
from loadgrpc.stats.timeline import Timeline
from loadgrpc.store import StoreError
from loadgrpc.testing import ManualClock
from loadgrpc.v1 import control_pb2, event_pb2, runner_pb2

NS = 1_000_000_000
MS = 1_000_000


def hits(first, ends_ns, *, names="/", elapsed_ns=MS, ahead_ns=0, cycle=0):
    """A batch of a block of hits that ended then, by a clock that is so far ahead."""
    base_ns = min(ends_ns) + ahead_ns - elapsed_ns
    starts = [end_ns + ahead_ns - elapsed_ns - base_ns for end_ns in ends_ns]
    block = event_pb2.HitBlock(
        count=len(starts),
        labels=[event_pb2.HitLabel(name=name, method="GET", status=200) for name in names],
        label=bytes(at % len(names) for at in range(len(starts))),
        start_ns=b"".join(start.to_bytes(8, "little") for start in starts),
        elapsed_ns=b"".join(elapsed_ns.to_bytes(8, "little") for _ in starts),
    )
    block.base_time.FromNanoseconds(base_ns)
    block.status.cycle = cycle
    return runner_pb2.EventBatch(first_sequence=first, hit_blocks=[block])


async def publish(desk, runner, batch):
    """Sends a batch, and waits until it is counted."""
    await desk.broker.intake.publish(runner.inbox, runner.source_id, batch)
    await desk.settled()


async def tick(desk, run):
    """What the broker does once a second."""
    active = desk.broker._runs[run.run_id]
    active.close_seconds(desk.clock.wall_ns(), stored=True)
    await desk.broker.timelines.keep(active)


async def windows(desk, run, **query):
    """All windows of a run, page by page."""
    found, token = [], ""
    while True:
        query = {"run_id": run.run_id, **query, "page_token": token}
        page = await desk.broker.archive.get_timeline(TimelineQuery(**query))
        found += page.windows
        if not (token := page.next_token):
            return found


async def check(desk, run):
    """At every resolution the sum over windows is what the summary has."""
    total = (await desk.broker.archive.get_summary(run.run_id)).hits
    for resolution_s in LENGTHS:
        found = await windows(desk, run, resolution_s=resolution_s)
        assert sum(each.hits.count for each in found) == total.count
        assert sum(each.hits.bytes_sent for each in found) == total.bytes_sent
        names = Counter()
        for each in found:
            assert sum(series.hits.count for series in each.series) == each.hits.count
            names.update({series.name: series.hits.count for series in each.series})
        assert names.total() == total.count
        assert max((w.hits.elapsed.max_ns for w in found), default=0) == total.elapsed.max_ns
        starts = [each.start_ns for each in found]
        assert starts == sorted(set(starts))


steps = st.lists(
    st.tuples(
        st.sampled_from([0.3, 1.0, 4.0, 700.0, 8_000.0, 50_000.0]),
        st.lists(
            st.integers(0, 3) | st.integers(0, 900) | st.integers(0, 60_000), min_size=1, max_size=5
        ),
        st.sampled_from(["publish", "publish", "again", "tick", "killed"]),
        st.integers(1, 10**10),
    ),
    max_size=8,
)


@settings(
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps, st.sampled_from([0, 3_600 * NS, -7 * NS]))
def test_the_sum_over_windows_is_the_total_whatever_happens(
    at_desk, tmp_path_factory, steps, ahead
):
    """With late data, clocks that differ, batches that come twice, and brokers that are killed."""
    path = str(tmp_path_factory.mktemp("store") / "store.db")
    clock = ManualClock()
    state = {"sent": 0, "runner": None, "run": None, "steps": list(steps)}

    async def use(desk):
        if state["run"] is None:
            state["run"] = await desk.start(duration_s=10**6)
            desk.broker._runs[state["run"].run_id].ahead_ns["a1"] = ahead
        else:
            desk.back("a1", [state["run"].run_id])
        run = state["run"]
        runner = await desk.runner(run, runner_id="x")
        runner.ready(1)
        while state["steps"]:
            wait_s, ago_s, what, elapsed_ns = state["steps"].pop(0)
            clock.advance(wait_s)
            if what == "killed":
                return
            if what == "tick":
                await tick(desk, run)
            ends = [clock.wall_ns() - ago * NS - 7 for ago in ago_s]
            first = state["sent"] + 1
            batch = hits(first, ends, names="abc", elapsed_ns=elapsed_ns, ahead_ns=ahead)
            await publish(desk, runner, batch)
            state["sent"] += len(ends)
            if what == "again":
                await publish(desk, runner, batch)
            await check(desk, run)
        await runner.ends()
        await desk.settled()
        summary = await desk.broker.archive.get_summary(run.run_id)
        assert summary.state.final
        assert summary.hits.count == state["sent"]
        await check(desk, run)
        state["over"] = True

    while "over" not in state:
        at_desk(use, store=path, clock=clock, lease_s=1e9)

    async def later(desk):
        await check(desk, state["run"])

    at_desk(later, store=path, clock=clock)


def test_a_run_that_is_over_has_its_windows(at_desk, tmp_path):
    """They are stored with it, as they were, and go with it."""
    path = str(tmp_path / "store.db")

    async def use(desk):
        run = await desk.start()
        runner = await desk.runner(run)
        runner.ready(1)
        for at in range(5):
            desk.clock.advance(1)
            now_ns = desk.clock.wall_ns()
            await publish(desk, runner, hits(at * 3 + 1, [now_ns, now_ns, now_ns - NS], names="ab"))
        going_on = await windows(desk, run)
        assert [each.hits.count for each in going_on] == [1, 3, 3, 3, 3, 2]
        await runner.ends()
        await desk.settled()
        over = await windows(desk, run)
        assert all(each.closed for each in over)
        assert [each.hits for each in over] == [each.hits for each in going_on]
        return run, over

    run, over = at_desk(use, store=path)

    async def later(desk):
        assert await windows(desk, run) == over
        await desk.broker.archive.delete_run(run.run_id)
        assert not await desk.store.windows(run.run_id)
        with pytest.raises(NotFound):
            await windows(desk, run)

    at_desk(later, store=path)


def test_pages_are_bounded_and_fit_together(at_desk, monkeypatch):
    """By windows and by bytes; one window comes at least; nothing is missed or comes twice."""

    async def use(desk):
        run = await desk.start()
        runner = await desk.runner(run)
        desk.clock.advance(50)
        now_ns = desk.clock.wall_ns()
        await publish(desk, runner, hits(1, [now_ns - at * NS for at in range(40)], names="abcd"))
        everything = await windows(desk, run)
        assert len(everything) == 40
        for query in ({"page_size": 1}, {"page_size": 7}, {"page_size": 10**6}):
            assert await windows(desk, run, **query) == everything
        page = await desk.broker.archive.get_timeline(TimelineQuery(run_id=run.run_id, page_size=7))
        assert (len(page.windows), page.resolution_s) == (7, 1)
        for most in (1, 3 * module.WINDOW_BYTES):
            monkeypatch.setattr(module, "MAX_ANSWER_BYTES", most)
            assert await windows(desk, run) == everything
        with pytest.raises(InvalidRequest, match="page_token"):
            await desk.broker.archive.get_timeline(TimelineQuery(run_id=run.run_id, page_token="x"))

    at_desk(use)


class Unreadable:
    """A store that cannot be read."""

    def __getattr__(self, name):
        raise StoreError("the store is away")


def test_what_is_in_memory_needs_no_store(at_desk):
    """A run that nothing has left memory of is shown by time while the store is away."""

    async def use(desk):
        run = await desk.start()
        runner = await desk.runner(run)
        await publish(desk, runner, hits(1, [desk.clock.wall_ns()] * 3))
        await tick(desk, run)
        desk.broker.timelines._store = Unreadable()
        assert sum(each.hits.count for each in await windows(desk, run)) == 3

    at_desk(use)


def test_what_is_asked_for_comes(at_desk):
    """A span of time, a resolution, some names, with or without series."""

    async def use(desk):
        run = await desk.start()
        runner = await desk.runner(run)
        desk.clock.advance(100)
        now_ns = desk.clock.wall_ns()
        await publish(desk, runner, hits(1, [now_ns - at * NS for at in range(60)], names="abc"))
        await tick(desk, run)

        some = await windows(desk, run, from_ns=now_ns - 10 * NS, to_ns=now_ns - 5 * NS)
        assert [each.start_ns for each in some] == [now_ns - at * NS for at in (10, 9, 8, 7, 6)]
        some = await windows(desk, run, resolution_s=2)
        assert {each.length_ns for each in some} == {10 * NS}
        assert all(each.start_ns % (10 * NS) == 0 for each in some)
        only = await windows(desk, run, names=("a", "c"))
        assert sum(each.hits.count for each in only) == 40
        assert {series.name for each in only for series in each.series} == {"a", "c"}
        bare = await windows(desk, run, names=("a",), series=False)
        assert sum(each.hits.count for each in bare) == 20
        assert not any(each.series for each in bare)
        closed = {(now_ns - each.start_ns) // NS: each.closed for each in await windows(desk, run)}
        assert closed == {at: at > 1 for at in range(60)}

    at_desk(use)


def test_watchers_get_each_window_that_closes(at_desk, monkeypatch):
    """Once, in order, if they ask for it, to the last one; made once for all of them."""
    monkeypatch.setattr(of_broker, "TICK_S", 0.001)
    made = Counter()
    as_it_was = watch.ActiveRun.closed_windows

    def counted(self, second):
        found = as_it_was(self, second)
        made.update(id(each) for each in found)
        kept.extend(found)
        return found

    kept = []
    monkeypatch.setattr(watch.ActiveRun, "closed_windows", counted)

    async def use(desk):
        run = await desk.start()
        runner = await desk.runner(run)
        runner.ready(1)
        await desk.settled()

        async def look():
            watching = desk.broker.archive.watch_run(run.run_id, windows=True)
            return [news.update async for news in watching]

        looking = [asyncio.create_task(look()) for _ in range(20)]
        await asyncio.sleep(0)
        for at in range(12):
            desk.clock.advance(1)
            await publish(desk, runner, hits(at * 2 + 1, [desk.clock.wall_ns()] * 2))
            await asyncio.sleep(0.01)
        await runner.ends()
        await desk.settled()
        for updates in await asyncio.gather(*looking):
            found = [each for each in updates if isinstance(each, TimelineWindow)]
            assert [each.hits.count for each in found] == [2] * 12
            assert len({each.start_ns for each in found}) == 12
            assert any(isinstance(each, Progress) for each in updates)
        assert len(made) == 12  # not 20 times as many
        assert not [n async for n in desk.broker.archive.watch_run(run.run_id) if is_window(n)]

    at_desk(use)


def test_who_is_a_little_behind_gets_the_same_windows():
    """Others have asked for newer ones only, and nothing is made again."""
    timeline = Timeline()
    for second in range(4):
        timeline.window(second)
    timeline.close(10 * NS_PER_S)
    closed = ClosedWindows()
    first = closed.since(timeline, 0)
    assert len(first) == 4
    closed.since(timeline, 3)
    assert all(a is b for a, b in zip(closed.since(timeline, 0), first, strict=True))


def is_window(news):
    """Whether a window came."""
    return isinstance(news.update, TimelineWindow)


def test_what_watchers_get_is_converted_once(at_desk, monkeypatch):
    """Twenty watchers cost what one costs: figures and windows become messages once for all."""
    monkeypatch.setattr(of_broker, "TICK_S", 0.001)
    converted = []
    convert = control_service.progress.news_to_proto
    monkeypatch.setattr(
        control_service.progress,
        "news_to_proto",
        lambda news: (converted.append(type(news.update)), convert(news))[1],
    )

    async def use(desk):
        run = await desk.start()
        runner = await desk.runner(run)
        runner.ready(1)
        await desk.settled()
        service = control_service.ControlService(desk.broker, None)
        request = control_pb2.WatchRunRequest(run_id=run.run_id, windows=True)

        async def look():
            return [message async for message in service.WatchRun(request, None)]

        looking = [asyncio.create_task(look()) for _ in range(20)]
        await asyncio.sleep(0)
        for at in range(6):
            desk.clock.advance(1)
            await publish(desk, runner, hits(at * 2 + 1, [desk.clock.wall_ns()] * 2))
            await asyncio.sleep(0.01)
        await runner.ends()
        await desk.settled()
        found = await asyncio.gather(*looking)
        for messages in found:
            windows = [each.window for each in messages if each.HasField("window")]
            assert [each.hits.count for each in windows] == [2] * 6
            assert all(each.sequence for each in messages)
        assert converted.count(TimelineWindow) == 6
        assert converted.count(Progress) <= 10  # of hundreds

    at_desk(use)
