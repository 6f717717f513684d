"""What tests say they are doing: the last of each part is shown, and the log is bounded."""

from loadgrpc.broker.custom_states import (
    BURST,
    MAX_LOGGED_STATES,
    MAX_SHOWN,
    CustomStates,
    LoggedStates,
)
from loadgrpc.clock import NS_PER_S
from loadgrpc.model import CustomState

KEY = ("a", "")


def test_the_last_state_of_each_part_is_shown():
    """Of more parts than are shown, those that said something last."""
    states = CustomStates()
    for number in range(MAX_SHOWN + 5):
        states.add((f"a{number:03}", ""), [(CustomState("x"), number)])
    said = [(CustomState("x"), 998), (CustomState("y", (("n", "1"),)), 999)]
    states.add(("a000", ""), said)
    states.add(("a001", ""), [])
    shown = states.shown()
    assert len(shown) == MAX_SHOWN
    assert (shown[0].agent_id, str(shown[0].state)) == ("a000", "y (n=1)")
    assert shown[1].agent_id == "a006"


def test_the_log_gets_a_burst_and_then_one_a_second():
    """Of each part for itself; a state that did not change is no change."""
    log = LoggedStates()
    many = [CustomState(str(n)) for n in range(50)]
    assert list(log.changes(KEY, [many[0], many[0]], 0)) == [many[0]]
    assert len(list(log.changes(KEY, many[1:], 0))) == BURST - 1
    assert list(log.changes(KEY, [CustomState("late")], NS_PER_S - 1)) == []
    assert len(list(log.changes(KEY, many[:3], NS_PER_S))) == 1
    assert len(list(log.changes(("b", ""), many, 0))) == BURST
    assert len(list(log.changes(KEY, many, 100 * NS_PER_S))) == BURST


def test_the_log_of_a_run_is_bounded():
    """However many parts there are."""
    log = LoggedStates()
    logged = sum(
        len(list(log.changes((str(agent), ""), [CustomState(str(n)) for n in range(BURST)], 0)))
        for agent in range(MAX_LOGGED_STATES)
    )
    assert logged == MAX_LOGGED_STATES
