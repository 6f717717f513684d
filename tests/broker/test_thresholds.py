"""Thresholds of runs, through the broker: judged live, and afterwards with the same result."""

import math
import random

import pytest

from loadgrpc.errors import InvalidRequest, RunNotOver
from loadgrpc.model import ChangeKind, CheckQuery, RunState, ThresholdOutcome
from loadgrpc.protocol import thresholds as wire
from loadgrpc.testing import ManualClock
from loadgrpc.v1 import control_pb2, event_pb2, runner_pb2

NS = 1_000_000_000
MS = 1_000_000
MINUTES_3_NS = 180 * NS


def hits(first, end_ns, elapsed_ms, *, ahead_ns=0, name="/", failed=False):
    """A batch of hits that ended then, by a clock that is ahead, each after so long."""
    base_ns = end_ns + ahead_ns - max(elapsed_ms) * MS
    starts = [end_ns + ahead_ns - each * MS - base_ns for each in elapsed_ms]
    label = event_pb2.HitLabel(name=name, method="GET", status=500 if failed else 200)
    block = event_pb2.HitBlock(
        count=len(starts),
        labels=[label],
        label=bytes(len(starts)),
        start_ns=b"".join(start.to_bytes(8, "little") for start in starts),
        elapsed_ns=b"".join((each * MS).to_bytes(8, "little") for each in elapsed_ms),
    )
    block.base_time.FromNanoseconds(base_ns)
    return runner_pb2.EventBatch(first_sequence=first, hit_blocks=[block])


class Load:
    """The load of some runners: each sends what ended, and a tick of the broker follows."""

    def __init__(self, desk, run, runners, ahead_ns=()):
        self.desk = desk
        self.run = run
        self.runners = runners
        self.ahead_ns = ahead_ns or [0] * len(runners)
        self.sent = [0] * len(runners)

    @property
    def active(self):
        """The run, as the broker has it; None: it is over."""
        return self.desk.broker._runs.get(self.run.run_id)

    async def ends(self, at, elapsed_ms, **more):
        """A runner sends hits that end now."""
        batch = hits(
            self.sent[at] + 1,
            self.desk.clock.wall_ns(),
            elapsed_ms,
            ahead_ns=self.ahead_ns[at],
            **more,
        )
        self.sent[at] += len(elapsed_ms)
        runner = self.runners[at]
        await self.desk.broker.intake.publish(runner.inbox, runner.source_id, batch)

    async def tick(self):
        """What the broker does once a second."""
        await self.desk.settled()
        self.desk.broker.close_seconds(self.active)
        await self.desk.settled()

    async def second(self, elapsed_ms, **more):
        """Each runner has the same hits at 0.3 s and 0.8 s of a second; a tick follows both."""
        for wait_s in (0.3, 0.5):
            self.desk.clock.advance(wait_s)
            for at in range(len(self.runners)):
                await self.ends(at, elapsed_ms, **more)
            await self.tick()
        self.desk.clock.advance(0.2)

    async def over(self):
        """All runners end; the summary."""
        for runner in self.runners:
            await runner.ends()
        await self.desk.settled()
        return await self.desk.broker.archive.get_summary(self.run.run_id)

    async def changes(self):
        """The changes of thresholds, as they are stored."""
        stored = await self.desk.store.changes(self.run.run_id)
        return [each for each in stored if each.kind == ChangeKind.THRESHOLD]


async def loaded(desk, thresholds, agents=1, ahead_ns=(), *, named="a", **plan):
    """A run with thresholds that has begun, on whole seconds of the clock."""
    names = [f"{named}{number}" for number in range(agents)]
    plan = {"duration_s": 60.0, **plan}
    run = await desk.start(*names, thresholds=tuple(thresholds), **plan)
    runners = [await desk.runner(run, name) for name in names]
    for name, ahead in zip(names, ahead_ns, strict=False):
        desk.broker._runs[run.run_id].note_clock(name, ahead)
    for runner in runners:
        runner.ready(1)
    await desk.settled()
    return Load(desk, run, runners, list(ahead_ns))


