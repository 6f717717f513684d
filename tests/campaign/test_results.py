"""What a step learns of those before it."""

import json

from loadgrpc import campaign
from loadgrpc.campaign.results import MAX_CHARS
from loadgrpc.model import (
    ElapsedFigures,
    HitFigures,
    IterationFigures,
    RunState,
    StepResult,
    StepState,
    StepStatus,
    Verdict,
)

RESULT = StepResult(
    state=RunState.FINISHED,
    verdict=Verdict(exit_code=1, reason="one failed"),
    duration_ns=2_500_000_000,
    hits=HitFigures(count=40, failed=2, rate=16.0, elapsed=ElapsedFigures(p95_ns=30_000_000)),
    iterations=IterationFigures(started=10, success=9, failure=1),
)


def status(name, **more):
    """How a step stands."""
    return StepStatus(name=name, **{"state": StepState.FAILED, **more})


def test_there_and_back():
    """What is written for runners is what tests read."""
    steps = [status("load", run_id="r-1", result=RESULT), status("x", state=StepState.SKIPPED)]
    found = campaign.results({campaign.RESULTS_ENV: campaign.as_text(steps)})
    assert found["load"] == campaign.StepOutcome(
        step="load",
        state="FAILED",
        run_id="r-1",
        exit_code=1,
        hits=40,
        failed_hits=2,
        rate=16.0,
        p95_s=0.03,
        iterations=10,
        failed_iterations=1,
        duration_s=2.5,
    )
    assert (found["x"].state, found["x"].exit_code, found["x"].passed) == ("SKIPPED", None, False)


def test_elsewhere_there_are_none(monkeypatch):
    """A test that is run by itself finds no results, and no error."""
    monkeypatch.delenv(campaign.RESULTS_ENV, raising=False)
    assert campaign.results() == {}


def test_too_many_lose_their_figures_and_none_its_end():
    """The variable is bounded: how each ended is kept."""
    steps = [
        status("x" * 60 + f"{at:03}", run_id="r-0123456789", result=RESULT) for at in range(200)
    ]
    text = campaign.as_text(steps)
    assert len(text) <= MAX_CHARS
    assert len(json.loads(text)) == 200
    assert {each.exit_code for each in campaign.results({campaign.RESULTS_ENV: text}).values()} == {
        1
    }
