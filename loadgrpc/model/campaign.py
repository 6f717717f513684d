"""Campaigns: runs that depend on each other, as one graph of steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from loadgrpc.model.observer import ObserverChoice
from loadgrpc.model.plan import Plan
from loadgrpc.model.run import RunState, Verdict
from loadgrpc.model.summary import HitFigures, IterationFigures

STEP_TIMEOUT_S = 3_600.0
"""How long a step may wait for agents, unless somebody says otherwise."""


class StepGate(IntEnum):
    """What a step asks of one that it comes after."""

    PASSED = 1
    FAILED = 2
    OVER = 3


class StepState(IntEnum):
    """Where a step of a campaign is. `broker/step_life.py` has the transitions."""

    WAITING = 1
    READY = 2
    RUNNING = 3
    STOPPING = 4
    REPLACING = 5
    PASSED = 6
    FAILED = 7
    SKIPPED = 8
    CANCELLED = 9

    @property
    def final(self) -> bool:
        """Whether nothing more becomes of it."""
        return self >= StepState.PASSED


class CampaignState(IntEnum):
    """Where a campaign is."""

    RUNNING = 1
    STOPPING = 2
    FINISHED = 3
    STOPPED = 4

    @property
    def final(self) -> bool:
        """Whether the campaign is over."""
        return self >= CampaignState.FINISHED


@dataclass(frozen=True, kw_only=True)
class After:
    """A step that another comes after, and what it asks of it."""

    step: str
    gate: StepGate = StepGate.PASSED
    exit_codes: tuple[int, ...] = ()
    """Instead of the gate: its run was judged with one of these. Empty: the gate holds."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """A step of a campaign: a run, or an observer that is notified."""

    name: str
    """Unique in the campaign."""
    after: tuple[After, ...] = ()
    """Empty: it begins with the campaign."""
    any_of: bool = False
    """Whether one open gate is enough, once all that it comes after are over."""
    plan: Plan | None = None
    observer: ObserverChoice | None = None
    """Instead of a plan: who is notified of the steps that it comes after."""
    results: bool = False
    """Whether its runners learn the results of the steps that it comes after."""


@dataclass(frozen=True, kw_only=True)
class CampaignSpec:
    """What is asked for."""

    steps: tuple[Step, ...]
    """One or more; none comes after itself, however far round."""
    title: str = ""
    start_timeout_s: float = STEP_TIMEOUT_S
    """How long a step may wait for agents."""

    def step(self, name: str) -> Step:
        """The step of that name."""
        return next(step for step in self.steps if step.name == name)

    @property
    def label(self) -> str:
        """What it is called wherever it is shown."""
        return self.title.strip() or " + ".join(step.name for step in self.steps)


@dataclass(frozen=True, kw_only=True)
class StepResult:
    """What came out of the run of a step: a column of the campaign's summary."""

    state: RunState
    """Of the run, which is over."""
    verdict: Verdict | None = None
    """None: it was not kept."""
    duration_ns: int = 0
    hits: HitFigures = HitFigures()
    iterations: IterationFigures = IterationFigures()


@dataclass(frozen=True, kw_only=True)
class StepStatus:
    """How a step stands. Times are wall-clock nanoseconds."""

    name: str
    state: StepState = StepState.WAITING
    time_ns: int = 0
    """When it got into its state."""
    reason: str = ""
    """Why it is in its state, as a sentence."""
    run_id: str = ""
    """Its run, the last of them. Empty: it has none so far."""
    replaced: tuple[str, ...] = ()
    """Runs whose place that one took, the oldest first."""
    generation: int = 1
    """Counts its plans: each that replaces another is one more."""
    result: StepResult | None = None
    """Of its last run. None: it is not over, or there is none."""


@dataclass(frozen=True, kw_only=True)
class Campaign:
    """A campaign as it stands."""

    campaign_id: str
    spec: CampaignSpec
    state: CampaignState
    create_time_ns: int
    steps: tuple[StepStatus, ...]
    """In the order of the spec."""
    sequence: int = 1
    """Counts what has changed."""
    reason: str = ""
    end_time_ns: int | None = None
    verdict: Verdict | None = None
    """None: it goes on."""

    @property
    def by_name(self) -> Mapping[str, StepStatus]:
        """How its steps stand, by name."""
        return {step.name: step for step in self.steps}