@pytest.mark.parametrize(
    ("agents", "apart_ns"), [(1, 0), (8, 0), (8, MINUTES_3_NS), (100, MINUTES_3_NS)]
)
def test_a_server_that_turns_slow_stops_the_run_within_two_windows(at_desk, agents, apart_ns):
    """After the first window in which the condition holds; whatever the clocks of the agents."""
    ahead_ns = [apart_ns * (at % 3 - 1) for at in range(agents)]

    async def use(desk):
        load = await loaded(desk, ["p95(response) < 300ms for 1 abort"], agents, ahead_ns)
        began_ns = desk.clock.wall_ns()
        turned_slow_s, stopped_s = 3, None
        for second in range(8):
            await load.second([500 if second >= turned_slow_s else 100])
            if load.active.run.state is RunState.STOPPING:
                stopped_s = (desk.clock.wall_ns() - began_ns) / NS
                break
        assert stopped_s is not None
        assert stopped_s - (turned_slow_s + 1) <= 2, "two windows after it held"
        for agent in desk.agents.values():
            assert ("stop", load.run.run_id, "GRACEFUL") in agent.orders()
        summary = await load.over()
        assert summary.state is RunState.STOPPED
        assert summary.verdict.exit_code == 99
        assert "a threshold stopped the run: p95(response) < 300ms" in summary.verdict.reason
        (result,) = summary.thresholds
        assert (result.outcome, result.aborted) == (ThresholdOutcome.FAIL, True)
        assert result.value == pytest.approx(0.5, rel=0.003)
        assert result.start_ns == began_ns + turned_slow_s * NS
        (change,) = await load.changes()
        assert change.detail["threshold"]["aborted"]

    at_desk(use, within_s=60, lease_s=1e9)


@pytest.mark.parametrize("seed", range(4))
def test_a_percentile_is_that_of_all_agents_together(at_desk, seed):
    """Where one agent alone would pass, and another would fail; against all values kept."""
    rng = random.Random(seed)
    shares = [(rng.randrange(80, 120), 50, 200), (rng.randrange(5, 30), 400, 900)]
    values = [[rng.randrange(low, high) for _ in range(count)] for count, low, high in shares]

    def p95(some):
        return sorted(some)[math.ceil(0.95 * len(some)) - 1]

    whole = p95(values[0] + values[1])
    assert p95(values[0]) < 300 < p95(values[1]), "each alone says something else"

    async def use(desk):
        texts = [f"p95(response) < {limit}ms" for limit in (300, whole - 5, whole + 5)]
        load = await loaded(desk, texts, agents=2)
        for at in (0, 1):
            desk.clock.advance(1)
            await load.ends(at, values[at])
        summary = await load.over()
        assert [each.outcome for each in summary.thresholds] == [
            ThresholdOutcome.PASS if whole < 300 else ThresholdOutcome.FAIL,
            ThresholdOutcome.FAIL,
            ThresholdOutcome.PASS,
        ]
        assert summary.thresholds[0].value == pytest.approx(whole / 1000, rel=0.003)
        assert summary.thresholds[0].count == len(values[0]) + len(values[1])

    at_desk(use)


MANY = (
    "p95(response) < 300ms for 2",
    "max(response) < 300ms in 60% of windows",
    "hits/s >= 2 over 2s",
    "rate(failed) < 5%",
    "p95(response{name=logn}) < 1s",
    "orders > 0 or no data",
    "loss == 0",
)


async def ten_seconds(load, seconds=range(10)):
    """Seconds 4 and 5 are slow; the hits of second 7 fail."""
    for second in seconds:
        await load.second([500 if second in (4, 5) else 100], failed=second == 7)


