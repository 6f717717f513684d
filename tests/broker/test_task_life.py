"""What task systems do with a task, and the broker does with a run.

Each test has the name of its row in docs/run-life.md; those about retries are in test_attempts.py.
"""

import asyncio
from os.path import commonpath

import pytest
from google.protobuf import json_format

from loadgrpc.broker.naming import Named
from loadgrpc.errors import InvalidRequest, NotFound
from loadgrpc.model import RetryPolicy, RunState, StopMode, Submission
from loadgrpc.protocol import plans
from loadgrpc.testing import ManualClock, plan_of
from loadgrpc.v1 import control_pb2, run_pb2

DAY_S = 86_400.0
PLAN = plan_of(test="a.B.c", iterations=(1,))


def request(**fields):
    """A StartRunRequest as a stranger writes it, in JSON."""
    return json_format.ParseDict(fields, control_pb2.StartRunRequest())


def test_retry_kwargs_can_be_empty():
    """`"retry": {}` is a policy, with a default for everything in it."""
    plan = plans.plan_from_proto(request(plan={"test": "a.B.c", "retry": {}}).plan)

    assert plan.retry == RetryPolicy()
    assert (plan.retry.max_attempts, plan.retry.jitter) == (3, False)


def test_retry_with_kwargs(at_desk):
    """What a test is given, each attempt is given: variables, users, everything in the plan."""

    async def use(desk):
        desk.agent()
        plan = plan_of(test="a.B.c", iterations=(2,), env=(("A", "1"),), retry=RetryPolicy())
        run = await desk.broker.start_run(plan)
        first = desk.broker._runs[run.run_id].parts["a1", ""].assignment
        desk.agent().exits(run, 9, "lost")
        await desk.settled()
        desk.clock.advance(1)
        desk.broker.heard_from_agent("a1")
        desk.broker.look()
        await desk.settled()
        second = desk.broker._runs[run.run_id].parts["a1", ""].assignment
        assert (second.run_id, second.plan) == (f"{run.run_id}.2", first.plan)

    at_desk(use)


def test_unpickle_task(at_desk, tmp_path):
    """A plan that another process reads from the store is the one that was asked for."""
    store, clock, known = str(tmp_path / "store.db"), ManualClock(), {}
    plan = plan_of(test="a.B.c", iterations=(1,), labels=("b",), retry=RetryPolicy(jitter=True))

    async def before(desk):
        known["run"] = await desk.broker.start_run(plan, "", Submission(queue=True))

    async def after(desk):
        assert (await desk.broker.get_run(known["run"].run_id)).plan == plan

    at_desk(before, store=store, clock=clock)
    at_desk(after, store=store, clock=clock)


def test_async_result(at_desk):
    """A run is found by its id, by the beginning of it, and as the latest; attempts by number."""

    async def use(desk):
        with pytest.raises(NotFound, match="no runs yet"):
            await desk.broker.named("latest")
        first = await desk.broker.start_run(PLAN, "", Submission(queue=True))
        second = await desk.broker.start_run(PLAN, "", Submission(queue=True))
        assert await desk.broker.named(first.run_id) == Named(first.run_id)
        assert await desk.broker.named("latest") == Named(second.run_id)
        assert await desk.broker.named("latest.2") == Named(second.run_id, 2)
        assert str(await desk.broker.named("latest.2")) == f"{second.run_id}.2"
        alike = commonpath([first.run_id, second.run_id])
        beginning = first.run_id[: max(4, len(alike) + 1)]
        assert await desk.broker.named(beginning) == Named(first.run_id)
        with pytest.raises(InvalidRequest, match="too short"):
            await desk.broker.named("r-")
        assert await desk.broker.named("nobody") == Named("nobody")
        with pytest.raises(NotFound):
            await desk.broker.get_run("nobody")

    at_desk(use)


def test_async_result_of_several(at_desk):
    """A beginning that several ids have names them, and no run."""

    async def use(desk):
        runs = [await desk.broker.start_run(PLAN, "", Submission(queue=True)) for _ in range(17)]
        third = [run.run_id[2] for run in runs]
        twice = next(each for each in third if third.count(each) > 1)  # of 17, two begin alike
        several = [run.run_id for run in runs if run.run_id[2] == twice]
        with pytest.raises(InvalidRequest, match="too short"):
            await desk.broker.named(f"r-{twice}")
        found = await desk.store.find_runs(f"r-{twice}", 99)
        assert sorted(found) == sorted(several)

    at_desk(use)


