"""Runs, their results and their changes as the store keeps them, and back.

Rule: everything that is encoded for the store is encoded here and in `resume.py`. A stored plan
is trusted to have passed the checks of its day; a damaged record is shown as far as possible.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import asdict
from typing import Final

from google.protobuf.message import DecodeError

from loadgrpc import model
from loadgrpc.broker import resume
from loadgrpc.broker.result import RunResult
from loadgrpc.broker.run import ActiveRun
from loadgrpc.model import (
    AgentEvent,
    Change,
    ChangeKind,
    CustomState,
    FailedSpan,
    LoadChange,
    LoadChangeKind,
    Plan,
    Run,
    RunAttempt,
    RunState,
    Scenario,
    ThresholdOutcome,
    ThresholdResult,
)
from loadgrpc.protocol import plans
from loadgrpc.protocol.shrinking import shrink
from loadgrpc.protocol.summary import summary_to_proto
from loadgrpc.secrets import masked
from loadgrpc.store import AttemptRecord, ChangeRecord, RunRecord
from loadgrpc.v1 import run_pb2

RUN_BYTES: Final = 512
"""Of a run, besides its plan, its agents and its reason."""

_DAMAGED: Final = Plan(scenarios=(Scenario(test="(damaged)"),))

_log = logging.getLogger(__name__)


def record_of(active: ActiveRun) -> RunRecord:
    """What is known of a run, with the changes that are not stored yet."""
    run, result = active.going_on, active.result
    return RunRecord(
        run_id=run.run_id,
        request_id=active.request_id or None,
        state=run.state,
        reason=run.reason,
        plan=plans.kept_plan(run.plan).SerializeToString(),
        create_time_ns=run.create_time_ns,
        start_time_ns=run.start_time_ns,
        end_time_ns=run.end_time_ns,
        agent_ids=run.agent_ids,
        summary=result.SerializeToString() if result else None,
        verdict=result.verdict.exit_code if result else None,
        verdict_reason=result.verdict.reason if result else "",
        roster=resume.to_bytes(active),
        changes=tuple(map(change_to_record, active.log.unwritten)),
        ends=tuple(active.ends.values()),
        bundle=run.plan.bundle or None,
        attempt=run.attempt,
        attempts=tuple(active.ended_attempts),
        priority=run.priority,
        due_time_ns=run.due_time_ns,
        queue_time_ns=run.queue_time_ns,
        expire_time_ns=run.expire_time_ns,
        owner=run.plan.user_id,
        title=masked(run.plan.title),
        labels=run.plan.labels,
    )


def attempt_of(attempt: RunAttempt, summary: run_pb2.RunSummary) -> AttemptRecord:
    """An attempt that is over as the store keeps it, with its result."""
    judged = attempt.verdict or model.Verdict()
    return AttemptRecord(
        attempt=attempt.attempt,
        state=int(attempt.state),
        reason=attempt.reason,
        verdict=judged.exit_code,
        verdict_reason=judged.reason,
        start_time_ns=attempt.start_time_ns,
        end_time_ns=attempt.end_time_ns,
        agent_ids=attempt.agent_ids,
        summary=summary.SerializeToString(),
    )


def attempt_from(record: AttemptRecord) -> RunAttempt:
    """An attempt that was stored."""
    return RunAttempt(
        attempt=record.attempt,
        state=RunState(record.state),
        reason=record.reason,
        verdict=(
            None
            if record.verdict is None
            else model.Verdict(exit_code=record.verdict, reason=record.verdict_reason)
        ),
        start_time_ns=record.start_time_ns,
        end_time_ns=record.end_time_ns,
        agent_ids=record.agent_ids,
    )


def result_of(active: ActiveRun) -> run_pb2.RunSummary:
    """The summary of a run that is over; a defect in a figure does not cost the rest."""
    try:
        active.conclude()
        message = summary_to_proto(RunResult(active).summary())
    except Exception as error:  # noqa: BLE001 - logged, and told in its place
        _log.exception(
            "the figures of run %s cannot be shown: please report this defect", active.run.run_id
        )
        why = f"its figures could not be shown ({type(error).__name__}: a defect of the broker)"
        message = summary_to_proto(RunResult(active).bare(why))
    shrink(message)
    return message


def size_of(record: RunRecord) -> int:
    """Bytes of a run that is listed, about; never less."""
    ids = sum(4 * len(agent_id) + 4 for agent_id in record.agent_ids)
    return len(record.plan) + 4 * len(record.reason) + ids + RUN_BYTES


def run_of(record: RunRecord, attempts: Iterable[AttemptRecord] = ()) -> Run:
    """A run as it is stored, with `attempts` that are over, if it has some.

    What was checked by the rules of its day is taken as it is.
    """
    try:
        plan = plans.checked_plan(run_pb2.RunSpec.FromString(record.plan))
        reason = record.reason
    except (DecodeError, ValueError) as error:
        _log.error("the plan of run %s is damaged in the store: %s", record.run_id, error)
        plan, reason = _DAMAGED, "its plan is damaged in the store"
    return Run(
        run_id=record.run_id,
        state=record.state,
        reason=reason,
        plan=plan,
        create_time_ns=record.create_time_ns,
        start_time_ns=record.start_time_ns,
        end_time_ns=record.end_time_ns,
        agent_ids=record.agent_ids,
        verdict=(
            None
            if record.verdict is None
            else model.Verdict(exit_code=record.verdict, reason=record.verdict_reason)
        ),
        attempt=record.attempt,
        attempts=tuple(map(attempt_from, attempts)),
        priority=record.priority,
        due_time_ns=record.due_time_ns,
        queue_time_ns=record.queue_time_ns,
        expire_time_ns=record.expire_time_ns,
    )


_DETAIL: Final = (
    *("agent_id", "agent_event", "cycle", "users", "due_time_ns", "scenario", "request_id"),
)


def change_to_record(change: Change) -> ChangeRecord:
    """A change as the store keeps it."""
    detail = {name: getattr(change, name) for name in _DETAIL if getattr(change, name)}
    if (load := change.load) is not None:
        detail["load"] = [load.at_s, int(load.kind), load.value]
    if change.custom_state is not None:
        detail["custom_state"] = asdict(change.custom_state)
    if change.threshold is not None:
        detail["threshold"] = asdict(change.threshold)
    return ChangeRecord(
        sequence=change.sequence,
        time_ns=change.time_ns,
        kind=int(change.kind),
        attempt=change.attempt,
        state=int(change.state),
        reason=change.reason,
        detail=detail,
    )


def change_from_record(record: ChangeRecord) -> Change:
    """A change that was stored."""
    detail = {name: record.detail[name] for name in _DETAIL if name in record.detail}
    if "agent_event" in detail:
        detail["agent_event"] = AgentEvent(detail["agent_event"])
    if "load" in record.detail:
        at_s, kind, value = record.detail["load"]
        detail["load"] = LoadChange(at_s, LoadChangeKind(kind), value)
    if said := record.detail.get("custom_state"):
        details = tuple((name, value) for name, value in said["details"])
        detail["custom_state"] = CustomState(said["name"], details)
    if kept := record.detail.get("threshold"):
        outcome, near = ThresholdOutcome(kept["outcome"]), tuple(kept["near"])
        spans = tuple(FailedSpan(**each) for each in kept.get("failed_spans", ()))
        detail["threshold"] = ThresholdResult(
            **{**kept, "outcome": outcome, "near": near, "failed_spans": spans}
        )
    return Change(
        sequence=record.sequence,
        time_ns=record.time_ns,
        kind=ChangeKind(record.kind),
        attempt=record.attempt,
        state=RunState(record.state),
        reason=record.reason,
        **detail,
    )
