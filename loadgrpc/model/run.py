"""A run, the agents it runs on, and the broker, as clients see them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from loadgrpc.model.confinement import UNCONFINED, Confinement
from loadgrpc.model.custom_state import CustomState
from loadgrpc.model.limits import LimitUse
from loadgrpc.model.load import LoadChange
from loadgrpc.model.plan import Plan
from loadgrpc.model.retry import attempt_id
from loadgrpc.model.submission import Waiting
from loadgrpc.model.threshold import ThresholdResult

MAX_NOTE_CHARS: Final = 400
"""Of a note in the log of a run."""


class RunState(IntEnum):
    """Where in its life a run is. `broker/state.py` has the transitions."""

    STARTING = 1
    RUNNING = 2
    STOPPING = 3
    FINISHED = 4
    STOPPED = 5
    FAILED = 6
    SCHEDULED = 7
    QUEUED = 8
    EXPIRED = 9

    @property
    def waiting(self) -> bool:
        """Whether the run, or its next attempt, has no agents yet."""
        return self in _WAITING

    @property
    def final(self) -> bool:
        """Whether the run is over."""
        return self not in _GOING_ON


# Tuples: the hash of a member of an enum costs more than comparing it with a few.
_WAITING: Final = (RunState.SCHEDULED, RunState.QUEUED)
_GOING_ON: Final = (*_WAITING, RunState.STARTING, RunState.RUNNING, RunState.STOPPING)


class AgentState(IntEnum):
    """What an agent is doing."""

    IDLE = 1
    BUSY = 2
    UNREACHABLE = 3
    DRAINING = 4
    DRAINED = 5


class AssignmentState(IntEnum):
    """Where one agent's part in a run is."""

    STARTING = 1
    RUNNING = 2
    FINISHED = 3
    FINISHED_UNVERIFIED = 4
    LOAD_FAILED = 5
    LOST = 6

    @property
    def final(self) -> bool:
        """Whether this part is over."""
        return self >= AssignmentState.FINISHED


class StopMode(IntEnum):
    """How to stop a run."""

    GRACEFUL = 1
    KILL = 2


class ChangeKind(IntEnum):
    """What a change of a run is about."""

    STATE = 1
    AGENT = 2
    LOAD = 3
    THRESHOLD = 4
    NOTE = 5
    AUDIT = 6
    ATTEMPT = 7


class AgentEvent(IntEnum):
    """What happened to an agent of a run."""

    UNREACHABLE = 1
    BACK = 2
    LOST = 3


class TroubleKind(IntEnum):
    """What may be wrong with an active run; the worst first."""

    AGENT_LOST = 1
    AGENT_UNREACHABLE = 2
    STORE_AWAY = 3
    SOURCE_SILENT = 4
    USERS_WAITING = 5
    PREPARING = 6


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """A current problem of a run."""

    kind: TroubleKind
    message: str
    """As a sentence, with how long it has lasted."""
    since_ns: int
    """By the broker's wall clock."""
    until_ns: int | None = None
    """Of an agent that is unreachable: when its lease is over."""
    agent_id: str = ""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """How a run is judged: see `verdict.py`."""

    exit_code: int = 0
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class RunAttempt:
    """An attempt of a run that is over and was followed by another one."""

    attempt: int
    """From 1."""
    state: RunState
    reason: str = ""
    verdict: Verdict | None = None
    start_time_ns: int | None = None
    """When its first cycle began (wall clock). None: none did."""
    end_time_ns: int | None = None
    agent_ids: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run as clients see it. Times are wall-clock nanoseconds; None: not yet."""

    run_id: str
    state: RunState
    plan: Plan
    create_time_ns: int
    start_time_ns: int | None = None
    end_time_ns: int | None = None
    reason: str = ""
    agent_ids: tuple[str, ...] = ()
    troubles: tuple[Trouble, ...] = ()
    """Its current problems, worst first; not stored."""
    verdict: Verdict | None = None
    """How it was judged. None: it goes on, or that was not kept."""
    due_time_ns: int | None = None
    """While it is SCHEDULED: when it is to be queued."""
    queue_time_ns: int | None = None
    """Since when it has waited for agents, or did until they were chosen. None: it never has."""
    expire_time_ns: int | None = None
    """When it expires, unless it has started. None: never."""
    priority: int = 0
    attempt: int = 1
    attempts: tuple[RunAttempt, ...] = ()
    """Those that are over and were followed by another one."""
    waiting: Waiting | None = None
    """While it is QUEUED: what it waits for; not stored."""

    @property
    def attempt_id(self) -> str:
        """What agents, runners and the store know its current attempt by."""
        return attempt_id(self.run_id, self.attempt)


@dataclass(frozen=True, kw_only=True)
class Agent:
    """An agent as clients see it."""

    agent_id: str
    hostname: str
    pid: int
    version: str
    cores: int
    state: AgentState
    run_id: str = ""
    last_seen_time_ns: int = 0
    """When the broker last heard from it (wall clock); 0: not known."""
    troubles: tuple[str, ...] = ()
    """What is wrong with it, as sentences."""
    drained: bool = False
    """Whether it was taken out of service, until that is undone."""
    retiring: bool = False
    """Whether it leaves once it has no part in a run."""
    labels: tuple[str, ...] = ()
    confinement: Confinement = UNCONFINED


@dataclass(frozen=True, kw_only=True)
class BrokerInfo:
    """A broker about itself."""

    version: str
    pid: int
    hostname: str
    store: str
    start_time_ns: int
    agents: int
    active_runs: int
    store_trouble: str = ""
    """Why the store takes no writes for now; empty: it does."""
    address: str = ""
    """Where it listens."""
    store_bytes: int | None = None
    """None: not known, or in memory."""
    lease_s: float = 0.0
    keep_runs: int | None = None
    """Runs whose hits are kept. None: all."""
    keep_hits_bytes: int | None = None
    """Bytes of hits that are kept. None: all."""
    allow_version_skew: bool = False
    """Whether agents of another minor version are accepted."""
    limits: tuple[LimitUse, ...] = ()
    """What each limit is, and has done since the broker was started."""
    errors: Mapping[str, int] = field(default_factory=dict)
    """Calls since then that ended with an error, by its reason."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """A change of a run: one entry of its log."""

    sequence: int
    """Its number in the run, from 1."""
    kind: ChangeKind
    state: RunState
    """Of the run, after it."""
    time_ns: int | None = None
    """When (wall clock). None: that was not kept."""
    attempt: int = 1
    reason: str = ""
    """Why, or what happened, as a sentence."""
    agent_id: str = ""
    agent_event: AgentEvent | None = None
    cycle: int = 0
    """Of a change of the load: the cycle that began."""
    users: int = 0
    """Of a change of the load: the virtual users of that cycle."""
    load: LoadChange | None = None
    """Of a change of the load by a client: how it changed."""
    scenario: str = ""
    """Whose load changed."""
    request_id: str = ""
    """Of the request that changed it; it is stored, and not shown."""
    custom_state: CustomState | None = None
    """What a test on that agent says it is doing."""
    threshold: ThresholdResult | None = None
    """Of a threshold that has failed: how it stood then."""
    due_time_ns: int | None = None
    """Of a change to SCHEDULED: when the run is to be queued."""
