"""What the store holds, as plain values.

Rule: plans, rosters, summaries, types and payloads are opaque here, and come back byte for byte;
the code that saves them can read them again. Wall-clock times are whole nanoseconds since 1970.
Numbers are below 2**63.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from loadgrpc.model import Notification, RunState, SourceId, Token


@dataclass(frozen=True, kw_only=True)
class ChangeRecord:
    """A change of a run: one entry of its log."""

    sequence: int
    """Its number in the run, from 1."""
    kind: int
    state: int
    time_ns: int | None
    """When. None: it is not known."""
    attempt: int = 1
    reason: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)
    """What belongs to its kind: texts and numbers, by name."""


@dataclass(frozen=True)
class EndRecord:
    """A runner of a run that has ended."""

    agent_id: str
    scenario: str
    runner_id: str
    produced: tuple[int, int] | None = None
    """Events, and hits among them, that it had produced. None: nobody counted."""


@dataclass(frozen=True, kw_only=True)
class AttemptRecord:
    """An attempt of a run that is over and was followed by another one."""

    attempt: int
    state: int
    reason: str = ""
    verdict: int | None = None
    verdict_reason: str = ""
    start_time_ns: int | None = None
    end_time_ns: int | None = None
    agent_ids: tuple[str, ...] = ()
    summary: bytes | None = None
    """None: it was not read. See `Store.attempt_summary`."""


@dataclass(frozen=True)
class DrainedAgent:
    """An agent that gets no further runs."""

    agent_id: str
    hostname: str
    """Where it was when it was drained."""
    time_ns: int
    """Since when."""


@dataclass(frozen=True)
class TokenRecord:
    """A token as the store keeps it."""

    digest: str
    """SHA-256 of its secret, in hexadecimal."""
    token: Token


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
    roster: bytes | None = None
    """Where its parts are, for a broker that goes on with it. None: as for the summary."""
    verdict: int | None = None
    """The exit code that it was judged with. None: it goes on, or that was not kept."""
    verdict_reason: str = ""
    sequence: int = 0
    """Its place among all runs, set by the store when it is first saved; newer is higher."""
    changes: tuple[ChangeRecord, ...] = ()
    """What is added to its log with it, in order. Never read: see `Store.changes`."""
    ends: tuple[EndRecord, ...] = ()
    """Runners that have ended, which is stored with it. Never read: see `Store.ends`."""
    bundle: str | None = None
    """The bundle that it uses. None: none; a stored one is kept."""
    notifications: tuple[Notification, ...] = ()
    """What is added with its changes. Never read: see `Store.notifications`."""
    attempt: int = 1
    """Its current attempt."""
    attempts: tuple[AttemptRecord, ...] = ()
    """Attempts that are over, which is stored with it. Never read: see `Store.attempts`."""
    priority: int = 0
    due_time_ns: int | None = None
    """When it is to be queued. None: it does not wait for a time."""
    queue_time_ns: int | None = None
    """Since when it has waited for agents, or did."""
    expire_time_ns: int | None = None
    owner: str = ""
    """What it is listed by, with `title` and `labels`. Never read: the plan has them."""
    title: str = ""
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Filter:
    """Which runs to list."""

    states: frozenset[RunState] = frozenset()
    """Those in one of these states. Empty: in all."""
    verdicts: frozenset[int] = frozenset()
    """Those that were judged with one of these exit codes. Empty: all."""
    also: frozenset[str] = frozenset()
    """Runs that are listed whatever their state and verdict in the store: the caller knows more."""
    labels: frozenset[str] = frozenset()
    """Those that have all of these labels."""
    owner: str = ""
    """Those of this person. Empty: of all."""
    title: str = ""
    """Those with this text in their title."""


@dataclass(frozen=True, kw_only=True)
class SourceProgress:
    """How far a source is: what was committed, and what happened to the rest, in events."""

    source: SourceId
    committed_sequence: int = 0
    """Everything up to this number is accounted for. 0: nothing yet."""
    finished: bool = False
    """Whether it said that it sent everything."""
    committed: int = 0
    rejected: int = 0
    duplicates: int = 0
    lost: int = 0
    scenario: str = ""
    """The scenario of its run that it belongs to."""
    losses: Mapping[str, Sequence[int]] = field(default_factory=dict)
    """Events and hits that were lost, by reason; `lost` is their sum, if reasons are known."""


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
    number: int = field(default=0, compare=False)
    """Its place in the order of commits, among the batches of all runs; given by the store."""

    @property
    def previous_sequence(self) -> int:
        """What must be committed before this batch: the number before its first new entry."""
        return self.first_sequence + self.offset - 1

    @property
    def last_sequence(self) -> int:
        """The number of the last entry."""
        return self.first_sequence + self.count - 1


@dataclass(frozen=True)
class StoredWindow:
    """A window of a run by time, or a part of one: rows of the same span add up."""

    number: int
    """Its place among the windows of its run, from 1."""
    length_s: int
    start_s: int
    sealed: bytes | None = None
    """None: it was not read."""


@dataclass(frozen=True)
class BundleRecord:
    """What is there of a bundle of files."""

    sha256: str
    size: int
    """Of the whole bundle, in bytes."""
    received: int = 0
    """Bytes that are stored, from the first on."""
    complete: bool = False
    """Whether it is whole, and was checked."""
    touched_ns: int = 0
    """When it was last brought or asked for, by the wall clock."""


@dataclass(frozen=True)
class TypeSet:
    """Types that a source of a run brought."""

    run_id: str
    payload: bytes
    over: bool = field(default=False, compare=False)
    """Whether the run is over; set by the store."""
    number: int = field(default=0, compare=False)
    """Its place in the order in which all were brought; given by the store."""


@dataclass(frozen=True, kw_only=True)
class ScheduleRecord:
    """A schedule as the store keeps it."""

    name: str
    body: bytes
    bundle: str = ""
    """What it holds. Empty: nothing."""


@dataclass(frozen=True, kw_only=True)
class CampaignRecord:
    """A campaign as the store keeps it."""

    campaign_id: str
    head: bytes
    """How it stands."""
    spec: bytes | None = None
    """What was asked for. None: the stored one is kept, or it was not read."""
    request_id: str | None = None
    over: bool = False
    bundles: Sequence[str] = ()
    """What it holds. Never read."""
    number: int = 0
    """Its place among all, given by the store; newer is higher."""


@dataclass(frozen=True, kw_only=True)
class Retention:
    """How much detail (batches) is kept. What goes first is the oldest; results stay."""

    keep_runs: int | None = None
    """Of this many newest runs that are over. None: of all."""
    keep_bytes: int | None = None
    """At most this many bytes, as stored. None: without bound."""
