"""Schedules of a broker, as a client sees them: `client.schedules`. Rule: as in `client`."""

from __future__ import annotations

from typing import Any

import grpc.aio

from loadgrpc.client.calling import called
from loadgrpc.client.private_way import PrivateWay
from loadgrpc.model import Schedule, ScheduleSpec
from loadgrpc.protocol.schedules import schedule_from_proto, schedule_spec_to_proto
from loadgrpc.v1 import schedule_pb2 as pb2
from loadgrpc.v1 import schedule_pb2_grpc


class ScheduleCalls:
    """Plans that a broker starts at times of a calendar."""

    def __init__(self, channel: grpc.aio.Channel, way: PrivateWay) -> None:
        self._way = way
        self._stub = schedule_pb2_grpc.ScheduleServiceStub(channel)

    async def add(self, spec: ScheduleSpec) -> Schedule:
        """Adds a schedule. Raises InvalidRequest or AlreadyExists if it cannot."""
        self._way.check([spec.plan])
        request = pb2.AddScheduleRequest(schedule=schedule_spec_to_proto(spec))
        return _schedule(await called(self._stub.AddSchedule, request))

    async def list(self, name: str = "") -> list[Schedule]:
        """All schedules, by name, or the one of a name."""
        found: list[Schedule] = []
        token = ""
        while True:
            request = pb2.ListSchedulesRequest(name=name, page_token=token)
            response = await called(self._stub.ListSchedules, request)
            found += map(schedule_from_proto, response.schedules)
            if not (token := response.next_page_token):
                return found

    async def pause(self, name: str) -> Schedule:
        """Keeps a schedule from starting runs."""
        request = pb2.PauseScheduleRequest(name=name)
        return _schedule(await called(self._stub.PauseSchedule, request))

    async def resume(self, name: str) -> Schedule:
        """Has a paused schedule start runs again, from the next time on."""
        request = pb2.ResumeScheduleRequest(name=name)
        return _schedule(await called(self._stub.ResumeSchedule, request))

    async def run_now(self, name: str) -> Schedule:
        """Starts a run of a schedule now: the newest firing of what it returns."""
        request = pb2.RunScheduleNowRequest(name=name)
        return _schedule(await called(self._stub.RunScheduleNow, request))

    async def remove(self, name: str) -> None:
        """Removes a schedule; its active run goes on."""
        await called(self._stub.RemoveSchedule, pb2.RemoveScheduleRequest(name=name))


def _schedule(response: Any) -> Schedule:
    return schedule_from_proto(response.schedule)
