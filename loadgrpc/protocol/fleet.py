"""What agents and the broker say to each other, as values and as messages, in pairs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from loadgrpc import __version__
from loadgrpc.errors import InvalidRequest, Violation
from loadgrpc.model import UNCONFINED, Assignment, Confinement, LoadChange, StopMode
from loadgrpc.protocol import assignments, home, loads
from loadgrpc.protocol.confinements import confinement_from_proto, confinement_to_proto
from loadgrpc.protocol.labels_kind import LABELS
from loadgrpc.protocol.produced import Produced
from loadgrpc.protocol.times import (
    seconds_from_proto,
    seconds_to_proto,
    timestamp_from_proto,
    timestamp_to_proto,
)
from loadgrpc.v1 import control_pb2, fleet_pb2

HEARTBEAT_S: Final = 2.0
"""How often a broker asks agents for a heartbeat."""
FIRST_HEARTBEATS: Final = 10
FIRST_HEARTBEAT_S: Final = 0.1
"""The first heartbeats follow one another faster: from them the broker learns how far the clocks
are apart, before there is a run."""
DEFAULT_LEASE_S: Final = 60.0
"""How long an agent may be silent until it is lost, unless the broker says otherwise."""


@dataclass(frozen=True, kw_only=True)
class Registration:
    """What an agent says of itself."""

    agent_id: str
    hostname: str
    pid: int
    version: str
    cores: int
    run_ids: tuple[str, ...] = ()
    """Runs it still holds a runner for."""
    held: frozenset[tuple[str, str]] = frozenset()
    """The same by run and scenario; empty: of all scenarios of those runs."""
    sent_ns: int | None = None
    """When it said so, by its own clock."""
    peer: str = ""
    """The address it comes from, without a port."""
    prepares: bool = False
    """Whether it can fetch bundles, and install packages."""
    labels: tuple[str, ...] = ()
    """What whoever started it says of it."""
    confinement: Confinement = UNCONFINED
    """How it confines what it runs."""
    certificate_until_ns: int | None = None
    """Until when the certificate is valid that it showed (wall clock). None: it showed none."""

    @property
    def process(self) -> tuple[str, str, int]:
        """Which process it is, as far as that can be known."""
        return self.peer, self.hostname, self.pid

    def holds(self, run_id: str, scenario: str) -> bool:
        """Whether it still has something of a part."""
        return (run_id, scenario) in self.held if self.held else run_id in self.run_ids


@dataclass(frozen=True)
class StartRunners:
    """Start the runners for the users of a scenario."""

    assignment: Assignment


@dataclass(frozen=True)
class StartProcesses:
    """Start the processes of a cycle in one-user mode."""

    run_id: str
    scenario: str
    cycle: int


@dataclass(frozen=True)
class ChangeLevel:
    """The load of a part was changed live, whose level its agent follows: in one-user mode."""

    run_id: str
    scenario: str
    changes: tuple[LoadChange, ...]
    """All so far."""


@dataclass(frozen=True)
class StopRunners:
    """Stop the runners of a run: those of a scenario, or (empty) of all."""

    run_id: str
    mode: StopMode
    stop_timeout_s: float
    scenario: str = ""


@dataclass(frozen=True)
class Heard:
    """No order: the agent's heartbeat was heard."""


HEARD: Final = Heard()


@dataclass(frozen=True)
class Dismissed:
    """No order: the agent has no part in a run, gets none, and may leave as it wanted."""


DISMISSED: Final = Dismissed()


@dataclass(frozen=True)
class ExitNoted:
    """No order: the end of a runner was heard, and will not be forgotten."""

    run_id: str
    scenario: str
    runner_id: str


@dataclass(frozen=True)
class HeldBack:
    """Users of a part that had to wait because their agent bounds its processes."""

    waiting: int = 0
    """Those that wait now."""
    total: int = 0
    """All so far, of all cycles."""
    most: int = 0
    """Processes that the agent runs at once."""


Order = StartRunners | StartProcesses | ChangeLevel | StopRunners | ExitNoted | Heard | Dismissed


def registration_to_proto(registration: Registration) -> fleet_pb2.Register:
    """How an agent introduces itself, as its message."""
    message = fleet_pb2.Register(
        agent_id=registration.agent_id,
        hostname=registration.hostname,
        pid=registration.pid,
        version=registration.version,
        cores=registration.cores,
        run_ids=registration.run_ids,
        assignments=[
            fleet_pb2.HeldAssignment(run_id=run_id, scenario=scenario)
            for run_id, scenario in sorted(registration.held)
        ],
        prepares=registration.prepares,
        labels=registration.labels,
    )
    if registration.confinement:
        message.confinement.CopyFrom(confinement_to_proto(registration.confinement))
    if registration.sent_ns is not None:
        message.time.CopyFrom(timestamp_to_proto(registration.sent_ns))
    return message


def registration_from_proto(message: fleet_pb2.Register, peer: str) -> Registration:
    """The agent that calls from `peer`, HOST:PORT.

    Raises:
        InvalidRequest: it has no name, or labels that are none.
    """
    if not message.agent_id:
        raise InvalidRequest([Violation("register.agent_id", "is required")])
    labels = tuple(dict.fromkeys(message.labels))
    if wrong := list(LABELS.wrong(labels)):
        raise InvalidRequest([Violation(f"register.labels{at}", detail) for at, detail in wrong])
    return Registration(
        agent_id=message.agent_id,
        hostname=message.hostname,
        pid=message.pid,
        version=message.version,
        cores=message.cores,
        run_ids=tuple(message.run_ids),
        held=frozenset((each.run_id, each.scenario) for each in message.assignments),
        sent_ns=sent_ns(message),
        peer=peer.rpartition(":")[0],
        prepares=message.prepares,
        labels=labels,
        confinement=confinement_from_proto(message.confinement),
    )


