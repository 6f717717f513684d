"""ControlService, for people and tools: parse, call, convert. Nothing is decided here."""

from __future__ import annotations

import logging
import secrets
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any, Final

from loadgrpc.broker import happened, load_orders
from loadgrpc.broker.audit import Audit
from loadgrpc.broker.broker import Broker
from loadgrpc.broker.callers import CALLER, check_owner, client_of, own
from loadgrpc.broker.listing import Listed, Position, Wanted
from loadgrpc.broker.run import ActiveRun
from loadgrpc.errors import InvalidRequest, Violation
from loadgrpc.model import News, Progress, RunState, StopMode, TimelineWindow
from loadgrpc.protocol import (
    bounds,
    bundles,
    comparisons,
    live_loads,
    plans,
    progress,
    thresholds,
    timeline,
    times,
)
from loadgrpc.protocol.required import required
from loadgrpc.protocol.rows import KINDS
from loadgrpc.protocol.runs import agent_to_proto, broker_to_proto, run_to_proto
from loadgrpc.protocol.shrinking import shrink
from loadgrpc.protocol.submissions import submission_from_proto
from loadgrpc.protocol.summary import summary_to_proto
from loadgrpc.protocol.transport import Context
from loadgrpc.secrets import masked
from loadgrpc.v1 import control_pb2, control_pb2_grpc

_log = logging.getLogger(__name__)

MAX_LISTED: Final = 100
"""Events in a message: what many cost together is shared, and nobody waits long for his turn."""
LATELY: Final = 32
"""Figures and windows whose messages are kept for others who watch."""
MAX_FILTERS: Final = 16
"""Values of a filter of ListRuns."""
MAX_LISTED_BYTES: Final = 1 << 20
"""Of them; clients accept 4 MiB by default."""


