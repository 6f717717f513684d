"""The result of a run: the document that every report is made from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, TypeVar

from loadgrpc.model.custom_state import ReportedState
from loadgrpc.model.elapsed import ElapsedFigures
from loadgrpc.model.event import DataMode, ExceptionInfo, HitError, UserFixture
from loadgrpc.model.generator import GeneratorFigures
from loadgrpc.model.measures import Measures
from loadgrpc.model.observer import Notification
from loadgrpc.model.plan import Plan
from loadgrpc.model.run import AssignmentState, RunAttempt, RunState, Trouble, Verdict
from loadgrpc.model.sockets import SocketSummary
from loadgrpc.model.threshold import ThresholdResult

OTHER: Final = "(other)"
"""The name under which everything is counted that is beyond a limit of names."""


@dataclass(frozen=True, kw_only=True)
class HitFigures:
    """Figures of a set of hits."""

    count: int = 0
    failed: int = 0
    rate: float = 0.0
    """Hits per second over the summary's duration."""
    elapsed: ElapsedFigures = ElapsedFigures()
    bytes_sent: int = 0
    bytes_received: int = 0
    response: ElapsedFigures | None = None
    """From the planned start; `elapsed` is from the actual one. None: they are the same."""


@dataclass(frozen=True, kw_only=True)
class IterationFigures:
    """Figures of a set of iterations."""

    started: int = 0
    success: int = 0
    failure: int = 0
    error: int = 0
    interrupted: int = 0
    planned: int = 0
    """Asked for by the plan. 0: it is bounded by time."""
    dropped: int = 0
    """Of the planned, those that were not started and never will be."""
    not_yet: int = 0
    """Of the planned, those that may still be started; of an open load that is over, those that
    were not."""
    late: int = 0
    """Of those with a planned start, the ones that started more than 10 ms after it."""
    waiting: int = 0
    """Of the planned, those whose planned start has passed and that wait for a user."""

    @property
    def finished(self) -> int:
        """Iterations that came to their own end, good or bad."""
        return self.success + self.failure + self.error

    @property
    def ended(self) -> int:
        """Iterations that are over, whatever their outcome."""
        return self.finished + self.interrupted

    @classmethod
    def total(cls, parts: Iterable[IterationFigures]) -> IterationFigures:
        """All iterations of `parts` together."""
        return _total(cls, parts)


@dataclass(frozen=True, kw_only=True)
class PlannedFigures:
    """How iterations with a planned start went: their times, and how they kept to the plan."""

    elapsed: ElapsedFigures = ElapsedFigures()
    """Service time of those that came to their own end: from their start to their end."""
    response: ElapsedFigures = ElapsedFigures()
    """Response time of the same: from their planned start."""
    lateness: ElapsedFigures | None = None
    """How late those were that started more than 10 ms after their plan. None: none did."""
    not_started: tuple[tuple[str, int], ...] = ()
    """Why arrivals were not started, and how many."""
    users: int = 0
    """Users that arrivals had at the end, busy or not, on all agents together."""
    max_users: int = 0
    """Users that they might have had."""


@dataclass(frozen=True, kw_only=True)
class UserFigures:
    """Figures of a set of users; a user of a cycle is one, in the next cycle it is another."""

    planned: int = 0
    started: int = 0
    unknown: int = 0
    """Of the planned, those of which it is not known whether they were started."""

    @property
    def missing(self) -> int:
        """Users that were planned, and are known not to have been started."""
        return max(0, self.planned - self.started - self.unknown)

    @classmethod
    def total(cls, parts: Iterable[UserFigures]) -> UserFigures:
        """All users of `parts` together."""
        return _total(cls, parts)


_Figures = TypeVar("_Figures", IterationFigures, UserFigures)


def _total(kind: type[_Figures], parts: Iterable[_Figures]) -> _Figures:
    """Figures that are all counts, added up one by one."""
    rows = [vars(part).values() for part in parts]
    return kind(**dict(zip(vars(kind()), map(sum, zip(*rows, strict=True)), strict=False)))


@dataclass(frozen=True, kw_only=True)
class NameFigures:
    """Figures of the hits of one name, method and protocol."""

    name: str
    method: str
    hits: HitFigures
    statuses: dict[int, int] = field(default_factory=dict)
    """Answers by status; hits without an answer are not in it."""
    scenario: str = ""
    protocol: str = ""
    """Empty: http."""
    failed_statuses: dict[int, int] = field(default_factory=dict)
    """Of the answers in `statuses`, those that failed."""
    retries: int = 0
    """Of the hits, those that were not the first attempt at their request."""