def test_a_run_is_judged_live_and_afterwards_with_the_same_results(at_desk, tmp_path):
    """By a broker that has not run it, from what is stored."""
    path, clock, kept = str(tmp_path / "store.db"), ManualClock(), {}

    async def use(desk):
        load = await loaded(desk, MANY)
        await ten_seconds(load)
        summary = await load.over()
        assert summary.verdict.exit_code in (3, 99)  # its users were never started
        kept.update(run=load.run, results=summary.thresholds, changes=await load.changes())

    async def later(desk):
        run_id = kept["run"].run_id
        checked = await desk.broker.reviews.check_run(CheckQuery(run_id=run_id))
        assert checked.results == kept["results"]
        assert checked.windows == ((1, 10),)
        assert checked.over
        other = await desk.broker.reviews.check_run(
            CheckQuery(run_id=run_id, thresholds=("max(response) < 1s",))
        )
        assert [each.outcome for each in other.results] == [ThresholdOutcome.PASS]

    at_desk(use, store=path, clock=clock)
    at_desk(later, store=path, clock=clock)
    outcomes = [each.outcome.name for each in kept["results"]]
    assert outcomes == ["FAIL", "PASS", "PASS", "FAIL", "NO_DATA", "NO_DATA", "PASS"]
    assert kept["results"][4].near == ("/",)
    assert [change.detail["threshold"]["text"] for change in kept["changes"]] == [
        MANY[0],
        MANY[3],
        MANY[4],
    ]


def test_a_killed_broker_gives_the_verdict_of_each_window_once(at_desk, tmp_path):
    """What failed before is in the log once; each window is counted once."""
    path, clock, state = str(tmp_path / "store.db"), ManualClock(), {}

    def begin(until):
        async def use(desk):
            if "load" not in state:
                state["load"] = await loaded(desk, MANY)
            else:
                desk.back("a0", [state["load"].run.run_id])
                runner = await desk.runner(state["load"].run, "a0", runner_id=state["runner"])
                state["load"] = load = Load(desk, state["load"].run, [runner])
                load.sent = state["sent"]
            load = state["load"]
            state["runner"] = load.runners[0].source_id.runner_id
            await ten_seconds(load, range(state.get("done", 0), until))
            state.update(done=until, sent=load.sent)
            if until == 10:
                state["summary"] = await load.over()
                state["changes"] = await load.changes()

        return use

    for until in (3, 6, 8, 10):
        at_desk(begin(until), store=path, clock=clock, lease_s=1e9)
    texts = [change.detail["threshold"]["text"] for change in state["changes"]]
    assert texts == [MANY[0], MANY[3], MANY[4]]
    first, share, rate, *_ = state["summary"].thresholds
    assert (first.windows, first.windows_failed) == (10, 2)
    assert (share.windows, share.windows_failed) == (10, 2)
    assert (rate.windows, rate.windows_failed) == (9, 0)


def test_agents_are_told_apart_where_a_threshold_selects_by_them(at_desk):
    """Live, and afterwards with the same results; in other runs they are not, and it says so."""
    texts = ["max(response{agent=a0}) < 300ms", "p50(response{agent=a1}) < 300ms for 1"]

    async def use(desk):
        for thresholds in (texts, []):
            load = await loaded(desk, thresholds, agents=2)
            for _ in range(3):
                desk.clock.advance(0.5)
                await load.ends(0, [100, 100])
                await load.ends(1, [500])
                await load.tick()
                desk.clock.advance(0.5)
            summary = await load.over()
            checked = await desk.broker.reviews.check_run(
                CheckQuery(run_id=load.run.run_id, thresholds=tuple(texts))
            )
            if thresholds:
                first, second = summary.thresholds
                assert (first.outcome, first.count) == (ThresholdOutcome.PASS, 6)
                assert (second.outcome, second.windows_failed) == (ThresholdOutcome.FAIL, 3)
                assert checked.results == summary.thresholds
        assert [each.outcome for each in checked.results] == [ThresholdOutcome.NO_DATA] * 2
        assert "does not tell agents apart" in checked.results[0].message

    at_desk(use)