class ControlService(control_pb2_grpc.ControlServiceServicer):
    """What people and tools ask for; see control.proto."""

    def __init__(self, broker: Broker, audit: Audit) -> None:
        self._audit = audit
        self._broker = broker
        self._lately: deque[tuple[object, control_pb2.WatchRunResponse]] = deque(maxlen=LATELY)
        """Figures and windows that were sent lately, with their messages."""

    async def StartRun(  # noqa: N802 - the name in the proto
        self, request: control_pb2.StartRunRequest, context: Context
    ) -> control_pb2.StartRunResponse:
        """See control.proto."""
        plan = own(plans.plan_from_proto(request.plan))
        submission = submission_from_proto(request)
        run = await self._broker.dispatcher.start_run(plan, request.request_id, submission)
        _note(context, "asked for run %s", run.run_id)
        self._audit.note(context, "started a run", run.run_id, run.plan.label)
        await self._broker.parameters.compared(run.run_id)
        return control_pb2.StartRunResponse(run=run_to_proto(run))

    async def CheckPlan(  # noqa: N802
        self, request: control_pb2.CheckPlanRequest, _: Context
    ) -> control_pb2.CheckPlanResponse:
        """See control.proto."""
        plan = plans.plan_from_proto(request.plan)
        dispatcher = self._broker.dispatcher
        await dispatcher.check_plan(plan)
        return control_pb2.CheckPlanResponse(
            plan=plans.shown_plan(plan), waits_for=dispatcher.waits_for(plan)
        )

    async def UploadBundle(  # noqa: N802
        self, requests: AsyncIterator[control_pb2.UploadBundleRequest], context: Context
    ) -> control_pb2.UploadBundleResponse:
        """See control.proto."""
        record = await self._broker.bundles.receive(bundles.checked_pieces(requests))
        if record.complete:
            self._audit.note(context, "uploaded a bundle", record.sha256)
        return control_pb2.UploadBundleResponse(received=record.received, complete=record.complete)

    async def GetBundle(  # noqa: N802
        self, request: control_pb2.GetBundleRequest, _: Context
    ) -> control_pb2.GetBundleResponse:
        """See control.proto."""
        bundles.check_digest(request.sha256)
        record = await self._broker.bundles.known(request.sha256)
        if record is None:
            return control_pb2.GetBundleResponse()
        return control_pb2.GetBundleResponse(
            received=record.received, size=record.size, complete=record.complete
        )

    async def GetRun(  # noqa: N802
        self, request: control_pb2.GetRunRequest, _: Context
    ) -> control_pb2.GetRunResponse:
        """See control.proto."""
        run = await self._broker.archive.get_run(await self._run_id(request))
        return control_pb2.GetRunResponse(run=run_to_proto(run))

    async def ListRuns(  # noqa: N802
        self, request: control_pb2.ListRunsRequest, _: Context
    ) -> control_pb2.ListRunsResponse:
        """See control.proto."""
        page = await self._broker.archive.list_runs(
            request.page_size, request.page_token, **_filters_from_proto(request)
        )
        return control_pb2.ListRunsResponse(
            runs=[run_to_proto(run) for run in page.runs],
            next_page_token=page.next_token,
            store_trouble=page.store_trouble,
        )

    async def WatchRun(  # noqa: N802
        self, request: control_pb2.WatchRunRequest, _: Context
    ) -> AsyncIterator[control_pb2.WatchRunResponse]:
        """See control.proto."""
        after = request.after if request.HasField("after") else None
        archive, run_id = self._broker.archive, await self._run_id(request)
        async for news in archive.watch_run(run_id, after, windows=request.windows):
            yield self._converted(news)

    async def _run_id(self, request: Any) -> str:
        """The run that a request names."""
        return (await self._broker.archive.named(required(request, "run_id"))).run_id

    async def _changed(self, request: Any) -> str:
        """The run that a request names, which its caller may change."""
        run_id = await self._run_id(request)
        if CALLER.get() is not None:
            run = await self._broker.archive.get_run(run_id)
            check_owner(run.plan.user_id, f"run {run_id}")
        return run_id

    def _converted(self, news: News) -> control_pb2.WatchRunResponse:
        """News as their message; figures and windows are converted once for all who watch."""
        if not isinstance(news.update, Progress | TimelineWindow):
            return progress.news_to_proto(news)
        message = next((made for of, made in self._lately if of is news.update), None)
        if message is None:
            message = progress.news_to_proto(news)
            self._lately.append((news.update, message))
        shared = control_pb2.WatchRunResponse()
        shared.CopyFrom(message)
        shared.sequence = news.sequence
        return shared

    async def StopRun(  # noqa: N802
        self, request: control_pb2.StopRunRequest, context: Context
    ) -> control_pb2.StopRunResponse:
        """See control.proto."""
        if request.mode not in control_pb2.StopMode.values():
            raise InvalidRequest([Violation("mode", "is not known here")])
        kill = request.mode == control_pb2.STOP_MODE_KILL
        mode = StopMode.KILL if kill else StopMode.GRACEFUL
        run_id = await self._changed(request)
        _note(context, "asks to kill run %s" if kill else "asks to stop run %s", run_id)
        self._audit.note(context, "killed a run" if kill else "stopped a run", run_id)
        run = await self._broker.stop_run(run_id, mode, client_of(context))
        return control_pb2.StopRunResponse(run=run_to_proto(run))

    async def SetLoad(  # noqa: N802
        self, request: control_pb2.SetLoadRequest, context: Context
    ) -> control_pb2.SetLoadResponse:
        """See control.proto."""
        order = live_loads.order_of(request)
        run_id = await self._changed(request)
        _note(context, "asks for another load of run %s", run_id)
        self._audit.note(context, "changed the load of a run", run_id)
        run = await self._live(run_id)
        request_id = request.request_id or secrets.token_hex(8)
        asked = load_orders.asked(run, order, request_id, client_of(context))
        if asked.is_new:
            await self._broker.ask(asked.run, asked.event)
        changes = asked.run.log.of_request(request_id)
        return control_pb2.SetLoadResponse(changes=map(progress.change_to_proto, changes))

    async def AddNote(  # noqa: N802
        self, request: control_pb2.AddNoteRequest, context: Context
    ) -> control_pb2.AddNoteResponse:
        """See control.proto."""
        text = masked(" ".join(required(request, "text").split()))
        run = await self._live(await self._changed(request))
        if run is None or run.run.state.final:
            raise InvalidRequest([Violation("run_id", "is of a run that is over")])
        request_id = request.request_id or secrets.token_hex(8)
        if not run.log.of_request(request_id):
            _note(context, "adds a note to run %s", run.run.run_id)
            self._audit.note(context, "added a note to a run", run.run.run_id)
            event = happened.NoteAsked(text, request_id)
            await self._broker.ask(run, event)
        change = next(iter(run.log.of_request(request_id)), None)
        shown = None if change is None else progress.change_to_proto(change)
        return control_pb2.AddNoteResponse(change=shown)

    async def _live(self, run_id: str) -> ActiveRun | None:
        """A run that is not over; None: it is.

        Raises:
            NotFound: no such run.
        """
        run = self._broker.archive.live_run(run_id)
        if run is None:
            await self._broker.archive.get_run(run_id)
        return run

    async def GetSummary(  # noqa: N802
        self, request: control_pb2.GetSummaryRequest, _: Context
    ) -> control_pb2.GetSummaryResponse:
        """See control.proto."""
        archive = self._broker.archive
        named = await archive.named(required(request, "run_id"))
        message = await archive.result(*named)  # with fields that another broker has stored
        if message is None:
            message = summary_to_proto(await archive.get_summary(named.run_id))
        shrink(message)
        return control_pb2.GetSummaryResponse(summary=message)

    async def GetTimeline(  # noqa: N802
        self, request: control_pb2.GetTimelineRequest, _: Context
    ) -> control_pb2.GetTimelineResponse:
        """See control.proto."""
        archive, query = self._broker.archive, timeline.query_from_proto(request)
        named = str(await archive.named(query.run_id))
        return timeline.page_to_proto(await archive.get_timeline(replace(query, run_id=named)))

    async def CheckRun(  # noqa: N802
        self, request: control_pb2.CheckRunRequest, _: Context
    ) -> control_pb2.CheckRunResponse:
        """See control.proto."""
        query = thresholds.check_from_proto(request)
        run_id = (await self._broker.archive.named(query.run_id)).run_id
        checked = await self._broker.reviews.check_run(replace(query, run_id=run_id))
        return thresholds.checked_to_proto(checked)

    async def CompareRuns(  # noqa: N802
        self, request: control_pb2.CompareRunsRequest, _: Context
    ) -> control_pb2.CompareRunsResponse:
        """See control.proto."""
        texts, min_effect = comparisons.compare_from_proto(request)
        run_ids = [(await self._broker.archive.named(each)).run_id for each in texts]
        found = await self._broker.reviews.compare_runs(run_ids, min_effect)
        made = map(comparisons.comparison_to_proto, found)
        return control_pb2.CompareRunsResponse(comparisons=made)

    async def ListEvents(  # noqa: N802
        self, request: control_pb2.ListEventsRequest, _: Context
    ) -> AsyncIterator[control_pb2.ListEventsResponse]:
        """See control.proto."""
        response = control_pb2.ListEventsResponse()
        size = 0
        archive, wanted = self._broker.archive, _wanted_from_proto(request)
        named = str(await archive.named(wanted.run_id))
        async for listed in archive.list_events(replace(wanted, run_id=named)):
            event = _listed_to_proto(listed)
            size += event.ByteSize()
            full = len(response.events) == MAX_LISTED or size > MAX_LISTED_BYTES
            if full and response.events:
                yield response
                response, size = control_pb2.ListEventsResponse(), event.ByteSize()
            response.events.append(event)
        if response.events:
            yield response

    async def DeleteRun(  # noqa: N802
        self, request: control_pb2.DeleteRunRequest, context: Context
    ) -> control_pb2.DeleteRunResponse:
        """See control.proto."""
        run_id = await self._changed(request)
        await self._broker.archive.delete_run(run_id)
        _note(context, "deleted run %s", run_id)
        self._audit.note(context, "deleted a run", run_id)
        return control_pb2.DeleteRunResponse()

    async def PurgeRuns(  # noqa: N802
        self, request: control_pb2.PurgeRunsRequest, context: Context
    ) -> control_pb2.PurgeRunsResponse:
        """See control.proto."""
        if request.waiting:
            if request.HasField("older_than"):
                rule = "cannot be combined with waiting: runs that wait have not ended"
                raise InvalidRequest([Violation("older_than", rule)])
            run_ids = await self._broker.dispatcher.purge(client_of(context))
        else:
            run_ids = await self._broker.archive.purge_runs(_older_than_from_proto(request))
        for run_id in run_ids:
            _note(context, "purged run %s" if request.waiting else "deleted run %s", run_id)
            self._audit.note(context, "deleted a run", run_id, "by a purge")
        return control_pb2.PurgeRunsResponse(run_ids=run_ids, count=len(run_ids))

    async def ListAgents(  # noqa: N802
        self, _request: control_pb2.ListAgentsRequest, _: Context
    ) -> control_pb2.ListAgentsResponse:
        """See control.proto."""
        agents = [agent_to_proto(agent) for agent in self._broker.fleet.agents()]
        return control_pb2.ListAgentsResponse(agents=agents)

    async def DrainAgent(  # noqa: N802
        self, request: control_pb2.DrainAgentRequest, context: Context
    ) -> control_pb2.DrainAgentResponse:
        """See control.proto."""
        drains = self._broker.drains
        change = drains.undo if request.undo else drains.drain
        agent = await change(required(request, "agent_id"))
        did = "undid the drain of an agent" if request.undo else "drained an agent"
        self._audit.note(context, did, request.agent_id)
        _log.info(
            "%s %s agent %s",
            client_of(context),
            "undid the drain of" if request.undo else "drained",
            request.agent_id,
            extra={"agent_id": request.agent_id, "client": client_of(context)},
        )
        return control_pb2.DrainAgentResponse(agent=agent_to_proto(agent))

    async def GetBroker(  # noqa: N802
        self, _request: control_pb2.GetBrokerRequest, _: Context
    ) -> control_pb2.GetBrokerResponse:
        """See control.proto."""
        return broker_to_proto(self._broker.info())


