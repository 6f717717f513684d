"""The broker: the one owner of state.

Rule: everything that changes, changes here, on one event loop. Servicers call in with
values and get values or errors of ours back; state tables, roster, split, ledger and
aggregate decide; this carries out what they decide: writes to the store, orders to agents,
answers to sources, news to watchers. Nothing is shown that a restart would forget.

What sources send goes to `intake`, and their own types to `types`.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import secrets
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import Final, NamedTuple

from google.protobuf.message import DecodeError

from loadgrpc import __version__, model
from loadgrpc.broker import answers, deadlines, resume, watch
from loadgrpc.broker.admission import Admission
from loadgrpc.broker.changes import (
    ChangeLog,
    change_from_record,
    change_to_record,
    derived,
)
from loadgrpc.broker.inbox import Inbox, Source
from loadgrpc.broker.intake import Intake, unavailable
from loadgrpc.broker.listing import Listed, Wanted, listed
from loadgrpc.broker.orders import (
    AgentLink,
    ExitNoted,
    Order,
    StartProcesses,
    StartRunners,
    StopRunners,
)
from loadgrpc.broker.own_types import OwnTypes
from loadgrpc.broker.part import Part
from loadgrpc.broker.roster import Registration, Roster
from loadgrpc.broker.run import ActiveRun, stop_reason
from loadgrpc.broker.split import assignments
from loadgrpc.broker.state import RunEvent
from loadgrpc.broker.store_watch import StoreWatch
from loadgrpc.broker.troubles import Moment, troubles_of
from loadgrpc.broker.work import Work
from loadgrpc.clock import Clock
from loadgrpc.errors import (
    AlreadyExists,
    InvalidRequest,
    NotFound,
    RunNotOver,
    Superseded,
    TooFewAgents,
    Unavailable,
    Violation,
)
from loadgrpc.model import (
    AgentEvent,
    AssignmentState,
    ChangeKind,
    ExceptionInfo,
    News,
    Plan,
    Progress,
    Run,
    RunState,
    Scenario,
    SourceId,
    StopMode,
    Summary,
    Trouble,
)
from loadgrpc.protocol import batches, plans
from loadgrpc.protocol.bounds import MAX_ANSWER_BYTES
from loadgrpc.protocol.produced import Produced
from loadgrpc.protocol.runs import verdict_from_proto
from loadgrpc.protocol.shrinking import shrink
from loadgrpc.protocol.summary import summary_from_proto, summary_to_proto
from loadgrpc.store import Filter, RunRecord, Store, StoreError
from loadgrpc.v1 import run_pb2, runner_pb2

TICK_S: Final = 1.0
"""How often leases are looked at, and figures are sent to watchers."""
MAX_PAGE: Final = 500
DEFAULT_PAGE: Final = 50
PAGE_RECORDS: Final = 50
"""Runs that are read at once: with the largest plans, 13 MB."""
RUN_BYTES: Final = 512
"""Of a run, besides its plan, its agents and its reason."""
MANY_PARTS: Final = 500
"""From this many parts on, the parts of a run are made in a thread: others have their turn."""
_PAGE_TOKEN: Final = re.compile("[0-9]{1,18}")
LONG_S: Final = 0.005
LONG_REST: Final = 10
"""After what is known of a run took longer than LONG_S to write down, it is not written again for
that many times as long: a run of thousands of parts leaves time for the others."""
GOING_AWAY: Final = "the broker is going away"

_log = logging.getLogger(__name__)


class RunPage(NamedTuple):
    """Some runs, the newest first."""

    runs: list[Run]
    next_token: str
    """Empty: this is the last page."""
    store_trouble: str = ""
    """Why the store could not be read: then these are the active runs. Empty: it could."""


class Broker:
    """See the module.

    `keep_batches`: whether committed batches stay in the store. A local run, whose store
    is forgotten with it, has no use for them.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        store_name: str,
        lease_s: float,
        keep_batches: bool = True,
    ) -> None:
        self.roster = Roster(lease_s=lease_s)
        self.types = OwnTypes(store)
        self._store = store
        self._clock = clock
        self._store_name = store_name
        self._start_time_ns = clock.wall_ns()
        self._runs: dict[str, ActiveRun] = {}
        self._work = Work()
        self.intake = Intake(self._runs, store, clock, self._work, keep_batches=keep_batches)
        self._links: dict[str, AgentLink] = {}
        self._admission = Admission(self._links, self.roster, clock)
        self._noting: set[tuple[str, ExitNoted]] = set()
        """Ends of runners that are being stored."""
        self._starting = asyncio.Lock()
        """Held while agents are chosen, so that two requests never choose the same."""
        self._ticker: asyncio.Task[None] | None = None
        self._closing = False
        self._store_watch = StoreWatch(store, clock)
        self._unstored: set[ActiveRun] = set()
        """Runs that are over, and whose result the store did not take."""

    # Life

    async def start(self) -> None:
        """Goes on with the runs that a broker before this one left unfinished."""
        await self.types.recall()
        for record in await self._store.unfinished_runs():
            try:
                await self._resume(record)
            except StoreError:
                raise
            except Exception as error:  # noqa: BLE001 - whatever reading damage raises
                _log.exception("run %s is damaged in the store and cannot continue", record.run_id)
                await self._fail_damaged(record, error)
        self._ticker = asyncio.create_task(self._tick())

    async def _fail_damaged(self, record: RunRecord, error: Exception) -> None:
        """Ends a run that cannot go on because what is stored of it cannot be read."""
        self._runs.pop(record.run_id, None)
        reason = f"damaged in the store ({type(error).__name__}): it could not go on"
        now_ns = self._clock.wall_ns()
        log = await self._log_of(_run_of(record))
        log.add(ChangeKind.STATE, RunState.FAILED, now_ns, reason)
        failed = replace(
            record,
            state=RunState.FAILED,
            reason=reason,
            end_time_ns=now_ns,
            changes=tuple(map(change_to_record, log.unwritten)),
        )
        await self._store.save_run(replace(failed, summary=None, roster=None))

    async def close(self) -> None:
        """Takes no more work, ends all streams, and waits for what is being stored.

        Runs stay as they are, for the broker that comes after this one.
        """
        self._closing = True
        if self._ticker is not None:
            self._ticker.cancel()
        self._store_watch.close()
        for link in self._links.values():
            link.orders.put_nowait(Unavailable(GOING_AWAY))
            link.sign.set()
        for run in self._runs.values():
            for inbox in run.inboxes():
                inbox.end(Unavailable(GOING_AWAY))
            for watcher in run.watchers:
                watcher.set()
        await self._work.ended()

    # What clients ask

    async def start_run(self, plan: Plan, request_id: str = "") -> Run:
        """Starts a run on idle agents.

        Raises:
            TooFewAgents: fewer are idle than the plan asks for.
            AlreadyExists: `request_id` was used for another plan.
            Unavailable: the broker is going away, or the run cannot be stored.
        """
        if self._closing:
            raise Unavailable(GOING_AWAY)
        async with self._starting:
            if request_id and (
                known := await self._store_watch.read(self._store.find_request(request_id))
            ):
                run = _run_of(known)
                if run.plan != plan:
                    raise AlreadyExists(
                        f"request_id {request_id!r} was used for run {run.run_id}, of another plan"
                    )
                live = self._runs.get(run.run_id)
                return live.announced if live is not None else run
            return await self._work.whole(self._begin(plan, request_id))

    async def _begin(self, plan: Plan, request_id: str) -> Run:
        now_ns = self._clock.monotonic_ns()
        idle = self.roster.idle(now_ns)
        if len(idle) < plan.agents:
            raise TooFewAgents(
                f"{plan.agents} agent{'s' if plan.agents > 1 else ''} asked for, "
                f"but {len(idle)} idle ({len(self.roster)} known)"
            )
        run_id = f"r-{secrets.token_hex(5)}"
        agent_ids = tuple(idle[: plan.agents])
        members = {agent_id: self.roster[agent_id] for agent_id in agent_ids}
        for agent_id in agent_ids:
            self.roster.assign(agent_id, run_id)

        def parts() -> list[Part]:
            return [
                Part(assignment, members[assignment.agent_id].registration.hostname)
                for assignment in assignments(plan, run_id, agent_ids)
            ]

        many = plan.agents * len(plan.scenarios) > MANY_PARTS
        run = ActiveRun(
            Run(
                run_id=run_id,
                state=RunState.STARTING,
                plan=plan,
                create_time_ns=self._clock.wall_ns(),
                agent_ids=agent_ids,
            ),
            await asyncio.to_thread(parts) if many else parts(),
            request_id=request_id,
        )
        for agent_id, member in members.items():
            run.note_clock(agent_id, member.clock.ahead_ns)
            run.machines[agent_id] = member.registration
        self._runs[run_id] = run
        try:
            await self._save(run)
        except StoreError as error:
            self._forget(run)
            raise Unavailable(f"the run could not be stored: {error}") from error
        _log.info(
            "run %s of %s starts on %s",
            run_id,
            plan.title,
            ", ".join(agent_ids),
            extra={"run_id": run_id},
        )
        for part in run.parts.values():
            if part.state.final:
                continue  # it was lost while the run was stored
            part.told_ns = self._clock.monotonic_ns()
            if not self._order(part.agent_id, StartRunners(part.assignment)):
                self._lose(run, part, "it left before its part began", self._clock.wall_ns())
        self._follow_up(run)
        return run.announced

    async def get_run(self, run_id: str) -> Run:
        """The state of a run.

        Raises:
            NotFound: no such run.
        """
        run = self._live(run_id)
        return _run_of(await self._record(run_id)) if run is None else self._shown(run)

    def _live(self, run_id: str) -> ActiveRun | None:
        """A run that is not over, or whose result is not stored yet; None: none, or not yet."""
        run = self._runs.get(run_id)
        return run if run is not None and run.log.last else None

    def _shown(self, run: ActiveRun) -> Run:
        """An active run as it is stored, with its current problems."""
        return replace(run.announced, troubles=self._shown_troubles(run))

    def _shown_troubles(self, run: ActiveRun) -> tuple[Trouble, ...]:
        """The current problems of an active run; a run that is over has its reason."""
        return () if run.announced.state.final else self._troubles(run)

    async def list_runs(
        self,
        page_size: int,
        page_token: str,
        *,
        states: frozenset[RunState] = frozenset(),
        exit_codes: frozenset[int] = frozenset(),
    ) -> RunPage:
        """A page of runs, the newest first; while the store cannot be read, those that go on.

        Only those in some `states` and judged with some `exit_codes`, none: all. A page may be
        short: then, or when more is more than a client takes.

        Raises:
            InvalidRequest: the token is none of ours.
            StoreError: the store cannot be read, and this is not the first page.
        """
        if page_token and not _PAGE_TOKEN.fullmatch(page_token):
            raise InvalidRequest([Violation("page_token", "was not issued by this broker")])
        limit = min(page_size or DEFAULT_PAGE, MAX_PAGE)
        before = int(page_token) if page_token else None
        # Of those that go on the store may be behind: they are looked at here.
        wanted = Filter(states=states, verdicts=exit_codes, also=frozenset(self._runs))
        runs: list[Run] = []
        try:
            page, token = await self._store_watch.read(self._page(limit, before, wanted))
        except StoreError as error:
            if page_token:
                raise
            token, trouble = "", str(error)
            live_runs = [run for run in self._runs.values() if run.log.last]
            newest = sorted(live_runs, key=lambda each: -each.run.create_time_ns)
            size = 0
            for live in newest[:limit]:
                size += plans.plan_to_proto(live.run.plan).ByteSize()
                if runs and size > MAX_ANSWER_BYTES:
                    break
                runs.append(self._shown(live))
        else:
            trouble = ""
            for record in page:
                active = self._live(record.run_id)
                runs.append(self._shown(active) if active is not None else _run_of(record))
        shown = [
            run
            for run in runs
            if (not states or run.state in states)
            and (not exit_codes or (run.verdict and run.verdict.exit_code in exit_codes))
        ]
        return RunPage(shown, token, trouble)

    async def _page(
        self, limit: int, before: int | None, wanted: Filter
    ) -> tuple[list[RunRecord], str]:
        """The records of a page that a client takes, and the token of the next page."""
        page: list[RunRecord] = []
        size = 0
        while True:
            records = await self._store.list_runs(PAGE_RECORDS, before, wanted)
            for record in records:
                size += _size_of(record)
                if len(page) == limit or (page and size > MAX_ANSWER_BYTES):
                    return page, str(page[-1].sequence)
                page.append(record)
            if len(records) < PAGE_RECORDS:
                return page, ""
            before = records[-1].sequence

    async def watch_run(self, run_id: str, after: int | None = None) -> AsyncIterator[News]:
        """Every change of a run after the one with this number, and its figures, to its end.

        `after` None: beginning with the run as it is.

        Raises:
            NotFound: no such run.
            InvalidRequest: it has no change of that number.
            Unavailable: the broker is going away.
        """
        run = self._live(run_id)
        if run is None:
            known = _run_of(await self._record(run_id))
            for news in watch.past(known, await self._log_of(known), after):
                yield news
            return

        def check() -> None:
            if self._closing:
                raise Unavailable(GOING_AWAY)
            if self._runs.get(run_id) is not run:
                words = f"the result of run {run_id} cannot be stored: a defect of the broker"
                raise Unavailable(words)

        def figures() -> Progress:
            return self._progress(run)

        watching = watch.live(run, after, every_s=TICK_S, figures=figures, check=check)
        async with aclosing(watching):
            async for news in watching:
                yield news

    async def stop_run(self, run_id: str, mode: StopMode, asked_by: str = "") -> Run:
        """Stops a run; asking again changes nothing, except for a kill; nor when it is over.

        Raises:
            NotFound: no such run.
            StoreError: the run is being stopped, but that cannot be stored for now; it is as
                soon as it can be, and shown then.
        """
        run = self._live(run_id)
        if run is None:
            return await self.get_run(run_id)
        if not run.run.state.final:
            if asked_by and run.stopping not in {mode, StopMode.KILL}:
                how = "kill" if mode is StopMode.KILL else "stop"
                run.note(f"{asked_by} asked to {how} the run", self._clock.wall_ns())
            self._change(run, RunEvent.STOP_ASKED, reason=stop_reason(mode))
            self._stop_parts(run, mode)
            try:
                await self._save(run)
            except StoreError:
                self._keep(run)
                raise
        return run.announced

    async def delete_run(self, run_id: str) -> None:
        """Deletes a run that is over, with everything of it.

        Raises:
            NotFound: no such run.
            RunNotOver: it goes on, or its result is still to be stored.
        """
        if run_id in self._runs:
            run = self._runs[run_id].run
            raise RunNotOver(
                f"the result of run {run_id} is being stored: ask again"
                if run.state.final
                else f"run {run_id} is {run.state.name}: stop it first"
            )
        if not await self._store.delete_run(run_id):
            raise _no_run(run_id)
        self.types.drop(run_id)

    async def purge_runs(self, older_than_s: float) -> list[str]:
        """Deletes the runs that ended longer ago than this; their ids, the oldest first."""
        ended_before_ns = max(self._clock.wall_ns() - round(older_than_s * 1e9), 0)
        purging = self._store.purge_runs(ended_before_ns=ended_before_ns if older_than_s else None)
        purged = []
        async for run_id in purging:
            self.types.drop(run_id)
            purged.append(run_id)
        return purged

    async def get_summary(self, run_id: str) -> Summary:
        """The result of a run, or its figures so far.

        Raises:
            NotFound: no such run.
        """
        if (run := self._live(run_id)) is not None:
            if run.result is not None and run.announced.state.final:
                return summary_from_proto(run.result)
            return replace(run.summary(run.announced), troubles=self._shown_troubles(run))
        record = await self._record(run_id)
        if record.summary is None:
            raise NotFound(f"run {run_id} has no summary")
        return summary_from_proto(run_pb2.RunSummary.FromString(record.summary))

    async def list_events(self, wanted: Wanted) -> AsyncIterator[Listed]:
        """The stored events of a run.

        Raises:
            NotFound: no such run.
            EventsGone: it had some, and none is kept.
        """
        ahead_ns = await self._ahead_ns(wanted.run_id)
        async for event in listed(self._store, wanted, ahead_ns):
            yield event

    async def _ahead_ns(self, run_id: str) -> Mapping[str, int]:
        """How far the clocks of a run's agents are ahead of ours, where that is known."""
        if run_id in self._runs:
            return self._runs[run_id].ahead_ns
        agents = (await self.get_summary(run_id)).agents
        return {a.agent_id: a.clock_ahead_ns for a in agents if a.clock_ahead_ns is not None}

    def agents(self) -> list[model.Agent]:
        """The agents that the broker knows, by id."""
        return self.roster.agents(self._clock.monotonic_ns(), self._clock.wall_ns())

    def info(self) -> model.BrokerInfo:
        """About the broker itself."""
        trouble = self._store_watch.trouble
        return model.BrokerInfo(
            version=__version__,
            pid=os.getpid(),
            hostname=socket.gethostname(),
            store=self._store_name,
            start_time_ns=self._start_time_ns,
            agents=len(self.roster),
            active_runs=sum(run.log.last > 0 for run in self._runs.values()),
            store_trouble=trouble.words if trouble is not None else "",
        )

    # What agents say

    async def admit_agent(self, registration: Registration) -> None:
        """Waits until it is clear that an agent may connect.

        Raises:
            AlreadyExists: another agent of its name is connected.
            Unavailable: the broker is going away.
        """
        await self._admission.wait(registration)
        if self._closing:
            raise Unavailable(GOING_AWAY)

    def connect_agent(self, registration: Registration) -> AgentLink:
        """An agent came, or came back."""
        agent_id = registration.agent_id
        last_heard_ns = self._last_heard_ns(agent_id)
        if agent_id in self._links:
            newer = Superseded(f"agent {agent_id} opened a newer stream")
            self._links[agent_id].orders.put_nowait(newer)
            self._links[agent_id].sign.set()
        now_ns = self._clock.monotonic_ns()
        member = self.roster.register(registration, now_ns)
        if member.run_id not in self._runs:
            self.roster.release(agent_id, member.run_id, told=True)
        link = self._links[agent_id] = AgentLink(agent_id, now_ns)
        self.heard_from_agent(agent_id, registration.sent_ns)
        _log.info(
            "agent %s connected from %s",
            agent_id,
            registration.hostname,
            extra={"agent_id": agent_id},
        )
        for trouble in member.troubles:
            _log.warning(
                "agent %s on %s: %s",
                agent_id,
                registration.hostname,
                trouble,
                extra={"agent_id": agent_id},
            )
        self._take_back(link, registration, member.run_id, last_heard_ns)
        return link

    def _take_back(
        self, link: AgentLink, registration: Registration, assigned: str, last_heard_ns: int
    ) -> None:
        """What follows from what an agent holds, and from the run that it is assigned to."""
        agent_id = registration.agent_id
        for run_id in registration.run_ids:
            if run_id != assigned:
                link.orders.put_nowait(StopRunners(run_id, StopMode.KILL, 0.0))
        run = self._runs.get(assigned)
        if run is None:
            return
        run.machines[agent_id] = registration
        for part in run.of_agent(agent_id):
            if registration.holds(assigned, part.scenario.name):
                continue
            if part.unsure:
                part.hostname = registration.hostname
                part.told_ns = self._clock.monotonic_ns()
                link.orders.put_nowait(StartRunners(part.assignment))
            else:
                self._end_untold(run, part, last_heard_ns)
            part.unsure = False
        if run.note_agent(agent_id, AgentEvent.BACK, self._clock.wall_ns()):
            self._keep(run)
        if assigned in registration.run_ids and run.stopping is not None:
            link.orders.put_nowait(self._stop_order(run, run.stopping))

    def _end_untold(self, run: ActiveRun, part: Part, last_heard_ns: int) -> None:
        """An agent knows nothing of a part that it had: it was restarted.

        The message of its end may have been lost with the stream before this one.
        """
        if part.state.final:
            return
        if not part.delivered:
            part.runner_ended("", 1, "the agent was restarted", None)
        self._end_part(run, part, last_heard_ns)

    def heard_from_agent(self, agent_id: str, sent_ns: int | None = None) -> None:
        """An agent gave a sign of life, sent at that moment by its clock, if it says so."""
        self.roster.heard(agent_id, self._clock.monotonic_ns())
        if agent_id in self._links:
            self._links[agent_id].sign.set()
        if sent_ns is None or agent_id not in self.roster:
            return
        member = self.roster[agent_id]
        member.clock.add(sent_ns, self._clock.wall_ns())
        if (run := self._runs.get(member.run_id)) is not None and not run.run.state.final:
            run.note_clock(agent_id, member.clock.ahead_ns)

    def disconnect_agent(self, link: AgentLink, *, goodbye: bool) -> None:
        """A stream of an agent ended; with `goodbye`, because the agent is leaving."""
        link.sign.set()
        if self._links.get(link.agent_id) is not link:
            return  # a newer stream took over
        del self._links[link.agent_id]
        self._admission.left(link.agent_id)
        if goodbye:
            self._remove_agent(link.agent_id, "it left")
        else:
            self.roster.disconnected(link.agent_id)
            run = self._runs.get(self.roster[link.agent_id].run_id)
            if run is not None and any(not p.state.final for p in run.of_agent(link.agent_id)):
                now_ns = self._clock.wall_ns()
                if run.note_agent(link.agent_id, AgentEvent.UNREACHABLE, now_ns):
                    self._keep(run)
            _log.warning(
                "agent %s is unreachable: its stream ended",
                link.agent_id,
                extra={"agent_id": link.agent_id},
            )

    def agent_ready(self, agent_id: str, run_id: str, scenario: str, cycle: int) -> None:
        """An agent is ready to start the processes of a cycle."""
        run = self._runs.get(run_id)
        part = run.parts.get((agent_id, scenario)) if run else None
        if run is None or part is None or part.state.final:
            return
        part.agent_ready_for = max(part.agent_ready_for, cycle)
        if part.state is AssignmentState.STARTING:
            part.state = AssignmentState.RUNNING
        if cycle <= run.cycle:  # it missed the order
            self._order(agent_id, StartProcesses(run_id, scenario, cycle))
        self._follow_up(run)

    def runner_exited(
        self,
        agent_id: str,
        run_id: str,
        runner_id: str,
        exit_status: int,
        words: str,
        *,
        scenario: str = "",
        last: bool = True,
        produced: Produced | None = None,
    ) -> None:
        """The process of an agent's runner ended, or could not be started.

        Everything that it had sent was delivered before; of what it had `produced` the
        rest is lost. None: it does not count. `last`: no other runner of the scenario lives
        or will; without a `runner_id` that is all.
        """
        run = self._runs.get(run_id)
        part = run.parts.get((agent_id, scenario)) if run else None
        if run is not None and part is not None and not part.state.final:
            if runner_id or exit_status:
                part.runner_ended(runner_id, exit_status, words, produced)
                run.aggregate.runner_ended(part.key, runner_id, self._clock.wall_ns())
            if last:
                self._end_part(run, part, self._clock.wall_ns())
        elif last:
            part_of_it = run is not None and any(
                each.key != (agent_id, scenario) and not each.state.final
                for each in run.of_agent(agent_id)
            )
            if not part_of_it:
                self.roster.release(agent_id, run_id, told=True)
        noted = ExitNoted(run_id, scenario, runner_id)
        if (agent_id, noted) not in self._noting:
            self._noting.add((agent_id, noted))
            self._work.begin(self._note_exit(agent_id, noted, self._links.get(agent_id)))

    def _end_part(self, run: ActiveRun, part: Part, end_time_ns: int) -> None:
        """A part of a run is over."""
        if part.state.final:
            return
        part.end(end_time_ns)
        run.aggregate.ended(part.key, end_time_ns)
        if part.state is AssignmentState.LOST:
            self._note_loss(run, part)
        if all(each.state.final for each in run.of_agent(part.agent_id)):
            self.roster.release(part.agent_id, run.run.run_id)
        self._follow_up(run)

    async def _note_exit(self, agent_id: str, noted: ExitNoted, link: AgentLink | None) -> None:
        """Tells an agent that the end of its runner is stored; it was heard on `link`."""
        if link is not None:
            link.orders.expect()
        try:
            await self._keep_exit(noted)
        finally:
            self._noting.discard((agent_id, noted))
            if link is not None:
                link.orders.came()
        self._order(agent_id, noted)

    async def _keep_exit(self, noted: ExitNoted) -> None:
        """Stores the end of a runner."""
        run = self._runs.get(noted.run_id)
        if run is not None and not run.run.state.final:
            await self._save(run, patient=True)
        elif run is not None and run.closing is not None:
            await asyncio.wait({run.closing})
            if noted.run_id in self._runs:  # it could not be stored, and will be tried again
                await self._save(run, patient=True)

    def _order(self, agent_id: str, order: Order) -> bool:
        """Tells an agent something; whether it is connected."""
        link = self._links.get(agent_id)
        if link is not None:
            link.put(order)
        return link is not None

    def _remove_agent(self, agent_id: str, reason: str) -> None:
        run_id = self.roster[agent_id].run_id if agent_id in self.roster else ""
        last_heard_ns = self._last_heard_ns(agent_id)
        self.roster.left(agent_id)
        link = self._links.pop(agent_id, None)
        if link is not None:  # silent, but connected: it has to introduce itself again
            link.orders.put_nowait(Unavailable(f"the agent is not known any more: {reason}"))
        _log.info("agent %s is gone: %s", agent_id, reason, extra={"agent_id": agent_id})
        run = self._runs.get(run_id)
        if run is not None:
            for part in run.of_agent(agent_id):
                if not part.state.final:
                    self._lose(run, part, reason, last_heard_ns)
            self._follow_up(run)

    def _last_heard_ns(self, agent_id: str) -> int:
        """When an agent was last heard from (wall clock); of one that is not known: now."""
        now_ns = self._clock.wall_ns()
        if agent_id not in self.roster:
            return now_ns
        return now_ns - (self._clock.monotonic_ns() - self.roster[agent_id].last_seen_ns)

    # What sources say

    def assignment(self, source_id: SourceId, scenario: str = "") -> model.Assignment:
        """What a source is to do.

        Raises:
            NotFound: its run is over, or its agent has no part in its scenario.
        """
        run = self._runs.get(source_id.run_id)
        part = run.parts.get((source_id.agent_id, scenario)) if run else None
        if part is None:
            where = f" in scenario {scenario!r}" if scenario else ""
            raise NotFound(f"nothing is expected of source {source_id}{where}")
        return part.assignment

    async def open_source(
        self, inbox: Inbox, source_id: SourceId, *, epoch: int, barrier: bool, scenario: str = ""
    ) -> None:
        """A source opened on a stream; answers Opened, or RunClosed.

        Raises:
            NotFound: no such run, or the agent has no part in its scenario.
            InvalidRequest: the source belongs to another scenario, or there are too many.
            Superseded: the source is open with a higher epoch.
        """
        run = self._runs.get(source_id.run_id)
        if source_id not in inbox.sources:
            inbox.admit()
        if run is None:
            await self._record(source_id.run_id)
            inbox.closed.add(source_id)
            inbox.put(source_id, answers.RunClosed())
            return
        part = run.parts.get((source_id.agent_id, scenario))
        if part is None:
            where = f"run {source_id.run_id}" + (f", scenario {scenario!r}" if scenario else "")
            raise NotFound(f"agent {source_id.agent_id} has no part in {where}")
        if (known := run.find_part_of(source_id)) is not None and known is not part:
            rule = f"source {source_id} belongs to scenario {known.scenario.name!r}"
            raise InvalidRequest([Violation("open.scenario", rule)])
        if known is None and len(part.sources) >= part.most_sources:
            raise InvalidRequest(f"the part of agent {part.agent_id} has too many sources already")
        source = part.sources.get(source_id) or Source(source_id, scenario)
        async with source.lock:
            await source.settle()  # what is being stored for an older stream counts as stored
            if part.state.final:
                inbox.closed.add(source_id)
                inbox.put(source_id, answers.RunClosed())
                return
            self.intake.take_over(source, inbox, epoch)
            source.barrier = barrier
            run.add_source(part, source)
        if part.state is AssignmentState.STARTING and not barrier:
            part.state = AssignmentState.RUNNING
        if run.stopping is not None:
            inbox.put(source_id, answers.StopUsers(run.run.plan.stop_timeout_s))
        self._follow_up(run)

    async def bring_types(self, inbox: Inbox, source_id: SourceId, types: bytes) -> None:
        """A source that has opened brought types of its own; answers TypesRefused, or nothing.

        Raises:
            Unavailable: the store failed.
        """
        if source_id not in inbox.sources:
            return
        try:
            refused = await self._work.whole(self.types.bring(source_id.run_id, types))
        except StoreError as error:
            raise unavailable(source_id, error) from error
        if refused is not None:
            inbox.put(source_id, refused)

    def ready(self, inbox: Inbox, source_id: SourceId, cycle: int) -> None:
        """A runner is ready for a cycle.

        Raises:
            InvalidRequest: the plan has no such cycle.
        """
        source = self.intake.source(inbox, source_id)
        if source is None:
            return
        run = self._runs[source_id.run_id]
        if not 1 <= cycle <= run.run.plan.cycles:
            words = f"must be from 1 to {run.run.plan.cycles}, the cycles of the plan"
            raise InvalidRequest([Violation("ready.cycle", words)])
        part = run.part_of(source_id)
        source.ready_for = max(source.ready_for, cycle)
        if part.state is AssignmentState.STARTING:
            part.state = AssignmentState.RUNNING
        if cycle <= run.cycle:
            inbox.put(source_id, answers.StartCycle(cycle))  # it missed the order
        self._follow_up(run)

    async def finish(
        self,
        inbox: Inbox,
        source_id: SourceId,
        produced: int | None,
        load_error: ExceptionInfo | None,
        hits: int | None = None,
    ) -> None:
        """A source has sent everything; `produced` events in all, None: it does not say.

        Of these, `hits` were hits, None: as above.

        Raises:
            InvalidRequest: it says that it produced fewer than it sent.
            Unavailable: the store failed.
        """
        source = self.intake.source(inbox, source_id)
        if source is not None:
            await self._work.whole(self._finish(inbox, source, produced, load_error, hits))

    async def _finish(
        self,
        inbox: Inbox,
        source: Source,
        produced: int | None,
        load_error: ExceptionInfo | None,
        hits: int | None,
    ) -> None:
        source_id = source.source_id
        async with source.lock:
            await source.settle()
            run = self._runs.get(source_id.run_id)
            if run is None or self.intake.source(inbox, source_id) is None:
                return
            ledger = source.ledger
            if not ledger.finished:
                ledger.finish(ledger.received if produced is None else produced)
                if hits is not None:
                    await self._compare(run, source, hits)
                await self.intake.commit(source)
        part = run.part_of(source_id)
        if load_error is not None and part.load_error is None:
            part.load_error = load_error
            _log.info(
                "run %s: %s could not be loaded on agent %s: %s",
                run.run.run_id,
                part.scenario.test,
                part.agent_id,
                load_error.message,
                extra={"run_id": run.run.run_id, "agent_id": part.agent_id},
            )
            run.note(
                f"{part.scenario.test} could not be loaded on agent {part.agent_id}: "
                f"{load_error.message}",
                self._clock.wall_ns(),
            )
            self._stop_parts(run, StopMode.GRACEFUL)
            await self._save(run, patient=True)
        if part.scenario.by_hand and part.delivered:
            self._end_part(run, part, self._clock.wall_ns())
            self._release(part)
        inbox.put(
            source_id,
            answers.Finished(
                committed=ledger.committed,
                rejected=ledger.rejected,
                lost=ledger.lost.events,
            ),
        )

    async def _compare(self, run: ActiveRun, source: Source, hits: int) -> None:
        """Compares the hits of a source with those it says it made; keeps what differs."""
        source_id = source.source_id
        part = run.part_of(source_id)
        counted = run.aggregate.hits_of(part.key, source_id.runner_id)
        if words := part.compare(source, counted=counted, produced=hits):
            _log.warning(
                "run %s: %s",
                source_id.run_id,
                words,
                extra={"run_id": source_id.run_id, "agent_id": source_id.agent_id},
            )
            await self._save(run, patient=True)

    def close_inbox(self, inbox: Inbox) -> None:
        """A stream of sources ended."""
        for source in inbox.sources.values():
            source.inboxes.discard(inbox)

    # What follows

    def _follow_up(self, run: ActiveRun) -> None:
        """Carries out what follows from where a run's parts are."""
        if run.release(self._clock.wall_ns()):
            self._change(run, RunEvent.CYCLE_STARTED)
            run.log_load(self._clock.wall_ns())
            self._work.begin(self._start_cycle(run))
        if run.ending is not None and not run.run.state.final:
            self._change(run, run.ending)
            run.closing = self._work.begin(self._close_run(run))

    async def _start_cycle(self, run: ActiveRun) -> None:
        """Tells everybody that the cycle begins, when that is stored."""
        await self._save(run, patient=True)
        for part in run.live_parts():
            for source in part.sources.values():
                if source.barrier:
                    source.answer(answers.StartCycle(run.cycle))
            if part.scenario.one_user_each:
                order = StartProcesses(run.run.run_id, part.scenario.name, run.cycle)
                self._order(part.agent_id, order)

    def _change(self, run: ActiveRun, event: RunEvent, *, reason: str = "") -> None:
        """Lets an event happen to a run; that is shown when it is stored."""
        changed = run.change(event, now_wall_ns=self._clock.wall_ns(), reason=reason)
        if changed and not run.run.state.final:
            words = f"{run.run.state.name}: {run.run.reason}".removesuffix(": ")
            _log.info("run %s is %s", run.run.run_id, words, extra={"run_id": run.run.run_id})

    async def _close_run(self, run: ActiveRun) -> None:
        """Stores the result of a run that is over, then tells everybody."""
        for source in run.sources():
            async with source.lock:
                await source.settle()  # what is being stored has arrived in time
        for agent_id in run.run.agent_ids:
            self.roster.release(agent_id, run.run.run_id)
        result = _result_of(run)
        judged = verdict_from_proto(result.verdict)
        run.ended(result, judged)
        _log.info(
            "run %s is %s, exit %d: %s",
            run.run.run_id,
            run.run.state.name,
            judged.exit_code,
            judged.reason,
            extra={"run_id": run.run.run_id},
        )
        try:
            await self._store_result(run)
        except Exception:
            self._forget(run)  # a defect, and no use in trying again
            run.wake()
            raise

    async def _store_result(self, run: ActiveRun) -> None:
        """Stores the result of a run; what cannot be stored is kept, and tried again."""
        try:
            known = run.going_on
            many = len(run.parts) > MANY_PARTS  # nothing happens to it any more
            record = await asyncio.to_thread(_record_of, run) if many else _record_of(run)
            await self._write(run, known, record)
        except StoreError:
            if run not in self._unstored:
                _log.exception(
                    "the result of run %s could not be stored",
                    run.run.run_id,
                    extra={"run_id": run.run.run_id},
                )
            self._unstored.add(run)
        else:
            self._unstored.discard(run)
            self._forget(run)

    def _lose(self, run: ActiveRun, part: Part, reason: str, last_heard_ns: int) -> None:
        """A part of a run is lost with its agent, which was last heard from at that moment."""
        part.lose(reason, last_heard_ns)
        run.aggregate.ended(part.key, self._clock.wall_ns())
        self._note_loss(run, part)
        self._keep(run)

    def _note_loss(self, run: ActiveRun, part: Part) -> None:
        """A part is lost: that is logged for people, and once for each agent in the run's log."""
        _log_loss(run, part.agent_id, part.reason)
        now_ns = self._clock.wall_ns()
        run.note_agent(part.agent_id, AgentEvent.LOST, now_ns, part.reason)

    def _stop_parts(self, run: ActiveRun, mode: StopMode) -> None:
        if run.stopping is not StopMode.KILL:
            run.stopping = mode
        run.over_by_ns = deadlines.over_by_ns(run, self._clock.monotonic_ns())
        parts = run.live_parts()
        for part in parts:
            for source in part.sources.values():
                source.answer(answers.StopUsers(run.run.plan.stop_timeout_s))
        for agent_id in {part.agent_id for part in parts}:
            self._order(agent_id, self._stop_order(run, mode))
        for part in parts:
            if part.scenario.by_hand and not part.sources:
                self._release(part)

    def _release(self, part: Part) -> None:
        """Nobody lives a part by hand, or will: its agent need not wait for it."""
        agent_id, scenario = part.key
        run_id = part.assignment.run_id
        self._order(agent_id, StopRunners(run_id, StopMode.GRACEFUL, 0.0, scenario))

    def _stop_order(self, run: ActiveRun, mode: StopMode) -> StopRunners:
        return StopRunners(run.run.run_id, mode, run.run.plan.stop_timeout_s)

    def _forget(self, run: ActiveRun) -> None:
        del self._runs[run.run.run_id]
        self.types.retire(run.run.run_id)
        for agent_id in run.run.agent_ids:
            self.roster.release(agent_id, run.run.run_id)

    async def _save(self, run: ActiveRun, *, patient: bool = False) -> None:
        """Stores what is known of a run. `patient`: waits for a store that takes no writes.

        Who is patient shares a write with all who come while the one before it is under way.
        """
        if not patient:
            await self._write(run, run.going_on, _record_of(run))
            return
        if run.saving is None and run.rested_s <= asyncio.get_running_loop().time():
            await self._save_now(run)
            return
        if run.saving_next is None:
            run.saving_next = self._work.shared(self._save_next(run))
        await asyncio.shield(run.saving_next)

    def _keep(self, run: ActiveRun) -> None:
        """Has what is known of a run stored; nobody waits for it."""
        self._work.begin(self._save(run, patient=True))

    async def _write(
        self, run: ActiveRun, known: Run, record: RunRecord, *, patient: bool = False
    ) -> None:
        """Stores a record of a run, and then shows what is in it: what was `known` of the run."""
        number = record.changes[-1].sequence if record.changes else run.log.written
        await self._store.save_run(record, patient=patient)
        run.stored(known, number)

    async def _save_next(self, run: ActiveRun) -> None:
        while run.saving is not None:
            await asyncio.wait({run.saving})
        rest_s = run.rested_s - asyncio.get_running_loop().time()
        if rest_s > 0 and not self._closing:
            await asyncio.sleep(rest_s)
        run.saving_next = None  # what happens from here on needs another
        await self._save_now(run)

    async def _save_now(self, run: ActiveRun) -> None:
        loop = asyncio.get_running_loop()
        saving = run.saving = loop.create_future()
        began_s = loop.time()
        try:
            known, record = run.going_on, _record_of(run)
            took_s = loop.time() - began_s
            if took_s > LONG_S:
                run.rested_s = began_s + took_s * LONG_REST
            await self._write(run, known, record, patient=True)
        finally:
            run.saving = None
            saving.set_result(None)

    async def _log_of(self, run: Run) -> ChangeLog:
        """The log of a run that is stored; of one that has none, what follows from it."""
        stored = await self._store_watch.read(self._store.changes(run.run_id))
        if stored:
            try:
                return ChangeLog([change_from_record(each) for each in stored])
            except ValueError:
                _log.exception("the log of run %s is damaged in the store", run.run_id)
                return ChangeLog(derived(run))
        return ChangeLog(derived(run), written=False)

    async def _record(self, run_id: str) -> RunRecord:
        record = await self._store_watch.read(self._store.get_run(run_id))
        if record is None:
            raise _no_run(run_id)
        return record

    async def _resume(self, record: RunRecord) -> None:
        """Takes over a run from a broker before this one: what it stored is what is known.

        Agents have as long as ever to come back; what their runners measured meanwhile they
        send when they do.
        """
        sources = await self._store.sources(record.run_id)
        stored = _run_of(record)
        log = await self._log_of(stored)
        run = resume.from_bytes(stored, record.request_id or "", record.roster, sources, log)
        run.note("the broker was restarted, and continues the run", self._clock.wall_ns())
        async for batch in self._store.batches(record.run_id):
            message = runner_pb2.EventBatch.FromString(batch.payload)
            arrival_ns = batch.arrival_ns
            events = batches.decode(message, arrival_ns=arrival_ns, skip=batch.offset)
            run.count(batch.source, events, arrival_ns=arrival_ns)
            run.close_seconds(arrival_ns, stored=True)
        self._runs[record.run_id] = run
        now_ns = self._clock.monotonic_ns()
        for part in run.parts.values():
            if part.state.final:
                run.aggregate.ended(part.key, part.end_time_ns or self._clock.wall_ns())
        for part in run.live_parts():
            part.told_ns = now_ns
            machine = run.machines.get(part.agent_id) or Registration(
                agent_id=part.agent_id, hostname=part.hostname, pid=0, version="", cores=0
            )
            self.roster.expect(machine, record.run_id, now_ns)
        if run.stopping is not None:
            run.over_by_ns = deadlines.over_by_ns(run, now_ns)
        _log.info(
            "run %s of %s continues",
            record.run_id,
            run.run.plan.title,
            extra={"run_id": record.run_id},
        )
        self._follow_up(run)
        self._keep(run)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            self.end_leases()
            self.end_overdue()
            self._store_watch.tick(idle=not self._runs)
            for run in list(self._runs.values()):
                stored = self._store_watch.trouble is None
                run.close_seconds(self._clock.wall_ns(), stored=stored)
            for run in list(self._unstored):
                await self._store_result(run)

    def end_leases(self) -> None:
        """Counts agents that were not heard from for too long as lost."""
        for agent_id in self.roster.lost(self._clock.monotonic_ns()):
            self._remove_agent(agent_id, f"not heard from for {self.roster.lease_s:.0f} s")

    def end_overdue(self) -> None:
        """Gives up parts that do not begin, or do not end when they should."""
        if self._store.trouble:
            return  # what agents say waits for the store, and so do they
        for run in list(self._runs.values()):
            for part in run.live_parts() if not run.run.state.final else ():
                self._give_up_overdue(run, part)

    def _give_up_overdue(self, run: ActiveRun, part: Part) -> None:
        connected = part.agent_id in self._links
        now_ns = self._clock.monotonic_ns()
        if why := deadlines.why_overdue(run, part, now_ns, connected=connected):
            run_id, scenario = run.run.run_id, part.scenario.name
            self.roster.give_up(part.agent_id, run_id)
            self._order(part.agent_id, StopRunners(run_id, StopMode.KILL, 0.0, scenario))
            self._lose(run, part, why, self._clock.wall_ns())
            self._follow_up(run)

    def _progress(self, run: ActiveRun) -> Progress:
        return run.progress(self._clock.wall_ns(), self._troubles(run))

    def _troubles(self, run: ActiveRun) -> tuple[Trouble, ...]:
        """The current problems of a run."""
        now = Moment(self._clock.wall_ns(), self._clock.monotonic_ns(), self._start_time_ns)
        return troubles_of(run, self.roster, self._store_watch.trouble, now)


