"""ScheduleService: parse, call, convert. Nothing is decided here."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

from loadgrpc.broker.audit import Audit
from loadgrpc.broker.callers import check_owner, client_of, own
from loadgrpc.broker.schedules import Schedules
from loadgrpc.protocol.bounds import MAX_ANSWER_BYTES
from loadgrpc.protocol.required import required
from loadgrpc.protocol.schedules import schedule_spec_from_proto, schedule_to_proto
from loadgrpc.protocol.transport import Context
from loadgrpc.v1 import schedule_pb2, schedule_pb2_grpc

_log = logging.getLogger(__name__)


class ScheduleService(schedule_pb2_grpc.ScheduleServiceServicer):
    """What is started at times of a calendar; see schedule.proto."""

    def __init__(self, schedules: Schedules, audit: Audit) -> None:
        self._audit = audit
        self._schedules = schedules

    def _changed(self, request: Any) -> str:
        """The schedule that a request names, which its caller may change."""
        name = required(request, "name")
        check_owner(self._schedules.get(name).spec.plan.user_id, f"schedule {name}")
        return name

    async def AddSchedule(  # noqa: N802 - the name in the proto
        self, request: schedule_pb2.AddScheduleRequest, context: Context
    ) -> schedule_pb2.AddScheduleResponse:
        """See schedule.proto."""
        spec = schedule_spec_from_proto(request.schedule)
        schedule = await self._schedules.add(replace(spec, plan=own(spec.plan)))
        _log.info("%s added schedule %s", client_of(context), schedule.spec.name)
        self._audit.note(context, "added a schedule", schedule.spec.name)
        shown = schedule_to_proto(schedule, shown=True)
        return schedule_pb2.AddScheduleResponse(schedule=shown)

    async def ListSchedules(  # noqa: N802
        self, request: schedule_pb2.ListSchedulesRequest, _: Context
    ) -> schedule_pb2.ListSchedulesResponse:
        """See schedule.proto."""
        wanted = [self._schedules.get(request.name)] if request.name else self._schedules.all()
        response = schedule_pb2.ListSchedulesResponse()
        size = 0
        for schedule in wanted:
            if request.page_token and schedule.spec.name <= request.page_token:
                continue
            shown = schedule_to_proto(schedule, shown=True)
            size += shown.ByteSize()
            if response.schedules and size > MAX_ANSWER_BYTES:
                response.next_page_token = response.schedules[-1].spec.name
                break
            response.schedules.append(shown)
        return response

    async def PauseSchedule(  # noqa: N802
        self, request: schedule_pb2.PauseScheduleRequest, context: Context
    ) -> schedule_pb2.PauseScheduleResponse:
        """See schedule.proto."""
        schedule = await self._schedules.pause(self._changed(request))
        _log.info("%s paused schedule %s", client_of(context), schedule.spec.name)
        self._audit.note(context, "paused a schedule", schedule.spec.name)
        shown = schedule_to_proto(schedule, shown=True)
        return schedule_pb2.PauseScheduleResponse(schedule=shown)

    async def ResumeSchedule(  # noqa: N802
        self, request: schedule_pb2.ResumeScheduleRequest, context: Context
    ) -> schedule_pb2.ResumeScheduleResponse:
        """See schedule.proto."""
        schedule = await self._schedules.resume(self._changed(request))
        _log.info("%s resumed schedule %s", client_of(context), schedule.spec.name)
        self._audit.note(context, "resumed a schedule", schedule.spec.name)
        shown = schedule_to_proto(schedule, shown=True)
        return schedule_pb2.ResumeScheduleResponse(schedule=shown)

    async def RunScheduleNow(  # noqa: N802
        self, request: schedule_pb2.RunScheduleNowRequest, context: Context
    ) -> schedule_pb2.RunScheduleNowResponse:
        """See schedule.proto."""
        schedule = await self._schedules.run_now(self._changed(request))
        _log.info("%s asked for a run of schedule %s", client_of(context), schedule.spec.name)
        self._audit.note(context, "ran a schedule", schedule.spec.name)
        shown = schedule_to_proto(schedule, shown=True)
        return schedule_pb2.RunScheduleNowResponse(schedule=shown)

    async def RemoveSchedule(  # noqa: N802
        self, request: schedule_pb2.RemoveScheduleRequest, context: Context
    ) -> schedule_pb2.RemoveScheduleResponse:
        """See schedule.proto."""
        await self._schedules.remove(self._changed(request))
        _log.info("%s removed schedule %s", client_of(context), request.name)
        self._audit.note(context, "removed a schedule", request.name)
        return schedule_pb2.RemoveScheduleResponse()
