"""Whether a generator keeps up: the rule by values, and what its seconds add up to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadgrpc.model import ElapsedFigures, GeneratorFigures, GeneratorState, Saturation
from loadgrpc.stats.generator import GeneratorStats

MS = 1_000_000
S = 1_000_000_000


def lags(*ms, calm=0):
    """These lags, and so many of none, in nanoseconds."""
    return (*(round(lag * MS) for lag in ms), *(0,) * calm)


def second(**fields):
    """A second, calm but for these fields."""
    return GeneratorState(**{"elapsed_ns": S, "cpu_ns": 0, **fields})


@pytest.mark.parametrize(
    ("fields", "saturated"),
    [
        ({}, False),
        ({"cpu_ns": None}, False),
        # CPU
        ({"cpu_ns": 900 * MS}, False),
        ({"cpu_ns": 901 * MS}, True),
        ({"cpu_ns": 1_700 * MS, "elapsed_ns": 2 * S}, False),
        ({"cpu_ns": 1_900 * MS, "elapsed_ns": 2 * S}, True),
        ({"cpu_ns": 3_500 * MS, "cores": 4}, False),
        ({"cpu_ns": 3_700 * MS, "cores": 4}, True),
        # lag: of a hundred the second largest is the 99th percentile
        ({"lags_ns": lags(90, 5, calm=98)}, False),
        ({"lags_ns": lags(5.1, 5.1, calm=98)}, True),
        ({"lags_ns": lags(5.1, calm=99)}, False),
        ({"lags_ns": lags(5.1, 5.1, 5.1, calm=197)}, True),
        ({"lags_ns": lags(5.1, 5.1, calm=198)}, False),
        # 2 s held up: 200 times that were missed
        ({"elapsed_ns": 2 * S, "lags_ns": lags(*range(2_000, 0, -10))}, True),
        # a second that is not whole was calm for the rest of it
        ({"elapsed_ns": 100 * MS, "cpu_ns": 100 * MS}, False),
        ({"elapsed_ns": 950 * MS, "cpu_ns": 950 * MS}, True),
        ({"elapsed_ns": 100 * MS, "lags_ns": lags(50, calm=9)}, False),
        ({"elapsed_ns": 100 * MS, "lags_ns": lags(50, 50, calm=8)}, True),
        ({"elapsed_ns": 5 * MS, "lags_ns": ()}, False),
    ],
)
def test_when_a_second_is_saturated(fields, saturated):
    """By a lag whose 99th percentile is above 5 ms, or by more than 90 % of the processor."""
    stats = GeneratorStats()
    state = second(**fields)

    assert (stats.add("p", state, 0) is not None) is saturated
    assert stats.figures().saturated is saturated
    assert stats.figures().saturated_ns == (state.elapsed_ns if saturated else 0)


BUSY, LIMIT, HELD_UP = Saturation.MACHINE_BUSY, Saturation.AT_LIMIT, Saturation.HELD_UP


@pytest.mark.parametrize(
    ("fields", "cause"),
    [
        ({"cpu_ns": 950 * MS}, LIMIT),
        ({"cpu_ns": 950 * MS, "steal": 0.5, "machine_cpu": 1.0, "other_cpu": 0.5}, LIMIT),
        ({}, HELD_UP),
        ({"elapsed_ns": 50 * MS, "cpu_ns": 48 * MS}, LIMIT),
        ({"machine_cpu": 0.5, "other_cpu": 0.45}, HELD_UP),
        ({"machine_cpu": 1.0, "other_cpu": 0.05, "steal": 0.02}, HELD_UP),
        ({"machine_cpu": 0.95, "other_cpu": 0.5}, BUSY),
        ({"machine_cpu": 0.4, "other_cpu": 0.0, "steal": 0.06}, BUSY),
    ],
)
def test_b8_why_a_second_is_saturated(fields, cause):
    """A process that used all it can is at its limit; if not, others may have been in its way."""
    stats = GeneratorStats()
    assert stats.add("p", second(lags_ns=lags(*[50] * 100), **fields), 0) is cause
    figures = stats.figures()
    assert figures.cause is cause
    told_ns = fields.get("elapsed_ns", S)
    assert (figures.at_limit_ns, figures.machine_busy_ns) == (
        told_ns * (cause is LIMIT),
        told_ns * (cause is BUSY),
    )
    assert (figures.worst_other_cpu, figures.worst_steal) == (
        (fields["other_cpu"], fields.get("steal", 0)) if cause is BUSY else (0, 0)
    )


def test_b8_a_calm_second_on_a_busy_machine_is_calm():
    """That others use the machine is nobody's business while the load keeps up."""
    stats = GeneratorStats()
    assert stats.add("p", second(machine_cpu=1.0, other_cpu=0.9, steal=0.1), 0) is None
    assert stats.figures().cause is None


