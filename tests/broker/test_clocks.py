"""How far an agent's clock is away, as its messages tell."""

from hypothesis import given
from hypothesis import strategies as st

from loadgrpc.broker.clocks import SAMPLES, ClockOffset

MINUTE_NS = 60_000_000_000


def test_nothing_is_known_before_a_message():
    """And nothing is made up."""
    assert ClockOffset().ahead_ns is None


@given(
    st.integers(-10 * MINUTE_NS, 10 * MINUTE_NS),
    st.lists(st.integers(0, 5_000_000_000), min_size=1, max_size=20),
)
def test_it_is_wrong_by_the_shortest_way_of_a_message(ahead_ns, delays_ns):
    """Whatever the others took; and never by more."""
    clock = ClockOffset()
    for at, delay_ns in enumerate(delays_ns):
        sent_ns = at * MINUTE_NS
        clock.add(sent_ns + ahead_ns, sent_ns + delay_ns)

    assert ahead_ns - clock.ahead_ns == min(delays_ns)


def test_a_clock_that_was_set_is_found_out():
    """Old messages are forgotten."""
    clock = ClockOffset()
    clock.add(5 * MINUTE_NS, 0)
    for at in range(SAMPLES):
        clock.add(at, at)

    assert clock.ahead_ns == 0
