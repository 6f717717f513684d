"""What the broker says to a source, as values, and as their messages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from loadgrpc.model import LoadChange, SourceId
from loadgrpc.protocol import home, live_loads
from loadgrpc.protocol.sources import source_to_proto
from loadgrpc.protocol.times import optional_timestamp, seconds_to_proto
from loadgrpc.v1 import runner_pb2


@dataclass(frozen=True)
class Opened:
    """The source is open; everything up to `committed_sequence` is stored."""

    committed_sequence: int


@dataclass(frozen=True)
class Acked:
    """Everything up to `committed_sequence` is stored."""

    committed_sequence: int


@dataclass(frozen=True)
class Gap:
    """A number is missing."""

    expected_sequence: int


@dataclass(frozen=True)
class Rejected:
    """Events that were not valid, of the batch that starts at `first_sequence`."""

    first_sequence: int
    count: int
    violations: tuple[str, ...]


@dataclass(frozen=True)
class Finished:
    """The source is done."""

    committed: int
    rejected: int
    lost: int


@dataclass(frozen=True)
class RunClosed:
    """The run is over; what was sent is not counted."""


@dataclass(frozen=True)
class StartCycle:
    """Enter a cycle, from 1; its load begins at that time by the agent's clock, 0: at once."""

    cycle: int
    begin_ns: int = 0


@dataclass(frozen=True)
class LoadChanged:
    """The load was changed live; these are all changes so far."""

    changes: tuple[LoadChange, ...]


@dataclass(frozen=True)
class StopUsers:
    """Let users finish their iteration, then finish."""

    stop_timeout_s: float


@dataclass(frozen=True)
class Refused:
    """The source is not open on this stream, or not any more; `reason` as in errors.py."""

    reason: str
    message: str


@dataclass(frozen=True)
class TooLarge:
    """A batch is over the limit; it was ignored."""

    first_sequence: int
    batch_bytes: int


@dataclass(frozen=True)
class TypesRefused:
    """The types that came with `open` were rejected; `reason` as in runner.proto."""

    reason: str
    message: str


Answer = (
    Opened
    | Acked
    | Gap
    | Rejected
    | Finished
    | RunClosed
    | StartCycle
    | StopUsers
    | LoadChanged
    | Refused
    | TooLarge
    | TypesRefused
)


_ANSWERS: Final[dict[type[Any], Callable[[Any], dict[str, Any]]]] = {
    Opened: lambda a: {
        "opened": runner_pb2.SourceOpened(
            committed_sequence=a.committed_sequence,
            durable_sequence=a.committed_sequence,
            limits=home.limits(),
        )
    },
    Acked: lambda a: {
        "ack": runner_pb2.Ack(
            durable_sequence=a.committed_sequence, committed_sequence=a.committed_sequence
        )
    },
    Gap: lambda a: {"gap": runner_pb2.Gap(expected_sequence=a.expected_sequence)},
    Rejected: lambda a: {
        "rejected": runner_pb2.Rejected(
            first_sequence=a.first_sequence, count=a.count, violations=a.violations
        )
    },
    Finished: lambda a: {
        "finished": runner_pb2.Finished(committed=a.committed, rejected=a.rejected, lost=a.lost)
    },
    RunClosed: lambda _: {"run_closed": runner_pb2.RunClosed()},
    StartCycle: lambda a: {
        "start_cycle": runner_pb2.StartCycle(
            cycle=a.cycle, begin_time=optional_timestamp(a.begin_ns or None)
        )
    },
    LoadChanged: lambda a: {"load_changed": live_loads.changed(a.changes)},
    Refused: lambda a: {"error": runner_pb2.SourceError(reason=a.reason, message=a.message)},
    TooLarge: lambda a: {
        "too_large": runner_pb2.TooLarge(first_sequence=a.first_sequence, batch_bytes=a.batch_bytes)
    },
    TypesRefused: lambda a: {
        "types_refused": runner_pb2.TypesRefused(reason=a.reason, message=a.message)
    },
    StopUsers: lambda a: {"stop": runner_pb2.Stop(stop_timeout=seconds_to_proto(a.stop_timeout_s))},
}
"""Each answer and the field of PublishEventsResponse that says it."""


def answer_to_proto(source_id: SourceId, answer: Answer) -> runner_pb2.PublishEventsResponse:
    """What the broker says to a source, as its message."""
    fields = _ANSWERS[type(answer)](answer)
    return runner_pb2.PublishEventsResponse(source=source_to_proto(source_id), **fields)
