"""Which runs are not compared, and why."""

import pytest

from loadgrpc.broker.comparing import compared
from loadgrpc.model import (
    Accounting,
    GeneratorFigures,
    Loss,
    Run,
    RunState,
    Summary,
    plan_of,
)

NS = 1_000_000_000


@pytest.mark.parametrize(
    ("saturated_s", "troubles"),
    [
        (0, ()),
        (6, ()),
        (7, ("the generator of its load was saturated for 7 of 300 s",)),
    ],
)
def test_a_generator_that_was_saturated_for_a_moment_is_no_reason(saturated_s, troubles):
    """Up to a fiftieth of its time; machines of CI have such seconds in every run."""
    figures = GeneratorFigures(saturated_ns=saturated_s * NS, watched_ns=300 * NS)

    assert troubles_of(generator=figures) == troubles


def test_a_run_that_lost_events_is_not_compared():
    """Nor is one of which nothing is known."""
    lost = Accounting(
        committed=7, losses=(Loss(reason="it was killed", count=3, at_least=False, agent_id="a1"),)
    )

    assert troubles_of(accounting=lost) == ("3 of its events were lost",)
    assert troubles_of() == ()


def troubles_of(**fields):
    """Why a run with such a summary is not compared."""
    run = Run(run_id="r", state=RunState.FINISHED, plan=plan_of(test="a.B.c"), create_time_ns=1)
    summary = Summary(run_id="r", state=run.state, plan=run.plan, create_time_ns=1, **fields)
    return compared(run, [], summary, []).troubles
