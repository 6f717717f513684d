"""What tests measure themselves: counted by name, with nothing recorded outside of a load run."""

import contextlib
import random
import unittest
from collections import Counter

import pytest

from loadgrpc.case import TestCase
from loadgrpc.model import TestOutcome
from loadgrpc.protocol.batches import decode
from loadgrpc.runner.data.feeds import UserIsDone
from loadgrpc.runner.judge import CutOff
from loadgrpc.runner.measure_tally import CheckTally, GaugeTally, MeasurementTally, TransactionTally
from loadgrpc.runner.recorder import MAX_MEASURES, MIN_BATCH_BYTES, Recorder
from loadgrpc.runner.threads import LockedRecorder
from loadgrpc.runner.user import VirtualUser
from loadgrpc.stats.measures import MeasureName, add
from loadgrpc.v1 import runner_pb2

MS = 1_000_000


def taken(recorder, limit=1 << 20):
    """What was recorded, by kind and name, and how many events that were; all are valid."""
    found, events = {}, 0
    for frame in recorder.take(limit):
        assert len(frame.payload) <= limit
        decoded = decode(runner_pb2.EventBatch.FromString(frame.payload), arrival_ns=1)
        assert not decoded.rejected, decoded.violations
        events += frame.events
        for each in decoded.measures:
            add(found, MeasureName(each.kind, each.name), each.stats)
    return found, events


@pytest.fixture(params=[Recorder, LockedRecorder])
def recorder(request, clock):
    """A recorder of each kind."""
    return request.param(clock, "a.B.c")


@pytest.fixture
def live(recorder, clock):
    """Runs a function as the test of a user, some times; what was measured, and the outcomes."""

    def run(test_it, times=1):
        user = VirtualUser(
            type("Case", (TestCase,), {"test_it": test_it}), "test_it", recorder, clock, user=1
        )
        outcomes = Counter(user.run_iteration(number).name for number in range(1, times + 1))
        user.close()
        return taken(recorder)[0], outcomes

    return run


def test_checks_count_and_fail_nothing(live):
    """A check that does not hold is counted; the test is told so, and goes on."""

    def test_it(self):
        assert self.check([1], "has a price") is True
        assert self.check("", "has a name") is False

    found, outcomes = live(test_it, times=3)
    assert found[MeasureName("check", "has a price")].parts()[0] == [3, 0]
    assert found[MeasureName("check", "has a name")].parts()[0] == [0, 3]
    assert outcomes == {"SUCCESS": 3}


def test_a_transaction_is_a_block(live, clock):
    """From its first line to its last; one that an exception leaves has failed, and no time."""

    def test_it(self):
        with self.group("checkout"):
            clock.advance(0.005)
            with self.group("pay"):
                clock.advance(0.002)
        with self.group("checkout"):
            self.fail("no basket")

    found, outcomes = live(test_it, times=2)
    checkout, pay = (found[MeasureName("transaction", name)] for name in ("checkout", "pay"))
    assert (checkout.count, checkout.failed) == (4, 2)
    assert checkout.elapsed.figures[:4] == (2, 14 * MS, 7 * MS, 7 * MS)
    assert (pay.count, pay.failed, pay.elapsed.max_ns) == (2, 0, 2 * MS)
    assert outcomes == {"FAILURE": 2}


@pytest.mark.parametrize("end", [CutOff(), UserIsDone("no row is left")])
def test_a_transaction_that_is_cut_off_is_none(recorder, clock, end):
    """It neither failed nor came to its end."""

    def test_it(self):
        with self.group("checkout"):
            raise end

    user = VirtualUser(
        type("Case", (TestCase,), {"test_it": test_it}), "test_it", recorder, clock, user=1
    )
    with contextlib.suppress(CutOff):  # which goes on to whoever cuts users off
        assert user.run_iteration(1) is TestOutcome.INTERRUPTED
    assert taken(recorder)[0] == {}


def test_values_and_levels(live):
    """Values are distributed, levels have a last one."""

    def test_it(self):
        for value in (17, 0.25, 17):
            self.record("queue depth", value)
        for value in (3, 5, -1, 2):
            self.gauge("pool", value)

    found, _ = live(test_it)
    depth = found[MeasureName("measurement", "queue depth")]
    assert depth.millionths.figures[:4] == (3, 34_250_000, 250_000, 17_000_000)
    pool = found[MeasureName("gauge", "pool")]
    assert (pool.last, pool.min, pool.max) == (2.0, -1.0, 5.0)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda test: test.check(True, ""), r"self\.check\(\) needs a name"),
        (lambda test: test.group(None), r"self\.group\(\) needs a name"),
        (lambda test: test.record("a", -1), r"from 0 to 1e\+12, not -1"),
        (lambda test: test.record("a", float("nan")), "not nan"),
        (lambda test: test.gauge("a", float("inf")), "a finite number, not inf"),
    ],
)
def test_what_cannot_be_measured_is_an_error_of_the_test(call, words):
    """Here and in a load run."""
    with pytest.raises(ValueError, match=words):
        call(TestCase())


def test_outside_of_a_load_run_nothing_is_recorded():
    """The test is a functional test, and passes as one."""

    class Case(TestCase):
        def test_it(self):
            self.assertTrue(self.check(True, "a"))
            with self.group("b"), self.expect(status=200, within=0.1) as expected:
                expected.fail("no")
                expected.ok()
            self.record("c", 1)
            self.gauge("d", 1)

    result = unittest.TestResult()
    Case("test_it").run(result)
    assert result.wasSuccessful(), result.errors


def test_all_since_the_last_report_is_one_event(recorder):
    """Counted as produced when the first of it happens, so that its loss is known."""
    for number in range(1_000):
        recorder.measure(CheckTally, "a", number % 2 == 0)
        assert recorder.produced_events == 1
    recorder.measure(GaugeTally, "a", 1.0)
    assert recorder.produced_events == 2
    found, events = taken(recorder)
    assert (events, len(found)) == (2, 2)
    assert taken(recorder) == ({}, 0)


def test_many_values_are_several_events_and_fit_into_the_smallest_batch(recorder):
    """Nothing is left out, and an event is never larger than a batch may be."""
    draw = random.Random(7)
    values = [draw.random() * 1e12 for _ in range(5_000)]
    times = [draw.randrange(2**62, 2**63) for _ in range(5_000)]
    for value, time_ns in zip(values, times, strict=True):
        for _ in range(2):
            recorder.measure(MeasurementTally, "m" * 256, value)
            recorder.measure(TransactionTally, "t" * 256, time_ns)
    found, events = taken(recorder, MIN_BATCH_BYTES)
    assert events == recorder.produced_events == 6
    measured = found[MeasureName("measurement", "m" * 256)].millionths
    assert measured.count == 10_000
    assert measured.max_ns == round(max(values) * 1e6)
    assert found[MeasureName("transaction", "t" * 256)].elapsed.figures[:2] == (
        10_000,
        2 * sum(times),
    )


def test_names_are_bounded(recorder):
    """What waits to be reported is, whatever a test calls its checks; none is lost."""
    for number in range(3 * MAX_MEASURES):
        recorder.measure(CheckTally, f"product {number}", True)
    found, events = taken(recorder)
    assert events == len(found) == MAX_MEASURES + 1
    assert found[MeasureName("check", "(other)")].passed == 2 * MAX_MEASURES


def test_a_user_that_is_muted_measures_nothing(recorder):
    """What it did before is kept."""
    recorder.measure(CheckTally, "a", True)
    recorder.mute()
    recorder.measure(CheckTally, "a", True)
    assert taken(recorder)[0][MeasureName("check", "a")].passed == 1
