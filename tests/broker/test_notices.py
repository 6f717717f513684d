"""What observers are notified of, in words: whole, on one line, and without secrets."""

from dataclasses import replace

import pytest

from loadgrpc.broker.notices import notice_of
from loadgrpc.model import (
    AgentEvent,
    Change,
    ChangeKind,
    ElapsedFigures,
    HitFigures,
    IterationFigures,
    ObserverChoice,
    ObserverEvent,
    Run,
    RunState,
    Summary,
    Verdict,
)
from loadgrpc.stats.load_text import stages
from loadgrpc.testing import plan_of

START, END, LOST, *_ = ObserverEvent
PLAN = plan_of(
    test="web.TestShop.test_buy",
    users=(10, 20),
    agents=2,
    title="nightly",
    observers=(ObserverChoice(name="irc"),),
)
RUN = Run(run_id="r-1", state=RunState.FINISHED, plan=PLAN, create_time_ns=1)
SUMMARY = Summary(
    run_id="r-1",
    state=RunState.FINISHED,
    plan=PLAN,
    create_time_ns=1,
    verdict=Verdict(exit_code=0, reason="passed"),
    duration_ns=900_100_000_000,
    hits=HitFigures(count=12_000, failed=3, rate=398.04, elapsed=ElapsedFigures(p95_ns=31_700_000)),
    iterations=IterationFigures(started=300, success=297, failure=2, error=1),
    counters={"sold": 5},
)
OVER = Change(sequence=7, kind=ChangeKind.STATE, state=RunState.FINISHED, time_ns=5_000_000_000)


def test_the_end():
    """Verdict, hits, rate, p95, failures, title, run, and how to look at it."""
    notice = notice_of(RUN, OVER, END, SUMMARY, "host:7979")
    assert notice.text == (
        "nightly: web.TestShop.test_buy: passed: 12000 hits, 398.0/s, p95 31.7 ms, 3 failed; "
        "300 iterations, 3 failed; 900.1 s; run r-1; loadgrpc show r-1 -b host:7979"
    )
    assert (notice.notice_id, notice.event, notice.time_s) == ("r-1/7", "end", 5.0)
    assert (notice.exit_code, notice.verdict, notice.state) == (0, "passed", "FINISHED")
    assert notice.summary["hits"]["count"] == "12000"
    assert notice.summary["counters"] == {}
    assert notice.summary["plan"]["observers"] == []
    assert not notice.bad


@pytest.mark.parametrize(
    ("verdict", "state", "words"),
    [
        (Verdict(exit_code=1, reason="3 failed"), RunState.FINISHED, "finished, exit 1, 3 failed"),
        (Verdict(exit_code=105, reason="by ann"), RunState.STOPPED, "stopped, exit 105, by ann"),
    ],
)
def test_an_end_that_is_none_to_be_proud_of(verdict, state, words):
    """The code and its reason come first."""
    notice = notice_of(RUN, OVER, END, replace(SUMMARY, verdict=verdict, state=state), "")
    assert f"test_buy: {words}: 12000 hits" in notice.text
    assert notice.text.endswith("; run r-1")
    assert notice.bad


def of_arrivals(run):
    """The same, with a load of arrivals."""
    (scenario,) = run.plan.scenarios
    scenario = replace(scenario, users=(10_000,), iterations=(), load=stages("20/s for 1m"))
    return replace(run, plan=replace(run.plan, scenarios=(replace(scenario, duration_s=60.0),)))


def test_the_start_and_a_loss():
    """A run that goes on can be attached to; it has no verdict."""
    begun = replace(OVER, state=RunState.RUNNING)
    notice = notice_of(RUN, begun, START, None, "h:1")
    assert notice.text == (
        "nightly: web.TestShop.test_buy began, with 10:20 users on 2 agents; run r-1; "
        "loadgrpc attach r-1 -b h:1"
    )
    assert (notice.exit_code, dict(notice.summary)) == (None, {})
    text = notice_of(of_arrivals(RUN), begun, START, None, "").text
    assert text.startswith("nightly: web.TestShop.test_buy began, with arrivals on 2 agents")
    loss = replace(
        begun,
        kind=ChangeKind.AGENT,
        agent_id="a1",
        agent_event=AgentEvent.LOST,
        reason="silent\nfor 60 s",
    )
    notice = notice_of(RUN, loss, LOST, None, "")
    assert notice.text == ("nightly: web.TestShop.test_buy lost agent a1: silent for 60 s; run r-1")
    assert notice.bad


def test_a_title_has_no_secret_in_it():
    """As wherever else it is shown."""
    titled = replace(RUN, plan=replace(PLAN, title="of http://ann:hunter2@host/?token=hunter2"))
    notice = notice_of(titled, OVER, END, SUMMARY, "")
    assert "hunter2" not in str(notice.as_json())
    assert "of http://ann:***@host/?token=***" in notice.text


def test_a_run_that_was_damaged_has_no_figures():
    """It is said how it ended all the same."""
    failed = replace(OVER, state=RunState.FAILED, reason="damaged in the store")
    notice = notice_of(RUN, failed, END, None, "")
    assert "is FAILED: damaged in the store" in notice.text
