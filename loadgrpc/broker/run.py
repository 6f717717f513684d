"""A run that is not over: its parts, its sources, its figures.

Rule: this holds what is known of one run and answers questions about it; it talks to
nobody. The broker tells it what happened, asks what follows, and carries that out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from loadgrpc import model, verdict
from loadgrpc.broker.aggregate import AgentShare, Aggregate
from loadgrpc.broker.answers import Acked, Answer, Refused
from loadgrpc.broker.ledger import Ledger
from loadgrpc.broker.state import RunEvent, history, step
from loadgrpc.errors import LoadgrpcError
from loadgrpc.model import (
    Assignment,
    AssignmentState,
    ExceptionInfo,
    Loss,
    RunState,
    SourceId,
    StopMode,
    TestOutcome,
)
from loadgrpc.protocol.produced import Produced

MAX_LOAD_ERRORS = 20
"""Agents whose load error is in the summary; `state` tells of all of them."""
UNKNOWN_LOSS = "what its runner had not delivered"


class Inbox:
    """The way back to the source on one stream; `answers` is read by the servicer."""

    def __init__(self) -> None:
        self.answers: asyncio.Queue[tuple[SourceId, Answer] | Exception | None] = asyncio.Queue()
        self.sources: dict[SourceId, Source] = {}
        """Sources that are open on this stream."""
        self.closed: set[SourceId] = set()
        """Sources that opened here when their run was over."""
        self._acks: dict[SourceId, Acked] = {}
        """The newest ack of each source that is queued."""

    def put(self, source: SourceId, answer: Answer) -> None:
        """Queues an answer; of the acks of a source only the newest is kept."""
        if isinstance(answer, Acked):
            queued = source in self._acks
            self._acks[source] = answer
            if queued:
                return
        self.answers.put_nowait((source, answer))

    def newest(self, source: SourceId, answer: Answer) -> Answer:
        """What to say when `answer` is taken from the queue."""
        return self._acks.pop(source, answer) if isinstance(answer, Acked) else answer

    def refuse(self, source: SourceId, error: LoadgrpcError) -> None:
        """Closes a source on this stream, and says why."""
        if source in self.sources:
            self.sources.pop(source).inboxes.discard(self)
        self.put(source, Refused(error.reason, str(error)))

    def end(self, error: Exception | None = None) -> None:
        """Ends the stream, when what is queued has been sent."""
        self.answers.put_nowait(error)


@dataclass
class Source:
    """A runner instance that reports."""

    source_id: SourceId
    epoch: int = 0
    ledger: Ledger = field(default_factory=Ledger)
    stored: Ledger = field(default_factory=Ledger)
    """The ledger as of the last commit: what a failed one falls back to."""
    inboxes: set[Inbox] = field(default_factory=set)
    """The streams it is open on: one, unless it sends no numbers and no epochs."""
    barrier: bool = False
    """Whether it waits for `StartCycle`."""
    ready_for: int = 0
    """The cycle it is ready for; 0: it has not loaded the test yet."""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held from a decision of the ledger until its commit is in the store's queue."""
    writing: asyncio.Task[None] | None = None
    """Ends when all that is in the queue is stored and counted, or has failed."""
    broken: bool = False
    """A write has failed: what came after it counts for nothing, either."""

    async def settle(self) -> None:
        """Waits until all that came is stored, or known not to count; held by the lock."""
        if self.writing is not None:
            await asyncio.wait({self.writing})
        if self.broken:
            self.ledger = self.stored.copy()
            self.broken = False

    def answer(self, answer: Answer) -> None:
        """Tells the source something, if it listens."""
        for inbox in self.inboxes:
            inbox.put(self.source_id, answer)


