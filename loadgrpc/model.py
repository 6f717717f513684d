"""The nouns of the domain, as plain values; DESIGN words, one meaning each.

Rule: nothing here knows gRPC, protobuf, files or time; durations are seconds as float
where a person sets them, and whole nanoseconds (`_ns`) where they are measured. Enum
values equal those of the protos (a test holds them together). `protocol/convert.py` turns
these into messages and back.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import Any, TypeVar

DEFAULT_STOP_TIMEOUT_S = 30.0
DEFAULT_SILENCE_TIMEOUT_S = 300.0
MAX_SILENCE_TIMEOUT_S = 86_400.0
MAX_SCENARIOS = 100
MAX_COMMAND_CHARS = 4_096
MAX_CYCLES = 100
MAX_USERS = 100_000
MAX_ITERATIONS = 1_000_000_000
MAX_AGENTS = 10_000
MAX_PROCESSES = 1_024
MAX_DURATION_S = 30 * 86_400.0
MAX_STOP_TIMEOUT_S = 86_400.0
MAX_LAGS = 4_000
MAX_GENERATOR_NS = 3_600_000_000_000
"""What one GeneratorState tells of: so many lags, none of them and not all longer than this."""


class RunState(IntEnum):
    """Where in its life a run is. `broker/state.py` has the transitions."""

    STARTING = 1
    RUNNING = 2
    STOPPING = 3
    FINISHED = 4
    STOPPED = 5
    FAILED = 6

    @property
    def final(self) -> bool:
        """Whether the run is over."""
        return self >= RunState.FINISHED


class AgentState(IntEnum):
    """What an agent is doing."""

    IDLE = 1
    BUSY = 2
    UNREACHABLE = 3


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


class TestOutcome(IntEnum):
    """How an iteration ended."""

    __test__ = False  # not a test, whatever pytest thinks of its name

    SUCCESS = 1
    FAILURE = 2
    ERROR = 3
    INTERRUPTED = 4


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


class StopMode(IntEnum):
    """How to stop a run."""

    GRACEFUL = 1
    KILL = 2


class RunnerMode(IntEnum):
    """Who lives the users: a process for each, one for all, or somebody else."""

    ONE_USER = 1
    ALL_USERS = 2
    BY_HAND = 3


class Saturation(Enum):
    """Why a process did not keep up with its load."""

    AT_LIMIT = "it used all that it can of the processor"
    MACHINE_BUSY = "its machine was busy with other things"
    HELD_UP = "something held it up, or it is not known"


class TroubleKind(IntEnum):
    """What may be wrong with a run while it goes on; the worst first."""

    AGENT_LOST = 1
    AGENT_UNREACHABLE = 2
    STORE_AWAY = 3
    SOURCE_SILENT = 4


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A test with its load."""

    name: str = ""
    """Empty: the plan has only this one."""
    test: str = ""
    users: tuple[int, ...] = (1,)
    """Users of each cycle."""
    iterations: tuple[int, ...] = ()
    """Each user makes the sum of these in a cycle. Empty: `duration_s` bounds the cycle."""
    duration_s: float | None = None
    spawn_rate: float = 0.0
    """Users started a second. 0: all at once."""
    server_url: str = ""
    processes: int = 0
    """User processes on each agent. 0: one for each core the agent may use."""
    test_runner: str = ""
    """The command that lives the users. Empty: the Python runner."""
    runner_mode: RunnerMode = RunnerMode.ONE_USER
    silence_timeout_s: float = DEFAULT_SILENCE_TIMEOUT_S
    """How long a process of `test_runner` may be silent. 0: for ever."""

    @property
    def iterations_per_user(self) -> int:
        """Iterations each user makes in a cycle; 0 when a duration bounds it."""
        return sum(self.iterations)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a client asks for. Valid by construction: converters check before they build.

    One scenario without a name may be given by its fields: `Plan(test=…, users=…)`.
    """

    scenarios: tuple[Scenario, ...]
    """One or more, side by side; with names if there are more."""
    agents: int = 1
    split: bool = False
    stop_timeout_s: float = DEFAULT_STOP_TIMEOUT_S
    no_dns_resolve: bool = False
    """Names are resolved for each connection, and not once for each user."""

    def __init__(
        self,
        *,
        scenarios: tuple[Scenario, ...] = (),
        agents: int = 1,
        split: bool = False,
        stop_timeout_s: float = DEFAULT_STOP_TIMEOUT_S,
        no_dns_resolve: bool = False,
        **scenario: Any,
    ) -> None:
        if scenarios and scenario:
            raise TypeError(f"scenarios, and {', '.join(scenario)} beside them")
        set_field = object.__setattr__  # it is frozen
        set_field(self, "scenarios", scenarios or (Scenario(**scenario),))
        set_field(self, "agents", agents)
        set_field(self, "split", split)
        set_field(self, "stop_timeout_s", stop_timeout_s)
        set_field(self, "no_dns_resolve", no_dns_resolve)

    @property
    def title(self) -> str:
        """What it is of, in short."""
        named = [each.name or each.test for each in self.scenarios]
        return named[0] if len(named) == 1 else " + ".join(named)

    @property
    def cycles(self) -> int:
        """Cycles of the run: those of the scenario that has most."""
        return max(len(each.users) for each in self.scenarios)

    @property
    def users(self) -> tuple[int, ...]:
        """Users of each cycle, of all scenarios together."""
        return tuple(
            sum(each.users[at] for each in self.scenarios if at < len(each.users))
            for at in range(self.cycles)
        )

    @property
    def total_iterations(self) -> int:
        """Iterations of the whole run on all agents; 0 when a duration bounds some of it."""
        if any(each.duration_s is not None for each in self.scenarios):
            return 0
        times = 1 if self.split else self.agents
        return times * sum(sum(each.users) * each.iterations_per_user for each in self.scenarios)


@dataclass(frozen=True, kw_only=True)
class Cycle:
    """One cycle of an assignment: users, and either iterations or a duration."""

    users: int
    iterations: int = 0
    duration_s: float | None = None


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """One agent's part in a scenario of a run."""

    run_id: str
    agent_id: str
    test: str
    cycles: tuple[Cycle, ...]
    spawn_rate: float = 0.0
    server_url: str = ""
    processes: int = 0
    stop_timeout_s: float = DEFAULT_STOP_TIMEOUT_S
    no_dns_resolve: bool = False
    scenario: str = ""
    """Its name. Empty: the plan has only one."""
    user: int = 0
    """The user to live in the one cycle there is. 0: all, in all cycles."""
    first_cycle: int = 1
    """The number of the first of `cycles`."""

    @property
    def planned_users(self) -> int:
        """The users of all its cycles together."""
        return sum(cycle.users for cycle in self.cycles)

    @property
    def planned_iterations(self) -> int:
        """The iterations of all its users; 0 when a duration bounds them."""
        return sum(cycle.users * cycle.iterations for cycle in self.cycles)

    @property
    def planned_s(self) -> float:
        """How long its cycles last together that have users; 0 when iterations bound them."""
        return sum(cycle.duration_s or 0.0 for cycle in self.cycles if cycle.users)


