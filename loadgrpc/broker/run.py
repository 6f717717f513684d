"""An active run: its parts, its sources, its figures.

Rule: this holds what is known of one run and answers questions about it; it talks to nobody. The
broker records here what happened, asks what follows, and carries that out.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import NamedTuple

from loadgrpc import model, verdict
from loadgrpc.broker import judgement, live
from loadgrpc.broker.aggregate import Aggregate
from loadgrpc.broker.changes import ChangeLog
from loadgrpc.broker.inbox import Inbox, Source
from loadgrpc.broker.judgement import Work
from loadgrpc.broker.part import Key, Part
from loadgrpc.broker.state import RunEvent, step
from loadgrpc.broker.windows import ClosedWindows
from loadgrpc.model import (
    AgentEvent,
    AssignmentState,
    ChangeKind,
    RunState,
    SourceId,
    StopMode,
    TestOutcome,
)
from loadgrpc.protocol.decoded import Decoded
from loadgrpc.protocol.fleet import Registration
from loadgrpc.v1 import run_pb2

_WEIGHTS = (
    AssignmentState.FINISHED,
    AssignmentState.FINISHED_UNVERIFIED,
    AssignmentState.STARTING,
    AssignmentState.RUNNING,
    AssignmentState.LOAD_FAILED,
    AssignmentState.LOST,
)
"""Which of the states of an agent's parts says most of it: the last one here."""
FRESH_NS = 900_000_000
"""Figures no older than this are sent again."""
MAX_REJECTIONS = 10
MAX_REJECTION_CHARS = 512
MAX_LOAD_ERRORS = 20
"""Agents whose load error is in the summary; `state` covers all of them."""


