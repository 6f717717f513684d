"""Messages to domain values and back, in pairs: `x_to_proto`, `x_from_proto`.

Rule: wire types stop here. What comes from a stranger (a plan, a source, a registration)
is checked here, every wrong field is named, and what comes out is valid. What comes from
a broker of ours (a run, a summary) is taken as it is.
"""

from __future__ import annotations

from google.protobuf import timestamp_pb2

from loadgrpc import model
from loadgrpc.errors import InvalidRequest, Violation
from loadgrpc.protocol import bounds, plans
from loadgrpc.protocol.fitting import fit
from loadgrpc.protocol.times import (
    NS_PER_S,
    duration_from_proto,
    duration_to_proto,
    signed_from_proto,
    signed_to_proto,
    timestamp_from_proto,
    timestamp_to_proto,
)
from loadgrpc.protocol.troubles import troubles_from_proto, troubles_to_proto
from loadgrpc.v1 import control_pb2, event_pb2, run_pb2, runner_pb2

# Sources


def source_to_proto(source: model.SourceId) -> runner_pb2.SourceId:
    """A source's identity as its message."""
    return runner_pb2.SourceId(
        run_id=source.run_id, agent_id=source.agent_id, runner_id=source.runner_id
    )


def source_from_proto(message: runner_pb2.SourceId) -> model.SourceId:
    """A source's identity from its message.

    Raises:
        InvalidRequest: a part is missing, too long, or has a NUL in it.
    """
    source = model.SourceId(message.run_id, message.agent_id, message.runner_id)
    for part in (source.run_id, source.agent_id, source.runner_id):
        if not 0 < len(part) <= bounds.MAX_ID_CHARS or "\0" in part:
            bounds.check(message, "source.")
            raise InvalidRequest(
                [
                    Violation(f"source.{field}", "is required")
                    for field in ("run_id", "agent_id", "runner_id")
                    if not getattr(source, field)
                ]
            )
    return source


# Runs, agents, broker


def run_to_proto(run: model.Run) -> run_pb2.Run:
    """A run as its message."""
    return run_pb2.Run(
        run_id=run.run_id,
        state=int(run.state),  # type: ignore[arg-type]
        reason=run.reason,
        plan=plans.shown_plan(run.plan),
        create_time=timestamp_to_proto(run.create_time_ns),
        start_time=_optional_timestamp(run.start_time_ns),
        end_time=_optional_timestamp(run.end_time_ns),
        agent_ids=run.agent_ids,
        troubles=troubles_to_proto(run.troubles),
        verdict=None if run.verdict is None else verdict_to_proto(run.verdict),
    )


def run_from_proto(message: run_pb2.Run) -> model.Run:
    """A run from its message."""
    return model.Run(
        run_id=message.run_id,
        state=model.RunState(message.state),
        reason=message.reason,
        plan=plans.checked_plan(message.plan),
        create_time_ns=timestamp_from_proto(message.create_time),
        start_time_ns=_time_or_none(message, "start_time"),
        end_time_ns=_time_or_none(message, "end_time"),
        agent_ids=tuple(message.agent_ids),
        troubles=troubles_from_proto(message.troubles),
        verdict=verdict_from_proto(message.verdict) if message.HasField("verdict") else None,
    )


def verdict_to_proto(verdict: model.Verdict) -> run_pb2.Verdict:
    """A verdict as its message."""
    return fit(run_pb2.Verdict, exit_code=verdict.exit_code, reason=verdict.reason)


def verdict_from_proto(message: run_pb2.Verdict) -> model.Verdict:
    """A verdict from its message."""
    return model.Verdict(exit_code=message.exit_code, reason=message.reason)


def agent_to_proto(agent: model.Agent) -> control_pb2.Agent:
    """An agent as its message."""
    return fit(
        control_pb2.Agent,
        agent_id=agent.agent_id,
        hostname=agent.hostname,
        pid=agent.pid,
        version=agent.version,
        cores=agent.cores,
        state=int(agent.state),
        run_id=agent.run_id,
        last_seen_time=timestamp_to_proto(agent.last_seen_time_ns),
        troubles=agent.troubles,
    )


