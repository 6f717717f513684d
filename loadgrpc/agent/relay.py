"""The agent's RunnerService: passes what its runners say to the broker, and the answers back.

Rule: identity and numbers are the runner's from end to end; nothing is counted, changed or
decoded here but the source that a message names. Each stream of a runner is one stream to
the broker. When that one breaks, so does the runner's, which opens another and sends again
what was not acked.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

import grpc.aio

from loadgrpc.errors import InvalidRequest, NotAllowed, NotFound, Violation
from loadgrpc.model import Assignment, SourceId
from loadgrpc.protocol import convert, status
from loadgrpc.protocol.raw import SERVICE, RawRunnerServiceStub, named_source
from loadgrpc.protocol.transport import Context, stream, unary
from loadgrpc.v1 import runner_pb2

SERVICES: Final = (SERVICE,)
_BEARER: Final = "Bearer "


@dataclass(frozen=True)
class Expected:
    """A runner that was started and may report."""

    source: SourceId
    assignment: Assignment
    token: str


class Relay:
    """See the module; served by `add_raw_runner_service`."""

    def __init__(self, broker: RawRunnerServiceStub) -> None:
        self._broker = broker
        self._expected: dict[str, Expected] = {}

    def expect(self, assignment: Assignment) -> Expected:
        """Lets a new runner report for `assignment`; gives it its identity and its token."""
        runner_id = secrets.token_hex(6)
        source = SourceId(assignment.run_id, assignment.agent_id, runner_id)
        expected = Expected(source, assignment, secrets.token_urlsafe(24))
        self._expected[expected.token] = expected
        return expected

    def forget(self, expected: Expected) -> None:
        """Lets a runner report no more."""
        self._expected.pop(expected.token, None)

    @unary
    async def GetAssignment(  # noqa: N802 - the name in the proto
        self, request: runner_pb2.GetAssignmentRequest, context: Context
    ) -> runner_pb2.GetAssignmentResponse:
        """See runner.proto."""
        caller = self._caller(context)
        source = convert.source_from_proto(request.source)
        if source != caller.source:
            raise NotFound(f"nothing is expected of source {source} with this token")
        assignment = caller.assignment
        return runner_pb2.GetAssignmentResponse(assignment=convert.assignment_to_proto(assignment))

    @stream
    async def PublishEvents(  # noqa: N802
        self, requests: AsyncIterator[bytes], context: Context
    ) -> AsyncIterator[bytes]:
        """See runner.proto."""
        caller = self._caller(context)
        upstream = self._broker.PublishEvents()
        forwarding = asyncio.create_task(self._forward(requests, upstream, caller))
        try:
            async for response in upstream:
                yield response
        except asyncio.CancelledError:
            if not forwarding.done():
                raise  # our own caller has gone
        except grpc.aio.AioRpcError as error:
            raise status.from_rpc_error(error) from error
        finally:
            forwarding.cancel()
            upstream.cancel()
        if forwarding.done():
            forwarding.result()

    async def _forward(
        self,
        requests: AsyncIterator[bytes],
        upstream: grpc.aio.StreamStreamCall,
        caller: Expected,
    ) -> None:
        ours = convert.source_to_proto(caller.source)
        try:
            async for request in requests:
                if named_source(request) not in (None, ours):
                    rule = "is not the one this token was given to"
                    raise InvalidRequest([Violation("source", rule)])  # noqa: TRY301
                await upstream.write(request)
            await upstream.done_writing()
        except InvalidRequest:
            upstream.cancel()
            raise

    def _caller(self, context: Context) -> Expected:
        """The runner that calls.

        Raises:
            NotAllowed: its token is missing or unknown.
        """
        for key, value in context.invocation_metadata() or ():
            if key == "authorization" and value.startswith(_BEARER):
                expected = self._expected.get(value.removeprefix(_BEARER))
                if expected is not None:
                    return expected
        raise NotAllowed("the metadata needs authorization: Bearer LOADGRPC_TOKEN")