def test_an_active_run_shows_how_its_thresholds_stand(at_desk):
    """In its figures, and to whoever checks it; a change is sent when one has failed."""

    async def use(desk):
        load = await loaded(desk, MANY[:4])
        await ten_seconds(load, range(7))
        seen = []
        async for news in desk.broker.watch_run(load.run.run_id, after=0):
            seen.append(news)
            if news.change is None:
                break
        failed = [each.change.threshold for each in seen if each.change and each.change.threshold]
        assert [each.text for each in failed] == [MANY[0]]
        standing = seen[-1].update.thresholds
        assert [each.outcome.name for each in standing] == ["FAIL", "PASS", "PASS", "PASS"]
        checked = await desk.broker.reviews.check_run(CheckQuery(run_id=load.run.run_id))
        assert not checked.over
        assert checked.results[0].windows == standing[0].windows
        await load.over()

    at_desk(use)


def test_what_cannot_be_checked_is_refused(at_desk):
    """A threshold that cannot be read, or none at all."""
    request = control_pb2.CheckRunRequest(thresholds=["hits > 1", "p95(response) < 3"])
    with pytest.raises(InvalidRequest) as raised:
        wire.check_from_proto(request)
    assert [each.field for each in raised.value.violations] == ["run_id", "thresholds[1]"]

    async def use(desk):
        load = await loaded(desk, [])
        with pytest.raises(InvalidRequest, match="the plan of the run has none"):
            await desk.broker.reviews.check_run(CheckQuery(run_id=load.run.run_id))
        await load.over()

    at_desk(use)


def test_runs_that_are_over_are_compared(at_desk):
    """From their stored timelines; what makes a difference in their plans is named."""

    async def use(desk):
        run_ids = []
        for elapsed_ms, users in (([100, 100], 1), ([150, 150], 1), ([100, 100], 2)):
            plan = {"duration_s": 70.0, "users": (users,), "title": str(elapsed_ms)}
            load = await loaded(desk, [], named=f"of-{len(run_ids)}-", **plan)
            for _ in range(70):
                await load.second(elapsed_ms)
            await load.over()
            run_ids.append(load.run.run_id)
        worse, other = await desk.broker.reviews.compare_runs(run_ids, 0.0)
        assert not worse.refusals
        p95 = next(each for each in worse.figures if each.figure == "p95")
        assert p95.outcome.name == "WORSE"
        assert p95.change == pytest.approx(50, abs=1)
        assert other.refusals == ("the plans differ in users: 1, and 2",)
        load = await loaded(desk, [], named="last")
        with pytest.raises(RunNotOver):
            await desk.broker.reviews.compare_runs([run_ids[0], load.run.run_id], 5.0)
        await load.over()

    at_desk(use, lease_s=1e9, within_s=60)


def test_a_span_is_judged_as_a_run_of_its_own(at_desk):
    """Of an active run and of one that is over; windows that lie in it only in part do not."""
    texts = ("max(response) < 300ms", "hits/s == 2", "rate(failed) == 0%", "hits == 6")

    async def use(desk):
        load = await loaded(desk, [])
        began_ns = desk.clock.wall_ns()
        assert began_ns % NS == 0
        await ten_seconds(load)

        async def judged(first_s, last_s, extra_ns=0):
            query = CheckQuery(
                run_id=load.run.run_id,
                thresholds=texts,
                from_ns=began_ns + first_s * NS - extra_ns,
                to_ns=began_ns + last_s * NS + extra_ns,
            )
            checked = await desk.broker.reviews.check_run(query)
            return [each.outcome.name for each in checked.results], checked.windows

        async def seen():
            return [
                await judged(0, 3),
                await judged(3, 6),
                await judged(6, 9),
                await judged(0, 3, NS // 2),
            ]

        active = await seen()
        assert active == [
            (["PASS", "PASS", "PASS", "PASS"], ((1, 3),)),
            (["FAIL", "PASS", "PASS", "PASS"], ((1, 3),)),
            (["PASS", "PASS", "FAIL", "PASS"], ((1, 3),)),
            (["PASS", "FAIL", "PASS", "PASS"], ((1, 3),)),
        ]
        await load.over()
        assert await seen() == active

    at_desk(use)
    request = control_pb2.CheckRunRequest(run_id="r-1")
    request.to.FromNanoseconds(1)
    getattr(request, "from").FromNanoseconds(1)
    with pytest.raises(InvalidRequest, match="is not after from"):
        wire.check_from_proto(request)
