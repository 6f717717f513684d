"""Runs that are tried again: when, how soon, and what is kept of each attempt."""

import os
import random
import time

import pytest

from loadgrpc.broker.listing import Wanted
from loadgrpc.broker.observing import events_of
from loadgrpc.errors import NotFound
from loadgrpc.model import ChangeKind, RetryPolicy, RetryReason, RunState, StopMode, Submission
from loadgrpc.testing import ManualClock, plan_of

QUEUE = Submission(queue=True)
LOST = "the agent was pulled out"


async def ask(desk, submission=QUEUE, **more):
    """Asks for a run on one agent that is tried again, and waits for what follows."""
    policy = more.pop("retry", RetryPolicy())
    plan = plan_of(**{"test": "a.B.c", "iterations": (1,), "retry": policy, **more})
    run = await desk.broker.start_run(plan, "", submission)
    await desk.settled()
    return run


async def now(desk, run):
    """The run as it is shown."""
    return await desk.broker.get_run(run.run_id)


async def begin(desk, run):
    """The runner of a run begins with the first cycle."""
    run = await now(desk, run)
    (agent_id,) = run.agent_ids
    desk.agent(agent_id).orders()
    from_attempt = type("Attempt", (), {"run_id": run.attempt_id})
    runner = await desk.runner(from_attempt, agent_id)
    runner.ready(1)
    await desk.settled()
    return runner


async def lose(desk, run, status=9):
    """The runner of a run is lost."""
    runner = await begin(desk, run)
    runner.agent.exits(runner.run, status, LOST)
    await desk.settled()


async def fail(desk, run):
    """An iteration of the run fails, and it ends."""
    runner = await begin(desk, run)
    await runner.publish(failed=1)
    await runner.ends()
    await desk.settled()


async def pass_(desk, run):
    """The run does its work."""
    runner = await begin(desk, run)
    await runner.publish(hits=1, passed=1)
    await runner.ends()
    await desk.settled()


async def look(desk, *, after_s=0.0):
    """Lets time pass, lets the broker look, and waits for what follows."""
    desk.clock.advance(after_s)
    for agent_id in desk.agents:
        desk.broker.heard_from_agent(agent_id)
    desk.broker.look()
    await desk.settled()


async def log_of(desk, run):
    """The log of a run: attempt, and state or kind."""
    log = await desk.broker._run_store.log_of(await now(desk, run))
    return [
        (each.attempt, each.state.name if each.kind is ChangeKind.STATE else each.kind.name)
        for each in log.after(0)
        if each.kind in (ChangeKind.STATE, ChangeKind.ATTEMPT)
    ]


@pytest.mark.parametrize("most", [1, 2, 4])
def test_retry__as_often_as_its_own_policy_says(at_desk, most):
    """The first included; the number of a plan goes before that of the default."""

    async def use(desk):
        desk.agent()
        run = await ask(desk, retry=RetryPolicy(max_attempts=most))
        for attempt in range(1, most + 1):
            shown = await now(desk, run)
            assert (shown.attempt, shown.state) == (attempt, RunState.STARTING)
            await lose(desk, run)
            await look(desk, after_s=8)
        over = await now(desk, run)
        assert (over.state, over.attempt, len(over.attempts)) == (RunState.FAILED, most, most - 1)

    at_desk(use)


def test_retry_no_args__the_next_attempt_is_of_the_same_plan(at_desk):
    """Nothing has to be said again; and when one has passed, the run has."""

    async def use(desk):
        desk.agent()
        run = await ask(desk)
        await lose(desk, run)
        await look(desk, after_s=1)
        assert (await now(desk, run)).plan == run.plan
        await pass_(desk, run)
        over = await now(desk, run)
        assert (over.state, over.verdict.exit_code, over.attempt) == (RunState.FINISHED, 0, 2)
        assert await log_of(desk, run) == [
            *((1, "STARTING"), (1, "RUNNING"), (1, "ATTEMPT")),
            *((2, "SCHEDULED"), (2, "QUEUED"), (2, "STARTING"), (2, "RUNNING"), (2, "FINISHED")),
        ]

    at_desk(use)


