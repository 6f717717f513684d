"""The table of a run's life: every state and every event, as told in words."""

import pytest

from loadgrpc.broker.state import (
    PART_TRANSITIONS,
    TRANSITIONS,
    IllegalEventError,
    PartEvent,
    RunEvent,
    part_step,
    step,
)
from loadgrpc.model import AssignmentState, RunState

STARTING, RUNNING, STOPPING, FINISHED, STOPPED, FAILED = RunState
CYCLE, STOP, ENDED, LOST = RunEvent

EXPECTED = {
    (STARTING, CYCLE): RUNNING,
    (STARTING, STOP): STOPPING,
    (STARTING, ENDED): FAILED,
    (STARTING, LOST): FAILED,
    (RUNNING, CYCLE): RUNNING,
    (RUNNING, STOP): STOPPING,
    (RUNNING, ENDED): FINISHED,
    (RUNNING, LOST): FAILED,
    (STOPPING, CYCLE): STOPPING,
    (STOPPING, STOP): STOPPING,
    (STOPPING, ENDED): STOPPED,
    (STOPPING, LOST): STOPPED,
    (FINISHED, STOP): FINISHED,
    (STOPPED, STOP): STOPPED,
    (FAILED, STOP): FAILED,
}


@pytest.mark.parametrize("state", RunState)
@pytest.mark.parametrize("event", RunEvent)
def test_every_state_and_event_has_a_row_or_is_a_defect(state, event):
    """An event leads where the list above says; one that is not listed raises, naming both."""
    if (state, event) in EXPECTED:
        assert step(state, event) is EXPECTED[state, event]
    else:
        with pytest.raises(IllegalEventError, match=f"{event.value}.*{state.name}"):
            step(state, event)


def test_every_state_is_in_the_table():
    """A state that is added later needs rows of its own."""
    assert set(TRANSITIONS) == set(RunState)


def test_final_states_stay():
    """Nothing leads out of a final state, and every other state has a way into one."""
    for state in RunState:
        reachable = set(TRANSITIONS[state].values())
        assert (reachable <= {state}) is state.final
        assert state.final or any(after.final for after in reachable)


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
