"""What is reported by rule: iterations, hits, and rules that nobody has exercised."""

import pytest

from loadgrpc.broker.judgement import too_little
from loadgrpc.broker.rule_figures import MAX_RULES, RuleFigures
from loadgrpc.clock import SystemClock
from loadgrpc.model import OTHER, CoverageFigures, ExceptionInfo, HitError, TestOutcome
from loadgrpc.protocol.batches import decode
from loadgrpc.protocol.decoded import Decoded
from loadgrpc.runner.hit import Hit
from loadgrpc.runner.recorder import Recorder
from loadgrpc.v1 import event_pb2, runner_pb2


def decoded(recorder):
    """What a recorder has, as the broker decodes it."""
    batch = runner_pb2.EventBatch()
    for piece in recorder.take(1 << 20):
        batch.MergeFromString(piece.payload)
    return decode(batch, arrival_ns=1)


def by_rule(figures):
    """The counts of each rule: started, success, failure, error, hits, failed hits."""
    return {
        each.case: (
            each.iterations.started,
            each.iterations.success,
            each.iterations.failure,
            each.iterations.error,
            each.hits.count,
            each.hits.failed,
        )
        for each in figures.figures(10**9)
    }


def test_iterations_and_hits_are_counted_by_rule():
    """In blocks, as the Python runner sends them; what has no case counts nowhere."""
    recorder = Recorder(SystemClock(), "t")
    recorder.rules(["1", "2", "3"])
    recorder.begin_cycle(1, 1, 0)
    raised = ExceptionInfo(type="E", message="no")
    for rule, outcome, elapsed_ns in (
        ("1", TestOutcome.SUCCESS, 10),
        ("2", TestOutcome.FAILURE, 20),
        ("1", TestOutcome.SUCCESS, 30),
        ("", TestOutcome.SUCCESS, 1),
    ):
        for status in (200, 500):
            hit = Hit("/", "", "GET", status, HitError.NONE, "", 1, elapsed_ns, 0, 0, 2, 3)
            hit.case = rule
            recorder.hit(hit, 1, 1)
        recorder.iteration(
            outcome=outcome,
            exception=raised if outcome is TestOutcome.FAILURE else None,
            start_ns=1,
            elapsed_ns=elapsed_ns,
            user=1,
            iteration=1,
            case=rule,
        )
    figures = RuleFigures()
    figures.add("s", decoded(recorder))

    assert by_rule(figures) == {
        "1": (2, 2, 0, 0, 4, 2),
        "2": (1, 0, 1, 0, 2, 1),
        "3": (0, 0, 0, 0, 0, 0),
    }
    assert figures.coverage() == CoverageFigures(rules=3, exercised=2)
    first = next(figures.figures(10**9))
    assert (first.scenario, first.hits.rate, first.hits.bytes_sent) == ("s", 4.0, 8)
    assert (first.iteration_time.min_ns, first.iteration_time.max_ns) == (10, 30)


def test_rows_of_other_runners_are_counted_too():
    """An event with the case in its status; one that was cut off has exercised nothing."""
    rows = [
        event_pb2.Event(rules=event_pb2.DesignedRules(names=["a", "b", ""])),
        event_pb2.Event(
            test_success=event_pb2.TestSuccess(test="t"), status=event_pb2.LoadStatus(case="a")
        ),
        event_pb2.Event(
            test_failure=event_pb2.TestFailure(
                test="t", exception=event_pb2.ExceptionInfo(type="E")
            ),
            status=event_pb2.LoadStatus(case="c"),
        ),
    ]
    figures = RuleFigures()
    figures.add("", decode(runner_pb2.EventBatch(events=rows), arrival_ns=1))

    assert by_rule(figures) == {
        "a": (1, 1, 0, 0, 0, 0),
        "b": (0, 0, 0, 0, 0, 0),
        "c": (1, 0, 1, 0, 0, 0),
    }
    assert figures.coverage() == CoverageFigures(rules=3, exercised=2)


def test_there_are_at_most_a_thousand_rules():
    """The rest are added up, but still told apart for the coverage."""
    figures = RuleFigures()
    figures.add("", Decoded(rules=[str(at) for at in range(MAX_RULES + 7)]))

    found = list(figures.figures(1))
    assert len(found) == MAX_RULES + 1
    assert found[-1].case == OTHER
    assert figures.coverage() == CoverageFigures(rules=MAX_RULES + 7, exercised=0)


def test_no_rules_are_no_coverage():
    """Nothing is shown of a run without cases."""
    assert RuleFigures().coverage() is None


@pytest.mark.parametrize(
    ("coverage", "required", "said"),
    [
        (None, 0, ""),
        (CoverageFigures(rules=3, exercised=0), 0, ""),
        (CoverageFigures(rules=3, exercised=3), 100, ""),
        (CoverageFigures(rules=4, exercised=2), 50, ""),
        (
            CoverageFigures(rules=1000, exercised=999),
            100,
            "999 of 1000 rules were exercised: 99.9%, and 100% are required",
        ),
        (
            CoverageFigures(rules=3, exercised=2),
            67,
            "2 of 3 rules were exercised: 66.6%, and 67% are required",
        ),
        (None, 80, "no rules were reported, of which 80% have to be exercised"),
    ],
)
def test_what_a_plan_requires(coverage, required, said):
    """Nothing is rounded up to what is required, and no rules are not all of them."""
    assert too_little(coverage, required) == said
