"""Windows merge exactly, and come back from their bytes as they were."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadgrpc.model import OTHER, TestOutcome
from loadgrpc.stats.histogram import Histogram
from loadgrpc.stats.hits import LATE_NS
from loadgrpc.stats.rules import AgentName, RuleName
from loadgrpc.stats.sealed import seal, unseal
from loadgrpc.stats.window import HitName, Series, Window, merged, status_class

MOST = 2**63 - 1


def histogram(values):
    """A histogram of these values."""
    made = Histogram()
    made.add(np.array(values, np.int64))
    return made


series = st.builds(
    Series,
    scenario=st.sampled_from(["", "shop"]),
    name=st.sampled_from(["/", "/é", "\x00"]),
    method=st.sampled_from(["", "GET"]),
    protocol=st.sampled_from(["", "grpc"]),
    status_class=st.integers(0, 9),
)
hits = st.tuples(
    series,
    st.lists(st.integers(0, 2**40) | st.integers(0, MOST), min_size=1, max_size=25),
    st.booleans(),
    st.none() | st.integers(0, 3 * LATE_NS) | st.integers(0, MOST),
    st.integers(0, 2**40),
)


rules = st.builds(RuleName, st.sampled_from(["", "shop"]), st.sampled_from(["1", "é", OTHER]))


@st.composite
def windows(draw):
    """A window of second 7 with anything in it."""
    window = Window(7)
    for of, elapsed, answered, delay_ns, sent in draw(st.lists(hits, max_size=6)):
        name = draw(st.none() | rules)
        some = [window.rule(name).hits] if name else []
        for stats in (window.stats(of), *some):
            stats.add(
                elapsed_ns=np.array(elapsed, np.int64),
                failed=draw(st.integers(0, len(elapsed))),
                answered=answered,
                bytes_sent=sent,
                bytes_received=2 * sent,
                delay_ns=None if delay_ns is None else np.full(len(elapsed), delay_ns),
            )
    for name, outcome, elapsed in draw(
        st.lists(st.tuples(rules, st.sampled_from(TestOutcome), st.integers(0, MOST)), max_size=3)
    ):
        window.rule(name).outcomes[outcome] += 1
        window.rule(name).time.add(np.array([elapsed], np.int64))
        window.agent(AgentName(name.scenario, "a-1")).outcomes[outcome] += 2
        window.agent(AgentName(name.scenario, "a-1")).hits.count += 3
    window.lag = histogram(draw(st.lists(st.integers(0, 10**10), max_size=25)))
    window.users = draw(st.integers(0, 2**32))
    window.late_data = draw(st.integers(0, 2**63))
    return window


@given(windows())
def test_what_is_sealed_comes_back(window):
    """Every figure and every bucket, also of a window without anything in it."""
    assert unseal(seal(window)) == window
    assert unseal(seal(Window(1, 3_600))) == Window(1, 3_600)


@given(windows(), windows(), windows())
def test_merging_commutes_and_associates(one, two, three):
    """However windows are rolled up, the same comes of it; an empty one changes nothing."""
    at_once = merged([one, two, three], 0, 10)
    assert merged([three, two, one, Window(8)], 0, 10) == at_once
    assert merged([merged([one, two], 0, 10), three], 0, 10) == at_once
    assert merged([unseal(seal(one)), unseal(seal(merged([two, three], 0, 10)))], 0, 10) == at_once


@given(st.lists(windows(), max_size=4))
def test_a_merge_is_the_window_made_at_once(parts):
    """Histograms merge to that of all values together: nothing is averaged."""
    whole = merged(parts, 0, 10)
    assert whole.hits == sum(part.hits for part in parts)
    assert whole.total() == merged([whole], 0, 1).total()
    total = whole.total()
    assert total.response.count == total.elapsed.count
    assert total.count == sum(part.total().count for part in parts)


@given(windows())
def test_folding_loses_nothing(window):
    """Hits of names that are not told apart any more are counted as others, by status class."""
    before = window.total()
    kept, rules_kept = {HitName("", "/", "GET")}, {RuleName("", "1")}
    outcomes = sum((of.outcomes for of in window.rules.values()), Counter())
    window.fold(kept, rules_kept)
    assert window.total() == before
    assert sum((of.outcomes for of in window.rules.values()), Counter()) == outcomes
    assert all(each in rules_kept or each.rule == OTHER for each in window.rules)
    assert all(each.of_name in kept or each.name == OTHER for each in window.series)
    again = merged([window], 7, 1)
    again.fold(kept, rules_kept)
    assert again == window


def test_response_times_are_from_the_planned_start():
    """They are kept apart once a hit starts late, those before it included."""
    window = Window(0)
    stats = window.stats(Series("", "/", "GET", "", 2))
    more = {"failed": 0, "answered": True, "bytes_sent": 0, "bytes_received": 0}
    stats.add(elapsed_ns=np.array([5, 6]), **more)
    assert not stats.delayed
    delays = np.array([0, LATE_NS + 1, LATE_NS])
    stats.add(elapsed_ns=np.array([1, 2, 3]), delay_ns=delays, **more)
    stats.add(elapsed_ns=np.array([7]), **more)
    assert stats.delayed
    assert stats.late == 1
    assert stats.elapsed == histogram([5, 6, 1, 2, 3, 7])
    assert stats.response == histogram([5, 6, 1, LATE_NS + 3, LATE_NS + 3, 7])


def test_classes_of_statuses():
    """The hundreds of a status, at most 9; other protocols than HTTP have small statuses."""
    found = [status_class(each) for each in (0, 14, 99, 100, 204, 599, 999, 1_000, 2**32 - 1)]
    assert found == [0, 0, 0, 1, 2, 5, 9, 9, 9]


@pytest.mark.parametrize("damaged", [b"", b"\x02x", b"\x01not zlib"])
def test_bytes_that_are_no_window_are_refused(damaged):
    """A store that a newer loadgrpc wrote, or that is damaged, is not read as something else."""
    with pytest.raises(ValueError, match="window"):
        unseal(damaged)
