"""Starting runs: those that are asked for, and those that wait for their time or for agents.

Rule: this is the one place where agents are chosen and where runs that wait are woken. What follows
from who waits and who is there is decided in `queue.py`, which is pure. A run starts once which
agents run it is stored; what waits is stored before it is shown. So a broker that is killed forgets
none, and the next one starts none again.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

from loadgrpc.broker import attempts, happened, queue, seeds
from loadgrpc.broker.bundles import Bundles
from loadgrpc.broker.fleet import Fleet
from loadgrpc.broker.observing import Observing
from loadgrpc.broker.part import Part
from loadgrpc.broker.queue import Choosable, Dispatch, QueuedRun
from loadgrpc.broker.records import run_of
from loadgrpc.broker.run import ActiveRun
from loadgrpc.broker.run_store import MANY_PARTS, RunStore
from loadgrpc.broker.split import assignments
from loadgrpc.broker.work import Guard, Work
from loadgrpc.clock import NS_PER_S, Clock
from loadgrpc.errors import AlreadyExists, InvalidRequest, TooFewAgents, Unavailable, Violation
from loadgrpc.model import Plan, Run, RunState, StopMode, Submission, Waiting
from loadgrpc.store import StoreError
from loadgrpc.text import counted

LOOK_S: Final = 1.0
"""How often the broker's clock is looked at for runs that wait, if nothing else happens."""

_log = logging.getLogger(__name__)


