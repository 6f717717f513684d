"""Seconds close when nothing more is expected of them, in their order, and for good."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadgrpc.clock import NS_PER_S
from loadgrpc.stats.watermark import GRACE_NS, PATIENCE_NS, Watermark

NOW = 1_790_000_000
MS = 1_000_000


def closed(mark, now_s, *, stored=True):
    """Up to when seconds are closed at a moment in seconds."""
    mark.advance(round(now_s * NS_PER_S), stored=stored)
    return mark.closed_s


def test_b6_without_a_word_from_sources_a_second_closes_3_s_after_its_end():
    """Whoever has not reported by then does not hold it open."""
    mark = Watermark()
    assert mark.closed_s is None
    assert closed(mark, NOW + 2.999) == NOW - 1
    assert closed(mark, NOW + 3.0) == NOW
    assert closed(mark, NOW + 4.0) == NOW + 1


def test_a_second_is_closed_as_soon_as_every_source_is_beyond_it():
    """The slowest source decides, and one that has ended does not hold up the others."""
    mark = Watermark()
    mark.reported("quick", (NOW + 2) * NS_PER_S)
    mark.reported("slow", NOW * NS_PER_S + 100 * MS)
    assert closed(mark, NOW + 2) == NOW - 1
    mark.reported("slow", (NOW + 1) * NS_PER_S + GRACE_NS)
    assert closed(mark, NOW + 2) == NOW + 1
    mark.reported("slow", 0)  # an older batch takes nothing back
    mark.ended("slow")
    mark.reported("quick", (NOW + 3) * NS_PER_S + GRACE_NS)
    assert closed(mark, NOW + 3.5) == NOW + 3


def test_a_source_that_will_report_is_waited_for():
    """A runner that has opened and said nothing yet holds seconds open, for as long as patience."""
    mark = Watermark()
    mark.opened("new")
    mark.reported("old", (NOW + 9) * NS_PER_S)
    assert closed(mark, NOW + 2) == NOW - 1
    assert closed(mark, NOW + 4) == NOW + 1


def test_c2_nothing_closes_while_the_store_is_away():
    """When it is back, what waited has as long as ever to come."""
    mark = Watermark()
    assert closed(mark, NOW + 3) == NOW
    for second in range(NOW + 3, NOW + 60):
        assert closed(mark, second, stored=False) == NOW
    assert closed(mark, NOW + 60) == NOW
    mark.reported("a", (NOW + 60) * NS_PER_S)
    assert closed(mark, NOW + 60.5) == NOW + 59


def test_c2_a_source_that_stays_away_does_not_hold_seconds_open_for_ever():
    """Three seconds after the store is back, seconds close whoever has not reported."""
    mark = Watermark()
    assert closed(mark, NOW) == NOW - 3
    assert closed(mark, NOW + 10, stored=False) == NOW - 3
    assert closed(mark, NOW + 12) == NOW - 3
    assert closed(mark, NOW + 13) == NOW + 10


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 2**62), st.booleans()), max_size=9))
def test_seconds_do_not_open_again(steps):
    """A source that comes back from afar, or a clock that is set back, opens nothing again."""
    mark = Watermark()
    before = 0
    for source, moment_ns, stored in steps:
        mark.reported(source, moment_ns)
        mark.advance(moment_ns, stored=stored)
        assert (mark.closed_s or 0) >= before
        before = mark.closed_s or 0


@pytest.mark.parametrize("late_ms", [0, 1_999])
def test_patience_and_grace_are_what_is_said(late_ms):
    """Patience is what docs and protos promise: 3 s; grace is more than two flushes."""
    mark = Watermark()
    mark.reported("a", NOW * NS_PER_S + late_ms * MS)
    assert closed(mark, NOW + 2) == (NOW + 1 if late_ms >= 1_500 else NOW - 1)
    assert (PATIENCE_NS, GRACE_NS) == (3 * NS_PER_S, NS_PER_S // 2)
