"""Figures of hits, iterations, users and generators, as messages and back."""

from __future__ import annotations

from loadgrpc import model
from loadgrpc.protocol.fitting import fit
from loadgrpc.protocol.times import (
    duration_from_proto,
    duration_to_proto,
    optional_timestamp,
    time_or_none,
)
from loadgrpc.v1 import run_pb2

_ELAPSED = ("avg", "min", "p50", "p90", "p95", "p99", "max")


def elapsed_to_proto(figures: model.ElapsedFigures) -> run_pb2.ElapsedFigures:
    """How long things took, as its message."""
    return run_pb2.ElapsedFigures(
        **{name: duration_to_proto(getattr(figures, f"{name}_ns")) for name in _ELAPSED}
    )


def elapsed_from_proto(message: run_pb2.ElapsedFigures) -> model.ElapsedFigures:
    """How long things took, from its message."""
    return model.ElapsedFigures(
        **{f"{name}_ns": duration_from_proto(getattr(message, name)) for name in _ELAPSED}
    )


def hits_to_proto(figures: model.HitFigures) -> run_pb2.HitFigures:
    """Figures of hits as their message."""
    return fit(
        run_pb2.HitFigures,
        count=figures.count,
        failed=figures.failed,
        rate=figures.rate,
        elapsed=elapsed_to_proto(figures.elapsed),
        bytes_sent=figures.bytes_sent,
        bytes_received=figures.bytes_received,
        response=elapsed_to_proto(figures.response) if figures.response is not None else None,
    )


def hits_from_proto(message: run_pb2.HitFigures) -> model.HitFigures:
    """Figures of hits from their message."""
    return model.HitFigures(
        count=message.count,
        failed=message.failed,
        rate=message.rate,
        elapsed=elapsed_from_proto(message.elapsed),
        bytes_sent=message.bytes_sent,
        bytes_received=message.bytes_received,
        response=elapsed_from_proto(message.response) if message.HasField("response") else None,
    )


def name_to_proto(figures: model.NameFigures) -> run_pb2.NameFigures:
    """Figures of a name as their message."""
    return fit(
        run_pb2.NameFigures,
        name=figures.name,
        method=figures.method,
        hits=hits_to_proto(figures.hits),
        statuses=figures.statuses,
        scenario=figures.scenario,
        protocol=figures.protocol,
        failed_statuses=figures.failed_statuses,
        retries=figures.retries,
    )


def name_from_proto(message: run_pb2.NameFigures) -> model.NameFigures:
    """Figures of a name from their message."""
    return model.NameFigures(
        name=message.name,
        method=message.method,
        hits=hits_from_proto(message.hits),
        statuses=dict(message.statuses),
        scenario=message.scenario,
        protocol=message.protocol,
        failed_statuses=dict(message.failed_statuses) or _failed_statuses(message),
        retries=message.retries,
    )


def _failed_statuses(message: run_pb2.NameFigures) -> dict[int, int]:
    """Of a summary from before `failed_statuses`: it was the status that made an answer fail."""
    unanswered = max(0, message.hits.count - sum(message.statuses.values()))
    if message.hits.failed <= unanswered:
        return {}
    every = message.statuses.items()
    return {status: count for status, count in every if status >= model.FAILED_FROM}


def iterations_to_proto(
    figures: model.IterationFigures, planned: model.PlannedFigures | None = None
) -> run_pb2.IterationFigures:
    """Figures of iterations as their message, with those of a plan that they had, if any."""
    open_load = planned or model.PlannedFigures()
    later = planned is not None and open_load.response != open_load.elapsed
    return fit(
        run_pb2.IterationFigures,
        started=figures.started,
        success=figures.success,
        failure=figures.failure,
        error=figures.error,
        interrupted=figures.interrupted,
        planned=figures.planned,
        dropped=figures.dropped,
        not_yet=figures.not_yet,
        late=figures.late,
        waiting=figures.waiting,
        elapsed=elapsed_to_proto(open_load.elapsed) if planned is not None else None,
        response=elapsed_to_proto(open_load.response) if later else None,
        lateness=elapsed_to_proto(open_load.lateness) if open_load.lateness else None,
        not_started=[
            fit(run_pb2.NotStarted, reason=reason, count=count)
            for reason, count in open_load.not_started
        ],
        users=open_load.users,
        max_users=open_load.max_users,
    )


