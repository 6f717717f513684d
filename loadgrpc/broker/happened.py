"""What can happen to an active run; `life.py` says what follows from each."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from loadgrpc.model import CustomState, ExceptionInfo, LoadChangeKind, SourceId, StopMode
from loadgrpc.protocol.fleet import HeldBack, Registration
from loadgrpc.protocol.produced import Produced


@dataclass(frozen=True)
class Due:
    """The time of a scheduled run has come."""


@dataclass(frozen=True)
class TooLate:
    """A run that waits has not started in time, for that reason."""

    reason: str


@dataclass(frozen=True)
class Began:
    """Which agents run it is stored; these agents are connected."""

    connected: Collection[str]


@dataclass(frozen=True)
class Resumed:
    """A broker continues the run that an earlier one had."""


@dataclass(frozen=True)
class CycleStored:
    """The beginning of a cycle is stored."""


@dataclass(frozen=True)
class LoadAsked:
    """A client asks for another load of some scenarios; `by` says who, if that is known."""

    scenarios: tuple[str, ...]
    kind: LoadChangeKind
    value: float = 0.0
    request_id: str = ""
    by: str = ""


@dataclass(frozen=True)
class LoadStored:
    """Changes of the load of some scenarios are stored."""

    scenarios: tuple[str, ...]


@dataclass(frozen=True)
class StopAsked:
    """A client asks to stop the run; `by` says who, if that is known.

    `reason`: why it ends, as a sentence; empty: because of that.
    """

    mode: StopMode
    by: str = ""
    reason: str = ""


@dataclass(frozen=True)
class AgentBack:
    """An agent with a part in the run connected; `last_heard_ns` is from before that."""

    registration: Registration
    last_heard_ns: int


@dataclass(frozen=True)
class AgentAway:
    """The stream of an agent ended without a goodbye."""

    agent_id: str


@dataclass(frozen=True)
class AgentGone:
    """An agent left, or its lease is over; it was last heard at that moment."""

    agent_id: str
    reason: str
    last_heard_ns: int


@dataclass(frozen=True)
class AgentPreparing:
    """An agent says what it is doing before it can start runners; empty: nothing any more."""

    agent_id: str
    doing: str


@dataclass(frozen=True)
class AgentReady:
    """An agent is ready to start the processes of a cycle."""

    agent_id: str
    scenario: str
    cycle: int


@dataclass(frozen=True)
class UsersHeldBack:
    """An agent says how many users of a part had to wait for others to end."""

    agent_id: str
    scenario: str
    held: HeldBack


@dataclass(frozen=True, kw_only=True)
class RunnerExited:
    """A process of a live part ended, or could not be started: see `Fleet.runner_exited`."""

    agent_id: str
    scenario: str
    runner_id: str = ""
    exit_status: int = 0
    words: str = ""
    last: bool = True
    produced: Produced | None = None
    not_prepared: bool = False
    """Nothing was started: what the run needs could not be fetched or installed."""


@dataclass(frozen=True)
class EndStored:
    """The end of a runner is stored."""

    agent_id: str
    scenario: str
    runner_id: str


@dataclass(frozen=True)
class SourceOpened:
    """A source of a live part has opened."""

    source_id: SourceId


@dataclass(frozen=True)
class SourceReady:
    """A runner is ready for a cycle."""

    source_id: SourceId
    cycle: int


@dataclass(frozen=True)
class SourceFinished:
    """A source has sent everything, and that is stored; or could not load the test."""

    source_id: SourceId
    load_error: ExceptionInfo | None = None


@dataclass(frozen=True)
class StatesReported:
    """Runners of a part said what they are doing, which is stored."""

    key: tuple[str, str]
    """Of the part: its agent and its scenario."""
    states: tuple[CustomState, ...]


@dataclass(frozen=True)
class NoteAsked:
    """A client has something to note."""

    text: str
    request_id: str = ""


@dataclass(frozen=True)
class ThresholdsFailed:
    """Windows have closed by which thresholds of the run have failed."""


@dataclass(frozen=True)
class TimePassed:
    """A second or so has passed; these agents are connected."""

    connected: Collection[str]


Event = (
    Due
    | TooLate
    | Began
    | Resumed
    | CycleStored
    | StopAsked
    | LoadAsked
    | LoadStored
    | NoteAsked
    | AgentBack
    | AgentAway
    | AgentGone
    | AgentPreparing
    | AgentReady
    | UsersHeldBack
    | RunnerExited
    | EndStored
    | SourceOpened
    | SourceReady
    | SourceFinished
    | StatesReported
    | ThresholdsFailed
    | TimePassed
)
