"""The broker's three services: parse, call, convert.

Rule: wire types stop here (except event batches, which `protocol/batches.py` reads where they are
counted). Nothing is decided here.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any, Final
from urllib.parse import unquote

from loadgrpc import __version__
from loadgrpc.broker import answers
from loadgrpc.broker.answers import Answer
from loadgrpc.broker.broker import Broker
from loadgrpc.broker.inbox import Inbox
from loadgrpc.broker.listing import Listed, Position, Wanted
from loadgrpc.broker.orders import (
    HEARD,
    AgentLink,
    ExitNoted,
    Heard,
    Order,
    StartProcesses,
    StartRunners,
)
from loadgrpc.broker.outbox import Pace
from loadgrpc.broker.roster import HEARTBEAT_S, Registration
from loadgrpc.errors import InvalidRequest, NotFound, Superseded, Violation
from loadgrpc.model import RunState, SourceId, StopMode
from loadgrpc.protocol import assignments, bounds, home, plans, progress, times
from loadgrpc.protocol.events import exception_from_proto
from loadgrpc.protocol.produced import Produced
from loadgrpc.protocol.raw import Oversized, Published, named_source, no_source
from loadgrpc.protocol.rows import KINDS
from loadgrpc.protocol.runs import agent_to_proto, broker_to_proto, run_to_proto
from loadgrpc.protocol.shrinking import shrink
from loadgrpc.protocol.sources import source_from_proto, source_to_proto
from loadgrpc.protocol.summary import summary_to_proto
from loadgrpc.protocol.transport import Context
from loadgrpc.v1 import (
    control_pb2,
    control_pb2_grpc,
    fleet_pb2,
    fleet_pb2_grpc,
    runner_pb2,
    runner_pb2_grpc,
)

_log = logging.getLogger(__name__)

MOST_PER_S: Final = 200
"""Heartbeats and the like that an agent is listened to: one that floods us takes nobody's time."""
MAX_LISTED: Final = 100
"""Events in a message: what many cost together is shared, and nobody waits long for his turn."""
MAX_AGENT_CHARS: Final = 200
"""Of what a client calls itself, in a line of the log."""
MAX_FILTERS: Final = 16
"""Values of a filter of ListRuns."""
MAX_LISTED_BYTES: Final = 1 << 20
"""Of them; clients take 4 MiB, unless told otherwise."""


