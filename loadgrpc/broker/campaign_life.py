"""The life of a campaign and of its steps: events in, another campaign out.

Rule 1: pure. A campaign is one graph; the tables of `step_life.py` are the program, and `step` is
the only way to change it. What is to be done follows from how it stands (`due`), and from nothing
else, so that a broker does what the one before it, which was killed, was about to do.
Rule 2: a run is asked for under a name of its step's own (`request_id`), so that asking twice
starts it once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from loadgrpc import verdict
from loadgrpc.broker.step_life import GATES, StepEvent, step_after
from loadgrpc.clock import NS_PER_S
from loadgrpc.model import (
    After,
    Campaign,
    CampaignSpec,
    CampaignState,
    ObserverChoice,
    Plan,
    Step,
    StepGate,
    StepResult,
    StepState,
    StepStatus,
    Verdict,
)

# Events


@dataclass(frozen=True)
class RunStarted:
    """The run of a step is there."""

    step: str
    run_id: str


@dataclass(frozen=True)
class RunNotStarted:
    """The run of a step is not there, and will not be."""

    step: str
    reason: str


@dataclass(frozen=True)
class RunWaits:
    """The run of a step cannot be started yet, or waits in the queue."""

    step: str
    reason: str
    run_id: str = ""
    """In the queue. Empty: it is not there yet."""


@dataclass(frozen=True)
class RunOver:
    """The run of a step is over."""

    step: str
    result: StepResult


@dataclass(frozen=True)
class NotifyBegan:
    """An observer that is a step is being notified from now on."""

    step: str


@dataclass(frozen=True)
class Notified:
    """An observer that is a step took the notice, or was given up."""

    step: str
    reason: str = ""
    """Why it was given up. Empty: it was not."""


@dataclass(frozen=True)
class CampaignStopAsked:
    """Somebody wants the campaign to stop."""

    reason: str


@dataclass(frozen=True)
class PlanReplaced:
    """Somebody has another plan for a step."""

    step: str
    plan: Plan
    reason: str


Event = (
    RunStarted
    | RunNotStarted
    | RunWaits
    | RunOver
    | NotifyBegan
    | Notified
    | CampaignStopAsked
    | PlanReplaced
)

# What is to be done


@dataclass(frozen=True)
class StartRun:
    """Start the run of a step, unless that was done."""

    step: str
    plan: Plan
    request_id: str
    overdue: bool = False
    """Whether it has waited for agents long enough."""


@dataclass(frozen=True)
class FindRun:
    """See whether the run of a step is there; do not start it."""

    step: str
    request_id: str


@dataclass(frozen=True)
class WatchRun:
    """See whether the run of a step is over; `stop`: it is to be stopped."""

    step: str
    run_id: str
    stop: bool = False


@dataclass(frozen=True)
class Notify:
    """Notify an observer. `begun`: it is stored that this has begun."""

    step: str
    observer: ObserverChoice
    begun: bool = True


@dataclass(frozen=True)
class Forget:
    """Notify an observer no more."""

    step: str


Command = StartRun | FindRun | WatchRun | Notify | Forget


def begun(campaign_id: str, spec: CampaignSpec, now_ns: int) -> Campaign:
    """A campaign that begins."""
    campaign = Campaign(
        campaign_id=campaign_id,
        spec=spec,
        state=CampaignState.RUNNING,
        create_time_ns=now_ns,
        steps=tuple(StepStatus(name=step.name, time_ns=now_ns) for step in spec.steps),
    )
    return _settled(campaign, now_ns)


def step(campaign: Campaign, event: Event, now_ns: int) -> Campaign:
    """The campaign after an event; the same one if that changes nothing.

    Raises:
        IllegalEventError: that cannot happen to it as it stands: a defect.
    """
    changed = _settled(_after(campaign, event, now_ns), now_ns)
    return campaign if changed == campaign else replace(changed, sequence=campaign.sequence + 1)


def due(campaign: Campaign, now_ns: int) -> Iterator[Command]:
    """What is to be done for a campaign as it stands, in the order of its steps."""
    for status in campaign.steps:
        asked = campaign.spec.step(status.name)
        if asked.observer is not None:
            yield from _due_to_observer(status, asked.observer)
        elif status.run_id and status.state in {StepState.STOPPING, StepState.REPLACING}:
            yield WatchRun(status.name, status.run_id, stop=True)
        elif status.state in {StepState.STOPPING, StepState.REPLACING}:
            yield FindRun(status.name, request_id(campaign, status))
        elif status.run_id and status.state in {StepState.READY, StepState.RUNNING}:
            yield WatchRun(status.name, status.run_id)
        elif status.state is StepState.READY:
            timeout_ns = round(campaign.spec.start_timeout_s * NS_PER_S)
            assert asked.plan is not None  # noqa: S101 - it is no observer
            yield StartRun(
                status.name,
                asked.plan,
                request_id(campaign, status),
                overdue=now_ns - status.time_ns >= timeout_ns,
            )


def _due_to_observer(status: StepStatus, observer: ObserverChoice) -> Iterator[Command]:
    if status.state in {StepState.READY, StepState.RUNNING}:
        yield Notify(status.name, observer, begun=status.state is StepState.RUNNING)
    elif status.state is StepState.STOPPING:
        yield Forget(status.name)


def request_id(campaign: Campaign, status: StepStatus) -> str:
    """What the run of a step is asked for by; of a plan that is replaced, the run before it."""
    generation = status.generation - (status.state is StepState.REPLACING)
    return f"{campaign.campaign_id}/{status.name}/{generation}"


def was_asked_for(campaign: Campaign, spec: CampaignSpec) -> bool:
    """Whether a campaign began as this, plans that were replaced since aside."""
    replaced = {status.name for status in campaign.steps if status.generation > 1}

    def without(spec: CampaignSpec) -> CampaignSpec:
        steps = (
            replace(
                step, plan=None if step.name in replaced or step.plan is None else step.plan.kept()
            )
            for step in spec.steps
        )
        return replace(spec, steps=tuple(steps))

    return without(campaign.spec) == without(spec)


def results_of(campaign: Campaign, name: str) -> Mapping[str, StepStatus]:
    """How the steps stand that a step comes after."""
    known = campaign.by_name
    return {each.step: known[each.step] for each in campaign.spec.step(name).after}


# How events change it


def _after(campaign: Campaign, event: Event, now_ns: int) -> Campaign:  # noqa: PLR0911 - one each
    match event:
        case RunStarted(name, run_id):
            return _moved(campaign, name, StepEvent.STARTED, now_ns, run_id=run_id, reason="")
        case RunNotStarted(name, reason):
            return _moved(campaign, name, StepEvent.NOT_STARTED, now_ns, reason=reason)
        case RunWaits(name, reason, run_id):
            status = campaign.by_name[name]
            run_id = run_id or status.run_id
            return _with(campaign, replace(status, reason=reason, run_id=run_id))
        case RunOver(name, result):
            return _run_over(campaign, name, result, now_ns)
        case NotifyBegan(name):
            return _moved(campaign, name, StepEvent.STARTED, now_ns)
        case Notified(name, reason):
            ended = StepEvent.NOT_PASSED if reason else StepEvent.PASSED
            return _moved(campaign, name, ended, now_ns, reason=reason)
        case CampaignStopAsked(reason):
            return _stopped(campaign, reason, now_ns)
        case PlanReplaced(name, plan, reason):
            return _replaced(campaign, name, plan, reason, now_ns)


def _run_over(campaign: Campaign, name: str, result: StepResult, now_ns: int) -> Campaign:
    status = campaign.by_name[name]
    if status.state is StepState.REPLACING:
        return _moved(
            campaign,
            name,
            StepEvent.NOT_PASSED,
            now_ns,
            run_id="",
            replaced=(*status.replaced, status.run_id),
        )
    passed = result.verdict is not None and result.verdict.exit_code == verdict.PASSED
    event = StepEvent.PASSED if passed else StepEvent.NOT_PASSED
    reason = result.verdict.reason if result.verdict is not None else "how it was judged is lost"
    return _moved(campaign, name, event, now_ns, result=result, reason=reason)


def _stopped(campaign: Campaign, reason: str, now_ns: int) -> Campaign:
    if campaign.state.final:
        return campaign
    if campaign.state is CampaignState.RUNNING:
        campaign = replace(campaign, state=CampaignState.STOPPING, reason=reason)
    for status in campaign.steps:  # of one that is being replaced, the run before counts
        generation = status.generation - (status.state is StepState.REPLACING)
        campaign = _moved(
            campaign, status.name, StepEvent.STOP_ASKED, now_ns, generation=generation
        )
    return campaign


def _replaced(campaign: Campaign, name: str, plan: Plan, reason: str, now_ns: int) -> Campaign:
    """The plan of a step is another one, whose run keeps the observers of the one before it."""
    before = campaign.spec.step(name).plan
    assert before is not None  # noqa: S101 - observers have no plan to replace
    kept = tuple(each for each in before.observers if each not in plan.observers)
    plan = replace(plan, observers=(*kept, *plan.observers))
    steps = tuple(
        replace(each, plan=plan) if each.name == name else each for each in campaign.spec.steps
    )
    status = campaign.by_name[name]
    generation = status.generation + (status.state is not StepState.REPLACING)
    campaign = replace(campaign, spec=replace(campaign.spec, steps=steps))
    return _moved(campaign, name, StepEvent.REPLACED, now_ns, generation=generation, reason=reason)


def _moved(
    campaign: Campaign, name: str, event: StepEvent, now_ns: int, **changed: object
) -> Campaign:
    """One step after an event of the table."""
    status = campaign.by_name[name]
    state = step_after(status.state, event)
    time_ns = status.time_ns if state is status.state else now_ns
    return _with(campaign, replace(status, state=state, time_ns=time_ns, **changed))  # type: ignore[arg-type]


def _with(campaign: Campaign, status: StepStatus) -> Campaign:
    steps = tuple(status if each.name == status.name else each for each in campaign.steps)
    return replace(campaign, steps=steps)


def _settled(campaign: Campaign, now_ns: int) -> Campaign:
    """The campaign, with all gates open or closed that can be, and over if all its steps are."""
    if campaign.state.final:
        return campaign
    known = dict(campaign.by_name)
    moved = True
    while moved:  # a step that is skipped may close or open gates in turn
        moved = False
        for asked in campaign.spec.steps:
            if known[asked.name].state is not StepState.WAITING:
                continue
            if (found := _gates(asked, known)) is not None:
                event, reason = found
                campaign = _moved(campaign, asked.name, event, now_ns, reason=reason)
                known = dict(campaign.by_name)
                moved = True
    if not all(status.state.final for status in campaign.steps):
        return campaign
    stopped = campaign.state is CampaignState.STOPPING
    return replace(
        campaign,
        state=CampaignState.STOPPED if stopped else CampaignState.FINISHED,
        end_time_ns=now_ns,
        verdict=judged(campaign),
    )


def _gates(asked: Step, known: Mapping[str, StepStatus]) -> tuple[StepEvent, str] | None:
    """What follows for a step that waits, and why; None: it has to wait."""
    over = [after for after in asked.after if known[after.step].state.final]
    closed = [after for after in over if not is_open(after, known[after.step])]
    enough = len(asked.after) if asked.any_of else 1
    if closed and len(closed) >= enough:
        why = " and ".join(f"step {after.step} {_wanted(after)}" for after in closed)
        return StepEvent.CLOSED, why
    return (StepEvent.OPENED, "") if len(over) == len(asked.after) else None


def is_open(after: After, status: StepStatus) -> bool:
    """Whether a gate behind a step that is over lets others begin."""
    if not after.exit_codes:
        return status.state in GATES[after.gate]
    judged_as = status.result.verdict if status.result is not None else None
    return judged_as is not None and judged_as.exit_code in after.exit_codes


def _wanted(after: After) -> str:
    if after.exit_codes:
        return f"did not end with {' or '.join(map(str, after.exit_codes))}"
    return {
        StepGate.PASSED: "did not pass",
        StepGate.FAILED: "did not fail",
        StepGate.OVER: "was cancelled",
    }[after.gate]


def judged(campaign: Campaign) -> Verdict:
    """The verdict of a campaign: that of the worst of its runs."""
    codes: dict[int, list[str]] = {}
    for status in campaign.steps:
        if campaign.spec.step(status.name).observer is None and (code := _code(status)):
            codes.setdefault(code, []).append(status.name)
    if campaign.state is CampaignState.STOPPING:
        codes.setdefault(verdict.STOPPED, [])
    worst = next((code for _, code in verdict.TABLE if code in codes), None)
    if worst is None:
        return Verdict(exit_code=next(iter(codes), verdict.PASSED))
    named = codes[worst]
    if not named:
        return Verdict(exit_code=worst, reason=campaign.reason)
    others = sum(map(len, codes.values())) - len(named)
    first = campaign.by_name[named[0]].reason
    more = f", and {len(named) - 1} more like it" if len(named) > 1 else ""
    rest = f"; {others} more did not pass" if others else ""
    return Verdict(exit_code=worst, reason=f"step {named[0]}: {first}{more}{rest}")


def _code(status: StepStatus) -> int:
    """The exit code that a step counts with; 0: it passed, or was not to run."""
    if status.result is not None and status.result.verdict is not None:
        return status.result.verdict.exit_code
    if status.state is StepState.FAILED:
        return verdict.INCOMPLETE if status.run_id else verdict.UNREACHABLE
    return verdict.STOPPED if status.state is StepState.CANCELLED else verdict.PASSED
