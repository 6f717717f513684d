"""Peers that lie, are broken, or say nothing: the run has a result, and it ends."""

import logging

import pytest

from loadgrpc import model
from loadgrpc.broker.result import RunResult
from loadgrpc.errors import InvalidRequest
from loadgrpc.model import RunState
from loadgrpc.protocol import answers, progress
from loadgrpc.protocol.home import MAX_SEQUENCE
from loadgrpc.protocol.produced import Produced
from loadgrpc.protocol.summary import summary_to_proto
from loadgrpc.v1 import event_pb2, runner_pb2

HUGE = 2**200


async def _told(desk, run):
    """The summary as it is told, live; it must be possible to make the message."""
    return summary_to_proto(await desk.broker.get_summary(run.run_id))


def test_hostile_4_a_lie_does_not_cost_the_result(at_desk, tmp_path):
    """A clock far out, more produced than can be, duplicates without end: the result is stored."""
    store = str(tmp_path / "runs.db")

    async def lies(desk):
        run = await desk.start()
        desk.broker.heard_from_agent("a1", -HUGE)
        runner = await desk.runner(run)
        runner.ready(1)
        await runner.publish(2, first=1, passed=1)
        await runner.skip(4, MAX_SEQUENCE - 3)
        for _ in range(2_100):
            await runner.skip(1, MAX_SEQUENCE)
        for number in range(2_100):
            much = Produced(MAX_SEQUENCE, MAX_SEQUENCE)
            desk.broker.runner_exited(
                "a1", run.run_id, f"x{number}", 0, "", last=False, produced=much
            )
        assert (await _told(desk, run)).accounting.lost == 2**64 - 1
        desk.broker.runner_exited("a1", run.run_id, "", 0, "", last=True)
        ended = await desk.over(run)
        assert ended.state.final
        await desk.settled()
        return run

    async def looks(desk):
        summary = summary_to_proto(await desk.broker.get_summary(run.run_id))
        assert (summary.hits.count, summary.accounting.lost) == (2, 2**64 - 1)
        assert summary.accounting.duplicates <= 2**63 - 1

    run = at_desk(lies, store=store)
    at_desk(looks, store=store)


def test_hostile_4_without_figures_state_and_reason_are_stored(at_desk, monkeypatch, caplog):
    """A defect in a figure costs the figures, not the run: it is over, and says what is wrong."""

    def defect(self):
        raise ZeroDivisionError

    async def use(desk):
        run = await desk.start()
        runner = await desk.runner(run)
        runner.ready(1)
        await runner.publish(2, first=1, passed=1)
        await desk.broker.intake._work.ended()
        monkeypatch.setattr(RunResult, "summary", defect)
        await runner.ends(3)
        await desk.settled()
        assert (await desk.store.get_run(run.run_id)).state is RunState.FINISHED
        summary = await desk.broker.get_summary(run.run_id)
        assert summary.verdict.exit_code == 3
        assert "ZeroDivisionError" in summary.verdict.reason
        await desk.broker.delete_run(run.run_id)

    with caplog.at_level(logging.ERROR):
        at_desk(use)
    assert "figures of run" in caplog.text


def test_hostile_5_users_of_all_sources_fit(at_desk):
    """Sources that say they have 2^32-1 users each do not break the live figures."""

    async def use(desk):
        run = await desk.start()
        many = event_pb2.Event(state=event_pb2.RunnerState(active_users=2**32 - 1))
        for runner_id in ("r1", "r2"):
            runner = await desk.runner(run, runner_id=runner_id)
            batch = runner_pb2.EventBatch(first_sequence=1, events=[many])
            await desk.broker.intake.publish(runner.inbox, runner.source_id, batch)
        await desk.settled()
        watching = desk.broker.watch_run(run.run_id)
        told = [progress.news_to_proto(await anext(watching)) for _ in range(2)]
        await watching.aclose()
        assert told[1].progress.users == 2**32 - 1

    at_desk(use)


def test_hostile_17_a_source_has_one_scenario(at_desk):
    """A source that opens again in another scenario is refused; it goes on in its own."""

    async def use(desk):
        scenarios = tuple(
            model.Scenario(name=name, test="a.B.c", iterations=(1,)) for name in ("one", "two")
        )
        desk.agent()
        run = await desk.broker.start_run(model.Plan(scenarios=scenarios))
        runner = await desk.runner(run, scenario="one")
        await runner.publish(2, first=1)
        with pytest.raises(InvalidRequest, match=r"open\.scenario"):
            await runner.open(scenario="two")
        await runner.open(scenario="one", anew=True)
        assert answers.Opened(2) in runner.answers()

    at_desk(use)