def test_nothing_is_said_of_what_nobody_told():
    """Without a state there are no figures: not known is not the same as good."""
    assert GeneratorStats().figures() is None


def test_figures_by_hand():
    """Two processes: the worst second, the busiest process, the longest of what was too much."""
    stats = GeneratorStats()
    calm = second(lags_ns=lags(1, calm=99), cpu_ns=100 * MS)
    busy = second(
        lags_ns=lags(20, 10, calm=98), cpu_ns=800 * MS, gc_pauses=3, gc_ns=9 * MS, gc_max_ns=7 * MS
    )
    stats.add("one", calm, 1 * S)
    stats.add("one", busy, 2 * S)
    stats.add("two", busy, 3 * S)
    stats.add("two", busy, 4 * S)

    figures = stats.figures()

    assert figures == GeneratorFigures(
        saturated_ns=2 * S,
        watched_ns=2 * S,
        lag=figures.lag,
        worst_lag_ns=10 * MS,
        worst_lag_end_ns=2 * S,
        cpu=0.8,
        worst_cpu=0.8,
        gc_pauses=9,
        gc_ns=27 * MS,
        gc_max_ns=7 * MS,
        at_limit_ns=0,
        machine_busy_ns=0,
    )
    assert (figures.lag.min_ns, figures.lag.p50_ns, figures.lag.max_ns) == (0, 0, 20 * MS)
    assert figures.lag.p99_ns == pytest.approx(10 * MS, rel=0.003)  # 396th of 400: 3 of 20, 3 of 10


def test_what_was_not_measured_is_zero():
    """A runner that tells of garbage collection only has neither lag nor a worst second."""
    stats = GeneratorStats()
    stats.add("p", GeneratorState(elapsed_ns=S, gc_pauses=1, gc_ns=5, gc_max_ns=5), 7)

    figures = stats.figures()

    assert (figures.lag, figures.worst_lag_end_ns) == (ElapsedFigures(), None)
    assert (figures.cpu, figures.worst_cpu) == (0.0, 0.0)


states = st.builds(
    GeneratorState,
    elapsed_ns=st.integers(1, 3 * S),
    cpu_ns=st.none() | st.integers(0, 3 * S),
    cores=st.integers(1, 4),
    lags_ns=st.lists(st.integers(0, S), max_size=8).map(tuple),
    gc_pauses=st.integers(0, 9),
    gc_ns=st.integers(0, S),
    gc_max_ns=st.integers(0, S),
    machine_cpu=st.none() | st.floats(0, 1),
    steal=st.none() | st.floats(0, 1),
    other_cpu=st.none() | st.floats(0, 1),
)
told = st.lists(st.tuples(st.sampled_from("abc"), states, st.integers(0, 9)), max_size=6)


def stats_of(entries):
    """What some entries add up to."""
    stats = GeneratorStats()
    for process, state, end_ns in entries:
        stats.add(process, state, end_ns)
    return stats


@given(told, told)
def test_parts_merge_to_the_whole(left, right):
    """However the seconds are split and in whatever order they are merged, the sum is the same."""
    one, other = stats_of(left), stats_of(right)
    one.merge(stats_of(right))
    other.merge(stats_of(left))
    other.merge(GeneratorStats())

    assert one == other == stats_of(left + right)
