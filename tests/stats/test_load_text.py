"""Loads as people write them: what they mean, what they are written as, and what is wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadgrpc.model import Hold, Load, LoadUnit, Ramp, Sine, Steps
from loadgrpc.stats.load_text import LoadTextError, rate, span, stages, text

ARRIVALS, USERS = LoadUnit.ARRIVALS, LoadUnit.USERS


@pytest.mark.parametrize(
    ("written", "unit", "meant"),
    [
        ("100/s for 30s", ARRIVALS, [Hold(100, 30)]),
        ("30/m for 1m30s", ARRIVALS, [Hold(0.5, 90)]),
        ("1 user for 500ms", USERS, [Hold(1, 0.5)]),
        (
            "ramp 0..50 users in 30s; hold 5m; down in 10s",
            USERS,
            [Ramp(0, 50, 30), Hold(50, 300), Ramp(50, 0, 10)],
        ),
        ("RAMP 0 .. 500 / s in 1m ;hold 5m;", ARRIVALS, [Ramp(0, 500, 60), Hold(500, 300)]),
        ("10/s for 1s; ramp to 20/s in 2s", ARRIVALS, [Hold(10, 1), Ramp(10, 20, 2)]),
        (
            "100/s for 1m; step +100/s x3 each 1m",
            ARRIVALS,
            [Hold(100, 60), Steps((200, 300, 400), 60)],
        ),
        ("step 10 users x2 each 1s", USERS, [Steps((10, 20), 1)]),
        ("9/s for 1s; step -3/s x2 each 1s", ARRIVALS, [Hold(9, 1), Steps((6, 3), 1)]),
        ("sine 50..150/s period 2m for 10m", ARRIVALS, [Sine(50, 150, 120, 600)]),
        ("levels 10,20,5/s each 1s", ARRIVALS, [Steps((10, 20, 5), 1)]),
        ("levels 60,30/m each 1h", ARRIVALS, [Steps((1, 0.5), 3600)]),
    ],
)
def test_a_text_means_stages(written, unit, meant):
    """Each kind of stage, in every unit, with blanks and cases as people write them."""
    assert stages(written) == Load(unit, tuple(meant))


@pytest.mark.parametrize(
    ("written", "at", "why"),
    [
        ("", 0, "begins with a level"),
        ("100", 3, "expected /s, /m or users"),
        ("100/z for 30s", 3, "expected /s, /m or users"),
        ("100/s in 30s", 6, "expected 'for'"),
        ("100/s for 30", 10, "a time with its unit"),
        ("100/s for 30s hold 5s", 14, "expected ;"),
        ("rammp 0..5/s in 1s", 0, "did you mean 'ramp'"),
        ("hold 5m", 0, "no level to hold yet"),
        ("down in 5s", 0, "no level to go down from"),
        ("100/s for 1s; ramp 0..5 users in 1s", 24, "either users or arrivals"),
        ("ramp 0 to 5/s in 1s", 7, r"expected \.\."),
        ("sine 9..5/s period 1s for 1s", 8, "below the lowest"),
        ("10/s for 1s; step -6/s x2 each 1s", 18, "below 0"),
        ("0/s for 1s", 0, "0 all the time"),
        ("9999999/s for 1s", 0, "at most 1,000,000"),
        ("200000 users for 1s", 0, "at most 100,000"),
        ("1/s for 31h; hold 700h", 0, "30 days"),
        ("trace rates.txt", 6, "loadgrpc run"),
    ],
)
def test_what_is_wrong_is_pointed_at(written, at, why):
    """The error knows the character, says what was expected there, and marks it."""
    with pytest.raises(LoadTextError, match=why) as error:
        stages(written)

    line, mark = error.value.marked.split("\n")
    assert error.value.at == at
    assert mark == " " * at + "^"
    assert written.startswith(line)


@pytest.mark.parametrize(
    ("written", "per_s"), [("200/s", 200), ("30/m", 0.5), (" 50 ", 50), ("1.5 / s", 1.5)]
)
def test_a_rate_alone(written, per_s):
    """Per second, unless it says something else."""
    assert rate(written) == per_s


@pytest.mark.parametrize("written", ["fast", "5 users", "-1/s", "5/s for 1s; 6/s", "9999999/s", ""])
def test_what_is_no_rate(written):
    """Refused with one that is."""
    with pytest.raises(LoadTextError, match=r"such as 200/s or 30/m|at most 1,000,000/s"):
        rate(written)


def test_a_trace_is_read_from_a_file():
    """Numbers of a file are levels, each for a second or as long as the text says."""
    files = {"a b.txt": (3, 1, 2), "per_minute": (60.0, 30.0)}

    assert stages("trace 'a b.txt'", files.get) == Load(ARRIVALS, (Steps((3, 1, 2), 1.0),))
    assert stages("trace per_minute /m each 2s", files.get).stages == (Steps((1.0, 0.5), 2.0),)
    assert stages('trace "a b.txt" users', files.get).unit is USERS
    with pytest.raises(LoadTextError, match="has 100001: not from 0 to 100,000"):
        stages("trace many users", lambda _: [100_001.0])


numbers = st.integers(0, 1_000_000).map(lambda n: n / 1000)
times = st.integers(1, 10_000_000).map(lambda n: n / 1000)
each_stage = st.one_of(
    st.builds(Hold, numbers, times),
    st.builds(Ramp, numbers, numbers, times),
    st.builds(lambda a, b, p, d: Sine(min(a, b), max(a, b), p, d), numbers, numbers, times, times),
    st.builds(Steps, st.lists(numbers, min_size=1, max_size=5).map(tuple), times),
)


@given(st.sampled_from(LoadUnit), st.lists(each_stage, min_size=1, max_size=5))
def test_what_is_written_is_read(unit, chosen):
    """The text of a load means that load."""
    load = Load(unit, (Hold(1.0, 1.0), *chosen))
    if load.duration_s > 30 * 86_400:
        return

    assert stages(text(load)) == load


def test_times_are_written_as_people_do():
    """No unit is there that says nothing."""
    assert [span(each) for each in (90, 3600, 0.5, 5400.5, 30)] == [
        *("1m30s", "1h", "500ms", "1h30m0.5s", "30s")
    ]
