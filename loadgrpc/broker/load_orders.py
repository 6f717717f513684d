"""Changes of the load of a run while it runs: what a client may ask for, and what it becomes.

Rule: pure; what cannot be is refused with what to do instead.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from loadgrpc.broker.happened import LoadAsked
from loadgrpc.broker.run import ActiveRun
from loadgrpc.clock import NS_PER_S
from loadgrpc.errors import InvalidRequest, Violation
from loadgrpc.model import (
    MAX_LOAD_CHANGES,
    ChangeKind,
    LoadChange,
    LoadChangeKind,
    LoadOrder,
    LoadUnit,
    Plan,
    Scenario,
)
from loadgrpc.stats import load_text

APPLIED_IN_S: Final = 0.5
"""How long after it is asked for a change applies: all agents learn of it before."""
_FIELDS: Final = {LoadUnit.USERS: "users", LoadUnit.ARRIVALS: "rate"}


class AskedLoad(NamedTuple):
    """What a client asks for, of an active run."""

    run: ActiveRun
    event: LoadAsked
    is_new: bool
    """Whether the same request has not come before."""


def asked(run: ActiveRun | None, order: LoadOrder, request_id: str, by: str) -> AskedLoad:
    """What is to happen to a run; None: it is over.

    Raises:
        InvalidRequest: it is over or stopped, or has no load that can be changed so.
    """
    if run is None or run.run.state.final or run.stopping is not None:
        raise InvalidRequest([Violation("run_id", "is of a run that is over, or is stopped")])
    is_new = not run.log.of_request(request_id)
    scenarios: tuple[str, ...] = ()
    if is_new:
        counts = {name: len(made) for name, made in run.log.loads().items()}
        scenarios = meant(run.run.plan, order, counts)
    event = LoadAsked(scenarios, order.kind, order.value, request_id, by)
    return AskedLoad(run, event, is_new)


def meant(plan: Plan, order: LoadOrder, changes: dict[str, int]) -> tuple[str, ...]:
    """The scenarios whose load is to change; `changes` has how often each was changed before.

    Raises:
        InvalidRequest: there is none, or it cannot be changed so.
    """
    names = [each.name for each in plan.scenarios]
    if order.scenario and order.scenario not in names:
        known = ", ".join(filter(None, names))
        detail = f"is none of {known}" if known else "is not there: the plan has one without a name"
        raise InvalidRequest([Violation("scenario", detail)])
    units = {
        each.name: each.load.unit
        for each in plan.scenarios
        if order.scenario in ("", each.name) and each.load is not None
    }
    if not units:
        detail = "has cycles, which cannot be changed: start it with a load of stages,"
        raise InvalidRequest([Violation("scenario", f'{detail} such as "20 users for 10m"')])
    fitting = tuple(name for name, unit in units.items() if order.unit in (None, unit))
    if not fitting and order.unit is not None:
        other = _FIELDS[LoadUnit(3 - order.unit)]
        detail = f"is not what this load counts: use {other}"
        raise InvalidRequest([Violation(_FIELDS[order.unit], detail)])
    if any(changes.get(name, 0) >= MAX_LOAD_CHANGES for name in fitting):
        detail = f"was changed {MAX_LOAD_CHANGES:,} times already"
        raise InvalidRequest([Violation("scenario", detail)])
    return fitting


def change(run: ActiveRun, event: LoadAsked, now_wall_ns: int) -> None:
    """Changes the load of scenarios, for all their parts from the same moment of the plan on."""
    at_s = 0.0
    if run.cycle:
        since_ns = now_wall_ns - run.cycle_start_time_ns
        at_s = max(since_ns / NS_PER_S + APPLIED_IN_S, 0.0)
    made = LoadChange(at_s, event.kind, event.value)
    for scenario in run.run.plan.scenarios:
        if scenario.name not in event.scenarios:
            continue
        for part in run.parts.values():
            if part.scenario.name == scenario.name:
                part.change_load((*part.changes, made))
        run.log.add(
            ChangeKind.LOAD,
            run.going_on.state,
            now_wall_ns,
            sentence(made, scenario, event.by),
            cycle=max(run.cycle, 1),
            load=made,
            scenario=scenario.name,
            request_id=event.request_id,
        )


def sentence(made: LoadChange, scenario: Scenario, by: str) -> str:
    """What a change of the load is, as a text."""
    unit = scenario.load.unit if scenario.load is not None else LoadUnit.USERS
    match made.kind:
        case LoadChangeKind.LEVEL:
            what = f"load set to {load_text.level_text(made.value, unit)}"
        case LoadChangeKind.FACTOR:
            what = f"load {made.value:g} times as planned"
        case LoadChangeKind.PAUSE:
            what = "load paused"
        case LoadChangeKind.RESUME:
            what = "load resumed"
    where = f"scenario {scenario.name}: " if scenario.name else ""
    return f"{where}{what}, from {made.at_s:.3f} s on" + (f", by {by}" if by else "")
