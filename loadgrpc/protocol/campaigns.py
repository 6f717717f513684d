"""Campaigns, as their messages and back.

Rule: as in `schedules`: what is asked for is checked, what is shown has no secrets in it.
"""

from __future__ import annotations

from typing import Final

from loadgrpc import model
from loadgrpc.campaign.shape import wrong
from loadgrpc.errors import InvalidRequest, Violation
from loadgrpc.model.campaign import STEP_TIMEOUT_S
from loadgrpc.protocol import plans
from loadgrpc.protocol.bounds import MAX_REASON_CHARS, MAX_VIOLATIONS, kept_chars
from loadgrpc.protocol.figures import (
    hits_from_proto,
    hits_to_proto,
    iterations_from_proto,
    iterations_to_proto,
)
from loadgrpc.protocol.fitting import fit
from loadgrpc.protocol.options import ALL
from loadgrpc.protocol.runs import verdict_from_proto, verdict_to_proto
from loadgrpc.protocol.schedules import plan_violations
from loadgrpc.protocol.times import (
    duration_from_proto,
    duration_to_proto,
    optional_timestamp,
    seconds_from_proto,
    seconds_to_proto,
    time_or_none,
    timestamp_from_proto,
    timestamp_to_proto,
)
from loadgrpc.secrets import masked
from loadgrpc.v1 import campaign_pb2, run_pb2

_OBSERVERS: Final = ALL["observers"]
_GATES: Final = frozenset(map(int, model.StepGate))


def campaign_spec_to_proto(
    spec: model.CampaignSpec, *, shown: bool = False, kept: bool = False
) -> campaign_pb2.CampaignSpec:
    """What is asked for as its message; `shown`: without secrets; `kept`: as it may be stored."""
    message = campaign_pb2.CampaignSpec(
        title=spec.title, start_timeout=seconds_to_proto(spec.start_timeout_s)
    )
    plan_to_proto = plans.plan_to_proto
    if shown or kept:
        plan_to_proto = plans.shown_plan if shown else plans.kept_plan
    for step in spec.steps:
        added = message.steps.add(name=step.name, any_of=step.any_of, results=step.results)
        for after in step.after:
            added.after.add(
                step=after.step,
                gate=int(after.gate),
                exit_codes=after.exit_codes,
            )
        if step.plan is not None:
            added.plan.CopyFrom(plan_to_proto(step.plan))
        if step.observer is not None:
            chosen = _OBSERVERS.kind.shown((step.observer,)) if shown else (step.observer,)
            holder = run_pb2.RunSpec()
            _OBSERVERS.kind.put(holder, "observers", chosen)
            added.observer.CopyFrom(holder.observers[0])
            added.observer.ClearField("events")
    return message


def campaign_spec_from_proto(message: campaign_pb2.CampaignSpec) -> model.CampaignSpec:
    """A campaign that somebody asks for.

    Raises:
        InvalidRequest: fields are wrong; they are named, the first of them if there are many.
    """
    found = []
    for at, step in enumerate(message.steps):
        where = f"campaign.steps[{at}]."
        if step.HasField("plan"):
            found += plan_violations(step.plan, where)
        found += [
            Violation(f"{where}after[{number}].gate", "is not known here")
            for number, after in enumerate(step.after)
            if after.gate not in _GATES | {0}
        ]
        if step.HasField("observer"):
            chosen = _OBSERVERS.kind.get(_holder(step), "observers")
            found += [
                Violation(f"{where}observer{place.removeprefix('[0]')}", detail)
                for place, detail in _OBSERVERS.kind.wrong(chosen)
            ]
    if not found:
        spec = checked_campaign_spec(message)
        found = [Violation(f"campaign.{each.field}", each.description) for each in wrong(spec)]
    if found:
        raise InvalidRequest(found[:MAX_VIOLATIONS])
    return spec


def checked_campaign_spec(message: campaign_pb2.CampaignSpec) -> model.CampaignSpec:
    """What is asked for, from a message that was checked."""
    return model.CampaignSpec(
        steps=tuple(map(_step, message.steps)),
        title=masked(message.title),
        start_timeout_s=seconds_from_proto(message.start_timeout)
        if message.HasField("start_timeout")
        else STEP_TIMEOUT_S,
    )


