"""Sixty thresholds on hand-made windows: results that were worked out by hand.

The run has ten seconds. In each of them, `GET login` has nine hits of 100 ms and one of 200 ms, and
`POST pay` has two hits of 50 ms. Second 5 is slow: the ten of login take 500 ms, and five of them
fail. In second 7 one of pay is answered with 5xx after 80 ms, and fails. So, of 120 hits:
19 x 50 ms, 1 x 80 ms, 81 x 100 ms, 9 x 200 ms, 10 x 500 ms.

Five iterations end in each second; in second 5 one fails and two have errors. Three orders are made
in each second, and one is taken back in second 9. Four users are alive, eight from second 5 on. The
generator is 1 ms late and uses half of its CPU time; 20 ms and 95% in second 5.

Six iterations are planned in each second, and five started; in second 5 four of those that end had
started late, and one arrival is dropped.

Beside that, two iterations in each second are fed with rule 7, each with a hit of 50 ms; in second
5 one of them fails, and one of rule 9 has an error, its hit after 500 ms. Of two agents, eu-1 has
three iterations and four hits of 100 ms in each second; us-1 has two iterations and six hits of
100 ms, which take 500 ms and fail in second 5, with one of the iterations.
"""

import numpy as np
import pytest

from loadgrpc.judge.reading import RunFacts
from loadgrpc.model import ThresholdOutcome
from loadgrpc.stats.arrival_counts import ArrivalCounts

MS = 1_000_000
FACTS = RunFacts(duration_ns=10_000 * MS, lost=2, produced=1_000, rules=8, exercised=6)
PASS, FAIL, NO_DATA = ThresholdOutcome.PASS, ThresholdOutcome.FAIL, ThresholdOutcome.NO_DATA


@pytest.fixture
def ten_seconds(hand):
    """See the module."""
    return list(_ten_seconds(hand))


def _ten_seconds(hand):
    for second in range(10):
        slow = second == 5
        made = hand.window(
            second, [500] * 10 if slow else [100] * 9 + [200], failed=5 if slow else 0
        )
        if second == 7:
            hand.add_hits(made, [50], name="pay", method="POST")
            hand.add_hits(made, [80], name="pay", method="POST", failed=1, status_class=5)
        else:
            hand.add_hits(made, [50, 50], name="pay", method="POST")
        hand.count(made, "ITERATIONS", 5)
        if slow:
            hand.count(made, "FAILURES", 1)
            hand.count(made, "ERRORS", 2)
            hand.count(made, "LATE", 4)
        hand.count(made, "COUNTER", 3 if second < 9 else 2, name="orders")
        made.arrivals = ArrivalCounts(
            planned=6, started=5, dropped=int(slow), second=1_000 + second
        )
        hand.came(made, "case", "7", [50, 50], success=1 if slow else 2, failure=int(slow))
        if slow:
            hand.came(made, "case", "9", [500], failed=1, error=1, interrupted=1)
        hand.came(made, "agent", "eu-1", [100] * 4, success=3)
        hand.came(
            made,
            "agent",
            "us-1",
            [500 if slow else 100] * 6,
            failed=6 if slow else 0,
            success=1 if slow else 2,
            failure=int(slow),
        )
        made.users = 4 if second < 5 else 8
        made.lag.add(np.array([(20 if slow else 1) * MS] * 10, np.int64))
        hand.cpu(made, 0.95 if slow else 0.5)
        yield made


