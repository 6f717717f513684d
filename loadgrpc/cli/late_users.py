"""Users of a plan that would start after the end of their cycle, and so never.

Rule: a warning when a run is started, and no reason not to start it: it may be intended.
"""

from __future__ import annotations

from collections.abc import Iterator

from loadgrpc.cli.figures import duration
from loadgrpc.model import Plan, Scenario


def warnings_of(plan: Plan) -> Iterator[str]:
    """A sentence for each scenario that has such users."""
    for scenario in plan.scenarios:
        if scenario.spawn_rate and scenario.duration_s is not None:
            yield from _warnings(scenario, plan.agents if plan.split else 1)


def _warnings(scenario: Scenario, shares: int) -> Iterator[str]:
    assert scenario.duration_s is not None  # noqa: S101 - it is what they are late for
    rate = scenario.spawn_rate / shares
    late = []
    for users in dict.fromkeys(scenario.users):
        started = sum(
            _started(users // shares + (share < users % shares), rate, scenario.duration_s)
            for share in range(shares)
        )
        if started < users:
            late.append(f"{started} of {users}")
    if late:
        name = f"scenario {scenario.name}: " if scenario.name else ""
        needed_s = (max(scenario.users) - 1) / scenario.spawn_rate
        yield (
            f"warning: {name}{' and '.join(late)} users start: at {scenario.spawn_rate:g} per"
            f" second the last would after {duration(round(needed_s * 1e9))},"
            f" and a cycle lasts {duration(round(scenario.duration_s * 1e9))}"
        )


def _started(users: int, rate: float, duration_s: float) -> int:
    """How many of the users of one agent start: number n after (n - 1) / rate seconds."""
    number = min(users, int(duration_s * rate) + 1)
    return number - (number > 0 and (number - 1) / rate >= duration_s)
