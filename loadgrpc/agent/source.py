"""One source at the relay: the streams of its runner on one side, one to the broker on the other.

Rule: neither side waits for the other. What the runner sends goes into the backlog; what the
broker commits, or the disk has, is acked; orders of the broker are passed on unchanged.
"""

from __future__ import annotations

import asyncio
import logging
import math
from contextlib import suppress
from typing import Any, Final

from loadgrpc.agent.backlog import Backlog, message
from loadgrpc.agent.spool import Spool
from loadgrpc.agent.uplink import Uplink
from loadgrpc.errors import (
    InvalidRequest,
    LoadgrpcError,
    NotFound,
    Superseded,
    Unavailable,
    Violation,
)
from loadgrpc.model import SourceId
from loadgrpc.protocol import home
from loadgrpc.protocol.home import Decision, Duplicate, OutOfOrder
from loadgrpc.protocol.raw import (
    Oversized,
    RawRunnerServiceStub,
    named_source,
    no_source,
    read,
)
from loadgrpc.protocol.sources import source_to_proto
from loadgrpc.v1 import runner_pb2

MOST_ANSWERS: Final = 1_000
"""That may wait on a stream before more is read from it; twice as many, and it is given up."""
QUIET_S: Final = 2.0
"""How long the streams of a runner that has ended are read for; usually no time at all."""

_log = logging.getLogger(__name__)


class Inbox:
    """One stream of the runner; `answers` is read by the servicer."""

    def __init__(self) -> None:
        self._answers: asyncio.Queue[bytes | Exception | None] = asyncio.Queue()
        self._freed = asyncio.Event()
        self._acking = False
        """Whether a None waits."""
        self.closed = False
        """The source was opened here when its part was over."""
        self.last = 0
        """The last number that came here."""
        self.told: tuple[int, int] | None = (0, 0)
        """What was acked of these."""
        self.finishing = False
        """`finish` came here and was not answered."""

    def put(self, answer: bytes | Exception | None) -> None:
        """Queues an answer. None: there may be an ack to send; one such note is enough."""
        if answer is None:
            if self._acking:
                return
            self._acking = True
        self._answers.put_nowait(answer)

    async def take(self) -> bytes | Exception | None:
        """The next answer."""
        answer = await self._answers.get()
        if answer is None:
            self._acking = False
        self._freed.set()
        return answer

    @property
    def empty(self) -> bool:
        """Whether no answer waits."""
        return self._answers.empty()

    async def room(self) -> None:
        """Waits while too many answers wait: a peer that does not read is not read from."""
        while self._answers.qsize() >= MOST_ANSWERS:
            self._freed.clear()
            await self._freed.wait()

    @property
    def deaf(self) -> bool:
        """Whether too many wait for more to be kept."""
        return self._answers.qsize() >= 2 * MOST_ANSWERS


