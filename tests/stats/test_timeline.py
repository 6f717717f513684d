"""A run by time: nothing is lost or counted twice, whenever it comes; memory is bounded."""

import itertools
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from loadgrpc.clock import NS_PER_S
from loadgrpc.model import OTHER
from loadgrpc.stats import timeline as module
from loadgrpc.stats.histogram import Histogram
from loadgrpc.stats.rows import LENGTHS, Row, buckets, fitting
from loadgrpc.stats.timeline import MAX_OPEN, SPAN_S, Timeline
from loadgrpc.stats.window import Series, Window

BEGAN = 1_790_000_000 // 3_600 * 3_600 + 1_234
DAY = 86_400
MS = 1_000_000


def add(timeline, second, elapsed_ns=(5 * MS,), *, name="/", cycle=0):
    """Hits of a name that ended in a second."""
    series = Series("", name, "GET", "", 2)
    timeline.window(second, cycle).stats(series).add(
        elapsed_ns=np.array(elapsed_ns, np.int64),
        failed=0,
        answered=True,
        bytes_sent=len(elapsed_ns),
        bytes_received=0,
    )


class Stored:
    """A timeline whose rows are stored as they leave, and dropped when nobody needs them."""

    def __init__(self, timeline):
        self.timeline = timeline
        self.rows = {}

    def keep(self):
        """Stores what leaves."""
        self.rows.update(self.timeline.leaving)
        self.timeline.stored(list(self.timeline.leaving))
        for length_s, from_s in self.timeline.kept_from_s.items():
            for number, row in list(self.rows.items()):
                if row.length_s == length_s and row.start_s < from_s:
                    del self.rows[number]

    def windows(self, resolution_s):
        """The whole run at a resolution."""
        rows = [*self.rows.values(), *self.timeline.rows()]
        return [bucket.window() for bucket in buckets(rows, resolution_s)]


steps = st.lists(
    st.tuples(
        # How long after the step before, how long ago its hits ended, and how long they took.
        st.sampled_from([0, 1, 3, 61, 700, 8_000, 3 * 3_600, 2 * DAY]),
        st.integers(0, 12) | st.integers(0, 9_000) | st.integers(0, 20 * DAY),
        st.lists(st.integers(0, 2**40), min_size=1, max_size=3),
        st.sampled_from("abcde"),
        st.booleans(),
    ),
    max_size=40,
)


@settings(max_examples=150)
@given(steps, st.integers(1, 9), st.booleans())
@example(
    [(0, 0, [0], "a", False), (2 * DAY, 0, [0], "a", True), (0, 44_440, [0], "a", True)], 1, False
)
@example([(8_000, 0, [1], "a", True), (8_000, 8_000, [2], "b", True)], 9, False)
def test_windows_add_up_to_all_there_is(steps, most_names, ends):
    """At every resolution and moment: the sum over windows is what was added, each at its time."""
    timeline = Timeline(BEGAN)
    timeline.names._limit = most_names
    stored = Stored(timeline)
    added = []
    now = BEGAN + 5
    for wait_s, ago_s, elapsed, name, tick in steps:
        now += wait_s
        second = max(now - ago_s, BEGAN)
        add(timeline, now - ago_s, elapsed, name=name)
        added += [(second, each) for each in elapsed]
        if tick:
            timeline.close((now + 1) * NS_PER_S)
            stored.keep()
    if ends:
        timeline.end()
        stored.keep()
        assert not timeline.rows()
    everything = Histogram()
    everything.add(np.array([elapsed for _, elapsed in added], np.int64))
    for resolution_s in LENGTHS:
        found = stored.windows(resolution_s)
        for before, after in itertools.pairwise(found):
            assert before.end_s <= after.start_s
        total = Histogram()
        for window in found:
            assert window.length_s in LENGTHS
            assert window.length_s >= resolution_s
            assert window.start_s % window.length_s == 0
            at_once = Histogram()
            mine = [each for at, each in added if window.start_s <= at < window.end_s]
            at_once.add(np.array(mine, np.int64))
            assert window.total().elapsed == at_once
            total.merge(window.total().elapsed)
        assert total == everything
    since_the_start = Histogram()
    for _, stats in timeline.hits():
        since_the_start.merge(stats.elapsed)
    assert since_the_start == everything