def agent_from_proto(message: control_pb2.Agent) -> model.Agent:
    """An agent from its message."""
    return model.Agent(
        agent_id=message.agent_id,
        hostname=message.hostname,
        pid=message.pid,
        version=message.version,
        cores=message.cores,
        state=model.AgentState(message.state),
        run_id=message.run_id,
        last_seen_time_ns=timestamp_from_proto(message.last_seen_time),
        troubles=tuple(message.troubles),
    )


def broker_to_proto(broker: model.BrokerInfo) -> control_pb2.GetBrokerResponse:
    """A broker about itself as its message."""
    return fit(
        control_pb2.GetBrokerResponse,
        version=broker.version,
        pid=broker.pid,
        hostname=broker.hostname,
        store=broker.store,
        start_time=timestamp_to_proto(broker.start_time_ns),
        agents=broker.agents,
        active_runs=broker.active_runs,
        store_trouble=broker.store_trouble,
    )


def broker_from_proto(message: control_pb2.GetBrokerResponse) -> model.BrokerInfo:
    """A broker about itself from its message."""
    return model.BrokerInfo(
        version=message.version,
        pid=message.pid,
        hostname=message.hostname,
        store=message.store,
        start_time_ns=timestamp_from_proto(message.start_time),
        agents=message.agents,
        active_runs=message.active_runs,
        store_trouble=message.store_trouble,
    )


# Figures


def exception_to_proto(exception: model.ExceptionInfo) -> event_pb2.ExceptionInfo:
    """An exception as its message."""
    return event_pb2.ExceptionInfo(
        type=exception.type, message=exception.message, traceback=exception.traceback
    )


def exception_from_proto(message: event_pb2.ExceptionInfo) -> model.ExceptionInfo:
    """An exception from its message, cut to what is kept of one."""
    return model.ExceptionInfo(
        type=bounds.kept_chars(message.type, bounds.MAX_TYPE_CHARS),
        message=bounds.kept_bytes(message.message, bounds.MAX_TEXT_BYTES),
        traceback=bounds.kept_bytes(message.traceback, bounds.MAX_TRACEBACK_BYTES),
    )


_ELAPSED = ("avg", "min", "p50", "p90", "p95", "p99", "max")


def _elapsed_to_proto(figures: model.ElapsedFigures) -> run_pb2.ElapsedFigures:
    return run_pb2.ElapsedFigures(
        **{name: duration_to_proto(getattr(figures, f"{name}_ns")) for name in _ELAPSED}
    )


def _elapsed_from_proto(message: run_pb2.ElapsedFigures) -> model.ElapsedFigures:
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
        elapsed=_elapsed_to_proto(figures.elapsed),
        bytes_sent=figures.bytes_sent,
        bytes_received=figures.bytes_received,
    )


def hits_from_proto(message: run_pb2.HitFigures) -> model.HitFigures:
    """Figures of hits from their message."""
    return model.HitFigures(
        count=message.count,
        failed=message.failed,
        rate=message.rate,
        elapsed=_elapsed_from_proto(message.elapsed),
        bytes_sent=message.bytes_sent,
        bytes_received=message.bytes_received,
    )


def iterations_to_proto(figures: model.IterationFigures) -> run_pb2.IterationFigures:
    """Figures of iterations as their message."""
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
    )


def users_to_proto(figures: model.UserFigures) -> run_pb2.UserFigures:
    """Figures of users as their message."""
    return run_pb2.UserFigures(**vars(figures))


def users_from_proto(message: run_pb2.UserFigures) -> model.UserFigures:
    """Figures of users from their message."""
    return model.UserFigures(
        planned=message.planned, started=message.started, unknown=message.unknown
    )