def test_signature_from_request__passes_headers__what_a_run_is_called_stays(at_desk):
    """Title, owner, labels and environment of a run are those of each attempt."""

    async def use(desk):
        desk.agent()
        called = {"title": "shop", "user_id": "ann", "labels": ("nightly",), "env": (("A", "1"),)}
        run = await ask(desk, **called)
        await lose(desk, run)
        again = await now(desk, run)
        assert {name: getattr(again.plan, name) for name in called} == called
        page = await desk.broker.list_runs(0, "", labels=frozenset({"nightly"}), owner="ann")
        assert [each.run_id for each in page.runs] == [run.run_id]

    at_desk(use)


def test_signature_from_request__delivery_info__it_goes_where_it_went(at_desk):
    """To agents with the same labels, with the same priority in the queue."""

    async def use(desk):
        desk.agent("plain")
        desk.agents["eu"] = type(desk.agent("plain"))(desk.broker, "eu").connect(labels=("eu",))
        submission = Submission(queue=True, priority=7)
        run = await ask(desk, submission, agent_labels=("eu",))
        assert run.agent_ids == ("eu",)
        await lose(desk, run)
        await look(desk, after_s=1)
        again = await now(desk, run)
        assert (again.agent_ids, again.priority, again.attempt) == (("eu",), 7, 2)

    at_desk(use)


def test_retry_not_eager__one_attempt_ends_and_exactly_one_follows(at_desk):
    """The agent is free in between, and what is late of the first is not taken for the second."""

    async def use(desk):
        desk.agent()
        run = await ask(desk)
        runner = await begin(desk, run)
        runner.agent.exits(runner.run, 9, LOST)
        await desk.settled()
        waits = await now(desk, run)
        assert (waits.state, waits.agent_ids, waits.attempt) == (RunState.SCHEDULED, (), 2)
        (agent,) = desk.broker.agents()
        assert agent.run_id == ""
        await look(desk, after_s=1)
        assert desk.agent().orders() == ["ExitNoted", ("start", f"{run.run_id}.2")]
        runner.agent.exits(runner.run, 9, "once more")
        await runner.publish(passed=1)  # is answered as that of a run that is over
        await desk.settled()
        assert (await now(desk, run)).state is RunState.STARTING
        await pass_(desk, run)
        assert (await desk.broker.get_summary(run.run_id)).iterations.started == 1
        assert len((await desk.broker.list_runs(0, "")).runs) == 1

    at_desk(use)


def test_retry_with_custom_exception__the_run_ends_as_its_last_attempt_did(at_desk):
    """The reason is that of the last attempt, and names those before it."""

    async def use(desk):
        desk.agent()
        run = await ask(desk, retry=RetryPolicy(max_attempts=2, retry_on=tuple(RetryReason)))
        await lose(desk, run)
        await look(desk, after_s=1)
        await fail(desk, run)
        over = await now(desk, run)
        assert (over.state, over.verdict.exit_code) == (RunState.FINISHED, 1)
        assert over.verdict.reason.startswith("1 of 1 iterations went wrong (1 failure) (attempt 2")
        assert "attempt 1: agent a1 (1 user) was lost at 22:13:2" in over.reason

    at_desk(use)


def test_max_retries_exceeded__all_attempts_are_named(at_desk):
    """Each with what it failed of, at most 512 characters; the summary says the same."""

    async def use(desk):
        desk.agent()
        run = await ask(desk, retry=RetryPolicy(max_attempts=3, initial_backoff_s=0.0))
        for status in (7, 8, 9):
            await lose(desk, run, status)
            await look(desk)
        over, summary = await now(desk, run), await desk.broker.get_summary(run.run_id)
        assert over.state is RunState.FAILED
        for status in (7, 8, 9):
            assert f"its runner ended with status {status}" in over.reason
        assert "attempt 1: " in over.reason
        assert "attempt 2: " in over.reason
        assert len(over.reason) <= 512
        assert (summary.reason, summary.attempt, summary.attempts) == (
            *(over.reason, 3),
            over.attempts,
        )

    at_desk(use)


