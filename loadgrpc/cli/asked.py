"""What a plan asks for, as text."""

from __future__ import annotations

from typing import Final

from loadgrpc.cli.figures import shorten, span
from loadgrpc.model import (
    LatePolicy,
    Plan,
    Scenario,
    Spacing,
    TestOrder,
    hyphened,
)
from loadgrpc.secrets import masked
from loadgrpc.stats import load_text
from loadgrpc.text import counted, one_line

MAX_LOAD_CELLS: Final = 200


def load(plan: Plan, scenario: Scenario | None = None) -> list[str]:
    """What a plan asks for, or one scenario of it, as text."""
    of_one = plan.scenarios[0] if len(plan.scenarios) == 1 else None
    one = scenario or of_one
    if one is not None and one.load is not None:
        what = [shorten(load_text.text(one.load), MAX_LOAD_CELLS), *_open(one), *_runner(one)]
    elif one is not None:
        what = _users(one.users) + _each_does(one)
    else:
        what = [*_all_users(plan), f"{len(plan.scenarios)} scenarios"]
    if scenario is not None:
        return what
    if plan.agents > 1 and of_one is not None and of_one.load is not None:
        what.append(f"shared by {plan.agents} agents")
    elif plan.agents > 1:
        what.append(f"{'split over' if plan.split else 'on each of'} {plan.agents} agents")
    if of_one is not None and of_one.server_url:
        what.append(one_line(masked(of_one.server_url)))
    if plan.env:
        what.append(f"with {', '.join(name for name, _ in plan.env)} in the environment")
    if plan.no_dns_resolve:
        what.append("names resolved for each connection")
    return what


def _users(cycles: tuple[int, ...]) -> list[str]:
    users = ", ".join(map(str, cycles)) + (" user" if cycles == (1,) else " users")
    return [f"{len(cycles)} cycles of {users}" if len(cycles) > 1 else users]


def _each_does(scenario: Scenario) -> list[str]:
    what = []
    if scenario.tests and scenario.test_order is not TestOrder.WEIGHTED:
        what.append(f"{hyphened(scenario.test_order.name)} order")
    if scenario.duration_s is not None:
        each = " each" if len(scenario.users) > 1 else ""
        what.append(f"for {span(scenario.duration_s)}{each}")
    else:
        what.append(f"{counted(scenario.iterations_per_user, 'iteration')} a user")
    if scenario.spawn_rate:
        what.append(f"{scenario.spawn_rate:g} users started per second")
    if scenario.pacing is not None:
        what.append(f"pacing {scenario.pacing}")
    if scenario.think is not None:
        what.append(f"think time {scenario.think}")
    if scenario.parameters:
        given = (each.kept() for each in scenario.parameters)
        what.append(f"with {', '.join(f'{each.name}={one_line(each.value)}' for each in given)}")
    return what + _runner(scenario)


def _runner(scenario: Scenario) -> list[str]:
    return [f"run by {one_line(scenario.test_runner)}"] if scenario.test_runner else []


def _open(scenario: Scenario) -> list[str]:
    """How arrivals are spaced, and what becomes of those that are late."""
    what = []
    if scenario.arrivals is Spacing.POISSON:
        what.append("memoryless (Poisson)")
    if scenario.late is LatePolicy.DROP:
        what.append("dropped when no user is free")
    if scenario.max_users:
        what.append(f"at most {counted(scenario.max_users, 'user')}")
    return what


def _all_users(plan: Plan) -> list[str]:
    """The users of all scenarios together; of open loads nobody knows how many they need."""
    if any(each.is_open for each in plan.scenarios):
        return []
    return _users(plan.users)
