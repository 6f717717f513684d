"""How long users wait: what a draw makes of it."""

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadgrpc.model import (
    MAX_WAIT_S,
    Wait,
    between,
    constant,
    exponential,
    lognormal,
)
from loadgrpc.stats.draws import draw

DRAWS = [draw(1, at) for at in range(4_000)]
ALL = [constant(3), between(1, 3), exponential(2), lognormal(2, 0.5)]


@given(st.integers(0, 2**64 - 1), st.sampled_from([*ALL, lognormal(86_400, 5)]))
def test_a_wait_has_its_bounds(drawn, wait):
    """Whatever is drawn, a wait is not negative, and not longer than a day."""
    assert 0 <= wait.seconds(drawn) <= MAX_WAIT_S


def test_waits_are_distributed_as_they_say():
    """Mean, median and spread of what is drawn are those of the distribution."""
    same, uniform, memoryless, human = ([wait.seconds(each) for each in DRAWS] for wait in ALL)

    assert set(same) == {3.0}
    assert min(uniform) == pytest.approx(1, abs=0.01)
    assert max(uniform) == pytest.approx(3, abs=0.01)
    assert statistics.mean(uniform) == pytest.approx(2, abs=0.05)
    assert statistics.mean(memoryless) == pytest.approx(2, abs=0.16)
    assert statistics.stdev(memoryless) == pytest.approx(2, abs=0.25)
    assert statistics.median(human) == pytest.approx(2, abs=0.08)
    assert sum(each > 2 * 1.6487 for each in human) == pytest.approx(0.1587 * 4_000, abs=115)


@pytest.mark.parametrize(
    ("make", "arguments", "message"),
    [
        (constant, (-1,), "constant has -1s: it must be 0 or more, and at most 1 day"),
        (constant, (float("nan"),), "constant has nans: it must be 0 or more"),
        (between, (3, 1), "between is from 3s to 1s: the first must not be longer"),
        (between, (0, 86_401), "between has 86401s"),
        (exponential, (0,), "exponential has 0s: it must be more than 0, and at most 1 day"),
        (lognormal, (0, 1), "lognormal has 0s"),
        (lognormal, (1, 0), "lognormal has a sigma of 0: it must be more than 0 and at most 5"),
    ],
)
def test_what_is_no_wait_is_refused(make, arguments, message):
    """The sentence says what is wrong, and what would be right."""
    with pytest.raises(ValueError, match=r".") as caught:
        make(*arguments)
    assert message in str(caught.value)


def test_a_wait_that_is_not_known_here_is_wrong():
    """One from a newer client has no kind here, and says so."""
    assert "needs a kind of wait" in Wait().wrong()
