"""Thresholds on what tests measure themselves, and on hits with tags."""

import numpy as np
import pytest

from loadgrpc.judge.explain import explain
from loadgrpc.judge.grammar import parse
from loadgrpc.judge.reading import RunFacts
from loadgrpc.model import ThresholdOutcome
from loadgrpc.stats.measures import (
    CheckStats,
    GaugeStats,
    MeasurementStats,
    MeasureName,
    TransactionStats,
)
from loadgrpc.stats.window import Series

MS = 1_000_000
FACTS = RunFacts(duration_ns=10_000 * MS)
PASS, FAIL, NO_DATA = ThresholdOutcome.PASS, ThresholdOutcome.FAIL, ThresholdOutcome.NO_DATA


@pytest.fixture
def ten_seconds(hand):
    """In each second: of 10 checks of a price 1 fails, none of 10 of a name; 4 checkouts of 100 ms.

    In second 5 one checkout fails, and another takes 900 ms. Queues of 1 to 10; a pool from -2 to
    5. Hits of 10 ms in the EU and of 30 ms elsewhere.
    """

    def make(second):
        made = hand.window(second)
        made.users = 1
        made.measures[MeasureName("check", "price")] = CheckStats(9, 1)
        made.measures[MeasureName("check", "name", "web")] = CheckStats(10, 0)
        checkout = TransactionStats(failed=int(second == 5))
        times = [100 * MS] * 4 + [900 * MS] * (second == 5)
        checkout.elapsed.add(np.array(times, np.int64))
        made.measures[MeasureName("transaction", "checkout")] = checkout
        depth = MeasurementStats()
        depth.millionths.add(np.array([(second + 1) * 10**6], np.int64))
        made.measures[MeasureName("measurement", "depth")] = depth
        made.measures[MeasureName("gauge", "pool")] = GaugeStats(1.0, second, -2.0, 5.0)
        for ms, tags in (
            (10, (("plan", "a"), ("region", "eu"))),
            (30, (("region", "us"),)),
            (30, ()),
        ):
            made.stats(Series("", "login", "GET", "", 2, tags)).add(
                elapsed_ns=np.array([ms * MS] * 5, np.int64),
                failed=0,
                answered=True,
                bytes_sent=0,
                bytes_received=0,
            )
        return made

    return [make(second) for second in range(10)]


TABLE = [
    ("rate(failed_checks) < 5.1%", PASS, 5.0),
    ("rate(failed_checks{name=price}) < 5%", FAIL, 10.0),
    ("failed_checks{scenario=web} == 0", PASS, 0.0),
    ("checks == 200", PASS, 200.0),
    ("checks/s >= 20", PASS, 20.0),
    ("rate(failed_checks{name=prize}) < 5%", NO_DATA, None),
    ("max(transaction{name=checkout}) < 1s", PASS, 0.9),
    ("p50(transaction) <= 101ms", PASS, 0.1),
    ("max(transaction) < 500ms over 1s", FAIL, 0.9),
    ("failed_transactions == 1", PASS, 1.0),
    ("rate(failed_transactions) < 2%", FAIL, 100 / 42),
    ("avg(measurement{name=depth}) == 5.5", PASS, 5.5),
    ("max(measurement{name=depth}) <= 9", FAIL, 10.0),
    ("p90(measurement{name=depth}) < 9.1", PASS, 9.0),
    ("max(gauge{name=pool}) <= 5", PASS, 5.0),
    ("min(gauge{name=pool}) >= 0", FAIL, -2.0),
    ("max(response{tag=region=eu}) <= 10ms", PASS, 0.01),
    ("max(response{tag=region=*}) <= 10ms", FAIL, 0.03),
    ("min(response{tag!=region=eu}) >= 30ms", PASS, 0.03),
    ("hits{tag=plan=a} == 50", PASS, 50.0),
    ("hits{tag=region=eu,tag=plan=a} == 50", PASS, 50.0),
    ("hits{tag=region=mars} == 0", NO_DATA, None),
    ("hits == 150", PASS, 150.0),
]


@pytest.mark.parametrize(("text", "outcome", "value"), TABLE)
def test_results_worked_out_by_hand(hand, ten_seconds, text, outcome, value):
    """Shares, times, numbers in their own unit; what is not there has no data."""
    result = hand.judged(text, ten_seconds, facts=FACTS)
    assert result.outcome is outcome, result
    if value is None:
        assert "nearest names" in result.message
    else:
        assert result.value == pytest.approx(value, rel=0.003)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("rate(failed_checks) < 1%", "The share of checked conditions that did not hold must be"),
        ("p95(transaction{name=a}) < 1s", "percentile of times of transactions named a must be"),
        ("max(response{tag=region=eu}) < 1s", "hits with tag region=eu must be below 1 s"),
    ],
)
def test_what_they_mean(text, words):
    """As a sentence."""
    assert words in explain(parse(text))