class ControlService(control_pb2_grpc.ControlServiceServicer):
    """What people and tools ask for; see control.proto."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    async def StartRun(  # noqa: N802 - the name in the proto
        self, request: control_pb2.StartRunRequest, context: Context
    ) -> control_pb2.StartRunResponse:
        """See control.proto."""
        plan = plans.plan_from_proto(request.plan)
        run = await self._broker.start_run(plan, request.request_id)
        _note(context, "asked for run %s", run.run_id)
        return control_pb2.StartRunResponse(run=run_to_proto(run))

    async def GetRun(  # noqa: N802
        self, request: control_pb2.GetRunRequest, _: Context
    ) -> control_pb2.GetRunResponse:
        """See control.proto."""
        run = await self._broker.archive.get_run(_run_id(request))
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
        async for news in self._broker.archive.watch_run(_run_id(request), after):
            yield progress.news_to_proto(news)

    async def StopRun(  # noqa: N802
        self, request: control_pb2.StopRunRequest, context: Context
    ) -> control_pb2.StopRunResponse:
        """See control.proto."""
        if request.mode not in control_pb2.StopMode.values():
            raise InvalidRequest([Violation("mode", "is not known here")])
        kill = request.mode == control_pb2.STOP_MODE_KILL
        mode = StopMode.KILL if kill else StopMode.GRACEFUL
        _note(context, "asks to kill run %s" if kill else "asks to stop run %s", _run_id(request))
        run = await self._broker.stop_run(_run_id(request), mode, _client_of(context))
        return control_pb2.StopRunResponse(run=run_to_proto(run))

    async def GetSummary(  # noqa: N802
        self, request: control_pb2.GetSummaryRequest, _: Context
    ) -> control_pb2.GetSummaryResponse:
        """See control.proto."""
        summary = await self._broker.archive.get_summary(_run_id(request))
        message = summary_to_proto(summary)
        shrink(message)
        return control_pb2.GetSummaryResponse(summary=message)

    async def ListEvents(  # noqa: N802
        self, request: control_pb2.ListEventsRequest, _: Context
    ) -> AsyncIterator[control_pb2.ListEventsResponse]:
        """See control.proto."""
        response = control_pb2.ListEventsResponse()
        size = 0
        async for listed in self._broker.archive.list_events(_wanted_from_proto(request)):
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
        await self._broker.archive.delete_run(_run_id(request))
        _note(context, "deleted run %s", _run_id(request))
        return control_pb2.DeleteRunResponse()

    async def PurgeRuns(  # noqa: N802
        self, request: control_pb2.PurgeRunsRequest, context: Context
    ) -> control_pb2.PurgeRunsResponse:
        """See control.proto."""
        run_ids = await self._broker.archive.purge_runs(_older_than_from_proto(request))
        for run_id in run_ids:
            _note(context, "deleted run %s", run_id)
        return control_pb2.PurgeRunsResponse(run_ids=run_ids)

    async def ListAgents(  # noqa: N802
        self, _request: control_pb2.ListAgentsRequest, _: Context
    ) -> control_pb2.ListAgentsResponse:
        """See control.proto."""
        agents = [agent_to_proto(agent) for agent in self._broker.fleet.agents()]
        return control_pb2.ListAgentsResponse(agents=agents)

    async def GetBroker(  # noqa: N802
        self, _request: control_pb2.GetBrokerRequest, _: Context
    ) -> control_pb2.GetBrokerResponse:
        """See control.proto."""
        return broker_to_proto(self._broker.info())


class FleetService(fleet_pb2_grpc.FleetServiceServicer):
    """What agents say; see fleet.proto."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    async def Connect(  # noqa: N802
        self, requests: AsyncIterator[fleet_pb2.ConnectRequest], context: Context
    ) -> AsyncIterator[fleet_pb2.ConnectResponse]:
        """See fleet.proto."""
        first = await anext(aiter(requests), None)
        if first is None or first.WhichOneof("message") != "register":
            raise InvalidRequest([Violation("register", "must be the first message")])
        registration = _registration_from_proto(first.register, context.peer())
        await self._broker.fleet.admit_agent(registration)
        link = self._broker.fleet.connect_agent(registration)
        goodbye = asyncio.Event()
        reading = asyncio.create_task(self._read(requests, link, goodbye))
        try:
            yield _registered_to_proto(self._broker.roster.lease_s)
            async for order in _queued(link.orders, reading):
                link.taken(order)
                yield _order_to_proto(order)
        finally:
            reading.cancel()
            self._broker.fleet.disconnect_agent(link, goodbye=goodbye.is_set())

    async def _read(
        self,
        requests: AsyncIterator[fleet_pb2.ConnectRequest],
        link: AgentLink,
        goodbye: asyncio.Event,
    ) -> None:
        pace = Pace(MOST_PER_S)
        async for request in requests:
            await link.orders.room()
            kind = request.WhichOneof("message")
            self._broker.fleet.heard_from_agent(link.agent_id, _sent_ns(request.heartbeat))
            if kind == "runner_exit":
                ended = request.runner_exit
                self._broker.fleet.runner_exited(
                    link.agent_id,
                    ended.run_id,
                    ended.runner_id,
                    ended.exit_status or (1 if ended.start_error else 0),
                    bounds.kept_bytes(ended.start_error, bounds.MAX_TEXT_BYTES)
                    or _last_line(bounds.kept_bytes(ended.stderr_tail, bounds.MAX_TEXT_BYTES)),
                    scenario=ended.scenario,
                    last=ended.last,
                    produced=_produced_from_proto(ended),
                )
            elif kind == "ready":
                ready = request.ready
                self._broker.fleet.agent_ready(
                    link.agent_id, ready.run_id, ready.scenario, ready.cycle
                )
            elif kind == "goodbye":
                goodbye.set()
            elif kind == "heartbeat":
                link.put(HEARD)
            # Anything else is of a newer agent, and ignored.
            if kind != "runner_exit":  # there may be as many of these as users
                await pace.keep()


