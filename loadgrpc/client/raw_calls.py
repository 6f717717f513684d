"""Calls of ControlService that give messages: for those who show documents of them.

Rule: nothing is converted, so that a document has every field that the broker has sent.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Final

import grpc.aio

from loadgrpc.client.calling import called
from loadgrpc.client.private_way import PrivateWay
from loadgrpc.protocol import plans, status
from loadgrpc.v1 import control_pb2, control_pb2_grpc

_WITH_PLAN: Final = (control_pb2.StartRunRequest, control_pb2.CheckPlanRequest)


class RawCalls:
    """See the module. Every method raises errors of `loadgrpc.errors`, as those of `Client`."""

    def __init__(self, control: control_pb2_grpc.ControlServiceStub, way: PrivateWay) -> None:
        self._control = control
        self._way = way

    async def call(self, name: str, request: Any) -> Any:
        """The answer to a request; `name` is that of the method, such as `GetRun`."""
        if self._way.exposed and isinstance(request, _WITH_PLAN):
            self._way.check([plans.plan_from_proto(request.plan)])
        return await called(getattr(self._control, name), request)

    async def timeline(
        self, request: control_pb2.GetTimelineRequest
    ) -> control_pb2.GetTimelineResponse:
        """All windows that are wanted: the pages of the answer, as one."""
        whole: control_pb2.GetTimelineResponse = await self.call("GetTimeline", request)
        token = whole.next_page_token
        while token:
            following = control_pb2.GetTimelineRequest()
            following.CopyFrom(request)
            following.page_token = token
            page = await self.call("GetTimeline", following)
            whole.windows.extend(page.windows)
            token = page.next_page_token
        whole.next_page_token = ""
        return whole

    async def watch(
        self, request: control_pb2.WatchRunRequest
    ) -> AsyncGenerator[control_pb2.WatchRunResponse]:
        """What WatchRun sends, to its end."""
        call = self._control.WatchRun(request)
        try:
            async for response in call:
                yield response
        except grpc.aio.AioRpcError as error:
            raise status.from_rpc_error(error) from error
        finally:
            call.cancel()

    async def changes(self, run_id: str) -> list[control_pb2.Change]:
        """The log of a run: what happened to it up to now, in order."""
        found = []
        request = control_pb2.WatchRunRequest(run_id=run_id, after=0)
        async with aclosing(self.watch(request)) as responses:
            async for response in responses:
                if not response.HasField("change"):
                    break  # figures: what follows has not happened yet
                found.append(response.change)
        return found