@dataclass(frozen=True, kw_only=True)
class Launch:
    """What lives the users of an assignment."""

    assignment: Assignment
    test_runner: str = ""
    runner_mode: RunnerMode = RunnerMode.ONE_USER
    silence_timeout_s: float = DEFAULT_SILENCE_TIMEOUT_S

    @property
    def one_user_each(self) -> bool:
        """Whether each user of each cycle is a process of its own."""
        return bool(self.test_runner) and self.runner_mode is RunnerMode.ONE_USER

    @property
    def by_hand(self) -> bool:
        """Whether the agent starts nothing."""
        return self.runner_mode is RunnerMode.BY_HAND


@dataclass(frozen=True)
class SourceId:
    """Who events come from: a runner instance."""

    run_id: str
    agent_id: str
    runner_id: str

    def __str__(self) -> str:
        return f"{self.run_id}/{self.agent_id}/{self.runner_id}"


@dataclass(frozen=True, kw_only=True)
class ExceptionInfo:
    """An exception as text."""

    type: str
    message: str = ""
    traceback: str = ""


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """Something that is wrong with a run just now."""

    kind: TroubleKind
    message: str
    """As a sentence, with how long it has lasted."""
    since_ns: int
    """By the broker's wall clock."""
    until_ns: int | None = None
    """Of an agent that is unreachable: when its lease is over."""
    agent_id: str = ""


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
    """What is wrong with it just now, the worst first; not stored."""
    verdict: Verdict | None = None
    """How it was judged. None: it goes on, or that was not kept."""


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
    troubles: tuple[str, ...] = ()
    """What is wrong with it, as sentences."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """How a run is judged: see `verdict.py`."""

    exit_code: int = 0
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class ElapsedFigures:
    """How long answered hits took, in nanoseconds; all 0 when there were none."""

    avg_ns: int = 0
    min_ns: int = 0
    p50_ns: int = 0
    p90_ns: int = 0
    p95_ns: int = 0
    p99_ns: int = 0
    max_ns: int = 0


@dataclass(frozen=True, kw_only=True)
class HitFigures:
    """Figures of a set of hits."""

    count: int = 0
    failed: int = 0
    rate: float = 0.0
    """Hits a second over the summary's duration."""
    elapsed: ElapsedFigures = ElapsedFigures()
    bytes_sent: int = 0
    bytes_received: int = 0


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
    """Of the planned, those that may still be started."""

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
    """Figures of the hits of one name and method."""

    name: str
    method: str
    hits: HitFigures
    statuses: dict[int, int] = field(default_factory=dict)
    scenario: str = ""
    """Answers by status; hits without an answer are not in it."""