@dataclass(frozen=True, kw_only=True)
class TagFigures:
    """Figures of the hits that have a tag."""

    name: str
    value: str
    scenario: str = ""
    """Empty: the plan has only one, without a name."""
    hits: HitFigures = HitFigures()


@dataclass(frozen=True, kw_only=True)
class ScenarioFigures:
    """Figures of one scenario."""

    name: str
    test: str
    hits: HitFigures = HitFigures()
    iterations: IterationFigures = IterationFigures()
    users: UserFigures = UserFigures()
    planned: PlannedFigures | None = None
    """As that of the summary."""


@dataclass(frozen=True, kw_only=True)
class CycleScenarioFigures:
    """The figures of one scenario in one cycle; the rate is over its duration."""

    name: str
    users: int = 0
    duration_ns: int = 0
    hits: HitFigures = HitFigures()


@dataclass(frozen=True, kw_only=True)
class CycleFigures:
    """The figures of one cycle; the rate is over its duration."""

    cycle: int
    """From 1."""
    users: int = 0
    """Asked for by the plan, of all agents together."""
    start_time_ns: int | None = None
    """When the broker let users begin it (wall clock)."""
    duration_ns: int = 0
    """From the start of its first hit or iteration to the end of its last one."""
    hits: HitFigures = HitFigures()
    scenarios: tuple[CycleScenarioFigures, ...] = ()
    """Of a plan with several, or with one that has a name."""


@dataclass(frozen=True, kw_only=True)
class IterationErrorGroup:
    """Exceptions of a test that are alike, counted, with the one that came first."""

    count: int
    test: str
    exception: ExceptionInfo


@dataclass(frozen=True, kw_only=True)
class HitErrorGroup:
    """Hits that failed in the same way, counted: without an answer, or as their test judged."""

    count: int
    name: str
    method: str
    error: HitError
    """NONE: there was an answer, and the test says why it is a failure."""
    error_message: str

    @property
    def sentence(self) -> str:
        """What went wrong: `connect: refused`, or what the test says."""
        kind = self.error.name.lower() if self.error is not HitError.NONE else ""
        return ": ".join(filter(None, (kind, self.error_message)))


@dataclass(frozen=True, kw_only=True)
class AgentFigures:
    """What one agent did for a run."""

    agent_id: str
    hostname: str
    state: AssignmentState
    hits: int = 0
    iterations: int = 0
    reason: str = ""
    load_error: ExceptionInfo | None = None
    generator: GeneratorFigures | None = None
    users: int = 0
    """The users it was to live: those of its largest cycle; of arrivals, those that they had."""
    end_time_ns: int | None = None
    """When its part ended, or it was last heard from (wall clock); None: it goes on."""
    clock_ahead_ns: int | None = None
    """How far its clock was ahead of the broker's; None: it is not known."""
    all_users: UserFigures = UserFigures()
    """Those of all cycles together."""
    planned_iterations: int = 0


@dataclass(frozen=True, kw_only=True)
class Loss:
    """Events that were lost, and why."""

    reason: str
    count: int
    at_least: bool
    agent_id: str
    hits: int = 0
    """Of these, as far as it is known."""


@dataclass(frozen=True, kw_only=True)
class Accounting:
    """What became of every event: produced = committed + rejected + lost."""

    committed: int = 0
    duplicates: int = 0
    rejected: int = 0
    losses: tuple[Loss, ...] = ()
    mismatches: tuple[str, ...] = ()
    """Where counted hits differ from those a runner says it made, as sentences."""
    rejections: tuple[str, ...] = ()
    """What was wrong with the rejected, as sentences: the first ones that differ."""

    @property
    def lost(self) -> int:
        """Events known to be lost."""
        return sum(loss.count for loss in self.losses)


@dataclass(frozen=True, kw_only=True)
class OutputFigures:
    """How much a test printed."""

    lines: int = 0
    """Lines that are listed as events."""
    left_out: int = 0
    """Lines that runners left out, as far as they reported it."""


@dataclass(frozen=True, kw_only=True)
class DataFigures:
    """What the users of a scenario have taken from a file of rows, in one way of sharing it."""

    file: str
    mode: DataMode
    scenario: str = ""
    """Empty: the plan has only one, without a name."""
    rows: int = 0
    """Rows in the file; if copies differ, in the largest."""
    taken: int = 0
    """Rows that were handed out; of unique ones, users who got theirs."""
    repeated: int = 0
    """Of these, those handed out again because the file had ended."""
    refused: int = 0
    """Rows that were asked for when there was none, which is an error in the test."""
    stopped: int = 0
    """Users who ended because there was none."""
    differs: bool = False
    """Whether processes had files of different contents under this name."""


