"""A plan, turned into the parts of its agents.

Rule: with `split` the parts sum to the plan, cycle by cycle; without, every agent gets
all of it. Pure.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from functools import cache

from loadgrpc.model import Assignment, Cycle, Launch, Plan, Scenario


def shares(total: int, parts: int) -> list[int]:
    """`total` in `parts` shares that sum to it and differ by at most one, larger ones first."""
    share, rest = divmod(total, parts)
    return [share + (part < rest) for part in range(parts)]


def launches(plan: Plan, run_id: str, agent_ids: Sequence[str]) -> list[Launch]:
    """What each agent is to start, agent by agent, scenario by scenario."""
    parts = len(agent_ids)
    found = []
    cycles = [_cycles(scenario, parts if plan.split else 1) for scenario in plan.scenarios]
    for part, agent_id in enumerate(agent_ids):
        for scenario, its_cycles in zip(plan.scenarios, cycles, strict=True):
            rate = scenario.spawn_rate
            assignment = Assignment(
                run_id=run_id,
                agent_id=agent_id,
                test=scenario.test,
                cycles=its_cycles(part),
                spawn_rate=rate / parts if plan.split else rate,
                server_url=scenario.server_url,
                processes=scenario.processes,
                stop_timeout_s=plan.stop_timeout_s,
                no_dns_resolve=plan.no_dns_resolve,
                scenario=scenario.name,
            )
            found.append(
                Launch(
                    assignment=assignment,
                    test_runner=scenario.test_runner,
                    runner_mode=scenario.runner_mode,
                    silence_timeout_s=scenario.silence_timeout_s,
                )
            )
    return found


def _cycles(scenario: Scenario, parts: int) -> Callable[[int], tuple[Cycle, ...]]:
    """The cycles of each part of a scenario; parts that have the same share them.

    Of a share of users, those of the first parts are larger by one: there are few different ones.
    """
    divided = [divmod(users, parts) for users in scenario.users]

    @cache
    def made(larger: tuple[bool, ...]) -> tuple[Cycle, ...]:
        return tuple(
            Cycle(
                users=share + one_more,
                iterations=scenario.iterations_per_user,
                duration_s=scenario.duration_s,
            )
            for (share, _), one_more in zip(divided, larger, strict=True)
        )

    ends = sorted({rest for _, rest in divided})

    @cache
    def between(place: int) -> tuple[Cycle, ...]:
        end = ends[place] if place < len(ends) else parts
        return made(tuple(end <= rest for _, rest in divided))

    return lambda part: between(bisect_right(ends, part))
