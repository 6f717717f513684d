"""An active run: its figures, and the changes that a watcher receives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from loadgrpc.model.custom_state import ReportedState
from loadgrpc.model.run import Change, Run, Trouble
from loadgrpc.model.summary import CoverageFigures, IterationFigures
from loadgrpc.model.threshold import ThresholdResult
from loadgrpc.model.timeline import TimelineWindow


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
        """Hits per second."""
        return self.hits / self.seconds


@dataclass(frozen=True, kw_only=True)
class NameProgress:
    """The current figures of one name; `rate` and `p95_ns` are those of the window."""

    name: str
    method: str
    scenario: str = ""
    hits: int = 0
    failed: int = 0
    rate: float = 0.0
    p95_ns: int | None = None


@dataclass(frozen=True, kw_only=True)
class RuleProgress:
    """The current figures of one rule of a decision table; `rate` and `p95_ns` as above."""

    case: str
    """The rule."""
    scenario: str = ""
    iterations: int = 0
    """Those that came to their own end, since the start."""
    not_passed: int = 0
    """Of these, failures and errors."""
    rate: float = 0.0
    """Iterations per second."""
    p95_ns: int | None = None
    """How long iterations took."""


@dataclass(frozen=True, kw_only=True)
class SocketProgress:
    """The current figures of the sockets of a run; rates are those of the window."""

    open: int = 0
    broken: int = 0
    messages_sent: int = 0
    messages_received: int = 0
    sent_rate: float = 0.0
    received_rate: float = 0.0


@dataclass(frozen=True, kw_only=True)
class FailureProgress:
    """What went wrong, how often, and where."""

    count: int
    message: str
    where: str


@dataclass(frozen=True, kw_only=True)
class Progress:
    """The current figures of an active run."""

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
    """Hits per second in `window`."""
    p50_ns: int = 0
    """Since the start, as `p95_ns`."""
    p95_ns: int = 0
    iterations: IterationFigures = IterationFigures()
    agents: int = 0
    """Agents whose part is not over."""
    saturated: bool = False
    """Whether a process that generates the load currently cannot keep up."""
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
    thresholds: tuple[ThresholdResult, ...] = ()
    """How each threshold of the plan stands."""
    troubles: tuple[Trouble, ...] = ()
    """Current problems, worst first."""
    passed_checks: int = 0
    """How often conditions held that the test checks, since the start."""
    failed_checks: int = 0
    sockets: SocketProgress | None = None
    """None: there were none."""
    custom_states: tuple[ReportedState, ...] = ()
    """What tests say they are doing, by agent and scenario."""
    rules: tuple[RuleProgress, ...] = ()
    """Those that did not pass most often first, then the busiest."""
    coverage: CoverageFigures | None = None
    """How many rules were exercised so far. None: none is known."""


Update: TypeAlias = Run | Progress | TimelineWindow | None
"""What is new of a run."""


@dataclass(frozen=True)
class News:
    """What a watcher of a run receives: a change, figures, or a window that has closed."""

    sequence: int
    """The number of the change, from 1; of figures, that of the newest change before them."""
    update: Update
    """The run, if its state changed, or figures. None: something else changed."""
    change: Change | None = None
    """None: no change, or the run as it was when the watch began."""
