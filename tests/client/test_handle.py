"""Handles of runs, what they wait for, and what comes of it."""

import asyncio
import signal
import threading

import pytest

from loadgrpc.client import handle as handle_module
from loadgrpc.client.handle import AsyncRunHandle
from loadgrpc.client.portal import Portal
from loadgrpc.client.result import LoadResult
from loadgrpc.errors import RunFailed, TestNotLoaded, Unavailable
from loadgrpc.model import (
    AgentFigures,
    AssignmentState,
    ElapsedFigures,
    ExceptionInfo,
    HitFigures,
    IterationErrorGroup,
    NameFigures,
    News,
    Run,
    RunState,
    StopMode,
    Summary,
    Verdict,
    plan_of,
)

PLAN = plan_of(test="a.B.c")


def a_run(state=RunState.FINISHED, exit_code=0):
    """A run as a broker knows it."""
    over = state.final
    verdict = Verdict(exit_code=exit_code, reason="why") if over else None
    return Run(run_id="r", state=state, plan=PLAN, create_time_ns=1, verdict=verdict)


def a_summary(exit_code=0, **more):
    """What it came to."""
    return Summary(
        run_id="r",
        state=RunState.FINISHED,
        plan=PLAN,
        create_time_ns=1,
        verdict=Verdict(exit_code=exit_code, reason="why"),
        **more,
    )


class Broker:
    """Answers from a script: an error is raised, an iterable is watched."""

    def __init__(self, *watches, run=None, summary=None):
        self.watches = list(watches)
        self.run = run or a_run()
        self.summary = summary or a_summary()
        self.seen = []
        self.stopped = []

    async def get_run(self, _):
        return self.run

    async def get_summary(self, _):
        return self.summary

    async def stop_run(self, _, mode):
        self.stopped.append(mode)
        return self.run

    async def watch_run(self, _, *, after=None, windows=False):
        self.seen.append(after)
        for each in self.watches.pop(0) if self.watches else ():
            if isinstance(each, Exception):
                raise each
            if each is None:
                await asyncio.sleep(60)
            yield each


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Nobody waits between two tries."""
    monkeypatch.setattr(handle_module, "RETRY_S", 0.0)


def test_a_result_is_waited_for_while_the_broker_is_away():
    """What was seen is not asked for again."""
    broker = Broker([News(1, a_run(RunState.RUNNING)), Unavailable("gone")], [Unavailable("gone")])

    async def main():
        return await AsyncRunHandle(broker, "r").result()

    assert asyncio.run(main()).successful
    assert broker.seen == [None, 1, 1]


def test_a_broker_that_stays_away_is_unavailable(monkeypatch):
    """After a while."""
    monkeypatch.setattr(handle_module, "PATIENCE_S", 0.0)
    with pytest.raises(Unavailable):
        asyncio.run(AsyncRunHandle(Broker([Unavailable("gone")]), "r").result())


def test_a_result_that_takes_too_long():
    """The run goes on."""
    broker = Broker([News(1, a_run(RunState.RUNNING)), None], run=a_run(RunState.RUNNING))
    with pytest.raises(TimeoutError):
        asyncio.run(AsyncRunHandle(broker, "r").result(0.01))
    assert broker.stopped == []


@pytest.mark.parametrize(
    ("run", "told"),
    [
        (a_run(RunState.RUNNING), (False, False, False)),
        (a_run(), (True, True, False)),
        (a_run(exit_code=3), (True, False, True)),
        (a_run(RunState.STOPPED, 105), (True, False, True)),
    ],
)
def test_what_a_handle_says_of_a_run(run, told):
    """Whether it is over, and how; a run that goes on has neither passed nor failed."""

    async def main():
        held = AsyncRunHandle(Broker(run=run), "r")
        await held.stop()
        await held.stop(kill=True)
        assert held._client.stopped == [StopMode.GRACEFUL, StopMode.KILL]
        assert await held.state() is run.state
        return await held.ready(), await held.successful(), await held.failed()

    assert asyncio.run(main()) == told


def test_a_result_has_times_in_seconds():
    """And hits by name."""
    hits = HitFigures(
        count=4, failed=1, rate=2.0, elapsed=ElapsedFigures(p95_ns=300_000_000, max_ns=10**9)
    )
    named = NameFigures(name="n", method="GET", hits=hits, retries=2, scenario="s")
    result = LoadResult(a_summary(hits=hits, names=(named,)))
    assert (result.hits.p95, result.hits.max, result.hits.failed_share) == (0.3, 1.0, 0.25)
    assert result.names["s: GET n"].count == 4
    assert (result.retries, result.raise_for_verdict()) == (2, result)
    assert repr(result) == "<result of r: 4 hits, passed>"


def test_a_run_that_did_not_pass_can_raise():
    """With the first of what went wrong; a test that could not be loaded is that."""
    raised = ExceptionInfo(type="ValueError", message="boom")
    group = IterationErrorGroup(count=3, test="t", exception=raised)
    with pytest.raises(RunFailed, match="why\nValueError: boom \\(3 times\\)") as caught:
        LoadResult(a_summary(1, errors=(group,))).raise_for_verdict()
    assert caught.value.summary.errors == (group,)
    agent = AgentFigures(
        agent_id="a", hostname="h", state=AssignmentState.LOAD_FAILED, load_error=raised
    )
    with pytest.raises(TestNotLoaded, match="boom"):
        LoadResult(a_summary(107, agents=(agent,))).raise_for_verdict()


@pytest.fixture(scope="module")
def portal():
    """One of its own, which ends."""
    made = Portal()
    yield made
    made.close()
    with pytest.raises(RuntimeError, match="is ending"):
        made.call(asyncio.sleep(0))


def test_a_portal_waits_for_what_it_runs(portal):
    """In a thread of its own, and not in that."""

    async def works(value):
        with pytest.raises(RuntimeError, match="wait for itself"):
            portal.call(asyncio.sleep(0))
        if isinstance(value, Exception):
            raise value
        return value, threading.current_thread().name

    assert portal.call(works(3)) == (3, "loadgrpc")
    with pytest.raises(KeyError):
        portal.call(works(KeyError("x")))


def test_a_portal_iterates(portal):
    """Whoever leaves early ends what is iterated."""
    ended = []

    async def numbers():
        try:
            for number in range(5):
                yield number
        finally:
            ended.append(True)

    assert list(portal.iterate(numbers())) == list(range(5))
    some = portal.iterate(numbers())
    assert next(some) == 0
    some.close()
    assert ended == [True, True]


def test_ctrl_c_ends_what_a_portal_runs(portal):
    """It has tidied up when the exception goes on."""
    tidied = []

    async def forever():
        ctrl_c = (threading.main_thread().ident, signal.SIGINT)
        threading.Timer(0.05, signal.pthread_kill, ctrl_c).start()
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.01)
            tidied.append(True)

    with pytest.raises(KeyboardInterrupt):
        portal.call(forever())
    assert tidied == [True]