def test_autoretry_no_kwargs__by_default_for_what_the_cluster_did(at_desk):
    """Three attempts when agents are lost; none for a test that fails or cannot be loaded."""

    async def use(desk):
        desk.agent()
        failing = await ask(desk)
        await fail(desk, failing)
        over = await now(desk, failing)
        assert (over.state, over.verdict.exit_code, over.attempts) == (RunState.FINISHED, 1, ())

        unloaded = await ask(desk)
        runner = await begin(desk, unloaded)
        await runner.finish(load_error="no module named shop")
        runner.agent.exits(runner.run, 1)
        await desk.settled()
        over = await now(desk, unloaded)
        assert (over.verdict.exit_code, over.attempts) == (107, ())

        lost = await ask(desk, submission=None)
        for after_s in (1, 2, 0):
            await lose(desk, lost)
            await look(desk, after_s=after_s)
        over = await now(desk, lost)
        assert (over.state, len(over.attempts)) == (RunState.FAILED, 2)

    at_desk(use)


@pytest.mark.parametrize(
    ("reason", "ends"),
    [(RetryReason.TEST_FAILED, fail), (RetryReason.INCOMPLETE, lose)],
    ids=["test-failed", "incomplete"],
)
def test_autoretry__for_the_reasons_of_the_policy(at_desk, reason, ends):
    """And for no other."""

    async def use(desk):
        desk.agent()
        run = await ask(desk, retry=RetryPolicy(max_attempts=5, retry_on=(reason,)))
        for _ in range(5):
            await ends(desk, run)
            await look(desk, after_s=16)
        over = await now(desk, run)
        assert (over.state.final, over.attempt) == (True, 5)
        other = await ask(desk, retry=RetryPolicy(retry_on=(RetryReason.NOT_LOADED,)))
        await ends(desk, other)
        assert (await now(desk, other)).state.final

    at_desk(use)


def test_autoretry_backoff__1_2_4_8_seconds(at_desk):
    """Without jitter, after each further attempt; never longer than the longest."""
    policy = RetryPolicy(max_attempts=5)
    assert [policy.backoff_s(attempt) for attempt in range(1, 5)] == [1, 2, 4, 8]
    assert RetryPolicy(max_backoff_s=3.0).backoff_s(3) == 3
    assert RetryPolicy(multiplier=1.0).backoff_s(99) == 1
    assert RetryPolicy(initial_backoff_s=9.0, max_backoff_s=5.0).backoff_s(1) == 5
    assert RetryPolicy(multiplier=100.0).backoff_s(1_000) == 300

    async def use(desk):
        desk.agent()
        run = await ask(desk, retry=policy)
        for backoff_s in (1, 2, 4, 8):
            await lose(desk, run)
            waits = await now(desk, run)
            assert waits.state is RunState.SCHEDULED
            assert waits.due_time_ns - desk.clock.wall_ns() == backoff_s * 10**9
            assert waits.reason == f"attempt {waits.attempt} of 5 in {backoff_s} s"
            await look(desk, after_s=backoff_s - 0.001)
            assert (await now(desk, run)).state is RunState.SCHEDULED
            await look(desk, after_s=0.001)
            assert (await now(desk, run)).state is RunState.STARTING

    at_desk(use)


def test_autoretry_backoff_jitter__anything_up_to_the_backoff():
    """Drawn evenly from zero to what it would be; the same seed draws the same."""
    policy = RetryPolicy(jitter=True)
    drawn = [policy.backoff_s(4, random.Random(seed)) for seed in range(2_000)]

    assert 0 <= min(drawn) < 0.1
    assert 7.9 < max(drawn) <= 8
    assert 3.8 < sum(drawn) / len(drawn) < 4.2
    assert policy.backoff_s(4, random.Random(7)) == drawn[7]


def test_retry_wrong_eta_when_not_enable_utc__no_time_zone_moves_a_backoff(at_desk, monkeypatch):
    """Times are moments, wherever the broker stands."""
    monkeypatch.setenv("TZ", "US/Eastern")
    time.tzset()
    try:

        async def use(desk):
            desk.agent()
            run = await ask(desk)
            await lose(desk, run)
            due_ns = (await now(desk, run)).due_time_ns
            assert due_ns == desk.clock.wall_ns() + 10**9

        at_desk(use)
    finally:
        monkeypatch.undo()
        os.environ.setdefault("TZ", "")
        time.tzset()