def _note(context: Context, did: str, run_id: str) -> None:
    """Log who did what to a run."""
    if not _log.isEnabledFor(logging.INFO):
        return
    client = client_of(context)
    _log.info(f"%s {did}", client, run_id, extra={"run_id": run_id, "client": client})


def _listed_to_proto(listed: Listed) -> control_pb2.ListedEvent:
    return control_pb2.ListedEvent(
        agent_id=listed.source.agent_id,
        runner_id=listed.source.runner_id,
        sequence=listed.sequence,
        event=listed.event,
        position=str(listed.position),
        time=times.timestamp_to_proto(listed.time_ns),
    )


def _wanted_from_proto(message: control_pb2.ListEventsRequest) -> Wanted:
    violations = [
        Violation(f"kinds[{at}]", f"is none of {', '.join(KINDS)}")
        for at, kind in enumerate(message.kinds)
        if kind not in KINDS
    ][: bounds.MAX_VIOLATIONS]
    if violations:
        raise InvalidRequest(violations)
    return Wanted(
        run_id=required(message, "run_id"),
        kinds=frozenset(message.kinds or KINDS),
        agent_id=message.agent_id,
        limit=message.limit,
        after=Position.parse(message.after) if message.after else None,
    )


def _filters_from_proto(message: control_pb2.ListRunsRequest) -> dict[str, Any]:
    violations = [
        Violation(name, f"has more than {MAX_FILTERS} entries")
        for name in ("states", "exit_codes", "labels")
        if len(getattr(message, name)) > MAX_FILTERS
    ]
    violations += [
        Violation(f"states[{at}]", "is not known here")
        for at, state in enumerate(message.states[:MAX_FILTERS])
        if state not in {int(known) for known in RunState}
    ]
    if violations:
        raise InvalidRequest(violations)
    return {
        "states": frozenset(map(RunState, message.states)),
        "exit_codes": frozenset(message.exit_codes),
        "labels": frozenset(message.labels),
        "owner": message.owner,
        "title": message.title,
    }


def _older_than_from_proto(message: control_pb2.PurgeRunsRequest) -> float:
    older_than_s = times.seconds_from_proto(message.older_than)
    if not message.HasField("older_than") or older_than_s < 0:
        rule = "is required, and not negative; 0s deletes all runs that are over"
        raise InvalidRequest([Violation("older_than", rule)])
    return older_than_s
