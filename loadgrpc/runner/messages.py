"""What the link and a user process say to each other, beside batches of events.

    link                               user process
    LoadTest ────────────────────────▶ imports the test, sets up its class
             ◀──────────────────────── Loaded, or CannotLoad and its end
    BeginCycle ──────────────────────▶ runs its users of the cycle
             ◀──────────────────────── UsersNow, whenever that changed; CycleDone
    Leave ───────────────────────────▶ tears the class down
             ◀──────────────────────── Farewell, and its end

At any time the link may say StopNow or ChangeLoad, which are obeyed at once and not answered. At
any time the process may say BatchesDropped, or WorkerFailed, which is a defect and its end.

Rule: a message is one of these classes; on the pipe it is a JSON object with the name of its class.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class LoadTest:
    """Import the test of an assignment; the share of its users is in the form of `share.py`."""

    assignment: str
    """The assignment as its message in runner.proto, in base64."""
    first_user: int
    processes: int
    """User processes of the assignment: how far the numbers of its users are apart."""


@dataclass(frozen=True, slots=True)
class BeginCycle:
    """Run the users of a cycle."""

    cycle: int
    began_ns: int = 0
    """When it began (monotonic), the same for all processes of the machine."""


@dataclass(frozen=True, slots=True)
class ChangeLoad:
    """The load was changed live; all changes so far, each as time, kind and value."""

    changes: list[list[float]]


@dataclass(frozen=True, slots=True)
class StopNow:
    """Let users finish their iteration, and cut them off after that time."""

    timeout_s: float


@dataclass(frozen=True, slots=True)
class Leave:
    """Nothing more is to come."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """It is ready for the first cycle."""


@dataclass(frozen=True, slots=True)
class CannotLoad:
    """The test cannot be loaded; what was raised."""

    type: str
    message: str
    traceback: str


@dataclass(frozen=True, slots=True)
class UsersNow:
    """Users that are alive, and those that the cycle has had."""

    active: int
    started: int


@dataclass(frozen=True, slots=True)
class CycleDone:
    """All users of the cycle have ended, and what they did was sent."""

    cycle: int


@dataclass(frozen=True, slots=True)
class BatchesDropped:
    """Events, and how many of them were hits, that were made faster than they could be sent."""

    events: int
    hits: int


@dataclass(frozen=True, slots=True)
class Farewell:
    """It ends; what it has produced in all."""

    events: int
    hits: int


@dataclass(frozen=True, slots=True)
class WorkerFailed:
    """It has a defect, and ends."""

    why: str


Order = LoadTest | BeginCycle | ChangeLoad | StopNow | Leave
Report = Loaded | CannotLoad | UsersNow | CycleDone | BatchesDropped | Farewell | WorkerFailed
Message = Order | Report

_KINDS: Final = {kind.__name__: kind for kind in (*Order.__args__, *Report.__args__)}


def to_bytes(message: Message) -> bytes:
    """A message as it goes through the pipe."""
    return json.dumps({type(message).__name__: asdict(message)}).encode()


def from_bytes(body: bytes) -> Message:
    """The message that was put into the pipe at the other end."""
    ((name, fields),) = json.loads(body).items()
    message: Message = _KINDS[name](**fields)
    return message
