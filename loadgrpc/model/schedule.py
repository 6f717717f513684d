"""Schedules: plans that are started again and again, at times of a calendar."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from loadgrpc.model.plan import Plan
from loadgrpc.model.run import Verdict

START_TIMEOUT_S = 600.0
"""How long a run that is due may wait for agents, unless somebody says otherwise."""


class Missed(IntEnum):
    """What becomes of times that passed while nobody was there to start a run."""

    SKIP = 1
    RUN_ONCE = 2


class Overlap(IntEnum):
    """What becomes of a time at which a run of the same schedule is still active."""

    SKIP = 1
    QUEUE = 2


class FiringState(IntEnum):
    """Where one firing of a schedule is. `broker/firing.py` has the transitions."""

    WAITING = 1
    STARTING = 2
    RUNNING = 3
    OVER = 4
    FAILED = 5
    SKIPPED = 6
    MISSED = 7

    @property
    def final(self) -> bool:
        """Whether nothing more becomes of it."""
        return self >= FiringState.OVER


@dataclass(frozen=True, kw_only=True)
class ScheduleSpec:
    """What is asked for."""

    name: str
    """Unique in a broker."""
    cron: str
    """Five fields: minute, hour, day of the month, month, day of the week."""
    time_zone: str
    """By its name in the database of the IANA: `Europe/Berlin`."""
    plan: Plan
    missed: Missed = Missed.SKIP
    overlap: Overlap = Overlap.SKIP
    start_timeout_s: float = START_TIMEOUT_S
    """How long a run that is due may wait for agents."""


@dataclass(frozen=True, kw_only=True)
class Firing:
    """One time at which a schedule was due. Times are wall-clock nanoseconds."""

    number: int
    """Its place among the firings of the schedule, from 1."""
    planned_time_ns: int
    """When it was due."""
    time_ns: int
    """When it got into its state."""
    state: FiringState
    run_id: str = ""
    """The run that was started. Empty: none was."""
    reason: str = ""
    """Why it is in its state, as a sentence."""
    verdict: Verdict | None = None
    """How its run was judged. None: it was not, so far."""
    by_hand: bool = False
    """Whether somebody asked for it, and not the calendar."""


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """A schedule as it stands."""

    schedule_id: str
    spec: ScheduleSpec
    create_time_ns: int
    next_time_ns: int | None = None
    """When it is due next. None: it is paused."""
    paused: bool = False
    fired: int = 0
    """Firings so far; the number of the last."""
    firings: tuple[Firing, ...] = ()
    """The newest first: those that are not over, and the last of the others."""
