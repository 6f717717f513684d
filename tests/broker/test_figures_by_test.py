"""What came of iterations by test, and of users that were set up: from records to the summary."""

import pytest

from loadgrpc.broker.figures_by_test import MAX_TESTS, FiguresByTest
from loadgrpc.model import OTHER, ExceptionInfo, UserFixture, WeightedTest
from loadgrpc.model import TestOutcome as Outcome
from loadgrpc.protocol.batches import decode
from loadgrpc.protocol.decoded import IterationLabel
from loadgrpc.runner.recorder import Recorder
from loadgrpc.testing import ManualClock, plan_of
from loadgrpc.v1 import event_pb2, runner_pb2

PLAN = plan_of(tests=(WeightedTest("a.B.second", 1), WeightedTest("a.B.first", 1)))
REFUSED = ExceptionInfo(type="ConnectionError", message="login refused")


@pytest.fixture
def recorder():
    """A recorder in a cycle."""
    recorder = Recorder(ManualClock(), "all")
    recorder.begin_cycle(1, 5, 2)
    return recorder


def ended(outcome, elapsed_ns=5_000_000, exception=None, user=1):
    """How something ended."""
    return {
        "outcome": outcome,
        "exception": exception,
        "start_ns": 1_700_000_000_000_000_000,
        "elapsed_ns": elapsed_ns,
        "user": user,
    }


def decoded(recorder):
    """All that was recorded, as a broker reads it."""
    for frame in recorder.take(1 << 20):
        yield decode(runner_pb2.EventBatch.FromString(frame.payload), arrival_ns=1)


def figures(recorder):
    """By test, from what was recorded."""
    found = FiguresByTest(frozenset({""}))
    spans = []
    for events in decoded(recorder):
        for block in events.iterations:
            found.add_times("", block)
            for label in block.label:
                found.add("", block.labels[label], 1)
        spans += found.add_fixtures("", events)
    return found, list(found.figures(PLAN)), spans


def test_iterations_are_counted_by_test(recorder):
    """In the order of the plan, with times of those that came to their own end."""
    recorder.iteration(**ended(Outcome.SUCCESS), iteration=1, test="a.B.first")
    recorder.iteration(**ended(Outcome.SUCCESS, 9_000_000), iteration=2, test="a.B.second")
    recorder.iteration(**ended(Outcome.INTERRUPTED, 10**9), iteration=3, test="a.B.second")
    _, (second, first), _ = figures(recorder)

    assert (second.test, second.iterations.started, second.iterations.interrupted) == (
        "a.B.second",
        2,
        1,
    )
    assert second.iteration_time.max_ns == 9_000_000
    assert (first.test, first.iterations.success) == ("a.B.first", 1)


def test_users_that_are_set_up_are_no_iterations(recorder):
    """They are counted by themselves, with what went wrong, and are part of the time of the run."""
    up = {"test": "a.B.setUpUser"}
    recorder.fixture(UserFixture.SET_UP, **ended(Outcome.SUCCESS), **up)
    recorder.iteration(**ended(Outcome.SUCCESS), iteration=1, test="a.B.first")
    recorder.fixture(UserFixture.SET_UP, **ended(Outcome.ERROR, exception=REFUSED), **up)
    recorder.fixture(UserFixture.TEAR_DOWN, **ended(Outcome.SUCCESS), test="a.B.tearDownUser")
    found, (first, set_up, torn_down), spans = figures(recorder)

    assert first.iterations.started == 1
    assert set_up.fixture is UserFixture.SET_UP
    assert (set_up.iterations.started, set_up.iterations.error) == (2, 1)
    assert [group.exception.message for group in set_up.errors] == ["login refused"]
    assert set_up.iteration_time.max_ns == 5_000_000
    assert (torn_down.fixture, torn_down.errors) == (UserFixture.TEAR_DOWN, ())
    assert found.went_wrong("") == {UserFixture.SET_UP: 1, UserFixture.TEAR_DOWN: 0}
    assert found.went_wrong("another") == dict.fromkeys(UserFixture, 0)
    assert len(spans) == 2


def test_rows_may_say_it_too():
    """Of a runner in another language; one that is not known here is rejected."""
    status = event_pb2.LoadStatus(user_fixture=event_pb2.USER_FIXTURE_SET_UP, current_user=1)
    test = {"test": "login"}
    batch = runner_pb2.EventBatch(
        events=[
            event_pb2.Event(status=status, test_start=test),
            event_pb2.Event(status=status, test_success=test),
            event_pb2.Event(status=status, test_stop=test),
            event_pb2.Event(status={"user_fixture": 9}, test_success=test),
        ]
    )
    events = decode(batch, arrival_ns=1)

    assert (events.starts, events.stops, events.outcomes) == (0, 0, [])
    assert events.fixture_outcomes == [
        (UserFixture.SET_UP, IterationLabel("login", Outcome.SUCCESS, None))
    ]
    assert events.rejected == 1
    assert "user_fixture is 9" in events.violations[0]


def test_many_tests_are_counted_together():
    """What would be one too many is named so."""
    found = FiguresByTest()
    for at in range(MAX_TESTS + 5):
        found.add("", IterationLabel(f"t{at}", Outcome.SUCCESS, None), 1)
    rows = list(found.figures(PLAN))

    assert len(rows) == MAX_TESTS + 1
    assert rows[-1].test == OTHER
    assert rows[-1].iterations.started == 5
