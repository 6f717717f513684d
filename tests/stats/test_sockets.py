"""Figures of sockets add up, whatever the order."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from loadgrpc.stats.histogram import Histogram
from loadgrpc.stats.sockets import SocketStats

counts = st.integers(0, 10**12)
values = st.lists(st.integers(0, 10**12), max_size=30)


@st.composite
def stats(draw):
    """Any stats."""
    gaps = Histogram()
    gaps.add(np.array(draw(values), np.int64))
    return SocketStats(*(draw(counts) for _ in range(7)), gaps)


def merged(*parts):
    """All of them together."""
    total = SocketStats()
    for part in parts:
        total.merge(part)
    return total


@given(stats(), stats(), stats())
def test_laws(one, two, three):
    """Merging commutes, associates, and empty stats change nothing."""
    assert merged(one, two) == merged(two, one)
    assert merged(merged(one, two), three) == merged(one, merged(two, three))
    assert merged(one, SocketStats()) == one


@given(st.lists(st.tuples(st.integers(0, 2**63 - 1), st.integers(1, 50)), max_size=40))
def test_counted_values_are_values(pairs):
    """A value that is counted five times is five values."""
    counted, each = Histogram(), Histogram()
    columns = np.array(pairs, np.int64).reshape(-1, 2)
    counted.add_counted(columns[:, 0], columns[:, 1])
    for value, count in pairs:
        each.add(np.array([value] * count, np.int64))
    assert counted == each


def test_figures():
    """Rates are over the duration, and what is neither closed nor broken is open."""
    gaps = Histogram()
    gaps.add(np.array([1_000_000, 3_000_000], np.int64))
    figures = SocketStats(5, 3, 1, 10, 20, 100, 200, gaps).figures(2_000_000_000)
    assert (figures.open, figures.sent_rate, figures.received_rate) == (1, 5.0, 10.0)
    assert (figures.gaps.avg_ns, figures.gaps.max_ns) == (2_000_000, 3_000_000)
    assert SocketStats(1).figures(0).sent_rate == 0.0
