"""What came lately is what was added since, and nothing else."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadgrpc.stats.histogram import MAX_RELATIVE_ERROR, Histogram
from loadgrpc.stats.recent import SPAN_NS, Recent

NS = 1_000_000_000
values = st.lists(st.integers(0, 10**10), max_size=40)


def histogram(of):
    """A histogram of some values."""
    made = Histogram()
    made.add(np.array(of, dtype=np.int64))
    return made


@given(values, values, st.sampled_from([0.0, 0.5, 0.95, 1.0]))
def test_the_difference_is_what_was_added_since(before, after, q):
    """Taking away what there was leaves the percentiles of what came, as good as any."""
    whole = histogram(before)
    earlier = whole.copy()
    whole.merge(histogram(after))
    found = whole.since(earlier)
    assert (found.count, found.sum_ns) == (len(after), sum(after))
    (exact,), (told,) = histogram(after).quantiles((q,)), found.quantiles((q,))
    assert told == pytest.approx(exact, rel=2 * MAX_RELATIVE_ERROR + 1e-9, abs=1)
    assert whole == histogram(before + after)


def test_b6_percentiles_are_of_the_last_five_seconds():
    """A server that gets slow shows in the window at once, and what was before it goes."""
    recent, total = Recent(), Histogram()
    told = []
    for second in range(20):
        total.add(np.full(100, 10_000_000 if second < 10 else 200_000_000))
        found = recent.look(second * NS, {"/": total}, complete=True)
        told.append(found["/"].quantiles((0.5,))[0] // 1_000_000 if "/" in found else None)
    assert told[0] is None  # nobody knows yet since when
    assert told[9] == 10
    assert told[16:] == pytest.approx([200] * 4, rel=0.01)


def test_what_was_left_out_is_not_known():
    """A name that comes among the busiest has no past, unless all names were known then."""
    for complete in (True, False):
        recent = Recent()
        recent.look(0, {"a": histogram([1])}, complete=complete)
        found = recent.look(NS, {"a": histogram([1, 2]), "b": histogram([3])}, complete=complete)
        assert found["a"].count == 1
        assert ("b" in found) is complete


def test_few_looks_are_kept():
    """Whoever looks a thousand times a second makes it keep no more."""
    recent = Recent()
    for ms in range(20_000):
        recent.look(ms * 1_000_000, {}, complete=True)
    assert len(recent._looks) <= SPAN_NS // NS + 2