def planned_of(message: run_pb2.IterationFigures) -> model.PlannedFigures | None:
    """The figures of the plan that iterations had, from their message; None: they had none."""
    if not message.HasField("elapsed"):
        return None
    response = message.response if message.HasField("response") else message.elapsed
    return model.PlannedFigures(
        elapsed=elapsed_from_proto(message.elapsed),
        response=elapsed_from_proto(response),
        lateness=elapsed_from_proto(message.lateness) if message.HasField("lateness") else None,
        not_started=tuple((each.reason, each.count) for each in message.not_started),
        users=message.users,
        max_users=message.max_users,
    )


def iterations_from_proto(message: run_pb2.IterationFigures) -> model.IterationFigures:
    """Figures of iterations from their message."""
    return model.IterationFigures(
        started=message.started,
        success=message.success,
        failure=message.failure,
        error=message.error,
        interrupted=message.interrupted,
        planned=message.planned,
        dropped=message.dropped,
        not_yet=message.not_yet,
        late=message.late,
        waiting=message.waiting,
    )


def users_to_proto(figures: model.UserFigures) -> run_pb2.UserFigures:
    """Figures of users as their message."""
    return run_pb2.UserFigures(**vars(figures))


def users_from_proto(message: run_pb2.UserFigures) -> model.UserFigures:
    """Figures of users from their message."""
    return model.UserFigures(
        planned=message.planned, started=message.started, unknown=message.unknown
    )


def generator_to_proto(figures: model.GeneratorFigures) -> run_pb2.GeneratorFigures:
    """Whether processes kept up with their load, as its message."""
    return fit(
        run_pb2.GeneratorFigures,
        saturated=figures.saturated,
        saturated_time=duration_to_proto(figures.saturated_ns),
        watched_time=duration_to_proto(figures.watched_ns),
        lag=elapsed_to_proto(figures.lag),
        worst_lag=duration_to_proto(figures.worst_lag_ns),
        worst_lag_time=optional_timestamp(figures.worst_lag_end_ns),
        cpu=figures.cpu,
        worst_cpu=figures.worst_cpu,
        gc_pauses=figures.gc_pauses,
        gc_time=duration_to_proto(figures.gc_ns),
        gc_max=duration_to_proto(figures.gc_max_ns),
        at_limit_time=duration_to_proto(figures.at_limit_ns),
        machine_busy_time=duration_to_proto(figures.machine_busy_ns),
        worst_other_cpu=figures.worst_other_cpu,
        worst_steal=figures.worst_steal,
    )


def generator_from_proto(message: run_pb2.GeneratorFigures) -> model.GeneratorFigures:
    """Whether processes kept up with their load, from its message."""
    return model.GeneratorFigures(
        saturated_ns=duration_from_proto(message.saturated_time),
        watched_ns=duration_from_proto(message.watched_time),
        lag=elapsed_from_proto(message.lag),
        worst_lag_ns=duration_from_proto(message.worst_lag),
        worst_lag_end_ns=time_or_none(message, "worst_lag_time"),
        cpu=message.cpu,
        worst_cpu=message.worst_cpu,
        gc_pauses=message.gc_pauses,
        gc_ns=duration_from_proto(message.gc_time),
        gc_max_ns=duration_from_proto(message.gc_max),
        at_limit_ns=duration_from_proto(message.at_limit_time),
        machine_busy_ns=duration_from_proto(message.machine_busy_time),
        worst_other_cpu=message.worst_other_cpu,
        worst_steal=message.worst_steal,
    )