@dataclass
class Part:
    """One agent's part in a run."""

    assignment: Assignment
    hostname: str
    state: AssignmentState = AssignmentState.STARTING
    reason: str = ""
    unsure: bool = False
    """Whether a broker that goes on with it does not know if its agent was told to begin."""
    load_error: ExceptionInfo | None = None
    produced: Produced | None = None
    """What its runner had produced when it ended; None: it goes on, or does not count."""
    end_time_ns: int | None = None
    """When it ended, or was last heard from (wall clock); None: it goes on."""
    mismatches: list[str] = field(default_factory=list)
    """Where the hits that were counted differ from what its runners say, as sentences."""
    sources: dict[SourceId, Source] = field(default_factory=dict)

    @property
    def users(self) -> int:
        """The users it was to live: those of its largest cycle."""
        return max(cycle.users for cycle in self.assignment.cycles)

    @property
    def enters_by_itself(self) -> bool:
        """Whether its runners have opened, and none of them waits for the others."""
        return bool(self.sources) and not any(s.barrier for s in self.sources.values())

    @property
    def ready_for(self) -> int:
        """The cycle that all its runners are ready for; 0: one has not loaded the test yet."""
        return min((s.ready_for for s in self.sources.values() if s.barrier), default=0)

    @property
    def delivered(self) -> bool:
        """Whether its runners have said that they sent everything."""
        return bool(self.sources) and all(s.ledger.finished for s in self.sources.values())

    def losses(self, hits: int) -> Iterator[Loss]:
        """What is known to be lost of this part, of which so many hits were counted."""
        agent_id = self.assignment.agent_id
        for source in self.sources.values():
            yield from source.ledger.losses(agent_id)
        if self.delivered:
            return
        if self.produced is not None:
            ledgers = [source.stored for source in self.sources.values()]
            missing = self.produced.events - sum(ledger.received for ledger in ledgers)
            missing_hits = self.produced.hits - hits - sum(ledger.lost.hits for ledger in ledgers)
            if missing > 0:
                yield Loss(
                    reason=UNKNOWN_LOSS,
                    count=missing,
                    hits=min(max(missing_hits, 0), missing),
                    at_least=False,
                    agent_id=agent_id,
                )
        elif self.state is AssignmentState.LOST:
            yield Loss(reason=UNKNOWN_LOSS, count=0, at_least=True, agent_id=agent_id)

    def compare(self, source: Source, *, counted: int, produced: int) -> str:
        """What differs, in words, when a runner says how many hits it produced.

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
        if words not in self.mismatches:
            self.mismatches.append(words)
        return words

    def lose(self, reason: str, last_heard_ns: int) -> None:
        """It is lost with its agent, which was last heard from at that moment (wall clock)."""
        self.state = AssignmentState.LOST
        self.reason = reason
        self.end_time_ns = last_heard_ns

    def end(self, exit_status: int, words: str, now_wall_ns: int) -> None:
        """Its runner's process ended, with the last `words` of its standard error."""
        self.end_time_ns = now_wall_ns
        if self.load_error is not None:
            self.state = AssignmentState.LOAD_FAILED
            self.reason = "the test could not be loaded"
        elif exit_status == 0:
            self.state = (
                AssignmentState.FINISHED if self.delivered else AssignmentState.FINISHED_UNVERIFIED
            )
        else:
            self.state = AssignmentState.LOST
            how = f"signal {-exit_status}" if exit_status < 0 else f"status {exit_status}"
            self.reason = f"its runner ended with {how}" + (f": {words}" if words else "")


