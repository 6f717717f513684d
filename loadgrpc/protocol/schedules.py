"""Schedules, as their messages and back.

Rule: what is asked for comes from a stranger, and every wrong field is named. What is stored has
its plan whole; what is shown has no secrets in it.
"""

from __future__ import annotations

from typing import Final

from loadgrpc import model
from loadgrpc.errors import InvalidRequest, Violation
from loadgrpc.model.schedule import START_TIMEOUT_S
from loadgrpc.protocol import plans
from loadgrpc.protocol.bounds import MAX_REASON_CHARS, kept_chars
from loadgrpc.protocol.fitting import fit
from loadgrpc.protocol.runs import verdict_from_proto, verdict_to_proto
from loadgrpc.protocol.times import (
    optional_timestamp,
    seconds_from_proto,
    seconds_to_proto,
    time_or_none,
    timestamp_from_proto,
    timestamp_to_proto,
)
from loadgrpc.v1 import run_pb2, schedule_pb2

_MISSED: Final = frozenset(map(int, model.Missed))
_OVERLAPS: Final = frozenset(map(int, model.Overlap))


def schedule_spec_to_proto(
    spec: model.ScheduleSpec, *, shown: bool = False
) -> schedule_pb2.ScheduleSpec:
    """What is scheduled as its message; `shown`: without secrets."""
    return schedule_pb2.ScheduleSpec(
        name=spec.name,
        cron=spec.cron,
        time_zone=spec.time_zone,
        plan=plans.shown_plan(spec.plan) if shown else plans.plan_to_proto(spec.plan),
        missed=int(spec.missed),  # type: ignore[arg-type]  # an enum's number
        overlap=int(spec.overlap),  # type: ignore[arg-type]  # an enum's number
        start_timeout=seconds_to_proto(spec.start_timeout_s),
    )


def schedule_spec_from_proto(message: schedule_pb2.ScheduleSpec) -> model.ScheduleSpec:
    """What somebody wants to be scheduled. When it is due is checked by `broker/cron.py`.

    Raises:
        InvalidRequest: fields are wrong; all of them are named.
    """
    found = []
    if not message.name or not message.name.isprintable():
        found.append(
            Violation("schedule.name", "is required, and of characters that can be printed")
        )
    found += [
        Violation(f"schedule.{field}", "is not known here")
        for field, known in (("missed", _MISSED), ("overlap", _OVERLAPS))
        if getattr(message, field) not in known | {0}
    ]
    found += plan_violations(message.plan, "schedule.")
    if found:
        raise InvalidRequest(found)
    return checked_schedule_spec(message)


def plan_violations(message: run_pb2.RunSpec, where: str) -> list[Violation]:
    """What is wrong with a plan that is in another message, at this path."""
    try:
        plans.plan_from_proto(message)
    except InvalidRequest as error:
        return list(error.within(where).violations)
    return []


def checked_schedule_spec(message: schedule_pb2.ScheduleSpec) -> model.ScheduleSpec:
    """What is scheduled, from a message that was checked."""
    return model.ScheduleSpec(
        name=message.name,
        cron=message.cron,
        time_zone=message.time_zone,
        plan=plans.checked_plan(message.plan),
        missed=model.Missed(message.missed or model.Missed.SKIP),
        overlap=model.Overlap(message.overlap or model.Overlap.SKIP),
        start_timeout_s=seconds_from_proto(message.start_timeout)
        if message.HasField("start_timeout")
        else START_TIMEOUT_S,
    )


def schedule_to_proto(schedule: model.Schedule, *, shown: bool = False) -> schedule_pb2.Schedule:
    """A schedule as its message; `shown`: without secrets."""
    return fit(
        schedule_pb2.Schedule,
        schedule_id=schedule.schedule_id,
        spec=schedule_spec_to_proto(schedule.spec, shown=shown),
        create_time=timestamp_to_proto(schedule.create_time_ns),
        next_time=optional_timestamp(schedule.next_time_ns),
        paused=schedule.paused,
        fired=schedule.fired,
        firings=[firing_to_proto(each) for each in schedule.firings],
    )


def schedule_from_proto(message: schedule_pb2.Schedule) -> model.Schedule:
    """A schedule from its message."""
    return model.Schedule(
        schedule_id=message.schedule_id,
        spec=checked_schedule_spec(message.spec),
        create_time_ns=timestamp_from_proto(message.create_time),
        next_time_ns=time_or_none(message, "next_time"),
        paused=message.paused,
        fired=message.fired,
        firings=tuple(firing_from_proto(each) for each in message.firings),
    )


def firing_to_proto(firing: model.Firing) -> schedule_pb2.Firing:
    """A firing as its message."""
    return fit(
        schedule_pb2.Firing,
        number=firing.number,
        planned_time=timestamp_to_proto(firing.planned_time_ns),
        time=timestamp_to_proto(firing.time_ns),
        state=int(firing.state),
        run_id=firing.run_id,
        reason=kept_chars(firing.reason, MAX_REASON_CHARS),
        verdict=verdict_to_proto(firing.verdict) if firing.verdict is not None else None,
        by_hand=firing.by_hand,
    )


def firing_from_proto(message: schedule_pb2.Firing) -> model.Firing:
    """A firing from its message."""
    return model.Firing(
        number=message.number,
        planned_time_ns=timestamp_from_proto(message.planned_time),
        time_ns=timestamp_from_proto(message.time),
        state=model.FiringState(message.state),
        run_id=message.run_id,
        reason=message.reason,
        verdict=verdict_from_proto(message.verdict) if message.HasField("verdict") else None,
        by_hand=message.by_hand,
    )