def generator_state_to_proto(state: model.GeneratorState) -> event_pb2.GeneratorState:
    """How a process kept up as its message."""
    return event_pb2.GeneratorState(
        process=state.process,
        elapsed=duration_to_proto(state.elapsed_ns),
        cpu=None if state.cpu_ns is None else duration_to_proto(state.cpu_ns),
        cores=state.cores,
        lags_ns=state.lags_ns,
        gc_pauses=state.gc_pauses,
        gc_time=duration_to_proto(state.gc_ns),
        gc_max=duration_to_proto(state.gc_max_ns),
        machine_cpu=state.machine_cpu,
        steal=state.steal,
        other_cpu=state.other_cpu,
    )


def generator_state_from_proto(message: event_pb2.GeneratorState) -> model.GeneratorState:
    """How a process kept up from its message.

    Raises:
        InvalidRequest: fields break a rule of event.proto; all of them are named.
    """
    bounds.check(message)
    state = model.GeneratorState(
        process=message.process,
        elapsed_ns=duration_from_proto(message.elapsed),
        cpu_ns=duration_from_proto(message.cpu) if message.HasField("cpu") else None,
        cores=message.cores or 1,
        lags_ns=tuple(message.lags_ns),
        gc_pauses=message.gc_pauses,
        gc_ns=duration_from_proto(message.gc_time),
        gc_max_ns=duration_from_proto(message.gc_max),
        machine_cpu=message.machine_cpu if message.HasField("machine_cpu") else None,
        steal=message.steal if message.HasField("steal") else None,
        other_cpu=message.other_cpu if message.HasField("other_cpu") else None,
    )
    most = f"must be at most {model.MAX_GENERATOR_NS // NS_PER_S} s"
    wrong = {
        "process": state.process > model.MAX_PROCESSES and f"is over {model.MAX_PROCESSES}",
        "elapsed": not 0 < state.elapsed_ns <= model.MAX_GENERATOR_NS
        and f"is required, more than 0 s, and {most}",
        "cpu": (state.cpu_ns or 0) < 0 and "is negative",
        "lags_ns": (
            len(state.lags_ns) > model.MAX_LAGS
            or max(state.lags_ns, default=0) > model.MAX_GENERATOR_NS
        )
        and f"are at most {model.MAX_LAGS}, and each {most}",
        "gc_time": not 0 <= state.gc_ns <= model.MAX_GENERATOR_NS and f"{most}, and not negative",
        "gc_max": not 0 <= state.gc_max_ns <= model.MAX_GENERATOR_NS
        and f"{most}, and not negative",
        **{
            field: not 0 <= (getattr(state, field) or 0) <= 1 and "must be from 0 to 1"
            for field in ("machine_cpu", "steal", "other_cpu")
        },
    }
    if violations := [Violation(field, words) for field, words in wrong.items() if words]:
        raise InvalidRequest(violations)
    return state


