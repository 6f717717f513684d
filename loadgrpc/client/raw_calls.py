"""Calls of ControlService that give messages: for those who show documents of them.

Rule: nothing is converted, so that a document has every field that the broker has sent.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

import grpc.aio

from loadgrpc.client.calling import called
from loadgrpc.protocol import status
from loadgrpc.v1 import control_pb2, control_pb2_grpc


class RawCalls:
    """See the module. Every method raises errors of `loadgrpc.errors`, as those of `Client`."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._control = control_pb2_grpc.ControlServiceStub(channel)

    async def call(self, name: str, request: Any) -> Any:
        """The answer to a request; `name` is that of the method, such as `GetRun`."""
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