def until_heartbeat_s(interval_s: float, sent: int) -> float:
    """How long an agent waits until its next heartbeat, of which it has sent some before."""
    return min(FIRST_HEARTBEAT_S, interval_s) if sent < FIRST_HEARTBEATS else interval_s


def sent_ns(message: fleet_pb2.Register | fleet_pb2.Heartbeat) -> int | None:
    """When a message was sent, by the clock of its sender; None: it does not say."""
    return timestamp_from_proto(message.time) if message.HasField("time") else None


def registered_to_proto(lease_s: float) -> fleet_pb2.ConnectResponse:
    """The answer to an agent that introduced itself."""
    return fleet_pb2.ConnectResponse(
        registered=fleet_pb2.Registered(
            version=__version__,
            heartbeat_interval=seconds_to_proto(HEARTBEAT_S),
            lease=seconds_to_proto(lease_s),
        )
    )


def order_to_proto(order: Order) -> fleet_pb2.ConnectResponse:
    """An order as its message."""
    if isinstance(order, Heard):
        return fleet_pb2.ConnectResponse(heartbeat=fleet_pb2.Heartbeat())
    if isinstance(order, Dismissed):
        return fleet_pb2.ConnectResponse(dismissed=fleet_pb2.Dismissed())
    if isinstance(order, StartRunners | ChangeLevel):
        return fleet_pb2.ConnectResponse(run=_run_to_proto(order))
    if isinstance(order, StartProcesses):
        cycle = fleet_pb2.AssignmentCycle(
            run_id=order.run_id, scenario=order.scenario, cycle=order.cycle
        )
        return fleet_pb2.ConnectResponse(start_cycle=cycle)
    if isinstance(order, ExitNoted):
        noted = fleet_pb2.RunnerExitNoted(
            run_id=order.run_id, runner_id=order.runner_id, scenario=order.scenario
        )
        return fleet_pb2.ConnectResponse(exit_noted=noted)
    return fleet_pb2.ConnectResponse(
        stop=fleet_pb2.StopAssignment(
            run_id=order.run_id,
            mode=int(order.mode),  # type: ignore[arg-type]  # an enum's number
            stop_timeout=seconds_to_proto(order.stop_timeout_s),
            scenario=order.scenario,
        )
    )


def order_from_proto(message: fleet_pb2.ConnectResponse) -> Order | None:
    """An order from its message; None: it is none, or of a kind that is newer than this."""
    kind = message.WhichOneof("message")
    if kind == "run":
        return _run_from_proto(message.run)
    if kind == "start_cycle":
        begun = message.start_cycle
        return StartProcesses(begun.run_id, begun.scenario, begun.cycle)
    if kind == "exit_noted":
        noted = message.exit_noted
        return ExitNoted(noted.run_id, noted.scenario, noted.runner_id)
    if kind == "stop":
        stop = message.stop
        kill = stop.mode == control_pb2.STOP_MODE_KILL
        mode = StopMode.KILL if kill else StopMode.GRACEFUL
        return StopRunners(stop.run_id, mode, seconds_from_proto(stop.stop_timeout), stop.scenario)
    if kind == "dismissed":
        return DISMISSED
    return HEARD if kind == "heartbeat" else None


def _run_to_proto(order: StartRunners | ChangeLevel) -> fleet_pb2.StartAssignment:
    if isinstance(order, StartRunners):
        return assignments.start_to_proto(order.assignment)
    message = fleet_pb2.StartAssignment(load_changed=True)
    message.assignment.run_id = order.run_id
    message.assignment.scenario = order.scenario
    for change in order.changes:
        loads.put_change(change, message.assignment.load_changes)
    return message


def _run_from_proto(message: fleet_pb2.StartAssignment) -> StartRunners | ChangeLevel:
    if not message.load_changed:
        return StartRunners(assignments.start_from_proto(message))
    part = message.assignment
    changes = tuple(map(loads.change_of, part.load_changes))
    return ChangeLevel(part.run_id, part.scenario, changes)


def produced_from_proto(ended: fleet_pb2.RunnerExit) -> Produced | None:
    """What a runner had produced; no more than could ever be numbered."""
    if not ended.HasField("produced_events"):
        return None
    events = min(ended.produced_events, home.MAX_SEQUENCE)
    return Produced(events, min(ended.produced_hits, events))


def held_back_to_proto(run_id: str, scenario: str, held: HeldBack) -> fleet_pb2.UsersHeldBack:
    """How many users of a part had to wait, as its message."""
    return fleet_pb2.UsersHeldBack(
        run_id=run_id,
        scenario=scenario,
        waiting=held.waiting,
        total=held.total,
        max_processes=held.most,
    )


def held_back_from_proto(message: fleet_pb2.UsersHeldBack) -> HeldBack:
    """How many users of a part had to wait, from its message."""
    return HeldBack(message.waiting, message.total, message.max_processes)
