"""One agent's part in one scenario of a run: where it is, and what is known to be lost of it.

Rule: its users may be run by one process or thousands, each a source of its own. The part is over
when its agent says that the last of them has ended.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from loadgrpc.broker.inbox import Source
from loadgrpc.broker.past import Past
from loadgrpc.broker.started import StartedUsers
from loadgrpc.broker.state import PartEvent, part_step
from loadgrpc.model import (
    Assignment,
    AssignmentState,
    ExceptionInfo,
    IterationFigures,
    LoadChange,
    Loss,
    Run,
    Scenario,
    SourceId,
    Spacing,
    UserFigures,
)
from loadgrpc.protocol.decoded import Decoded
from loadgrpc.protocol.fleet import HeldBack
from loadgrpc.protocol.produced import Produced
from loadgrpc.stats.arrival_counts import ArrivalCounts
from loadgrpc.stats.arrivals import Stripe
from loadgrpc.stats.arrivals import planned as planned_of
from loadgrpc.stats.load_line import LoadLine

UNKNOWN_LOSS = "what its runner had not delivered"
SHORT = 0.9
"""A load that lasted for less of its time than this has ended before it was over."""

COMES_WITHIN_S: Final = 1.0, 10.0
"""A level that is over sooner may have ended before all its users have come; the second is for
users that are processes."""

SPARE_SOURCES: Final = 1_000
"""Sources that a part may have beside those of its users."""

MOST_COMING: Final = 100_000
"""The same where users come and go with a level, and each is a process."""

MAX_MISMATCHES: Final = 20
"""Sentences about runners whose hits differ from those that were counted; then one says so."""

MOST_DRAWN: Final = 2_000_000.0
"""Arrivals that are drawn one by one to be counted; of more the mean is close enough."""

Key = tuple[str, str]
"""What a part is found by in its run: agent and scenario."""


class WantedUsers(NamedTuple):
    """How many users a level asks for."""

    most: int
    """At one time."""
    lasting: int
    """For long enough that they cannot but come."""


@dataclass
class Part:
    """See the module."""

    assignment: Assignment
    hostname: str
    state: AssignmentState = AssignmentState.STARTING
    reason: str = ""
    unsure: bool = False
    """Whether a restarted broker does not know if its agent was ordered to begin."""
    load_error: ExceptionInfo | None = None
    ended: set[str] = field(default_factory=set)
    """Runners that have ended."""
    failed: int = 0
    """Of these, those that ended badly; `reason` says how the first did."""
    produced: dict[str, Produced] = field(default_factory=dict)
    """What runners had produced when they ended, of those that count."""
    end_time_ns: int | None = None
    """When it ended, or was last heard from (wall clock); None: it goes on."""
    mismatches: list[str] = field(default_factory=list)
    """Where the hits that were counted differ from what its runners say, as sentences."""
    sources: dict[SourceId, Source] = field(default_factory=dict)
    past: Past = field(default_factory=Past)
    """Sources of runners that have ended, where each user is a process."""
    kept: tuple[object, str] | None = None
    """What of it is stored, as text, and what that was made of (`resume.py`)."""
    told_ns: int = 0
    """When (monotonic) its agent was ordered to begin it; 0: not known."""
    got_on_ns: int = 0
    """When (monotonic) something of it was last stored."""
    agent_ready_for: int = 0
    """The cycle that its agent is ready for, where each user is a process."""
    held_back: HeldBack = field(default_factory=HeldBack)
    """Users that had to wait for others to end, where each is a process."""
    waiting_since_ns: int = 0
    doing: str = ""
    """What its agent does before it can start runners, as text; empty: nothing. Not stored."""
    doing_since_ns: int = 0
    """Since when some of them do (wall clock)."""
    changes: tuple[LoadChange, ...] = ()
    """How its load was changed live."""
    users_told: StartedUsers = field(init=False)
    """Users that were started, as reported by runners of several users."""

    def __post_init__(self) -> None:
        self.users_told = StartedUsers(self.scenario.users)

    @property
    def scenario(self) -> Scenario:
        """What is to be done, by this agent."""
        return self.assignment.scenario

    @property
    def agent_id(self) -> str:
        """Its agent."""
        return self.assignment.agent_id

    @property
    def key(self) -> Key:
        """What it is found by."""
        return self.agent_id, self.scenario.name

    @property
    def users(self) -> int:
        """The users it was to run: those of its largest cycle."""
        return max(self.scenario.users) if self.wanted is None else self.wanted.most

    @property
    def planned_users(self) -> int:
        """Those of all its cycles, or the most that its level comes to; 0: what arrivals need."""
        return self.assignment.planned_users if self.wanted is None else self.wanted.most

    def note_users(self, runner_id: str, events: Decoded) -> None:
        """Events of a runner came."""
        if not self.scenario.one_user_each:
            self.users_told.add(runner_id, events)

    def user_figures(self, iterations: int) -> UserFigures:
        """Users of all its cycles, given how many `iterations` were started."""
        planned = self.planned_users
        if self.scenario.one_user_each:
            reported = sum(source.stored.received > 0 for source in self.sources.values())
            return self._came(self.past.reported + reported)
        nobody = self.state is AssignmentState.STARTING or not self.sources
        if self.users_told.known or nobody:
            return self._came(self.users_told.total)
        started = min(planned, 1) if iterations else 0
        return UserFigures(planned=planned, started=started, unknown=planned - started)

    def _came(self, started: int) -> UserFigures:
        """Its users, given how many were started."""
        planned, wanted = self.planned_users, self.wanted
        if wanted is not None:
            started = min(started, planned)  # others come when some have gone
            if self.state.final and started >= wanted.lasting:
                planned = started
        return UserFigures(planned=planned, started=started)

    @functools.cached_property
    def line(self) -> LoadLine | None:
        """The level of its load over time. None: it has cycles."""
        load = self.scenario.load
        return None if load is None else LoadLine(load, self.changes)

    @functools.cached_property
    def wanted(self) -> WantedUsers | None:
        """The users of a load that changes over time, as far as it is known by now."""
        if self.line is None or self.scenario.is_open:
            return None
        place, places = self.assignment.place, self.assignment.places
        stripe = Stripe(place.agent_index, place.agents)
        levels = self.line.peak, self.line.lasting(COMES_WITHIN_S[self.scenario.one_user_each])
        return WantedUsers(*(min(stripe.count(math.floor(each + 0.5)), places) for each in levels))

    def change_load(self, changes: tuple[LoadChange, ...]) -> None:
        """Its load was changed live; these are all changes so far."""
        self.changes = changes
        for made_of_them in ("line", "all_arrivals", "wanted"):
            self.__dict__.pop(made_of_them, None)
        if self.wanted is not None:
            self.users_told.expect(self.wanted.most)

    @functools.cached_property
    def all_arrivals(self) -> int:
        """The arrivals of all its time, if it has an open load."""
        assert self.line is not None  # noqa: S101 - asked for one that has
        place, scenario = self.assignment.place, self.scenario
        stripe = Stripe(place.agent_index, place.agents)
        drawn = self.line.total <= MOST_DRAWN
        spacing = scenario.arrivals if drawn else Spacing.EVEN
        return planned_of(self.line, stripe, spacing, self.assignment.plan.seed)

    def with_arrivals(
        self, came: IterationFigures, arrivals: ArrivalCounts, *, stopped: bool
    ) -> IterationFigures:
        """The figures of its iterations that came, and of its arrivals as they were reported.

        What was planned is all of its plan, or, if the run was `stopped` or it has come to its own
        end, what its runners say that was planned until then. What started without a report, as of
        a runner that was killed within a second, was planned, too.
        """
        whole = not self.state.final or self.state is AssignmentState.LOST
        total = arrivals.planned
        if whole and not stopped:
            total = max(total, self.all_arrivals)
        started = max(came.started, arrivals.started)
        if whole:
            total = max(total, started + arrivals.dropped)
        return replace(
            came,
            started=started,
            planned=total,
            dropped=arrivals.dropped,
            not_yet=max(0, total - started - arrivals.dropped),
            waiting=0 if self.state.final else arrivals.waiting,
        )

    def with_plan(self, came: IterationFigures) -> IterationFigures:
        """The figures of its iterations that came, and of those that were planned."""
        planned = self.assignment.planned_iterations
        missing = max(0, planned - came.started)
        over = self.state.final
        return replace(
            came,
            planned=planned,
            dropped=missing if over else 0,
            not_yet=0 if over else missing,
        )

    def ended_short(self, run: Run) -> str:
        """A sentence that its load ended before its time was over; empty: it did not.

        Runners that enter cycles by themselves may have begun before they reported anything.
        """
        planned_s = self.assignment.planned_s
        if self.line is not None:
            planned_s = self.line.duration_s
        if math.isinf(planned_s):
            return ""
        began_ns = run.create_time_ns if self.enters_by_itself else run.start_time_ns
        if not planned_s or self.end_time_ns is None or began_ns is None:
            return ""
        lasted_s = (self.end_time_ns - began_ns) / 1e9
        if lasted_s >= planned_s * SHORT:
            return ""
        return f"the load of agent {self.agent_id} ended after {lasted_s:.1f} of {planned_s:g} s"

    @property
    def most_sources(self) -> int:
        """Sources that it may have: many more than its users need."""
        users = self.assignment.planned_users
        if self.scenario.one_user_each and self.line is not None:
            return MOST_COMING + users
        return SPARE_SOURCES + (
            users if self.scenario.one_user_each or self.scenario.by_hand else 0
        )

    @property
    def enters_by_itself(self) -> bool:
        """Whether its runners have opened, and none of them waits for the others."""
        if self.scenario.one_user_each:
            return False
        return bool(self.sources) and not any(s.barrier for s in self.sources.values())

    @property
    def ready_for(self) -> int:
        """The cycle that it is ready for; 0: its test is not loaded yet."""
        if self.scenario.one_user_each:
            return self.agent_ready_for
        return min((s.ready_for for s in self.sources.values() if s.barrier), default=0)

    @property
    def delivered(self) -> bool:
        """Whether its runners have said that they sent everything."""
        if self.past.unfinished or not (self.sources or self.past.sources):
            return False
        return all(s.ledger.finished for s in self.sources.values())

    def losses(self, hits_of: Callable[[str], int]) -> Iterator[Loss]:
        """What is known to be lost; `hits_of` gives the hits of a runner that were counted."""
        past, lost = self.past, self.state is AssignmentState.LOST
        anything = self.sources or self.produced or past.sources or past.lost
        unknown = lost and (past.unaccounted > 0 or not anything)
        yield from past.losses(self.agent_id)
        for source in self.sources.values():
            yield from source.ledger.losses(self.agent_id)
            if source.ledger.finished:
                continue
            runner_id = source.source_id.runner_id
            if runner_id in self.produced:
                yield from self._missing(self.produced[runner_id], source, hits_of(runner_id))
            elif lost:
                unknown = True
        opened = {source_id.runner_id for source_id in self.sources}
        for runner_id in self.produced.keys() - opened:
            yield from self._missing(self.produced[runner_id], None, 0)
        if unknown:
            yield Loss(reason=UNKNOWN_LOSS, count=0, at_least=True, agent_id=self.agent_id)

    def _missing(self, produced: Produced, source: Source | None, hits: int) -> Iterator[Loss]:
        """What a runner had produced and not delivered, given how many of its hits were counted."""
        received, lost_hits = (
            (source.stored.received, source.stored.lost.hits) if source is not None else (0, 0)
        )
        missing = produced.events - received
        if missing > 0:
            yield Loss(
                reason=UNKNOWN_LOSS,
                count=missing,
                hits=min(max(produced.hits - hits - lost_hits, 0), missing),
                at_least=False,
                agent_id=self.agent_id,
            )

    def compare(self, source: Source, *, counted: int, produced: int) -> str:
        """What differs, as text, when a runner reports how many hits it produced.

        What the rejected and the lost ones were is not kept: any of them may have been hits.
        """
        ledger = source.ledger
        uncounted = ledger.rejected + ledger.lost.events
        if counted <= produced <= counted + uncounted:
            return ""
        runner_id = source.source_id.runner_id
        words = f"runner {runner_id} says that it made {produced} hits, but {counted} were counted"
        if uncounted:
            words += f", and {uncounted} more events rejected or lost"
        if words not in self.mismatches and len(self.mismatches) <= MAX_MISMATCHES:
            full = len(self.mismatches) == MAX_MISMATCHES
            self.mismatches.append("more runners differ" if full else words)
        return words

    def get_ready(self) -> None:
        """It is ready for its first cycle, or has begun."""
        self._happened(PartEvent.READY)

    def prepare(self, doing: str, now_wall_ns: int) -> None:
        """Its agent says what it is doing before it can start runners; empty: nothing."""
        if doing and not self.doing:
            self.doing_since_ns = now_wall_ns
        self.doing = doing

    def hold_back(self, held: HeldBack, now_wall_ns: int) -> None:
        """Its agent says how many users had to wait; no more than there are."""
        planned = self.planned_users
        if not self.held_back.waiting:
            self.waiting_since_ns = now_wall_ns
        self.held_back = replace(
            held, total=min(held.total, planned), waiting=min(held.waiting, planned)
        )

    def why_held_back(self) -> str:
        """A sentence that users had to wait; empty: none had to."""
        held = self.held_back
        if not held.total:
            return ""
        return (
            f"{held.total} of {self.planned_users} users had to wait for others to end:"
            f" agent {self.agent_id} runs at most {held.most} processes at once"
        )

    def lose(self, reason: str, last_heard_ns: int) -> None:
        """It is lost with its agent, which was last heard from at that moment (wall clock)."""
        self._happened(PartEvent.LOST)
        self.reason = reason
        self.end_time_ns = last_heard_ns

    def runner_ended(
        self, runner_id: str, exit_status: int, message: str, produced: Produced | None
    ) -> bool:
        """A runner's process ended, with the last `message` of its standard error.

        No `runner_id`: one that should have lived was not started, and `message` says why; unless
        a runner's end has told it. Returns whether this was not known.
        """
        if runner_id in self.ended or (not runner_id and self.failed):
            return False
        self.ended.add(runner_id)
        if produced is not None:
            self.produced[runner_id] = produced
        if exit_status == 0:
            return True
        self.failed += 1
        if self.failed == 1:
            how = f"signal {-exit_status}" if exit_status < 0 else f"status {exit_status}"
            ended = f"its runner ended with {how}" + (f": {message}" if message else "")
            self.reason = ended if runner_id or not message else message
        return True

    def retire(self, runner_id: str, source: Source | None, hits: int) -> None:
        """A runner has ended, and that is stored: only sums are left of it.

        `hits` were counted of its `source`, if it had opened.
        """
        produced = self.produced.pop(runner_id, None)
        missing: Loss | None = None
        if produced is not None and not (source is not None and source.ledger.finished):
            missing = next(self._missing(produced, source, hits), None)
        if source is None:
            self.past.miss(missing)
            return
        del self.sources[source.source_id]
        self.past.add(source, missing, known=produced is not None)

    def end(self, now_wall_ns: int) -> None:
        """Its last runner has ended."""
        self.end_time_ns = now_wall_ns
        if self.load_error is not None:
            self._happened(PartEvent.NOT_LOADED)
            self.reason = "the test could not be loaded"
        elif self.failed:
            self._happened(PartEvent.LOST)
            if self.failed > 1:
                self.reason = f"{self.failed} of its {len(self.ended)} runners: {self.reason}"
        elif self.delivered or not (self.sources or self.ended):  # it had no users
            self._happened(PartEvent.ENDED)
        else:
            self._happened(PartEvent.ENDED_UNVERIFIED)

    def _happened(self, event: PartEvent) -> None:
        self.state = part_step(self.state, event)
