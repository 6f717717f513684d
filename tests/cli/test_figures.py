"""Figures and names as people read them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadgrpc import text as text_of
from loadgrpc.cli import figures


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "0 s"),
        (1, "1 ns"),
        (999, "999 ns"),
        (1_000, "1.00 µs"),
        (850_000, "850 µs"),
        (999_499, "999 µs"),
        (999_500, "1.00 ms"),
        (12_340_000, "12.3 ms"),
        (123_400_000, "123 ms"),
        (999_600_000, "1.00 s"),
        (1_240_000_000, "1.24 s"),
        (59_940_000_000, "59.9 s"),
        (59_960_000_000, "1 min 0 s"),
        (123_000_000_000, "2 min 3 s"),
        (3_720_000_000_000, "1 h 2 min"),
    ],
)
def test_durations_read_as_people_say_them(ns, text):
    """Three digits and a unit, minutes and hours in two parts; rounding carries into units."""
    assert figures.duration(ns) == text


@given(st.integers(1, 59 * 10**9))
def test_durations_are_right_to_three_digits(ns):
    """What is printed differs from what was measured by at most half of the third digit."""
    number, unit = figures.duration(ns).split(" ", 1)
    factor = {"ns": 1, "µs": 10**3, "ms": 10**6, "s": 10**9}[unit]
    assert abs(float(number) * factor - ns) <= ns * 0.0051


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (0, 0, "0 %"),
        (0, 10, "0 %"),
        (10, 10, "100 %"),
        (1, 3, "33.3 %"),
        (1, 1_000_000, "<0.01 %"),
        (999_999, 1_000_000, ">99.9 %"),
        (23, 1200, "1.92 %"),
    ],
)
def test_per_cents_do_not_say_none_or_all_when_it_is_not(part, whole, text):
    """One failure in a million is not 0 %, and one success short of all is not 100 %."""
    assert figures.percent(part, whole) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1204000, "1.20 MB"),
        (999_999, "1.00 MB"),
        (5 * 10**15, "5000 TB"),
    ],
)
def test_sizes_have_units(count, text):
    """Bytes are counted in thousands."""
    assert figures.size(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(5.0, "5 s"), (1.5, "1.5 s"), (90.0, "1 min 30 s"), (0.25, "0.25 s")]
)
def test_spans_are_shown_as_set(seconds, text):
    """A duration that a person typed is not dressed up with digits."""
    assert figures.span(seconds) == text


@given(st.text(), st.integers(0, 60))
def test_shortened_text_fits(text, width):
    """Shortened and clipped, any text has at most the columns it was given."""
    text = text_of.one_line(text)
    assert figures.cells(figures.shorten(text, width)) <= width
    assert figures.cells(figures.clip(text, width)) <= width


def test_names_are_shortened_in_their_middle():
    """Start and end of a long name are what tells it from others."""
    assert figures.shorten("http://example.com/a/long/path/index", 17) == "http://e…th/index"


@given(st.text())
def test_what_servers_say_cannot_steer_the_terminal(text):
    """No control character survives, newlines excepted."""
    shown = text_of.printable(text + "\x1b]0;owned\x07\x9b2J\u202e")
    assert all(character == "\n" or character.isprintable() for character in shown)
    assert "\\x1b" in shown
