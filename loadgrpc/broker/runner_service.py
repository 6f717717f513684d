"""RunnerService, for what agents relay of runners: parse, call, convert. Nothing is decided here.

Event batches stay what they are: `protocol/batches.py` reads them where they are counted.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from loadgrpc.broker.broker import Broker
from loadgrpc.broker.callers import check_agent
from loadgrpc.broker.inbox import Inbox
from loadgrpc.broker.outbox import queued
from loadgrpc.errors import Forbidden, InvalidRequest, NotFound, Superseded, Violation
from loadgrpc.model import SourceId
from loadgrpc.protocol import assignments, bounds
from loadgrpc.protocol.answers import answer_to_proto
from loadgrpc.protocol.bound import ID, broken
from loadgrpc.protocol.events import exception_from_proto
from loadgrpc.protocol.raw import Oversized, Published, named_source, no_source
from loadgrpc.protocol.sources import source_from_proto
from loadgrpc.protocol.transport import Context
from loadgrpc.v1 import runner_pb2, runner_pb2_grpc


class RunnerService(runner_pb2_grpc.RunnerServiceServicer):
    """What runners measure, as agents relay it; see runner.proto."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    async def GetAssignment(  # noqa: N802
        self, request: runner_pb2.GetAssignmentRequest, _: Context
    ) -> runner_pb2.GetAssignmentResponse:
        """See runner.proto."""
        source_id = source_from_proto(request.source)
        check_agent(source_id.agent_id)
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
            async for source_id, answer in queued(inbox.answers, reading):
                yield answer_to_proto(source_id, inbox.newest(source_id, answer))
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
            except (Forbidden, InvalidRequest, NotFound, Superseded) as error:
                inbox.refuse(source_id, error)  # the stream goes on for the others

    async def _take(
        self, request: runner_pb2.PublishEventsRequest, source_id: SourceId, inbox: Inbox
    ) -> None:
        """One message about one source; of a kind that is not known here: nothing."""
        broker = self._broker
        _check_open(request)
        match request.WhichOneof("message"):
            case "open":  # once for all that follows of this source
                check_agent(source_id.agent_id)
                await broker.sources.open_source(
                    inbox,
                    source_id,
                    epoch=request.open.epoch,
                    barrier=request.open.capabilities.cycle_barrier,
                    feeds=request.open.capabilities.cases,
                    stages=request.open.capabilities.stages,
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
    if request.HasField("open") and (message := broken(ID, request.open.scenario)):
        raise InvalidRequest([Violation("open.scenario", message)])


def _finish_from_proto(message: runner_pb2.Finish) -> dict[str, Any]:
    totals = message.totals
    return {
        "produced": totals.events if message.HasField("totals") else None,
        "hits": totals.hits if totals.HasField("hits") else None,
        "load_error": (
            exception_from_proto(message.load_error) if message.HasField("load_error") else None
        ),
    }
