"""The timeline as columns: the figures of the windows, with four digits."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadgrpc.dashboard.columns import OF_HITS, OF_WINDOW, columns_of, rounded
from loadgrpc.model import (
    Distribution,
    ElapsedFigures,
    HitFigures,
    TimelineWindow,
    WindowSeries,
)
from loadgrpc.stats.distribution import distribution_of
from loadgrpc.stats.histogram import Histogram

NS = 1_000_000_000


def window(second, *, length_s=1, count=1, failed=0, ms=10, names=(), **more):
    """A window with hits that took about that long."""
    ns = ms * 1_000_000
    elapsed = ElapsedFigures(
        avg_ns=ns, min_ns=ns - 3, p50_ns=ns, p90_ns=ns, p95_ns=ns + 1, p99_ns=ns + 2, max_ns=ns + 3
    )
    hits = HitFigures(count=count, failed=failed, rate=count / length_s, elapsed=elapsed)
    return TimelineWindow(
        start_ns=second * NS,
        length_ns=length_s * NS,
        hits=hits,
        series=tuple(WindowSeries(name=name, method="GET", hits=hits) for name in names),
        **more,
    )


def test_columns_have_the_figures_of_the_windows():
    """Every figure of every window is in its column, as it is there."""
    windows = [window(at, count=at, failed=at % 2, ms=at, users=3) for at in range(1, 9)]
    found = columns_of(windows, (), 1)

    assert (found["resolution"], found["start"]) == (1, list(range(1, 9)))
    assert "length" not in found
    columns = found["columns"]
    assert columns["hits.count"] == list(range(1, 9))
    assert columns["users"] == [3] * 8
    for path, of in OF_HITS.items():
        made = [of(each.hits) for each in windows]
        assert columns.get(path, [made[0]] * 8 if not any(made) else None) == made
    assert columns["hits.elapsed.p95"] == [at * 1_000_000 for at in range(1, 9)]
    assert not {"dropped", "lag.p99", "hits.response.p50", "hits.bytesSent"} & columns.keys()
    assert OF_WINDOW.keys() & columns.keys() == {"users"}


@given(st.integers(0, 10**15) | st.floats(0, 1e12))
def test_numbers_keep_four_digits(value):
    """Nothing is off by more than 0.05 %, which is less than what percentiles are exact to."""
    assert rounded(value) == pytest.approx(value, rel=0.0005)


def test_windows_of_several_lengths_say_so():
    """Where older windows are longer each says how long it is."""
    windows = [window(0, length_s=60), window(60, length_s=10), window(70, length_s=10)]
    found = columns_of(windows, (), 60)

    assert (found["resolution"], found["length"]) == (10, [60, 10, 10])


def test_series_are_by_name_and_the_busiest_is_first():
    """A name that had no hit in a window has none there; times are absent, counts are 0."""
    by_name = [window(0, names=["/a", "/b"]), window(60, names=["/b"])]
    found = columns_of((), by_name, 60)["series"]

    assert [(each["name"], each["method"]) for each in found] == [("/b", "GET"), ("/a", "GET")]
    assert found[1]["columns"]["hits.count"] == [1, 0]
    assert found[1]["columns"]["hits.elapsed.p95"] == [10_000_000, None]
    assert found[0]["start"] == [0, 60]


def test_nothing_has_no_columns():
    """A run in which nothing happened is drawn as that."""
    found = columns_of((), (), 60)

    assert (found["start"], found["columns"], found["series"]) == ([], {}, [])


@given(st.lists(st.integers(0, 2**40) | st.integers(0, 100), min_size=1, max_size=60))
def test_a_distribution_counts_every_value_in_its_bucket(values):
    """Bucket i has the values above 2 ** (i / 8), up to 2 ** ((i + 1) / 8)."""
    histogram = Histogram()
    histogram.add(np.array(values, dtype=np.int64))
    found = distribution_of(histogram)

    assert sum(found.counts) == len(values)
    assert found.counts[0]
    assert found.counts[-1]
    for value in values:
        at = -1 if value <= 1 else int(np.ceil(8 * np.log2(value))) - 1
        near = [
            found.counts[i - found.first]
            for i in (at - 1, at, at + 1)
            if 0 <= i - found.first < len(found.counts)
        ]
        assert any(near)


def test_distributions_of_windows_begin_at_one_bucket():
    """So that they are rows of one picture."""
    windows = [
        window(0, distribution=Distribution(first=5, counts=(1, 2))),
        window(1),
        window(2, distribution=Distribution(first=3, counts=(4,))),
    ]
    found = columns_of(windows, (), 1)["distribution"]

    assert found == {"first": 3, "counts": [[0, 0, 1, 2], [], [4]]}


def test_an_empty_histogram_has_no_distribution():
    """Where nothing was answered nothing is drawn."""
    assert distribution_of(Histogram()) is None