def test_incomplete_task_cls():
    """A plan that says no test is no plan."""
    with pytest.raises(InvalidRequest, match=r"plan\.test: .* required"):
        plans.plan_from_proto(run_pb2.RunSpec())


def test_task_kwargs_must_be_dictionary():
    """Variables and parameters are names with values, and a text is none."""
    with pytest.raises(json_format.ParseError, match="env"):
        request(plan={"test": "a.B.c", "env": "str"})


def test_task_args_must_be_list():
    """Labels are a list, and a text is none."""
    with pytest.raises(json_format.ParseError, match="labels"):
        request(plan={"test": "a.B.c", "labels": "s"})


def test_regular_task(at_desk):
    """Asked for with nothing but a test, a run is there under its id, and its agent begins it."""

    async def use(desk):
        agent = desk.agent()
        run = await desk.broker.start_run(plans.plan_from_proto(run_pb2.RunSpec(test="a.B.c")))
        assert agent.orders() == [("start", run.run_id)]
        assert (await desk.broker.get_run(run.run_id)).plan.scenarios[0].test == "a.B.c"

    at_desk(use)


def test_regular_task_by_name(at_desk):
    """Whoever asks for a test needs its name only: what it is, is known where it runs."""

    async def use(desk):
        desk.agent()
        plan = plan_of(test="of.Somebody.else", iterations=(1,))
        assert (await desk.broker.start_run(plan)).state is RunState.STARTING

    at_desk(use)


@pytest.mark.parametrize("how", ["eta", "countdown"])
def test_regular_task_with_eta_and_expires(at_desk, how):
    """A time to start and one to expire, both as moments or both counted from now."""

    async def use(desk):
        now_ns = desk.clock.wall_ns()
        submission = (
            Submission(
                start_time_ns=now_ns + round(DAY_S * 1e9),
                expire_time_ns=now_ns + round(2 * DAY_S * 1e9),
            )
            if how == "eta"
            else Submission(delay_s=DAY_S, expire_after_s=DAY_S)
        )
        run = await desk.broker.start_run(PLAN, "", submission)
        assert run.state is RunState.SCHEDULED
        assert run.due_time_ns == now_ns + round(DAY_S * 1e9)
        assert run.expire_time_ns == now_ns + round(2 * DAY_S * 1e9)

    at_desk(use)


def test_regular_task_purge(at_desk):
    """Purging says how many were waiting; after that none is."""

    async def use(desk):
        await desk.broker.start_run(PLAN, "", Submission(queue=True))
        assert len(await desk.broker.purge()) == 1
        assert await desk.broker.purge() == []

    at_desk(use)


def test_regular_task_successful(at_desk):
    """A run is successful when its result says so, and not before."""

    async def use(desk):
        desk.agent()
        run = await desk.broker.start_run(PLAN)
        assert (await desk.broker.get_run(run.run_id)).verdict is None
        runner = await desk.runner(run)
        runner.ready(1)
        await desk.settled()
        await runner.publish(passed=1)
        await runner.ends()
        await desk.settled()
        assert (await desk.broker.get_run(run.run_id)).verdict.exit_code == 0

    at_desk(use)


def test_send_event(at_desk):
    """What happens to a run is an entry of its log, with a number; whoever watches gets each."""

    async def use(desk):
        run = await desk.broker.start_run(PLAN, "", Submission(queue=True))
        seen = []

        async def watch():
            async for news in desk.broker.watch_run(run.run_id, 0):
                if news.change is not None:
                    seen.append((news.change.sequence, news.change.state))

        watching = asyncio.create_task(watch())
        await asyncio.sleep(0)
        await desk.broker.stop_run(run.run_id, StopMode.GRACEFUL)
        await watching
        assert seen == [(1, RunState.QUEUED), (2, RunState.STOPPED)]

    at_desk(use)
