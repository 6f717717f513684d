"""The life of a run, and of one agent's part in it.

Rule 1: the tables below are the program; whoever changes a state asks `step`.
Rule 2: an event that a state has no row for is a defect of the caller and raises.

A run is final in FINISHED, STOPPED and FAILED, and nothing moves it from there; asking a
final run to stop is legal and changes nothing, so that stopping is idempotent.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from loadgrpc.model import AssignmentState, RunState


class RunEvent(Enum):
    """What can happen to a run."""

    CYCLE_STARTED = "a cycle started"
    STOP_ASKED = "a stop was asked for"
    ALL_ENDED = "every part is over"
    ALL_LOST = "every part was lost"


TRANSITIONS: Final[dict[RunState, dict[RunEvent, RunState]]] = {
    RunState.STARTING: {
        RunEvent.CYCLE_STARTED: RunState.RUNNING,
        RunEvent.STOP_ASKED: RunState.STOPPING,
        RunEvent.ALL_ENDED: RunState.FAILED,  # over before it began: nothing could be loaded
        RunEvent.ALL_LOST: RunState.FAILED,
    },
    RunState.RUNNING: {
        RunEvent.CYCLE_STARTED: RunState.RUNNING,
        RunEvent.STOP_ASKED: RunState.STOPPING,
        RunEvent.ALL_ENDED: RunState.FINISHED,
        RunEvent.ALL_LOST: RunState.FAILED,
    },
    RunState.STOPPING: {
        RunEvent.CYCLE_STARTED: RunState.STOPPING,  # its order was under way
        RunEvent.STOP_ASKED: RunState.STOPPING,
        RunEvent.ALL_ENDED: RunState.STOPPED,
        RunEvent.ALL_LOST: RunState.STOPPED,
    },
    RunState.FINISHED: {RunEvent.STOP_ASKED: RunState.FINISHED},
    RunState.STOPPED: {RunEvent.STOP_ASKED: RunState.STOPPED},
    RunState.FAILED: {RunEvent.STOP_ASKED: RunState.FAILED},
}


class PartEvent(Enum):
    """What can happen to an agent's part in a run."""

    READY = "it is ready"
    ENDED = "its runners ended well"
    ENDED_UNVERIFIED = "they ended, one of them unverified"
    NOT_LOADED = "the test could not be loaded"
    LOST = "it was lost"


_ENDS: Final = {
    PartEvent.ENDED: AssignmentState.FINISHED,
    PartEvent.ENDED_UNVERIFIED: AssignmentState.FINISHED_UNVERIFIED,
    PartEvent.NOT_LOADED: AssignmentState.LOAD_FAILED,
    PartEvent.LOST: AssignmentState.LOST,
}

PART_TRANSITIONS: Final[dict[AssignmentState, dict[PartEvent, AssignmentState]]] = {
    AssignmentState.STARTING: {PartEvent.READY: AssignmentState.RUNNING, **_ENDS},
    AssignmentState.RUNNING: {PartEvent.READY: AssignmentState.RUNNING, **_ENDS},
    AssignmentState.FINISHED: {},
    AssignmentState.FINISHED_UNVERIFIED: {},
    AssignmentState.LOAD_FAILED: {},
    AssignmentState.LOST: {},
}


class IllegalEventError(RuntimeError):
    """An event that a state has no row for: a defect."""


def step(state: RunState, event: RunEvent) -> RunState:
    """The state after `event`."""
    try:
        return TRANSITIONS[state][event]
    except KeyError:
        raise IllegalEventError(f"{event.value}, in a run that is {state.name}") from None


def part_step(state: AssignmentState, event: PartEvent) -> AssignmentState:
    """The state of a part after `event`."""
    try:
        return PART_TRANSITIONS[state][event]
    except KeyError:
        raise IllegalEventError(f"{event.value}, of a part that is {state.name}") from None
