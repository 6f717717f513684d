"""Users whom a spawn rate starts too late."""

import pytest

from loadgrpc.broker.split import assignments
from loadgrpc.cli.late_users import warnings_of
from loadgrpc.model import Plan, Scenario


def plan(**options):
    """A plan with these options."""
    scenario = {"test": "a.B.c", "users": (10,), "spawn_rate": 0.5, "duration_s": 5.0}
    more = {name: options.pop(name) for name in ("agents", "split") if name in options}
    return Plan(scenarios=(Scenario(**scenario | options),), **more)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            {},
            (
                "warning: 3 of 10 users start: at 0.5 per second the last would after 18.0 s,"
                " and a cycle lasts 5.00 s"
            ),
        ),
        ({"duration_s": 4.0}, "warning: 2 of 10 users start: "),
        ({"users": (2, 10, 20, 10)}, "warning: 3 of 10 and 3 of 20 users start: "),
        ({"name": "shop"}, "warning: scenario shop: 3 of 10 users start: "),
        ({"agents": 2, "split": True}, "warning: 4 of 10 users start: "),
        ({"duration_s": 18.0}, "warning: 9 of 10 users start: "),
        ({"duration_s": 18.1}, None),
        ({"duration_s": None, "iterations": (1,)}, None),
        ({"spawn_rate": 0.0}, None),
        ({"users": (3,)}, None),
    ],
)
def test_f23_users_that_never_start_are_told_when_a_run_is_asked_for(options, sentence):
    """How many start, and why; nothing when all do."""
    told = list(warnings_of(plan(**options)))
    assert len(told) == (sentence is not None)
    if sentence:
        assert told[0].startswith(sentence)


@pytest.mark.parametrize("agents", [1, 2, 3, 7])
@pytest.mark.parametrize("rate", [0.3, 0.5, 1.0, 3.0])
@pytest.mark.parametrize("duration_s", [1.0, 3.0, 4.0, 10.0])
def test_f23_as_many_are_told_as_runners_start(agents, rate, duration_s):
    """The figure is what runners of the plan's parts make of their own rates."""
    asked = plan(users=(30,), agents=agents, split=True, spawn_rate=rate, duration_s=duration_s)
    started = sum(
        (user - 1) / part.scenario.spawn_rate < duration_s
        for part in assignments(asked, "r-1", [f"a-{n}" for n in range(agents)])
        for user in range(1, part.scenario.users[0] + 1)
    )
    told = list(warnings_of(asked))
    assert (f"warning: {started} of 30 users" in told[0]) if told else (started == 30)
