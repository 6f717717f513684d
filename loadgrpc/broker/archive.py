"""Answers about runs, active ones and those that are over.

Rule: an active run is answered from memory, as it was stored last; every other from the store.
Nothing is shown that a restart would forget, and everybody gets the same answer.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing, suppress
from dataclasses import replace
from typing import Final, NamedTuple

from loadgrpc.broker import live, watch
from loadgrpc.broker.listing import Listed, Wanted, listed
from loadgrpc.broker.naming import Named, Naming
from loadgrpc.broker.own_types import OwnTypes
from loadgrpc.broker.records import run_of, size_of
from loadgrpc.broker.result import RunResult
from loadgrpc.broker.run import ActiveRun
from loadgrpc.broker.run_store import RunStore
from loadgrpc.broker.store_watch import StoreWatch
from loadgrpc.broker.timeline import Timelines
from loadgrpc.clock import Clock
from loadgrpc.errors import NotFound, RunNotOver, Unavailable
from loadgrpc.model import (
    News,
    Notification,
    Progress,
    Run,
    RunState,
    Summary,
    TimelinePage,
    TimelineQuery,
    Trouble,
    Waiting,
    attempt_id,
    run_id_of,
)
from loadgrpc.protocol import plans
from loadgrpc.protocol.bounds import MAX_ANSWER_BYTES
from loadgrpc.protocol.notifications import notification_to_proto
from loadgrpc.protocol.required import page_number
from loadgrpc.protocol.summary import summary_from_proto
from loadgrpc.protocol.times import signed_from_proto
from loadgrpc.store import Filter, RunRecord, Store, StoreError
from loadgrpc.v1 import run_pb2

MAX_PAGE: Final = 500
DEFAULT_PAGE: Final = 50
PAGE_RECORDS: Final = 50
"""Runs that are read at once: with the largest plans, 13 MB."""
GOING_AWAY: Final = "the broker is going away"


class RunPage(NamedTuple):
    """Some runs, the newest first."""

    runs: list[Run]
    next_token: str
    """Empty: this is the last page."""
    store_trouble: str = ""
    """Why the store could not be read: then these are the active runs. Empty: it could."""


class Archive:
    """See the module. `runs` are those that are not over; the broker's, and read here.

    `troubles_of` returns the current problems of one of them, `waiting_of` what it waits for;
    `every_s` is how often watchers get figures.
    """

    def __init__(
        self,
        runs: Mapping[str, ActiveRun],
        store: Store,
        *,
        store_watch: StoreWatch,
        run_store: RunStore,
        timelines: Timelines,
        types: OwnTypes,
        clock: Clock,
        troubles_of: Callable[[ActiveRun], tuple[Trouble, ...]],
        waiting_of: Callable[[ActiveRun], Waiting | None],
        every_s: float,
    ) -> None:
        self._runs = runs
        self._store = store
        self._store_watch = store_watch
        self._run_store = run_store
        self._timelines = timelines
        self._types = types
        self._clock = clock
        self._troubles_of = troubles_of
        self._waiting_of = waiting_of
        self._naming = Naming(runs, store, store_watch)
        self._every_s = every_s
        self._closing = False

    def close(self) -> None:
        """Ends all watches."""
        self._closing = True
        for run in self._runs.values():
            run.wake()

    @property
    def live_runs(self) -> list[ActiveRun]:
        """The runs that are not over, or whose result is not stored yet."""
        return [run for run in self._runs.values() if run.log.last]

    def live_run(self, run_id: str) -> ActiveRun | None:
        """One of them; None: it is over, or there is none, or it is not stored yet."""
        run = self._runs.get(run_id)
        return run if run is not None and run.log.last else None

    # Runs

    async def get_run(self, run_id: str) -> Run:
        """The state of a run.

        Raises:
            NotFound: no such run.
        """
        run = self.live_run(run_id)
        return await self._run_store.run(run_id) if run is None else self._shown(run)

    async def named(self, text: str) -> Named:
        """The run, and the attempt, that a client names: see `Naming.named`."""
        return await self._naming.named(text)

    async def find_request(self, request_id: str) -> Run | None:
        """The run that a request has started, as it was stored last; None: it has started none.

        Raises:
            StoreError: the store cannot be read.
        """
        record = await self._run_store.by_request(request_id)
        return run_of(record) if record is not None else None

    def _shown(self, run: ActiveRun) -> Run:
        """An active run as it is stored, with its current problems, and what it waits for."""
        troubles, waiting = self._troubles(run), self._waiting_of(run)
        return replace(run.announced, troubles=troubles, waiting=waiting)

    def _troubles(self, run: ActiveRun) -> tuple[Trouble, ...]:
        """The current problems of an active run; a run that is over has its reason."""
        return () if run.announced.state.final else self._troubles_of(run)

    async def list_runs(
        self,
        page_size: int,
        page_token: str,
        *,
        states: frozenset[RunState] = frozenset(),
        exit_codes: frozenset[int] = frozenset(),
        labels: frozenset[str] = frozenset(),
        owner: str = "",
        title: str = "",
    ) -> RunPage:
        """A page of runs, newest first; while the store cannot be read, the active ones.

        Only those in some `states` and judged with some `exit_codes`, none: all; and only those
        with all the `labels`, of that `owner`, and with that text in their `title`. A page may be
        short: then, or when more is more than a client takes.

        Raises:
            InvalidRequest: the token is none of ours.
            StoreError: the store cannot be read, and this is not the first page.
        """
        before = page_number(page_token)
        limit = min(page_size or DEFAULT_PAGE, MAX_PAGE)
        # Of those that go on the store may be behind: they are looked at here.
        wanted = Filter(
            states=states,
            verdicts=exit_codes,
            also=frozenset(self._runs) if states or exit_codes else frozenset(),
            labels=labels,
            owner=owner,
            title=title,
        )
        trouble = ""
        try:
            page, token = await self._store_watch.read(self._page(limit, before, wanted))
        except StoreError as error:
            if page_token:
                raise
            token, trouble = "", str(error)
            runs = self._newest(limit)
        else:
            runs = []
            for record in page:
                active = self.live_run(record.run_id)
                runs.append(self._shown(active) if active is not None else run_of(record))
        shown = [
            run
            for run in runs
            if (not states or run.state in states)
            and (not exit_codes or (run.verdict and run.verdict.exit_code in exit_codes))
            and labels.issubset(run.plan.labels)
            and owner in ("", run.plan.user_id)
            and title in run.plan.title
        ]
        return RunPage(shown, token, trouble)

    def _newest(self, limit: int) -> list[Run]:
        """Active runs, newest first, as many as a client accepts."""
        runs: list[Run] = []
        size = 0
        for run in sorted(self.live_runs, key=lambda each: -each.run.create_time_ns)[:limit]:
            size += plans.plan_to_proto(run.run.plan).ByteSize()
            if runs and size > MAX_ANSWER_BYTES:
                break
            runs.append(self._shown(run))
        return runs

    async def _page(
        self, limit: int, before: int | None, wanted: Filter
    ) -> tuple[list[RunRecord], str]:
        """The records of a page that a client takes, and the token of the next page."""
        page: list[RunRecord] = []
        size = 0
        while True:
            records = await self._store.list_runs(PAGE_RECORDS, before, wanted)
            for record in records:
                size += size_of(record)
                if len(page) == limit or (page and size > MAX_ANSWER_BYTES):
                    return page, str(page[-1].sequence)
                page.append(record)
            if len(records) < PAGE_RECORDS:
                return page, ""
            before = records[-1].sequence

    async def watch_run(
        self, run_id: str, after: int | None = None, *, windows: bool = False
    ) -> AsyncIterator[News]:
        """Every change of a run after the one with this number, and its figures, to its end.

        `after` None: beginning with the run as it is. `windows`: those that close come too.

        Raises:
            NotFound: no such run.
            InvalidRequest: it has no change of that number.
            Unavailable: the broker is going away.
        """
        run = self.live_run(run_id)
        if run is None:
            known = await self._run_store.run(run_id)
            for news in watch.past(known, await self._run_store.log_of(known), after):
                yield news
            return

        def check() -> None:
            if self._closing:
                raise Unavailable(GOING_AWAY)
            if self._runs.get(run_id) is not run:
                message = f"the result of run {run_id} cannot be stored: a defect of the broker"
                raise Unavailable(message)

        def figures() -> Progress | Run:
            if run.announced.state.waiting:
                return self._shown(run)
            return live.progress(run, self._clock.wall_ns(), lambda: self._troubles_of(run))

        watching = watch.live(
            run, after, every_s=self._every_s, windows=windows, figures=figures, check=check
        )
        async with aclosing(watching):
            async for news in watching:
                yield news

    async def get_summary(self, run_id: str, attempt: int | None = None) -> Summary:
        """The result of a run, or its figures so far; or of an `attempt` of it.

        Raises:
            NotFound: no such run, or no such attempt.
        """
        if (result := await self.result(run_id, attempt)) is not None:
            return summary_from_proto(result)
        run = self._runs[run_id]
        return replace(
            RunResult(run).summary(run.announced),
            troubles=self._troubles(run),
            notifications=await self._notifications(run_id),
        )

    async def _notifications(self, run_id: str) -> tuple[Notification, ...]:
        """Of observers; none while the store cannot be read: what else is known is shown."""
        with suppress(StoreError):
            return tuple(await self._store_watch.read(self._store.notifications(run_id)))
        return ()

    async def result(self, run_id: str, attempt: int | None = None) -> run_pb2.RunSummary | None:
        """The summary of a run that is over, with everything stored about it; None: it is active.

        `attempt`: that of an attempt of it; None: the newest one.

        Raises:
            NotFound: no such run, or no such attempt.
        """
        if attempt is not None and attempt != await self._newest_attempt(run_id):
            return await self._result_of(run_id, attempt)
        if (run := self.live_run(run_id)) is not None:
            if run.result is None or not run.announced.state.final:
                return None
            result = run_pb2.RunSummary()
            result.CopyFrom(run.result)
        else:
            record = await self._run_store.record(run_id)
            if record.summary is None:
                raise NotFound(f"run {run_id} has no summary")
            result = run_pb2.RunSummary.FromString(record.summary)
        notifications = await self._notifications(run_id)
        result.notifications.extend(notification_to_proto(each) for each in notifications)
        return result

    async def _newest_attempt(self, run_id: str) -> int:
        """The number of the current attempt of a run, or of its last one.

        Raises:
            NotFound: no such run.
        """
        run = self.live_run(run_id)
        return (run.announced if run is not None else await self._run_store.run(run_id)).attempt

    async def _result_of(self, run_id: str, attempt: int) -> run_pb2.RunSummary:
        """The summary of an attempt that was followed by another one.

        Raises:
            NotFound: there is no such attempt.
        """
        summary = await self._store_watch.read(self._store.attempt_summary(run_id, attempt))
        if summary is None:
            raise NotFound(f"run {run_id} has no attempt {attempt}")
        return run_pb2.RunSummary.FromString(summary)

    async def _stored_as(self, named: str) -> str:
        """What the store knows an attempt by, given the id of its run, and its number if any.

        Raises:
            NotFound: no such run, or no such attempt.
        """
        run_id, _, attempt = named.partition(".")
        newest = await self._newest_attempt(run_id)
        if attempt and int(attempt) > newest:
            raise NotFound(f"run {run_id} has no attempt {attempt}")
        return attempt_id(run_id, int(attempt or newest))

    def _of_attempt(self, attempt_id: str) -> ActiveRun | None:
        """The active run whose current attempt that is."""
        run = self.live_run(run_id_of(attempt_id))
        return run if run is not None and run.run.attempt_id == attempt_id else None

    async def get_timeline(self, query: TimelineQuery) -> TimelinePage:
        """Some windows of a run: of its newest attempt, or of the one that is named.

        Raises:
            NotFound: no such run, or no such attempt.
            InvalidRequest: the page token is none of ours.
        """
        own = await self._stored_as(query.run_id)
        return await self._timelines.page(replace(query, run_id=own), self._of_attempt)

    async def list_events(self, wanted: Wanted) -> AsyncIterator[Listed]:
        """The stored events of a run: of its newest attempt, or of the one that is named.

        Raises:
            NotFound: no such run, or no such attempt.
            EventsGone: it had some, and none is kept.
        """
        own = await self._stored_as(wanted.run_id)
        ahead_ns = await self._ahead_ns(own)
        async for event in listed(self._store, replace(wanted, run_id=own), ahead_ns):
            yield event

    async def _ahead_ns(self, attempt_id: str) -> Mapping[str, int]:
        """How far the clocks of an attempt's agents are ahead of ours, where that is known."""
        if (run := self._of_attempt(attempt_id)) is not None:
            return run.ahead_ns
        run_id, _, attempt = attempt_id.partition(".")
        result = await self.result(run_id, int(attempt or 1))
        assert result is not None  # noqa: S101 - the attempt does not go on
        return {
            agent.agent_id: signed_from_proto(agent.clock_offset)
            for agent in result.agents
            if agent.HasField("clock_offset")
        }

    # What goes

    async def delete_run(self, run_id: str) -> None:
        """Deletes a run that is over, with everything stored about it.

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
            raise NotFound(f"no run {run_id!r}")
        self._types.drop(run_id)

    async def purge_runs(self, older_than_s: float) -> list[str]:
        """Deletes the runs that ended longer ago than this; their ids, the oldest first."""
        ended_before_ns = max(self._clock.wall_ns() - round(older_than_s * 1e9), 0)
        purging = self._store.purge_runs(ended_before_ns=ended_before_ns if older_than_s else None)
        purged = []
        async for run_id in purging:
            self._types.drop(run_id)
            purged.append(run_id)
        return purged
