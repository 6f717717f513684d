"""What is asked for: plans and their scenarios, and the part of one that an agent gets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import IntEnum
from itertools import zip_longest
from typing import Final, NamedTuple

from loadgrpc.model.fed import FedCases
from loadgrpc.model.load import MAX_AGENT_USERS, LatePolicy, Load, LoadChange, Spacing
from loadgrpc.model.observer import ObserverChoice
from loadgrpc.model.parameter import Parameter
from loadgrpc.model.retry import RetryPolicy
from loadgrpc.model.wait import Wait
from loadgrpc.secrets import MASK, is_withheld, kept_variable, masked, names_secret, values_in

LEAST_OF_VARIABLES: Final = 8
"""Characters of a variable with the name of a secret that is looked for in texts: shorter ones are
as often words, as in AUTH_MODE=basic."""


class RunnerMode(IntEnum):
    """How users are run: a process for each, one for all, or a runner started by hand."""

    ONE_USER = 1
    ALL_USERS = 2
    BY_HAND = 3


class TestOrder(IntEnum):
    """In which order users call the tests of a scenario."""

    __test__ = False  # not a test, whatever pytest thinks of its name

    WEIGHTED = 1
    RANDOM = 2
    SEQUENTIAL = 3


@dataclass(frozen=True)
class WeightedTest:
    """One of several tests of a scenario."""

    test: str
    weight: int = 1
    """Its share of the iterations, compared with those of the others."""

    def __str__(self) -> str:
        """As people type it."""
        return self.test if self.weight == 1 else f"{self.test}={self.weight}"


class _Place(NamedTuple):
    """Where a plan may have a secret."""

    field: str
    what: str
    """The name of the secret, or where it is."""
    value: str
    kept: str
    """The value as it may be stored."""


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A test, or several, with its load."""

    name: str = ""
    """Empty: the plan has only this one."""
    test: str = ""
    """Empty: there are several."""
    tests: tuple[WeightedTest, ...] = ()
    """Empty: there is only one."""
    test_order: TestOrder = TestOrder.WEIGHTED
    users: tuple[int, ...] = (1,)
    """Users of each cycle."""
    iterations: tuple[int, ...] = ()
    """Each user makes the sum of these in a cycle. Empty: `duration_s` bounds the cycle."""
    duration_s: float | None = None
    spawn_rate: float = 0.0
    """Users started a second. 0: all at once."""
    server_url: str = ""
    processes: int = 0
    """User processes on each agent. 0: one for each core the agent may use."""
    test_runner: str = ""
    """The command that runs the users. Empty: the Python runner."""
    runner_mode: RunnerMode = RunnerMode.ONE_USER
    silence_timeout_s: float = 300.0
    """How long a process of `test_runner` may be silent. 0: forever."""
    pacing: Wait | None = None
    """How far apart the starts of a user's iterations are at least. None: the test decides."""
    think: Wait | None = None
    """How long a user waits after an iteration. None: the test decides."""
    parameters: tuple[Parameter, ...] = ()
    """Values of the test's parameters, by name in alphabetical order."""
    cases: FedCases | None = None
    """What iterations are fed with. None: with nothing, unless the test itself names cases."""
    load: Load | None = None
    """The load over time, on all agents together. Its scenario has one cycle, with the time and the
    most users that follow from it. None: its cycles are the load."""
    arrivals: Spacing = Spacing.EVEN
    late: LatePolicy = LatePolicy.QUEUE
    max_users: int = 0
    """Users that arrivals may have at a time, on all agents together. 0: as many as needed."""

    def kept(self) -> Scenario:
        """It as it may be stored: without secrets."""
        return replace(
            self,
            parameters=tuple(each.kept() for each in self.parameters),
            server_url=masked(self.server_url),
            test_runner=masked(self.test_runner),
        )

    @property
    def stages(self) -> Load | None:
        """The same as `load`."""
        return self.load

    @property
    def is_open(self) -> bool:
        """Whether its iterations start at planned instants."""
        return self.load is not None and self.load.is_open

    @property
    def is_shared(self) -> bool:
        """Whether its users are shared out among agents, whatever the plan says of that."""
        return self.load is not None and (not self.load.is_open or self.max_users > 0)

    @property
    def all_tests(self) -> tuple[str, ...]:
        """The names of its tests."""
        return tuple(each.test for each in self.tests) or (self.test,)

    @property
    def label(self) -> str:
        """What it is called where it has no name."""
        return " + ".join(self.all_tests)

    @property
    def iterations_per_user(self) -> int:
        """Iterations each user makes in a cycle; 0 when a duration bounds it."""
        return sum(self.iterations)

    @property
    def one_user_each(self) -> bool:
        """Whether each user of each cycle is a process of its own."""
        return bool(self.test_runner) and self.runner_mode is RunnerMode.ONE_USER

    @property
    def by_hand(self) -> bool:
        """Whether agents start nothing."""
        return self.runner_mode is RunnerMode.BY_HAND