def test_windows_grow_longer_as_they_grow_old():
    """10 minutes of 1 s, 2 hours of 10 s, 12 hours of 1 min, 5 days of 10 min, then 1 h."""
    timeline = Timeline(BEGAN)
    stored = Stored(timeline)
    end = BEGAN + 8 * DAY
    for second in [*range(BEGAN, end - 9_000, 300), *range(end - 9_000, end)]:
        add(timeline, second)
        timeline.close(second * NS_PER_S)
        stored.keep()
    ages = defaultdict(list)
    for window in stored.windows(1):
        ages[window.length_s].append(end - window.start_s)
    spans = {length_s: (min(of), max(of)) for length_s, of in ages.items()}
    assert 600 <= spans[1][1] <= 615
    assert spans[1][1] < spans[10][0] + 10 <= spans[10][1] <= 7_200 + 15
    assert spans[10][1] < spans[60][0] + 60 <= spans[60][1] <= 43_200 + 3_600 + 15
    assert spans[60][1] < spans[600][0] + 600 <= spans[600][1] <= 432_000 + 3_600 + 15
    assert spans[600][1] < spans[3_600][0] + 3_600 <= spans[3_600][1] <= 8 * DAY + 3_600
    assert len(timeline._fine) <= 610
    assert len(timeline._middle) <= 721


def test_late_data_is_counted_where_it_belongs_and_as_late():
    """What comes for a window that is closed is in it all the same, wherever it is by now."""
    timeline = Timeline(BEGAN)
    stored = Stored(timeline)
    for second in range(BEGAN, BEGAN + 8_000):
        add(timeline, second)
        timeline.close(second * NS_PER_S)
    for ago_s in (5, 300, 3_000, 7_900):
        add(timeline, BEGAN + 8_000 - ago_s, [1, 2, 3])
    timeline.close((BEGAN + 8_000) * NS_PER_S)
    stored.keep()
    found = stored.windows(1)
    late = {window.length_s: window.late_data for window in found if window.late_data}
    assert late == {1: 3, 10: 3, 60: 3}
    assert sum(window.late_data for window in found) == 12
    assert sum(window.hits for window in found) == 8_012


def test_live_figures_are_of_the_last_whole_closed_seconds():
    """Five of them, without the one in which the run began; late hits of them are among them."""
    timeline = Timeline(BEGAN)
    for second in range(10):
        add(timeline, BEGAN + second, [(second + 1) * MS] * (second + 1))
    since_ns = BEGAN * NS_PER_S + 1

    def look(now_s):
        timeline.close(round((BEGAN + now_s) * NS_PER_S))
        recent = timeline.recent(since_ns)
        return recent and (recent.end_s - BEGAN, recent.seconds, recent.window.hits)

    assert timeline.recent(None) is None
    assert look(4) is None
    assert look(5) == (2, 1, 2)
    assert look(12.9) == (9, 5, 5 + 6 + 7 + 8 + 9)
    add(timeline, BEGAN + 8, [MS] * 100)
    add(timeline, BEGAN + 1, [MS] * 1_000)
    assert look(12.9) == (9, 5, 5 + 6 + 7 + 8 + 9 + 100)
    assert timeline.recent(since_ns).window.total().elapsed.min_ns == MS
    assert look(99) == (96, 5, 0)


def test_hits_are_told_apart_by_cycle_and_scenario():
    """Totals of a cycle are exact, open windows included; two cycles may share a second."""
    timeline = Timeline(BEGAN)
    for second, cycle, count in ((0, 1, 5), (1, 1, 7), (1, 2, 11), (9, 2, 13)):
        add(timeline, BEGAN + second, [MS] * count, cycle=cycle)
    for now_s in (0, 4, 5, 99):
        timeline.close((BEGAN + now_s) * NS_PER_S)
        counts = {key: stats.count for key, stats in timeline.cycles().items()}
        assert counts == {(1, ""): 12, (2, ""): 24}
    assert [bucket.window().hits for bucket in buckets(timeline.rows(), 1)] == [5, 18, 13]


