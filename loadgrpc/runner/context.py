"""What a virtual user knows of its run: who it is among all users, and the options of the run.

Rule: it follows from the assignment alone, so that users of all processes and agents agree without
asking each other. Under unittest and pytest there is one user, who knows the defaults.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from loadgrpc.design.feed import CaseFeed
from loadgrpc.model import Assignment, Plan, Scenario
from loadgrpc.protocol import options
from loadgrpc.protocol.decks import feed_of_cases
from loadgrpc.runner.data.feeds import Feeds, UserData
from loadgrpc.runner.data.turns import Seat
from loadgrpc.stats.draws import seed_of


class LoadStatus(NamedTuple):
    """Where in the load a test is: which user of how many, in which iteration and cycle."""

    user: int = 1
    """The user, from 1 to `users`."""
    users: int = 1
    """Users of this cycle on this agent."""
    iteration: int = 1
    """The user's iteration in this cycle, from 1; 0 before the first."""
    iterations: int = 1
    """Iterations of each user in this cycle; 0: a duration bounds it."""
    cycle: int = 1
    """The cycle, from 1."""
    user_index: int = 0
    """The user among `all_users`, from 0."""
    all_users: int = 1
    """Users of this cycle and scenario on all agents."""
    scenario: str = ""
    """The scenario; empty: the plan has only one."""
    agent: str = ""
    """The id of the agent; empty outside a load run."""
    run_id: str = ""
    """The run; empty outside a load run."""


def config_of(plan: Plan, scenario: Scenario, agents: int = 1) -> Mapping[str, Any]:
    """The options of a run by the names of their fields; times in seconds."""
    values = {
        row.field: getattr(scenario if row in options.OF_SCENARIO else plan, row.name)
        for row in options.ALL.values()
    }
    given = {each.name: each.kept().value for each in scenario.parameters}
    env = dict(plan.env)
    return MappingProxyType(values | {"agents": agents, "env": env, "parameters": given})


DEFAULTS: Mapping[str, Any] = config_of(Plan(scenarios=(Scenario(),)), Scenario(iterations=(1,)))
"""The options outside a load run."""


class UserContext(NamedTuple):
    """What a user is given beside its test."""

    status: LoadStatus
    """Before its first iteration."""
    config: Mapping[str, Any] = DEFAULTS
    data: UserData | None = None
    """None: it has no files of rows."""
    seed: int = 0
    """Of whatever is drawn for the users of the run, 64 bits."""
    iterations_before: int = 0
    """Iterations of the cycles before, of all users of all agents; 0: durations bound them."""
    feed: CaseFeed | None = None
    """The cases that the plan feeds iterations with. None: none; the test may name some."""


class ProcessContext:
    """What the users of a process have in common: their part in the run."""

    def __init__(self, assignment: Assignment, feeds: Feeds | None = None) -> None:
        self._assignment = assignment
        self._feeds = feeds
        self._place = assignment.place
        self._seed = seed_of(assignment.seed)
        self._config = config_of(assignment.plan, assignment.scenario, self._place.agents)
        fed = assignment.scenario.cases
        self.feed = feed_of_cases(fed) if fed is not None else None
        """The cases that the plan feeds iterations with; None: none."""

    def of_user(self, cycle: int, user: int) -> UserContext:
        """What a user of a cycle knows; both count from 1."""
        place, of_cycle = self._place, self._assignment.cycles[cycle - 1]
        status = LoadStatus(
            user=user,
            users=of_cycle.users,
            iteration=0,
            iterations=of_cycle.iterations,
            cycle=cycle,
            user_index=place.user_offsets[cycle - 1] + user - 1,
            all_users=place.total_users[cycle - 1],
            scenario=self._assignment.scenario.name,
            agent=self._assignment.agent_id,
            run_id=self._assignment.run_id,
        )
        data = None
        if self._feeds is not None:
            totals = place.total_users
            seat = Seat(
                place=status.user_index,
                users=status.all_users,
                before=sum(totals[: cycle - 1]),
                ever=sum(totals),
            )
            data = UserData(self._feeds, seat)
        before = sum(place.total_users[: cycle - 1]) * of_cycle.iterations
        return UserContext(status, self._config, data, self._seed, before, self.feed)