@dataclass(frozen=True, kw_only=True)
class Signature:
    """That whoever has a key wants some code to be run: see `bundle/signed.py`."""

    public_key: bytes
    """Ed25519: 32 bytes."""
    signature: bytes
    """64 bytes; empty: it is not shown."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a client asks for. Valid by construction: converters check before they build."""

    scenarios: tuple[Scenario, ...]
    """One or more, side by side; with names if there are more."""
    agents: int = 1
    split: bool = False
    stop_timeout_s: float = 30.0
    no_dns_resolve: bool = False
    """Names are resolved for each connection, and not once for each user."""
    no_patching: bool = False
    """Users are threads of processes that gevent has not patched."""
    env: tuple[tuple[str, str], ...] = ()
    """Names and values of variables for runners, sorted."""
    title: str = ""
    """What people call the run. Empty: nothing."""
    project_name: str = ""
    user_id: str = ""
    """The person who asks for it, by their own account. Empty: not given."""
    require_coverage: int = 0
    """How many of the rules of decision tables have to be exercised, in percent. 0: any number."""
    thresholds: tuple[str, ...] = ()
    """What the results have to meet."""
    bundle: str = ""
    """The files that the test needs, by the SHA-256 of their bundle. Empty: none are shipped."""
    test_dir: str = ""
    """Where runners start on an agent, before the agent's id. Empty: the agent decides."""
    python_deps: tuple[str, ...] = ()
    """What pip installs for the test on each agent: requirements."""
    seed: int = 0
    """Of what is drawn at random. 0: the broker chooses one."""
    observers: tuple[ObserverChoice, ...] = ()
    """Whom the broker notifies, besides those that it notifies of every run."""
    unchecked: bool = False
    """Parameters are not compared with what tests declare."""

    agent_labels: tuple[str, ...] = ()
    """Only agents that have all of these run it."""
    labels: tuple[str, ...] = ()
    """What the run is listed by."""
    retry: RetryPolicy | None = None
    """Whether it is tried again. None: it is not."""
    signatures: tuple[Signature, ...] = ()
    """Of what its scenarios run, for agents that demand them."""

    def kept(self) -> Plan:
        """It as it may be stored: without secrets."""
        return replace(
            self,
            scenarios=tuple(each.kept() for each in self.scenarios),
            title=masked(self.title),
            env=tuple((name, kept_variable(name, value)) for name, value in self.env),
            python_deps=tuple(map(masked, self.python_deps)),
        )

    @property
    def secret_fields(self) -> list[str]:
        """The fields that are secrets, or have one in a URL."""
        return [each.field for each in self._places() if each.value != each.kept]

    @property
    def withheld(self) -> list[str]:
        """The secrets that it does not have any more, because it was stored meanwhile."""
        return [
            each.what
            for each in self._places()
            if is_withheld(each.value, secret=each.kept == MASK)
        ]

    def _places(self) -> Iterator[_Place]:
        """Where secrets may be."""
        for scenario in self.scenarios:
            for one in scenario.parameters:
                field = f"parameters[{one.name!r}]"
                yield _Place(field, one.name, one.value, one.kept().value)
            for field, text in (
                ("server_url", scenario.server_url),
                ("test_runner", scenario.test_runner),
            ):
                yield _Place(field, f"in {field}", text, masked(text))
        for name, value in self.env:
            yield _Place(f"env[{name!r}]", name, value, kept_variable(name, value))
        for at, text in enumerate(self.python_deps):
            yield _Place(f"python_deps[{at}]", "in python_deps", text, masked(text))

    @property
    def is_prepared(self) -> bool:
        """Whether agents have something to do before they can start its runners."""
        return bool(self.bundle or self.test_dir or self.python_deps)

    @property
    def label(self) -> str:
        """The name of its runs wherever they are shown."""
        named = " + ".join(each.name or each.label for each in self.scenarios)
        title = self.title.strip()
        return f"{title}: {named}" if title else named

    @property
    def cycles(self) -> int:
        """Cycles of the run: those of the scenario that has most."""
        return max(len(each.users) for each in self.scenarios)

    @property
    def users(self) -> tuple[int, ...]:
        """Users of each cycle, of all scenarios together."""
        return tuple(
            sum(each.users[at] for each in self.scenarios if at < len(each.users))
            for at in range(self.cycles)
        )

    @property
    def has_arrivals(self) -> bool:
        """Whether some scenario has arrivals, who have as many users as they need."""
        return any(each.is_open for each in self.scenarios)

    @property
    def closed_users(self) -> tuple[int, ...]:
        """Users of each cycle, of all scenarios together that have no arrivals."""
        closed = [each.users for each in self.scenarios if not each.is_open]
        return tuple(map(sum, zip_longest(*closed, fillvalue=0)))

    @property
    def total_iterations(self) -> int:
        """Iterations of the whole run on all agents; 0 when a duration bounds some of it."""
        if any(each.duration_s is not None for each in self.scenarios):
            return 0
        times = 1 if self.split else self.agents
        return times * sum(sum(each.users) * each.iterations_per_user for each in self.scenarios)


