"""The rate is that of the last five closed seconds, and memory is bounded."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadgrpc.stats.window import GRACE_NS, MAX_SECONDS, NS, PATIENCE_NS, SPAN_S, RateWindow

NOW = 1_790_000_000
MS = 1_000_000
LONG_AGO = (NOW - 1_000) * NS


def window(counts):
    """A window of hits by their second."""
    made = RateWindow()
    for second, count in counts.items():
        made.add(second, ["/"], [count])
    return made


def looked(made, now_s, since_ns=LONG_AGO):
    """What is closed at a moment in seconds: up to when, how many seconds, how many hits."""
    made.close(round(now_s * NS))
    closed = made.look(since_ns)
    return closed and (closed.end_s, closed.seconds, sum(closed.counts.values()))


def test_b6_only_whole_closed_seconds_count():
    """Without a word from sources a second is closed 3 s after its end, five are looked at."""
    made = window({NOW - 6: 600, NOW - 5: 10, NOW - 3: 30, NOW - 1: 40, NOW: 500})
    assert looked(made, NOW + 2.999) == (NOW - 1, 5, 640)
    assert looked(made, NOW + 3.0) == (NOW, 5, 80)
    assert looked(made, NOW + 4.0) == (NOW + 1, 5, 570)


def test_b6_the_second_in_which_a_run_began_is_not_whole():
    """A run that began at .9 and made 100 hits in that tenth is not said to make 100/s."""
    made = window({NOW: 100, NOW + 1: 1_000, NOW + 2: 1_000})
    since_ns = NOW * NS + 900 * MS
    assert looked(made, NOW + 4, since_ns) is None
    assert looked(made, NOW + 5, since_ns) == (NOW + 2, 1, 1_000)
    assert looked(made, NOW + 6, since_ns) == (NOW + 3, 2, 2_000)


def test_a_run_that_has_not_begun_has_no_window():
    """Without a first second, or with one to come, there is nothing to look at."""
    made = window({NOW - 1: 5})
    assert looked(made, NOW + 9, None) is None
    assert looked(made, NOW + 9, (NOW + 20) * NS) is None
    assert RateWindow().look(LONG_AGO) is None


def test_a_second_is_closed_as_soon_as_every_source_is_beyond_it():
    """The slowest source decides, and one that has ended does not hold up the others."""
    made = window({NOW: 7})
    made.reported("quick", (NOW + 2) * NS)
    made.reported("slow", NOW * NS + 100 * MS)
    assert looked(made, NOW + 2) == (NOW - 1, 5, 0)
    made.reported("slow", (NOW + 1) * NS + GRACE_NS)
    assert looked(made, NOW + 2) == (NOW + 1, 5, 7)
    made.reported("slow", 0)  # an older batch takes nothing back
    made.ended("slow")
    made.reported("quick", (NOW + 3) * NS + GRACE_NS)
    assert looked(made, NOW + 3.5)[0] == NOW + 3


def test_late_hits_count_while_their_second_is_looked_at():
    """A hit that is told after its second was closed is in the next answer; an older one never."""
    made = window({NOW - 1: 5})
    assert looked(made, NOW + 3) == (NOW, 5, 5)
    made.add(NOW - 4, ["/"], [5])
    made.add(NOW - 6, ["/"], [5_000])
    assert looked(made, NOW + 3) == (NOW, 5, 10)


def test_c2_nothing_closes_while_the_store_is_away():
    """The rate stands while hits wait for the store, and is right when they have come."""
    made = window(dict.fromkeys(range(NOW - 5, NOW), 10))
    assert looked(made, NOW + 3) == (NOW, 5, 50)
    for second in range(NOW + 3, NOW + 60):
        made.close(second * NS, stored=False)
        assert made.look(LONG_AGO).counts == {"/": 50}
    assert looked(made, NOW + 60) == (NOW, 5, 50)  # what waited has as long as ever to come
    for second in range(NOW, NOW + 60):
        made.add(second, ["/"], [10])
    made.reported("a", (NOW + 60) * NS)
    assert looked(made, NOW + 60.5) == (NOW + 59, 5, 50)


def test_c2_a_source_that_stays_away_does_not_hold_seconds_open_for_ever():
    """Three seconds after the store is back, seconds close whoever has not reported."""
    made = window({})
    assert looked(made, NOW)[0] == NOW - 3
    made.close((NOW + 10) * NS, stored=False)
    assert looked(made, NOW + 12)[0] == NOW - 3
    assert looked(made, NOW + 13)[0] == NOW + 10


def test_seconds_do_not_open_again():
    """A source that comes back from afar, or a clock that is set back, opens nothing again."""
    made = window({})
    assert looked(made, NOW)[0] == NOW - 3
    made.reported("late", (NOW - 100) * NS)
    assert looked(made, NOW - 50)[0] == NOW - 3


@settings(deadline=None)
@given(st.lists(st.integers(NOW - 400, NOW + 400) | st.integers(0, 2**62), max_size=400))
def test_memory_is_bounded(seconds):
    """Whatever seconds come, few are kept."""
    made = RateWindow()
    for second in seconds:
        made.add(second, ["/"], [1])
        assert len(made._counts) <= MAX_SECONDS
    made.close(NOW * NS)
    assert all(second >= made._closed_s - SPAN_S for second in made._counts)


def test_unasked_it_keeps_the_newest_seconds():
    """A day of hits without a look leaves the last seconds, not the first."""
    made = window(dict.fromkeys(range(NOW - 86_400, NOW), 1))
    assert sorted(made._counts) == list(range(NOW - MAX_SECONDS, NOW))
    assert looked(made, NOW + 3) == (NOW, 5, 5)


@st.composite
def reports(draw):
    """Sources that make hits, each telling of them some time later, in batches."""
    sources = draw(st.integers(1, 3))
    per_second = draw(st.integers(1, 40))
    began_ms = draw(st.integers(0, 999))
    delays_ms = draw(st.lists(st.integers(0, 2_400), min_size=sources, max_size=sources))
    every_ms = draw(st.integers(50, 900))
    return sources, per_second, began_ms, delays_ms, every_ms


@settings(deadline=None, max_examples=60)
@given(reports())
def test_b6_a_steady_load_has_its_rate_from_the_first_figure_to_the_last(load):
    """However late and in what batches hits are told, a rate is never more nor less than it was.

    Batches that come within 2.4 s of their last hit are in time.
    """
    sources, per_second, began_ms, delays_ms, every_ms = load
    made = RateWindow()
    since_ns = NOW * NS + began_ms * MS
    gap_ms = 1_000 / per_second
    told = []  # (when, source, ends of hits in ms since NOW, up to when)
    for source in range(sources):
        made.opened(source)
        hits = [round(n * gap_ms) for n in range(per_second * 12) if n * gap_ms >= began_ms]
        for flush in range(began_ms + every_ms, 12_000, every_ms):
            ends = [end for end in hits if flush - every_ms <= end < flush]
            told.append((flush + delays_ms[source], source, ends, flush))
    told.sort()
    clock_ms = began_ms
    for when, source, ends, up_to in told:
        while clock_ms < min(when, 11_000):
            made.close(NOW * NS + clock_ms * MS)
            if closed := made.look(since_ns):
                expected = sum(
                    closed.end_s - closed.seconds <= NOW + round(n * gap_ms) // 1_000 < closed.end_s
                    for n in range(per_second * 12)
                )
                assert sum(closed.counts.values()) == sources * expected
            clock_ms += 250
        for second, count in Counter(NOW + end // 1_000 for end in ends).items():
            made.add(second, [source], [count])
        if ends:
            made.reported(source, NOW * NS + (up_to - 1) * MS)


@pytest.mark.parametrize("late_ms", [0, 1_999])
def test_patience_and_grace_are_what_is_said(late_ms):
    """Patience is what docs and protos promise: 3 s; grace is more than two flushes."""
    made = window({NOW: 1})
    made.reported("a", NOW * NS + late_ms * MS)
    closed = looked(made, NOW + 2)
    assert closed[0] == (NOW + 1 if late_ms >= 1_500 else NOW - 1)
    assert (PATIENCE_NS, GRACE_NS) == (3 * NS, NS // 2)