def test_an_attempt_keeps_its_summary_and_its_events(at_desk):
    """Those of the first are there when the second has ended, and do not mix."""

    async def use(desk):
        desk.agent()
        run = await ask(desk)
        runner = await begin(desk, run)
        await runner.publish(hits=3, first=1)
        runner.agent.exits(runner.run, 9, LOST)
        await desk.settled()
        await look(desk, after_s=1)
        during = await desk.broker.get_summary(run.run_id)
        assert (during.attempt, during.hits.count) == (2, 0)
        await pass_(desk, run)
        first, second = [await desk.broker.get_summary(run.run_id, each) for each in (1, 2)]
        assert (first.attempt, first.hits.count, first.state) == (1, 3, RunState.FAILED)
        assert (second.attempt, second.hits.count, second.state) == (2, 1, RunState.FINISHED)
        assert await desk.broker.get_summary(run.run_id) == second
        with pytest.raises(NotFound, match="no attempt 3"):
            await desk.broker.get_summary(run.run_id, 3)
        for named, hits in ((run.run_id, 1), (f"{run.run_id}.1", 3), (f"{run.run_id}.2", 1)):
            wanted = Wanted(run_id=named, kinds={"hit"})
            listed = [each async for each in desk.broker.list_events(wanted)]
            assert len(listed) == hits, named
        await desk.broker.delete_run(run.run_id)
        assert [batch async for batch in desk.store.batches(f"{run.run_id}.2")] == []

    at_desk(use)


def test_a_run_that_is_stopped_is_not_tried_again(at_desk):
    """While it runs, and while it waits for its next attempt."""

    async def use(desk):
        desk.agent()
        running = await ask(desk)
        runner = await begin(desk, running)
        await desk.broker.stop_run(running.run_id, StopMode.KILL)
        runner.agent.exits(runner.run, 9, LOST)
        await desk.settled()
        assert (await now(desk, running)).state is RunState.STOPPED

        waiting = await ask(desk)
        await lose(desk, waiting)
        stopped = await desk.broker.stop_run(waiting.run_id, StopMode.GRACEFUL)
        assert (stopped.state, stopped.attempt) == (RunState.STOPPED, 2)
        assert [each.state for each in stopped.attempts] == [RunState.FAILED]

    at_desk(use)


def test_attempts_outlive_the_broker(at_desk, tmp_path):
    """Between two attempts and in the second: numbers, reasons and the backoff are the same."""
    store, clock, known = str(tmp_path / "store.db"), ManualClock(), {}

    async def first(desk):
        desk.agent()
        run = known["run"] = await ask(desk)
        await lose(desk, run)
        known["shown"] = await now(desk, run)

    async def second(desk):
        assert await now(desk, known["run"]) == known["shown"]
        desk.back("a1", [])
        await look(desk, after_s=1)
        assert desk.agent().orders()[-1] == ("start", f"{known['run'].run_id}.2")

    async def third(desk):
        shown = await now(desk, known["run"])
        assert (shown.state, shown.attempt) == (RunState.STARTING, 2)
        desk.back("a1", [shown.attempt_id])
        await pass_(desk, known["run"])
        over = await now(desk, known["run"])
        assert (over.state, over.attempts) == (RunState.FINISHED, known["shown"].attempts)

    async def fourth(desk):
        assert (await desk.broker.get_summary(known["run"].run_id, 1)).state is RunState.FAILED
        assert (await desk.broker.get_summary(known["run"].run_id)).attempt == 2

    for use in (first, second, third, fourth):
        at_desk(use, store=store, clock=clock)


def test_an_attempt_that_is_followed_by_another_is_no_end_of_the_run(at_desk):
    """Observers of its end are not notified: a team is not woken for what mends itself."""

    async def use(desk):
        desk.agent()
        run = await ask(desk)
        await lose(desk, run)
        log = await desk.broker._run_store.log_of(await now(desk, run))
        told = [each.name for change in log.after(0) for each in events_of(change)]
        assert told == ["BEFORE_START", "START", "AGENT_LOST", "AFTER_ATTEMPT"]

    at_desk(use)
