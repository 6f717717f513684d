"""The home that a runner reports to: an agent's in all that it can see, which has its whims.

Rule: what numbers mean is decided by the broker's own `ledger.py`, and which events are valid by
`protocol/batches.py`. What goes wrong is written in a Script, and nothing goes wrong that could
not at an agent. It judges nothing: all that is said is noted. It has no figures, no other agents
to wait for, and takes no notice of types.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any, Final, NoReturn

import grpc
from google.protobuf.message import DecodeError

from loadgrpc.broker.ledger import Ledger
from loadgrpc.conformance.live_load import LiveLoad
from loadgrpc.conformance.refusing import ON_PURPOSE, NotTaken, on_purpose, refused_by, rule_of
from loadgrpc.conformance.script import CLOSED, TERMINATE, Script
from loadgrpc.conformance.stream import Stream, token_of
from loadgrpc.conformance.transcript import (
    Ended,
    HomeMessage,
    MethodCall,
    Refusal,
    RunnerMessage,
    Transcript,
)
from loadgrpc.errors import (
    InvalidRequest,
    LoadgrpcError,
    NotAllowed,
    NotFound,
    Superseded,
    Unavailable,
    Violation,
)
from loadgrpc.protocol import assignments, batches, home, times
from loadgrpc.protocol.home import Accept, Decision, OutOfOrder
from loadgrpc.protocol.raw import SERVICE
from loadgrpc.protocol.sources import source_from_proto, source_to_proto
from loadgrpc.protocol.transport import Context
from loadgrpc.v1 import runner_pb2

SERVICES: Final = (SERVICE,)
BEARER: Final = "Bearer "
DEFECT: Final = "INTERNAL"
"""How one ended of a home that has a defect."""
_OVER: Final = ("finished", "error", "run_closed")


class Home:
    """See the module; served by `add_raw_runner_service`. `transcript` has what was said."""

    def __init__(self, script: Script, transcript: Transcript) -> None:
        self.over = asyncio.Event()
        """The runner has been sent the last answer, and no stream is left."""
        self.leaves = asyncio.Event()
        """The server is to end, and to come back."""
        self.terminates = asyncio.Event()
        """SIGTERM is due, from whoever started the runner."""
        self.transcript = transcript
        self._script = script
        self._began_s = time.monotonic()
        self._source = source_to_proto(transcript.source)
        self._streams: set[Stream] = set()
        self._stream_count = 0
        self._cuts = list(script.cut_at_batches)
        self._cut_at_finish = script.cut_at_finish
        self._cut_at_ready = script.cut_at_ready
        self._too_large = script.too_large
        self._reject = script.reject
        self._ledger = Ledger()
        self._epoch = 0
        self._batches = 0
        self._due = 0
        """The last number that was not taken here, and has to come again."""
        self._finish: runner_pb2.Finish | None = None
        self._told_the_end = False
        """The stream was ended with a status after which there is no other."""
        self._done = False
        """What the script has for the middle of the load is said."""
        self._last: dict[str, Any] | None = None
        """What is answered to everything, when the source's part is over."""
        self._stop: dict[str, Any] | None = None
        self._live = LiveLoad(script, transcript)

    # The service

    async def GetAssignment(  # noqa: N802 - the name in the proto
        self, request: runner_pb2.GetAssignmentRequest, context: Context
    ) -> runner_pb2.GetAssignmentResponse:
        """See runner.proto."""
        asked = request.source
        source = type(self.transcript.source)(asked.run_id, asked.agent_id, asked.runner_id)
        token = token_of(context)
        self._note(MethodCall(self._now_s(), "GetAssignment", 0, token, source))
        self._check_token(token)
        if asked != self._source:
            self._refuse("1.2", "another source")
            source_from_proto(asked)  # or it says what is missing
            raise NotFound(f"nothing is expected of source {source} with this token")
        message = assignments.assignment_to_proto(self.transcript.assignment)
        return runner_pb2.GetAssignmentResponse(assignment=message)

    async def PublishEvents(  # noqa: N802
        self, requests: AsyncIterator[bytes], context: Context
    ) -> AsyncIterator[bytes]:
        """See runner.proto."""
        self._stream_count += 1
        stream = Stream(self._stream_count)
        token = token_of(context)
        self._note(MethodCall(self._now_s(), "PublishEvents", stream.number, token))
        try:
            self._check_token(token)
            self._check_ready()
        except (NotAllowed, Unavailable) as error:
            self._note(Ended(self._now_s(), stream.number, error.reason))
            raise
        if self._stream_count <= self._script.defects:
            self._note(Ended(self._now_s(), stream.number, DEFECT))
            await context.abort(grpc.StatusCode.INTERNAL, "the kit has a defect, on purpose")
        self._streams.add(stream)
        reading = asyncio.create_task(self._read(requests, stream))
        reading.add_done_callback(lambda _: stream.answers.put_nowait(None))
        try:
            while True:
                answer = await stream.answers.get()
                if isinstance(answer, Exception):
                    raise answer
                if answer is not None:
                    told = runner_pb2.PublishEventsResponse.FromString(answer)
                    self._note(HomeMessage(self._now_s(), stream.number, told))
                    yield answer
                if stream.status == CLOSED:
                    return
                if reading.done() and stream.answers.empty() and not stream.owed:
                    break
            reading.result()
        except (InvalidRequest, NotAllowed, Unavailable) as error:
            stream.status = error.reason
            raise
        finally:
            stream.cut = True
            reading.cancel()
            self._streams.discard(stream)
            self._note(Ended(self._now_s(), stream.number, stream.status))
            self._look_whether_over()

    def requested(self, count: int) -> None:
        """The target has received this many requests."""
        self.transcript.request_s.append(self._now_s())
        if count >= self._script.after_requests:
            self._in_the_middle()

    def stop(self) -> None:
        """Tells the runner to stop, on every stream that is open or will be."""
        timeout = times.seconds_to_proto(self.transcript.assignment.plan.stop_timeout_s)
        self._stop = {"stop": runner_pb2.Stop(stop_timeout=timeout)}
        for stream in self._streams:
            self._say(stream, **self._stop)

    def close_run(self) -> None:
        """From now on, everything is answered with `run_closed`."""
        self._last = {"run_closed": runner_pb2.RunClosed()}

    # What the runner says

    async def _read(self, requests: AsyncIterator[bytes], stream: Stream) -> None:
        async for raw in requests:
            try:
                request = runner_pb2.PublishEventsRequest.FromString(raw)
            except DecodeError:
                self._refuse("9.1", "bytes that are no message")
                raise InvalidRequest([Violation("source", "cannot be read")]) from None
            self._note(RunnerMessage(self._now_s(), stream.number, request))
            if not stream.cut:
                try:
                    self._take(stream, request)
                except (NotFound, Superseded, NotTaken) as error:
                    self._refuse(rule_of(error), str(error))
                    self._tell_error(stream, error)

    def _take(self, stream: Stream, request: runner_pb2.PublishEventsRequest) -> None:
        kind = request.WhichOneof("message")
        if request.HasField("source") and request.source != self._source:
            self._refuse("1.2", "another source")
            raise InvalidRequest([Violation("source", "is not the one this token was given to")])
        if self._last is not None:
            self._say(stream, **self._last)
        elif kind == "open":
            if not request.HasField("source"):
                self._refuse("2.1", "`open` without a source")
                raise InvalidRequest([Violation("source", "is required")])
            self._open(stream, request.open)
        elif not stream.open:
            self._not_open(request)
        elif kind == "batch":
            self._batch(stream, request.batch)
        elif kind == "skip":
            self._skip(stream, request.skip)
        elif kind == "ready":
            self._ready(stream, request.ready.cycle)
        elif kind == "finish":
            self._finish = request.finish
            self._answer_finish(stream)

    def _not_open(self, request: runner_pb2.PublishEventsRequest) -> NoReturn:
        """A message came before `open`."""
        if request.HasField("source"):
            raise NotFound(f"source {self.transcript.source} is not open on this stream")
        self._refuse("2.1", "a message before `open`")
        raise InvalidRequest([Violation("source", "is required: no source is open")])

    def _open(self, stream: Stream, opening: runner_pb2.OpenSource) -> None:
        if opening.epoch < self._epoch:
            raise Superseded(f"the source is open with epoch {self._epoch}")
        if opening.epoch:
            for older in self._streams - {stream}:
                if older.open:
                    older.open = False
                    reason = runner_pb2.SourceError(
                        reason=Superseded.reason, message="the source opened a newer stream"
                    )
                    self._say(older, error=reason)
        self._epoch = opening.epoch
        if (refused := self._live.refuses(opening)) is not None:  # it may be right all the same
            self._last = {"error": refused}
            self._say(stream, **self._last)
            return
        self._ledger.opened()
        stream.open = True
        stored = self._ledger.received
        opened = runner_pb2.SourceOpened(
            committed_sequence=stored, durable_sequence=stored, limits=self.transcript.limits
        )
        self._say(stream, self._script.open_after_s, opened=opened)
        if self._stop is not None:
            self._say(stream, self._script.open_after_s, **self._stop)
        if self._live.answer is not None:
            self._say(stream, self._script.open_after_s, **self._live.answer)

    def _batch(self, stream: Stream, batch: runner_pb2.EventBatch) -> None:
        count = home.size(batch)
        if not count:
            self._ack(stream)
            return
        self._batches += 1
        size = batch.ByteSize()
        bound = self.transcript.limits.max_batch_bytes or size
        counts = self._too_large and count > 1 and batch.first_sequence > 0
        self._too_large -= bool(counts)
        if (counts and not self._too_large) or size > bound:
            self._due = max(self._due, batch.first_sequence + count - 1)
            too_large = runner_pb2.TooLarge(first_sequence=batch.first_sequence, batch_bytes=size)
            self._say(stream, too_large=too_large)
        elif self._cuts and self._batches >= self._cuts[0]:
            del self._cuts[0]
            if self._script.stores_at_cut:
                self._ledger.batch(batch.first_sequence, count)
            self._break(stream)
        elif self._batches == self._script.close_at_batch:
            self._close(stream)
        elif self._batches == self._script.leave_at_batch:
            self._leave()
        elif self._batches == self._script.lose_batch and batch.first_sequence:
            self._due = batch.first_sequence + count - 1
        else:
            self._numbered(stream, batch)

    def _numbered(self, stream: Stream, batch: runner_pb2.EventBatch) -> None:
        """A batch is accepted and acked, or answered with the expected number."""
        with refused_by("10.4" if self._ledger.finished else "3.1"):
            decision = self._ledger.batch(batch.first_sequence, home.size(batch))
        if isinstance(decision, Accept):
            decoded = batches.decode(batch, arrival_ns=time.time_ns(), skip=decision.skip)
            if self._reject:
                self._reject = False
                decoded.reject(1, "events[0]: the kit says so, to see what comes of it")
            if decoded.rejected:
                self._ledger.reject(decoded.rejected)
                rejected = runner_pb2.Rejected(
                    count=decoded.rejected,
                    violations=decoded.violations,
                    first_sequence=batch.first_sequence,
                )
                self._say(stream, rejected=rejected)
        self._decided(stream, decision)

    def _skip(self, stream: Stream, skip: runner_pb2.Skip) -> None:
        if not skip.count:
            self._ack(stream)
            return
        with refused_by("3.1"):
            if not skip.first_sequence:
                raise InvalidRequest([Violation("skip.first_sequence", "is required")])
            decision = self._ledger.skip(skip.first_sequence, skip.count, skip.reason)
        self._decided(stream, decision)

    def _decided(self, stream: Stream, decision: Decision) -> None:
        """Numbers came: they are acked, or answered with the expected number."""
        if isinstance(decision, OutOfOrder):
            if decision.report:
                self._say(stream, gap=runner_pb2.Gap(expected_sequence=decision.expected))
            return
        if self._script.strange:
            stream.say_unknown(self._source)
        self._ack(stream)
        if self._ledger.received >= self._script.after_events:
            self._in_the_middle()
        if self._finish is not None:
            self._answer_finish(stream)

    def _ack(self, stream: Stream) -> None:
        stored = self._ledger.received
        ack = runner_pb2.Ack(durable_sequence=stored, committed_sequence=stored)
        self._say(stream, self._script.ack_after_s, ack=ack)

    def _ready(self, stream: Stream, cycle: int) -> None:
        assignment = self.transcript.assignment
        first = assignment.first_cycle
        if not first <= cycle < first + len(assignment.cycles):
            self._refuse("7.5", f"`ready` for cycle {cycle}")
            message = f"must be from {first} to {first + len(assignment.cycles) - 1}"
            self._tell_error(stream, InvalidRequest([Violation("ready.cycle", message)]))
        elif self._cut_at_ready:
            self._cut_at_ready = False
            self._break(stream)
        elif self._script.stop_instead_of_start:
            self.stop()
        else:
            start = self._live.begin(cycle, self._now_s() + self._script.start_after_s)
            self._say(stream, self._script.start_after_s, start_cycle=start)

    def _answer_finish(self, stream: Stream) -> None:
        """`finish` is answered when what was lost here has come again."""
        if self._cuts or self._cut_at_finish:
            self._cut_at_finish = False
            self._cuts = []
            self._finish = None
            self._break(stream)
        elif self._ledger.received < self._due and self._script.lose_batch:
            gap = runner_pb2.Gap(expected_sequence=self._ledger.received + 1)
            self._say(stream, gap=gap)
        elif self._ledger.received >= self._due:
            finish, self._finish = self._finish, None
            assert finish is not None  # noqa: S101 - callers see to it
            with refused_by("10.2"):
                whole = finish.HasField("totals")
                self._ledger.finish(finish.totals.events if whole else self._ledger.received)
            finished = runner_pb2.Finished(
                committed=self._ledger.committed,
                rejected=self._ledger.rejected,
                lost=self._ledger.lost.events,
            )
            self._say(stream, self._script.finished_after_s, finished=finished)

    # Whims

    def _in_the_middle(self) -> None:
        """Says what the script has for the middle of the load, once."""
        if self._done or not self._script.then:
            return
        self._done = True
        if self._script.then == "stop":
            self.stop()
        elif self._script.then == TERMINATE:
            self.transcript.terminated_s = self._now_s()
            self.terminates.set()
        elif self._script.then == "load_changed":
            changed = self._live.change(self._now_s())
            for stream in self._streams:
                self._say(stream, **changed)
        elif self._script.then == "run_closed":
            self.close_run()
        else:
            told = runner_pb2.SourceError(reason=InvalidRequest.reason, message=ON_PURPOSE)
            self._last = {"error": told}
        if self._last is not None:
            for stream in self._streams:
                self._say(stream, **self._last)

    def _break(self, stream: Stream) -> None:
        stream.cut = True
        stream.answers.put_nowait(Unavailable("the stream breaks"))

    def _close(self, stream: Stream) -> None:
        """Ends a stream as the script says."""
        status = self._script.close_status
        stream.cut = True
        if status == CLOSED:
            stream.status = CLOSED
            stream.answers.put_nowait(None)
            return
        self._told_the_end = True
        stream.answers.put_nowait(on_purpose(status))

    def _leave(self) -> None:
        for stream in self._streams:
            stream.cut = True
            stream.status = Unavailable.reason
        self.leaves.set()

    # What is said to the runner

    def _tell_error(self, stream: Stream, error: LoadgrpcError) -> None:
        """The source is not open on this stream, or not any more."""
        stream.open = False
        self._say(stream, error=runner_pb2.SourceError(reason=error.reason, message=str(error)))

    def _say(self, stream: Stream, after_s: float = 0.0, **answer: Any) -> None:
        message = runner_pb2.PublishEventsResponse(source=self._source, **answer)
        stream.say(message.SerializeToString(), after_s)

    # Notes

    def _check_token(self, token: str) -> None:
        known = token == BEARER + self.transcript.token
        if not known:
            self._refuse("1.1", "a call without the token")
        if not known or self._script.refuse_token:
            raise NotAllowed("the metadata needs authorization: Bearer LOADGRPC_TOKEN")

    def _check_ready(self) -> None:
        if self._stream_count <= self._script.refuse_streams:
            raise Unavailable("the home is not ready")

    def _look_whether_over(self) -> None:
        told = (
            e.answer.WhichOneof("message")
            for e in self.transcript.entries
            if type(e) is HomeMessage
        )
        if not self._streams and (self._told_the_end or any(kind in _OVER for kind in told)):
            self.over.set()

    def _refuse(self, rule: str, message: str) -> None:
        """Notes that the runner said what no home takes; the first of it is the cause."""
        if self.transcript.refusal is None:
            self.transcript.refusal = Refusal(rule, message)

    def _note(self, entry: MethodCall | RunnerMessage | HomeMessage | Ended) -> None:
        self.transcript.entries.append(entry)

    def _now_s(self) -> float:
        return time.monotonic() - self._began_s
