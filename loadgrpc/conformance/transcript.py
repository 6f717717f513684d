"""Everything that a runner and its receiver said in one case, in order.

Rule: plain facts, noted as they come; nothing is judged here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, TypeAlias

from loadgrpc.clock import NS_PER_S
from loadgrpc.model import Assignment, LoadChange, SourceId
from loadgrpc.v1 import runner_pb2

ON_TIME: Final = 0.9
"""The share of moments that are looked at where times are judged."""


@dataclass(frozen=True)
class MethodCall:
    """The runner called a method; `stream` is the number of its stream, 0 of GetAssignment."""

    at_s: float
    method: str
    stream: int
    token: str
    """What it sent in the metadata `authorization`; empty: nothing."""
    source: SourceId | None = None
    """Who asked for an assignment."""


@dataclass(frozen=True)
class RunnerMessage:
    """The runner said something on a stream."""

    at_s: float
    stream: int
    request: runner_pb2.PublishEventsRequest


@dataclass(frozen=True)
class HomeMessage:
    """The home said something on a stream."""

    at_s: float
    stream: int
    answer: runner_pb2.PublishEventsResponse

    @property
    def kind(self) -> str:
        """Which kind of answer; empty: an unknown one."""
        return self.answer.WhichOneof("message") or ""


@dataclass(frozen=True)
class Ended:
    """A stream ended. `status`: how the home ended it; empty: the runner did."""

    at_s: float
    stream: int
    status: str


Entry: TypeAlias = MethodCall | RunnerMessage | HomeMessage | Ended


@dataclass(frozen=True)
class ProcessEnd:
    """How the process ended."""

    at_s: float
    status: int
    """Negative: the signal."""
    stderr: str = ""


@dataclass(frozen=True)
class Refusal:
    """The home ended a source, or its stream, for what the runner had said."""

    rule: str
    """The number of the rule that the message breaks."""
    words: str


@dataclass(kw_only=True)
class Transcript:
    """See the module. Moments are seconds from its begin."""

    case: str
    source: SourceId
    assignment: Assignment
    token: str
    limits: runner_pb2.Limits
    page: str
    """What the target answers: see target.py."""
    begun_ns: int
    """Its begin by the wall clock."""
    entries: list[Entry] = field(default_factory=list)
    requests: int = 0
    """How many the target has counted."""
    request_s: list[float] = field(default_factory=list)
    """When each came."""
    load_changes: tuple[LoadChange, ...] = ()
    """How the load was changed live, as the runner has learned."""
    lag_s: float = 0.0
    """How late the kit itself was meanwhile, at most, nine times of ten, where times are judged."""
    exit: ProcessEnd | None = None
    """None: nobody has seen how the process ended."""
    timed_out: bool = False
    """The process was killed, because it did not end."""
    refusal: Refusal | None = None
    """The first message that the home refused. What comes of it says nothing of other rules."""
    terminated_s: float | None = None
    """When it got SIGTERM; None: it did not."""
    ended_s: float = 0.0

    def wall_ns(self, at_s: float) -> int:
        """A moment by the wall clock."""
        return self.begun_ns + round(at_s * NS_PER_S)


def most_late(lags: list[float]) -> float:
    """What nine of ten of some delays are at most; 0: there are none."""
    return sorted(lags)[int(len(lags) * ON_TIME)] if lags else 0.0
