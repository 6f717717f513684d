"""Which of the runs that wait get agents, which, and why the others wait.

Rule: pure. Runs are looked at in the order of the queue. One that finds enough idle agents with its
labels gets some of them, spread over hosts. One that does not keeps those that it could use for
itself: runs behind it get what is left, so that a large run does not wait forever for small ones.
Unless too few agents are known for it at all: then it holds up nobody.

The order is by the time since when a run has waited, as if each step of priority were HEAD_START_S
more of it: a higher priority goes first, and no run is passed by others forever.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from operator import attrgetter
from typing import Final, NamedTuple

from loadgrpc.broker.spread import spread
from loadgrpc.clock import NS_PER_S
from loadgrpc.model import Plan, RunState, Waiting
from loadgrpc.text import counted

HEAD_START_S: Final = 600
"""What a step of priority is worth, in time that a run has waited."""
MAX_RUNS_WAITING: Final = 10_000
"""Runs that wait at once, for their time or for agents."""


class QueuedRun(NamedTuple):
    """A run that wants agents."""

    run_id: str
    plan: Plan
    queue_time_ns: int
    """Since when it has waited (wall clock)."""
    priority: int = 0

    @property
    def place(self) -> int:
        """Its place in the queue: lower ones come first, and of equal ones the one that was."""
        return self.queue_time_ns - self.priority * HEAD_START_S * NS_PER_S


@dataclass(frozen=True)
class Choosable:
    """An agent that may be chosen, now or later."""

    agent_id: str
    host: str = ""
    labels: frozenset[str] = frozenset()
    idle: bool = True
    prepares: bool = True
    """Whether it can be sent files and packages."""
    signed_only: bool = False
    """Whether it runs nothing that is not signed."""


@dataclass(frozen=True)
class Dispatch:
    """What follows."""

    starts: Mapping[str, list[str]] = field(default_factory=dict)
    """The agents of each run that starts now."""
    left: Sequence[tuple[str, int, str]] = ()
    """The others in the order of the queue: each run, how many agents could have it, why it does
    not start."""

    @cached_property
    def waits(self) -> Mapping[str, Waiting]:
        """Why each of the others does not."""
        return {
            run_id: Waiting(position=at, length=len(self.left), agents=agents, reason=reason)
            for at, (run_id, agents, reason) in enumerate(self.left, 1)
        }


class Wants(NamedTuple):
    """What a plan wants of its agents."""

    labels: tuple[str, ...]
    files: bool
    """They have to be sent files."""
    unsigned: bool
    """They have to run what is not signed."""


def on_submission(*, later: bool, enough: bool, queue: bool, full: bool) -> RunState | None:
    """What a run begins as; None: it is refused.

    `later`: it has a time to start; `enough`: agents are free for it; `queue`: it waits if not;
    `full`: as many wait as may.
    """
    if enough and not later:
        return RunState.STARTING
    if full or not (later or queue):
        return None
    return RunState.SCHEDULED if later else RunState.QUEUED


def decide(
    waiting: Iterable[QueuedRun], places: Collection[Choosable], working: Iterable[str] = ()
) -> Dispatch:
    """Which runs start; `working` has the host of each agent that has work already."""
    fit: dict[Wants, list[Choosable]] = {}
    idle: dict[Wants, list[Choosable]] = {}
    """Of these, those that are free; until that changes."""
    free = {place.agent_id for place in places if place.idle}
    busy = list(working)
    starts: dict[str, list[str]] = {}
    left: list[tuple[str, int, str]] = []
    reasons: dict[tuple[Wants, int, int], str] = {}
    for candidate in sorted(waiting, key=attrgetter("place")):
        wants, wanted = _wants(candidate.plan), candidate.plan.agents
        if wants not in fit:
            fit[wants] = [place for place in places if _fits(place, wants)]
        if wants not in idle:
            idle[wants] = [place for place in fit[wants] if place.agent_id in free]
        found = idle[wants]
        if len(found) >= wanted:
            hosts = {place.agent_id: place.host for place in found}
            taken = starts[candidate.run_id] = spread(hosts, wanted, busy)
            busy += [hosts[agent_id] for agent_id in taken]
            free.difference_update(taken)
            idle.clear()
            continue
        key = wants, wanted, len(found)
        if key not in reasons:
            reasons[key] = why(candidate.plan, len(found), places)
        left.append((candidate.run_id, len(fit[wants]), reasons[key]))
        if found and len(fit[wants]) >= wanted:
            free.difference_update(place.agent_id for place in found)
            idle.clear()
    return Dispatch(starts, left)


def why(plan: Plan, idle: int, places: Collection[Choosable]) -> str:
    """Why a plan has to wait that finds this number of `idle` agents for itself."""
    wants = _wants(plan)
    fitting = [place for place in places if _fits(place, wants)]
    needs = f"needs {counted(plan.agents, 'agent')}{labelled(plan.agent_labels)}"
    if len(fitting) < plan.agents:
        too_old = sum(_fits(place, wants._replace(files=False)) for place in places) - len(fitting)
        signed = sum(_fits(place, wants._replace(unsigned=False)) for place in places)
        signed -= len(fitting)
        more = f"; {too_old} more are too old to be sent files or packages" * (too_old > 0)
        more += f"; {signed} more run only what is signed (--sign)" * (signed > 0)
        return f"{needs}, {f'only {len(fitting)}' if fitting else 'none'} known{more}"
    kept = sum(place.idle for place in fitting) - idle
    for_others = f", and {kept} for runs before it" * (kept > 0)
    return f"{needs}, {idle} idle{for_others}"


def labelled(labels: Sequence[str]) -> str:
    """` with label eu`; empty: none is asked for."""
    if not labels:
        return ""
    return f" with label{'s' * (len(labels) > 1)} {', '.join(labels)}"


def fits(place: Choosable, plan: Plan) -> bool:
    """Whether an agent could run a plan."""
    return _fits(place, _wants(plan))


def _wants(plan: Plan) -> Wants:
    by_hand = all(scenario.by_hand for scenario in plan.scenarios)
    return Wants(plan.agent_labels, plan.is_prepared, not (plan.signatures or by_hand))


def _fits(place: Choosable, wants: Wants) -> bool:
    return (
        place.labels.issuperset(wants.labels)
        and (place.prepares or not wants.files)
        and not (place.signed_only and wants.unsigned)
    )