class Dispatcher:
    """See the module. `runs` are those that are not over; the broker's, and added to here.

    `happens` lets something happen to one of them; `forget` drops one that could not be stored.
    """

    def __init__(
        self,
        runs: dict[str, ActiveRun],
        fleet: Fleet,
        *,
        run_store: RunStore,
        bundles: Bundles,
        observing: Observing,
        clock: Clock,
        work: Work,
        happens: Callable[[ActiveRun, happened.Event], Awaitable[None] | None],
        forget: Callable[[ActiveRun], None],
    ) -> None:
        self._runs = runs
        self._fleet = fleet
        self._roster = fleet.roster
        self._run_store = run_store
        self._bundles = bundles
        self._observing = observing
        self._clock = clock
        self._work = work
        self._happens = happens
        self._forget = forget
        self._accepting = asyncio.Lock()
        """Held while a request is looked for and answered, so that repeating it starts nothing."""
        self._starting: set[str] = set()
        """Runs that waited, for which agents are chosen already."""
        self._decision = Dispatch()
        self._guard = Guard()
        self._closed: Exception | None = None
        self._woken: asyncio.Handle | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._roster.on_change = self.wake

    def close(self, why: Exception) -> None:
        """Starts nothing any more."""
        self._closed = why
        for handle in (self._woken, self._timer):
            if handle is not None:
                handle.cancel()

    # What is asked for

    async def check_plan(self, plan: Plan) -> None:
        """Sees that a plan could be run, when there are agents for it.

        Raises:
            NotFound: the broker does not have its bundle.
            InvalidRequest: it asks for an observer that it may not have, or that there is not.
        """
        if plan.observers:
            await self._observing.check(plan)
        if plan.bundle:
            await self._bundles.need(plan.bundle)

    def waits_for(self, plan: Plan) -> str:
        """Why a run of a plan would not start at once, as a sentence. Empty: it would."""
        now_ns = self._clock.wall_ns()
        run = Run(
            run_id="",
            state=RunState.QUEUED,
            plan=plan,
            create_time_ns=now_ns,
            queue_time_ns=now_ns,
        )
        candidates = [*self._candidates(), _candidate(run)]
        return "" if self._decide(candidates).starts.get("") else self._refusal(plan)

    async def start_run(
        self, plan: Plan, request_id: str = "", submission: Submission | None = None
    ) -> Run:
        """Starts a run on idle agents, or lets it wait, as it was submitted.

        Raises:
            TooFewAgents: fewer are idle than the plan asks for, or too many runs wait.
            AlreadyExists: `request_id` was used for another plan.
            NotFound: the broker does not have its bundle.
            Unavailable: the broker is going away, or the run cannot be stored.
            InvalidRequest: it asks for an observer that it may not have, or that there is not; or
                it would expire before it is to start.
        """
        if self._closed is not None:
            raise self._closed
        async with self._accepting:
            if request_id and (known := await self._run_store.by_request(request_id)):
                run = run_of(known)
                if not seeds.same(plan.kept(), run.plan):
                    raise AlreadyExists(
                        f"request_id {request_id!r} was used for run {run.run_id}, of another plan"
                    )
                live = self._runs.get(run.run_id)
                return self.shown(live) if live is not None else run
            seeded = seeds.seeded(plan)
            accepted = self._accept(seeded, submission or Submission(), request_id)
            return await self._work.whole(accepted)

    async def _accept(self, plan: Plan, submission: Submission, request_id: str) -> Run:
        await self.check_plan(plan)
        now_ns = self._clock.wall_ns()
        due_ns = submission.due_ns(now_ns)
        expire_ns = submission.expire_ns(due_ns)
        if expire_ns is not None and expire_ns <= due_ns:
            rule = "must be after the time to start" if due_ns > now_ns else "has passed"
            raise InvalidRequest([Violation("expire_time", rule)])
        later = due_ns > now_ns
        run = Run(
            run_id=f"r-{secrets.token_hex(5)}",
            state=RunState.SCHEDULED if later else RunState.QUEUED,
            plan=plan,
            create_time_ns=now_ns,
            due_time_ns=due_ns if later else None,
            queue_time_ns=None if later else now_ns,
            expire_time_ns=expire_ns,
            priority=submission.priority,
        )
        candidates = [*self._candidates(), _candidate(run)]
        decision = Dispatch() if later else self._decide(candidates)
        agent_ids = tuple(decision.starts.get(run.run_id, ()))
        waiting = sum(each.run.state.waiting for each in self._runs.values())
        full = waiting >= queue.MAX_RUNS_WAITING
        begins = queue.on_submission(
            later=later, enough=bool(agent_ids), queue=submission.queue, full=full
        )
        if begins is None:
            raise TooFewAgents(
                f"{waiting:,} runs wait already, which is the most that may"
                if later or submission.queue
                else self._refusal(plan)
            )
        if begins is RunState.STARTING:
            return await self._start_new(run, agent_ids, request_id)
        active = ActiveRun(run, [], request_id=request_id)
        await self._store_new(active)
        if not later:
            self._decision = decision
        self.wake()
        fields = {"run_id": run.run_id}
        _log.info("run %s of %s is %s", run.run_id, plan.label, run.state.name, extra=fields)
        return self.shown(active)

    def _refusal(self, plan: Plan) -> str:
        """Why a run does not start now, to whoever asked for that."""
        places = self._places()
        labels = queue.labelled(plan.agent_labels)
        fitting = [place for place in places if place.labels.issuperset(plan.agent_labels)]
        idle = [place for place in fitting if place.idle]
        usable = [place for place in idle if queue.fits(place, plan)]
        signed = sum(place.signed_only for place in idle) if not plan.signatures else 0
        drained = len(self._roster.drained)
        message = (
            f"{counted(plan.agents, 'agent')}{labels} asked for, "
            f"but {len(idle)} idle ({len(self._roster)} known"
            f"{f', {drained} drained' if drained else ''})"
        )
        if len(usable) >= plan.agents:
            return f"{message}, for which runs in the queue wait"
        if len(usable) < min(len(idle), plan.agents):
            signed_only = f", {signed} of them for what is signed only (--sign)"
            too_old = ", some of them too old to be sent files or packages"
            message += signed_only if signed else too_old
        return message

    async def _start_new(self, run: Run, agent_ids: tuple[str, ...], request_id: str) -> Run:
        """Starts a run that does not wait."""
        self._assign(run, agent_ids)
        run = replace(run, state=RunState.STARTING, agent_ids=agent_ids)
        active = ActiveRun(run, await self._parts(run, agent_ids), request_id=request_id)
        self._introduce(active, agent_ids)
        await self._store_new(active)
        self._begun(active)
        return active.announced

    async def _store_new(self, run: ActiveRun) -> None:
        """Stores a run for the first time.

        Raises:
            Unavailable: it cannot be stored; it is forgotten.
        """
        self._runs[run.run.run_id] = run
        try:
            await self._run_store.save(run)
        except StoreError as error:
            self._forget(run)
            raise Unavailable(f"the run could not be stored: {error}") from error

    # What waits

    def wake(self) -> None:
        """Something has changed that runs may wait for: looks at them soon, once for all of it."""
        if self._woken is None and self._closed is None:
            self._woken = asyncio.get_running_loop().call_soon(self._look_again)

    def _look_again(self) -> None:
        self._woken = None
        with self._guard("starting runs that wait"):
            self.look()

    def look(self) -> None:
        """Queues runs whose time has come, ends those that have waited too long, starts others."""
        if self._closed is not None:
            return
        now_ns = self._clock.wall_ns()
        next_ns = now_ns + round(LOOK_S * NS_PER_S)
        for run in [run for run in self._runs.values() if run.run.state.waiting]:
            for moment_ns in self._let_time_pass(run, now_ns):
                next_ns = min(next_ns, moment_ns)
        self._decision = self._decide(self._candidates())
        for run_id, agent_ids in self._decision.starts.items():
            run = self._runs[run_id]
            self._assign(run.run, agent_ids)
            self._starting.add(run_id)
            self._work.begin(self._start(run, tuple(agent_ids)))
        self._look_at(next_ns, now_ns)

    def _let_time_pass(self, run: ActiveRun, now_ns: int) -> list[int]:
        """Lets a run that waits be due, or expire; its moments that are to come."""
        due_ns, expire_ns = run.run.due_time_ns, run.run.expire_time_ns
        if run.log.last:
            if expire_ns is not None and expire_ns <= now_ns:
                self._happens(run, happened.TooLate(self._too_late(run)))
            elif run.run.state is RunState.SCHEDULED and (due_ns or 0) <= now_ns:
                self._happens(run, happened.Due())
        return [each for each in (due_ns, expire_ns) if each is not None and each > now_ns]

    def _too_late(self, run: ActiveRun) -> str:
        waiting = self.waiting(run)
        why = f": {waiting.reason}" if waiting is not None else ""
        return f"it had not started when it expired{why}"

    def _look_at(self, next_ns: int, now_ns: int) -> None:
        """Looks again just when the next run is due, or expires, if that is soon."""
        left_s = (next_ns - now_ns) / NS_PER_S
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if 0 < left_s < LOOK_S:
            self._timer = asyncio.get_running_loop().call_later(left_s, self._look_again)

    async def _start(self, run: ActiveRun, agent_ids: tuple[str, ...]) -> None:
        """Starts a run that waited, on agents that were assigned to it."""
        parts = await self._parts(run.run, agent_ids)
        self._starting.discard(run.run.run_id)
        if run.run.state is not RunState.QUEUED:  # it was stopped, or has expired, meanwhile
            for agent_id in agent_ids:
                self._roster.release(agent_id, run.run.attempt_id)
            return
        attempts.begin(run, agent_ids, parts, self._clock.wall_ns())
        self._introduce(run, agent_ids)
        await self._run_store.save(run, patient=True)
        self._begun(run)

    async def purge(self, asked_by: str = "") -> list[str]:
        """Stops all runs that wait; their ids, the oldest first."""
        stopped = []
        for run in list(self._runs.values()):
            if run.run.state.waiting and run.log.last:
                asked = happened.StopAsked(StopMode.GRACEFUL, asked_by, "purged from the queue")
                self._happens(run, asked)
                stopped.append(run)
        for run in stopped:
            if run.closing is not None:
                await asyncio.wait({run.closing})
        return [run.run.run_id for run in stopped]

    # Both

    def _assign(self, run: Run, agent_ids: tuple[str, ...] | list[str]) -> None:
        for agent_id in agent_ids:
            self._roster.assign(agent_id, run.attempt_id)

    async def _parts(self, run: Run, agent_ids: tuple[str, ...]) -> list[Part]:
        hosts = {
            each: self._roster[each].registration.hostname if each in self._roster else ""
            for each in agent_ids
        }

        def parts() -> list[Part]:
            return [
                Part(assignment, hosts[assignment.agent_id])
                for assignment in assignments(run.plan, run.attempt_id, agent_ids)
            ]

        many = run.plan.agents * len(run.plan.scenarios) > MANY_PARTS
        return await asyncio.to_thread(parts) if many else parts()

    def _introduce(self, run: ActiveRun, agent_ids: tuple[str, ...]) -> None:
        """Notes who the agents of a run are."""
        for agent_id in agent_ids:
            if agent_id in self._roster:
                member = self._roster[agent_id]
                run.note_clock(agent_id, member.clock.ahead_ns)
                run.machines[agent_id] = member.registration

    def _begun(self, run: ActiveRun) -> None:
        """Which agents run it is stored: they get their orders."""
        run_id, on = run.run.run_id, ", ".join(run.run.agent_ids)
        label = run.run.plan.label
        _log.info("run %s of %s starts on %s", run_id, label, on, extra={"run_id": run_id})
        self._happens(run, happened.Began(self._fleet.links.keys()))

    # What is known of the queue

    def waiting(self, run: ActiveRun) -> Waiting | None:
        """What a run waits for; None: it is not in the queue."""
        if run.announced.state is not RunState.QUEUED:
            return None
        return self._decision.waits.get(run.announced.run_id)

    def shown(self, run: ActiveRun) -> Run:
        """A run as it is stored, with what it waits for."""
        return replace(run.announced, waiting=self.waiting(run))

    def _candidates(self) -> list[QueuedRun]:
        """The runs in the queue, those that came first before the others."""
        return [
            _candidate(run.run)
            for run in self._runs.values()
            if run.run.state is RunState.QUEUED
            and run.log.last
            and run.run.run_id not in self._starting
        ]

    def _decide(self, candidates: list[QueuedRun]) -> Dispatch:
        return queue.decide(candidates, self._places(), self._roster.working())

    def _places(self) -> list[Choosable]:
        return self._roster.places(self._clock.monotonic_ns())


def _candidate(run: Run) -> QueuedRun:
    return QueuedRun(run.run_id, run.plan, run.queue_time_ns or 0, run.priority)
