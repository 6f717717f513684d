"""The account of a run against what its runners say they made."""

import pytest

from loadgrpc import model
from loadgrpc.broker.part import UNKNOWN_LOSS
from loadgrpc.model import AssignmentState
from loadgrpc.protocol.produced import Produced

NS = 1_000_000_000


async def ended(desk, *, says, counted=3, rejected=0, lost=0):
    """The summary of a run whose runner delivered this, and says that it made `says` hits."""
    run = await desk.start(iterations=(1,))
    runner = await desk.runner(run, runner_id="x")
    runner.ready(1)
    await runner.publish(counted, first=1, invalid=rejected)
    if lost:
        await runner.skip(counted + rejected + 1, lost)
    await runner.finish(counted + rejected + lost, hits=says)
    desk.agent().exits(run)
    await desk.settled()
    return await desk.broker.get_summary(run.run_id)


@pytest.mark.parametrize(
    "case",
    [
        {"says": 3},
        {"says": None},
        {"says": 0, "counted": 0},
        {"says": 3, "rejected": 2},
        {"says": 5, "rejected": 2},
        {"says": 4, "lost": 1},
        {"says": 6, "rejected": 2, "lost": 1},
    ],
)
def test_what_adds_up_is_said_by_nothing(at_desk, case):
    """Hits made are hits counted; of rejected and lost events any may have been hits."""

    async def use(desk):
        assert (await ended(desk, **case)).accounting.mismatches == ()

    at_desk(use)


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ({"says": 4}, "says that it made 4 hits, but 3 were counted"),
        ({"says": 2}, "says that it made 2 hits, but 3 were counted"),
        (
            {"says": 7, "rejected": 2, "lost": 1},
            "says that it made 7 hits, but 3 were counted, and 3 more events rejected or lost",
        ),
        (
            {"says": 2, "rejected": 2},
            "says that it made 2 hits, but 3 were counted, and 2 more events rejected or lost",
        ),
    ],
)
def test_what_does_not_add_up_makes_results_incomplete(at_desk, case, words):
    """A runner that counts other hits than the broker is told, and the exit code is 3."""

    async def use(desk):
        summary = await ended(desk, **case)
        assert summary.accounting.mismatches == (f"agent a1: runner x {words}",)
        assert summary.verdict.exit_code == 3
        if not case.get("lost"):
            assert summary.verdict.reason == f"agent a1: runner x {words}"

    at_desk(use)


def test_each_runner_of_an_agent_has_an_account(at_desk):
    """Two runners whose hits add up only together do not add up."""

    async def use(desk):
        run = await desk.start()
        runners = [await desk.runner(run, runner_id=name) for name in ("x", "y")]
        for runner, hits in zip(runners, (4, 2), strict=True):
            await runner.publish(hits, first=1)
        for runner, hits in zip(runners, (3, 3), strict=True):
            await runner.finish(None, hits=hits)
        summary = await desk.broker.get_summary(run.run_id)
        assert [words.split()[3] for words in summary.accounting.mismatches] == ["x", "y"]

    at_desk(use)


def test_a_restart_remembers_what_does_not_add_up(at_desk, tmp_path):
    """What one broker found, and what it had counted before, the next knows."""
    path = str(tmp_path / "store.db")

    async def before(desk):
        run = await desk.start("a1", "a2")
        for agent_id in ("a1", "a2"):
            runner = await desk.runner(run, agent_id, runner_id="x")
            runner.ready(1)
            await runner.publish(3, first=1)
            if agent_id == "a1":
                await runner.finish(3, hits=2)
        return run

    async def after(desk, run):
        for agent_id in ("a1", "a2"):
            desk.back(agent_id, [run.run_id])
        runner = await desk.runner(run, "a2", runner_id="x")
        await runner.publish(1, first=4)
        await runner.finish(4, hits=4)
        summary = await desk.broker.get_summary(run.run_id)
        assert summary.accounting.mismatches == (
            "agent a1: runner x says that it made 2 hits, but 3 were counted",
        )

    run = at_desk(before, store=path)
    at_desk(lambda desk: after(desk, run), store=path)


def test_a_lost_agent_tells_users_and_time(at_desk):
    """The summary says how many users were lost with an agent, and since when."""

    async def use(desk):
        run = await desk.start("a1", "a2", users=(3, 9), split=True)
        for agent_id in ("a1", "a2"):
            (await desk.runner(run, agent_id)).ready(1)
        await desk.settled()
        desk.clock.advance(5)
        desk.broker.heard_from_agent("a1")
        heard_ns = desk.clock.wall_ns()
        desk.clock.advance(61)
        desk.broker.heard_from_agent("a2")
        desk.broker.end_leases()
        desk.agent("a2").exits(run)
        await desk.settled()
        summary = await desk.broker.get_summary(run.run_id)
        lost, fine = summary.agents
        assert (lost.state, lost.users, lost.end_time_ns) == (AssignmentState.LOST, 5, heard_ns)
        assert (fine.users, fine.end_time_ns) == (4, heard_ns + 61 * NS)
        assert summary.verdict == model.Verdict(
            exit_code=3,
            reason="agent a1 (5 users) was lost at 22:13:25 UTC: not heard from for 60 s",
        )

    at_desk(use)


