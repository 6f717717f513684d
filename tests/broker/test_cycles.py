"""Figures of each cycle: the users asked for, and what their hits took, by actual time."""

import pytest

from loadgrpc.model import Plan, Scenario
from loadgrpc.v1 import event_pb2, runner_pb2

NS = 1_000_000_000
BROWSE = Scenario(name="browse", test="a.B.c", users=(10, 20), iterations=(1,))
BUY = Scenario(name="buy", test="a.B.d", users=(2,), iterations=(1,))


async def publish(desk, runner, first, count, *, took_s, elapsed_ms, cycle=0):
    """Hits that end one after the other over some time, the last of them now."""
    step_ns = round(took_s * NS) // count
    block = event_pb2.HitBlock(
        count=count,
        labels=[event_pb2.HitLabel(name="/", method="GET", status=200)],
        start_ns=b"".join((step_ns * at).to_bytes(8, "little") for at in range(count)),
        elapsed_ns=(elapsed_ms * 1_000_000).to_bytes(8, "little") * count,
    )
    block.status.cycle = cycle
    last_ns = step_ns * (count - 1) + elapsed_ms * 1_000_000
    block.base_time.FromNanoseconds(desk.clock.wall_ns() - last_ns)
    batch = runner_pb2.EventBatch(first_sequence=first, hit_blocks=[block])
    await desk.broker.intake.publish(runner.inbox, runner.source_id, batch)
    await desk.settled()


@pytest.mark.parametrize("told", [True, False])
def test_each_cycle_has_its_figures(at_desk, tmp_path, told):
    """Users, hits, rate and times, of all scenarios and of each; also at the next broker."""
    path = str(tmp_path / "store.db")
    known = {}

    async def use(desk):
        desk.agent()
        run = known["run"] = await desk.broker.start_run(Plan(scenarios=(BROWSE, BUY)))
        browse = await desk.runner(run, scenario="browse", runner_id="x")
        buy = await desk.runner(run, scenario="buy", runner_id="y")
        for runner in (browse, buy):
            runner.ready(1)
        await desk.settled()
        desk.clock.advance(10)
        more = {"cycle": 1} if told else {}
        await publish(desk, browse, 1, 100, took_s=5, elapsed_ms=10, **more)
        await publish(desk, buy, 1, 4, took_s=2, elapsed_ms=30, **more)
        for runner in (browse, buy):
            runner.ready(2)
        await desk.settled()
        desk.clock.advance(10)
        more = {"cycle": 2} if told else {}
        await publish(desk, browse, 101, 120, took_s=6, elapsed_ms=100, **more)
        known["summary"] = check((await summary_of(desk, run)).cycles)

    async def later(desk):
        assert check((await summary_of(desk, known["run"])).cycles) == known["summary"]

    at_desk(use, store=path)
    at_desk(later, store=path)


async def summary_of(desk, run):
    """The figures so far."""
    return await desk.broker.archive.get_summary(run.run_id)


def check(cycles):
    """What the cycles of the run above are."""
    one, two = cycles
    assert (one.cycle, one.users, one.hits.count) == (1, 12, 104)
    assert (two.cycle, two.users, two.hits.count) == (2, 20, 120)
    assert (one.start_time_ns, two.start_time_ns - one.start_time_ns) != (None, 0)
    assert one.duration_ns == 4_960_000_000  # 99 steps of 50 ms, and the last hit
    assert one.hits.rate == pytest.approx(104 / 4.96)
    assert one.hits.elapsed.max_ns == 30_000_000
    assert two.hits.rate == pytest.approx(120 / 6.05)
    assert (two.hits.elapsed.min_ns, two.hits.elapsed.p99_ns) == (100_000_000, 100_000_000)
    of_one = [(each.name, each.users, each.hits.count) for each in one.scenarios]
    assert of_one == [("browse", 10, 100), ("buy", 2, 4)]
    of_two = [(each.name, each.users, each.hits.count) for each in two.scenarios]
    assert of_two == [("browse", 20, 120), ("buy", 0, 0)]
    return cycles


def test_a_plan_of_one_cycle_has_no_figures_of_cycles(at_desk):
    """They would be those of the run."""

    async def use(desk):
        run = await desk.start()
        runner = await desk.runner(run)
        runner.ready(1)
        await desk.settled()
        await runner.publish(5, first=1)
        assert (await summary_of(desk, run)).cycles == ()

    at_desk(use)
