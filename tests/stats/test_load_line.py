"""The level of a load over time, the area under it, and its inverse; live changes, too."""

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadgrpc.model import (
    Hold,
    Load,
    LoadChange,
    LoadChangeKind,
    LoadUnit,
    Ramp,
    Sine,
    Spacing,
    Steps,
)
from loadgrpc.stats.arrivals import Arrivals, Stripe, planned
from loadgrpc.stats.load_line import LoadLine

NS = 1_000_000_000
WHOLE = Stripe()
rates = st.integers(0, 80).map(lambda n: n / 10)
times = st.integers(1, 40).map(lambda n: n / 10)
few = settings(max_examples=25)
each_stage = st.one_of(
    st.builds(Hold, rates, times),
    st.builds(Ramp, rates, rates, times),
    st.builds(lambda a, b, p, d: Sine(min(a, b), max(a, b), p, d), rates, rates, times, times),
    st.builds(Steps, st.lists(rates, min_size=1, max_size=4).map(tuple), times),
)
loads = st.lists(each_stage, min_size=1, max_size=4).map(
    lambda stages: Load(LoadUnit.ARRIVALS, tuple(stages))
)
changes = st.lists(
    st.builds(
        LoadChange,
        st.integers(0, 150).map(lambda n: n / 10),
        st.sampled_from(LoadChangeKind),
        st.integers(0, 20).map(lambda n: n / 10),
    ),
    max_size=3,
).map(lambda found: (*found, LoadChange(20.0, LoadChangeKind.RESUME)))


def of(*stages, changes=()):
    """The line of these stages."""
    return LoadLine(Load(LoadUnit.ARRIVALS, stages), changes)


def instants(line, stripe=WHOLE, spacing=Spacing.EVEN, seed=0):
    """The arrivals of a stripe: the number and the instant of each, in seconds."""
    arrivals = Arrivals(line, stripe, spacing, seed)
    found = {}
    while (due_ns := arrivals.due_ns) is not None:
        found[arrivals.index] = due_ns / NS
        arrivals.take()
    return found


def test_levels_follow_the_stages():
    """Each kind of stage has its level at each moment; before and after there is none."""
    line = of(Hold(5, 2), Ramp(0, 10, 4), Sine(2, 6, 4, 8), Steps((1, 9), 1))

    assert [line.level(t) for t in (-1, 0, 1.9, 2, 4, 6, 8, 14, 15, 16)] == pytest.approx(
        [0, 5, 5, 0, 5, 2, 6, 1, 9, 0]
    )
    assert line.duration_s == 16
    assert line.total == pytest.approx(10 + 20 + 32 + 10)


@pytest.mark.parametrize(
    ("stages", "for_s", "lasts"),
    [
        ([Hold(5, 2), Hold(9, 0.5)], 1, 5),
        ([Ramp(0, 10, 10), Ramp(10, 0, 10)], 1, 9),
        ([Ramp(0, 10, 0.5), Ramp(10, 0, 0.5)], 1, 0),
        ([Steps((1, 7, 2), 2)], 2, 7),
        ([Sine(0, 10, 20, 20)], 2, 9.755),
        ([Sine(2, 10, 1, 20)], 2, 2),
    ],
)
def test_a_level_that_lasts(stages, for_s, lasts):
    """A peak that is over at once is none."""
    assert of(*stages).lasting(for_s) == pytest.approx(lasts, abs=1e-3)


@few
@given(loads, changes, st.sampled_from([0.5, 1.0, 3.0]))
def test_what_lasts_is_there_for_so_long(load, made, for_s):
    """At some time the line does not fall below it for that long."""
    line = LoadLine(load, made)
    lasts = line.lasting(for_s)
    step = 0.01
    at, there_s = 0.0, 0.0
    while lasts and there_s < for_s - 2 * step:
        assert at < min(line.duration_s, 60.0)
        there_s = there_s + step if line.level(at) >= lasts - 0.2 else 0.0
        at += step


@few
@given(loads, changes)
def test_the_area_is_that_under_the_level(load, made):
    """The integral is what adding up the level in small steps comes close to."""
    line = LoadLine(load, made)
    step, area = 0.02, 0.0
    end_s = min(line.duration_s, 30.0)
    at = 0.0
    while at < end_s:
        area += line.level(at + step / 2) * step
        at += step
    assert line.integral(at) == pytest.approx(area, rel=0.02, abs=2.0)


@few
@given(loads, changes, st.floats(0, 1))
def test_the_instant_is_the_inverse_of_the_area(load, made, share):
    """At the instant of n the area is n, to a millionth."""
    line = LoadLine(load, made)
    wanted = line.total * share
    instant = line.instant(wanted)

    if instant is not None:
        assert line.integral(instant) == pytest.approx(wanted, abs=1e-5)
        assert 0 <= instant <= line.duration_s


