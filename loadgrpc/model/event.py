"""What runners report, and who they are."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

MAX_PROCESSES = 1_024
MAX_LAGS = 4_000
MAX_GENERATOR_NS = 3_600_000_000_000
"""Bounds of one GeneratorState: its most lags, and the longest lag and interval."""


class TestOutcome(IntEnum):
    """How an iteration ended."""

    __test__ = False  # not a test, whatever pytest thinks of its name

    SUCCESS = 1
    FAILURE = 2
    ERROR = 3
    INTERRUPTED = 4


class UserFixture(IntEnum):
    """What is done once for each virtual user, beside its iterations."""

    SET_UP = 1
    TEAR_DOWN = 2


class HitError(IntEnum):
    """Why a hit has no whole answer."""

    NONE = 0
    DNS = 1
    CONNECT = 2
    TLS = 3
    TIMEOUT = 4
    CLOSED = 5
    PROTOCOL = 6
    ABORTED = 7
    OTHER = 8


FAILED_FROM = 400
"""The first status of HTTP that is one of an error."""


def fails(status: int, error: int) -> bool:
    """Whether a hit failed if its runner does not say: see `Hit.failed` in the protos."""
    return error != HitError.NONE or status >= FAILED_FROM


class OutputStream(IntEnum):
    """Where a line was printed."""

    STDOUT = 1
    STDERR = 2


class DataMode(IntEnum):
    """How the rows of a file are shared out among users."""

    UNIQUE = 1
    IN_TURN = 2
    RANDOM = 3
    ONCE = 4


@dataclass(frozen=True)
class DataUse:
    """What a process has taken from a file of rows since it last reported that."""

    file: str
    """As the test names it."""
    mode: DataMode
    rows: int
    """Rows in the file."""
    digest: int = 0
    """Tells copies of different contents apart. 0: not known."""
    taken: int = 0
    """Rows that were handed out."""
    repeated: int = 0
    """Of these, those handed out again because the file had ended."""
    refused: int = 0
    """Rows that were asked for when there was none."""
    stopped: int = 0
    """Users who ended because there was none."""


@dataclass(frozen=True)
class SourceId:
    """The origin of events: a runner instance."""

    run_id: str
    agent_id: str
    runner_id: str

    def __str__(self) -> str:
        return f"{self.run_id}/{self.agent_id}/{self.runner_id}"


NOT_PREPARED: Final = "NotPrepared"
"""The type of the error of an agent that could not fetch or install what a test needs; its
traceback is what the program printed that failed."""


@dataclass(frozen=True, kw_only=True)
class ExceptionInfo:
    """An exception as text."""

    type: str
    message: str = ""
    traceback: str = ""


@dataclass(frozen=True, kw_only=True)
class GeneratorState:
    """How one process of a runner kept up with its load, over the last second or so."""

    process: int = 0
    """From 1; 0: its runner has only one."""
    elapsed_ns: int
    cpu_ns: int | None = None
    """None: not measured."""
    cores: int = 1
    """Cores that it can keep busy."""
    lags_ns: tuple[int, ...] = ()
    """How late it was, at regular times."""
    gc_pauses: int = 0
    gc_ns: int = 0
    gc_max_ns: int = 0
    machine_cpu: float | None = None
    """Share of the machine's CPU time that was in use, from 0 to 1; None: not measured."""
    steal: float | None = None
    """How much of it a hypervisor took away; likewise."""
    other_cpu: float | None = None
    """How much of it others than the runner used; likewise."""


@dataclass(frozen=True, kw_only=True)
class ArrivalsState:
    """How the arrivals of an open load went in one second, in one process of a runner."""

    process: int = 0
    """From 1; 0: its runner has only one."""
    planned: int = 0
    started: int = 0
    dropped: int = 0
    waiting: int = 0
    """At the end of the second: planned so far, and neither started nor dropped."""
    users: int = 0
    """Users that it has, busy or not."""
    max_users: int = 0
    """Users that it may have. 0: as many as needed."""