def test_an_agent_that_lost_nothing_but_its_users(at_desk):
    """A runner that was ended before its time, but delivered everything, has lost no event."""

    async def use(desk):
        run = await desk.start()
        runner = await desk.runner(run)
        runner.ready(1)
        await runner.publish(3, first=1)
        await runner.finish(3, hits=3)
        desk.agent().exits(run, 1, "the agent was stopped")
        await desk.settled()
        summary = await desk.broker.get_summary(run.run_id)
        assert summary.accounting == model.Accounting(committed=3)
        assert summary.verdict.exit_code == 3
        assert "the agent was stopped" in summary.verdict.reason

    at_desk(use)


def test_a_broker_that_goes_away_takes_no_run(at_desk):
    """Nothing is started that nobody would own, and what runs stays as it is in the store."""

    async def use(desk):
        run = await desk.start("a1")
        (await desk.runner(run)).ready(1)
        desk.agent("a2")
        await desk.settled()
        await desk.broker.close()
        with pytest.raises(Exception, match="going away"):
            await desk.start("a2")
        (left,) = await desk.store.unfinished_runs()
        assert (left.run_id, left.state.name) == (run.run_id, "RUNNING")

    at_desk(use)


async def lost_with(desk, produced, *, status=-9, finish=False):
    """The losses of a run whose runner delivered 3 hits, skipped 2 of 4 events, and ended."""
    run = await desk.start()
    runner = await desk.runner(run)
    await runner.publish(3, first=1)
    await runner.skip(4, 4, "too fast", hits=2)
    if finish:
        await runner.finish(7, hits=5)
    desk.agent().exits(run, status, "why", produced)
    await desk.settled()
    summary = await desk.broker.get_summary(run.run_id)
    skipped, *others = summary.accounting.losses
    assert (skipped.reason, skipped.count, skipped.hits) == ("too fast", 4, 2)
    assert summary.verdict.exit_code == 3
    return [(loss.reason, loss.count, loss.hits, loss.at_least) for loss in others]


@pytest.mark.parametrize(
    ("produced", "expected"),
    [
        (None, [(UNKNOWN_LOSS, 0, 0, True)]),
        (Produced(7, 5), []),
        (Produced(10, 7), [(UNKNOWN_LOSS, 3, 2, False)]),
        (Produced(8, 99), [(UNKNOWN_LOSS, 1, 1, False)]),  # no more hits than events
        (Produced(8, 1), [(UNKNOWN_LOSS, 1, 0, False)]),
        (Produced(2, 2), []),
    ],
)
def test_the_loss_of_a_runner_that_counts_is_exact(at_desk, produced, expected):
    """What it produced and neither delivered nor declared is lost; else nobody knows how much."""

    async def use(desk):
        assert await lost_with(desk, produced) == expected

    at_desk(use)


def test_a_runner_that_has_finished_has_lost_nothing_more(at_desk):
    """It ended badly, but it had said everything."""

    async def use(desk):
        assert await lost_with(desk, None, status=1, finish=True) == []

    at_desk(use)


def test_a_runner_that_did_not_finish_may_have_lost_something_all_the_same(at_desk):
    """It ended with 0, and its own count says that not all came."""

    async def use(desk):
        assert await lost_with(desk, Produced(9, 5), status=0) == [(UNKNOWN_LOSS, 2, 0, False)]

    at_desk(use)


def test_an_exact_loss_survives_a_restart(at_desk, tmp_path):
    """What a runner had produced is kept with its part, while the others go on."""

    async def before(desk):
        run = await desk.start("a1", "a2")
        runner = await desk.runner(run)
        await runner.publish(3, first=1)
        await runner.skip(4, 1, hits=1)
        desk.agent().exits(run, -9, "why", Produced(8, 6))
        await desk.settled()
        return run, (await desk.broker.get_summary(run.run_id)).accounting

    async def after(desk):
        assert (await desk.broker.get_summary(run.run_id)).accounting == accounting

    run, accounting = at_desk(before, store=str(tmp_path / "store.db"))
    skipped, unknown = accounting.losses
    assert (skipped.count, skipped.hits) == (1, 1)
    assert (unknown.count, unknown.hits, unknown.at_least) == (4, 2, False)
    at_desk(after, store=str(tmp_path / "store.db"))


def test_d9_nothing_new_is_acked(at_desk):
    """A batch without events and a skip of none have an answer: whoever waits for it goes on."""

    async def use(desk):
        runner = await desk.runner(await desk.start())
        await runner.publish(3)
        runner.answers()
        await runner.publish(0)
        await runner.skip(4, 0)
        assert {answer.committed_sequence for answer in runner.answers()} == {3}

    at_desk(use)
