"""A plan, turned into the parts of its agents.

Rule: with `split` the parts sum to the plan, cycle by cycle; without, every agent gets
all of it. Whom the broker notifies is no business of theirs. Pure.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache

from loadgrpc.model import Assignment, Placement, Plan, Scenario
from loadgrpc.stats import load_text


def shares(total: int, parts: int) -> list[int]:
    """`total` in `parts` shares that sum to it and differ by at most one, larger ones first."""
    share, rest = divmod(total, parts)
    return [share + (part < rest) for part in range(parts)]


def assignments(plan: Plan, run_id: str, agent_ids: Sequence[str]) -> list[Assignment]:
    """The part of each agent in each scenario, agent by agent, scenario by scenario.

    `run_id` is that of the attempt.
    """
    agents = len(agent_ids)
    if not agents:
        return []  # it waits for them
    shared = {s.name: plan.split if s.load is None else s.is_shared for s in plan.scenarios}
    divided = [(s, _divided(plan, s, agents if shared[s.name] else 1)) for s in plan.scenarios]
    return [
        Assignment(
            run_id=run_id,
            agent_id=agent_id,
            plan=share(part),
            placement=_placement(scenario, part, agents, shared=shared[scenario.name]),
        )
        for part, agent_id in enumerate(agent_ids)
        for scenario, share in divided
    ]


def _placement(scenario: Scenario, part: int, agents: int, *, shared: bool) -> Placement:
    """Where the users of a part stand: behind those of the parts before it."""
    if shared:
        divided = [divmod(users, agents) for users in scenario.users]
        offsets = tuple(share * part + min(part, rest) for share, rest in divided)
        totals = scenario.users
    else:
        offsets = tuple(users * part for users in scenario.users)
        totals = tuple(users * agents for users in scenario.users)
    return Placement(agent_index=part, agents=agents, user_offsets=offsets, total_users=totals)


def _divided(plan: Plan, scenario: Scenario, parts: int) -> Callable[[int], Plan]:
    """The share of each part in a scenario, as a plan; parts that have the same one share it.

    Of a share of users, those of the first parts are larger by one: there are few different ones.
    """
    divided = [divmod(users, parts) for users in scenario.users]
    ends = sorted({rest for _, rest in divided})

    @cache
    def between(place: int) -> Plan:
        end = ends[place] if place < len(ends) else parts
        users = tuple(share + (end <= rest) for share, rest in divided)
        share = replace(scenario, users=users, spawn_rate=scenario.spawn_rate / parts)
        return replace(plan, scenarios=(share,), agents=1, split=False, observers=())

    return lambda part: between(bisect_right(ends, part))


def beginning(plan: Plan, cycle: int) -> tuple[str, int]:
    """What begins with a cycle, as text, and its users."""
    users = sum(sum(each.users[cycle - 1 : cycle]) for each in plan.scenarios)
    loads = [load_text.text(each.load) for each in plan.scenarios if each.load is not None]
    if loads and cycle == 1:
        return f"stages: {'; and '.join(loads)}", users
    return f"cycle {cycle} of {plan.cycles}: {users} user{'s' * (users != 1)}", users
