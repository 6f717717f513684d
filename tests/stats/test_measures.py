"""What tests measure adds up, whatever the order, and is sealed with its window."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadgrpc.stats.histogram import Histogram
from loadgrpc.stats.measures import (
    KINDS,
    CheckStats,
    GaugeStats,
    MeasurementStats,
    MeasureName,
    TransactionStats,
    figures_of,
)
from loadgrpc.stats.sealed import seal, unseal
from loadgrpc.stats.timeline import Timeline
from loadgrpc.stats.window import Window

NS = 1_000_000_000
counts = st.integers(0, 10**12)
levels = st.floats(-1e9, 1e9)


@st.composite
def histograms(draw):
    """Any histogram."""
    made = Histogram()
    made.add(np.array(draw(st.lists(st.integers(0, 10**15), max_size=20)), np.int64))
    return made


gauges = st.builds(
    lambda last, at, low, high: GaugeStats(last, at, min(last, low), max(last, high)),
    levels,
    st.integers(0, 50),
    levels,
    levels,
)
OF_KIND = {
    "check": st.builds(CheckStats, counts, counts),
    "transaction": st.builds(TransactionStats, counts, histograms()),
    "measurement": st.builds(MeasurementStats, histograms(), st.booleans()),
    "gauge": gauges,
}


def merged(kind, *parts):
    """All of them together."""
    total = KINDS[kind]()
    for part in parts:
        total.merge(part)
    return total


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=30)
@given(data=st.data())
def test_laws(kind, data):
    """Merging commutes, associates, and empty stats change nothing."""
    one, two, three = (data.draw(OF_KIND[kind]) for _ in range(3))
    assert merged(kind, one, two) == merged(kind, two, one)
    left = merged(kind, merged(kind, one, two), three)
    assert left == merged(kind, one, merged(kind, two, three))
    assert merged(kind, one, KINDS[kind]()) == one


@settings(max_examples=20)
@given(st.data())
def test_what_is_unsealed_is_what_was_sealed(data):
    """Windows with measures of all kinds, and those without any."""
    window = Window(100)
    for kind in data.draw(st.lists(st.sampled_from(sorted(KINDS)), max_size=6)):
        name = MeasureName(kind, data.draw(st.text(max_size=5)), data.draw(st.text(max_size=2)))
        window.measures[name] = data.draw(OF_KIND[kind])
    assert unseal(seal(window)) == window


def test_figures_are_by_kind_and_name():
    """Those of (other) come last; rates are over the duration; values are in their own unit."""
    values = MeasurementStats(whole=False)
    values.millionths.add(np.array([1_500_000, 17_000_000, 0], np.int64))
    times = Histogram()
    times.add(np.array([NS, 3 * NS], np.int64))
    found = figures_of(
        {
            MeasureName("check", "(other)"): CheckStats(1, 2),
            MeasureName("check", "b", "web"): CheckStats(3, 4),
            MeasureName("check", "a"): CheckStats(5),
            MeasureName("transaction", "checkout"): TransactionStats(2, times),
            MeasureName("measurement", "depth"): values,
            MeasureName("gauge", "pool"): GaugeStats(3.0, 7, -1.0, 4.5),
        },
        2 * NS,
    )
    assert [(each.name, each.passed, each.failed) for each in found.checks] == [
        ("a", 5, 0),
        ("b", 3, 4),
        ("(other)", 1, 2),
    ]
    (checkout,), (depth,), (pool,) = found.transactions, found.measurements, found.gauges
    assert (checkout.count, checkout.failed, checkout.rate) == (4, 2, 2.0)
    assert (checkout.elapsed.min_ns, checkout.elapsed.max_ns) == (NS, 3 * NS)
    assert (depth.count, depth.min, depth.max) == (3, 0.0, 17.0)
    assert depth.avg == pytest.approx(18.5 / 3)
    assert depth.p50 == pytest.approx(1.5, rel=0.003)
    assert (pool.last, pool.min, pool.max) == (3.0, -1.0, 4.5)


def test_percentiles_of_whole_numbers_are_whole():
    """Small ones are exact, although histograms are not."""
    for value in range(1, 178):
        stats = MeasurementStats()
        stats.millionths.add(np.array([0, value * 10**6, 10**9], np.int64))
        (found,) = figures_of({MeasureName("measurement", "a"): stats}, NS).measurements
        assert (found.p50, found.max) == (value, 1_000.0)


def test_totals_are_the_sum_of_all_windows():
    """Whether these are open, closed or have left memory."""
    timeline = Timeline(1_000)
    name = MeasureName("check", "a")
    for second in range(1_000, 2_500):
        timeline.window(second).measures[name] = CheckStats(1, 2)
        if second % 100 == 0:
            timeline.close((second + 1) * NS)
    assert timeline.measures() == {name: CheckStats(1_500, 3_000)}
    timeline.end()
    assert timeline.measures() == {name: CheckStats(1_500, 3_000)}
    held = Window(0)
    for row in timeline.leaving.values():
        held.merge(unseal(row.window))
    assert held.measures == {name: CheckStats(1_500, 3_000)}
