"""The rate is that of the last five whole seconds, and memory is bounded."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadgrpc.stats.window import AHEAD_S, MAX_SECONDS, SPAN_S, RateWindow

NOW = 1_790_000_000


def window(counts):
    """A window of hits by their second."""
    made = RateWindow()
    for second, count in counts.items():
        made.add(second, count)
    return made


def test_five_whole_seconds_by_hand():
    """Hits of the five seconds before now count; those of now and of six seconds ago do not."""
    made = window({NOW - 6: 600, NOW - 5: 10, NOW - 4: 20, NOW - 2: 30, NOW - 1: 40, NOW: 500})
    assert made.rate(NOW, NOW - 100) == 100 / 5


@pytest.mark.parametrize(
    ("now", "rate"), [(NOW, 0.0), (NOW + 1, 30.0), (NOW + 2, 25.0), (NOW + 5, 10.0), (NOW + 6, 4.0)]
)
def test_a_young_run_is_divided_by_its_own_seconds(now, rate):
    """Until five seconds are over, the rate is over those that are; before the first it is 0."""
    assert window({NOW: 30, NOW + 1: 20}).rate(now, NOW) == rate


def test_a_run_that_has_not_begun_has_no_rate():
    """Without a first second, or with one to come, the rate is 0."""
    made = window({NOW - 1: 5})
    assert made.rate(NOW, None) == 0.0
    assert made.rate(NOW, NOW + 3) == 0.0


def test_late_hits_count_while_their_second_is_looked_at():
    """A hit told after its second was asked about is in the next answer."""
    made = window({NOW - 1: 5})
    assert made.rate(NOW, NOW - 100) == 1.0
    made.add(NOW - 4, 5)
    assert made.rate(NOW, NOW - 100) == 2.0
    made.add(NOW - 6, 5_000)
    assert made.rate(NOW, NOW - 100) == 2.0


def test_a_silent_run_falls_to_zero():
    """Five seconds after the last hit the rate is 0."""
    made = window({NOW: 50})
    assert [made.rate(NOW + s, NOW - 100) for s in (1, 5, 6)] == [10.0, 10.0, 0.0]


def test_a_clock_that_is_ahead_is_heard_later():
    """Hits from a clock within a minute ahead count when their second has passed here."""
    made = window({NOW + AHEAD_S: 50, NOW + AHEAD_S + 1: 5_000})
    assert made.rate(NOW, NOW) == 0.0
    assert made.rate(NOW + AHEAD_S + 5, NOW) == 10.0


def test_a_clock_from_the_future_does_not_push_out_the_others():
    """Of two machines, one an hour ahead, the other's hits still make the rate."""
    made = RateWindow()
    for second in range(NOW, NOW + 1_000):
        made.add(second, 10)
        made.add(second + 3_600, 10)
        rate = made.rate(second + 1, NOW)
        assert rate == 10.0


@settings(deadline=None)
@given(
    st.lists(
        st.lists(st.integers(NOW - 400, NOW + 400) | st.integers(0, 2**62), max_size=150),
        max_size=4,
    )
)
def test_memory_is_bounded(batches):
    """Whatever seconds come, few are kept; after a question, only those it may be asked about."""
    made = RateWindow()
    for batch in batches:
        made.add_many(np.array(batch, dtype=np.int64))
        assert len(made._counts) <= MAX_SECONDS
    made.rate(NOW, None)
    assert all(NOW - SPAN_S <= second <= NOW + AHEAD_S for second in made._counts)


def test_unasked_it_keeps_the_newest_seconds():
    """A day of hits without a question leaves the last seconds, not the first."""
    at_once, one_by_one = RateWindow(), RateWindow()
    at_once.add_many(np.arange(NOW - 86_400, NOW))
    for second in range(NOW - 86_400, NOW):
        one_by_one.add(second, 1)
    for made in (at_once, one_by_one):
        assert sorted(made._counts) == list(range(NOW - MAX_SECONDS, NOW))
        assert made.rate(NOW, NOW - 86_400) == 1.0


@settings(deadline=None)
@given(st.lists(st.integers(NOW - 20, NOW + 20), max_size=300))
def test_an_array_counts_as_its_seconds_one_by_one(seconds):
    """Adding an array, short or long, equals adding each of its seconds."""
    made = RateWindow()
    made.add_many(np.array(seconds, dtype=np.int64))
    assert made._counts == window(Counter(seconds))._counts


@given(st.lists(st.integers(NOW - 8, NOW + 2)), st.integers(0, 8))
def test_the_rate_times_the_seconds_is_the_hits(seconds, age):
    """For a run of any age, the rate is its hits in those seconds over their number."""
    made = window(Counter(seconds))
    looked_at = range(NOW - min(age, 5), NOW)
    hits = sum(second in looked_at for second in seconds)
    assert made.rate(NOW, NOW - age) * len(looked_at) == pytest.approx(hits if looked_at else 0)
