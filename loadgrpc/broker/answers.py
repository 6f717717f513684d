"""What the broker says to a source, as values; `service.py` turns them into messages."""

from __future__ import annotations

from dataclasses import dataclass


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
    """Enter a cycle, from 1."""

    cycle: int


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
    | Refused
    | TooLarge
    | TypesRefused
)
