"""The life of a schedule and of its firings: events in, another schedule out.

Rule: pure, as `campaign_life`: the tables are the program, what is to be done follows from how a
schedule stands (`due`), and a run is asked for under a name of its firing's own, so that asking
twice starts it once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final, NamedTuple

from loadgrpc.broker.cron import Cron
from loadgrpc.broker.state import IllegalEventError
from loadgrpc.clock import NS_PER_S
from loadgrpc.errors import NoRoom
from loadgrpc.model import Firing, FiringState, Missed, Overlap, Schedule, Verdict

GRACE_S: Final = 60.0
"""A time that passed no longer ago than this was not missed: cron counts in minutes."""
KEPT_FIRINGS: Final = 20
"""Firings that are over, and are kept: three weeks of a nightly schedule."""
MAX_FIRINGS: Final = 10
"""Firings of a schedule that are not over: whoever starts runs by hand is stopped there."""
MAX_COUNTED: Final = 1_000
"""Missed times that are counted one by one."""


class FiringEvent(Enum):
    """What can happen to a firing."""

    ROOM = "no other run of the schedule is active"
    STARTED = "its run was started"
    NOT_STARTED = "no run could be started"
    OVER = "its run is over"


FIRING_TRANSITIONS: Final[dict[FiringState, dict[FiringEvent, FiringState]]] = {
    FiringState.WAITING: {FiringEvent.ROOM: FiringState.STARTING},
    FiringState.STARTING: {
        FiringEvent.STARTED: FiringState.RUNNING,
        FiringEvent.NOT_STARTED: FiringState.FAILED,
    },
    FiringState.RUNNING: {FiringEvent.OVER: FiringState.OVER},
    FiringState.OVER: {},
    FiringState.FAILED: {},
    FiringState.SKIPPED: {},
    FiringState.MISSED: {},
}


_ACTIVE: Final = frozenset({FiringState.STARTING, FiringState.RUNNING})
"""In which a firing has a run, or is about to have one."""


class Situation(NamedTuple):
    """What decides what becomes of a time that has come."""

    late: bool
    """Whether it passed more than a moment ago: nobody was there."""
    missed: Missed
    active: bool
    """Whether a run of the schedule is active, or asked for."""
    waiting: bool
    """Whether a firing waits already."""
    overlap: Overlap


def becomes(situation: Situation) -> FiringState:
    """What becomes of a time that has come: the first line that applies."""
    if situation.late and situation.missed is Missed.SKIP:
        return FiringState.MISSED
    if not situation.active:
        return FiringState.STARTING
    if situation.overlap is Overlap.SKIP or situation.waiting:
        return FiringState.SKIPPED
    return FiringState.WAITING


# What is to be done


@dataclass(frozen=True)
class StartFiring:
    """StartFiring the run of a firing, unless that was done."""

    number: int
    request_id: str
    overdue: bool
    """Whether it has waited for agents long enough."""


@dataclass(frozen=True)
class WatchFiring:
    """See whether the run of a firing is over; `queued`: or still in the queue."""

    number: int
    run_id: str
    queued: bool


def due(schedule: Schedule, now_ns: int) -> Iterator[StartFiring | WatchFiring]:
    """What is to be done for a schedule as it stands, the oldest firing first."""
    timeout_ns = round(schedule.spec.start_timeout_s * NS_PER_S)
    for firing in reversed(schedule.firings):
        if firing.state is FiringState.STARTING and not firing.run_id:
            request_id = f"{schedule.schedule_id}/{firing.number}"
            yield StartFiring(firing.number, request_id, now_ns - firing.time_ns >= timeout_ns)
        elif firing.state in _ACTIVE:
            queued = firing.state is FiringState.STARTING
            yield WatchFiring(firing.number, firing.run_id, queued)


# Events


def resumed(schedule: Schedule, cron: Cron, now_ns: int) -> Schedule:
    """The schedule, no longer paused: what passed meanwhile was not missed."""
    return replace(schedule, paused=False, next_time_ns=cron.after(now_ns))


def paused(schedule: Schedule) -> Schedule:
    """The schedule, paused."""
    return replace(schedule, paused=True, next_time_ns=None)


def fired_by_hand(schedule: Schedule, now_ns: int) -> Schedule:
    """The schedule with a firing that somebody asked for, whatever else is active.

    Raises:
        NoRoom: too much is.
    """
    active = sum(not each.state.final for each in schedule.firings)
    if active >= MAX_FIRINGS:
        raise NoRoom(f"{active} runs of schedule {schedule.spec.name} are active or wait already")
    return _fired(schedule, FiringState.STARTING, now_ns, now_ns, by_hand=True)


def time_passed(schedule: Schedule, cron: Cron, now_ns: int) -> Schedule:
    """The schedule at this moment: what has come is fired, what waited has its turn."""
    planned_ns = schedule.next_time_ns
    if planned_ns is not None and planned_ns <= now_ns:
        schedule = _come(schedule, cron, planned_ns, now_ns)
    active = any(each.state in _ACTIVE for each in schedule.firings)
    for firing in reversed(schedule.firings):
        if firing.state is FiringState.WAITING and not (active or schedule.paused):
            schedule = _moved(schedule, firing.number, FiringEvent.ROOM, now_ns, reason="")
            active = True
    return schedule


def started(schedule: Schedule, number: int, run_id: str, now_ns: int) -> Schedule:
    """The run of a firing is there."""
    return _moved(schedule, number, FiringEvent.STARTED, now_ns, run_id=run_id, reason="")


def waits(schedule: Schedule, number: int, reason: str, run_id: str = "") -> Schedule:
    """The run of a firing cannot be started yet, or waits in the queue."""
    firing = _firing(schedule, number)
    return _with(schedule, replace(firing, reason=reason, run_id=run_id or firing.run_id))


def not_started(schedule: Schedule, number: int, reason: str, now_ns: int) -> Schedule:
    """The run of a firing cannot be started."""
    return _moved(schedule, number, FiringEvent.NOT_STARTED, now_ns, reason=reason)


def over(schedule: Schedule, number: int, verdict: Verdict | None, now_ns: int) -> Schedule:
    """The run of a firing is over."""
    reason = verdict.reason if verdict is not None else "how it was judged is not known any more"
    return _moved(schedule, number, FiringEvent.OVER, now_ns, verdict=verdict, reason=reason)


def _come(schedule: Schedule, cron: Cron, planned_ns: int, now_ns: int) -> Schedule:
    """A time has come, or several have passed."""
    spec = schedule.spec
    late = now_ns - planned_ns > GRACE_S * NS_PER_S
    active = [each for each in schedule.firings if each.state in _ACTIVE]
    state = becomes(
        Situation(
            late=late,
            missed=spec.missed,
            active=bool(active),
            waiting=any(each.state is FiringState.WAITING for each in schedule.firings),
            overlap=spec.overlap,
        )
    )
    reason = ""
    if late:
        reason = f"the broker was away: {_times(cron, planned_ns, now_ns)} passed"
    if state in {FiringState.SKIPPED, FiringState.WAITING}:
        what = f"run {active[0].run_id}" if active[0].run_id else "the run before it"
        reason = f"{what} is still active" if not reason else f"{reason}, and {what} is active"
    schedule = _fired(schedule, state, planned_ns, now_ns, reason=reason)
    following_ns = cron.after(now_ns if late else planned_ns)
    return replace(schedule, next_time_ns=following_ns)


def _times(cron: Cron, first_ns: int, now_ns: int) -> str:
    """How many times have passed since the first, as text."""
    count, moment_ns = 0, first_ns - 1
    while count < MAX_COUNTED:
        found = cron.after(moment_ns)
        if found is None or found > now_ns:
            return f"{count} time{'s' * (count != 1)}"
        count, moment_ns = count + 1, found
    return f"{MAX_COUNTED} times or more"


def _fired(
    schedule: Schedule,
    state: FiringState,
    planned_ns: int,
    now_ns: int,
    *,
    reason: str = "",
    by_hand: bool = False,
) -> Schedule:
    number = schedule.fired + 1
    firing = Firing(
        number=number,
        planned_time_ns=planned_ns,
        time_ns=now_ns,
        state=state,
        reason=reason,
        by_hand=by_hand,
    )
    return _kept(replace(schedule, fired=number, firings=(firing, *schedule.firings)))


def _kept(schedule: Schedule) -> Schedule:
    """The schedule without firings that are long over."""
    ended = [each.number for each in schedule.firings if each.state.final][KEPT_FIRINGS:]
    kept = tuple(each for each in schedule.firings if each.number not in ended)
    return replace(schedule, firings=kept)


def _firing(schedule: Schedule, number: int) -> Firing:
    return next(each for each in schedule.firings if each.number == number)


def _moved(
    schedule: Schedule, number: int, event: FiringEvent, now_ns: int, **changed: object
) -> Schedule:
    """One firing after an event of the table."""
    firing = _firing(schedule, number)
    try:
        state = FIRING_TRANSITIONS[firing.state][event]
    except KeyError:
        message = f"{event.value}, of a firing that is {firing.state.name}"
        raise IllegalEventError(message) from None
    moved = replace(firing, state=state, time_ns=now_ns, **changed)  # type: ignore[arg-type]
    return _kept(_with(schedule, moved))


def _with(schedule: Schedule, firing: Firing) -> Schedule:
    firings = tuple(firing if each.number == firing.number else each for each in schedule.firings)
    return replace(schedule, firings=firings)
