"""Draws follow from what they are drawn for, and look drawn."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from loadgrpc.stats.draws import draw, seed_of, shuffled

numbers = st.integers(0, 2**64 - 1)


@given(numbers, st.lists(numbers, max_size=4))
def test_a_draw_follows_from_what_it_is_drawn_for(seed, what):
    """The same numbers make the same draw, others another one."""
    drawn = draw(seed, *what)

    assert drawn == draw(seed, *what)
    assert 0 <= drawn < 2**64
    assert drawn != draw(seed, *what, 0)


def test_draws_are_the_same_everywhere():
    """They are part of what a seed promises: no version may draw otherwise."""
    assert seed_of("r-1/buy") == 0x18E574C27255DB79
    assert draw(7, 1, 2) == 0xDB26D7C7F4C46F8E
    assert shuffled(5, 7) == [0, 4, 3, 1, 2]


def test_draws_are_even():
    """Of 4,000 draws about a quarter is in each quarter, for neighbours of all kinds."""
    for drawn in ([draw(at) for at in range(4_000)], [draw(1, 2, at) for at in range(4_000)]):
        quarters = Counter(each >> 62 for each in drawn)
        assert all(abs(count - 1_000) < 140 for count in quarters.values()), quarters  # 5 sigma


def test_each_order_is_equally_likely():
    """Three things have six orders, each of them drawn about as often."""
    orders = Counter(tuple(shuffled(3, seed)) for seed in range(3_000))

    assert len(orders) == 6
    assert all(abs(count - 500) < 105 for count in orders.values()), orders  # 5 sigma
