"""What the test of a run measures, in its totals and in its windows."""

from loadgrpc.broker.aggregate import Aggregate
from loadgrpc.broker.measures import MAX_MEASURES
from loadgrpc.broker.windows import shown_window
from loadgrpc.model import OTHER, CheckFigures
from loadgrpc.protocol.decoded import Decoded, Measured
from loadgrpc.stats.measures import CheckStats, GaugeStats

NS = 1_000_000_000
KEY = ("agent", "")


def check(name, time_s, passed=1, failed=0):
    """A report of a check."""
    return Measured("check", name, CheckStats(passed, failed), time_s * NS)


def aggregate(*reports, key=KEY, ahead_ns=0, into=None):
    """A run that began at 100 s, to which a runner has reported these."""
    run = into or Aggregate(100 * NS)
    run.opened(key, "r")
    run.add(key, "r", Decoded(measures=list(reports)), arrival_ns=200 * NS, ahead_ns=ahead_ns)
    return run


def test_reports_are_in_the_window_of_their_time():
    """By the broker's clock: the agent's is 3 s ahead. Totals are the sum of the windows."""
    run = aggregate(check("a", 105), check("a", 106, 0, 2), check("b", 106), ahead_ns=3 * NS)
    assert run.measures.figures(NS).checks == (
        CheckFigures(name="a", passed=1, failed=2),
        CheckFigures(name="b", passed=1),
    )
    assert (run.measures.passed_checks, run.measures.failed_checks) == (2, 2)
    run.timeline.close(300 * NS)
    windows = {each.start_s: each for each in run.timeline.closed_since(0)}
    assert [each.failed for each in shown_window(windows[102]).measures.checks] == [0]
    assert [each.name for each in shown_window(windows[103]).measures.checks] == ["a", "b"]
    assert [each.name for each in shown_window(windows[103], ["b"]).measures.checks] == ["b"]


def test_a_run_goes_on_while_its_tests_measure():
    """A source that reports measures only has reported."""
    run = aggregate(check("a", 105))
    run.timeline.close(106 * NS)
    assert run.timeline.closed_s == 104  # without any report it were 103


def test_names_are_bounded_and_none_is_lost():
    """The rest of a kind is counted together; other kinds have names of their own."""
    reports = [check(f"product {number}", 105) for number in range(3 * MAX_MEASURES)]
    reports.append(Measured("gauge", "pool", GaugeStats(1.0, 5, 1.0, 1.0), 105 * NS))
    run = aggregate(*reports)
    found = run.measures.figures(NS)
    assert len(found.checks) == MAX_MEASURES + 1
    assert (found.checks[-1].name, found.checks[-1].passed) == (OTHER, 2 * MAX_MEASURES)
    assert [each.name for each in found.gauges] == ["pool"]


def test_scenarios_are_told_apart():
    """A check of the same name in two scenarios is two."""
    run = aggregate(check("a", 105), key=("agent", "web"))
    aggregate(check("a", 105), key=("agent", "shop"), into=run)
    found = run.measures.figures(NS).checks
    assert [each.scenario for each in found] == ["shop", "web"]
