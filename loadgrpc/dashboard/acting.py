"""What the page changes: each route reads a request as its message, and asks the broker.

Rule: only what the protocol offers, and only where the door was opened for it (--web-control).
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from loadgrpc.client.raw_calls import RawCalls
from loadgrpc.dashboard.asked import Query, message_of
from loadgrpc.dashboard.documents import JSON, document_of
from loadgrpc.dashboard.reading import PageReads
from loadgrpc.v1 import control_pb2


class PageActs:
    """See the module."""

    def __init__(self, calls: RawCalls, reading: PageReads) -> None:
        self._calls = calls
        self._reading = reading

    async def start(self, request: Request) -> Response:
        """Starts a run, or checks whether one could be: StartRun, CheckPlan."""
        query = Query(request, "check")
        wanted = await message_of(request, control_pb2.StartRunRequest())
        if query.flag("check"):
            plan = control_pb2.CheckPlanRequest(plan=wanted.plan)
            return await self._asked("CheckPlan", plan)
        return await self._asked("StartRun", wanted)

    async def stop(self, request: Request) -> Response:
        """Stops it: StopRun."""
        Query(request)
        wanted = await message_of(request, control_pb2.StopRunRequest())
        wanted.run_id = request.path_params["run"]
        return await self._asked("StopRun", wanted)

    async def load(self, request: Request) -> Response:
        """Changes its load: SetLoad."""
        Query(request)
        wanted = await message_of(request, control_pb2.SetLoadRequest())
        wanted.run_id = request.path_params["run"]
        return await self._asked("SetLoad", wanted)

    async def note(self, request: Request) -> Response:
        """Adds a note to its log: AddNote."""
        Query(request)
        wanted = await message_of(request, control_pb2.AddNoteRequest())
        wanted.run_id = request.path_params["run"]
        return await self._asked("AddNote", wanted)

    async def delete(self, request: Request) -> Response:
        """Deletes it: DeleteRun."""
        Query(request)
        wanted = control_pb2.DeleteRunRequest(run_id=request.path_params["run"])
        return await self._asked("DeleteRun", wanted)

    async def drain(self, request: Request) -> Response:
        """Drains an agent, or undoes that: DrainAgent."""
        Query(request)
        wanted = await message_of(request, control_pb2.DrainAgentRequest())
        wanted.agent_id = request.path_params["agent"]
        return await self._asked("DrainAgent", wanted)

    async def _asked(self, name: str, message: Any) -> Response:
        answer = await self._calls.call(name, message)
        self._reading.changed()
        return Response(await document_of(answer), media_type=JSON)