class _Done(NamedTuple):
    """What was done of a part."""

    iterations: model.IterationFigures
    users: model.UserFigures


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
            log.add(ChangeKind.STATE, run.state, run.create_time_ns)
        self.log = log
        self._away, self._lost = log.agents()
        """Agents of which the log says that they are unreachable, or lost."""
        self.request_id = request_id
        self.parts: dict[Key, Part] = {part.key: part for part in parts}
        self._part_of: dict[SourceId, Part] = {}
        self.ahead_ns: dict[str, int] = {}
        """How far the clocks of agents are ahead of the broker's."""
        self.machines: dict[str, Registration] = {}
        """What its agents last said of themselves."""
        self.aggregate = Aggregate(run.create_time_ns)
        self.rejections: dict[str, None] = {}
        """What was wrong with events that were rejected, each once, the first ones."""
        self.cycle = 0
        """The cycle that was released last."""
        self.cycle_starts_ns = self.aggregate.cycles.starts_ns
        """When each cycle was released (wall clock)."""
        self.stopping: StopMode | None = None
        """How its runners were ordered to stop; None: they were not."""
        self.over_by_ns: int | None = None
        """When (monotonic) a part that was ordered to stop is given up; None: it was not ordered.
        """
        self.announced = run
        """What is shown to everybody: what a restart would not forget. See also `log`."""
        self.going_on = run
        """The run as it is, or was before it was over: its end is stored with its result."""
        self._closed_windows = ClosedWindows()
        self._progress: model.Progress | None = None
        self._made_at: tuple[model.Run, int] | None = None
        """The run, and when (wall clock), that `_progress` was made of."""
        self.watchers: set[asyncio.Event] = set()
        self.result: run_pb2.RunSummary | None = None
        """What it came to, when it is over."""
        self.closing: asyncio.Task[None] | None = None
        """Ends when its result is stored, or cannot be for now."""
        self.saving: asyncio.Future[None] | None = None
        """Done when the write of what is known of it is, that is under way; None: none is."""
        self.rested_s = 0.0
        """When (of the loop's clock) it may be written again, unless somebody waits for it."""
        self.saving_next: asyncio.Task[None] | None = None
        """A write that will bring what is known when it begins; None: there is none waiting."""
        self._maybe_live = list(self.parts.values())
        """Parts of which it was not seen yet that they are over; the last one is looked at."""

    # What happened

    def after(self, event: RunEvent, *, now_wall_ns: int, reason: str = "") -> model.Run:
        """The run as it is after an event."""
        state = step(self.run.state, event)
        if state is self.run.state:
            return self.run
        begins = event is RunEvent.CYCLE_STARTED
        if state is RunState.FAILED and not reason:
            reason = self._not_loaded() or self._lost_parts() or "it ended before it began"
        return replace(
            self.run,
            state=state,
            reason=reason or self.run.reason,
            start_time_ns=now_wall_ns if begins else self.run.start_time_ns,
            end_time_ns=now_wall_ns if state.final else None,
        )

    def change(self, event: RunEvent, *, now_wall_ns: int, reason: str = "") -> bool:
        """An event happens to it; whether its state is another one then.

        An end is logged by `ended`, when its result is known.
        """
        before, self.run = self.run, self.after(event, now_wall_ns=now_wall_ns, reason=reason)
        if self.run.state is before.state:
            return False
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

    def note(self, words: str, now_wall_ns: int) -> None:
        """Something is worth knowing, as a sentence."""
        if self.result is None:
            self.log.add(ChangeKind.NOTE, self.going_on.state, now_wall_ns, words)

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

    def stored(self, run: model.Run, number: int) -> None:
        """It was stored as it was then, with the changes up to that number: tells who watches."""
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
        plan = self.run.plan
        cycles = [each.users[self.cycle - 1 : self.cycle] for each in plan.scenarios]
        users = sum(map(sum, cycles))
        words = f"cycle {self.cycle} of {plan.cycles}: {users} user{'' if users == 1 else 's'}"
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

    def count(self, source_id: SourceId, events: Decoded, *, arrival_ns: int) -> None:
        """Adds what a source sent and the store has; it arrived at that moment (wall clock)."""
        part = self.part_of(source_id)
        self.aggregate.add(
            part.key,
            source_id.runner_id,
            events,
            arrival_ns=arrival_ns,
            ahead_ns=self.ahead_ns.get(source_id.agent_id, 0),
        )
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

    def progress(
        self,
        now_wall_ns: int,
        troubles: Callable[[], tuple[model.Trouble, ...]] = tuple,
    ) -> model.Progress:
        """The figures of now, made at most once a second for each state of the run."""
        made_at = self._made_at
        if (
            self._progress is None
            or made_at is None
            or made_at[0] is not self.announced
            or not 0 <= now_wall_ns - made_at[1] < FRESH_NS
        ):
            self._progress = self._figures(now_wall_ns, troubles())
            self._made_at = self.announced, now_wall_ns
        return self._progress

    def _figures(self, now_wall_ns: int, troubles: tuple[model.Trouble, ...]) -> model.Progress:
        stored = all(each.kind is not model.TroubleKind.STORE_AWAY for each in troubles)
        self.close_seconds(now_wall_ns, stored=stored)
        hits = self.aggregate.hits.total()
        p50_ns, p95_ns = hits.elapsed.quantiles((0.5, 0.95))
        recent = self.aggregate.timeline.recent(self.run.start_time_ns)
        window = live.window_figures(recent)
        saturated = self.aggregate.saturated(now_wall_ns)
        return model.Progress(
            elapsed_ns=now_wall_ns - self.run.start_time_ns if self.run.start_time_ns else 0,
            fraction=self._fraction(now_wall_ns),
            cycle=self.cycle,
            cycles=self.run.plan.cycles,
            users=self.aggregate.active_users,
            hits=hits.count,
            failed_hits=hits.failed,
            rate=window.rate if window is not None else 0.0,
            p50_ns=p50_ns,
            p95_ns=p95_ns,
            iterations=_iterations(self._done().values()),
            agents=len({part.agent_id for part in self.live_parts()}),
            saturated=any(saturated.values()),
            machine_busy=saturated[True] and not saturated[False],
            window=window,
            names=live.busiest_names(self.aggregate, recent),
            failures=live.failures(self.aggregate),
            left_ns=self._left_ns(now_wall_ns),
            troubles=troubles,
        )

    def closed_windows(self, second: int) -> list[model.TimelineWindow]:
        """The windows from a second on that have closed lately, made once for all who watch."""
        return self._closed_windows.since(self.aggregate.timeline, second)

    def close_seconds(self, now_wall_ns: int, *, stored: bool) -> None:
        """Lets the seconds of which nothing more is expected count in rates.

        `stored`: whether the store takes what is reported.
        """
        self.aggregate.timeline.close(now_wall_ns, stored=stored)

    def _left_ns(self, now_wall_ns: int) -> int | None:
        """How long it goes on; 0: users finish. None: that is not known."""
        if not self.cycle:
            return None
        if self.run.state is RunState.STOPPING or self.run.state.final:
            return 0
        plan = self.run.plan
        total, ended = plan.total_iterations, self.aggregate.iterations().ended
        if total:
            elapsed_ns = now_wall_ns - (self.run.start_time_ns or now_wall_ns)
            return max(elapsed_ns * (total - ended) // ended, 0) if ended else None
        times_ns = [
            max(
                (
                    round((each.duration_s or 0) * 1e9)
                    for each in plan.scenarios
                    if len(each.users) >= cycle
                ),
                default=0,
            )
            for cycle in range(self.cycle, plan.cycles + 1)
        ]
        in_cycle_ns = now_wall_ns - self.cycle_start_time_ns
        return max(times_ns[0] - in_cycle_ns, 0) + sum(times_ns[1:])

    def _fraction(self, now_wall_ns: int) -> float:
        plan = self.run.plan
        times_s = [each.duration_s for each in plan.scenarios if each.duration_s is not None]
        if not times_s:
            return min(1.0, self.aggregate.iterations().ended / plan.total_iterations)
        if not self.cycle:
            return 0.0
        in_cycle = min(1.0, (now_wall_ns - self.cycle_start_time_ns) / 1e9 / max(times_s))
        return (self.cycle - 1 + in_cycle) / plan.cycles

    def summary(self, shown: model.Run | None = None) -> model.Summary:
        """The result, or the figures so far, of the run as it is, or as it is `shown`."""
        run = shown or self.run
        aggregate = self.aggregate
        duration_ns = aggregate.duration_ns(self.ahead_ns)
        sources = self.sources()
        accounting = model.Accounting(
            committed=sum(source.stored.committed for source in sources),
            duplicates=sum(source.ledger.duplicates for source in sources),
            rejected=sum(source.stored.rejected for source in sources),
            losses=tuple(
                loss
                for part in self.parts.values()
                for loss in part.losses(functools.partial(aggregate.hits_of, part.key))
            ),
            mismatches=tuple(
                f"agent {part.agent_id}: {words}"
                for part in self.parts.values()
                for words in part.mismatches
            ),
            rejections=tuple(self.rejections),
        )
        done = self._done()
        iterations = _iterations(done.values())
        works = [self._work(run, scenario, done) for scenario in run.plan.scenarios]
        return model.Summary(
            run_id=run.run_id,
            state=run.state,
            reason=run.reason,
            verdict=verdict.decide(self._facts(run, iterations, works, accounting)),
            plan=run.plan,
            create_time_ns=run.create_time_ns,
            start_time_ns=run.start_time_ns,
            end_time_ns=run.end_time_ns,
            duration_ns=duration_ns,
            hits=aggregate.hits.figures(duration_ns),
            iterations=iterations,
            names=tuple(aggregate.hits.names(duration_ns)),
            failures=tuple(aggregate.causes.raised(TestOutcome.FAILURE)),
            errors=tuple(aggregate.causes.raised(TestOutcome.ERROR)),
            hit_errors=tuple(aggregate.causes.hit_errors()),
            agents=tuple(self._agents(done)),
            counters=dict(sorted(aggregate.counters.items())),
            accounting=accounting,
            generator=aggregate.generator(self.ahead_ns),
            scenarios=tuple(
                model.ScenarioFigures(
                    name=scenario.name,
                    test=scenario.test,
                    hits=aggregate.hits.figures(duration_ns, scenario.name),
                    iterations=work.iterations,
                    users=work.users,
                )
                for scenario, work in zip(run.plan.scenarios, works, strict=True)
                if scenario.name
            ),
            users=_users(done.values()),
            output=aggregate.output(),
        )

    def _done(self) -> dict[Key, _Done]:
        """What was done of each part."""
        done = {}
        for key, part in self.parts.items():
            iterations = part.with_plan(self.aggregate.iterations(key))
            done[key] = _Done(iterations, part.user_figures(iterations.started))
        return done

    def _work(self, run: model.Run, scenario: model.Scenario, done: Mapping[Key, _Done]) -> Work:
        """What of a scenario's work was done."""
        parts = [part for part in self.parts.values() if part.key[1] == scenario.name]
        mine = [done[part.key] for part in parts]
        over = run.state.final
        short = next(filter(None, (part.ended_short(run) for part in parts)), "")
        if not over and scenario.duration_s is not None:
            short = short or f"cycle {self.cycle} of {run.plan.cycles} is not over"
        return Work(
            scenario=scenario.name,
            iterations=_iterations(mine),
            hits=sum(self.aggregate.hits_of_part(part.key) for part in parts),
            users=_users(mine),
            spawn_rate=scenario.spawn_rate,
            duration_s=scenario.duration_s,
            stop_timeout_s=run.plan.stop_timeout_s,
            short=short,
        )

    def bare_summary(self, why: str) -> model.Summary:
        """What is left of the result when its figures cannot be made: the state, and why."""
        return model.Summary(
            run_id=self.run.run_id,
            state=self.run.state,
            reason=self.run.reason,
            verdict=verdict.decide(verdict.Facts(not_loaded=self._not_loaded(), incomplete=why)),
            plan=self.run.plan,
            create_time_ns=self.run.create_time_ns,
            start_time_ns=self.run.start_time_ns,
            end_time_ns=self.run.end_time_ns,
        )

    def _agents(self, done: Mapping[Key, _Done]) -> Iterator[model.AgentFigures]:
        """One entry per agent; the first few say why they could not load the test."""
        load_errors = 0
        for agent_id in self.run.agent_ids:
            figures = self._agent_figures(self.of_agent(agent_id), done)
            load_errors += figures.load_error is not None
            if load_errors > MAX_LOAD_ERRORS:
                figures = replace(figures, load_error=None)
            yield figures

    def _agent_figures(self, parts: list[Part], done: Mapping[Key, _Done]) -> model.AgentFigures:
        """What an agent did: of its parts, the one that says most says where it is."""
        part = max(parts, key=lambda each: _WEIGHTS.index(each.state))
        share = self.aggregate.of_parts(each.key for each in parts)
        mine = [done[part.key] for part in parts]
        iterations = _iterations(mine)
        ends_ns = [each.end_time_ns for each in parts if each.end_time_ns is not None]
        return model.AgentFigures(
            agent_id=part.agent_id,
            hostname=part.hostname,
            state=part.state,
            hits=share.hits,
            iterations=iterations.started,
            reason=part.reason,
            load_error=part.load_error,
            generator=share.generator.figures(self.ahead_ns.get(part.agent_id, 0)),
            users=_most_users(parts),
            end_time_ns=max(ends_ns) if len(ends_ns) == len(parts) else None,
            clock_ahead_ns=self.ahead_ns.get(part.agent_id),
            all_users=_users(mine),
            planned_iterations=iterations.planned,
        )

    def _facts(
        self,
        run: model.Run,
        iterations: model.IterationFigures,
        works: list[Work],
        accounting: model.Accounting,
    ) -> verdict.Facts:
        stopped = run.state in (RunState.STOPPING, RunState.STOPPED)
        remarks = judgement.remarks(works)
        return verdict.Facts(
            not_loaded=self._not_loaded(),
            stopped=(run.reason or "stopped before its end") if stopped else "",
            incomplete=next(filter(None, self._incomplete(run, works, accounting)), ""),
            failed="; ".join(filter(None, (failed, remarks)))
            if (failed := _failed(iterations))
            else "",
            remarks=remarks,
        )

    def _not_loaded(self) -> str:
        failed = [part for part in self.parts.values() if part.load_error is not None]
        if not failed:
            return ""
        error = failed[0].load_error
        assert error is not None  # noqa: S101 - by the line above
        several = len(self.run.agent_ids) > 1
        where = f" on agent {failed[0].agent_id}" if several else ""
        others = f" (and on {len(failed) - 1} more)" if len(failed) > 1 else ""
        return f"could not load {failed[0].scenario.test}{where}{others}: {error.message}"

    def _incomplete(
        self, run: model.Run, works: list[Work], accounting: model.Accounting
    ) -> Iterator[str]:
        """What is missing in the results, the worst first, as sentences."""
        yield self._lost_parts()
        if accounting.lost:
            yield f"{accounting.lost} events were lost: {accounting.losses[0].reason}"
        yield from accounting.mismatches
        undone = judgement.undone(works, over=run.state.final)
        if run.state is RunState.FAILED:
            yield ": ".join(filter(None, (run.reason, undone)))
        if accounting.rejected:
            all_of_them = accounting.rejected + accounting.committed
            why = "".join(f": {words}" for words in accounting.rejections[:1])
            yield f"{accounting.rejected} of {all_of_them} events were rejected{why}"
        if undone:
            begun = run.state is not RunState.STARTING
            yield undone if begun else f"it has not begun: {undone}"

    def _lost_parts(self) -> str:
        lost = [part for part in self.parts.values() if part.state is AssignmentState.LOST]
        if not lost:
            return ""
        first = lost[0]
        users = f"{first.users} user{'s' if first.users > 1 else ''}"
        others = f" (and {len(lost) - 1} more)" if len(lost) > 1 else ""
        at = f" at {utc(first.end_time_ns)}" if first.end_time_ns is not None else ""
        scenario = first.scenario.name
        who = f"agent {first.agent_id} ({users}{f' of {scenario}' if scenario else ''})"
        return f"{who} was lost{at}: {first.reason}{others}"


def _iterations(done: Iterable[_Done]) -> model.IterationFigures:
    """The iterations of some parts together."""
    return model.IterationFigures.total(each.iterations for each in done)


def _users(done: Iterable[_Done]) -> model.UserFigures:
    """The users of some parts together."""
    return model.UserFigures.total(each.users for each in done)


def _most_users(parts: list[Part]) -> int:
    """The users that the parts of an agent live in the cycle with most of them."""
    users = [part.scenario.users for part in parts]
    return max(sum(row) for row in itertools.zip_longest(*users, fillvalue=0))


def _failed(iterations: model.IterationFigures) -> str:
    wrong = iterations.failure + iterations.error
    if not wrong:
        return ""
    kinds = [
        f"{count} {name}{'s' if count > 1 else ''}"
        for count, name in ((iterations.failure, "failure"), (iterations.error, "error"))
        if count
    ]
    return f"{wrong} of {iterations.started} iterations went wrong ({', '.join(kinds)})"


def utc(wall_ns: int) -> str:
    """A time of day, for readers in any time zone; the date is that of the run."""
    return datetime.fromtimestamp(wall_ns // 1_000_000_000, UTC).strftime("%H:%M:%S UTC")


def stop_reason(mode: StopMode) -> str:
    """Why a run is stopped that a client asked to stop."""
    return "killed by a client" if mode is StopMode.KILL else "stopped before its end by a client"
