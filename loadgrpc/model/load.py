"""A load that changes over time: stages of users, or of arrivals, and how it was changed live."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, TypeAlias

MAX_STAGES: Final = 1_000
MAX_LEVELS: Final = 20_000
"""Levels of all its `Steps` together: five and a half hours of one each second."""
MAX_LEVEL: Final = 1_000_000.0
"""Arrivals per second."""
MAX_LEVEL_USERS: Final = 100_000.0
MAX_LOAD_CHANGES: Final = 1_000
"""Live changes of one scenario in a run."""
MAX_AGENT_USERS: Final = 10_000
"""Users that arrivals may need on one agent; beyond, they start late."""


class LoadUnit(IntEnum):
    """What the levels of a load count."""

    USERS = 1
    """Users who are active at a time: a closed model."""
    ARRIVALS = 2
    """Iterations that start per second, whatever the answers do: an open model."""


MAX_LEVELS_OF: Final = {LoadUnit.USERS: MAX_LEVEL_USERS, LoadUnit.ARRIVALS: MAX_LEVEL}


class Spacing(IntEnum):
    """How arrivals are spaced at a constant rate."""

    EVEN = 1
    POISSON = 2
    """Memoryless, as independent visitors arrive."""


class LatePolicy(IntEnum):
    """What becomes of an arrival for which no user is free."""

    QUEUE = 1
    """It starts late, as soon as a user is free."""
    DROP = 2
    """It never starts, and is counted as dropped."""


@dataclass(frozen=True, slots=True)
class Hold:
    """The same level all the time."""

    level: float
    duration_s: float


@dataclass(frozen=True, slots=True)
class Ramp:
    """A straight line from one level to another."""

    start: float
    end: float
    duration_s: float


@dataclass(frozen=True, slots=True)
class Sine:
    """Waves that begin at their lowest level."""

    low: float
    high: float
    period_s: float
    duration_s: float

    def level(self, t: float) -> float:
        """The level t seconds after they begin."""
        turn = math.tau * (t / self.period_s)
        return self.low + (self.high - self.low) * (1 - math.cos(turn)) / 2


@dataclass(frozen=True, slots=True)
class Steps:
    """Levels one after another, each for the same time: a staircase, or a recorded trace."""

    levels: tuple[float, ...]
    each_s: float

    @property
    def duration_s(self) -> float:
        """All of them together."""
        return len(self.levels) * self.each_s


Stage: TypeAlias = Hold | Ramp | Sine | Steps


@dataclass(frozen=True, slots=True)
class Load:
    """The load of a scenario, on all agents together."""

    unit: LoadUnit
    stages: tuple[Stage, ...]

    @property
    def duration_s(self) -> float:
        """How long its stages last together."""
        return sum(stage.duration_s for stage in self.stages)

    @property
    def peak(self) -> float:
        """The highest of its levels."""
        return max(map(highest, self.stages), default=0.0)

    @property
    def is_open(self) -> bool:
        """Whether it is one of arrivals."""
        return self.unit is LoadUnit.ARRIVALS


def highest(stage: Stage) -> float:
    """The highest level of a stage."""
    match stage:
        case Hold(level):
            return level
        case Ramp(start, end):
            return max(start, end)
        case Sine(_, high):
            return high
        case Steps(levels):
            return max(levels, default=0.0)


def arrives(stage: Stage) -> bool:
    """Whether its level is above 0 at any time."""
    match stage:
        case Hold(level):
            return level > 0
        case Ramp(start, end):
            return start > 0 or end > 0
        case Sine(_, high):
            return high > 0
        case Steps(levels):
            return any(levels)


def last_level(stage: Stage) -> float:
    """The level that a stage ends with."""
    match stage:
        case Hold(level):
            return level
        case Ramp(_, end):
            return end
        case Sine(duration_s=duration_s):
            return stage.level(duration_s)
        case Steps(levels):
            return levels[-1]


class LoadChangeKind(IntEnum):
    """How a load is changed while it runs."""

    LEVEL = 1
    """This level, instead of that of its stages, until their end or the next change."""
    FACTOR = 2
    """The levels of its stages, times this factor."""
    PAUSE = 3
    """Nothing more starts, and the stages stand still."""
    RESUME = 4
    """They go on where they were."""


@dataclass(frozen=True, slots=True)
class LoadChange:
    """A live change of the load of a scenario."""

    at_s: float
    """From when on, in seconds since the cycle began: the same for all agents."""
    kind: LoadChangeKind
    value: float = 0.0
    """The level or the factor."""


@dataclass(frozen=True, slots=True)
class LoadOrder:
    """What a client asks the load of a run to become."""

    kind: LoadChangeKind
    value: float = 0.0
    unit: LoadUnit | None = None
    """Of a level. None: it is none."""
    scenario: str = ""
    """Empty: all scenarios that it can be meant for."""
