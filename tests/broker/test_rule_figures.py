"""What is reported by rule: iterations, hits, and rules that nobody has exercised."""

import numpy as np
import pytest

from loadgrpc.broker.judgement import too_little
from loadgrpc.broker.pieces import PIECES_A_TURN
from loadgrpc.broker.rule_figures import MAX_RULES, RuleFigures
from loadgrpc.clock import SystemClock
from loadgrpc.model import OTHER, CoverageFigures, ExceptionInfo, HitError, TestOutcome
from loadgrpc.protocol.batches import decode
from loadgrpc.protocol.decoded import Decoded
from loadgrpc.runner.hit import Hit
from loadgrpc.runner.recorder import Recorder
from loadgrpc.stats.sealed import unseal
from loadgrpc.stats.timeline import Recent, Timeline
from loadgrpc.stats.window import merged
from loadgrpc.v1 import event_pb2, runner_pb2


def decoded(recorder):
    """What a recorder has, as the broker decodes it."""
    batch = runner_pb2.EventBatch()
    for piece in recorder.take(1 << 20):
        batch.MergeFromString(piece.payload)
    return decode(batch, arrival_ns=1)


NOW_NS = 10**15


def added(events, *, scenario="", ahead_ns=0):
    """Figures of a batch."""
    figures = RuleFigures(Timeline())
    figures.add(scenario, events, arrival_ns=NOW_NS, ahead_ns=ahead_ns)
    return figures


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
    figures = added(decoded(recorder), scenario="s")

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
    figures = added(decode(runner_pb2.EventBatch(events=rows), arrival_ns=1))

    assert by_rule(figures) == {
        "a": (1, 1, 0, 0, 0, 0),
        "b": (0, 0, 0, 0, 0, 0),
        "c": (1, 0, 1, 0, 0, 0),
    }
    assert figures.coverage() == CoverageFigures(rules=3, exercised=2)


def test_there_are_at_most_a_thousand_rules():
    """The rest are added up, but still told apart for the coverage."""
    figures = added(Decoded(rules=[str(at) for at in range(MAX_RULES + 7)]))

    found = list(figures.figures(1))
    assert len(found) == MAX_RULES + 1
    assert found[-1].case == OTHER
    assert figures.coverage() == CoverageFigures(rules=MAX_RULES + 7, exercised=0)


def block(seconds, rules, *, outcome=event_pb2.TEST_OUTCOME_SUCCESS):
    """Iterations, one in each of these seconds, and a hit with each."""
    count = len(seconds)
    starts = np.array(seconds, "<u8") * 10**9
    case = (np.arange(count, dtype="<u4") % len(rules) + 1).tobytes()
    batch = runner_pb2.EventBatch()
    tests = batch.test_blocks.add(count=count, start_ns=starts.tobytes(), cases=rules, case=case)
    label = tests.labels.add(test="t", outcome=outcome)
    if outcome != event_pb2.TEST_OUTCOME_SUCCESS:
        label.exception.type = "E"
    hits = batch.hit_blocks.add(count=count, start_ns=starts.tobytes(), cases=rules, case=case)
    hits.labels.add(name="/", method="GET", status=200)
    for each in (tests, hits):
        each.base_time.FromNanoseconds(0)
    return decode(batch, arrival_ns=NOW_NS)


def test_what_ended_in_a_second_is_in_its_window():
    """By the broker's clock, hits and iterations alike; all windows together are the whole."""
    events = block([5, 5, 6, 9], ["a", "b"])
    timeline = Timeline()
    figures = RuleFigures(timeline)
    figures.add("s", events, arrival_ns=NOW_NS, ahead_ns=2 * 10**9)
    timeline.end()

    windows = [row.window for row in timeline.rows()]
    counts = {
        window.start_s: {
            name.rule: (of.finished, of.hits.count) for name, of in window.rules.items()
        }
        for window in map(unsealed, windows)
    }
    assert counts == {3: {"a": (1, 1), "b": (1, 1)}, 4: {"a": (1, 1)}, 7: {"b": (1, 1)}}
    assert {each.case: each.hits.count for each in figures.figures(1)} == {"a": 2, "b": 2}


def unsealed(window):
    """A window, whether it is sealed or not."""
    return unseal(window) if isinstance(window, bytes) else window


def test_a_batch_about_very_many_seconds_is_added_up_in_turns():
    """Whoever waits has their turn in between, and nothing is forgotten."""
    figures = added(block(range(2_000), ["a", "b", "c"]))
    turns = 2
    while figures.catch_up():
        turns += 1

    assert turns == 2 * 2_000 // PIECES_A_TURN
    assert sum(each.iterations.started for each in figures.figures(1)) == 2_000
    assert sum(each.hits.count for each in figures.figures(1)) == 2_000


def test_hits_of_rows_are_counted_where_rules_are_known():
    """Once the runner has reported them, or if the plan has cases."""
    status = event_pb2.LoadStatus(case="a")
    hit = event_pb2.Hit(name="/", status=200)
    hit.elapsed.FromMilliseconds(3)
    rows = [
        event_pb2.Event(hit=hit, status=status),
        event_pb2.Event(rules=event_pb2.DesignedRules(names=["a"])),
        event_pb2.Event(hit=hit, status=status),
        event_pb2.Event(hit=hit),
        event_pb2.Event(hit=hit, status=event_pb2.LoadStatus(case="b" * 300)),
    ]
    batch = runner_pb2.EventBatch(events=rows)

    told = by_rule(added(decode(batch, arrival_ns=NOW_NS)))
    assert {rule[:2]: counts[4] for rule, counts in told.items()} == {"a": 1, "bb": 1}
    assert all(len(rule) <= 256 for rule in told)
    assert by_rule(added(decode(batch, arrival_ns=NOW_NS, fed=True)))["a"][4] == 2


def test_live_figures_begin_with_what_did_not_pass():
    """Then come the busiest; rates and times are those of the last seconds."""
    timeline = Timeline()
    figures = RuleFigures(timeline)
    failed = event_pb2.TEST_OUTCOME_FAILURE
    for events in (block([5, 6, 6], ["a"]), block([6], ["b"]), block([6], ["c"], outcome=failed)):
        figures.add("", events, arrival_ns=NOW_NS, ahead_ns=0)
    window = merged([timeline.window(6)], 6, 1)

    found = figures.progress(Recent(7, 1, window))
    assert [(each.case, each.iterations, each.not_passed, each.rate) for each in found] == [
        ("c", 1, 1, 1.0),
        ("a", 3, 0, 2.0),
        ("b", 1, 0, 1.0),
    ]
    assert [each.p95_ns for each in found] == [0, 0, 0]
    assert [each.p95_ns for each in figures.progress(None)] == [None] * 3


def test_no_rules_are_no_coverage():
    """Nothing is shown of a run without cases."""
    assert RuleFigures(Timeline()).coverage() is None


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
