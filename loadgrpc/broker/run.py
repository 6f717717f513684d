"""An active run: its parts, its sources, its figures.

Rule: this holds what is known of one run and answers questions about it; it talks to nobody. The
broker records here what happened, asks what follows, and carries that out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cached_property
from typing import Any, NamedTuple

from loadgrpc import model
from loadgrpc.broker.accounts import accounting_of
from loadgrpc.broker.aggregate import Aggregate
from loadgrpc.broker.changes import ChangeLog
from loadgrpc.broker.common_begin import CommonBegin
from loadgrpc.broker.custom_states import LoggedStates
from loadgrpc.broker.inbox import Inbox, Source
from loadgrpc.broker.part import Key, Part
from loadgrpc.broker.setbacks import lost_parts, not_loaded
from loadgrpc.broker.split import beginning
from loadgrpc.broker.state import RunEvent, step
from loadgrpc.broker.thresholds import LoadTimes, Thresholds, facts_of
from loadgrpc.broker.windows import ClosedWindows
from loadgrpc.judge.reading import RunFacts
from loadgrpc.model import (
    AgentEvent,
    AssignmentState,
    ChangeKind,
    CustomState,
    RunState,
    SourceId,
    StopMode,
    ThresholdResult,
)
from loadgrpc.protocol.decoded import Decoded
from loadgrpc.protocol.fleet import Registration
from loadgrpc.protocol.produced import Produced
from loadgrpc.store import AttemptRecord, EndRecord, RunRecord
from loadgrpc.v1 import run_pb2

MAX_REJECTIONS = 10
MAX_REJECTION_CHARS = 512


class Made(NamedTuple):
    """Figures of an active run."""

    shown: model.Run
    """The run as it was shown then."""
    at_ns: int
    """When they were made (wall clock)."""
    progress: model.Progress


class ActiveRun:
    """A run that is not over, or just ended."""

    def __init__(
        self,
        run: model.Run,
        parts: list[Part],
        *,
        request_id: str = "",
        log: ChangeLog | None = None,
    ) -> None:
        self.run = run
        if log is None:
            log = ChangeLog()
            due_ns = run.due_time_ns
            log.add(ChangeKind.STATE, run.state, run.create_time_ns, due_time_ns=due_ns)
        self.log = log
        log.attempt = run.attempt
        self.request_id = request_id
        self.announced = run
        """What is shown to everybody: what a restart would not forget. See also `log`."""
        self.going_on = run
        """The run as it is, or was before it was over: its end is stored with its result."""
        self.watchers: set[asyncio.Event] = set()
        self.ended_attempts: list[AttemptRecord] = []
        """Attempts that are over and were followed by another one, which is not stored yet."""
        self.saving: asyncio.Future[None] | None = None
        """Done when the write of what is known of it is, that is under way; None: none is."""
        self.rested_s = 0.0
        """When (of the loop's clock) it may be written again, unless somebody waits for it."""
        self.saving_next: asyncio.Task[None] | None = None
        """A write that will bring what is known when it begins; None: there is none waiting."""
        self.begin_attempt(parts)

    def begin_attempt(self, parts: list[Part]) -> None:
        """Everything that is known of one attempt, and not of the run."""
        self._away, self._lost = self.log.agents()
        """Agents of which the log says that they are unreachable, or lost."""
        self.parts: dict[Key, Part] = {part.key: part for part in parts}
        self._part_of: dict[SourceId, Part] = {}
        self.ahead_ns: dict[str, int] = {}
        """How far the clocks of agents are ahead of the broker's."""
        self.machines: dict[str, Registration] = {}
        """What its agents last said of themselves."""
        self.__dict__.pop("aggregate", None)
        self.__dict__.pop("thresholds", None)
        if parts:
            self.aggregate.agents.wanted = self.thresholds.by_agent
        self.common_begin = CommonBegin()
        self.rejections: dict[str, None] = {}
        """What was wrong with events that were rejected, each once, the first ones."""
        self.cycle = 0
        """The cycle that was released last."""
        self.stopping: StopMode | None = None
        """How its runners were ordered to stop; None: they were not."""
        self.over_by_ns: int | None = None
        """When (monotonic) a part that was ordered to stop is given up; None: it was not ordered.
        """
        self.resumed = False
        """Whether the broker was restarted since it began."""
        self._logged_states = LoggedStates()
        self._closed_windows = ClosedWindows()
        self.figures: Made | None = None
        """The figures that were made last, for all who watch."""
        self.result: run_pb2.RunSummary | None = None
        """What it came to, when it is over."""
        self.closing: asyncio.Task[None] | None = None
        """Ends when its result is stored, or cannot be for now."""
        self.ends: dict[tuple[str, str, str], EndRecord] = {}
        """Runners that have ended, which is not stored yet, by agent, scenario and id."""
        self._maybe_live = list(self.parts.values())
        """Parts of which it was not seen yet that they are over; the last one is looked at."""

    @cached_property
    def aggregate(self) -> Aggregate:
        """The figures of its attempt. Thousands of runs may wait, and none of them needs any."""
        made = Aggregate(self.run.create_time_ns, self.run.plan)
        made.rules.know_all(self.run.plan.scenarios)
        return made

    @cached_property
    def thresholds(self) -> Thresholds:
        """Those of its attempt, by which the windows of the figures are judged."""
        own = [each for each in self.log.after(0) if each.attempt == self.run.attempt]
        return Thresholds(self.run.plan, self.aggregate.timeline, own)

    @property
    def cycle_starts_ns(self) -> list[int]:
        """When each cycle was released (wall clock)."""
        return self.aggregate.cycles.starts_ns

    # What happened

    def after(
        self, event: RunEvent, *, now_wall_ns: int, reason: str = "", **more: Any
    ) -> model.Run:
        """The run as it is after an event; `more` are other fields that it changes."""
        state = step(self.run.state, event)
        if state is self.run.state:
            return self.run
        begins = event is RunEvent.CYCLE_STARTED
        if state is RunState.FAILED and not reason:
            parts = self.parts.values()
            reason = not_loaded(parts) or lost_parts(parts) or "it ended before it began"
        waited = self.run.state.waiting and not state.final  # why it did is over
        changed: dict[str, Any] = {
            "state": state,
            "reason": reason or ("" if waited else self.run.reason),
            "start_time_ns": now_wall_ns if begins else self.run.start_time_ns,
            "end_time_ns": now_wall_ns if state.final else None,
            "due_time_ns": None if waited else self.run.due_time_ns,
        }
        return replace(self.run, **changed | more)

    def change(self, event: RunEvent, *, now_wall_ns: int, reason: str = "", **more: Any) -> bool:
        """An event happens to it; whether its state is another one then. `more`: as in `after`.

        An end is logged by `ended`, when its result is known.
        """
        after = self.after(event, now_wall_ns=now_wall_ns, reason=reason, **more)
        before, self.run = self.run, after
        if self.run.state is before.state:
            return False
        if self.run.state is RunState.STOPPING:
            self.thresholds.stop_ns = now_wall_ns
        if not self.run.state.final:
            self.going_on = self.run
            self.log.add(ChangeKind.STATE, self.run.state, now_wall_ns, self.run.reason)
        return True

    def ended(self, result: run_pb2.RunSummary, verdict: model.Verdict) -> None:
        """It is over, and this is what it came to."""
        self.result = result
        self.run = self.going_on = replace(self.run, verdict=verdict)
        at_ns = self.run.end_time_ns or 0
        self.log.add(ChangeKind.STATE, self.run.state, at_ns, self.run.reason)

    def note(self, message: str, now_wall_ns: int, *, request_id: str = "") -> None:
        """Something is worth knowing, as a sentence."""
        if self.result is None:
            state = self.going_on.state
            self.log.add(ChangeKind.NOTE, state, now_wall_ns, message, request_id=request_id)

    def note_states(
        self, key: Key, states: Iterable[CustomState], now_wall_ns: int, now_ns: int
    ) -> bool:
        """A part says what it is doing; whether any of that is new to the log."""
        if self.result is not None:
            return False
        agent_id, scenario = key
        before = self.log.newest
        for state in self._logged_states.changes(key, states, now_ns):
            words = f"{scenario} on agent {agent_id}" if scenario else f"agent {agent_id}"
            self.log.add(
                ChangeKind.NOTE,
                self.going_on.state,
                now_wall_ns,
                f"{words}: {state}",
                agent_id=agent_id,
                custom_state=state,
            )
        return self.log.newest > before

    def note_thresholds(self, now_wall_ns: int, *, may_stop: bool) -> list[ThresholdResult]:
        """Logs the thresholds that have failed lately; the first that stops the run says so."""
        found = []
        for result, stops in self.thresholds.take_failed():
            if stops and may_stop:
                result, may_stop = self.thresholds.stopped_by(result), False  # noqa: PLW2901
            words = f"{result.text}: {result.message}"
            self.log.add(
                ChangeKind.THRESHOLD, self.going_on.state, now_wall_ns, words, threshold=result
            )
            found.append(result)
        return found

    def note_agent(
        self, agent_id: str, event: AgentEvent, now_wall_ns: int, words: str = ""
    ) -> bool:
        """Something happened to an agent; whether that is new to the log.

        An agent that was not away is not back, and one that is lost is lost once.
        """
        if self.result is not None:
            return False
        if event is AgentEvent.LOST:
            if agent_id in self._lost:
                return False
            self._lost.add(agent_id)
        elif (event is AgentEvent.BACK) is not (agent_id in self._away):
            return False
        if event is AgentEvent.UNREACHABLE:
            self._away.add(agent_id)
        else:
            self._away.discard(agent_id)
        state = self.going_on.state
        self.log.add(
            ChangeKind.AGENT, state, now_wall_ns, words, agent_id=agent_id, agent_event=event
        )
        return True

    def stored(self, run: model.Run, number: int, record: RunRecord) -> None:
        """It was stored as it was then, with the changes up to that number, and that record."""
        for end in record.ends:
            self.ends.pop((end.agent_id, end.scenario, end.runner_id), None)
        self.ended_attempts = [each for each in self.ended_attempts if each not in record.attempts]
        if self.log.stored(number):
            self.announced = run
        self.wake()

    def wake(self) -> None:
        """Lets everybody who watches look again."""
        for watcher in self.watchers:
            watcher.set()

    def release(self, now_wall_ns: int) -> bool:
        """Enters the next cycle, if all parts are ready for it.

        Parts that are over do not hold up the others; parts whose runners enter cycles by
        themselves count as ready.
        """
        following = self.cycle + 1
        if following > self.run.plan.cycles or self.stopping is not None:
            return False
        if not self._any_live():
            return False
        waiting = False
        for part in reversed(self._maybe_live):  # most often the first of them decides
            if part.state.final or part.enters_by_itself:
                continue
            if part.ready_for < following:
                return False
            waiting = True
        if not waiting and self.cycle:
            return False  # nobody is waiting for it
        self.cycle = following
        self.cycle_starts_ns.append(now_wall_ns)
        return True

    def log_load(self, now_wall_ns: int) -> None:
        """The load changed: its cycle began."""
        words, users = beginning(self.run.plan, self.cycle)
        self.log.add(
            ChangeKind.LOAD, self.going_on.state, now_wall_ns, words, cycle=self.cycle, users=users
        )

    # What is

    @property
    def cycle_start_time_ns(self) -> int:
        """When the cycle that was released last was (wall clock); 0: none was."""
        return self.cycle_starts_ns[-1] if self.cycle_starts_ns else 0

    def inboxes(self) -> set[Inbox]:
        """The streams that sources are open on."""
        return {inbox for source in self.sources() for inbox in source.inboxes}

    def sources(self) -> list[Source]:
        """All its sources."""
        return [source for part in self.parts.values() for source in part.sources.values()]

    def of_agent(self, agent_id: str) -> list[Part]:
        """The parts of an agent, in the order of the plan's scenarios."""
        keys = ((agent_id, scenario.name) for scenario in self.run.plan.scenarios)
        return [self.parts[key] for key in keys if key in self.parts]

    def part_of(self, source_id: SourceId) -> Part:
        """The part of a source that has opened."""
        return self._part_of[source_id]

    def find_part_of(self, source_id: SourceId) -> Part | None:
        """The part of a source; None: it has not opened."""
        return self._part_of.get(source_id)

    def add_source(self, part: Part, source: Source) -> None:
        """A source belongs to a part, from now on."""
        part.sources[source.source_id] = source
        self._part_of[source.source_id] = part
        self.aggregate.opened(part.key, source.source_id.runner_id)

    def runner_ended(
        self,
        part: Part,
        runner_id: str,
        exit_status: int,
        message: str,
        *,
        produced: Produced | None,
        now_wall_ns: int,
    ) -> None:
        """A runner of a part ended: see `Part.runner_ended`."""
        if part.runner_ended(runner_id, exit_status, message, produced):
            self.ends[*part.key, runner_id] = EndRecord(*part.key, runner_id, produced)
        self.aggregate.runner_ended(part.key, runner_id, now_wall_ns)

    def retire(self, part: Part, runner_id: str) -> None:
        """A runner has ended, and that is stored: keeps sums of it only.

        Where each user is a process there are many; where not, everything stays.
        """
        if not part.scenario.one_user_each:
            return
        source = part.sources.get(SourceId(self.run.attempt_id, part.agent_id, runner_id))
        if source is not None and not source.settled:
            return  # something of it is still being stored
        part.retire(runner_id, source, self.aggregate.hits_of(part.key, runner_id))
        self.aggregate.retire(part.key, runner_id)
        if source is not None:
            del self._part_of[source.source_id]
            source.leave()

    def count(self, source_id: SourceId, events: Decoded, *, arrival_ns: int) -> None:
        """Adds what a source sent and the store has; it arrived at that moment (wall clock)."""
        for _ in self.counting(source_id, events, arrival_ns=arrival_ns):
            pass

    def counting(self, source_id: SourceId, events: Decoded, *, arrival_ns: int) -> Iterator[None]:
        """As `count`, in steps between which others may have their turn."""
        part = self.part_of(source_id)
        self.aggregate.add(
            part.key,
            source_id.runner_id,
            events,
            arrival_ns=arrival_ns,
            ahead_ns=self.ahead_ns.get(source_id.agent_id, 0),
        )
        while self.aggregate.catch_up():
            yield
        part.note_users(source_id.runner_id, events)
        for words in events.violations:
            if len(self.rejections) < MAX_REJECTIONS:
                self.rejections.setdefault(words[:MAX_REJECTION_CHARS])

    def note_clock(self, agent_id: str, ahead_ns: int | None) -> None:
        """What is known of an agent's clock."""
        if ahead_ns is not None:
            self.ahead_ns[agent_id] = ahead_ns

    def live_parts(self) -> list[Part]:
        """Parts that are not over."""
        return [part for part in self.parts.values() if not part.state.final]

    def _any_live(self) -> bool:
        """Whether some part is not over. Each is seen to be over once: a run may have thousands."""
        while self._maybe_live and self._maybe_live[-1].state.final:
            self._maybe_live.pop()
        return bool(self._maybe_live)

    @property
    def ending(self) -> RunEvent | None:
        """The event that follows when no part is left; None while some are."""
        if self._any_live():
            return None
        lost = all(part.state is AssignmentState.LOST for part in self.parts.values())
        return RunEvent.ALL_LOST if lost else RunEvent.ALL_ENDED

    def closed_windows(self, second: int) -> list[model.TimelineWindow]:
        """The windows from a second on that have closed lately, made once for all who watch."""
        return self._closed_windows.since(self.aggregate.timeline, second)

    def close_seconds(self, now_wall_ns: int, *, stored: bool) -> None:
        """Lets the seconds of which nothing more is expected count in rates.

        `stored`: whether the store takes what is reported.
        """
        timeline = self.aggregate.timeline
        timeline.close(now_wall_ns, stored=stored)
        if self.thresholds and not timeline.over:
            self.thresholds.judge(self.run, self._load_times, self._facts_so_far())

    def conclude(self) -> None:
        """Nothing more comes: the verdict on all of it."""
        self.aggregate.timeline.end()
        if not self.thresholds:
            return
        duration_ns = self.aggregate.duration_ns(self.ahead_ns)
        facts = facts_of(duration_ns, self.accounting(), self.aggregate.rules.coverage())
        self.thresholds.finish(self.run, self._load_times, facts)
        self.note_thresholds(self.run.end_time_ns or 0, may_stop=False)

    @property
    def _load_times(self) -> LoadTimes:
        return LoadTimes(self.cycle_starts_ns, self.thresholds.stop_ns)

    def _facts_so_far(self) -> RunFacts:
        if not self.thresholds.of_run:
            return RunFacts()
        return facts_of(0, self.accounting(), self.aggregate.rules.coverage())

    def accounting(self) -> model.Accounting:
        """What became of its events."""
        return accounting_of(self.parts.values(), self.aggregate.hits_of, self.rejections)
