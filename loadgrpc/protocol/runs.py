"""Runs, verdicts, agents and brokers, as messages and back.

Rule: messages from a broker of ours are trusted.
"""

from __future__ import annotations

from loadgrpc import model
from loadgrpc.protocol import plans
from loadgrpc.protocol.confinements import confinement_from_proto, confinement_to_proto
from loadgrpc.protocol.fitting import fit
from loadgrpc.protocol.times import (
    optional_timestamp,
    seconds_from_proto,
    seconds_to_proto,
    time_or_none,
    timestamp_from_proto,
    timestamp_to_proto,
)
from loadgrpc.protocol.troubles import troubles_from_proto, troubles_to_proto
from loadgrpc.v1 import control_pb2, run_pb2


def run_to_proto(run: model.Run) -> run_pb2.Run:
    """A run as its message."""
    return run_pb2.Run(
        run_id=run.run_id,
        state=int(run.state),  # type: ignore[arg-type]
        reason=run.reason,
        plan=plans.shown_plan(run.plan),
        create_time=timestamp_to_proto(run.create_time_ns),
        start_time=optional_timestamp(run.start_time_ns),
        end_time=optional_timestamp(run.end_time_ns),
        agent_ids=run.agent_ids,
        troubles=troubles_to_proto(run.troubles),
        verdict=None if run.verdict is None else verdict_to_proto(run.verdict),
        due_time=optional_timestamp(run.due_time_ns),
        expire_time=optional_timestamp(run.expire_time_ns),
        priority=run.priority,
        waiting=None if run.waiting is None else waiting_to_proto(run.waiting),
        attempt=run.attempt,
        attempts=map(attempt_to_proto, run.attempts),
    )


def run_from_proto(message: run_pb2.Run) -> model.Run:
    """A run from its message."""
    return model.Run(
        run_id=message.run_id,
        state=model.RunState(message.state),
        reason=message.reason,
        plan=plans.checked_plan(message.plan),
        create_time_ns=timestamp_from_proto(message.create_time),
        start_time_ns=time_or_none(message, "start_time"),
        end_time_ns=time_or_none(message, "end_time"),
        agent_ids=tuple(message.agent_ids),
        troubles=troubles_from_proto(message.troubles),
        verdict=verdict_from_proto(message.verdict) if message.HasField("verdict") else None,
        due_time_ns=time_or_none(message, "due_time"),
        expire_time_ns=time_or_none(message, "expire_time"),
        priority=message.priority,
        waiting=waiting_from_proto(message.waiting) if message.HasField("waiting") else None,
        attempt=message.attempt or 1,
        attempts=tuple(map(attempt_from_proto, message.attempts)),
    )


def waiting_to_proto(waiting: model.Waiting) -> run_pb2.Waiting:
    """What a run waits for as its message."""
    return run_pb2.Waiting(
        position=waiting.position,
        length=waiting.length,
        reason=waiting.reason,
        agents=waiting.agents,
    )


def waiting_from_proto(message: run_pb2.Waiting) -> model.Waiting:
    """What a run waits for from its message."""
    return model.Waiting(
        position=message.position,
        length=message.length,
        reason=message.reason,
        agents=message.agents,
    )


def attempt_to_proto(attempt: model.RunAttempt) -> run_pb2.RunAttempt:
    """An attempt that is over as its message."""
    return run_pb2.RunAttempt(
        attempt=attempt.attempt,
        state=int(attempt.state),  # type: ignore[arg-type]
        reason=attempt.reason,
        verdict=None if attempt.verdict is None else verdict_to_proto(attempt.verdict),
        start_time=optional_timestamp(attempt.start_time_ns),
        end_time=optional_timestamp(attempt.end_time_ns),
        agent_ids=attempt.agent_ids,
    )


def attempt_from_proto(message: run_pb2.RunAttempt) -> model.RunAttempt:
    """An attempt that is over from its message."""
    return model.RunAttempt(
        attempt=message.attempt,
        state=model.RunState(message.state),
        reason=message.reason,
        verdict=verdict_from_proto(message.verdict) if message.HasField("verdict") else None,
        start_time_ns=time_or_none(message, "start_time"),
        end_time_ns=time_or_none(message, "end_time"),
        agent_ids=tuple(message.agent_ids),
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
        last_seen_time=(
            timestamp_to_proto(agent.last_seen_time_ns) if agent.last_seen_time_ns else None
        ),
        troubles=agent.troubles,
        drained=agent.drained,
        retiring=agent.retiring,
        labels=agent.labels,
        confinement=confinement_to_proto(agent.confinement) if agent.confinement else None,
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
        drained=message.drained,
        retiring=message.retiring,
        labels=tuple(message.labels),
        confinement=confinement_from_proto(message.confinement),
    )


def limit_to_proto(use: model.LimitUse) -> control_pb2.LimitUse:
    """What a limit is, and has done, as its message."""
    last_ns = use.last_time_ns
    return fit(
        control_pb2.LimitUse,
        name=use.name,
        value=use.value,
        per_second=use.per_s,
        refused=use.refused,
        delayed=use.delayed,
        last_caller=use.last_caller,
        last_time=None if last_ns is None else timestamp_to_proto(last_ns),
    )


def limit_from_proto(message: control_pb2.LimitUse) -> model.LimitUse:
    """The same from its message."""
    last = message.last_time if message.HasField("last_time") else None
    return model.LimitUse(
        name=message.name,
        value=message.value,
        per_s=message.per_second,
        refused=message.refused,
        delayed=message.delayed,
        last_caller=message.last_caller,
        last_time_ns=None if last is None else timestamp_from_proto(last),
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
        address=broker.address,
        store_bytes=broker.store_bytes,
        lease=seconds_to_proto(broker.lease_s),
        keep_runs=broker.keep_runs,
        keep_hits_bytes=broker.keep_hits_bytes,
        allow_version_skew=broker.allow_version_skew,
        limits=map(limit_to_proto, broker.limits),
        errors=broker.errors,
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
        address=message.address,
        store_bytes=message.store_bytes if message.HasField("store_bytes") else None,
        lease_s=seconds_from_proto(message.lease),
        keep_runs=message.keep_runs if message.HasField("keep_runs") else None,
        keep_hits_bytes=message.keep_hits_bytes if message.HasField("keep_hits_bytes") else None,
        allow_version_skew=message.allow_version_skew,
        limits=tuple(map(limit_from_proto, message.limits)),
        errors=dict(message.errors),
    )
