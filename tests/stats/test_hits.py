"""The figures of hits add up, and only answered hits have an elapsed time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadgrpc.model import ElapsedFigures, HitFigures
from loadgrpc.stats.hits import HitStats

MS = 1_000_000
SECOND = 1_000_000_000


@st.composite
def groups(draw):
    """Hits that share a label, as `add` takes them."""
    elapsed = draw(st.lists(st.integers(0, 2**63 - 1), max_size=40))
    return {
        "elapsed_ns": np.array(elapsed, dtype=np.int64),
        "failed": draw(st.integers(0, len(elapsed))),
        "answered": draw(st.booleans()),
        "bytes_sent": draw(st.integers(0, 2**40)),
        "bytes_received": draw(st.integers(0, 2**40)),
    }


some = st.lists(groups(), max_size=4)


def stats(added):
    """The stats of groups of hits."""
    made = HitStats()
    for group in added:
        made.add(**group)
    return made


def merged(*parts):
    """All parts merged into empty stats, in their order."""
    whole = HitStats()
    for part in parts:
        whole.merge(part)
    return whole


def add(made, elapsed_ms, *, failed=0, answered=True):
    """Adds hits of 10 bytes sent and 100 received each."""
    made.add(
        elapsed_ns=np.array(elapsed_ms, dtype=np.int64) * MS,
        failed=failed,
        answered=answered,
        bytes_sent=10 * len(elapsed_ms),
        bytes_received=100 * len(elapsed_ms),
    )


def test_figures_by_hand():
    """Four answers and a refused connection in two seconds: five hits, times of four."""
    made = HitStats()
    add(made, [1, 2, 3])
    add(made, [10], failed=1)
    add(made, [5_000], failed=1, answered=False)
    figures = made.figures(2 * SECOND)
    assert (figures.count, figures.failed, figures.rate) == (5, 2, 2.5)
    assert (figures.bytes_sent, figures.bytes_received) == (50, 500)
    assert figures.elapsed.avg_ns == 4 * MS
    assert figures.elapsed.min_ns == 1 * MS
    assert figures.elapsed.p50_ns == pytest.approx(2 * MS, rel=0.0028)
    assert figures.elapsed.p90_ns == figures.elapsed.p99_ns == figures.elapsed.max_ns == 10 * MS


def test_nothing_has_figures_of_zero():
    """No hits, no time, no division: every figure is 0."""
    assert HitStats().figures(0) == HitFigures()
    assert HitStats().figures(SECOND) == HitFigures()


def test_hits_without_an_answer_have_no_elapsed_time():
    """When nothing answered, hits are counted and every elapsed figure is 0."""
    made = HitStats()
    add(made, [5_000, 6_000], failed=2, answered=False)
    figures = made.figures(SECOND)
    assert (figures.count, figures.failed) == (2, 2)
    assert figures.elapsed == ElapsedFigures()


def test_the_rate_of_no_duration_is_zero():
    """Before any time has passed the rate is 0, though there are hits."""
    made = HitStats()
    add(made, [1])
    assert made.figures(0).rate == 0.0
    assert made.figures(SECOND // 2).rate == 2.0


@pytest.mark.parametrize("failed", [-1, 3])
def test_no_more_hits_fail_than_there_are(failed):
    """A number of failed hits that cannot be is a ValueError, and nothing is added."""
    made = HitStats()
    with pytest.raises(ValueError, match="of 2 hits cannot have failed"):
        add(made, [1, 2], failed=failed)
    assert made == HitStats()


def test_a_negative_duration_adds_nothing():
    """A hit that ended before it began is refused with its whole group."""
    made = HitStats()
    with pytest.raises(ValueError, match="not -1000000"):
        add(made, [1, -1])
    assert made == HitStats()


@given(some, some)
def test_merge_commutes(left, right):
    """It does not matter which of two is merged into which."""
    assert merged(stats(left), stats(right)) == merged(stats(right), stats(left))


@given(some, some, some)
def test_merge_associates(one, two, three):
    """It does not matter which two of three are merged first."""
    a, b, c = stats(one), stats(two), stats(three)
    assert merged(merged(a, b), c) == merged(a, merged(b, c))


@given(some)
def test_merge_has_an_empty(added):
    """Empty stats change nothing, on either side."""
    assert merged(stats(added), HitStats()) == stats(added) == merged(HitStats(), stats(added))


@given(st.lists(some, max_size=4))
def test_the_parts_of_any_split_merge_to_the_whole(parts):
    """Merged parts have the figures of all groups added at one place."""
    whole = stats([group for part in parts for group in part])
    assert merged(*map(stats, parts)) == whole
    assert merged(*map(stats, parts)).figures(7 * SECOND) == whole.figures(7 * SECOND)


@given(some, some)
def test_merge_leaves_the_other_alone(mine, others):
    """What is merged keeps its own hits, whatever is added afterwards."""
    made, other = stats(mine), stats(others)
    made.merge(other)
    add(made, [1, 2, 3])
    assert other == stats(others)