@dataclass(frozen=True, kw_only=True)
class CaseFigures:
    """What came of the iterations that were fed with the cases of one rule."""

    case: str
    """The rule."""
    scenario: str = ""
    """Empty: the plan has only one, without a name."""
    iterations: IterationFigures = IterationFigures()
    iteration_time: ElapsedFigures = ElapsedFigures()
    """Of the iterations that came to their own end."""
    hits: HitFigures = HitFigures()


@dataclass(frozen=True, kw_only=True)
class TestFigures:
    """Figures of one test of a scenario."""

    __test__ = False  # not a test, whatever pytest thinks of its name

    test: str
    scenario: str = ""
    iterations: IterationFigures = IterationFigures()
    """Those that have ended."""
    iteration_time: ElapsedFigures | None = None
    """Of the iterations that came to their own end. None: its scenario has no other test."""
    fixture: UserFixture | None = None
    """Set: these are no iterations, but what was done once for each user."""
    errors: tuple[IterationErrorGroup, ...] = ()
    """What went wrong with that."""


@dataclass(frozen=True, kw_only=True)
class CoverageFigures:
    """How many rules were exercised."""

    rules: int = 0
    exercised: int = 0
    """Fed to at least one iteration that came to its own end."""

    @property
    def percent(self) -> float:
        """How many of all, from 0 to 100."""
        return 100 * self.exercised / self.rules if self.rules else 0.0


@dataclass(frozen=True, kw_only=True)
class Summary:
    """The result of a run, or its figures so far: the document every report is drawn from."""

    run_id: str
    state: RunState
    plan: Plan
    create_time_ns: int
    start_time_ns: int | None = None
    end_time_ns: int | None = None
    reason: str = ""
    verdict: Verdict = Verdict()
    duration_ns: int = 0
    """From the first user's start to the last user's end."""
    hits: HitFigures = HitFigures()
    iterations: IterationFigures = IterationFigures()
    planned: PlannedFigures | None = None
    """Of the iterations that had a planned start. None: none had."""
    names: tuple[NameFigures, ...] = ()
    failures: tuple[IterationErrorGroup, ...] = ()
    errors: tuple[IterationErrorGroup, ...] = ()
    hit_errors: tuple[HitErrorGroup, ...] = ()
    agents: tuple[AgentFigures, ...] = ()
    counters: dict[str, int] = field(default_factory=dict)
    accounting: Accounting = Accounting()
    generator: GeneratorFigures | None = None
    """None: no process reported how it kept up."""
    scenarios: tuple[ScenarioFigures, ...] = ()
    """Of a plan with several, or with one that has a name."""
    users: UserFigures = UserFigures()
    """Those of all cycles, scenarios and agents together."""
    cycles: tuple[CycleFigures, ...] = ()
    """Of a plan with several, those that have begun."""
    thresholds: tuple[ThresholdResult, ...] = ()
    """What became of each threshold of the plan."""
    troubles: tuple[Trouble, ...] = ()
    """Current problems of an active run; not stored."""
    output: OutputFigures = OutputFigures()
    cases: tuple[CaseFigures, ...] = ()
    """By rule of a decision table, in the order of the table."""
    coverage: CoverageFigures | None = None
    """None: no iteration was fed with a case."""
    tests: tuple[TestFigures, ...] = ()
    """By scenario and test; those of which an iteration has ended."""
    data: tuple[DataFigures, ...] = ()
    sockets: SocketSummary | None = None
    """None: there were none."""
    measures: Measures = Measures()
    """What the test measured beside hits."""
    tags: tuple[TagFigures, ...] = ()
    """Hits by tag; a hit with several tags is in several."""
    notifications: tuple[Notification, ...] = ()
    """Of observers; stored by themselves, and not with the summary."""
    custom_states: tuple[ReportedState, ...] = ()
    """What tests said last that they were doing, by agent and scenario."""
    attempt: int = 1
    """The attempt that this is the result of."""
    attempts: tuple[RunAttempt, ...] = ()
    """Those that are over and were followed by another one."""

    @property
    def arrival_users(self) -> int:
        """The users that arrivals had; 0: there are none."""
        return self.planned.users if self.planned is not None else 0