def test_only_the_busiest_names_are_told_apart(monkeypatch):
    """Others are counted together; a name that outdoes one of them twice takes its place."""
    monkeypatch.setattr(module, "MAX_NAMES", 2)
    timeline = Timeline(BEGAN)
    stored = Stored(timeline)

    def second(at, **counts):
        for name, count in counts.items():
            add(timeline, BEGAN + at, [MS] * count, name=name)
        timeline.close((BEGAN + at + 3) * NS_PER_S)

    second(0, a=10, b=20, c=15)
    for at in range(1, 8):
        second(at, a=1, b=1, c=1)
    second(8, c=100)
    second(60, a=1, c=1)
    timeline.end()
    stored.keep()
    names = [{series.name for series in window.series} for window in stored.windows(1)]
    assert names[0] == {"a", "b", OTHER}
    assert names[-1] == {"c", OTHER}
    assert sum(window.hits for window in stored.windows(3_600)) == 45 + 21 + 102


def test_users_are_in_every_window_in_which_they_are_alive():
    """Also when no hit ends in it; the most that were alive at a time."""
    timeline = Timeline(BEGAN)
    timeline.alive.report("r1", 5, BEGAN + 1)
    timeline.alive.report("r2", 2, BEGAN + 2)
    timeline.alive.report("r2", 3, BEGAN + 4)
    timeline.alive.report("r2", 1, BEGAN + 4)
    timeline.close((BEGAN + 8) * NS_PER_S)
    timeline.alive.report("r1", 9, BEGAN + 2)  # late: from now on
    timeline.alive.report("r1", 0, BEGAN + 7)
    timeline.alive.report("r2", 0, BEGAN + 7)
    timeline.end()
    users = {row.window.start_s - BEGAN: row.window.users for row in unsealed(timeline)}
    assert users == {1: 5, 2: 7, 3: 7, 4: 8, 5: 10, 6: 10, 7: 10}
    assert [bucket.window().users for bucket in buckets(timeline.rows(), 3_600)] == [10]


def unsealed(timeline):
    """The rows of a timeline with their windows."""
    return [
        Row(row.number, row.length_s, row.start_s, bucket.window())
        for bucket in buckets(timeline.rows(), 1)
        for row in bucket.rows
    ]


def test_a_clock_that_jumps_ahead_makes_no_year_of_windows():
    """Users alive are not written down for each second of it."""
    timeline = Timeline(BEGAN)
    timeline.alive.report("r", 5, BEGAN)
    timeline.close((BEGAN + 365 * DAY) * NS_PER_S)
    assert len(timeline._fine) <= 600
    assert not timeline._open


@given(st.lists(st.integers(0, 10**9), max_size=300))
def test_what_is_added_to_at_a_time_is_bounded(seconds):
    """Whatever seconds come before anybody closes them."""
    timeline = Timeline(0)
    for second in seconds:
        add(timeline, second, [1])
        assert len(timeline._open) <= MAX_OPEN
        assert len(timeline._recent) <= MAX_OPEN
    timeline.close(10**9 * NS_PER_S)
    assert len(timeline._recent) <= SPAN_S + 3
    assert sum(stats.count for _, stats in timeline.hits()) == len(seconds)


@pytest.mark.parametrize(
    ("asked_s", "got_s"), [(0, 1), (0.5, 1), (1, 1), (2, 10), (60, 60), (61, 600), (10**6, 3_600)]
)
def test_resolutions_are_rounded_up(asked_s, got_s):
    """To a length that windows have."""
    assert fitting(asked_s) == got_s


def test_rows_of_the_same_span_add_up():
    """As when late data came for a window that was stored."""
    parts = [Row(number, 60, 120, Window(120, 60, late_data=number)) for number in (1, 2)]
    (bucket,) = buckets([*parts, Row(3, 3_600, 0, Window(0, 3_600, late_data=9))], 1)
    assert (bucket.start_s, bucket.length_s, bucket.window().late_data) == (120, 60, 3)
