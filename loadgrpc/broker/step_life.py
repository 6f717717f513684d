"""The life of a step of a campaign: the tables.

Rule: as in `state.py`: the tables are the program, and an event that a state has no row for is a
defect of the caller.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from loadgrpc.broker.state import IllegalEventError
from loadgrpc.model import StepGate, StepState


class StepEvent(Enum):
    """What can happen to a step."""

    OPENED = "its gates are open"
    CLOSED = "a gate is closed"
    STARTED = "its run was started"
    NOT_STARTED = "its run was not started"
    PASSED = "it passed"
    NOT_PASSED = "it did not pass"
    STOP_ASKED = "the campaign is to stop"
    REPLACED = "it gets another plan"


STEP_TRANSITIONS: Final[dict[StepState, dict[StepEvent, StepState]]] = {
    StepState.WAITING: {
        StepEvent.OPENED: StepState.READY,
        StepEvent.CLOSED: StepState.SKIPPED,
        StepEvent.STOP_ASKED: StepState.CANCELLED,
        StepEvent.REPLACED: StepState.WAITING,
    },
    StepState.READY: {  # its run is asked for: it may be there without our knowing it
        StepEvent.STARTED: StepState.RUNNING,
        StepEvent.NOT_STARTED: StepState.FAILED,
        StepEvent.STOP_ASKED: StepState.STOPPING,
        StepEvent.REPLACED: StepState.REPLACING,
    },
    StepState.RUNNING: {
        StepEvent.PASSED: StepState.PASSED,
        StepEvent.NOT_PASSED: StepState.FAILED,
        StepEvent.STOP_ASKED: StepState.STOPPING,
        StepEvent.REPLACED: StepState.REPLACING,
    },
    StepState.STOPPING: {
        StepEvent.STARTED: StepState.STOPPING,
        StepEvent.NOT_STARTED: StepState.CANCELLED,
        StepEvent.PASSED: StepState.PASSED,
        StepEvent.NOT_PASSED: StepState.FAILED,
        StepEvent.STOP_ASKED: StepState.STOPPING,
    },
    StepState.REPLACING: {  # its run has to be over before the next one begins
        StepEvent.STARTED: StepState.REPLACING,
        StepEvent.NOT_STARTED: StepState.READY,
        StepEvent.PASSED: StepState.READY,
        StepEvent.NOT_PASSED: StepState.READY,
        StepEvent.STOP_ASKED: StepState.STOPPING,
        StepEvent.REPLACED: StepState.REPLACING,
    },
    StepState.PASSED: {StepEvent.STOP_ASKED: StepState.PASSED},
    StepState.FAILED: {StepEvent.STOP_ASKED: StepState.FAILED},
    StepState.SKIPPED: {StepEvent.STOP_ASKED: StepState.SKIPPED},
    StepState.CANCELLED: {StepEvent.STOP_ASKED: StepState.CANCELLED},
}

GATES: Final[dict[StepGate, frozenset[StepState]]] = {
    StepGate.PASSED: frozenset({StepState.PASSED}),
    StepGate.FAILED: frozenset({StepState.FAILED}),
    StepGate.OVER: frozenset({StepState.PASSED, StepState.FAILED, StepState.SKIPPED}),
}
"""The final states of a step in which a gate behind it is open; in the others it is closed."""


def step_after(state: StepState, event: StepEvent) -> StepState:
    """The state of a step after `event`.

    Raises:
        IllegalEventError: it cannot happen in that state.
    """
    try:
        return STEP_TRANSITIONS[state][event]
    except KeyError:
        message = f"{event.value}, of a step that is {state.name}"
        raise IllegalEventError(message) from None