class Source:
    """See the module."""

    def __init__(
        self, source_id: SourceId, scenario: str, broker: RawRunnerServiceStub, spool: Spool
    ) -> None:
        self.source_id = source_id
        self.heard_s = asyncio.get_running_loop().time()
        """When its runner last said something."""
        self.cycle_began: tuple[int, float] | None = None
        """The cycle that it was sent into, and when; None: it is in none."""
        self.finished_s = math.inf
        """When it was sent `finished`."""
        self._message = source_to_proto(source_id)
        self._spool = spool
        self._backlog = Backlog()
        self._uplink = Uplink(
            broker,
            self._message,
            scenario,
            self._backlog,
            spool,
            answered=self._answered,
            refused=self._refused,
        )
        self._inboxes: set[Inbox] = set()
        self._epoch = 0
        """The highest that the runner has opened with."""
        self._stop: bytes | None = None
        """The order to stop, for streams that open later."""
        self._types_refused: bytes | None = None
        """What the broker has said of the types, if it does not have them."""
        self._over = False
        """The broker wants nothing more of it."""
        self._unwanted = False
        """Nothing that is on disk is wanted by the broker."""
        self._changed = asyncio.Event()

    # Life

    def resume(self) -> None:
        """Goes on with what an agent before this one had put on disk. Waits for the disk."""
        self._backlog.found(self._spool.recover())

    async def settle(self, *, after_quiet_s: float = QUIET_S) -> None:
        """Waits until the broker has all that a runner which has ended had said.

        That may take as long as the broker is away.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(after_quiet_s):
                while self._inboxes:
                    await self._change()
        while not self._backlog.outbound.settled:
            self._uplink.begin()
            await self._change()

    async def close(self) -> None:
        """Ends the stream to the broker."""
        await self._uplink.close()

    # The disk

    async def keep(self, before_s: float) -> Exception | None:
        """Puts on disk what came before a moment and is not committed; gives what went wrong."""
        backlog = self._backlog
        upto, self._unwanted = home.MAX_SEQUENCE if self._unwanted else backlog.committed, False
        if self._spool.droppable(upto):
            await asyncio.to_thread(self._spool.drop, upto)
        due = backlog.due(before_s)
        if not due:
            return None
        messages = [message(kept) for kept in due]
        places, trouble = await asyncio.to_thread(self._spool.append, messages)
        backlog.spooled(due, places)
        self._acks()
        return trouble

    # What the runner says

    async def take(self, inbox: Inbox, raw: bytes) -> None:
        """One message of the runner.

        Raises: InvalidRequest: it is about another source, or about none, or it cannot be parsed.
        """
        self.heard_s = asyncio.get_running_loop().time()
        request = read(raw)
        self._check_source(inbox, request)
        try:
            if isinstance(request, Oversized):
                self._too_large(inbox, request.first_sequence, request.size)
            elif request.HasField("open"):
                self._open(inbox, request.open)
            else:
                await self._said(inbox, raw, request)
        except (InvalidRequest, NotFound, Superseded) as error:
            self._refuse(inbox, error)

    def leave(self, inbox: Inbox) -> None:
        """A stream ended."""
        self._inboxes.discard(inbox)
        self._changed.set()

    @property
    def waits(self) -> bool:
        """Whether its runner waits for a cycle to begin, and has nothing to say."""
        return self._backlog.outbound.waits

    def owes(self, inbox: Inbox) -> bool:
        """Whether an answer is still to come on a stream."""
        waiting = inbox.finishing or inbox.last > self._backlog.durable
        return waiting and inbox in self._inboxes

    def ack(self, inbox: Inbox) -> bytes | None:
        """What is stored; None: it was already sent on this stream."""
        backlog = self._backlog
        now = (min(backlog.durable, inbox.last), min(backlog.committed, inbox.last))
        if now == inbox.told:
            return None
        inbox.told = now
        ack = runner_pb2.Ack(durable_sequence=backlog.durable, committed_sequence=backlog.committed)
        return self._say(ack=ack)

    def _check_source(
        self, inbox: Inbox, request: runner_pb2.PublishEventsRequest | Oversized
    ) -> None:
        named = named_source(request)
        if named is not None and named != self._message:
            rule = "is not the one this token was given to"
            raise InvalidRequest([Violation("source", rule)])
        if named is None and not (inbox in self._inboxes or inbox.closed):
            raise no_source()

    def _open(self, inbox: Inbox, opening: runner_pb2.OpenSource) -> None:
        if self._over:
            inbox.closed = True
            self._close(inbox)
            return
        if opening.epoch < self._epoch:
            raise Superseded(f"source {self.source_id} is open with epoch {self._epoch}")
        if opening.epoch:
            for older in self._inboxes - {inbox}:
                self._refuse(older, Superseded(f"source {self.source_id} opened a newer stream"))
        self._epoch = opening.epoch
        self._inboxes.add(inbox)
        backlog = self._backlog
        backlog.opened()
        inbox.last = max(inbox.last, backlog.durable)
        inbox.told = (backlog.durable, backlog.committed)
        opened = runner_pb2.SourceOpened(
            committed_sequence=backlog.committed,
            durable_sequence=backlog.durable,
            limits=home.limits(),
        )
        inbox.put(self._say(opened=opened))
        if self._stop is not None:
            inbox.put(self._stop)
        if opening.types:
            self._bring(inbox, opening.types)
        self._uplink.barrier = opening.capabilities.cycle_barrier
        self._uplink.begin()

    def _bring(self, inbox: Inbox, types: bytes) -> None:
        """Types came: the broker decides about them; what it has said of them is said again."""
        if detail := home.too_large(types):
            refused = runner_pb2.TypesRefused(reason=home.TYPES_TOO_LARGE, message=detail)
            inbox.put(self._say(types_refused=refused))
        elif types != self._uplink.types:
            self._types_refused = None
            self._uplink.bring(types)
        elif self._types_refused is not None:
            inbox.put(self._types_refused)

    async def _said(
        self, inbox: Inbox, raw: bytes, request: runner_pb2.PublishEventsRequest
    ) -> None:
        """A message of a source that is open."""
        if inbox not in self._inboxes and not inbox.closed:
            raise NotFound(f"source {self.source_id} is not open on this stream")
        kind = request.WhichOneof("message")
        if kind in ("batch", "skip"):
            await self._room()
        if self._over:
            self._close(inbox)
        elif kind == "batch":
            self._batch(inbox, raw, request)
        elif kind == "skip" and not request.skip.count:
            self._ack_again(inbox)
        elif kind == "skip":
            decision = self._backlog.skip(raw, request.skip, asyncio.get_running_loop().time())
            first = request.skip.first_sequence
            self._numbered(inbox, decision, first + request.skip.count - 1)
        elif kind == "ready":
            self.cycle_began = None
            self._backlog.outbound.ready(raw, request.ready.cycle)
        elif kind == "finish":
            inbox.finishing = True
            self.cycle_began = None
            self._backlog.finish(raw, request.finish)
        self._uplink.poke()

    def _batch(self, inbox: Inbox, raw: bytes, request: runner_pb2.PublishEventsRequest) -> None:
        batch = request.batch
        # The request is a little more than the batch: only a batch near its bound is measured.
        size = batch.ByteSize() if len(raw) > home.MAX_BATCH_BYTES else len(raw)
        if home.over_limits(batch, size):
            self._too_large(inbox, batch.first_sequence, batch.ByteSize())
        elif count := home.size(batch):
            decision = self._backlog.batch(raw, request, asyncio.get_running_loop().time())
            self._numbered(inbox, decision, batch.first_sequence + count - 1)
        else:
            self._ack_again(inbox)

    def _ack_again(self, inbox: Inbox) -> None:
        """Says how far all is stored to who has sent nothing new, and may wait for an answer."""
        inbox.told = None
        inbox.put(None)

    def _too_large(self, inbox: Inbox, first_sequence: int, batch_bytes: int) -> None:
        if inbox in self._inboxes:
            too_large = runner_pb2.TooLarge(first_sequence=first_sequence, batch_bytes=batch_bytes)
            inbox.put(self._say(too_large=too_large))

    def _numbered(self, inbox: Inbox, decision: Decision, last: int) -> None:
        """Numbers came: they are acked when they are stored, those that were before again."""
        if isinstance(decision, OutOfOrder):
            if decision.report:
                gap = runner_pb2.Gap(expected_sequence=decision.expected)
                inbox.put(self._say(gap=gap))
            return
        inbox.last = max(inbox.last, last)
        if isinstance(decision, Duplicate) and last <= self._backlog.durable:
            self._ack_again(inbox)

    async def _room(self) -> None:
        """Waits while a runner that keeps to no limits has too much in memory here."""
        while self._backlog.memory_bytes >= home.MAX_UNACKED_BYTES and not self._over:
            await self._change()

    # What the broker says

    def _answered(self, raw: bytes) -> None:
        """An answer came: what is about numbers is noted here, everything else passed on."""
        response = runner_pb2.PublishEventsResponse.FromString(raw)
        kind = response.WhichOneof("message")
        if kind in ("opened", "ack", "gap", "too_large"):
            self._note(kind, response)
        else:
            self._pass_on(raw)
            self._obey(kind, response, raw)
        self._acks()

    def _note(self, kind: str, response: runner_pb2.PublishEventsResponse) -> None:
        backlog = self._backlog
        if kind == "opened":
            backlog.advance(response.opened.committed_sequence)
            backlog.outbound.opened(backlog.committed, response.opened.limits)
            self._types_refused = None  # it says so again, if that is so
        elif kind == "ack":
            backlog.advance(response.ack.committed_sequence)
        elif kind == "gap":
            backlog.outbound.gap(response.gap.expected_sequence)
        else:
            too_large = response.too_large
            _log.error("the broker accepts no batch of %d bytes", too_large.batch_bytes)
            backlog.too_large(too_large.first_sequence, too_large.batch_bytes)

    def _obey(
        self, kind: str | None, response: runner_pb2.PublishEventsResponse, raw: bytes
    ) -> None:
        if kind == "start_cycle":
            self.cycle_began = (response.start_cycle.cycle, asyncio.get_running_loop().time())
            self._backlog.outbound.cycle_started(response.start_cycle.cycle)
        elif kind == "stop":
            self._stop = raw
        elif kind == "types_refused":
            self._types_refused = raw
        elif kind == "finished":
            self._backlog.finished()
            self.finished_s = asyncio.get_running_loop().time()
            for inbox in self._inboxes:
                inbox.finishing = False
        elif kind == "run_closed":
            self._over = True
            for inbox in self._inboxes:
                inbox.closed = True
            self._end("its part in the run is over")
        elif kind == "error":
            self._end(response.error.message)

    def _end(self, why: str) -> None:
        """The broker has closed the source."""
        self._give_up(why)
        self._inboxes.clear()
        self._uplink.end()

    def _refused(self, error: LoadgrpcError) -> None:
        """The broker will have no stream of ours."""
        self._give_up(str(error))
        for inbox in self._inboxes:
            inbox.put(error)
        self._inboxes.clear()
        self._changed.set()

    def _give_up(self, why: str) -> None:
        """The broker does not want what it has not committed."""
        kept = self._backlog.outbound.kept
        if kept:
            count = kept[-1].last_sequence - self._backlog.committed
            _log.warning(
                "source %s: discarding %d uncommitted events: %s", self.source_id, count, why
            )
        self._backlog.give_up()
        self._unwanted = True

    # What is said to the runner

    def _acks(self) -> None:
        for inbox in self._inboxes:
            inbox.put(None)
        self._changed.set()

    def _pass_on(self, answer: bytes) -> None:
        for inbox in list(self._inboxes):
            if inbox.deaf:
                self._inboxes.discard(inbox)
                inbox.put(Unavailable("the runner does not read what it is answered"))
            else:
                inbox.put(answer)

    def _close(self, inbox: Inbox) -> None:
        inbox.put(self._say(run_closed=runner_pb2.RunClosed()))

    def _refuse(self, inbox: Inbox, error: LoadgrpcError) -> None:
        """Closes the source on a stream, and says why."""
        self._inboxes.discard(inbox)
        told = runner_pb2.SourceError(reason=error.reason, message=str(error))
        inbox.put(self._say(error=told))

    def _say(self, **answer: Any) -> bytes:
        return runner_pb2.PublishEventsResponse(source=self._message, **answer).SerializeToString()

    async def _change(self) -> None:
        """Waits until something has changed."""
        self._changed.clear()
        await self._changed.wait()
