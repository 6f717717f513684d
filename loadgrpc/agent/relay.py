"""The agent's RunnerService: receives what its runners send, and delivers it to the broker.

Rule: identity and numbers are the runner's from end to end, and events are forwarded unchanged.
What the broker commits in time never touches the disk. The rest is kept there, and the runner may
forget it, so that a runner never notices a broker that is away or slow.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from loadgrpc.agent.defects import log_defect
from loadgrpc.agent.runner_stream import RunnerStream
from loadgrpc.agent.source import RelayedSource
from loadgrpc.agent.spool import Spool
from loadgrpc.agent.streams import Streams
from loadgrpc.errors import NotAllowed, NotFound
from loadgrpc.model import Assignment, SourceId
from loadgrpc.protocol import assignments
from loadgrpc.protocol.raw import SERVICE
from loadgrpc.protocol.sources import source_from_proto
from loadgrpc.protocol.transport import Context
from loadgrpc.secrets import NOTHING, Redactor
from loadgrpc.v1 import runner_pb2

SERVICES: Final = (SERVICE,)
SPOOL_AFTER_S: Final = 1.0
"""Events that are not committed after this long go to disk."""
LOOKS: Final = 2
"""How often this is checked within that time."""
_BEARER: Final = "Bearer "

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Expected:
    """A runner that was started and may report."""

    source: RelayedSource
    assignment: Assignment
    token: str


class Relay:
    """See the module; served by `add_raw_runner_service`."""

    def __init__(self, broker: Streams, *, spool_after_s: float = SPOOL_AFTER_S) -> None:
        self._broker = broker
        self._spool_after_s = spool_after_s
        self._expected: dict[str, Expected] = {}
        self._sources: set[RelayedSource] = set()
        self._trouble = False
        self._keeping = asyncio.get_running_loop().create_task(self._keep())
        self._keeping.add_done_callback(log_defect)

    def expect(self, assignment: Assignment, source_id: SourceId, spool: Spool) -> Expected:
        """Lets a new runner report for `assignment`; gives it its token."""
        redactor = Redactor(assignment.secret_values)
        source = self._source(source_id, assignment.scenario.name, spool, redactor)
        expected = Expected(source, assignment, secrets.token_urlsafe(24))
        self._expected[expected.token] = expected
        return expected

    async def resume(self, source_id: SourceId, scenario: str, spool: Spool) -> RelayedSource:
        """Goes on with a source that an agent before this one has left on disk."""
        source = self._source(source_id, scenario, spool)
        await asyncio.to_thread(source.resume)
        return source

    def refuse(self, expected: Expected) -> None:
        """Lets a runner report no more."""
        self._expected.pop(expected.token, None)

    async def forget(self, source: RelayedSource) -> None:
        """Ends a source, of which nothing is expected any more."""
        self._sources.discard(source)
        await source.close()

    async def close(self) -> None:
        """Ends all sources; what the broker has not committed is put on disk."""
        self._keeping.cancel()
        await asyncio.gather(self._keeping, return_exceptions=True)
        for source in self._sources:
            await source.close()
        await self._keep_all(asyncio.get_running_loop().time())

    async def GetAssignment(  # noqa: N802 - the name in the proto
        self, request: runner_pb2.GetAssignmentRequest, context: Context
    ) -> runner_pb2.GetAssignmentResponse:
        """See runner.proto."""
        caller = self._caller(context)
        source_id = source_from_proto(request.source)
        if source_id != caller.source.source_id:
            raise NotFound(f"nothing is expected of source {source_id} with this token")
        assignment = caller.assignment
        return runner_pb2.GetAssignmentResponse(
            assignment=assignments.assignment_to_proto(assignment)
        )

    async def PublishEvents(  # noqa: N802
        self, requests: AsyncIterator[bytes], context: Context
    ) -> AsyncIterator[bytes]:
        """See runner.proto."""
        source = self._caller(context).source
        stream = RunnerStream()
        reading = asyncio.create_task(_read(requests, source, stream))
        reading.add_done_callback(lambda _: stream.put(None))
        try:
            while True:
                answer = await stream.take()
                if isinstance(answer, Exception):
                    raise answer
                if message := answer or source.ack(stream):
                    yield message
                if reading.done() and stream.empty and not source.owes(stream):
                    break
            reading.result()
        finally:
            reading.cancel()
            source.leave(stream)

    def _source(
        self, source_id: SourceId, scenario: str, spool: Spool, redactor: Redactor = NOTHING
    ) -> RelayedSource:
        source = RelayedSource(source_id, scenario, self._broker, spool, redactor)
        self._sources.add(source)
        return source

    async def _keep(self) -> None:
        """Looks now and then what has to go to disk."""
        while True:
            await asyncio.sleep(self._spool_after_s / LOOKS)
            try:
                await self._keep_all(asyncio.get_running_loop().time() - self._spool_after_s)
            except Exception:  # noqa: BLE001 - logged
                _log.exception("a defect: please report it; keeping events on disk goes on")

    async def _keep_all(self, before_s: float) -> None:
        troubles = [await source.keep(before_s) for source in list(self._sources)]
        trouble = next((each for each in troubles if each is not None), None)
        if trouble is not None and not self._trouble:
            _log.warning(
                "events cannot be kept on disk (%s): runners keep them in memory while there is "
                "room, and count what they have to drop as lost",
                trouble,
            )
        elif trouble is None and self._trouble:
            _log.warning("events can be kept on disk again")
        self._trouble = trouble is not None

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


async def _read(
    requests: AsyncIterator[bytes], source: RelayedSource, stream: RunnerStream
) -> None:
    async for request in requests:
        await stream.room()
        await source.take(stream, request)