class ActiveRun:
    """A run that is not over, or just ended."""

    def __init__(self, run: model.Run, parts: list[Part], *, request_id: str = "") -> None:
        self.run = run
        self.request_id = request_id
        self.parts = {part.assignment.agent_id: part for part in parts}
        self.aggregate = Aggregate()
        self.cycle = 0
        """The cycle that was released last."""
        self.cycle_start_time_ns = 0
        """When (wall clock)."""
        self.stopping: StopMode | None = None
        """How its runners were told to stop; None: they were not."""
        self.announced = run
        """What is told to those who watch: what a restart would not forget."""
        self.watchers: set[asyncio.Event] = set()

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

    def announce(self, run: model.Run) -> None:
        """Tells everybody who watches of a change, unless later ones were told before it."""
        if len(history(run)) >= len(history(self.announced)):
            self.announced = run
        for watcher in self.watchers:
            watcher.set()

    def release(self, now_wall_ns: int) -> bool:
        """Enters the next cycle, if all parts are ready for it.

        Parts that are over do not hold up the others; parts whose runners enter cycles by
        themselves count as ready.
        """
        waiting = [part for part in self.live_parts() if not part.enters_by_itself]
        following = self.cycle + 1
        if following > len(self.run.plan.users) or self.stopping is not None:
            return False
        if any(part.ready_for < following for part in waiting):
            return False
        if not waiting and (self.cycle or not self.live_parts()):
            return False  # nobody waits to be told
        self.cycle = following
        self.cycle_start_time_ns = now_wall_ns
        return True

    # What is

    def inboxes(self) -> set[Inbox]:
        """The streams that sources are open on."""
        return {inbox for source in self.sources() for inbox in source.inboxes}

    def sources(self) -> list[Source]:
        """All its sources."""
        return [source for part in self.parts.values() for source in part.sources.values()]

    def live_parts(self) -> list[Part]:
        """Parts that are not over."""
        return [part for part in self.parts.values() if not part.state.final]

    @property
    def ending(self) -> RunEvent | None:
        """The event that follows when no part is left; None while some are."""
        if self.live_parts():
            return None
        lost = all(part.state is AssignmentState.LOST for part in self.parts.values())
        return RunEvent.ALL_LOST if lost else RunEvent.ALL_ENDED

    def progress(self, now_wall_ns: int) -> model.Progress:
        """The figures of now."""
        figures = self.aggregate.hits()
        p50_ns, p95_ns = figures.elapsed.quantiles((0.5, 0.95))
        return model.Progress(
            elapsed_ns=now_wall_ns - self.run.start_time_ns if self.run.start_time_ns else 0,
            fraction=self._fraction(now_wall_ns),
            cycle=self.cycle,
            cycles=len(self.run.plan.users),
            users=self.aggregate.active_users,
            hits=figures.count,
            failed_hits=figures.failed,
            rate=self.aggregate.rate(now_wall_ns, self.run.start_time_ns),
            p50_ns=p50_ns,
            p95_ns=p95_ns,
            iterations=self.aggregate.iterations(),
            agents=len(self.live_parts()),
            saturated=self.aggregate.saturated(now_wall_ns),
        )

    def _fraction(self, now_wall_ns: int) -> float:
        plan = self.run.plan
        if plan.duration_s is None:
            return min(1.0, self.aggregate.iterations().ended / plan.total_iterations)
        if not self.cycle:
            return 0.0
        in_cycle = min(1.0, (now_wall_ns - self.cycle_start_time_ns) / 1e9 / plan.duration_s)
        return (self.cycle - 1 + in_cycle) / len(plan.users)

    def summary(self) -> model.Summary:
        """The result, or the figures so far."""
        aggregate = self.aggregate
        duration_ns = aggregate.duration_ns
        sources = self.sources()
        accounting = model.Accounting(
            committed=sum(source.stored.committed for source in sources),
            duplicates=sum(source.ledger.duplicates for source in sources),
            rejected=sum(source.stored.rejected for source in sources),
            losses=tuple(
                loss
                for agent_id, part in self.parts.items()
                for loss in part.losses(aggregate.agents.get(agent_id, AgentShare()).hits)
            ),
            mismatches=tuple(
                f"agent {agent_id}: {words}"
                for agent_id, part in self.parts.items()
                for words in part.mismatches
            ),
        )
        iterations = aggregate.iterations()
        return model.Summary(
            run_id=self.run.run_id,
            state=self.run.state,
            reason=self.run.reason,
            verdict=verdict.decide(self._facts(iterations, accounting)),
            plan=self.run.plan,
            create_time_ns=self.run.create_time_ns,
            start_time_ns=self.run.start_time_ns,
            end_time_ns=self.run.end_time_ns,
            duration_ns=duration_ns,
            hits=aggregate.figures(duration_ns),
            iterations=iterations,
            names=tuple(aggregate.names(duration_ns)),
            failures=tuple(aggregate.raised(TestOutcome.FAILURE)),
            errors=tuple(aggregate.raised(TestOutcome.ERROR)),
            hit_errors=tuple(aggregate.hit_errors()),
            agents=tuple(self._agents()),
            counters=dict(sorted(aggregate.counters.items())),
            accounting=accounting,
            generator=aggregate.generator(),
        )

    def _agents(self) -> Iterator[model.AgentFigures]:
        """One entry an agent; why it could not load the test is told of the first few."""
        load_errors = 0
        for part in self.parts.values():
            figures = self._agent_figures(part)
            load_errors += figures.load_error is not None
            if load_errors > MAX_LOAD_ERRORS:
                figures = replace(figures, load_error=None)
            yield figures

    def _agent_figures(self, part: Part) -> model.AgentFigures:
        agent_id = part.assignment.agent_id
        share = self.aggregate.agents.get(agent_id, AgentShare())
        return model.AgentFigures(
            agent_id=agent_id,
            hostname=part.hostname,
            state=part.state,
            hits=share.hits,
            iterations=share.iterations().started,
            reason=part.reason,
            load_error=part.load_error,
            generator=share.generator.figures(),
            users=part.users,
            end_time_ns=part.end_time_ns,
        )

    def _facts(
        self, iterations: model.IterationFigures, accounting: model.Accounting
    ) -> verdict.Facts:
        stopped = self.run.state in (RunState.STOPPING, RunState.STOPPED)
        return verdict.Facts(
            not_loaded=self._not_loaded(),
            stopped=(self.run.reason or "stopped before its end") if stopped else "",
            incomplete=self._incomplete(accounting),
            failed=_failed(iterations),
        )

    def _not_loaded(self) -> str:
        failed = [part for part in self.parts.values() if part.load_error is not None]
        if not failed:
            return ""
        error = failed[0].load_error
        assert error is not None  # noqa: S101 - by the line above
        where = f" on agent {failed[0].assignment.agent_id}" if len(self.parts) > 1 else ""
        others = f" (and on {len(failed) - 1} more)" if len(failed) > 1 else ""
        return f"could not load {self.run.plan.test}{where}{others}: {error.message}"

    def _incomplete(self, accounting: model.Accounting) -> str:
        if lost_parts := self._lost_parts():
            return lost_parts
        if accounting.lost:
            return f"{accounting.lost} events were lost: {accounting.losses[0].reason}"
        if accounting.mismatches:
            return accounting.mismatches[0]
        if self.run.state is RunState.FAILED:
            return self.run.reason
        return ""

    def _lost_parts(self) -> str:
        lost = [part for part in self.parts.values() if part.state is AssignmentState.LOST]
        if not lost:
            return ""
        first = lost[0]
        users = f"{first.users} user{'s' if first.users > 1 else ''}"
        others = f" (and {len(lost) - 1} more)" if len(lost) > 1 else ""
        at = f" at {_utc(first.end_time_ns)}" if first.end_time_ns is not None else ""
        who = f"agent {first.assignment.agent_id} ({users})"
        return f"{who} was lost{at}: {first.reason}{others}"


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


def _utc(wall_ns: int) -> str:
    """A time of day, for readers in any time zone; the date is that of the run."""
    return datetime.fromtimestamp(wall_ns // 1_000_000_000, UTC).strftime("%H:%M:%S UTC")


def stop_reason(mode: StopMode) -> str:
    """Why a run is stopped that a client asked to stop."""
    return "killed by a client" if mode is StopMode.KILL else "stopped before its end by a client"