@dataclass(frozen=True, kw_only=True)
class ScenarioFigures:
    """Figures of one scenario."""

    name: str
    test: str
    hits: HitFigures = HitFigures()
    iterations: IterationFigures = IterationFigures()
    users: UserFigures = UserFigures()


@dataclass(frozen=True, kw_only=True)
class IterationErrorGroup:
    """Exceptions of a test that are alike, counted, with the one that came first."""

    count: int
    test: str
    exception: ExceptionInfo


@dataclass(frozen=True, kw_only=True)
class HitErrorGroup:
    """Hits without an answer that went wrong in the same way, counted."""

    count: int
    name: str
    method: str
    error: HitError
    error_message: str


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
    """How much of the machine's processor time was in use, from 0 to 1; None: not measured."""
    steal: float | None = None
    """How much of it a hypervisor took away; likewise."""
    other_cpu: float | None = None
    """How much of it others than the runner used; likewise."""


@dataclass(frozen=True, kw_only=True)
class GeneratorFigures:
    """Whether processes that made a load kept up with it: see `stats/generator.py`."""

    saturated_ns: int = 0
    """How long the process was saturated that was so for the longest."""
    watched_ns: int = 0
    lag: ElapsedFigures = ElapsedFigures()
    worst_lag_ns: int = 0
    """The 99th percentile in the worst second of any process."""
    worst_lag_end_ns: int | None = None
    """When that second ended (wall clock); None: no lag was measured."""
    cpu: float = 0.0
    """Of the cores that the busiest process can use, from 0 to 1."""
    worst_cpu: float = 0.0
    """The same, in its busiest second."""
    gc_pauses: int = 0
    gc_ns: int = 0
    gc_max_ns: int = 0
    at_limit_ns: int = 0
    """How much of `saturated_ns` the process used all that it can of the processor."""
    machine_busy_ns: int = 0
    """How much of `saturated_ns` the machine was busy with other things."""
    worst_other_cpu: float = 0.0
    """How much of a machine others used, in the worst second of those in which it was busy."""
    worst_steal: float = 0.0
    """How much of a machine a hypervisor took away, likewise."""

    @property
    def saturated(self) -> bool:
        """Whether any second of any process was."""
        return self.saturated_ns > 0

    @property
    def cause(self) -> Saturation | None:
        """Why it was saturated for most of that time; None: it was not."""
        if not self.saturated_ns:
            return None
        held_up_ns = self.saturated_ns - self.at_limit_ns - self.machine_busy_ns
        times = {
            Saturation.AT_LIMIT: self.at_limit_ns,
            Saturation.MACHINE_BUSY: self.machine_busy_ns,
            Saturation.HELD_UP: held_up_ns,
        }
        return max(times, key=lambda cause: times[cause])


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
    """The users it was to live: those of its largest cycle."""
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
    names: tuple[NameFigures, ...] = ()
    failures: tuple[IterationErrorGroup, ...] = ()
    errors: tuple[IterationErrorGroup, ...] = ()
    hit_errors: tuple[HitErrorGroup, ...] = ()
    agents: tuple[AgentFigures, ...] = ()
    counters: dict[str, int] = field(default_factory=dict)
    accounting: Accounting = Accounting()
    generator: GeneratorFigures | None = None
    """None: no process told how it kept up."""
    scenarios: tuple[ScenarioFigures, ...] = ()
    """Of a plan with several, or with one that has a name."""
    users: UserFigures = UserFigures()
    """Those of all cycles, scenarios and agents together."""
    troubles: tuple[Trouble, ...] = ()
    """What is wrong just now with a run that goes on; not stored."""