def users_of(load: Load, max_users: int) -> int:
    """The most users that a load has at a time: of arrivals, those that it may have."""
    return max(1, int(load.peak + 0.5)) if not load.is_open else max_users or MAX_AGENT_USERS


@dataclass(frozen=True, kw_only=True)
class Cycle:
    """One cycle of an assignment: users, and either iterations or a duration."""

    users: int
    iterations: int = 0
    duration_s: float | None = None


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Where the users of an assignment stand among all users of its scenario."""

    agent_index: int = 0
    """The agent, from 0."""
    agents: int = 1
    """Agents of the run."""
    user_offsets: tuple[int, ...] = ()
    """For each cycle of the scenario: users on the agents before."""
    total_users: tuple[int, ...] = ()
    """For each cycle of the scenario: users on all agents."""


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """One agent's part in a scenario of a run."""

    run_id: str
    agent_id: str
    plan: Plan
    """The part as a plan of its own: for one agent, with one scenario, whose users (0 in a cycle
    that has none for this agent) and rate are this agent's share."""
    user: int = 0
    """The user to run in the one cycle there is. 0: all, in all cycles."""
    first_cycle: int = 1
    """The number of the first of `cycles`."""
    placement: Placement | None = None
    """None: its agent is the only one."""
    load_changes: tuple[LoadChange, ...] = ()
    """How its load was changed live before it began."""
    index: int | None = None
    """That of the user among those of all agents, from 0, where its number does not say it."""
    python_path: tuple[str, ...] = ()
    """Folders of the agent that tests import from, after their own."""

    @property
    def seed(self) -> str:
        """What draws for its users follow from: the same on all agents."""
        return f"{self.plan.seed or self.run_id}/{self.scenario.name}"

    @property
    def place(self) -> Placement:
        """Where its users stand among those of all agents."""
        if self.placement is not None:
            return self.placement
        users = (0,) * (self.first_cycle - 1) + self.scenario.users
        return Placement(user_offsets=(0,) * len(users), total_users=users)

    @property
    def scenario(self) -> Scenario:
        """The scenario, with this agent's share of its load."""
        return self.plan.scenarios[0]

    @property
    def secret_values(self) -> list[str]:
        """What its runner may have, and nobody may see in what the runner says."""
        scenario, plan = self.scenario, self.plan
        given = [(each.value, each.is_secret) for each in scenario.parameters]
        given += [
            (value, names_secret(name) and len(value) >= LEAST_OF_VARIABLES)
            for name, value in plan.env
        ]
        others = scenario.server_url, scenario.test_runner, *plan.python_deps
        texts = [*others, *(value for value, secret in given if not secret)]
        found = [value for value, secret in given if secret]
        return found + [each for text in texts for each in values_in(text)]

    @property
    def cycles(self) -> tuple[Cycle, ...]:
        """What is to be done in each cycle."""
        scenario = self.scenario
        return tuple(
            Cycle(
                users=users,
                iterations=scenario.iterations_per_user,
                duration_s=scenario.duration_s,
            )
            for users in scenario.users
        )

    @property
    def planned_users(self) -> int:
        """The users of all its cycles together; 0: as many as arrivals need."""
        return 0 if self.scenario.is_open else sum(self.scenario.users)

    @property
    def places(self) -> int:
        """Users that may run at a time: those of its largest cycle, or more after a live change."""
        most = max(self.scenario.users)
        is_fixed = self.scenario.load is None or self.scenario.max_users
        return most if is_fixed else max(most, MAX_AGENT_USERS)

    @property
    def planned_iterations(self) -> int:
        """The iterations of all its users; 0 when a duration bounds them."""
        return self.planned_users * self.scenario.iterations_per_user

    @property
    def planned_s(self) -> float:
        """How long its cycles last together that have users; 0 when iterations bound them."""
        return (self.scenario.duration_s or 0.0) * sum(users > 0 for users in self.scenario.users)

    @property
    def user_index(self) -> int:
        """Where its user stands among those of all agents, from 0."""
        if self.index is not None:
            return self.index
        return self.place.user_offsets[self.first_cycle - 1] + self.user - 1

    def of_user(
        self, user: int, cycle: int, *, duration_s: float | None, place: int = 0
    ) -> Assignment:
        """What one user of a cycle does, both from 1; who starts it keeps to the rate.

        `duration_s`: what is left of the cycle when it starts; None: iterations bound it. `place`:
        whose place it takes, from 1, in a load that changes over time; it need not know of that.
        """
        users = self.scenario.users[cycle - self.first_cycle]
        own = replace(
            self.scenario, users=(users,), spawn_rate=0.0, duration_s=duration_s, load=None
        )
        return replace(
            self,
            plan=replace(self.plan, scenarios=(own,)),
            user=user,
            first_cycle=cycle,
            load_changes=(),
            index=self.place.user_offsets[cycle - 1] + place - 1 if place else None,
        )
