"""When a threshold failed: all of its windows that did not hold, as spans of time."""

import random
from itertools import pairwise

import pytest

from loadgrpc.judge.failed_spans import MOST, FailedSpans, clock, in_words
from loadgrpc.model import FailedSpan

NS = 10**9


def spans_of(result):
    """What a result says: start and length in seconds of the run, and windows."""
    return [
        ((each.start_ns // NS) - 1_000, each.length_ns // NS, each.windows)
        for each in result.failed_spans
    ]


def slow(hand, *seconds, last=20):
    """Seconds of a run with one hit each: those that are named are slow."""
    return [hand.window(at, [500 if at in seconds else 100]) for at in range(last)]


def test_every_window_that_failed_is_told(hand):
    """Not only the worst one; those that touch are one span."""
    result = hand.judged("max(response) < 300ms for 1", slow(hand, 2, 3, 4, 9, 15))
    assert spans_of(result) == [(2, 3, 3), (9, 1, 1), (15, 1, 1)]
    assert result.windows_failed == 5
    assert result.message.endswith(
        "it held in 15 of 20 windows; it failed 0:02 to 0:05, 0:09 to 0:10, 0:15 to 0:16"
    )


def test_windows_that_overlap_are_one_span(hand):
    """Ten seconds that end a second apart: from the start of the first to the end of the last."""
    result = hand.judged("max(response) < 300ms over 10s", slow(hand, 4, last=40))
    assert spans_of(result) == [(0, 14, 5)]
    assert "it failed" not in result.message  # the worst window says when


def test_a_threshold_that_holds_tells_the_windows_that_did_not(hand):
    """It takes three in a row; two have failed."""
    result = hand.judged("max(response) < 300ms for 3", slow(hand, 5, 6))
    assert (result.outcome.name, spans_of(result)) == ("PASS", [(5, 2, 2)])


def test_of_the_whole_run_it_is_the_whole_run(hand):
    """Where that holds, it is nothing; a run that is shorter than a window is one window."""
    failed = hand.judged("max(response) < 300ms", slow(hand, 5))
    assert spans_of(failed) == [(0, 20, 1)]
    assert hand.judged("max(response) < 1s", slow(hand, 5)).failed_spans == ()
    short = hand.judged("max(response) < 300ms over 1m for 3", slow(hand, 5))
    assert spans_of(short) == [(0, 20, 1)]
    assert short.windows_failed == 1


def test_of_very_many_spans_those_that_are_close_are_one():
    """The number stays at the bound, no window is lost, and what lies between is said."""
    made = FailedSpans()
    for at in range(MOST):
        made.add(at * 100 * NS, NS)
    made.add((MOST * 100 - 60) * NS, NS)
    assert len(made.spans) == MOST
    *others, last = made.spans
    assert last == FailedSpan(
        start_ns=(MOST - 1) * 100 * NS, length_ns=41 * NS, windows=2, between_ns=39 * NS
    )
    assert {each.between_ns for each in others} == {0}


@pytest.mark.parametrize("seed", range(8))
def test_spans_have_all_windows_and_nothing_else(seed):
    """Whichever windows fail: they add up, are apart, and cover what failed to the second."""
    rng = random.Random(seed)
    share, length_s = rng.choice([0.01, 0.2, 0.7]), rng.choice([1, 5])
    failed = [at for at in range(2_000) if rng.random() < share]
    made = FailedSpans()
    for at in failed:
        made.add(at * NS, length_s * NS)
    spans = made.spans
    covered = {second for at in failed for second in range(at, at + length_s)}

    assert len(spans) <= MOST
    assert sum(each.windows for each in spans) == len(failed)
    assert all(one.end_ns < other.start_ns for one, other in pairwise(spans))
    assert sum(each.length_ns - each.between_ns for each in spans) == len(covered) * NS
    for second in covered:
        assert any(each.start_ns <= second * NS < each.end_ns for each in spans)
    if len(spans) < MOST:
        assert not any(each.between_ns for each in spans)


def test_spans_in_words():
    """At most three of them; those with gaps say so."""
    spans = [FailedSpan(start_ns=at * 60 * NS, length_ns=2 * NS, windows=2) for at in range(1, 6)]
    assert in_words(spans[:1], 0) == "1:00 to 1:02"
    assert in_words(spans[:4], 0) == "1:00 to 1:02, 2:00 to 2:02, 3:00 to 3:02, and 1 more time"
    assert in_words(spans, 60 * NS).endswith("and 2 more times")
    joined = FailedSpan(start_ns=0, length_ns=3_700 * NS, windows=9, between_ns=NS)
    assert in_words([joined], 0) == "on and off 0:00 to 1:01:40"
    assert clock(-5 * NS) == "0:00"