def test_even_arrivals_are_where_the_plan_says():
    """100/s for 30 s is 3,000 arrivals, the nth after n/100 s; a ramp has half as many."""
    steady, ramp = instants(of(Hold(100, 30))), instants(of(Ramp(0, 100, 30)))

    assert len(steady) == 3000
    assert steady == pytest.approx({n: n / 100 for n in range(3000)})
    assert len(ramp) == 1500
    assert ramp == pytest.approx({n: math.sqrt(n * 30 * 2 / 100) for n in range(1500)})


def test_a_recorded_trace_is_replayed_to_the_arrival():
    """In each second as many arrive as the trace says, and where it says none, none does."""
    trace = (3, 0, 7, 1, 0, 0, 12)
    found = instants(of(Steps(trace, 1.0)))

    per_second = [sum(int(t) == second for t in found.values()) for second in range(7)]
    assert per_second == list(trace)


@pytest.mark.parametrize("agents", [1, 3, 7])
@pytest.mark.parametrize("spacing", Spacing)
@few
@given(load=loads, made=changes, seed=st.integers(0, 2**32 - 1))
def test_all_agents_together_have_each_arrival_once(load, made, seed, agents, spacing):
    """The union of the stripes of 1, 3 and 7 agents, with 2 processes each, is the same plan."""
    line = LoadLine(load, made)
    whole = instants(line, Stripe(), spacing, seed)

    union = {}
    for agent in range(agents):
        for process in range(2):
            stripe = Stripe(agent, agents).of(process, 2)
            part = instants(line, stripe, spacing, seed)
            assert not union.keys() & part.keys()
            assert planned(line, stripe, spacing, seed) == len(part)
            union |= part
    assert union == whole
    assert sorted(whole.values()) == list(whole.values())


@few
@given(load=loads, made=changes, spacing=st.sampled_from(Spacing), late_s=st.floats(0, 5))
def test_who_learns_late_of_a_change_agrees(load, made, spacing, late_s):
    """An arrival is started once, whenever its stripe learns of the changes."""
    line = LoadLine(load, made)
    arrivals = Arrivals(LoadLine(load), Stripe(1, 3), spacing, 7)
    started = []
    told = False
    while True:
        due_ns = arrivals.due_ns
        if not told and (due_ns is None or due_ns / NS >= late_s):
            arrivals.follow(line)
            told = True
            continue
        if due_ns is None:
            break
        started.append(arrivals.index)
        arrivals.take()

    assert started == list(range(1, 1 + 3 * len(started), 3))
    assert len(started) >= planned(line, Stripe(1, 3), spacing, 7)


def test_poisson_arrivals_are_memoryless():
    """At a constant rate gaps are exponential: their mean and deviation are the same."""
    found = list(instants(of(Hold(1000, 20)), spacing=Spacing.POISSON, seed=3).values())
    gaps = [after - before for before, after in itertools.pairwise(found)]
    mean = sum(gaps) / len(gaps)
    deviation = math.sqrt(sum((gap - mean) ** 2 for gap in gaps) / len(gaps))

    assert len(found) == pytest.approx(20_000, rel=0.03)
    assert mean == pytest.approx(0.001, rel=0.03)
    assert deviation == pytest.approx(mean, rel=0.05)


def test_the_same_seed_is_the_same_plan():
    """Another seed is another one."""
    line = of(Hold(50, 2))
    plans = [instants(line, Stripe(), Spacing.POISSON, seed) for seed in (1, 1, 2)]

    assert plans[0] == plans[1] != plans[2]


def change(at_s, kind, value=0.0):
    """A live change."""
    return LoadChange(at_s, LoadChangeKind[kind], value)


def test_a_change_holds_from_its_moment():
    """A level replaces the stages, a factor scales them, and time goes on beneath."""
    line = of(
        *(Hold(10, 10), Ramp(10, 0, 10)),
        changes=[change(2, "LEVEL", 50), change(12, "FACTOR", 2)],
    )

    assert [line.level(t) for t in (1, 2, 11, 12, 15, 20)] == pytest.approx([10, 50, 50, 16, 10, 0])
    assert line.duration_s == 20


def test_a_pause_lets_the_stages_stand_still():
    """Nothing arrives while it lasts, and what was left comes after it."""
    stages = Hold(10, 4), Hold(20, 4)
    paused = of(*stages, changes=[change(3, "PAUSE")])
    resumed = of(*stages, changes=[change(3, "PAUSE"), change(8, "RESUME")])

    assert paused.duration_s == math.inf
    assert len(instants(paused)) == 30
    assert resumed.duration_s == 13
    assert [resumed.level(t) for t in (2, 3, 7.9, 8, 9, 12.9)] == [10, 0, 0, 10, 20, 20]
    assert len(instants(resumed)) == 120
