"""The sources: what runners report besides measurements, and which of them may report at all.

Rule: this knows sources and their streams (`inbox.py`) and how far each is (`ledger.py`); the
lock of a source is held while that is decided. What a message means for a run is decided in
`life.py`; measurements go to `intake.py`.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from loadgrpc import model
from loadgrpc.broker import happened
from loadgrpc.broker.inbox import Inbox, Source
from loadgrpc.broker.ledger import Ledger
from loadgrpc.broker.own_types import OwnTypes
from loadgrpc.broker.part import Part
from loadgrpc.broker.run import ActiveRun
from loadgrpc.broker.run_store import RunStore
from loadgrpc.broker.work import Work
from loadgrpc.clock import Clock
from loadgrpc.errors import InvalidRequest, NotFound, Superseded, Unavailable, Violation
from loadgrpc.model import ExceptionInfo, SourceId
from loadgrpc.protocol import answers
from loadgrpc.store import SourceProgress, Store, StoreError

_log = logging.getLogger(__name__)


class Sources:
    """See the module. `runs` are those that are not over; the broker's, and read here.

    `happens` lets something happen to one of them; what it returns is done when that is stored.
    """

    def __init__(
        self,
        runs: Mapping[str, ActiveRun],
        store: Store,
        *,
        run_store: RunStore,
        types: OwnTypes,
        clock: Clock,
        work: Work,
        happens: Callable[[ActiveRun, happened.Event], Awaitable[None] | None],
    ) -> None:
        self._runs = runs
        self._store = store
        self._run_store = run_store
        self._types = types
        self._clock = clock
        self._work = work
        self._happens = happens

    def close(self, why: Exception) -> None:
        """Ends all streams."""
        for run in self._runs.values():
            for inbox in run.inboxes():
                inbox.end(why)

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
        return replace(part.assignment, load_changes=part.changes)

    async def open_source(
        self,
        inbox: Inbox,
        source_id: SourceId,
        *,
        epoch: int,
        barrier: bool,
        feeds: bool = False,
        stages: bool = True,
        scenario: str = "",
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
            await self._run_store.record(model.run_id_of(source_id.run_id))
            inbox.closed.add(source_id)
            inbox.put(source_id, answers.RunClosed())
            return
        part = run.parts.get((source_id.agent_id, scenario))
        if part is None:
            where = f"run {source_id.run_id}" + (f", scenario {scenario!r}" if scenario else "")
            raise NotFound(f"agent {source_id.agent_id} has no part in {where}")
        _check_that_it_follows(part, stages=stages)
        if (known := run.find_part_of(source_id)) is not None and known is not part:
            rule = f"source {source_id} belongs to scenario {known.scenario.name!r}"
            raise InvalidRequest([Violation("open.scenario", rule)])
        if known is None and source_id.runner_id in part.ended and part.scenario.one_user_each:
            inbox.closed.add(source_id)
            inbox.put(source_id, answers.RunClosed())  # it has ended, and nothing of it was left
            return
        if known is None and len(part.sources) + part.past.sources >= part.most_sources:
            raise InvalidRequest(f"the part of agent {part.agent_id} has too many sources already")
        source = part.sources.get(source_id) or Source(source_id, scenario)
        async with source.lock:
            await source.settle()  # what is being stored for an older stream counts as stored
            if part.state.final:
                inbox.closed.add(source_id)
                inbox.put(source_id, answers.RunClosed())
                return
            self._take_over(source, inbox, epoch)
            source.barrier, source.feeds = barrier, feeds
            run.add_source(part, source)
        if run.stopping is not None:
            inbox.put(source_id, answers.StopUsers(run.run.plan.stop_timeout_s))
        if part.changes and not part.scenario.one_user_each:  # its agent follows the level
            inbox.put(source_id, answers.LoadChanged(part.changes))
        self._happens(run, happened.SourceOpened(source_id))

    def _take_over(self, source: Source, inbox: Inbox, epoch: int) -> None:
        """Lets a stream speak for a source, and ends those with a lower epoch.

        Raises:
            Superseded: the source is open with a higher epoch.
        """
        source_id = source.source_id
        if epoch < source.epoch:
            raise Superseded(f"source {source_id} is open with epoch {source.epoch}")
        if epoch:
            for older in source.inboxes - {inbox}:
                older.refuse(source_id, Superseded(f"source {source_id} opened a newer stream"))
            source.inboxes.clear()
        source.epoch = epoch
        source.heard_ns = self._clock.wall_ns()
        source.inboxes.add(inbox)
        inbox.sources[source_id] = source
        source.ledger.opened()
        inbox.put(source_id, answers.Opened(source.stored.received))

    def close_inbox(self, inbox: Inbox) -> None:
        """A stream of sources ended."""
        for source in inbox.sources.values():
            source.inboxes.discard(inbox)

    def source(self, inbox: Inbox, source_id: SourceId) -> Source | None:
        """The source, if its run is active; otherwise None, and RunClosed is the answer.

        Raises:
            NotFound: it did not open on this stream.
            Unavailable: the stream is ended, because something before could not be stored.
        """
        if inbox.error is not None:
            raise inbox.error
        source = inbox.sources.get(source_id)
        if source is None and source_id not in inbox.closed:
            raise NotFound(f"source {source_id} is not open on this stream")
        run = self._runs.get(source_id.run_id)
        if source is None or run is None or run.part_of(source_id).state.final:
            inbox.put(source_id, answers.RunClosed())
            return None
        source.heard_ns = self._clock.wall_ns()
        return source

    async def bring_types(self, inbox: Inbox, source_id: SourceId, types: bytes) -> None:
        """A source that has opened brought types of its own; answers TypesRefused, or nothing.

        Raises:
            Unavailable: the store failed.
        """
        if source_id not in inbox.sources:
            return
        try:
            refused = await self._work.whole(self._types.bring(source_id.run_id, types))
        except StoreError as error:
            raise unavailable(source_id, error) from error
        if refused is not None:
            inbox.put(source_id, refused)

    def ready(self, inbox: Inbox, source_id: SourceId, cycle: int) -> None:
        """A runner is ready for a cycle.

        Raises:
            InvalidRequest: the plan has no such cycle.
        """
        if self.source(inbox, source_id) is None:
            return
        run = self._runs[source_id.run_id]
        if not 1 <= cycle <= run.run.plan.cycles:
            message = f"must be from 1 to {run.run.plan.cycles}, the cycles of the plan"
            raise InvalidRequest([Violation("ready.cycle", message)])
        if cycle <= run.cycle:
            begin_ns = run.common_begin.at(run.ahead_ns.get(source_id.agent_id))
            began_ns = begin_ns if cycle == run.cycle else 0
            inbox.put(source_id, answers.StartCycle(cycle, began_ns))  # it missed the order
        self._happens(run, happened.SourceReady(source_id, cycle))

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
        source = self.source(inbox, source_id)
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
            if run is None or self.source(inbox, source_id) is None:
                return
            ledger = source.ledger
            if not ledger.finished:
                ledger.finish(ledger.received if produced is None else produced)
                if hits is not None:
                    await self._compare(run, source, hits)
                await self.commit(source)
        saving = self._happens(run, happened.SourceFinished(source_id, load_error))
        if saving is not None:
            await saving
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
        if message := part.compare(source, counted=counted, produced=hits):
            _log.warning(
                "run %s: %s",
                source_id.run_id,
                message,
                extra={"run_id": source_id.run_id, "agent_id": source_id.agent_id},
            )
            await self._run_store.save(run, patient=True)

    async def commit(self, source: Source) -> None:
        """Stores a source's ledger; called with the source's lock held, when it is settled.

        Raises:
            Unavailable: the store failed; the ledger is as it was at the last commit.
        """
        ledger = source.ledger.copy()
        progress = progress_of(source, ledger)
        try:
            await self._store.save_source(progress, after=source.stored.received)
        except StoreError as error:
            source.ledger = source.stored.copy()
            raise unavailable(source.source_id, error) from error
        source.stored = ledger


def _check_that_it_follows(part: Part, *, stages: bool) -> None:
    """A load that changes over time needs a runner that says it can follow one."""
    follows = stages or part.scenario.one_user_each  # there its agent does
    if part.scenario.load is not None and not follows:
        rule = (
            "is needed: the load of this scenario changes over time, and the runner does not say"
            " that it can follow that"
        )
        raise InvalidRequest([Violation("open.capabilities.stages", rule)])


def unavailable(source_id: SourceId, error: StoreError) -> Unavailable:
    """The error that a source gets when the store failed; its cause is logged."""
    _log.error("source %s: the store failed", source_id, exc_info=error)
    return Unavailable(f"the store failed: {error}")


def progress_of(source: Source, ledger: Ledger) -> SourceProgress:
    """How far a source is, for the store."""
    return SourceProgress(
        source=source.source_id,
        scenario=source.scenario,
        committed_sequence=ledger.received,
        finished=ledger.finished,
        committed=ledger.committed,
        rejected=ledger.rejected,
        duplicates=ledger.duplicates,
        lost=ledger.lost.events,
        losses=ledger.skipped,
    )