def _generator_to_proto(figures: model.GeneratorFigures | None) -> run_pb2.GeneratorFigures | None:
    if figures is None:
        return None
    return fit(
        run_pb2.GeneratorFigures,
        saturated=figures.saturated,
        saturated_time=duration_to_proto(figures.saturated_ns),
        watched_time=duration_to_proto(figures.watched_ns),
        lag=_elapsed_to_proto(figures.lag),
        worst_lag=duration_to_proto(figures.worst_lag_ns),
        worst_lag_time=_optional_timestamp(figures.worst_lag_end_ns),
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


def _generator_from_proto(
    message: run_pb2.RunSummary | run_pb2.AgentFigures,
) -> model.GeneratorFigures | None:
    if not message.HasField("generator"):
        return None
    figures = message.generator
    return model.GeneratorFigures(
        saturated_ns=duration_from_proto(figures.saturated_time),
        watched_ns=duration_from_proto(figures.watched_time),
        lag=_elapsed_from_proto(figures.lag),
        worst_lag_ns=duration_from_proto(figures.worst_lag),
        worst_lag_end_ns=_time_or_none(figures, "worst_lag_time"),
        cpu=figures.cpu,
        worst_cpu=figures.worst_cpu,
        gc_pauses=figures.gc_pauses,
        gc_ns=duration_from_proto(figures.gc_time),
        gc_max_ns=duration_from_proto(figures.gc_max),
        at_limit_ns=duration_from_proto(figures.at_limit_time),
        machine_busy_ns=duration_from_proto(figures.machine_busy_time),
        worst_other_cpu=figures.worst_other_cpu,
        worst_steal=figures.worst_steal,
    )


def summary_to_proto(summary: model.Summary) -> run_pb2.RunSummary:
    """A summary as its message."""
    accounting = summary.accounting
    return fit(
        run_pb2.RunSummary,
        run_id=summary.run_id,
        state=int(summary.state),
        reason=summary.reason,
        verdict=verdict_to_proto(summary.verdict),
        plan=plans.shown_plan(summary.plan),
        create_time=timestamp_to_proto(summary.create_time_ns),
        start_time=_optional_timestamp(summary.start_time_ns),
        end_time=_optional_timestamp(summary.end_time_ns),
        duration=duration_to_proto(summary.duration_ns),
        hits=hits_to_proto(summary.hits),
        iterations=iterations_to_proto(summary.iterations),
        names=[
            fit(
                run_pb2.NameFigures,
                name=entry.name,
                method=entry.method,
                hits=hits_to_proto(entry.hits),
                statuses=entry.statuses,
                scenario=entry.scenario,
            )
            for entry in summary.names
        ],
        failures=[_group_to_proto(group) for group in summary.failures],
        errors=[_group_to_proto(group) for group in summary.errors],
        hit_errors=[
            fit(
                run_pb2.HitErrorGroup,
                count=group.count,
                name=group.name,
                method=group.method,
                error=int(group.error),
                error_message=group.error_message,
            )
            for group in summary.hit_errors
        ],
        agents=[
            fit(
                run_pb2.AgentFigures,
                agent_id=agent.agent_id,
                hostname=agent.hostname,
                hits=agent.hits,
                iterations=agent.iterations,
                state=int(agent.state),
                reason=agent.reason,
                load_error=exception_to_proto(agent.load_error) if agent.load_error else None,
                generator=_generator_to_proto(agent.generator),
                users=agent.users,
                end_time=_optional_timestamp(agent.end_time_ns),
                clock_offset=(
                    signed_to_proto(agent.clock_ahead_ns)
                    if agent.clock_ahead_ns is not None
                    else None
                ),
                all_users=users_to_proto(agent.all_users),
                planned_iterations=agent.planned_iterations,
            )
            for agent in summary.agents
        ],
        counters=summary.counters,
        accounting=fit(
            run_pb2.Accounting,
            committed=accounting.committed,
            duplicates=accounting.duplicates,
            rejected=accounting.rejected,
            lost=accounting.lost,
            losses=[
                fit(
                    run_pb2.Loss,
                    reason=loss.reason,
                    count=loss.count,
                    at_least=loss.at_least,
                    agent_id=loss.agent_id,
                    hits=loss.hits,
                )
                for loss in accounting.losses
            ],
            mismatches=accounting.mismatches,
            rejections=accounting.rejections,
        ),
        generator=_generator_to_proto(summary.generator),
        scenarios=[
            run_pb2.ScenarioFigures(
                name=entry.name,
                test=entry.test,
                hits=hits_to_proto(entry.hits),
                iterations=iterations_to_proto(entry.iterations),
                users=users_to_proto(entry.users),
            )
            for entry in summary.scenarios
        ],
        users=users_to_proto(summary.users),
        troubles=troubles_to_proto(summary.troubles),
    )


def summary_from_proto(message: run_pb2.RunSummary) -> model.Summary:
    """A summary from its message."""
    return model.Summary(
        run_id=message.run_id,
        state=model.RunState(message.state),
        reason=message.reason,
        verdict=verdict_from_proto(message.verdict),
        plan=plans.checked_plan(message.plan),
        create_time_ns=timestamp_from_proto(message.create_time),
        start_time_ns=_time_or_none(message, "start_time"),
        end_time_ns=_time_or_none(message, "end_time"),
        duration_ns=duration_from_proto(message.duration),
        hits=hits_from_proto(message.hits),
        iterations=iterations_from_proto(message.iterations),
        names=tuple(
            model.NameFigures(
                name=entry.name,
                method=entry.method,
                hits=hits_from_proto(entry.hits),
                statuses=dict(entry.statuses),
                scenario=entry.scenario,
            )
            for entry in message.names
        ),
        failures=tuple(_group_from_proto(group) for group in message.failures),
        errors=tuple(_group_from_proto(group) for group in message.errors),
        hit_errors=tuple(
            model.HitErrorGroup(
                count=group.count,
                name=group.name,
                method=group.method,
                error=model.HitError(group.error),
                error_message=group.error_message,
            )
            for group in message.hit_errors
        ),
        agents=tuple(
            model.AgentFigures(
                agent_id=agent.agent_id,
                hostname=agent.hostname,
                hits=agent.hits,
                iterations=agent.iterations,
                state=model.AssignmentState(agent.state),
                reason=agent.reason,
                load_error=(
                    exception_from_proto(agent.load_error) if agent.HasField("load_error") else None
                ),
                generator=_generator_from_proto(agent),
                users=agent.users,
                end_time_ns=_time_or_none(agent, "end_time"),
                clock_ahead_ns=(
                    signed_from_proto(agent.clock_offset)
                    if agent.HasField("clock_offset")
                    else None
                ),
                all_users=users_from_proto(agent.all_users),
                planned_iterations=agent.planned_iterations,
            )
            for agent in message.agents
        ),
        counters=dict(message.counters),
        accounting=model.Accounting(
            committed=message.accounting.committed,
            duplicates=message.accounting.duplicates,
            rejected=message.accounting.rejected,
            losses=tuple(
                model.Loss(
                    reason=loss.reason,
                    count=loss.count,
                    at_least=loss.at_least,
                    agent_id=loss.agent_id,
                    hits=loss.hits,
                )
                for loss in message.accounting.losses
            ),
            mismatches=tuple(message.accounting.mismatches),
            rejections=tuple(message.accounting.rejections),
        ),
        generator=_generator_from_proto(message),
        scenarios=tuple(
            model.ScenarioFigures(
                name=entry.name,
                test=entry.test,
                hits=hits_from_proto(entry.hits),
                iterations=iterations_from_proto(entry.iterations),
                users=users_from_proto(entry.users),
            )
            for entry in message.scenarios
        ),
        users=users_from_proto(message.users),
        troubles=troubles_from_proto(message.troubles),
    )


def _group_to_proto(group: model.IterationErrorGroup) -> run_pb2.IterationErrorGroup:
    return fit(
        run_pb2.IterationErrorGroup,
        count=group.count,
        test=group.test,
        exception=exception_to_proto(group.exception),
    )


def _group_from_proto(message: run_pb2.IterationErrorGroup) -> model.IterationErrorGroup:
    return model.IterationErrorGroup(
        count=message.count,
        test=message.test,
        exception=exception_from_proto(message.exception),
    )


def _optional_timestamp(wall_ns: int | None) -> timestamp_pb2.Timestamp | None:
    return None if wall_ns is None else timestamp_to_proto(wall_ns)


def _time_or_none(
    message: run_pb2.Run | run_pb2.RunSummary | run_pb2.AgentFigures | run_pb2.GeneratorFigures,
    field: str,
) -> int | None:
    return timestamp_from_proto(getattr(message, field)) if message.HasField(field) else None