def _step(message: campaign_pb2.Step) -> model.Step:
    observer = None
    if message.HasField("observer"):
        (observer,) = _OBSERVERS.kind.get(_holder(message), "observers")
    return model.Step(
        name=message.name,
        after=tuple(
            model.After(
                step=each.step,
                gate=model.StepGate(each.gate or model.StepGate.PASSED),
                exit_codes=tuple(each.exit_codes),
            )
            for each in message.after
        ),
        any_of=message.any_of,
        plan=plans.checked_plan(message.plan) if message.HasField("plan") else None,
        observer=observer,
        results=message.results,
    )


def _holder(message: campaign_pb2.Step) -> run_pb2.RunSpec:
    """The observer of a step as plans have it."""
    return run_pb2.RunSpec(observers=[message.observer])


def campaign_to_proto(
    campaign: model.Campaign, *, shown: bool = False, listed: bool = False
) -> campaign_pb2.Campaign:
    """A campaign as its message; `shown`: without secrets; `listed`: without plans."""
    message: campaign_pb2.Campaign = fit(
        campaign_pb2.Campaign,
        campaign_id=campaign.campaign_id,
        spec=campaign_spec_to_proto(campaign.spec, shown=shown),
        state=int(campaign.state),
        reason=kept_chars(campaign.reason, MAX_REASON_CHARS),
        create_time=timestamp_to_proto(campaign.create_time_ns),
        end_time=optional_timestamp(campaign.end_time_ns),
        steps=[step_status_to_proto(each) for each in campaign.steps],
        verdict=verdict_to_proto(campaign.verdict) if campaign.verdict is not None else None,
        sequence=campaign.sequence,
    )
    for step in message.spec.steps if listed else ():
        step.ClearField("plan")
    return message


def campaign_from_proto(message: campaign_pb2.Campaign) -> model.Campaign:
    """A campaign from its message."""
    return model.Campaign(
        campaign_id=message.campaign_id,
        spec=checked_campaign_spec(message.spec),
        state=model.CampaignState(message.state),
        reason=message.reason,
        create_time_ns=timestamp_from_proto(message.create_time),
        end_time_ns=time_or_none(message, "end_time"),
        steps=tuple(map(step_status_from_proto, message.steps)),
        verdict=verdict_from_proto(message.verdict) if message.HasField("verdict") else None,
        sequence=message.sequence,
    )


def step_status_to_proto(status: model.StepStatus) -> campaign_pb2.StepStatus:
    """How a step stands, as its message."""
    return fit(
        campaign_pb2.StepStatus,
        name=status.name,
        state=int(status.state),
        time=timestamp_to_proto(status.time_ns),
        reason=kept_chars(status.reason, MAX_REASON_CHARS),
        run_id=status.run_id,
        replaced=status.replaced,
        generation=status.generation,
        result=step_result_to_proto(status.result) if status.result is not None else None,
    )


def step_status_from_proto(message: campaign_pb2.StepStatus) -> model.StepStatus:
    """How a step stands, from its message."""
    return model.StepStatus(
        name=message.name,
        state=model.StepState(message.state),
        time_ns=timestamp_from_proto(message.time),
        reason=message.reason,
        run_id=message.run_id,
        replaced=tuple(message.replaced),
        generation=message.generation,
        result=step_result_from_proto(message.result) if message.HasField("result") else None,
    )


def step_result_to_proto(result: model.StepResult) -> campaign_pb2.StepResult:
    """What came out of a run, as its message."""
    return campaign_pb2.StepResult(
        state=int(result.state),  # type: ignore[arg-type]  # an enum's number
        verdict=verdict_to_proto(result.verdict) if result.verdict is not None else None,
        duration=duration_to_proto(result.duration_ns),
        hits=hits_to_proto(result.hits),
        iterations=iterations_to_proto(result.iterations),
    )


def step_result_from_proto(message: campaign_pb2.StepResult) -> model.StepResult:
    """What came out of a run, from its message."""
    return model.StepResult(
        state=model.RunState(message.state),
        verdict=verdict_from_proto(message.verdict) if message.HasField("verdict") else None,
        duration_ns=duration_from_proto(message.duration),
        hits=hits_from_proto(message.hits),
        iterations=iterations_from_proto(message.iterations),
    )