# Threshold, outcome, the value that decides (times in seconds), on how many it rests, windows that
# were judged, and those that failed.
TABLE = [
    # Over the whole run.
    ("p95(response) < 600ms", PASS, 0.5, 120, 1, 0),
    ("p95(response) < 300ms", FAIL, 0.5, 120, 1, 1),
    ("p90(response) < 300ms", PASS, 0.2, 120, 1, 0),
    ("p80(response) < 150ms", PASS, 0.1, 120, 1, 0),
    ("p50(service) <= 110ms", PASS, 0.1, 120, 1, 0),
    ("p100(response) <= 500ms", PASS, 0.5, 120, 1, 0),
    ("p0(response) >= 50ms", PASS, 0.05, 120, 1, 0),
    ("min(response) > 49ms", PASS, 0.05, 120, 1, 0),
    ("max(response) < 500ms", FAIL, 0.5, 120, 1, 1),
    ("max(response) <= 500ms", PASS, 0.5, 120, 1, 0),
    ("avg(response) < 133ms", PASS, 0.13275, 120, 1, 0),  # 15.93 s in all
    ("avg(response) < 132ms", FAIL, 0.13275, 120, 1, 1),
    ("count(hits) == 120", PASS, 120, 120, 1, 0),
    ("hits > 120", FAIL, 120, 120, 1, 1),
    ("hits/s >= 12", PASS, 12, 120, 1, 0),
    ("hits/s > 12", FAIL, 12, 120, 1, 1),
    ("rate(failed) <= 5%", PASS, 5, 120, 1, 0),
    ("rate(failed) < 5%", FAIL, 5, 120, 1, 1),
    ("failed == 6", PASS, 6, 120, 1, 0),
    ("failed/s < 0.5", FAIL, 0.6, 120, 1, 1),
    ("iterations != 50", FAIL, 50, 50, 1, 1),
    ("iterations/s >= 5", PASS, 5, 50, 1, 0),
    ("rate(failures) <= 2%", PASS, 2, 50, 1, 0),
    ("rate(errors) < 4%", FAIL, 4, 50, 1, 1),
    ("errors < 3", PASS, 2, 50, 1, 0),
    ("late < 5", PASS, 4, 50, 1, 0),
    ("rate(late) < 8%", FAIL, 8, 50, 1, 1),
    ("rate(late) < 1% for 1", FAIL, 80, 5, 10, 1),
    ("dropped == 0", FAIL, 1, 60, 1, 1),
    ("rate(dropped) < 2%", PASS, 100 / 60, 60, 1, 0),
    ("orders == 29", PASS, 29, 29, 1, 0),
    ('"orders"/s > 3', FAIL, 2.9, 29, 1, 1),
    ("max(users) <= 8", PASS, 8, 10, 1, 0),
    ("min(users) >= 5", FAIL, 4, 10, 1, 1),
    ("avg(users) == 6", PASS, 6, 10, 1, 0),
    ("p95(lag) < 5ms", FAIL, 0.02, 100, 1, 1),
    ("p50(lag) < 5ms", PASS, 0.001, 100, 1, 0),
    ("max(cpu) < 90%", FAIL, 95, 10, 1, 1),
    ("avg(cpu) <= 54.5%", PASS, 54.5, 10, 1, 0),
    ("loss == 0", FAIL, 2, 1_000, 1, 1),
    ("rate(loss) <= 0.2%", PASS, 0.2, 1_000, 1, 0),
    ("rules >= 75%", PASS, 75, 8, 1, 0),
    ("rules == 100%", FAIL, 75, 8, 1, 1),
    # Of some hits.
    ("max(response{name=pay}) < 100ms", PASS, 0.08, 20, 1, 0),
    ("max(response{name=p*}) < 70ms", FAIL, 0.08, 20, 1, 1),
    ("max(response{method!=POST}) < 100ms", FAIL, 0.5, 100, 1, 1),
    ("failed{status=5xx} <= 1", PASS, 1, 1, 1, 0),
    ("failed{name=pay,status=4xx} == 0", PASS, 0, 0, 1, 0),
    ("rate(failed{status!=2xx}) < 50%", FAIL, 100, 1, 1, 1),
    # By case and by agent.
    ("max(response{case=7}) <= 50ms", PASS, 0.05, 20, 1, 0),
    ("rate(failures{case=7}) < 5%", FAIL, 5, 20, 1, 1),
    ("iterations{case!=7} == 1", PASS, 1, 1, 1, 0),
    ("errors{case=9} == 0", FAIL, 1, 1, 1, 1),
    ("hits{case=*} == 21", PASS, 21, 21, 1, 0),
    ("max(response{agent=eu-*}) < 200ms", PASS, 0.1, 40, 1, 0),
    ("max(response{agent=us-1}) < 300ms for 1", FAIL, 0.5, 6, 10, 1),
    ("rate(failed{agent=us-1}) < 10%", FAIL, 10, 60, 1, 1),
    ("iterations{agent=eu-1}/s >= 3", PASS, 3, 30, 1, 0),
    ("failures{agent!=us-1} == 0 for 1", PASS, 0, 3, 10, 0),
    # By windows of a second.
    ("max(response) < 300ms for 1", FAIL, 0.5, 12, 10, 1),
    ("max(response) < 300ms for 2", PASS, 0.5, 12, 10, 1),
    ("max(response) < 300ms in 90% of windows", PASS, 0.5, 12, 10, 1),
    ("max(response) < 300ms in 90.1% of windows", FAIL, 0.5, 12, 10, 1),
    ("hits/s >= 12 for 1", PASS, 12, 12, 10, 0),
    ("failed{status=5xx} == 0 for 1", FAIL, 1, 1, 10, 1),
    ("max(response) < 300ms for 1 skip 6s", PASS, 0.2, 12, 4, 0),
    ("max(response) < 300ms for 1 skip 5.5s", PASS, 0.2, 12, 4, 0),
    ("max(response) < 300ms skip 5s", FAIL, 0.5, 60, 1, 1),
    # Over windows that overlap: there are eight of three seconds, three with second 5 in it.
    ("p95(response) < 300ms over 3s", FAIL, 0.5, 36, 8, 3),
    ("p95(response) < 300ms over 3s for 3", FAIL, 0.5, 36, 8, 3),
    ("p95(response) < 300ms over 3s for 4", PASS, 0.5, 36, 8, 3),
    ("p95(response) < 300ms over 3s in 62.5% of windows", PASS, 0.5, 36, 8, 3),
    ("p95(response) < 300ms over 3s in 63% of windows", FAIL, 0.5, 36, 8, 3),
    ("rate(failed) < 17% over 3s", PASS, 100 / 6, 36, 8, 0),
    ("rate(failed) < 15% over 3s", FAIL, 100 / 6, 36, 8, 1),
    ("hits/s >= 12 over 10s", PASS, 12, 120, 1, 0),
    # Longer than the run: all of it is judged as one.
    ("hits/s >= 12 over 1m", PASS, 12, 120, 1, 0),
    ("max(response) < 300ms over 1m for 3", FAIL, 0.5, 120, 1, 1),
    # Nothing to judge.
    ("p95(response{name=logn}) < 1s", NO_DATA, None, 0, 0, 0),
    ("ordrs > 1 or no data", NO_DATA, None, 0, 0, 0),
    ("hits > 1 skip 10s", NO_DATA, None, 0, 0, 0),
    ("hits{case=8} > 0", NO_DATA, None, 0, 0, 0),
]


