"""The runner's end of PublishEvents: numbers batches, sends them, forgets them when acked.

Rule: batches that are not acked are kept, in order, and sent again when the stream breaks; up to
MAX_KEPT_BYTES are kept, and producers wait for room beyond that. Orders that come back on the
stream are passed to the link unchanged.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import grpc
import grpc.aio

from loadgrpc.errors import LoadgrpcError, Unavailable
from loadgrpc.model import ExceptionInfo, SourceId
from loadgrpc.protocol import status
from loadgrpc.protocol.backoff import Backoff
from loadgrpc.protocol.events import exception_to_proto
from loadgrpc.protocol.halves import halves
from loadgrpc.protocol.outbound import FORGOTTEN, Outbound, open_request, skip_request
from loadgrpc.protocol.raw import RawRunnerServiceStub, batch_request
from loadgrpc.protocol.sources import source_to_proto
from loadgrpc.v1 import runner_pb2

MAX_KEPT_BYTES: Final = 64 << 20
BUSY_BYTES: Final = MAX_KEPT_BYTES // 4
"""From here on, data that can be left out is left out."""
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
        self._source = source_to_proto(source)
        self._metadata = metadata
        self._epoch = 0
        self._changed = asyncio.Condition()
        self._outbound = Outbound(_lost_by_the_other_side)
        self._max_batch_bytes = 0
        """What the other side takes at once."""
        self.produced_events = 0
        self.produced_hits = 0
        self.orders: asyncio.Queue[runner_pb2.PublishEventsResponse] = asyncio.Queue()
        """`start_cycle`, `stop`, `finished` and `run_closed`, as they come."""

    @property
    def is_busy(self) -> bool:
        """Whether too much is kept to add data that can be left out."""
        return self._outbound.kept_bytes >= BUSY_BYTES

    async def batch(self, payload: bytes, events: int, hits: int) -> None:
        """Numbers and sends a serialised EventBatch; waits while too much is kept."""

        def request(first: int) -> bytes:
            return batch_request(payload, first, events)

        await self._keep(request, len(payload), events, hits)

    async def skip(self, events: int, hits: int, reason: str) -> None:
        """Declares events lost, which take their numbers."""

        def request(first: int) -> bytes:
            return skip_request(first, events, reason, hits)

        await self._keep(request, 0, events, hits)

    async def ready(self, cycle: int) -> None:
        """Says that every user process is ready for a cycle."""
        async with self._changed:
            ready = runner_pb2.CycleReady(cycle=cycle)
            request = runner_pb2.PublishEventsRequest(ready=ready).SerializeToString()
            self._outbound.ready(request, cycle)
            self._changed.notify_all()

    async def finish(self, load_error: ExceptionInfo | None) -> None:
        """Says that everything was sent; `finished` comes back as an order."""
        async with self._changed:
            totals = runner_pb2.SourceTotals(events=self.produced_events, hits=self.produced_hits)
            error = exception_to_proto(load_error) if load_error else None
            finish = runner_pb2.Finish(totals=totals, load_error=error)
            request = runner_pb2.PublishEventsRequest(finish=finish).SerializeToString()
            self._outbound.finish(request)
            self._changed.notify_all()

    async def settled(self) -> None:
        """Waits until everything that was numbered is acked."""
        async with self._changed:
            await self._changed.wait_for(lambda: not self._outbound.kept)

    async def run(self) -> None:
        """Keeps a stream open, forever; opens another when it breaks.

        Raises:
            LoadgrpcError: the other side will not have this source.
        """
        backoff = Backoff(FIRST_BACKOFF_S, MAX_BACKOFF_S)
        while True:
            try:
                await self._stream()
            except Unavailable as error:
                if self._outbound.is_open:
                    backoff.reset()
                _log.warning("the stream broke (%s); trying again", error)
                await asyncio.sleep(backoff.next_s())

    async def _keep(
        self, request: Callable[[int], bytes], size: int, events: int, hits: int
    ) -> None:
        """Keeps what `request` makes of the next number, to be sent."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._outbound.kept_bytes < MAX_KEPT_BYTES)
            # Numbered only now: others may have come first while this one waited.
            first = self.produced_events + 1
            self.produced_events += events
            self.produced_hits += hits
            self._outbound.keep(_Numbered(request(first), size, first, self.produced_events))
            self._changed.notify_all()

    async def _stream(self) -> None:
        """One stream, from its opening to its end.

        Raises:
            Unavailable: it broke.
            LoadgrpcError: the other side will not have this source.
        """
        self._epoch += 1
        self._outbound.begin()
        call = self._stub.PublishEvents(metadata=self._metadata)
        writing = asyncio.create_task(self._write(call))
        writing.add_done_callback(lambda _: call.cancel())  # nothing, if that has ended
        try:
            async for response in call:
                await self._answered(runner_pb2.PublishEventsResponse.FromString(response))
            raise Unavailable("the other side closed it")
        except grpc.aio.AioRpcError as error:
            raise status.from_rpc_error(error) from error
        except asyncio.CancelledError:
            if writing.done() and not writing.cancelled():
                writing.result()  # what ended it
            raise
        finally:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
            call.cancel()

    async def _write(self, call: grpc.aio.StreamStreamCall) -> None:
        can = runner_pb2.RunnerCapabilities(cycle_barrier=True, cases=True, stages=True)
        await call.write(open_request(self._source, self._epoch, can))
        while True:
            async with self._changed:
                await self._changed.wait_for(lambda: self._outbound.next() is not None)
                following = self._outbound.next()
                assert following is not None  # noqa: S101 - by the line before
                if isinstance(following, _Numbered) and self._is_too_large(following):
                    self._split(following)
                    continue
                self._outbound.count_as_sent(following)
            await call.write(following.request)

    async def _answered(self, response: runner_pb2.PublishEventsResponse) -> None:
        """Takes note of an answer, and hands on what is an order."""
        kind = response.WhichOneof("message")
        if kind == "error":
            raise LoadgrpcError(f"{response.error.reason}: {response.error.message}")
        if kind == "rejected":
            _log.error("events were rejected: %s", "; ".join(response.rejected.violations))
        async with self._changed:
            self._take_note(kind, response)
            self._changed.notify_all()
        if kind in ("start_cycle", "load_changed", "stop", "finished", "run_closed"):
            self.orders.put_nowait(response)

    def _take_note(self, kind: str | None, response: runner_pb2.PublishEventsResponse) -> None:
        outbound = self._outbound
        if kind == "opened":
            self._max_batch_bytes = response.opened.limits.max_batch_bytes
            outbound.opened(response.opened.durable_sequence, response.opened.limits)
        elif kind == "ack":
            outbound.acked(response.ack.durable_sequence)
        elif kind == "gap":
            outbound.gap(response.gap.expected_sequence)
        elif kind == "too_large":
            first = response.too_large.first_sequence
            for kept in [one for one in outbound.kept if one.first_sequence == first]:
                self._split(kept)
        elif kind == "start_cycle":
            outbound.cycle_started(response.start_cycle.cycle)
        elif kind in ("finished", "run_closed"):
            outbound.clear()

    def _is_too_large(self, kept: _Numbered) -> bool:
        """Whether the other side would not take it; a skip is small."""
        most = self._max_batch_bytes
        return kept.size > 0 and bool(most) and len(kept.request) > most

    def _split(self, kept: _Numbered) -> None:
        """Replaces one batch by two; one that has a single event is lost."""
        at = next(at for at, one in enumerate(self._outbound.kept) if one is kept)
        first, count = kept.first_sequence, kept.last_sequence - kept.first_sequence + 1
        if count > 1:
            batch = runner_pb2.PublishEventsRequest.FromString(kept.request).batch
            before, after = (half.SerializeToString() for half in halves(batch))
            self._outbound.replace(
                at,
                _Numbered(
                    batch_request(before, first, count // 2),
                    len(before),
                    first,
                    first + count // 2 - 1,
                ),
                _Numbered(
                    batch_request(after, first + count // 2, count - count // 2),
                    len(after),
                    first + count // 2,
                    kept.last_sequence,
                ),
            )
        else:
            reason = f"an event of {kept.size} bytes, which is more than is taken"
            self._outbound.replace(at, _Numbered(skip_request(first, 1, reason), 0, first, first))


def _lost_by_the_other_side(first_sequence: int, count: int) -> _Numbered:
    request = skip_request(first_sequence, count, FORGOTTEN)
    return _Numbered(request, 0, first_sequence, first_sequence + count - 1)
