"""One source at the relay: the streams of its runner on one side, one to the broker on the other.

Rule: neither side waits for the other. What the runner says goes into the backlog; what the
broker answers comes out of it as acks, and orders are passed on as they are. The stream to the
broker is opened again for as long as there is something to say, or somebody to listen.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable
from typing import Final

import grpc.aio

from loadgrpc.agent.backlog import Backlog, Kept, message
from loadgrpc.agent.spool import Spool
from loadgrpc.errors import InvalidRequest, LoadgrpcError, NotFound, Superseded, Unavailable
from loadgrpc.model import SourceId
from loadgrpc.protocol import convert, home, status
from loadgrpc.protocol.home import Accept, Decision, OutOfOrder
from loadgrpc.protocol.raw import RawRunnerServiceStub
from loadgrpc.v1 import runner_pb2

FIRST_BACKOFF_S: Final = 0.1
MAX_BACKOFF_S: Final = 3.0
QUIET_S: Final = 2.0
"""How long the streams of a runner that has ended are read for; usually no time at all."""

_log = logging.getLogger(__name__)


class Inbox:
    """One stream of the runner; `answers` is read by the servicer."""

    def __init__(self) -> None:
        self.answers: asyncio.Queue[bytes | Exception | None] = asyncio.Queue()
        """None: there may be an ack to send."""
        self.closed = False
        """The source was opened here when its run was over."""
        self.last = 0
        """The last number that came on it."""
        self.told = (0, 0)
        """What it was acked."""
        self.finishing = False
        """`finish` came on it and was not answered."""


class Source:
    """See the module."""

    def __init__(self, source_id: SourceId, broker: RawRunnerServiceStub, spool: Spool) -> None:
        self.source_id = source_id
        self.message = convert.source_to_proto(source_id)
        self._broker = broker
        self._spool = spool
        self._backlog = Backlog()
        self._inboxes: set[Inbox] = set()
        self._epoch = 0
        """The highest that the runner has opened with."""
        self._barrier = True
        self._stop: bytes | None = None
        """The order to stop, for streams that open later."""
        self._over = False
        """The broker wants nothing more of it."""
        self._wanted = asyncio.Event()
        """Whether the source is to be open at the broker."""
        self._news = asyncio.Event()
        """Something may be said to the broker."""
        self._changed = asyncio.Condition()
        self._uplink: asyncio.Task[None] | None = None
        self._their_epoch = 0

    # What the runner says

    async def take(self, inbox: Inbox, raw: bytes) -> None:
        """One message of the runner.

        Raises:
            InvalidRequest: it is about another source, or about none.
        """
        try:
            request = runner_pb2.PublishEventsRequest.FromString(raw)
        except ValueError:  # protobuf's DecodeError is one
            raise InvalidRequest("this is no PublishEventsRequest") from None
        kind = request.WhichOneof("message")
        self._check_source(inbox, request, kind)
        try:
            await self._take(inbox, raw, request, kind)
        except (InvalidRequest, NotFound, Superseded) as error:
            self._refuse(inbox, error)

    def owes(self, inbox: Inbox) -> bool:
        """Whether an answer is still to come on a stream."""
        return inbox in self._inboxes and (
            inbox.finishing or inbox.last > self._backlog.durable
        )

    def ack(self, inbox: Inbox) -> bytes | None:
        """What is stored, if it was not told on this stream."""
        backlog = self._backlog
        now = (min(backlog.durable, inbox.last), min(backlog.committed, inbox.last))
        if now == inbox.told:
            return None
        inbox.told = now
        ack = runner_pb2.Ack(
            durable_sequence=backlog.durable, committed_sequence=backlog.committed
        )
        return self._say(ack=ack)

    def leave(self, inbox: Inbox) -> None:
        """A stream ended."""
        self._inboxes.discard(inbox)
        self._look_again()

    async def _take(
        self, inbox: Inbox, raw: bytes, request: runner_pb2.PublishEventsRequest, kind: str | None
    ) -> None:
        if kind == "open":
            self._open(inbox, request.open)
            return
        if inbox not in self._inboxes and not inbox.closed:
            raise NotFound(f"source {self.source_id} is not open on this stream")
        if self._over:
            inbox.answers.put_nowait(self._say(run_closed=runner_pb2.RunClosed()))
        elif kind == "batch":
            await self._batch(inbox, raw, request)
        elif kind == "skip" and request.skip.count:
            await self._room()
            now_s = time.monotonic()
            self._taken(inbox, self._backlog.skip(raw, request.skip, now_s), request.skip)
        elif kind == "ready":
            self._backlog.outbound.ready(raw, request.ready.cycle)
        elif kind == "finish":
            inbox.finishing = True
            self._backlog.finish(raw, request.finish)
        self._news.set()

    def _open(self, inbox: Inbox, opening: runner_pb2.OpenSource) -> None:
        if self._over:
            inbox.closed = True
            inbox.answers.put_nowait(self._say(run_closed=runner_pb2.RunClosed()))
            return
        if opening.epoch < self._epoch:
            raise Superseded(f"source {self.source_id} is open with epoch {self._epoch}")
        if opening.epoch:
            for older in self._inboxes - {inbox}:
                self._refuse(older, Superseded(f"source {self.source_id} opened a newer stream"))
        self._epoch = opening.epoch
        self._barrier = opening.capabilities.cycle_barrier
        self._inboxes.add(inbox)
        backlog = self._backlog
        backlog.opened()
        inbox.last = inbox.last or backlog.durable
        inbox.told = (backlog.durable, backlog.committed)
        opened = runner_pb2.SourceOpened(
            committed_sequence=backlog.committed,
            durable_sequence=backlog.durable,
            limits=home.limits(),
        )
        inbox.answers.put_nowait(self._say(opened=opened))
        if self._stop is not None:
            inbox.answers.put_nowait(self._stop)
        self.begin()

    async def _batch(
        self, inbox: Inbox, raw: bytes, request: runner_pb2.PublishEventsRequest
    ) -> None:
        batch = request.batch
        if len(raw) > home.MAX_BATCH_BYTES and batch.ByteSize() > home.MAX_BATCH_BYTES:
            too_large = runner_pb2.TooLarge(
                first_sequence=batch.first_sequence, batch_bytes=batch.ByteSize()
            )
            inbox.answers.put_nowait(self._say(too_large=too_large))
        elif home.size(batch):
            await self._room()
            decision = self._backlog.batch(raw, request, time.monotonic())
            self._taken(inbox, decision, batch)

    def _taken(
        self,
        inbox: Inbox,
        decision: Decision,
        said: runner_pb2.EventBatch | runner_pb2.Skip,
    ) -> None:
        """Numbers came: new ones are acked when they are stored, known ones again."""
        if isinstance(decision, OutOfOrder):
            if decision.report:
                gap = runner_pb2.Gap(expected_sequence=decision.expected)
                inbox.answers.put_nowait(self._say(gap=gap))
            return
        inbox.last = self._backlog.received
        if not isinstance(decision, Accept):
            inbox.told = (0, 0)
            inbox.answers.put_nowait(None)

    async def _room(self) -> None:
        """Waits while a runner that keeps to no limits has too much in memory here."""
        async with self._changed:
            await self._changed.wait_for(
                lambda: self._backlog.memory_bytes < home.MAX_UNACKED_BYTES
            )

    def _check_source(
        self, inbox: Inbox, request: runner_pb2.PublishEventsRequest, kind: str | None
    ) -> None:
        if request.HasField("source"):
            if request.source != self.message:
                raise InvalidRequest([Violation("source", "is not the one of this token")])
        elif kind == "open" or not (inbox in self._inboxes or inbox.closed):
            raise InvalidRequest([Violation("source", "is required: not one source is open here")])

    # What is said to the runner

    def _say(self, **answer: object) -> bytes:
        return runner_pb2.PublishEventsResponse(source=self.message, **answer).SerializeToString()

    def _refuse(self, inbox: Inbox, error: LoadgrpcError) -> None:
        """Closes the source on a stream, and says why."""
        self._inboxes.discard(inbox)
        told = runner_pb2.SourceError(reason=error.reason, message=str(error))
        inbox.answers.put_nowait(self._say(error=told))

    def _pass_on(self, answer: bytes) -> None:
        for inbox in self._inboxes:
            inbox.answers.put_nowait(answer)

    def _look_again(self) -> None:
        """Something changed for those who wait."""
        task = asyncio.ensure_future(self._notify())
        _notifying.add(task)
        task.add_done_callback(_notifying.discard)

