"""What the store holds, as plain values.

Rule: plans, summaries and payloads are opaque bytes here; whoever saves them knows how to read
them again. Wall-clock times are whole nanoseconds since 1970. Numbers are below 2**63.
"""

from __future__ import annotations

from dataclasses import dataclass

from loadgrpc.model import RunState, SourceId


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """A run as the store keeps it."""

    run_id: str
    state: RunState
    plan: bytes
    create_time_ns: int
    request_id: str | None = None
    """The caller's name for the request. None: it gave none."""
    reason: str = ""
    start_time_ns: int | None = None
    end_time_ns: int | None = None
    agent_ids: tuple[str, ...] = ()
    summary: bytes | None = None
    """The result. None: there is none yet, or it was not read (`Store.list_runs`)."""
    sequence: int = 0
    """Its place among all runs, set by the store when it is first saved; newer is higher."""


@dataclass(frozen=True, kw_only=True)
class SourceProgress:
    """How far a source is: what was committed and what became of the rest, in events."""

    source: SourceId
    committed_sequence: int = 0
    """Everything up to this number is accounted for. 0: nothing yet."""
    finished: bool = False
    """Whether it said that it sent everything."""
    committed: int = 0
    rejected: int = 0
    duplicates: int = 0
    lost: int = 0


@dataclass(frozen=True, kw_only=True)
class StoredBatch:
    """A batch of a source. Its entries are numbered from `first_sequence`."""

    source: SourceId
    first_sequence: int
    count: int
    """Entries in the payload, the ignored ones included."""
    payload: bytes
    arrival_ns: int = 0
    """When it came, by the wall clock: the time of its events that have none."""
    offset: int = 0
    """Leading entries to ignore, because they were committed with an earlier batch."""

    @property
    def previous_sequence(self) -> int:
        """What must be committed before this batch: the number before its first new entry."""
        return self.first_sequence + self.offset - 1

    @property
    def last_sequence(self) -> int:
        """The number of the last entry."""
        return self.first_sequence + self.count - 1
