"""What adapters have in common: one source, and its PublishEvents stream.

Rule: what is not acked is kept, in order, and sent again when the stream breaks; whoever brings
more than MAX_KEPT entries waits for `room`. Nothing of loadgrpc is used but its messages.

    async def live(reporter: Reporter) -> None:
        ...

    sys.exit(report(live))
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final, TypeAlias

import grpc.aio
from columns import Hit, Iteration, hit_block, test_block

from loadgrpc.v1 import event_pb2, runner_pb2, runner_pb2_grpc

FLUSH_S: Final = 0.25
MAX_ENTRIES: Final = 2_000
"""Entries of a batch, whatever the limits of the other side."""
MAX_KEPT: Final = 200_000
"""Entries kept, some 300 bytes each."""
NO_BOUND: Final = 2**32 - 1
"""More than there ever is."""
FIRST_PAUSE_S: Final = 0.1
MAX_PAUSE_S: Final = 3.0
FINAL: Final = (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.INVALID_ARGUMENT)
"""How a stream ends that is not to be opened again."""

Entry: TypeAlias = Hit | Iteration | event_pb2.Event
"""What takes one number."""


def bounds(limits: runner_pb2.Limits) -> runner_pb2.Limits:
    """The limits of a home as numbers to compare with: 0 says that there is none."""
    return runner_pb2.Limits(
        max_batch_bytes=limits.max_batch_bytes or NO_BOUND,
        max_unacked_batches=limits.max_unacked_batches or NO_BOUND,
        max_unacked_bytes=limits.max_unacked_bytes or NO_BOUND,
    )


class Failed(Exception):
    """The runner cannot go on; it exits with 1."""


class LoadFailed(Exception):
    """The test could not be loaded; reports why."""


@dataclass(frozen=True)
class Batch:
    """Entries of one cycle, numbered from `first`."""

    first: int
    entries: tuple[Entry, ...]
    status: event_pb2.LoadStatus
    test: str

    @property
    def last(self) -> int:
        """Its last number."""
        return self.first + len(self.entries) - 1

    @property
    def hits(self) -> int:
        """How many hits are in it."""
        return sum(isinstance(entry, Hit) for entry in self.entries)

    @cached_property
    def request(self) -> runner_pb2.PublishEventsRequest:
        """The message."""
        hits = [entry for entry in self.entries if isinstance(entry, Hit)]
        iterations = [entry for entry in self.entries if isinstance(entry, Iteration)]
        rows = [entry for entry in self.entries if isinstance(entry, event_pb2.Event)]
        for row in rows:
            if not row.HasField("status"):
                row.status.CopyFrom(self.status)
        batch = runner_pb2.EventBatch(
            first_sequence=self.first,
            events=rows,
            hit_blocks=[hit_block(hits, self.status)] if hits else [],
            test_blocks=[test_block(iterations, self.status, self.test)] if iterations else [],
        )
        return runner_pb2.PublishEventsRequest(batch=batch)

    def split(self) -> list[Batch | Lost]:
        """The same in two batches; one entry that is too large by itself is lost."""
        half = len(self.entries) // 2
        if not half:
            return [Lost(self.first, self.last, "an event over the limit of a batch", self.hits)]
        return [
            Batch(self.first, self.entries[:half], self.status, self.test),
            Batch(self.first + half, self.entries[half:], self.status, self.test),
        ]


@dataclass(frozen=True)
class Lost:
    """Numbers that will never come."""

    first: int
    last: int
    reason: str
    hits: int = 0

    @cached_property
    def request(self) -> runner_pb2.PublishEventsRequest:
        """The message."""
        count = self.last - self.first + 1
        skip = runner_pb2.Skip(
            first_sequence=self.first, count=count, reason=self.reason, hits=self.hits
        )
        return runner_pb2.PublishEventsRequest(skip=skip)


class Reporter:
    """See the module. `stopped` is set when users are to finish, within `stop_timeout_s`."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._source = runner_pb2.SourceId(
            run_id=environment["LOADGRPC_RUN_ID"],
            agent_id=environment["LOADGRPC_AGENT_ID"],
            runner_id=environment["LOADGRPC_RUNNER_ID"],
        )
        self._metadata = (("authorization", f"Bearer {environment['LOADGRPC_TOKEN']}"),)
        self._channel = grpc.aio.insecure_channel(
            environment["LOADGRPC_ENDPOINT"], options=[("grpc.enable_http_proxy", 0)]
        )
        self._stub = runner_pb2_grpc.RunnerServiceStub(self._channel)
        self.assignment = runner_pb2.Assignment()
        self.stopped = asyncio.Event()
        self.stop_timeout_s = 0.0

        self._status = event_pb2.LoadStatus()
        self._entries: list[Entry] = []
        """Not in a batch yet."""
        self._waiting: deque[Batch | Lost] = deque()
        """Not sent on this stream, or to be sent again."""
        self._unacked: deque[tuple[Batch | Lost, int]] = deque()
        """Sent on this stream, with their bytes."""
        self._events = 0
        self._hits = 0
        self._news = asyncio.Event()

        self._epoch = 0
        self._limits: runner_pb2.Limits | None = None
        """Absent while the stream is not open."""
        self._ready = self._started = 0
        """The last cycle that it was ready for, and the last that was started."""
        self._finish: runner_pb2.Finish | None = None
        self._said: set[str] = set()
        """`ready` and `finish`, when they were said on this stream."""
        self._finished = False

    # What the adapter says

    def add(self, entry: Entry) -> None:
        """Reports something, in a moment."""
        self._entries.append(entry)
        if len(self._entries) >= MAX_ENTRIES:
            self._cut()

    async def room(self) -> None:
        """Waits while too much is kept."""
        await self._until(lambda: self._events - self._first_kept() < MAX_KEPT)

    async def enter(self, number: int, cycle: runner_pb2.Cycle) -> bool:
        """Waits for the start of a cycle, together with all; False when it is not to be."""
        self._cut()
        self._status = event_pb2.LoadStatus(
            iterations=cycle.iterations, users=cycle.users, cycle=number
        )
        self._ready = number
        self._said.discard("ready")
        self._changed()
        await self._until(lambda: self._started >= number or self.stopped.is_set())
        return not self.stopped.is_set()

    @property
    def status(self) -> event_pb2.LoadStatus:
        """The load of the cycle, for rows."""
        return self._status

    def cut_off(self) -> None:
        """What is not over yet is to end at once: the agent waits no longer."""
        if not self.stopped.is_set():
            self.stopped.set()
            self._changed()

    async def finish(self, load_error: str = "") -> None:
        """Says that this was all, and waits until it has arrived."""
        self._cut()
        self._finish = runner_pb2.Finish(
            totals=runner_pb2.SourceTotals(events=self._events, hits=self._hits)
        )
        if load_error:
            self._finish.load_error.CopyFrom(
                event_pb2.ExceptionInfo(type="LoadError", message=load_error)
            )
        self._changed()
        await self._until(lambda: self._finished)

    def _cut(self) -> None:
        """Makes a batch of what has come."""
        if self._entries:
            batch = Batch(
                self._events + 1, tuple(self._entries), self._status, self.assignment.test
            )
            self._entries = []
            self._events = batch.last
            self._hits += batch.hits
            self._waiting.append(batch)
            self._changed()

    # The stream

    async def ask(self) -> None:
        """Asks what to do.

        Raises:
            Failed: the other side does not know this runner.
        """
        request = runner_pb2.GetAssignmentRequest(source=self._source)
        try:
            answer = await self._stub.GetAssignment(
                request, metadata=self._metadata, wait_for_ready=True
            )
        except grpc.aio.AioRpcError as error:
            raise Failed(f"{error.code().name}: {error.details()}") from error
        self.assignment = answer.assignment

    async def close(self) -> None:
        """Ends the connection."""
        await self._channel.close()

    async def keep_flushing(self) -> None:
        """Makes batches at regular times, forever."""
        while True:
            await asyncio.sleep(FLUSH_S)
            self._cut()

    async def keep_stream(self) -> None:
        """Keeps a stream open, forever; opens another when it breaks.

        Raises:
            Failed: the other side will not have this source, or not any more.
        """
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                await self._stream()
            except grpc.aio.AioRpcError as error:
                if error.code() in FINAL:
                    raise Failed(f"{error.code().name}: {error.details()}") from error
            if self._limits is not None:
                pause_s = FIRST_PAUSE_S
            await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))  # noqa: S311 - no secret
            pause_s = min(pause_s * 2, MAX_PAUSE_S)

    async def _stream(self) -> None:
        self._epoch += 1
        self._limits = None
        self._said.clear()
        self._rewind()
        call = self._stub.PublishEvents(metadata=self._metadata)
        writing = asyncio.create_task(self._write(call))
        try:
            async for response in call:
                self._answered(response)
                self._changed()
        finally:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
            call.cancel()

    async def _write(self, call: grpc.aio.StreamStreamCall) -> None:
        capabilities = runner_pb2.RunnerCapabilities(cycle_barrier=True)
        opening = runner_pb2.OpenSource(epoch=self._epoch, capabilities=capabilities)
        await call.write(runner_pb2.PublishEventsRequest(source=self._source, open=opening))
        while True:
            await self._until(lambda: self._limits is not None)
            request = self._next()
            if request is None:
                await self._news.wait()
            else:
                await call.write(request)

    def _next(self) -> runner_pb2.PublishEventsRequest | None:
        """What may be sent now."""
        if self._ready > self._started and "ready" not in self._said:
            self._said.add("ready")
            ready = runner_pb2.CycleReady(cycle=self._ready)
            return runner_pb2.PublishEventsRequest(ready=ready)
        if self._waiting:
            return self._next_batch()
        if self._finish is not None and "finish" not in self._said:
            self._said.add("finish")
            return runner_pb2.PublishEventsRequest(finish=self._finish)
        return None

    def _next_batch(self) -> runner_pb2.PublishEventsRequest | None:
        """The next batch, in pieces when it is over the limit, if it may be sent now."""
        limits = self._limits
        assert limits is not None  # noqa: S101 - the stream is open
        while (size := self._waiting[0].request.batch.ByteSize()) > limits.max_batch_bytes:
            item = self._waiting.popleft()
            assert isinstance(item, Batch)  # noqa: S101 - a skip has no batch
            self._waiting.extendleft(reversed(item.split()))
        on_its_way = sum(each for _, each in self._unacked)
        if self._unacked and (
            len(self._unacked) >= limits.max_unacked_batches
            or on_its_way + size > limits.max_unacked_bytes
        ):
            return None
        item = self._waiting.popleft()
        self._unacked.append((item, size))
        return item.request

    def _answered(self, response: runner_pb2.PublishEventsResponse) -> None:
        kind = response.WhichOneof("message")
        if kind == "error":
            raise Failed(f"{response.error.reason}: {response.error.message}")
        if kind == "run_closed":
            raise Failed("the part in the run is over: nobody wants more")
        # What is not known is ignored.
        if act := getattr(self, f"_on_{kind}", None):
            act(getattr(response, kind))

    def _on_opened(self, opened: runner_pb2.SourceOpened) -> None:
        self._forget(opened.durable_sequence)
        self._bridge(opened.durable_sequence + 1)
        self._limits = bounds(opened.limits)

    def _on_ack(self, ack: runner_pb2.Ack) -> None:
        self._forget(ack.durable_sequence)

    def _on_gap(self, gap: runner_pb2.Gap) -> None:
        self._rewind()
        self._bridge(gap.expected_sequence)

    def _on_too_large(self, too_large: runner_pb2.TooLarge) -> None:
        self._rewind()
        self._split(too_large.first_sequence)

    def _on_rejected(self, rejected: runner_pb2.Rejected) -> None:
        print(*rejected.violations, sep="\n", file=sys.stderr)

    def _on_start_cycle(self, start: runner_pb2.StartCycle) -> None:
        self._started = max(self._started, start.cycle)

    def _on_stop(self, stop: runner_pb2.Stop) -> None:
        self.stop_timeout_s = stop.stop_timeout.ToTimedelta().total_seconds()
        self.stopped.set()

    def _on_finished(self, _: runner_pb2.Finished) -> None:
        self._finished = True

    # What is kept

    def _first_kept(self) -> int:
        """The number of the oldest entry that is kept."""
        if self._unacked:
            return self._unacked[0][0].first
        return self._waiting[0].first if self._waiting else self._events + 1

    def _forget(self, durable: int) -> None:
        while self._unacked and self._unacked[0][0].last <= durable:
            self._unacked.popleft()
        while not self._unacked and self._waiting and self._waiting[0].last <= durable:
            self._waiting.popleft()

    def _rewind(self) -> None:
        """All that is kept is to be sent again."""
        self._waiting.extendleft(item for item, _ in reversed(self._unacked))
        self._unacked.clear()
        self._said.discard("finish")

    def _bridge(self, expected: int) -> None:
        """Declares lost what the other side has lost after it had acked it."""
        first = self._first_kept()
        if expected < first:
            self._waiting.appendleft(Lost(expected, first - 1, "acked once, and lost since"))

    def _split(self, first: int) -> None:
        for at, item in enumerate(self._waiting):
            if item.first == first and isinstance(item, Batch):
                del self._waiting[at]
                for piece in reversed(item.split()):
                    self._waiting.insert(at, piece)
                return

    # Waiting

    def _changed(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    async def _until(self, holds: Callable[[], bool]) -> None:
        while not holds():
            await self._news.wait()


def report(live: Callable[[Reporter], Awaitable[None]]) -> int:
    """Runs the users of this runner's assignment; returns the exit status of the process."""
    try:
        asyncio.run(_report(live))
    except Failed as error:
        print(error, file=sys.stderr)
        return 1
    return 0


async def _report(live: Callable[[Reporter], Awaitable[None]]) -> None:
    reporter = Reporter(os.environ)
    await reporter.ask()
    living = asyncio.create_task(_live(reporter, live))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, reporter.cut_off)
    tasks = [
        living,
        asyncio.create_task(reporter.keep_stream()),
        asyncio.create_task(reporter.keep_flushing()),
    ]
    done, others = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await reporter.close()
    for task in done:
        task.result()


async def _live(reporter: Reporter, live: Callable[[Reporter], Awaitable[None]]) -> None:
    if reporter.assignment.user:
        await reporter.finish("it runs all users in one process: use --runner-mode all-users")
        return
    try:
        await live(reporter)
    except LoadFailed as error:
        await reporter.finish(str(error))
    except Failed:
        await reporter.finish()
        raise
    else:
        await reporter.finish()
