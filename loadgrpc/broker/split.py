"""A plan, turned into the parts of its agents.

Rule: with `split` the parts sum to the plan, cycle by cycle; without, every agent gets
all of it. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence

from loadgrpc.model import Assignment, Cycle, Launch, Plan


def shares(total: int, parts: int) -> list[int]:
    """`total` in `parts` shares that sum to it and differ by at most one, larger ones first."""
    share, rest = divmod(total, parts)
    return [share + (part < rest) for part in range(parts)]


def launches(plan: Plan, run_id: str, agent_ids: Sequence[str]) -> list[Launch]:
    """What each agent is to start, agent by agent, scenario by scenario."""
    parts = len(agent_ids)
    found = []
    for part, agent_id in enumerate(agent_ids):
        for scenario in plan.scenarios:
            users = [
                shares(users, parts)[part] if plan.split else users for users in scenario.users
            ]
            rate = scenario.spawn_rate
            assignment = Assignment(
                run_id=run_id,
                agent_id=agent_id,
                test=scenario.test,
                cycles=tuple(
                    Cycle(
                        users=each,
                        iterations=scenario.iterations_per_user,
                        duration_s=scenario.duration_s,
                    )
                    for each in users
                ),
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