def _log_loss(run: ActiveRun, agent_id: str, reason: str) -> None:
    run_id = run.run.run_id
    fields = {"run_id": run_id, "agent_id": agent_id}
    _log.warning("run %s lost agent %s: %s", run_id, agent_id, reason, extra=fields)


def _no_run(run_id: str) -> NotFound:
    return NotFound(f"no run {run_id!r}")


def _record_of(active: ActiveRun) -> RunRecord:
    run, result = active.going_on, active.result
    return RunRecord(
        run_id=run.run_id,
        request_id=active.request_id or None,
        state=run.state,
        reason=run.reason,
        plan=plans.plan_to_proto(run.plan).SerializeToString(),
        create_time_ns=run.create_time_ns,
        start_time_ns=run.start_time_ns,
        end_time_ns=run.end_time_ns,
        agent_ids=run.agent_ids,
        summary=result.SerializeToString() if result else None,
        verdict=result.verdict.exit_code if result else None,
        verdict_reason=result.verdict.reason if result else "",
        roster=resume.to_bytes(active),
        changes=tuple(map(change_to_record, active.log.unwritten)),
    )


def _result_of(active: ActiveRun) -> run_pb2.RunSummary:
    """The summary of a run that is over; a defect in a figure does not cost the rest."""
    try:
        message = summary_to_proto(active.summary())
    except Exception as error:  # noqa: BLE001 - logged, and told in its place
        _log.exception(
            "the figures of run %s cannot be shown: please report this defect", active.run.run_id
        )
        why = f"its figures could not be shown ({type(error).__name__}: a defect of the broker)"
        message = summary_to_proto(active.bare_summary(why))
    shrink(message)
    return message


def _size_of(record: RunRecord) -> int:
    """Bytes of a run that is listed, about; never less."""
    ids = sum(4 * len(agent_id) + 4 for agent_id in record.agent_ids)
    return len(record.plan) + 4 * len(record.reason) + ids + RUN_BYTES


def _run_of(record: RunRecord) -> Run:
    """A run as it is stored. What was checked by the rules of its day is taken as it is."""
    try:
        plan = plans.checked_plan(run_pb2.RunSpec.FromString(record.plan))
        reason = record.reason
    except (DecodeError, ValueError) as error:
        _log.error("the plan of run %s is damaged in the store: %s", record.run_id, error)
        plan, reason = (
            Plan(scenarios=(Scenario(test="(damaged)"),)),
            "its plan is damaged in the store",
        )
    return Run(
        run_id=record.run_id,
        state=record.state,
        reason=reason,
        plan=plan,
        create_time_ns=record.create_time_ns,
        start_time_ns=record.start_time_ns,
        end_time_ns=record.end_time_ns,
        agent_ids=record.agent_ids,
        verdict=(
            None
            if record.verdict is None
            else model.Verdict(exit_code=record.verdict, reason=record.verdict_reason)
        ),
    )
