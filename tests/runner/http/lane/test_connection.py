"""When an answer came, by clocks that are read one after the other."""

import struct
import types

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadgrpc.runner.poll_clock import PollClock

US = 1_000
MS = 1_000 * US
START_NS = 10**15


class Clocks:
    """Two clocks, each of whose readings takes a while, and before which one may be held up."""

    def __init__(self, hold_ups=()):
        self.now_ns = 5 * 10**9
        self.ahead_ns = START_NS
        self.hold_ups = list(hold_ups)

    def _pass(self):
        self.now_ns += 40 + (self.hold_ups.pop() if self.hold_ups else 0)

    def monotonic_ns(self):
        self._pass()
        return self.now_ns

    def real_ns(self):
        self._pass()
        return self.now_ns + self.ahead_ns

    def stamp(self):
        """What comes with something that comes now."""
        return [(1, 35, struct.pack("@qq", *divmod(self.now_ns + self.ahead_ns, 10**9)))]


class Hub:
    """A hub whose turns the test takes."""

    def __init__(self):
        self.loop = types.SimpleNamespace(check=lambda **_: self, MAXPRI=2)

    def start(self, callback):
        self.look = callback


def look_at(clocks):
    """A look, and the hub that it is of."""
    hub = Hub()
    return PollClock(clocks, hub), hub


HOLD_UPS = st.lists(st.sampled_from([0, 0, 0, 30, 5 * US, 300 * US, 20 * MS]), max_size=60)


@settings(max_examples=200)
@given(
    before=HOLD_UPS,
    rounds=st.lists(
        st.tuples(
            st.integers(1, 50 * MS),  # until the answer comes
            st.integers(0, 20 * MS),  # until the hub looks
            HOLD_UPS,
            st.sampled_from([0, 0, 0, 0, -(10**12), 10**12, 3 * MS, -3 * MS]),  # the clock is set
        ),
        max_size=20,
    ),
)
def test_b4_no_answer_comes_before_it_came(before, rounds):
    """However a generator is held up and its clock is set, an answer did not come too early.

    It came after all of the question was sent, not before it did come, and not after it was
    received. Unless the clock was set meanwhile it is told to 200 ns.
    """
    clocks = Clocks(before)
    look, hub = look_at(clocks)
    for wait_ns, lag_ns, hold_ups, set_by_ns in rounds:
        clocks.hold_ups = []
        hub.look()
        asked_ns = clocks.monotonic_ns()
        clocks.now_ns += 10 * US  # what sending takes
        sent_ns = clocks.monotonic_ns()
        clocks.now_ns += wait_ns
        stamps, came_ns = clocks.stamp(), clocks.now_ns
        clocks.ahead_ns += set_by_ns
        clocks.now_ns += lag_ns
        clocks.hold_ups = list(hold_ups)
        hub.look()
        told_ns = look.came_ns(stamps, asked_ns, sent_ns)
        assert sent_ns < came_ns <= told_ns <= clocks.now_ns
        assert set_by_ns or told_ns <= came_ns + 200


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("held_ns", [5 * US, 20 * MS])
def test_b4_a_hold_up_between_two_clocks_moves_no_stamp(place, held_ns):
    """A thread that is held up while it reads the clocks tells the same as one that is not."""
    clocks = Clocks()
    look, hub = look_at(clocks)
    asked_ns = clocks.monotonic_ns()
    clocks.now_ns += 20 * US
    stamps, came_ns = clocks.stamp(), clocks.now_ns
    clocks.hold_ups = [0, 0, 0]
    clocks.hold_ups[2 - place] = held_ns
    clocks.now_ns += 5 * US
    hub.look()
    assert came_ns <= look.came_ns(stamps, asked_ns, asked_ns + 1) <= came_ns + 200


def test_b4_what_came_while_it_was_asked_for_takes_what_sending_took():
    """An answer that was there before sending had returned takes as long as sending."""
    clocks = Clocks()
    look, hub = look_at(clocks)
    asked_ns = clocks.monotonic_ns()
    clocks.now_ns += 20 * US
    stamps = clocks.stamp()
    clocks.now_ns += 7 * MS  # sending has not returned meanwhile
    sent_ns = clocks.monotonic_ns()
    hub.look()
    assert look.came_ns(stamps, asked_ns, sent_ns) == sent_ns


def test_b4_stamps_older_than_the_question_are_not_taken():
    """Then the look counts, which is later than the answer."""
    clocks = Clocks()
    look, hub = look_at(clocks)
    stamps = clocks.stamp()
    clocks.now_ns += 5 * MS
    asked_ns = clocks.monotonic_ns()
    clocks.now_ns += 5 * MS
    hub.look()
    assert look.came_ns(stamps, asked_ns, asked_ns + 1) == look.at_ns > asked_ns
    assert look.came_ns([], asked_ns, asked_ns + 1) == look.at_ns


def test_b4_what_comes_after_the_look_came_when_it_did():
    """The rest of an answer may come between look and receipt: the stamp is of the rest."""
    clocks = Clocks()
    look, hub = look_at(clocks)
    asked_ns = clocks.monotonic_ns()
    hub.look()
    clocks.now_ns += 5 * MS  # others are served
    stamps, came_ns = clocks.stamp(), clocks.now_ns
    clocks.now_ns += 5 * MS
    assert came_ns <= look.came_ns(stamps, asked_ns, asked_ns + 1) <= came_ns + 200
    clocks.ahead_ns += 10**12  # a stamp from the future is none
    assert look.came_ns(clocks.stamp(), asked_ns, asked_ns + 1) == look.at_ns
