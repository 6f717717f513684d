"""Every value is in the bucket that OTLP's definition says, to the last nanosecond."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadgrpc.stats import buckets
from loadgrpc.stats.buckets import MAX_VALUE, OCTAVE, position, positions, representative
from loadgrpc.stats.histogram import MAX_RELATIVE_ERROR

LAST = position(MAX_VALUE)
LARGEST = buckets._LARGEST.tolist()


@given(st.integers(1, MAX_VALUE))
def test_a_value_lies_between_the_bounds_of_its_bucket(value):
    """A value v at position p fulfils base**(p-1) < v <= base**p, in exact arithmetic."""
    at = position(value)
    assert value**OCTAVE <= 2**at
    assert at == 0 or value**OCTAVE > 2 ** (at - 1)


@pytest.mark.parametrize(
    ("value", "index"), [(1, -1), (2, 127), (3, 202), (4, 255), (1024, 1279), (1025, 1280)]
)
def test_positions_are_indexes_of_otlp_and_one(value, index):
    """The index is ceil(log2(value) * 128) - 1; a power of two is the last of its bucket."""
    assert position(value) == index + 1


def test_many_positions_are_found_as_one_is():
    """The fast look-up agrees with the exact one around every bound of a bucket or a cell."""
    cells = [(256 + part) << octave >> 8 for octave in range(63) for part in range(256)]
    edges = {edge + step for edge in (*LARGEST, *cells) for step in (-1, 0, 1)}
    values = sorted(value for value in edges if 1 <= value <= MAX_VALUE)
    found = positions(np.array(values, dtype=np.int64)).tolist()
    assert found == [position(value) for value in values]


@given(st.lists(st.integers(1, MAX_VALUE), min_size=1))
def test_any_positions_are_found_as_one_is(values):
    """The fast look-up agrees with the exact one for whatever values."""
    found = positions(np.array(values, dtype=np.int64)).tolist()
    assert found == [position(value) for value in values]


def test_no_representative_is_far_from_any_value_of_its_bucket():
    """Each bucket answers within 0.28 % of its values; below 4 us half a nanosecond is added."""
    allowed = Fraction(MAX_RELATIVE_ERROR)
    for at, (below, high) in enumerate(zip([0, *LARGEST], LARGEST, strict=False)):
        low = below + 1
        if low > high:
            continue  # the bucket has no whole number
        answer = representative(at)
        assert low <= answer <= high
        rounding = Fraction(1, 2) if 187 <= low < 4_000 else 0
        assert answer - low <= allowed * low + rounding
        assert high - answer <= allowed * high + rounding
        assert high < 188 or low > 186
        assert low == high or low >= 187


def test_the_buckets_reach_from_one_to_the_largest_value():
    """The ends of the range have buckets: the first and the last."""
    assert position(1) == 0
    assert len(LARGEST) - 1 == 63 * OCTAVE == LAST
