"""No green for work that was not done, in every mode; and sums that add up, whatever came."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loadgrpc.broker import causes, hits
from loadgrpc.model import (
    OTHER,
    IterationFigures,
    Plan,
    RunnerMode,
    RunState,
    Scenario,
    UserFigures,
)
from loadgrpc.v1 import event_pb2, runner_pb2

PYTHON = {"test": "a.B.c"}
ONE_USER = {"test": "x", "test_runner": "./x {test}"}
ALL_USERS = {**ONE_USER, "runner_mode": RunnerMode.ALL_USERS}
BY_HAND = {"test": "x", "runner_mode": RunnerMode.BY_HAND}
COUNTED = {"users": (2,), "iterations": (5,)}
TIMED = {"users": (2,), "duration_s": 10.0}
AS_ASKED = "2 iterations cut off at the end, as a stop timeout of 0 asks"


async def done(desk, scenario, *batches, agents=1, lasts_s=10.0, **plan):
    """The summary of a run whose agents each have one runner for each of these batches."""
    names = [f"a{at}" for at in range(1, agents + 1)]
    run = await desk.start(*names, **scenario, **plan)
    mode = scenario.get("runner_mode")
    each = "test_runner" in scenario and mode is None
    for name in names:
        if each:
            desk.broker.agent_ready(name, run.run_id, "", 1)
        runners = [
            await desk.runner(run, name, barrier=not each, runner_id=f"{name}-{at}")
            for at in range(len(batches) if each else 1)
        ]
        if not each:
            runners[0].ready(1)
        await desk.settled()
        desk.clock.advance(lasts_s / agents)
        for at, what in enumerate(batches):
            runner = runners[at % len(runners)]
            await runner.publish(**{"first": 0, **what})
        for runner in runners:
            await runner.finish()
            if mode is not RunnerMode.BY_HAND:
                desk.agent(name).exits(runner.source_id, last=runner is runners[-1])
    await desk.settled()
    return await desk.broker.get_summary(run.run_id)


@pytest.mark.parametrize("mode", [PYTHON, ONE_USER, ALL_USERS, BY_HAND])
@pytest.mark.parametrize("agents", [1, 2])
def test_b1_iterations_that_were_not_started(at_desk, mode, agents):
    """Whoever lives the users, on one agent or on two: all that was planned is started, or 3."""

    async def whole(desk):
        summary = await done(desk, mode | COUNTED, {"passed": 5}, {"passed": 5}, agents=agents)
        assert (summary.verdict.exit_code, summary.verdict.reason) == (0, "passed")
        assert summary.iterations.planned == summary.iterations.started == 10 * agents

    async def short(desk):
        summary = await done(desk, mode | COUNTED, {"passed": 5}, {"passed": 4}, agents=agents)
        all_of_them = 10 * agents
        reason = f"{all_of_them - agents} of {all_of_them} iterations were started"
        assert (summary.verdict.exit_code, summary.verdict.reason) == (3, reason)
        assert summary.iterations == IterationFigures(
            started=all_of_them - agents,
            success=all_of_them - agents,
            planned=all_of_them,
            dropped=agents,
        )
        assert [each.planned_iterations for each in summary.agents] == [10] * agents

    at_desk(whole)
    at_desk(short)


@pytest.mark.parametrize("scenario", [ONE_USER | COUNTED, ONE_USER | TIMED])
def test_b1_processes_that_do_nothing(at_desk, scenario):
    """`true` is no load: its processes end with 0 and have never said a word."""

    async def use(desk):
        run = await desk.start(**scenario)
        desk.broker.agent_ready("a1", run.run_id, "", 1)
        for at in range(2):
            desk.broker.runner_exited("a1", run.run_id, f"p{at}", 0, "", last=at == 1)
        await desk.settled()
        summary = await desk.broker.get_summary(run.run_id)
        wanted = "0 of 10 iterations" if "iterations" in scenario else "0 of 2 users"
        assert (summary.state, summary.verdict.exit_code) == (RunState.FINISHED, 3)
        assert summary.verdict.reason == f"{wanted} were started"
        assert summary.users == UserFigures(planned=2)

    at_desk(use)


def test_b1_split_users_add_up(at_desk):
    """Shares of a plan that is split make the plan: what one agent leaves out is missing."""

    async def use(desk):
        scenario = PYTHON | {"users": (3,), "iterations": (2,)}
        summary = await done(desk, scenario, {"passed": 3}, agents=2, split=True)
        assert summary.iterations.planned == 6
        assert summary.iterations.dropped == 1  # of four; the other agent made one too many
        assert summary.verdict.reason == "5 of 6 iterations were started"

    at_desk(use)


@pytest.mark.parametrize(
    ("bound", "reason"),
    [
        ({"iterations": (1,)}, "2 of 5 iterations were started"),
        ({"duration_s": 5.0}, "2 of 5 users were started"),
    ],
)
def test_b1_cycles_add_up(at_desk, bound, reason):
    """A runner that leaves out a cycle has not done what was planned."""

    async def use(desk):
        scenario = ALL_USERS | {"users": (2, 3)} | bound
        summary = await done(desk, scenario, {"passed": 2, "users": 2, "cycle": 1})
        assert summary.verdict.reason == reason
        assert summary.users == UserFigures(planned=5, started=2)

    at_desk(use)


def test_b1_each_scenario_has_to_do_its_work(at_desk):
    """One scenario that is done makes no other done."""

    async def use(desk):
        scenarios = tuple(
            Scenario(name=name, test="a.B.c", iterations=(3,)) for name in ("browse", "buy")
        )
        desk.agent()
        run = await desk.broker.start_run(Plan(scenarios=scenarios))
        for name, passed in (("browse", 3), ("buy", 1)):
            runner = await desk.runner(run, scenario=name)
            runner.ready(1)
            await runner.publish(passed=passed, first=1)
            await runner.finish()
            desk.agent().exits(run, scenario=name)
        await desk.settled()
        summary = await desk.broker.get_summary(run.run_id)
        assert summary.verdict.exit_code == 3
        assert summary.verdict.reason == "scenario buy: 1 of 3 iterations were started"
        assert [each.iterations.dropped for each in summary.scenarios] == [0, 2]

    at_desk(use)


@pytest.mark.parametrize("mode", [PYTHON, ALL_USERS, BY_HAND])
@pytest.mark.parametrize(
    ("batch", "users", "reason"),
    [
        ({"passed": 9, "users": 2}, (2, 2, 0), "passed"),
        ({"passed": 9, "users": 1}, (2, 1, 0), "1 of 2 users were started"),
        ({"passed": 9, "users": 0}, (2, 0, 0), "0 of 2 users were started"),
        (
            {"passed": 9},
            (2, 1, 1),
            "passed; it is not known whether 1 of 2 users were started: their runner does not tell",
        ),
    ],
)
def test_f23_users_that_were_not_started(at_desk, mode, batch, users, reason):
    """In a plan bounded by time every user has to have been started, as far as that is told."""

    async def use(desk):
        summary = await done(desk, mode | TIMED, batch)
        planned, started, unknown = users
        figures = UserFigures(planned=planned, started=started, unknown=unknown)
        assert summary.users == summary.agents[0].all_users == figures
        assert summary.verdict.reason == reason
        assert summary.verdict.exit_code == (0 if reason.startswith("passed") else 3)

    at_desk(use)


def test_f23_a_user_that_is_a_process_has_to_say_something(at_desk):
    """One of two processes reports nothing: its user was not started."""

    async def use(desk):
        summary = await done(desk, ONE_USER | TIMED, {"passed": 9}, {})
        assert summary.verdict.reason == "1 of 2 users were started"

    at_desk(use)


@pytest.mark.parametrize("mode", [PYTHON, ONE_USER, ALL_USERS])
def test_b1_a_load_that_ends_before_its_time(at_desk, mode):
    """Runners that leave after a second of ten have not done what was planned."""

    async def use(desk):
        batches = [{"passed": 1, "users": 2}, {"passed": 1}]
        summary = await done(desk, mode | TIMED, *batches, lasts_s=1.0)
        assert summary.verdict.exit_code == 3
        assert summary.verdict.reason == "the load of agent a1 ended after 1.0 of 10 s"

    at_desk(use)


@pytest.mark.parametrize(
    ("batch", "plan", "exit_code", "reason"),
    [
        ({"cut": 10}, COUNTED, 3, "no iteration finished: 10 of 10 were cut off"),
        ({"cut": 3, "passed": 7}, COUNTED, 3, "3 of 10 iterations were cut off"),
        ({"cut": 2}, TIMED, 3, "no iteration finished: 2 of 2 were cut off"),
        (
            {"cut": 2, "passed": 3, "failed": 1},
            TIMED,
            3,
            "2 of 6 iterations were cut off (the stop timeout is 30 s)",
        ),
        (
            {"cut": 2, "passed": 3},
            TIMED | {"stop_timeout_s": 0.0},
            0,
            f"passed; {AS_ASKED}",
        ),
        (
            {"cut": 2, "passed": 3, "failed": 1},
            TIMED | {"stop_timeout_s": 0.0},
            1,
            f"1 of 6 iterations went wrong (1 failure); {AS_ASKED}",
        ),
        (
            {"cut": 2},
            TIMED | {"stop_timeout_s": 0.0},
            3,
            "no iteration finished: 2 of 2 were cut off",
        ),
    ],
)
def test_b2_iterations_that_were_cut_off(at_desk, batch, plan, exit_code, reason):
    """They are told, and make a run incomplete unless the plan asks for it; one has to finish."""

    async def use(desk):
        summary = await done(desk, PYTHON | plan, {"users": 2, **batch})
        assert (summary.verdict.exit_code, summary.verdict.reason) == (exit_code, reason)
        assert summary.iterations.interrupted == batch["cut"]

    at_desk(use)


def test_b1_hits_are_no_iterations(at_desk):
    """A runner that reports hits only has finished nothing, and is told what is missing."""

    async def use(desk):
        summary = await done(desk, ALL_USERS | TIMED, {"hits": 50, "users": 2})
        assert summary.verdict.exit_code == 3
        assert summary.verdict.reason == (
            "no iteration was reported, only 50 hits: a run is judged by its iterations"
        )

    at_desk(use)


def test_b3_a_run_that_has_not_begun(at_desk):
    """Its verdict is what it would be if it ended now, from its first moment to its last."""

    async def use(desk):
        async def verdict():
            found = (await desk.broker.get_summary(run.run_id)).verdict
            return found.exit_code, found.reason

        run = await desk.start(**COUNTED)
        assert await verdict() == (3, "it has not begun: 0 of 10 iterations were started")
        runner = await desk.runner(run)
        runner.ready(1)
        await desk.settled()
        assert await verdict() == (3, "0 of 10 iterations were started")
        await runner.publish(passed=7, first=1)
        assert await verdict() == (3, "7 of 10 iterations were started")
        assert (await desk.broker.get_summary(run.run_id)).iterations.not_yet == 3
        await runner.publish(passed=3, first=8)
        assert await verdict() == (0, "passed")

    async def timed(desk):
        run = await desk.start(**TIMED)
        summary = await desk.broker.get_summary(run.run_id)
        assert summary.verdict.reason == "it has not begun: 0 of 2 users were started"
        runner = await desk.runner(run)
        runner.ready(1)
        await runner.publish(passed=1, users=2, first=1)
        summary = await desk.broker.get_summary(run.run_id)
        assert summary.verdict.exit_code == 3
        assert summary.verdict.reason == "cycle 1 of 1 is not over"

    at_desk(use)
    at_desk(timed)


def test_f04_rejected_events_make_a_run_incomplete(at_desk, tmp_path):
    """The last line says how many and why, also at a broker that was started anew."""
    path = str(tmp_path / "store.db")
    reason = "2 of 4 events were rejected: event: nothing is set that is known here"

    async def before(desk):
        run = await desk.start(iterations=(2,))
        runner = await desk.runner(run)
        runner.ready(1)
        await runner.publish(passed=2, invalid=2, first=1)
        return run

    async def after(desk):
        desk.back("a1", [run.run_id])
        desk.agent().exits(run)
        await desk.settled()
        summary = await desk.broker.get_summary(run.run_id)
        assert (summary.verdict.exit_code, summary.verdict.reason) == (3, reason)
        assert summary.accounting.rejected == 2
        assert len(summary.accounting.rejections) == 1

    run = at_desk(before, store=path)
    at_desk(after, store=path)


# Sums

NAMES = [f"/{word}" for word in "abcdefgh"]
WORDS = ["no", "timeout", "7 is wrong", "8 is wrong", "gone", "why", ""]
TYPES = ["ValueError", "AssertionError", "KeyError"]


def hit(name, status, error):
    """A row about a hit."""
    message = WORDS[status % len(WORDS)] if error else ""
    event = event_pb2.Event(
        hit={"name": name, "method": "GET", "status": status, "error": error},
    )
    event.hit.error_message = message
    event.hit.elapsed.FromMilliseconds(1)
    return event


def iteration(kind, word, type_, user):
    """A row about an iteration; without a type a failure is not valid."""
    event = event_pb2.Event()
    said = getattr(event, kind)
    said.test = "t"
    event.status.current_user = user
    if kind in ("test_failure", "test_error"):
        said.exception.type = type_
        said.exception.message = word
    return event


def block(count, labels):
    """A block of iterations; one without an outcome is not valid."""
    message = event_pb2.TestBlock(count=count, label=bytes(at % len(labels) for at in range(count)))
    message.base_time.FromSeconds(1)
    for outcome, word in labels:
        label = message.labels.add(test="t", outcome=outcome)
        if outcome in (event_pb2.TEST_OUTCOME_FAILURE, event_pb2.TEST_OUTCOME_ERROR):
            label.exception.type, label.exception.message = "E", word
    return message


hit_rows = st.builds(
    hit, st.sampled_from(NAMES), st.sampled_from([0, 200, 201, 404, 500]), st.integers(0, 9)
)
kinds = ("test_start", "test_stop", "test_success", "test_failure", "test_error")
iteration_rows = st.builds(
    iteration,
    st.sampled_from(kinds),
    st.sampled_from(WORDS),
    st.sampled_from([*TYPES, ""]),
    st.integers(0, 4),
)
rows = hit_rows | iteration_rows | st.just(event_pb2.Event())
blocks = st.builds(
    block,
    st.integers(1, 9),
    st.lists(st.tuples(st.integers(0, 4), st.sampled_from(WORDS)), min_size=1, max_size=4),
)
batches = st.builds(
    lambda events, tests: runner_pb2.EventBatch(events=events, test_blocks=tests),
    st.lists(rows, max_size=12),
    st.lists(blocks, max_size=2),
)
steps = st.lists(st.tuples(st.integers(0, 3), batches | st.integers(1, 5)), min_size=1, max_size=8)
"""Who of four runners, and a batch, or so many events that are lost."""


@pytest.mark.parametrize("bounds", [(1_000, 500, 100), (3, 2, 3)])
@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(steps=steps, over=st.booleans())
def test_b7_sums_add_up_whatever_comes(at_desk, bounds, steps, over):
    """Parts of every figure make the whole, with and without bounds that are in the way."""

    async def use(desk):
        for agent_id in ("a1", "a2"):
            desk.agent(agent_id)
        scenarios = tuple(
            Scenario(name=name, test="t", users=(2,), iterations=(4,)) for name in ("x", "y")
        )
        run = await desk.broker.start_run(Plan(scenarios=scenarios, agents=2))
        runners = [
            (
                agent_id,
                name,
                await desk.runner(run, agent_id, scenario=name, runner_id=agent_id + name),
            )
            for agent_id in ("a1", "a2")
            for name in ("x", "y")
        ]
        produced = dict.fromkeys(range(4), 0)
        for at, step in steps:
            runner = runners[at][2]
            first = produced[at] + 1
            if isinstance(step, int):
                await runner.skip(first, step)
                produced[at] += step
                continue
            message = runner_pb2.EventBatch(first_sequence=first)
            message.MergeFrom(step)
            await desk.broker.intake.publish(runner.inbox, runner.source_id, message)
            produced[at] += len(step.events) + sum(each.count for each in step.test_blocks)
        if over:
            for at, (agent_id, name, runner) in enumerate(runners):
                await runner.finish(produced[at])
                desk.agent(agent_id).exits(runner.source_id, scenario=name)
        await desk.settled()
        check(await desk.broker.get_summary(run.run_id), sum(produced.values()), over=over)

    was = hits.MAX_SERIES, causes.MAX_CAUSES, causes.MAX_REPORTED_GROUPS
    hits.MAX_SERIES, causes.MAX_CAUSES, causes.MAX_REPORTED_GROUPS = bounds
    try:
        at_desk(use)
    finally:
        hits.MAX_SERIES, causes.MAX_CAUSES, causes.MAX_REPORTED_GROUPS = was


def check(summary, produced, *, over):
    """All sums of a summary."""
    hits, iterations, accounting = summary.hits, summary.iterations, summary.accounting
    assert sum(each.hits.count for each in summary.names) == hits.count
    assert sum(each.hits.failed for each in summary.names) == hits.failed
    answered = sum(sum(each.statuses.values()) for each in summary.names)
    assert answered + sum(each.count for each in summary.hit_errors) == hits.count
    assert sum(each.count for each in summary.failures) == iterations.failure
    assert sum(each.count for each in summary.errors) == iterations.error
    assert sum(each.hits.count for each in summary.scenarios) == hits.count
    for cycle in summary.cycles:
        assert sum(each.hits.count for each in cycle.scenarios) == cycle.hits.count
    assert IterationFigures.total(each.iterations for each in summary.scenarios) == iterations
    assert UserFigures.total(each.users for each in summary.scenarios) == summary.users
    assert sum(each.hits for each in summary.agents) == hits.count
    assert sum(each.iterations for each in summary.agents) == iterations.started
    assert UserFigures.total(each.all_users for each in summary.agents) == summary.users
    assert sum(each.planned_iterations for each in summary.agents) == iterations.planned == 32
    missing = iterations.dropped + iterations.not_yet
    assert iterations.planned <= iterations.started + missing
    if iterations.started <= 8:  # no part has more than it was told
        assert iterations.planned == iterations.started + missing
    assert iterations.not_yet == 0 if over else iterations.dropped == 0
    assert iterations.ended <= iterations.started
    assert produced == accounting.committed + accounting.rejected + accounting.lost
    for groups in (summary.failures, summary.errors):
        assert [g.test == OTHER for g in groups[:-1]] == [False] * len(groups[:-1])
    if summary.verdict.exit_code == 0:
        undone = (missing, accounting.rejected, accounting.lost, iterations.interrupted)
        assert (undone, iterations.finished > 0) == ((0, 0, 0, 0), True)
