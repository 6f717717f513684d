"""A plan, turned into the parts of its agents.

Rule: with `split` the parts sum to the plan, cycle by cycle; without, every agent gets
all of it. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence

from loadgrpc.model import Assignment, Cycle, Plan


def shares(total: int, parts: int) -> list[int]:
    """`total` in `parts` shares that sum to it and differ by at most one, larger ones first."""
    share, rest = divmod(total, parts)
    return [share + (part < rest) for part in range(parts)]


def assignments(plan: Plan, run_id: str, agent_ids: Sequence[str]) -> list[Assignment]:
    """The part of each agent, in the order of `agent_ids`."""
    parts = len(agent_ids)
    users = [shares(users, parts) if plan.split else [users] * parts for users in plan.users]
    return [
        Assignment(
            run_id=run_id,
            agent_id=agent_id,
            test=plan.test,
            cycles=tuple(
                Cycle(
                    users=cycle[part],
                    iterations=plan.iterations_per_user,
                    duration_s=plan.duration_s,
                )
                for cycle in users
            ),
            spawn_rate=plan.spawn_rate / parts if plan.split else plan.spawn_rate,
            server_url=plan.server_url,
            processes=plan.processes,
            stop_timeout_s=plan.stop_timeout_s,
            no_dns_resolve=plan.no_dns_resolve,
        )
        for part, agent_id in enumerate(agent_ids)
    ]
