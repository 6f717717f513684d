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
from loadgrpc.agent.runner_stream import RunnerStream
from loadgrpc.agent.spool import Spool
from loadgrpc.agent.streams import Streams
from loadgrpc.agent.uplink import Uplink
from loadgrpc.errors import (
    InvalidRequest,
    LoadgrpcError,
    NotFound,
    Superseded,
    Unavailable,
    Violation,
)
from loadgrpc.model import LoadChange, SourceId
from loadgrpc.protocol import home, live_loads
from loadgrpc.protocol.home import Decision, Duplicate, OutOfOrder
from loadgrpc.protocol.raw import (
    Oversized,
    named_source,
    no_source,
    read,
)
from loadgrpc.protocol.redacted import redacted
from loadgrpc.protocol.sources import source_to_proto
from loadgrpc.protocol.times import seconds_to_proto
from loadgrpc.secrets import NOTHING, Redactor
from loadgrpc.v1 import runner_pb2

QUIET_S: Final = 2.0
"""How long the streams of a runner that has ended are read for; usually no time at all."""

_log = logging.getLogger(__name__)


class RelayedSource:
    """See the module."""

    def __init__(
        self,
        source_id: SourceId,
        scenario: str,
        broker: Streams,
        spool: Spool,
        redactor: Redactor = NOTHING,
    ) -> None:
        self.source_id = source_id
        self.redactor = redactor
        """What it looks for is hidden in what the runner says."""
        self.heard_s = asyncio.get_running_loop().time()
        """When its runner was last heard from."""
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
        self._streams: set[RunnerStream] = set()
        self._epoch = 0
        """The highest that the runner has opened with."""
        self._stop: bytes | None = None
        """The order to stop, for streams that open later."""
        self._load_changed: bytes | None = None
        """How the load was changed live, likewise."""
        self.load_changes: tuple[LoadChange, ...] = ()
        self._types_refused: bytes | None = None
        """The broker's answer about the types, if it refused them."""
        self._over = False
        """The broker wants nothing more of it."""
        self._unwanted = False
        """Nothing that is on disk is wanted by the broker."""
        self._changed = asyncio.Event()

    # Life

    def resume(self) -> None:
        """Continues with what an earlier agent had put on disk. Waits for the disk."""
        self._backlog.found(self._spool.recover())

    async def settle(self, *, after_quiet_s: float = QUIET_S) -> None:
        """Waits until the broker has everything that a runner reported before it ended.

        That may take as long as the broker is away.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(after_quiet_s):
                while self._streams:
                    await self._change()
        while not self._backlog.outbound.settled:
            self._uplink.begin()
            await self._change()

    def stop(self, stop_timeout_s: float) -> None:
        """Lets its users finish their iteration, whatever the broker says."""
        stop = runner_pb2.Stop(stop_timeout=seconds_to_proto(stop_timeout_s))
        self._stop = self._say(stop=stop)
        self._pass_on(self._stop)

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

    async def take(self, stream: RunnerStream, raw: bytes) -> None:
        """One message of the runner.

        Raises: InvalidRequest: it is about another source, or about none, or it cannot be parsed.
        """
        self.heard_s = asyncio.get_running_loop().time()
        request = read(raw)
        if self.redactor.is_in(raw) and not isinstance(request, Oversized):
            raw = redacted(request, self.redactor)
        self._check_source(stream, request)
        try:
            if isinstance(request, Oversized):
                self._too_large(stream, request.first_sequence, request.size)
            elif request.HasField("open"):
                self._open(stream, request.open)
            else:
                await self._said(stream, raw, request)
        except (InvalidRequest, NotFound, Superseded) as error:
            self._refuse(stream, error)

    def leave(self, stream: RunnerStream) -> None:
        """A stream ended."""
        self._streams.discard(stream)
        self._changed.set()

    @property
    def waits(self) -> bool:
        """Whether its runner waits for a cycle to begin, and has nothing to say."""
        return self._backlog.outbound.waits

    def owes(self, stream: RunnerStream) -> bool:
        """Whether an answer is still to come on a stream."""
        waiting = stream.finishing or stream.last > self._backlog.durable
        return waiting and stream in self._streams

    def ack(self, stream: RunnerStream) -> bytes | None:
        """What is stored; None: it was already sent on this stream."""
        backlog = self._backlog
        now = (min(backlog.durable, stream.last), min(backlog.committed, stream.last))
        if now == stream.told:
            return None
        stream.told = now
        ack = runner_pb2.Ack(durable_sequence=backlog.durable, committed_sequence=backlog.committed)
        return self._say(ack=ack)

    def _check_source(
        self, stream: RunnerStream, request: runner_pb2.PublishEventsRequest | Oversized
    ) -> None:
        named = named_source(request)
        if named is not None and named != self._message:
            rule = "is not the one this token was given to"
            raise InvalidRequest([Violation("source", rule)])
        if named is None and not (stream in self._streams or stream.closed):
            raise no_source()

    def _open(self, stream: RunnerStream, opening: runner_pb2.OpenSource) -> None:
        if self._over:
            stream.closed = True
            self._close(stream)
            return
        if opening.epoch < self._epoch:
            raise Superseded(f"source {self.source_id} is open with epoch {self._epoch}")
        if opening.epoch:
            for older in self._streams - {stream}:
                self._refuse(older, Superseded(f"source {self.source_id} opened a newer stream"))
        self._epoch = opening.epoch
        self._streams.add(stream)
        backlog = self._backlog
        backlog.opened()
        stream.last = max(stream.last, backlog.durable)
        stream.told = (backlog.durable, backlog.committed)
        opened = runner_pb2.SourceOpened(
            committed_sequence=backlog.committed,
            durable_sequence=backlog.durable,
            limits=home.limits(),
        )
        stream.put(self._say(opened=opened))
        if self._stop is not None:
            stream.put(self._stop)
        if self._load_changed is not None:
            stream.put(self._load_changed)
        if opening.types:
            self._bring(stream, opening.types)
        self._uplink.capabilities = opening.capabilities
        self._uplink.begin()

    def _bring(self, stream: RunnerStream, types: bytes) -> None:
        """Types came: the broker decides about them; its earlier answer is repeated."""
        if detail := home.too_large(types):
            refused = runner_pb2.TypesRefused(reason=home.TYPES_TOO_LARGE, message=detail)
            stream.put(self._say(types_refused=refused))
        elif types != self._uplink.types:
            self._types_refused = None
            self._uplink.bring(types)
        elif self._types_refused is not None:
            stream.put(self._types_refused)

    async def _said(
        self, stream: RunnerStream, raw: bytes, request: runner_pb2.PublishEventsRequest
    ) -> None:
        """A message of a source that is open."""
        if stream not in self._streams and not stream.closed:
            raise NotFound(f"source {self.source_id} is not open on this stream")
        kind = request.WhichOneof("message")
        if kind in ("batch", "skip"):
            await self._room()
        if self._over:
            self._close(stream)
        elif kind == "batch":
            self._batch(stream, raw, request)
        elif kind == "skip" and not request.skip.count:
            self._ack_again(stream)
        elif kind == "skip":
            decision = self._backlog.skip(raw, request.skip, asyncio.get_running_loop().time())
            first = request.skip.first_sequence
            self._numbered(stream, decision, first + request.skip.count - 1)
        elif kind == "ready":
            self.cycle_began = None
            self._backlog.outbound.ready(raw, request.ready.cycle)
        elif kind == "finish":
            stream.finishing = True
            self.cycle_began = None
            self._backlog.finish(raw, request.finish)
        self._uplink.poke()

    def _batch(
        self, stream: RunnerStream, raw: bytes, request: runner_pb2.PublishEventsRequest
    ) -> None:
        batch = request.batch
        # The request is a little more than the batch: only a batch near its bound is measured.
        size = batch.ByteSize() if len(raw) > home.MAX_BATCH_BYTES else len(raw)
        if home.over_limits(batch, size):
            self._too_large(stream, batch.first_sequence, batch.ByteSize())
        elif count := home.size(batch):
            decision = self._backlog.batch(raw, request, asyncio.get_running_loop().time())
            self._numbered(stream, decision, batch.first_sequence + count - 1)
        else:
            self._ack_again(stream)

    def _ack_again(self, stream: RunnerStream) -> None:
        """Acks what is stored to a runner that has sent nothing new, and may wait for an answer."""
        stream.told = None
        stream.put(None)

    def _too_large(self, stream: RunnerStream, first_sequence: int, batch_bytes: int) -> None:
        if stream in self._streams:
            too_large = runner_pb2.TooLarge(first_sequence=first_sequence, batch_bytes=batch_bytes)
            stream.put(self._say(too_large=too_large))

    def _numbered(self, stream: RunnerStream, decision: Decision, last: int) -> None:
        """Numbers came: they are acked when they are stored, those that were before again."""
        if isinstance(decision, OutOfOrder):
            if decision.report:
                gap = runner_pb2.Gap(expected_sequence=decision.expected)
                stream.put(self._say(gap=gap))
            return
        stream.last = max(stream.last, last)
        if isinstance(decision, Duplicate) and last <= self._backlog.durable:
            self._ack_again(stream)

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
        elif kind == "load_changed":
            self._load_changed = raw
            self.load_changes = live_loads.changes_of(response.load_changed)
        elif kind == "types_refused":
            self._types_refused = raw
        elif kind == "finished":
            self._backlog.finished()
            self.finished_s = asyncio.get_running_loop().time()
            for stream in self._streams:
                stream.finishing = False
        elif kind == "run_closed":
            self._over = True
            for stream in self._streams:
                stream.closed = True
            self._end("its part in the run is over")
        elif kind == "error":
            self._end(response.error.message)

    def _end(self, why: str) -> None:
        """The broker has closed the source."""
        self._give_up(why)
        self._streams.clear()
        self._uplink.end()

    def _refused(self, error: LoadgrpcError) -> None:
        """The broker will have no stream of ours."""
        self._give_up(str(error))
        for stream in self._streams:
            stream.put(error)
        self._streams.clear()
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

    # Answers to the runner

    def _acks(self) -> None:
        for stream in self._streams:
            stream.put(None)
        self._changed.set()

    def _pass_on(self, answer: bytes) -> None:
        for stream in list(self._streams):
            if stream.deaf:
                self._streams.discard(stream)
                stream.put(Unavailable("the runner does not read what it is answered"))
            else:
                stream.put(answer)

    def _close(self, stream: RunnerStream) -> None:
        stream.put(self._say(run_closed=runner_pb2.RunClosed()))

    def _refuse(self, stream: RunnerStream, error: LoadgrpcError) -> None:
        """Closes the source on a stream, and says why."""
        self._streams.discard(stream)
        told = runner_pb2.SourceError(reason=error.reason, message=str(error))
        stream.put(self._say(error=told))

    def _say(self, **answer: Any) -> bytes:
        return runner_pb2.PublishEventsResponse(source=self._message, **answer).SerializeToString()

    async def _change(self) -> None:
        """Waits until something has changed."""
        self._changed.clear()
        await self._changed.wait()
