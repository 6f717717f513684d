"""The life of a run, and of one agent's part in it.

Rule 1: the tables below are the program; whoever changes a state asks `step`.
Rule 2: the table of a run has a cell for every event in every state. NEVER is a defect of the
caller, and raises; so is what the table of a part has no row for.

A run that waits is SCHEDULED (for its time) or QUEUED (for agents). It is final in FINISHED,
STOPPED, FAILED and EXPIRED, and nothing moves it from there; asking a final run to stop is legal
and changes nothing, so that stopping is idempotent. The diagram in docs/run-life.md is drawn from
this table (`diagram`).
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from loadgrpc.model import AssignmentState, RunState


class RunEvent(Enum):
    """What can happen to a run."""

    DUE = "its time has come"
    CHOSEN = "agents were chosen"
    TOO_LATE = "it has waited too long"
    CYCLE_STARTED = "a cycle started"
    STOP_ASKED = "a stop was asked for"
    RETRIED = "its attempt is over, and another follows"
    ALL_ENDED = "every part is over"
    ALL_LOST = "every part was lost"


NEVER: Final = None
"""An event that must not happen in a state."""


def _row(then: dict[RunEvent, RunState]) -> dict[RunEvent, RunState | None]:
    """A cell for every event: what is not listed must not happen."""
    return {event: then.get(event, NEVER) for event in RunEvent}


TRANSITIONS: Final[dict[RunState, dict[RunEvent, RunState | None]]] = {
    RunState.SCHEDULED: _row(
        {
            RunEvent.DUE: RunState.QUEUED,
            RunEvent.TOO_LATE: RunState.EXPIRED,
            RunEvent.STOP_ASKED: RunState.STOPPED,
        }
    ),
    RunState.QUEUED: _row(
        {
            RunEvent.CHOSEN: RunState.STARTING,
            RunEvent.TOO_LATE: RunState.EXPIRED,
            RunEvent.STOP_ASKED: RunState.STOPPED,
        }
    ),
    RunState.STARTING: _row(
        {
            RunEvent.CYCLE_STARTED: RunState.RUNNING,
            RunEvent.STOP_ASKED: RunState.STOPPING,
            RunEvent.RETRIED: RunState.SCHEDULED,
            RunEvent.ALL_ENDED: RunState.FAILED,  # before it began: nothing could be loaded
            RunEvent.ALL_LOST: RunState.FAILED,
        }
    ),
    RunState.RUNNING: _row(
        {
            RunEvent.CYCLE_STARTED: RunState.RUNNING,
            RunEvent.STOP_ASKED: RunState.STOPPING,
            RunEvent.RETRIED: RunState.SCHEDULED,
            RunEvent.ALL_ENDED: RunState.FINISHED,
            RunEvent.ALL_LOST: RunState.FAILED,
        }
    ),
    RunState.STOPPING: _row(
        {
            RunEvent.CYCLE_STARTED: RunState.STOPPING,  # its order was under way
            RunEvent.STOP_ASKED: RunState.STOPPING,
            RunEvent.ALL_ENDED: RunState.STOPPED,
            RunEvent.ALL_LOST: RunState.STOPPED,
        }
    ),
    RunState.FINISHED: _row({RunEvent.STOP_ASKED: RunState.FINISHED}),
    RunState.STOPPED: _row({RunEvent.STOP_ASKED: RunState.STOPPED}),
    RunState.FAILED: _row({RunEvent.STOP_ASKED: RunState.FAILED}),
    RunState.EXPIRED: _row({RunEvent.STOP_ASKED: RunState.EXPIRED}),
}
FIRST: Final = (RunState.SCHEDULED, RunState.QUEUED, RunState.STARTING)
"""What a run can be when it is accepted."""


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
    """An event that must not happen in a state: a defect."""


def step(state: RunState, event: RunEvent) -> RunState:
    """The state after `event`."""
    then = TRANSITIONS[state][event]
    if then is NEVER:
        raise IllegalEventError(f"{event.value}, in a run that is {state.name}")
    return then


def part_step(state: AssignmentState, event: PartEvent) -> AssignmentState:
    """The state of a part after `event`."""
    try:
        return PART_TRANSITIONS[state][event]
    except KeyError:
        raise IllegalEventError(f"{event.value}, of a part that is {state.name}") from None


def diagram() -> str:
    """The life of a run as a Mermaid state diagram: every change of state in the table."""
    lines = ["stateDiagram-v2"]
    lines += [f"    [*] --> {state.name}" for state in FIRST]
    for state, row in TRANSITIONS.items():
        for then in dict.fromkeys(each for each in row.values() if each not in (None, state)):
            assert then is not None  # noqa: S101 - by the line above
            why = " / ".join(event.value for event, each in row.items() if each is then)
            lines.append(f"    {state.name} --> {then.name}: {why}")
    lines += [f"    {state.name} --> [*]" for state in TRANSITIONS if state.final]
    return "\n".join(lines)