@pytest.mark.parametrize(("text", "outcome", "value", "counted", "windows", "failed"), TABLE)
def test_results_are_those_worked_out_by_hand(
    hand, ten_seconds, text, outcome, value, counted, windows, failed
):
    """The outcome, and the evidence for it."""
    result = hand.judged(text, ten_seconds, facts=FACTS)
    assert result.outcome is outcome
    assert result.failed is (outcome is FAIL or (outcome is NO_DATA and "or no data" not in text))
    assert result.value == (value if value is None else pytest.approx(value, rel=0.003))
    assert (result.count, result.windows, result.windows_failed) == (counted, windows, failed)


def test_there_are_sixty_of_them():
    """As many as were promised."""
    assert len(TABLE) >= 60


def test_all_at_once_are_judged_as_each_alone(hand, ten_seconds):
    """What is read for one is not changed by another."""
    texts = [row[0] for row in TABLE]
    together = hand.judged(texts, ten_seconds, facts=FACTS)
    for text, result in zip(texts, together, strict=True):
        assert result == hand.judged(text, ten_seconds, facts=FACTS)


def test_a_misspelt_name_fails_with_the_nearest_three(hand, ten_seconds):
    """And says them."""
    result = hand.judged("p95(response{name=logn}) < 1s", ten_seconds, facts=FACTS)
    assert result.near == ("login", "pay")
    assert "the nearest names are login, pay" in result.message
    result = hand.judged("ordrs > 1", ten_seconds, facts=FACTS)
    assert result.near == ("orders", "errors", "loss")


def test_a_case_or_an_agent_that_there_is_not_has_near_ones(hand, ten_seconds):
    """And a run that does not tell agents apart says so."""
    result = hand.judged("failed{case=8} == 0", ten_seconds, facts=FACTS)
    assert result.near == ("7", "9")
    result = hand.judged("failed{agent=eu-2} == 0", ten_seconds, facts=FACTS)
    assert (result.outcome, result.near) == (NO_DATA, ("eu-1", "us-1"))
    result = hand.judged("failed{agent=eu-1} == 0", [hand.window(1, [100])])
    assert result.outcome is NO_DATA
    assert result.message.startswith("this run does not tell agents apart: that takes a threshold")


def test_the_evidence_is_the_worst_window(hand, ten_seconds):
    """When it was, what it was, and on how much that rests."""
    result = hand.judged("max(response) < 300ms for 1", ten_seconds, facts=FACTS)
    assert (result.start_ns, result.length_ns) == (1_005 * 10**9, 10**9)
    assert result.message == (
        "500 ms from 0:05 to 0:06 of the run; from 12 hits; it held in 9 of 10 windows"
    )


def test_a_window_that_the_run_fills_in_part_is_not_judged_by_itself(hand, ten_seconds):
    """A run from 0.7 s to 9.4 s has eight whole seconds; all of it counts over the run."""
    ten = ten_seconds
    start_ns = 1_000_700_000_000
    parts = {"facts": FACTS, "start_ns": start_ns, "until": 9.4}
    assert hand.judged("hits/s >= 12 for 1", ten, **parts).windows == 8
    assert hand.judged("hits == 120", ten, **parts).outcome is PASS


def test_seconds_without_hits_are_seconds_with_none(hand):
    """From the first hit on: they count for rates, and have no times."""
    made = [hand.window(3, [100]), hand.window(6, [100])]
    rate = hand.judged("hits/s > 0 for 1", made, seconds=8)
    assert (rate.windows, rate.windows_failed) == (5, 3)
    times = hand.judged("max(response) < 1s for 1", made, seconds=8)
    assert (times.windows, times.windows_failed) == (2, 0)


def test_what_comes_late_counts_for_the_whole_run_and_in_no_window(hand):
    """A window is judged once."""
    late = [hand.window(0, [100]), hand.window(1, [100]), hand.window(0, [900])]
    by_window = hand.judged("max(response) < 500ms for 1", late, seconds=2)
    assert (by_window.outcome, by_window.windows) == (PASS, 2)
    assert hand.judged("max(response) < 500ms", late, seconds=2).outcome is FAIL
