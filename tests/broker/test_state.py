"""The table of a run's life: every state and every event, as told in words."""

import pytest

from loadgrpc.broker.state import (
    FIRST,
    NEVER,
    PART_TRANSITIONS,
    TRANSITIONS,
    IllegalEventError,
    PartEvent,
    RunEvent,
    diagram,
    part_step,
    step,
)
from loadgrpc.model import AssignmentState, RunState

STARTING, RUNNING, STOPPING, FINISHED, STOPPED, FAILED, SCHEDULED, QUEUED, EXPIRED = RunState
DUE, CHOSEN, TOO_LATE, CYCLE, STOP, RETRIED, ENDED, LOST = RunEvent

EXPECTED = {
    (SCHEDULED, DUE): QUEUED,
    (SCHEDULED, TOO_LATE): EXPIRED,
    (SCHEDULED, STOP): STOPPED,
    (QUEUED, CHOSEN): STARTING,
    (QUEUED, TOO_LATE): EXPIRED,
    (QUEUED, STOP): STOPPED,
    (STARTING, CYCLE): RUNNING,
    (STARTING, STOP): STOPPING,
    (STARTING, RETRIED): SCHEDULED,
    (STARTING, ENDED): FAILED,
    (STARTING, LOST): FAILED,
    (RUNNING, CYCLE): RUNNING,
    (RUNNING, STOP): STOPPING,
    (RUNNING, RETRIED): SCHEDULED,
    (RUNNING, ENDED): FINISHED,
    (RUNNING, LOST): FAILED,
    (STOPPING, CYCLE): STOPPING,
    (STOPPING, STOP): STOPPING,
    (STOPPING, ENDED): STOPPED,
    (STOPPING, LOST): STOPPED,
    (FINISHED, STOP): FINISHED,
    (STOPPED, STOP): STOPPED,
    (FAILED, STOP): FAILED,
    (EXPIRED, STOP): EXPIRED,
}


@pytest.mark.parametrize("state", RunState)
@pytest.mark.parametrize("event", RunEvent)
def test_every_state_and_event_has_a_cell(state, event):
    """An event leads where the list above says; one that is not listed raises, naming both."""
    then = TRANSITIONS[state][event]  # there is a cell for it
    if (state, event) in EXPECTED:
        assert step(state, event) is then is EXPECTED[state, event]
    else:
        assert then is NEVER
        with pytest.raises(IllegalEventError, match=f"{event.value}.*{state.name}"):
            step(state, event)


def test_every_state_can_be_reached():
    """From those that a run may begin with, by the events of the table."""
    reached, left = set(FIRST), list(FIRST)
    while left:
        for then in TRANSITIONS[left.pop()].values():
            if then is not NEVER and then not in reached:
                reached.add(then)
                left.append(then)

    assert reached == set(RunState) == set(TRANSITIONS)


def test_only_final_states_are_dead_ends():
    """Nothing leads out of a final state, and from every other state there is a way into one."""
    ends = {state for state in RunState if state.final}
    for state in RunState:
        then = {each for each in TRANSITIONS[state].values() if each is not NEVER}
        assert (then <= {state}) is state.final
        reached, left = {state}, [state]
        while left:
            for each in TRANSITIONS[left.pop()].values():
                if each is not NEVER and each not in reached:
                    reached.add(each)
                    left.append(each)
        assert reached & ends


def test_a_run_that_waits_is_not_over():
    """And one that waits has no agents; the states are apart."""
    assert {state for state in RunState if state.waiting} == {SCHEDULED, QUEUED}
    assert {state for state in RunState if state.final} == {FINISHED, STOPPED, FAILED, EXPIRED}


def test_the_diagram_has_every_change_of_state():
    """Each once, with all events that lead there."""
    lines = diagram().splitlines()
    drawn = {tuple(line.split(":")[0].split(" --> ")) for line in map(str.strip, lines[1:])}

    changes = {(a.name, b.name) for (a, _), b in EXPECTED.items() if a is not b}
    ends = {(state.name, "[*]") for state in RunState if state.final}
    assert drawn == changes | ends | {("[*]", state.name) for state in FIRST}
    assert len(lines) == 1 + len(drawn)


PARTS = {
    PartEvent.READY: AssignmentState.RUNNING,
    PartEvent.ENDED: AssignmentState.FINISHED,
    PartEvent.ENDED_UNVERIFIED: AssignmentState.FINISHED_UNVERIFIED,
    PartEvent.NOT_LOADED: AssignmentState.LOAD_FAILED,
    PartEvent.LOST: AssignmentState.LOST,
}


@pytest.mark.parametrize("state", AssignmentState)
@pytest.mark.parametrize("event", PartEvent)
def test_a_part_goes_where_the_event_leads_until_it_is_over(state, event):
    """STARTING and RUNNING take every event; a part that is over takes none: that is a defect."""
    assert set(PART_TRANSITIONS) == set(AssignmentState)
    if not state.final:
        assert part_step(state, event) is PARTS[event]
    else:
        with pytest.raises(IllegalEventError, match=f"{event.value}.*{state.name}"):
            part_step(state, event)
