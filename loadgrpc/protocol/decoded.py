"""A batch, decoded: NumPy columns, and rows that are kept one by one.

Rule: values only. They were checked by the code that made them: `columns.py` for blocks,
`row_reader.py` for rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from loadgrpc.model import (
    ArrivalsState,
    CustomState,
    DataUse,
    ExceptionInfo,
    GeneratorState,
    HitError,
    TestOutcome,
    UserFixture,
    fails,
)
from loadgrpc.stats.measures import MeasureStats
from loadgrpc.stats.sockets import SocketStats

Column = NDArray[np.int64]

Tags = tuple[tuple[str, str], ...]
"""Names and values, sorted."""

MAX_REASONS_LISTED: Final = 10
STATES_AT_ONCE: Final = 200
"""States of generators, and reports of sockets and measures, that are added without a turn for
others."""


class HitLabel(NamedTuple):
    """What hits of one series have in common."""

    name: str
    method: str
    status: int
    error: HitError
    error_message: str
    protocol: str = ""
    """Empty: http."""
    said_failed: bool | None = None
    """Whether they failed, as whoever made them says. None: it says nothing."""
    tags: Tags = ()

    @property
    def answered(self) -> bool:
        """Whether there was a whole answer."""
        return self.error is HitError.NONE

    @property
    def failed(self) -> bool:
        """Whether hits of this label count as failed."""
        return fails(self.status, self.error) if self.said_failed is None else self.said_failed


class IterationLabel(NamedTuple):
    """What iterations of one kind have in common."""

    test: str
    outcome: TestOutcome
    exception: ExceptionInfo | None


class Hits(NamedTuple):
    """Hits as columns of equal length; times are wall-clock nanoseconds of the runner."""

    labels: Sequence[HitLabel]
    label: Column
    start_ns: Column
    elapsed_ns: Column
    """From the start of each to its end: its service time."""
    bytes_sent: Column
    bytes_received: Column
    delay_ns: Column | None = None
    """From the planned start of each to its start; with `elapsed_ns` it makes the response time.
    None: all of them started as planned."""
    attempt: Column | None = None
    """If the block has it: the attempt of each, from 1; 0 is the same as 1."""
    cases: Sequence[str] = ()
    case: Column | None = None
    """If the block has it: index into `cases`, plus 1; 0: a hit without a case."""
    cycle: int = 0
    """0: not reported."""

    def some(self, which: slice | NDArray[np.bool_]) -> Hits:
        """Those of the hits that are meant."""
        return self._replace(**_some(self, which))


class Iterations(NamedTuple):
    """Whole iterations as columns of equal length."""

    labels: Sequence[IterationLabel]
    label: Column
    start_ns: Column
    elapsed_ns: Column
    user: NDArray[np.unsignedinteger[Any]] = np.zeros(0, np.uint8)
    """As it came, which is cheap; empty: not reported."""
    cycle: int = 0
    """0: not reported."""
    cases: Sequence[str] = ()
    case: Column | None = None
    """As that of hits."""
    delay_ns: Column | None = None
    """From the planned start of each to its start. None: none had one, or was late."""

    fixture: UserFixture | None = None
    """Set: these are no iterations."""

    def some(self, which: slice) -> Iterations:
        """Those of the iterations that are meant."""
        return self._replace(**_some(self, which))


def _some(columns: Hits | Iterations, which: slice | NDArray[np.bool_]) -> dict[str, Any]:
    """The entries of each column that are meant."""
    every = columns._asdict().items()
    return {name: column[which] for name, column in every if isinstance(column, np.ndarray)}


class Sockets(NamedTuple):
    """What a runner says of the sockets of one name."""

    name: str
    protocol: str
    """Empty: websocket."""
    stats: SocketStats
    time_ns: int
    """When it was reported (wall clock of the runner)."""


class Measured(NamedTuple):
    """What a runner says of a measure beside hits."""

    kind: str
    """The field of its event: one of `stats.measures.KINDS`."""
    name: str
    stats: MeasureStats
    time_ns: int
    """When it was reported (wall clock of the runner)."""


class UsersTold(NamedTuple):
    """What a runner says of its users."""

    cycle: int
    """0: not reported."""
    active: int
    started: int | None
    """So far in the cycle. None: not reported."""


@dataclass
class Decoded:
    """A batch, decoded. What rows say of iterations is counted apart from whole iterations."""

    hits: list[Hits] = field(default_factory=list)
    iterations: list[Iterations] = field(default_factory=list)
    fixtures: list[Iterations] = field(default_factory=list)
    """What was done once for each user."""
    fixture_outcomes: list[tuple[UserFixture, IterationLabel]] = field(default_factory=list)
    """The same, of rows."""
    starts: int = 0
    """Rows that say an iteration began."""
    stops: int = 0
    """Rows that say an iteration ended."""
    outcomes: list[IterationLabel] = field(default_factory=list)
    """Rows that say how an iteration ended."""
    counters: list[tuple[str, int]] = field(default_factory=list)
    users: list[UsersTold] = field(default_factory=list)
    """What runners say of their users, the latest last."""
    user_starts: set[tuple[int, int]] = field(default_factory=set)
    """Cycle and user of the rows that begin an iteration, as far as they contain them."""
    generator: list[tuple[GeneratorState, int]] = field(default_factory=list)
    """How processes kept up, each with the end of its interval (wall clock)."""
    rules: list[str] = field(default_factory=list)
    """Rules whose cases iterations are fed with."""
    rule_outcomes: list[tuple[str, IterationLabel, int]] = field(default_factory=list)
    """Of the `outcomes`, those of iterations that were fed with a case: its rule, and when the row
    says that it ended (wall clock of the runner)."""
    data: list[DataUse] = field(default_factory=list)
    """What was taken from files of rows."""
    sockets: list[Sockets] = field(default_factory=list)
    measures: list[Measured] = field(default_factory=list)
    """What tests measured beside hits."""
    custom_states: list[tuple[CustomState, int]] = field(default_factory=list)
    """What tests say they are doing, each with when (wall clock), the latest last."""
    arrivals: list[tuple[ArrivalsState, int]] = field(default_factory=list)
    """How arrivals went, each with a moment of its second (wall clock)."""
    lines: int = 0
    """Lines that processes printed."""
    lines_left_out: int = 0
    """Lines that runners say they left out."""
    first_ns: int | None = None
    """The earliest moment that rows about iterations name."""
    last_ns: int | None = None
    """The latest."""
    rejected: int = 0
    rejected_hits: int = 0
    violations: list[str] = field(default_factory=list)
    """What is wrong with the rejected, a sentence each; the first ten."""

    @property
    def hit_count(self) -> int:
        """Valid hits of the batch."""
        return sum(len(hits.label) for hits in self.hits)

    def surplus(self) -> Iterator[Decoded]:
        """Takes out states and reports, some at a time, until there are few: each costs work."""
        while len(self.generator) > STATES_AT_ONCE:
            some, self.generator = (
                self.generator[:STATES_AT_ONCE],
                self.generator[STATES_AT_ONCE:],
            )
            yield Decoded(generator=some)
        while len(self.sockets) > STATES_AT_ONCE:
            few, self.sockets = self.sockets[:STATES_AT_ONCE], self.sockets[STATES_AT_ONCE:]
            yield Decoded(sockets=few)
        while len(self.measures) > STATES_AT_ONCE:
            these, self.measures = self.measures[:STATES_AT_ONCE], self.measures[STATES_AT_ONCE:]
            yield Decoded(measures=these)

    def reject(self, count: int, violation: str) -> None:
        """Counts `count` events as rejected."""
        self.rejected += count
        if len(self.violations) < MAX_REASONS_LISTED:
            self.violations.append(violation)
