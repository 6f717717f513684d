"""A plan with cases: its rules are known, and runners that cannot be fed are refused."""

import pytest

from loadgrpc.model import CoverageFigures, FedCase, FedCases, RunState
from loadgrpc.v1 import event_pb2, runner_pb2

CASES = FedCases(
    cases=tuple(FedCase(name=f"{rule}#1", rule=rule, values=(("n", 1),)) for rule in "ab")
)


def row(rule, **event):
    """An event of an iteration that was fed with a case."""
    return event_pb2.Event(status=event_pb2.LoadStatus(case=rule), **event)


def test_the_rules_of_a_plan_are_known_before_anything_is_reported(at_desk):
    """One that nobody exercises is seen; hits in rows count for their rule; after a restart too."""

    async def use(desk):
        desk.agent()
        run = await desk.start(cases=CASES, require_coverage=100)
        runner = await desk.runner(run)
        runner.ready(1)
        await desk.settled()
        hit = event_pb2.Hit(name="/", status=200)
        hit.elapsed.FromMilliseconds(3)
        passed = event_pb2.TestSuccess(test="t")
        batch = runner_pb2.EventBatch(
            first_sequence=1, events=[row("a", hit=hit), row("a", test_success=passed)]
        )
        await runner.send(batch)
        summary = await desk.broker.get_summary(run.run_id)
        assert summary.coverage == CoverageFigures(rules=2, exercised=1)
        assert {each.case: each.hits.count for each in summary.cases} == {"a": 1, "b": 0}
        assert [each.iterations.success for each in summary.cases] == [1, 0]

    at_desk(use)


@pytest.mark.parametrize("barrier", [True, False])
def test_a_runner_that_cannot_be_fed_is_refused(at_desk, barrier):
    """The run ends as if its test could not be loaded, and says what is missing."""

    async def use(desk):
        agent = desk.agent()
        run = await desk.start(cases=CASES)
        runner = await desk.runner(run, barrier=barrier, feeds=False)
        await desk.settled()
        await runner.finish()
        agent.exits(runner.source_id)
        over = await desk.over(run)
        assert over.state is RunState.FAILED
        summary = await desk.broker.get_summary(run.run_id)
        assert summary.verdict.exit_code == 107
        assert "it has not announced `cases` among its capabilities" in summary.verdict.reason

    at_desk(use)


def test_a_runner_without_the_capability_is_fine_where_there_are_no_cases(at_desk):
    """Nothing changes for runners that know nothing of cases."""

    async def use(desk):
        desk.agent()
        run = await desk.start()
        runner = await desk.runner(run, barrier=False, feeds=False)
        await desk.settled()
        assert (await desk.broker.get_run(run.run_id)).state is RunState.RUNNING
        del runner

    at_desk(use)