class RunnerService(runner_pb2_grpc.RunnerServiceServicer):
    """What runners measure, as agents relay it; see runner.proto."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    async def GetAssignment(  # noqa: N802
        self, request: runner_pb2.GetAssignmentRequest, _: Context
    ) -> runner_pb2.GetAssignmentResponse:
        """See runner.proto."""
        source_id = source_from_proto(request.source)
        assignment = self._broker.sources.assignment(source_id, request.scenario)
        message = assignments.assignment_to_proto(assignment)
        return runner_pb2.GetAssignmentResponse(assignment=message)

    async def PublishEvents(  # noqa: N802
        self, requests: AsyncIterator[Published], _: Context
    ) -> AsyncIterator[runner_pb2.PublishEventsResponse]:
        """See runner.proto."""
        inbox = Inbox()
        reading = asyncio.create_task(self._read(requests, inbox))
        try:
            async for source_id, answer in _queued(inbox.answers, reading):
                yield _answer_to_proto(source_id, inbox.newest(source_id, answer))
        finally:
            reading.cancel()
            self._broker.sources.close_inbox(inbox)

    async def _read(self, requests: AsyncIterator[Published], inbox: Inbox) -> None:
        async for request in requests:
            await inbox.answers.room()
            source_id = _source_of(request, inbox)
            if isinstance(request, Oversized):
                self._broker.intake.too_large(
                    inbox, source_id, request.first_sequence, request.size
                )
                continue
            try:
                await self._take(request, source_id, inbox)
            except (InvalidRequest, NotFound, Superseded) as error:
                inbox.refuse(source_id, error)  # the stream goes on for the others

    async def _take(
        self, request: runner_pb2.PublishEventsRequest, source_id: SourceId, inbox: Inbox
    ) -> None:
        """One message about one source; of a kind that is not known here: nothing."""
        broker = self._broker
        _check_open(request)
        match request.WhichOneof("message"):
            case "open":
                await broker.sources.open_source(
                    inbox,
                    source_id,
                    epoch=request.open.epoch,
                    barrier=request.open.capabilities.cycle_barrier,
                    scenario=request.open.scenario,
                )
                if request.open.types:
                    await broker.sources.bring_types(inbox, source_id, request.open.types)
            case "batch":
                await broker.intake.publish(inbox, source_id, request.batch)
            case "skip":
                skip = request.skip
                await broker.intake.skip(
                    inbox,
                    source_id,
                    skip.first_sequence,
                    skip.count,
                    bounds.kept_chars(skip.reason, bounds.MAX_REASON_CHARS),
                    hits=skip.hits,
                )
            case "ready":
                broker.sources.ready(inbox, source_id, request.ready.cycle)
            case "finish":
                await broker.sources.finish(inbox, source_id, **_finish_from_proto(request.finish))


async def _queued(queue: asyncio.Queue[Any], reading: asyncio.Task[None]) -> AsyncIterator[Any]:
    """What is put on `queue`, until both it is empty and the other side has ended.

    An exception on the queue, or one that reading raised, ends the stream.
    """
    reading.add_done_callback(lambda _: queue.put_nowait(None))
    while True:
        item = await queue.get()
        if isinstance(item, Exception):
            raise item
        if item is not None:
            yield item
        elif queue.empty():
            break
    if reading.done():
        reading.result()


def _note(context: Context, did: str, run_id: str) -> None:
    """Log who did what to a run."""
    if not _log.isEnabledFor(logging.INFO):
        return
    client = _client_of(context)
    _log.info(f"%s {did}", client, run_id, extra={"run_id": run_id, "client": client})


def _client_of(context: Context) -> str:
    """The caller: its address, and its user agent."""
    named = dict(context.invocation_metadata() or ()).get("user-agent", "")
    return unquote(context.peer()) + (f" ({named[:MAX_AGENT_CHARS]})" if named else "")


# Converters


def _run_id(
    request: control_pb2.GetRunRequest
    | control_pb2.WatchRunRequest
    | control_pb2.StopRunRequest
    | control_pb2.DeleteRunRequest
    | control_pb2.GetSummaryRequest
    | control_pb2.ListEventsRequest,
) -> str:
    if not request.run_id:
        raise InvalidRequest([Violation("run_id", "is required")])
    return request.run_id


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
        run_id=_run_id(message),
        kinds=frozenset(message.kinds or KINDS),
        agent_id=message.agent_id,
        limit=message.limit,
        after=Position.parse(message.after) if message.after else None,
    )


def _filters_from_proto(message: control_pb2.ListRunsRequest) -> dict[str, frozenset[Any]]:
    violations = [
        Violation(name, f"has more than {MAX_FILTERS} entries")
        for name in ("states", "exit_codes")
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
    }


def _older_than_from_proto(message: control_pb2.PurgeRunsRequest) -> float:
    older_than_s = times.seconds_from_proto(message.older_than)
    if not message.HasField("older_than") or older_than_s < 0:
        rule = "is required, and not negative; 0s deletes all runs that are over"
        raise InvalidRequest([Violation("older_than", rule)])
    return older_than_s


def _registration_from_proto(message: fleet_pb2.Register, peer: str) -> Registration:
    if not message.agent_id:
        raise InvalidRequest([Violation("register.agent_id", "is required")])
    return Registration(
        agent_id=message.agent_id,
        hostname=message.hostname,
        pid=message.pid,
        version=message.version,
        cores=message.cores,
        run_ids=tuple(message.run_ids),
        held=frozenset((each.run_id, each.scenario) for each in message.assignments),
        sent_ns=_sent_ns(message),
        peer=peer.rpartition(":")[0],
    )


def _sent_ns(message: fleet_pb2.Register | fleet_pb2.Heartbeat) -> int | None:
    """When a message was sent, by the clock of its sender; None: it does not say."""
    return times.timestamp_from_proto(message.time) if message.HasField("time") else None


def _registered_to_proto(lease_s: float) -> fleet_pb2.ConnectResponse:
    return fleet_pb2.ConnectResponse(
        registered=fleet_pb2.Registered(
            version=__version__,
            heartbeat_interval=times.seconds_to_proto(HEARTBEAT_S),
            lease=times.seconds_to_proto(lease_s),
        )
    )


def _order_to_proto(order: Order) -> fleet_pb2.ConnectResponse:
    if isinstance(order, Heard):
        return fleet_pb2.ConnectResponse(heartbeat=fleet_pb2.Heartbeat())
    if isinstance(order, StartRunners):
        return fleet_pb2.ConnectResponse(run=assignments.start_to_proto(order.assignment))
    if isinstance(order, StartProcesses):
        cycle = fleet_pb2.AssignmentCycle(
            run_id=order.run_id, scenario=order.scenario, cycle=order.cycle
        )
        return fleet_pb2.ConnectResponse(start_cycle=cycle)
    if isinstance(order, ExitNoted):
        noted = fleet_pb2.RunnerExitNoted(
            run_id=order.run_id, runner_id=order.runner_id, scenario=order.scenario
        )
        return fleet_pb2.ConnectResponse(exit_noted=noted)
    return fleet_pb2.ConnectResponse(
        stop=fleet_pb2.StopAssignment(
            run_id=order.run_id,
            mode=int(order.mode),  # type: ignore[arg-type]  # an enum's number
            stop_timeout=times.seconds_to_proto(order.stop_timeout_s),
            scenario=order.scenario,
        )
    )


def _produced_from_proto(ended: fleet_pb2.RunnerExit) -> Produced | None:
    """What a runner had produced; no more than could ever be numbered."""
    if not ended.HasField("produced_events"):
        return None
    events = min(ended.produced_events, home.MAX_SEQUENCE)
    return Produced(events, min(ended.produced_hits, events))


def _last_line(text: str) -> str:
    """The last line that is not indented: in many languages, stack frames are indented."""
    lines = [line for line in text.splitlines() if line.strip()]
    whole = [line for line in lines if not line[0].isspace()]
    return (whole or lines or [""])[-1].strip()


def _source_of(request: Published, inbox: Inbox) -> SourceId:
    """The source a message is about: named, or the only one that is open."""
    if (named := named_source(request)) is not None:
        return source_from_proto(named)
    open_here = {*inbox.sources, *inbox.closed}
    if len(open_here) != 1:
        raise no_source()
    return next(iter(open_here))


def _check_open(request: runner_pb2.PublishEventsRequest) -> None:
    """What opens a source is within its bounds; its types are for `bring_types`."""
    if request.HasField("open") and (words := bounds.broken(bounds.ID, request.open.scenario)):
        raise InvalidRequest([Violation("open.scenario", words)])


def _finish_from_proto(message: runner_pb2.Finish) -> dict[str, Any]:
    totals = message.totals
    return {
        "produced": totals.events if message.HasField("totals") else None,
        "hits": totals.hits if totals.HasField("hits") else None,
        "load_error": (
            exception_from_proto(message.load_error) if message.HasField("load_error") else None
        ),
    }


_ANSWERS: Final[dict[type[Any], Callable[[Any], dict[str, Any]]]] = {
    answers.Opened: lambda a: {
        "opened": runner_pb2.SourceOpened(
            committed_sequence=a.committed_sequence,
            durable_sequence=a.committed_sequence,
            limits=home.limits(),
        )
    },
    answers.Acked: lambda a: {
        "ack": runner_pb2.Ack(
            durable_sequence=a.committed_sequence, committed_sequence=a.committed_sequence
        )
    },
    answers.Gap: lambda a: {"gap": runner_pb2.Gap(expected_sequence=a.expected_sequence)},
    answers.Rejected: lambda a: {
        "rejected": runner_pb2.Rejected(
            first_sequence=a.first_sequence, count=a.count, violations=a.violations
        )
    },
    answers.Finished: lambda a: {
        "finished": runner_pb2.Finished(committed=a.committed, rejected=a.rejected, lost=a.lost)
    },
    answers.RunClosed: lambda _: {"run_closed": runner_pb2.RunClosed()},
    answers.StartCycle: lambda a: {"start_cycle": runner_pb2.StartCycle(cycle=a.cycle)},
    answers.Refused: lambda a: {
        "error": runner_pb2.SourceError(reason=a.reason, message=a.message)
    },
    answers.TooLarge: lambda a: {
        "too_large": runner_pb2.TooLarge(first_sequence=a.first_sequence, batch_bytes=a.batch_bytes)
    },
    answers.TypesRefused: lambda a: {
        "types_refused": runner_pb2.TypesRefused(reason=a.reason, message=a.message)
    },
    answers.StopUsers: lambda a: {
        "stop": runner_pb2.Stop(stop_timeout=times.seconds_to_proto(a.stop_timeout_s))
    },
}
"""Each answer and the field of PublishEventsResponse that says it."""


def _answer_to_proto(source_id: SourceId, answer: Answer) -> runner_pb2.PublishEventsResponse:
    fields = _ANSWERS[type(answer)](answer)
    return runner_pb2.PublishEventsResponse(source=source_to_proto(source_id), **fields)
