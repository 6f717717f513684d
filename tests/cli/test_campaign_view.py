"""Campaigns and schedules as lines."""

from dataclasses import replace
from datetime import UTC, datetime

from loadgrpc.cli import campaign_view, schedule_view
from loadgrpc.model import (
    Campaign,
    CampaignSpec,
    CampaignState,
    Firing,
    FiringState,
    HitFigures,
    IterationFigures,
    RunState,
    Schedule,
    ScheduleSpec,
    Step,
    StepResult,
    StepState,
    StepStatus,
    Verdict,
)
from loadgrpc.testing import plan_of

S = 10**9
PLAN = plan_of(test="a.B.c")


def column(name, code=0, hits=10):
    """A step whose run is over."""
    result = StepResult(
        state=RunState.FINISHED,
        verdict=Verdict(exit_code=code, reason="why" * bool(code)),
        duration_ns=2 * S,
        hits=HitFigures(count=hits, rate=5.0),
        iterations=IterationFigures(started=3, success=2, failure=1),
    )
    return StepStatus(
        name=name,
        state=StepState.FAILED if code else StepState.PASSED,
        run_id="r-0123456789",
        reason="why" * bool(code),
        result=result,
    )


def campaign(*steps, **more):
    """A campaign of these steps."""
    spec = CampaignSpec(steps=tuple(Step(name=each.name, plan=PLAN) for each in steps), title="n")
    return Campaign(
        **{
            "campaign_id": "c-1",
            "spec": spec,
            "state": CampaignState.FINISHED,
            "create_time_ns": 0,
            "end_time_ns": 65 * S,
            "steps": steps,
            "verdict": Verdict(exit_code=1, reason="step b: why"),
            **more,
        }
    )


def texts(lines):
    """What is printed."""
    return [line.text for line in lines]


def test_a_summary_has_a_column_a_run():
    """Its figures beneath each other, whatever its columns need; the verdict comes last."""
    skipped = StepStatus(name="c", state=StepState.SKIPPED, reason="step b did not pass")
    shown = texts(campaign_view.summary(campaign(column("a"), column("b", 1, 1_234), skipped), 80))
    assert shown == [
        "campaign    n   c-1",
        "steps       3   1 skipped   1 failed   1 passed",
        "duration    1 min 5 s",
        "",
        "                       a              b         c",
        "run         r-0123456789   r-0123456789         -",
        "verdict           passed         failed   skipped",
        "duration          2.00 s         2.00 s         -",
        "hits                  10           1234         -",
        "failed                 0              0         -",
        "rate              5.00/s         5.00/s         -",
        "p50                  0 s            0 s         -",
        "p95                  0 s            0 s         -",
        "p99                  0 s            0 s         -",
        "iterations             3              3         -",
        "not passed             1              1         -",
        "",
        "  b  failed  r-0123456789: why",
        "  c  skipped: step b did not pass",
        "",
        "exit 1: step b: why",
    ]


def test_columns_that_do_not_fit_go_beneath():
    """No line is wider than the terminal, and no run is left out."""
    steps = [column(f"step-{at}") for at in range(9)]
    shown = texts(campaign_view.summary(campaign(*steps), 60))
    assert max(map(len, shown)) <= 60
    headings = " ".join(line for line in shown if line.strip().startswith("step-")).split()
    assert headings == [f"step-{at}" for at in range(9)]


def test_what_has_changed():
    """A line for each step that did; nothing for those that wait from the beginning."""
    waiting = replace(column("b"), state=StepState.WAITING, run_id="", result=None)
    running = replace(column("a"), state=StepState.RUNNING, result=None)
    first = campaign(running, waiting)
    assert texts(campaign_view.change(None, first)) == ["a  running  r-0123456789"]
    second = campaign(column("a", 1), replace(waiting, state=StepState.SKIPPED))
    assert texts(campaign_view.change(first, second)) == [
        "a  failed  r-0123456789: why",
        "b  skipped",
    ]
    assert campaign_view.change(second, second) == []


def test_a_list():
    """One row a campaign; none is said, too."""
    shown = texts(campaign_view.table([campaign(column("a"))], now_ns=60 * S, width=90))
    assert shown[1].split() == [
        *("c-1", "finished", "failed", "1", "min", "ago", "1", "of", "1", "step", "over", "n")
    ]
    assert texts(campaign_view.table([], now_ns=0, width=90)) == ["no campaigns"]


DUE = round(datetime(2026, 3, 28, 2, 30, tzinfo=UTC).timestamp()) * S


def schedule(**more):
    """A schedule."""
    spec = ScheduleSpec(name="nightly", cron="30 3 * * *", time_zone="Europe/Berlin", plan=PLAN)
    return Schedule(
        **{
            "schedule_id": "s-1",
            "spec": spec,
            "create_time_ns": 0,
            "next_time_ns": DUE,
            **more,
        }
    )


def test_schedules_are_shown_in_their_own_time():
    """The zone's name says whether it is summer there."""
    failed = Firing(
        number=1,
        planned_time_ns=DUE - 86_400 * S,
        time_ns=DUE,
        state=FiringState.OVER,
        run_id="r-1",
        verdict=Verdict(exit_code=99),
    )
    rows = texts(
        schedule_view.table(
            [schedule(firings=(failed,)), schedule(next_time_ns=None)], now_ns=DUE - S, width=150
        )
    )
    assert "2026-03-28 03:30 CET (in 1 s)" in rows[1]
    assert "r-1" in rows[1]
    assert "paused" in rows[2]
    assert schedule_view.sentence(schedule(), "is added") == (
        "schedule nightly is added; it is due next at 2026-03-28 03:30 CET"
    )
    assert schedule_view.sentence(schedule(next_time_ns=None)) == "schedule nightly is paused"
    summer = DUE + 86_400 * S * 2 - 3_600 * S
    assert schedule_view.local(schedule(), summer) == "2026-03-30 03:30 CEST"


def test_firings():
    """Each with its run, or why there is none."""
    missed = Firing(
        number=2,
        planned_time_ns=DUE,
        time_ns=DUE,
        state=FiringState.MISSED,
        reason="the broker was away: 3 times passed",
    )
    (_, row) = texts(schedule_view.firings(schedule(firings=(missed,)), now_ns=DUE, width=150))
    assert row.split("  ")[-1] == "the broker was away: 3 times passed"
    assert "missed" in row
    assert texts(schedule_view.firings(schedule(), now_ns=0, width=80)) == ["it was not due yet"]
