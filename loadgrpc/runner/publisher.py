"""The runner's end of PublishEvents: numbers what it is given, sends it, forgets it when acked.

Rule: what is not acked is kept, in order, and sent again when the stream breaks; it is kept
to MAX_KEPT_BYTES, and whoever brings more waits. Orders that come back on the stream are
handed to the link as they are.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import grpc
import grpc.aio

from loadgrpc.errors import LoadgrpcError, Unavailable
from loadgrpc.model import ExceptionInfo, SourceId
from loadgrpc.protocol import convert, status
from loadgrpc.protocol.raw import RawRunnerServiceStub, batch_request
from loadgrpc.v1 import runner_pb2

MAX_KEPT_BYTES: Final = 64 << 20
FIRST_BACKOFF_S: Final = 0.1
MAX_BACKOFF_S: Final = 3.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Numbered:
    """A batch or a skip that is not acked yet."""

    request: bytes
    size: int
    """Bytes of its events."""
    first_sequence: int
    last_sequence: int


class Publisher:
    """See the module."""

    def __init__(
        self,
        stub: RawRunnerServiceStub,
        source: SourceId,
        *,
        metadata: tuple[tuple[str, str], ...] = (),
    ) -> None:
        self._stub = stub
        self._source = convert.source_to_proto(source)
        self._metadata = metadata
        self._epoch = 0
        self._changed = asyncio.Condition()
        self._kept: deque[_Numbered] = deque()
        self._kept_bytes = 0
        self._ready: bytes | None = None
        self._ready_for = 0
        self._finish: bytes | None = None
        self._stream_state = _StreamState()
        self.produced_events = 0
        self.produced_hits = 0
        self.orders: asyncio.Queue[runner_pb2.PublishEventsResponse] = asyncio.Queue()
        """`start_cycle`, `stop`, `finished` and `run_closed`, as they come."""

    async def batch(self, payload: bytes, events: int, hits: int) -> None:
        """Numbers and sends a serialised EventBatch; waits while too much is kept."""

        def request(first: int) -> bytes:
            return batch_request(payload, first, events)

        await self._keep(request, len(payload), events, hits)

    async def skip(self, events: int, hits: int, reason: str) -> None:
        """Declares events lost, which take their numbers."""

        def request(first: int) -> bytes:
            return _skip_request(first, events, reason)

        await self._keep(request, 0, events, hits)

    async def ready(self, cycle: int) -> None:
        """Says that every user process is ready for a cycle."""
        async with self._changed:
            ready = runner_pb2.CycleReady(cycle=cycle)
            self._ready = runner_pb2.PublishEventsRequest(ready=ready).SerializeToString()
            self._ready_for = cycle
            self._stream_state.ready_sent = False
            self._changed.notify_all()

    async def finish(self, load_error: ExceptionInfo | None) -> None:
        """Says that everything was sent; `finished` comes back as an order."""
        async with self._changed:
            totals = runner_pb2.SourceTotals(events=self.produced_events, hits=self.produced_hits)
            error = convert.exception_to_proto(load_error) if load_error else None
            finish = runner_pb2.Finish(totals=totals, load_error=error)
            self._finish = runner_pb2.PublishEventsRequest(finish=finish).SerializeToString()
            self._changed.notify_all()

    async def settled(self) -> None:
        """Waits until everything that was numbered is acked."""
        async with self._changed:
            await self._changed.wait_for(lambda: not self._kept)

    async def run(self) -> None:
        """Keeps a stream open, for ever; opens another when it breaks.

        Raises:
            LoadgrpcError: the other side will not have this source.
        """
        backoff_s = FIRST_BACKOFF_S
        while True:
            try:
                await self._stream()
            except Unavailable as error:
                if self._stream_state.opened:
                    backoff_s = FIRST_BACKOFF_S
                _log.warning("the stream broke (%s); trying again", error)
                await asyncio.sleep(backoff_s * random.uniform(0.5, 1.5))  # noqa: S311 - jitter
                backoff_s = min(MAX_BACKOFF_S, backoff_s * 2)

    async def _keep(
        self, request: Callable[[int], bytes], size: int, events: int, hits: int
    ) -> None:
        """Keeps what `request` makes of the next number, to be sent."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._kept_bytes < MAX_KEPT_BYTES)
            # Numbered only now: others may have come first while this one waited.
            first = self.produced_events + 1
            self.produced_events += events
            self.produced_hits += hits
            self._kept.append(_Numbered(request(first), size, first, self.produced_events))
            self._kept_bytes += size
            self._changed.notify_all()

    async def _stream(self) -> None:
        """One stream, from its opening to its end.

        Raises:
            Unavailable: it broke.
            LoadgrpcError: the other side will not have this source.
        """
        self._epoch += 1
        self._stream_state = _StreamState()
        call = self._stub.PublishEvents(metadata=self._metadata)
        writing = asyncio.create_task(self._write(call))
        try:
            async for response in call:
                await self._answered(runner_pb2.PublishEventsResponse.FromString(response))
            raise Unavailable("the other side closed it")
        except grpc.aio.AioRpcError as error:
            raise status.from_rpc_error(error) from error
        finally:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
            call.cancel()

    async def _write(self, call: grpc.aio.StreamStreamCall) -> None:
        opening = runner_pb2.OpenSource(
            epoch=self._epoch,
            capabilities=runner_pb2.RunnerCapabilities(cycle_barrier=True),
        )
        request = runner_pb2.PublishEventsRequest(source=self._source, open=opening)
        await call.write(request.SerializeToString())
        while True:
            async with self._changed:
                await self._changed.wait_for(lambda: self._next() is not None)
                following = self._next()
                self._count_as_sent(following)
            await call.write(following)

    def _next(self) -> bytes | None:
        """What may be sent now: what is numbered in its order, `finish` after all of it."""
        state = self._stream_state
        if not state.opened:
            return None
        if self._ready is not None and not state.ready_sent:
            return self._ready
        if state.sent < len(self._kept):
            return self._kept[state.sent].request if state.window_open() else None
        return self._finish if not state.finish_sent else None

    def _count_as_sent(self, request: bytes | None) -> None:
        state = self._stream_state
        if request is self._ready:
            state.ready_sent = True
        elif request is self._finish:
            state.finish_sent = True
        else:
            state.sent_bytes += self._kept[state.sent].size
            state.sent += 1

    async def _answered(self, response: runner_pb2.PublishEventsResponse) -> None:
        """Takes note of an answer, and hands on what is an order."""
        kind = response.WhichOneof("message")
        if kind == "error":
            raise LoadgrpcError(f"{response.error.reason}: {response.error.message}")
        if kind == "too_large":
            raise LoadgrpcError(f"a batch of {response.too_large.batch_bytes} bytes is too large")
        if kind == "rejected":
            _log.error("events were rejected: %s", "; ".join(response.rejected.violations))
        async with self._changed:
            self._take_note(kind, response)
            self._changed.notify_all()
        if kind in ("start_cycle", "stop", "finished", "run_closed"):
            self.orders.put_nowait(response)

    def _take_note(self, kind: str | None, response: runner_pb2.PublishEventsResponse) -> None:
        state = self._stream_state
        if kind == "opened":
            self._forget(response.opened.durable_sequence)
            self._bridge(response.opened.durable_sequence + 1)
            state.opened = True
            state.limits = response.opened.limits
        elif kind == "ack":
            self._forget(response.ack.durable_sequence)
        elif kind == "gap":  # all that is kept is sent again
            state.sent = state.sent_bytes = 0
            state.finish_sent = False
            self._bridge(response.gap.expected_sequence)
        elif kind == "start_cycle":
            if self._ready_for <= response.start_cycle.cycle:
                self._ready = None
        elif kind in ("finished", "run_closed"):
            self._kept.clear()
            self._kept_bytes = state.sent = state.sent_bytes = 0

    def _bridge(self, expected: int) -> None:
        """The other side expects a number; what was forgotten of it is declared lost.

        That is so only when it has lost what it had acked, as a store put back from a backup.
        """
        first = self._kept[0].first_sequence if self._kept else self.produced_events + 1
        if expected < first:
            reason = "acked once, and lost since by who had acked it"
            request = _skip_request(expected, first - expected, reason)
            self._kept.appendleft(_Numbered(request, 0, expected, first - 1))

    def _forget(self, durable_sequence: int) -> None:
        """Everything up to a number is on the other side's disk."""
        state = self._stream_state
        while self._kept and self._kept[0].last_sequence <= durable_sequence:
            size = self._kept.popleft().size
            self._kept_bytes -= size
            if state.sent:
                state.sent -= 1
                state.sent_bytes -= size


def _skip_request(first_sequence: int, count: int, reason: str) -> bytes:
    skip = runner_pb2.Skip(first_sequence=first_sequence, count=count, reason=reason)
    return runner_pb2.PublishEventsRequest(skip=skip).SerializeToString()


@dataclass
class _StreamState:
    """Where one stream is."""

    opened: bool = False
    limits: runner_pb2.Limits = field(default_factory=runner_pb2.Limits)
    sent: int = 0
    """How many of the kept were sent on it."""
    sent_bytes: int = 0
    ready_sent: bool = False
    finish_sent: bool = False

    def window_open(self) -> bool:
        """Whether the other side takes more before it has acked what was sent."""
        return (
            self.sent < self.limits.max_unacked_batches
            and self.sent_bytes < self.limits.max_unacked_bytes
        )
