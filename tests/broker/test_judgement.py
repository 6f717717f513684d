"""What of the planned work was not done, in sentences with numbers."""

import pytest

from loadgrpc.broker.judgement import PlannedWork, remarks, undone
from loadgrpc.model import IterationFigures, UserFigures


def work(*, users=(10, 10, 0), hits=0, scenario="", **more):
    """PlannedWork of a scenario; iterations by name, users as planned, started and unknown."""
    names = ("started", "success", "failure", "error", "interrupted", "planned", "dropped")
    figures = {name: more.pop(name) for name in (*names, "not_yet") if name in more}
    planned, started, unknown = users
    return PlannedWork(
        scenario=scenario,
        iterations=IterationFigures(**figures),
        hits=hits,
        users=UserFigures(planned=planned, started=started, unknown=unknown),
        **more,
    )


HELD_BACK = "7 of 10 users had to wait for others to end"
TIMED = {"duration_s": 4.0, "stop_timeout_s": 30.0}


@pytest.mark.parametrize(
    ("done", "words"),
    [
        (work(planned=10, started=10, success=10), ""),
        (work(planned=10, started=10, success=3, failure=3, error=4), ""),
        (work(planned=10, dropped=10), "0 of 10 iterations were started"),
        (work(planned=10, started=7, success=7, not_yet=3), "7 of 10 iterations were started"),
        (
            work(planned=10, started=7, success=5, interrupted=2, dropped=3),
            "7 of 10 iterations were started, and 2 of them cut off",
        ),
        (
            work(planned=10, started=10, success=9, interrupted=1),
            "1 of 10 iterations were cut off",
        ),
        (work(planned=10, started=10, success=9), "1 of 10 iterations did not end"),
        (
            work(planned=2, started=2, interrupted=2),
            "no iteration finished: 2 of 2 were cut off",
        ),
        (work(started=5, success=5, **TIMED), ""),
        (work(started=5, success=5, users=(10, 3, 0), **TIMED), "3 of 10 users were started"),
        (
            work(started=5, success=5, users=(10, 3, 0), spawn_rate=0.5, **TIMED),
            "3 of 10 users were started, at 0.5 per second",
        ),
        (work(started=5, success=5, users=(10, 1, 9), **TIMED), ""),
        (work(planned=10, started=10, success=10, held_back=HELD_BACK), HELD_BACK),
        (
            work(started=5, success=5, users=(10, 3, 0), held_back=HELD_BACK, **TIMED),
            f"3 of 10 users were started; {HELD_BACK}",
        ),
        (
            work(started=5, success=2, interrupted=3, **TIMED),
            "3 of 5 iterations were cut off (the stop timeout is 30 s)",
        ),
        (work(started=5, success=2, interrupted=3, duration_s=4.0), ""),
        (
            work(started=5, interrupted=5, duration_s=4.0),
            "no iteration finished: 5 of 5 were cut off",
        ),
        (work(started=5, **TIMED), "no iteration finished: 5 were started"),
        (work(**TIMED), "no iteration was started"),
        (
            work(hits=1, **TIMED),
            "no iteration was reported, only 1 hit: a run is judged by its iterations",
        ),
        (work(started=5, success=5, short="it ended after 1 s", **TIMED), "it ended after 1 s"),
    ],
)
def test_b1_b2_what_was_not_done(done, words):
    """All that was planned is started, ends, and is not cut off; something of it finishes."""
    assert undone([done], over=True) == words


def test_b3_what_goes_on_is_not_done():
    """Of a run that goes on, iterations may still end."""
    assert (
        undone([work(started=5, success=4)], over=False) == "1 of 5 iterations have not ended yet"
    )


def test_b1_each_scenario_has_to_do_its_work():
    """One that did nothing is named, however much others did."""
    good = work(scenario="browse", planned=5, started=5, success=5)
    bad = [work(scenario=name, planned=5, dropped=5) for name in ("buy", "pay", "go")]
    words = "scenario buy: 0 of 5 iterations were started"

    assert undone([good, bad[0]], over=True) == words
    assert undone([*bad[:2], good], over=True) == f"{words} (and 1 more scenario)"
    assert undone(bad, over=True) == f"{words} (and 2 more scenarios)"


@pytest.mark.parametrize(
    ("done", "words"),
    [
        (work(planned=10, started=10, success=10), ""),
        (
            work(started=5, success=2, interrupted=3, duration_s=4.0),
            "3 iterations cut off at the end, as a stop timeout of 0 asks",
        ),
        (
            work(planned=10, started=12, success=12),
            "12 iterations were started, 2 more than planned",
        ),
        (
            work(started=5, success=5, users=(10, 1, 9), **TIMED),
            "it is not known whether 9 of 10 users were started: their runner does not tell",
        ),
        (work(planned=5, started=5, success=5, users=(10, 1, 9)), ""),
        (work(planned=5, started=6, success=5, error=1), ""),
        (
            work(scenario="buy", planned=1, started=2, success=2),
            "scenario buy: 2 iterations were started, 1 more than planned",
        ),
    ],
)
def test_b2_what_is_told_of_a_run_that_passed(done, words):
    """What should be known all the same stands in its last line."""
    assert remarks([done]) == words