@dataclass(frozen=True, kw_only=True)
class WindowFigures:
    """Figures of the last closed seconds: see `stats/window.py`."""

    end_ns: int
    """When the last of them ended (wall clock)."""
    seconds: int
    hits: int = 0
    failed: int = 0
    p50_ns: int | None = None
    """Of the hits that were counted in the last five seconds or so; None: no answer was."""
    p95_ns: int | None = None

    @property
    def rate(self) -> float:
        """Hits a second."""
        return self.hits / self.seconds


@dataclass(frozen=True, kw_only=True)
class NameProgress:
    """A name while the run goes on; `rate` and `p95_ns` are those of the window."""

    name: str
    method: str
    scenario: str = ""
    hits: int = 0
    failed: int = 0
    rate: float = 0.0
    p95_ns: int | None = None


@dataclass(frozen=True, kw_only=True)
class FailureProgress:
    """What went wrong, how often, and where."""

    count: int
    message: str
    where: str


@dataclass(frozen=True, kw_only=True)
class Progress:
    """The figures of a run that goes on."""

    elapsed_ns: int = 0
    fraction: float = 0.0
    """How far the run is, from 0 to 1."""
    cycle: int = 0
    """From 1; 0 before the first."""
    cycles: int = 1
    users: int = 0
    hits: int = 0
    failed_hits: int = 0
    rate: float = 0.0
    """Hits a second in `window`."""
    p50_ns: int = 0
    """Since the start, as `p95_ns`."""
    p95_ns: int = 0
    iterations: IterationFigures = IterationFigures()
    agents: int = 0
    """Agents whose part is not over."""
    saturated: bool = False
    """Whether a process that makes the load cannot keep up just now."""
    machine_busy: bool = False
    """Whether that is so only because machines are busy with other things."""
    window: WindowFigures | None = None
    """None: no second is closed yet."""
    names: tuple[NameProgress, ...] = ()
    """Those with most hits, the busiest first."""
    failures: tuple[FailureProgress, ...] = ()
    """The most frequent first."""
    left_ns: int | None = None
    """How long it goes on; 0: the time is over, and users finish. None: it is not known."""
    troubles: tuple[Trouble, ...] = ()
    """What is wrong just now, the worst first."""


@dataclass(frozen=True)
class News:
    """What a watcher of a run is told: a change of its state, or figures."""

    sequence: int
    """The number of the change, from 1; of figures, that of the newest change before them."""
    update: Run | Progress


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
