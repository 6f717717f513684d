"""The broker: the one owner of active runs.

Rule: everything that changes a run happens here, on one event loop: an event comes in, `life.py`
says what follows, and this carries it out: writes to the store, orders to agents, answers to
sources. Everything else is elsewhere: `fleet` serves agents, `sources` and `intake` serve
runners, and `archive` answers questions about runs.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from loadgrpc import __version__, model
from loadgrpc.broker import attempts, commands, deadlines, happened, life
from loadgrpc.broker.archive import GOING_AWAY, Archive
from loadgrpc.broker.bundles import Bundles
from loadgrpc.broker.dispatcher import Dispatcher
from loadgrpc.broker.drains import Drains
from loadgrpc.broker.fleet import Fleet
from loadgrpc.broker.intake import Intake
from loadgrpc.broker.notifier import Notifier
from loadgrpc.broker.observing import Observing
from loadgrpc.broker.own_types import OwnTypes
from loadgrpc.broker.parameters import Comparison
from loadgrpc.broker.quotas import Quotas
from loadgrpc.broker.records import attempt_of, result_of
from loadgrpc.broker.reviews import Reviews
from loadgrpc.broker.roster import Roster
from loadgrpc.broker.run import ActiveRun
from loadgrpc.broker.run_store import RunStore
from loadgrpc.broker.sources import Sources
from loadgrpc.broker.store_watch import StoreWatch
from loadgrpc.broker.timeline import Timelines
from loadgrpc.broker.troubles import AsOf, troubles_of
from loadgrpc.broker.work import Guard, Work
from loadgrpc.clock import Clock
from loadgrpc.errors import Unavailable
from loadgrpc.model import Run, StopMode, Trouble
from loadgrpc.observers.config import ObserverConfig
from loadgrpc.protocol.fleet import Registration
from loadgrpc.protocol.runs import verdict_from_proto
from loadgrpc.store import Retention, Store, StoreError
from loadgrpc.v1 import run_pb2

TICK_S: Final = 1.0
"""How often leases are looked at, and figures are sent to watchers."""

_log = logging.getLogger(__name__)


class Broker:
    """See the module.

    `keep_batches`: whether committed batches stay in the store. A local run, whose store
    is forgotten with it, has no use for them. `retention`: what is kept of them, which
    others see to. `allow_version_skew`: whether agents of another minor
    version are accepted. `limits`: those that are not as they are by default, by name.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        store_name: str,
        lease_s: float,
        keep_batches: bool = True,
        retention: Retention | None = None,
        allow_version_skew: bool = False,
        observers: ObserverConfig | None = None,
        limits: Mapping[str, int] | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._store_name = store_name
        self._retention = retention or Retention()
        self._allow_version_skew = allow_version_skew
        self.address = ""
        """Where it is served; for whoever asks about the broker."""
        self._start_time_ns = clock.wall_ns()
        self._runs: dict[str, ActiveRun] = {}
        self.parameters = Comparison(self._runs)
        self._work = work = Work()
        self.quotas = Quotas(limits or {}, clock)
        self._ticker: asyncio.Task[None] | None = None
        self._store_watch = StoreWatch(store, clock)
        self.timelines = Timelines(store, self._store_watch)
        self.observing = Observing(observers or ObserverConfig())
        self.notifier = Notifier(store, self.observing, clock)
        self.run_over: Callable[[str], None] = lambda _: None
        """Called with the id of a run that is over, once its result is stored."""
        self._run_store = RunStore(
            store,
            observing=self.observing,
            noticed=self.notifier.add,
            store_watch=self._store_watch,
            timelines=self.timelines,
            clock=clock,
            work=work,
        )
        self.roster = Roster(lease_s=lease_s)
        self.drains = Drains(store, self.roster, clock)
        self.types = OwnTypes(store)
        self.bundles = Bundles(store, clock)
        by_attempt = attempts.Attempts(self._runs)
        self.fleet = Fleet(
            self.roster,
            by_attempt,
            run_store=self._run_store,
            clock=clock,
            work=work,
            happens=self._happens,
            allow_version_skew=allow_version_skew,
        )
        self.dispatcher = Dispatcher(
            self._runs,
            self.fleet,
            run_store=self._run_store,
            bundles=self.bundles,
            observing=self.observing,
            clock=clock,
            work=work,
            happens=self._happens,
            forget=self._forget,
        )
        self.sources = Sources(
            by_attempt,
            store,
            run_store=self._run_store,
            types=self.types,
            clock=clock,
            work=work,
            happens=self._happens,
        )
        self.intake = Intake(
            self.sources,
            by_attempt,
            store,
            clock=clock,
            work=work,
            keep_batches=keep_batches,
            quotas=self.quotas,
            happens=self._happens,
        )
        self.archive = Archive(
            self._runs,
            store,
            store_watch=self._store_watch,
            run_store=self._run_store,
            timelines=self.timelines,
            types=self.types,
            clock=clock,
            troubles_of=self._troubles_of,
            waiting_of=self.dispatcher.waiting,
            every_s=TICK_S,
        )
        self.reviews = Reviews(self.archive, self._run_store, self.timelines)

    # Its own life

    async def start(self) -> None:
        """Continues the runs that an earlier broker left unfinished.

        Agents have as long as ever to come back; what their runners measured meanwhile they
        send when they do.

        Raises:
            InvalidRequest: an observer of every run cannot be notified.
        """
        await self.observing.check_own()
        await self.types.recall()
        await self.drains.recall()
        unfinished = [run async for run in self._run_store.unfinished()]
        for run in sorted(unfinished, key=attempts.began_ns):  # of two, an agent is in the later
            now_ns = self._clock.monotonic_ns()
            self._runs[run.run.run_id] = run
            for part in run.live_parts():
                part.told_ns = now_ns
                machine = run.machines.get(part.agent_id) or Registration(
                    agent_id=part.agent_id, hostname=part.hostname, pid=0, version="", cores=0
                )
                self.roster.expect(machine, run.run.attempt_id, now_ns)
            if run.stopping is not None:
                run.over_by_ns = deadlines.over_by_ns(run, now_ns)
            self._happens(run, happened.Resumed())
        self._store_watch.start()
        await self.notifier.start()
        self.dispatcher.look()
        self._ticker = asyncio.create_task(self._tick())

    async def close(self) -> None:
        """Takes no more work, ends all streams, and waits for what is being stored.

        Runs stay as they are, for the broker that comes after this one.
        """
        self.dispatcher.close(Unavailable(GOING_AWAY))
        if self._ticker is not None:
            self._ticker.cancel()
        self._store_watch.close()
        self._run_store.hurry()
        self.fleet.close(Unavailable(GOING_AWAY))
        self.sources.close(Unavailable(GOING_AWAY))
        self.archive.close()
        await self.notifier.close()
        await self._work.ended()

    async def _tick(self) -> None:
        guard = Guard()
        while True:
            await asyncio.sleep(TICK_S)
            with guard("ending leases"):
                self.fleet.end_leases()
            with guard("giving up overdue parts"):
                self.end_overdue()
            with guard("starting runs that wait"):
                self.dispatcher.look()
            with guard("looking at the store"):
                self._store_watch.tick(idle=not self._runs)
            for run in self._with_agents():
                with guard(f"closing the seconds of run {run.run.run_id}"):
                    self.close_seconds(run)
            for run in list(self._run_store.unstored):
                with guard(f"storing the result of run {run.run.run_id}"):
                    await self._store_result(run)

    def close_seconds(self, run: ActiveRun) -> None:
        """Lets seconds of a run close, judges them, and stores windows that leave memory."""
        run.close_seconds(self._clock.wall_ns(), stored=self._store_watch.trouble is None)
        if run.thresholds.have_failed:
            self._happens(run, happened.ThresholdsFailed())
        if self.timelines.leaves(run):
            self._work.begin(self.timelines.keep_if_possible(run))

    def end_overdue(self) -> None:
        """Gives up parts that do not begin, or do not end when they should."""
        if self._store.trouble:
            return  # what agents say waits for the store, and so do they
        for run in self._with_agents():
            self._happens(run, happened.TimePassed(self.fleet.links.keys()))

    def _with_agents(self) -> list[ActiveRun]:
        """The active runs that do not wait."""
        return [run for run in self._runs.values() if not run.run.state.waiting]

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
            active_runs=sum(not run.announced.state.waiting for run in self.archive.live_runs),
            store_trouble=trouble.words if trouble is not None else "",
            address=self.address,
            store_bytes=self._store_watch.size,
            lease_s=self.roster.lease_s,
            keep_runs=self._retention.keep_runs,
            keep_hits_bytes=self._retention.keep_bytes,
            allow_version_skew=self._allow_version_skew,
            limits=self.quotas.uses(),
            errors=dict(self.quotas.errors),
        )

    def _troubles_of(self, run: ActiveRun) -> tuple[Trouble, ...]:
        """The current problems of a run."""
        now = AsOf(self._clock.wall_ns(), self._clock.monotonic_ns(), self._start_time_ns)
        return troubles_of(run, self.roster, self._store_watch.trouble, now)

    # What clients do

    async def stop_run(self, run_id: str, mode: StopMode, asked_by: str = "") -> Run:
        """Stops a run; asking again changes nothing, except for a kill; nor when it is over.

        Raises:
            NotFound: no such run.
            StoreError: the run is being stopped, but that cannot be stored for now; it is as
                soon as it can be, and shown then.
        """
        run = self.archive.live_run(run_id)
        if run is None:
            return await self.archive.get_run(run_id)
        saving = self._happens(run, happened.StopAsked(mode, asked_by))
        if saving is not None:
            await saving
        elif run.closing is not None and run.run.state.final:  # it waited
            await asyncio.wait({run.closing})
        return run.announced

    async def ask(self, run: ActiveRun, event: happened.Event) -> None:
        """Lets something happen to a run, and stores it."""
        await (self._happens(run, event) or asyncio.sleep(0))

    # What follows

    def _happens(self, run: ActiveRun, event: happened.Event) -> Awaitable[None] | None:
        """Lets an event happen to a run, and carries out what follows.

        What it returns is done when that is stored; None: there is nothing to store.
        """
        now = life.Now(self._clock.wall_ns(), self._clock.monotonic_ns())
        save: commands.Save | None = None
        for command in life.step(run, event, now):
            if isinstance(command, commands.Save) and command.then is None:
                save = command  # one is enough, of all that has happened
            else:
                self._carry_out(run, command)
        if save is None:
            return None
        if save.patient:
            return self._work.begin(self._run_store.save(run, patient=True))
        return asyncio.shield(self._work.shared(self._save_at_once(run)))

    def _carry_out(self, run: ActiveRun, command: commands.Command) -> None:
        attempt_id = run.run.attempt_id
        match command:
            case commands.Save(then):
                self._work.begin(self._save_then(run, then))
            case commands.Order(agent_id, order):
                self.fleet.order(agent_id, order)
            case commands.Reply(source_id, answer):
                run.part_of(source_id).sources[source_id].answer(answer)
            case commands.Release(agent_id):
                self.roster.release(agent_id, attempt_id)
            case commands.GiveUp(agent_id):
                self.roster.give_up(agent_id, attempt_id)
            case commands.Close():
                run.closing = self._work.begin(self._close_run(run))
                self.dispatcher.wake()  # it may have been in the queue
            case commands.Log(words, level, agent_id):
                run_id = run.run.run_id
                fields = {"run_id": run_id} | ({"agent_id": agent_id} if agent_id else {})
                _log.log(level, "run %s %s", run_id, words, extra=fields)

    async def _save_then(self, run: ActiveRun, then: happened.Event | None) -> None:
        await self._run_store.save(run, patient=True)
        if then is not None:
            self._happens(run, then)

    async def _save_at_once(self, run: ActiveRun) -> None:
        """Stores what is known of a run; when that fails now, it will be stored later."""
        try:
            await self._run_store.save(run)
        except StoreError:
            self._work.begin(self._run_store.save(run, patient=True))
            raise

    async def _close_run(self, run: ActiveRun) -> None:
        """Stores the result of a run that is over, then lets everybody go; or it is tried again."""
        for source in run.sources():
            async with source.lock:
                await source.settle()  # what is being stored has arrived in time
        self._release(run)
        result = result_of(run)
        judged = verdict_from_proto(result.verdict)
        if (following := attempts.next_of(run, judged)) is not None:
            await self._try_again(run, result, following)
            return
        judged = attempts.name_all(run, result)
        run.ended(result, judged)
        run_id = run.run.run_id
        _log.info(
            "run %s is %s, exit %d: %s",
            run_id,
            run.run.state.name,
            judged.exit_code,
            judged.reason,
            extra={"run_id": run_id},
        )
        try:
            await self._store_result(run)
        except Exception:
            self._forget(run)  # a defect, and no use in trying again
            run.wake()
            raise

    async def _try_again(
        self, run: ActiveRun, result: run_pb2.RunSummary, following: attempts.Next
    ) -> None:
        """An attempt is over, and another one follows: its result is kept, and the run waits."""
        await self._run_store.finish_attempt(run)
        self.types.retire(run.run.attempt_id)
        attempts.try_again(run, following, attempt_of(following.ended, result))
        run_id, why = run.run.run_id, following.ended.reason
        _log.info("run %s: %s, after %s", run_id, run.run.reason, why, extra={"run_id": run_id})
        await self._run_store.save(run, patient=True)
        self.dispatcher.wake()

    async def _store_result(self, run: ActiveRun) -> None:
        """Stores the result of a run, if the store takes it; the run is forgotten then."""
        if await self._run_store.save_result(run):
            self._forget(run)
            self.run_over(run.run.run_id)

    def _forget(self, run: ActiveRun) -> None:
        del self._runs[run.run.run_id]
        self.types.retire(run.run.attempt_id)
        self._release(run)

    def _release(self, run: ActiveRun) -> None:
        """The agents of an attempt that is over are free."""
        for agent_id in run.run.agent_ids:
            self.roster.release(agent_id, run.run.attempt_id)
