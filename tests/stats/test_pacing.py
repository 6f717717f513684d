"""Paces: what they answer, and what follows from it for who does as they say."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadgrpc.stats.pacing import bounded, closed, end_ns, ramp_up, rested
from loadgrpc.testing import NS_PER_S

BEGAN_NS = 7 * NS_PER_S


def begins(pace, now_ns=BEGAN_NS, *, took_ns=0):
    """When each of a sequence begins, for who waits as told and then takes so long for each."""
    for done in itertools.count():
        while (wait_ns := pace(now_ns, done)) is not None and wait_ns > 0:
            now_ns += wait_ns
        if wait_ns is None:
            return
        yield now_ns - BEGAN_NS
        now_ns += took_ns


def test_the_closed_model_begins_when_the_one_before_is_over():
    """Nothing is waited for but what the iterations take, until there are enough."""
    assert list(begins(closed(count=3), took_ns=5)) == [0, 5, 10]


def test_the_closed_model_ends_with_its_time():
    """No iteration begins at the end, or later; one that is under way is not its business."""
    assert list(begins(closed(end_ns=BEGAN_NS + 10), took_ns=5)) == [0, 5]
    assert list(begins(closed(count=1, end_ns=BEGAN_NS + 10), took_ns=5)) == [0]


def test_users_begin_one_after_another():
    """User n begins (n - 1) / rate after the cycle, whoever else begins here."""
    assert list(begins(ramp_up(range(1, 4), 4.0, BEGAN_NS))) == [0, NS_PER_S // 4, NS_PER_S // 2]
    assert list(begins(ramp_up([2, 5], 4.0, BEGAN_NS))) == [NS_PER_S // 4, NS_PER_S]
    assert list(begins(ramp_up([3, 4, 9], 0.0, BEGAN_NS))) == [0, 0, 0]
    assert list(begins(ramp_up([], 4.0, BEGAN_NS))) == []


def test_who_is_late_is_told_by_how_much():
    """A wait below 0 says for how long it has been due: nothing is skipped to catch up."""
    pace = ramp_up(range(1, 4), 1.0, BEGAN_NS)

    assert [pace(BEGAN_NS + NS_PER_S, done) for done in range(4)] == [-NS_PER_S, 0, NS_PER_S, None]


def test_what_would_have_to_wait_for_the_end_does_not_begin():
    """It is said at once that it will not, and nobody waits for that."""
    pace = bounded(ramp_up(range(1, 10), 1.0, BEGAN_NS), end_ns=BEGAN_NS + 2 * NS_PER_S)

    assert [pace(BEGAN_NS, done) for done in (0, 1, 2)] == [0, NS_PER_S, None]
    assert pace(BEGAN_NS + 5 * NS_PER_S, 0) is None


def test_no_duration_is_no_end():
    """A cycle without a duration has no end in time."""
    assert end_ns(BEGAN_NS, None) is None
    assert end_ns(BEGAN_NS, 0.25) == BEGAN_NS + NS_PER_S // 4


NOW = st.integers(0, 10**19)
COUNT = st.integers(0, 10)


@given(now_ns=NOW, done=COUNT, count=COUNT, end=st.none() | NOW)
def test_closed_is_bounded_of_no_wait(now_ns, done, count, end):
    """The one that stands between all iterations means what the others mean together."""
    whole = bounded(lambda _now_ns, _done: 0, count=count, end_ns=end)

    assert closed(count=count, end_ns=end)(now_ns, done) == whole(now_ns, done)


@given(
    rate=st.floats(0.001, 1e6),
    processes=st.integers(1, 7),
    users=st.integers(0, 60),
    duration_s=st.none() | st.floats(0.0, 1e5),
)
def test_shares_together_are_the_whole(rate, processes, users, duration_s):
    """Processes that each begin their share begin each user when one process would have."""
    end = end_ns(BEGAN_NS, duration_s)

    def starts(numbers):
        pace = bounded(ramp_up(numbers, rate, BEGAN_NS), end_ns=end)
        return list(zip(numbers, begins(pace), strict=False))

    shares = [starts(range(first, users + 1, processes)) for first in range(1, processes + 1)]

    assert sorted(itertools.chain(*shares)) == starts(range(1, users + 1))


@pytest.mark.parametrize("asked", [1, 50])
def test_asking_changes_nothing(asked):
    """The answer is the same, however often it was asked for."""
    pace = bounded(ramp_up(range(1, 4), 1.0, BEGAN_NS), count=2)

    assert {pace(BEGAN_NS, 1) for _ in range(asked)} == {NS_PER_S}
    assert pace(BEGAN_NS, 2) is None


def test_who_rests_begins_when_it_is_due():
    """Rests add to what the pace says, and take nothing away; what is overdue begins at once."""
    due_s = [0, 3, 4, 20]
    pace = rested(closed(count=4), lambda done: BEGAN_NS + due_s[done] * NS_PER_S)

    assert list(begins(pace, took_ns=2 * NS_PER_S)) == [each * NS_PER_S for each in (0, 3, 5, 20)]


def test_who_rests_at_the_end_is_there_until_then():
    """What is due after the end does not begin, and its user does not leave before."""
    end = BEGAN_NS + 10 * NS_PER_S
    pace = rested(closed(end_ns=end), lambda done: BEGAN_NS + done * 7 * NS_PER_S, end)

    assert list(begins(pace)) == [0, 7 * NS_PER_S]
    assert pace(BEGAN_NS + 8 * NS_PER_S, 2) == 2 * NS_PER_S
    assert pace(end, 2) is None
