"""What one source has sent and the broker has not committed.

Rule: pure; it decides what is new, what may be sent, what must go to disk and what the runner may
forget. Messages are kept in order, recent ones in memory, older ones by their place on disk.
Durable is what is committed, or on disk together with everything before it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence as Many
from dataclasses import dataclass

from loadgrpc.agent.spool import Found, Message, Place
from loadgrpc.errors import InvalidRequest, Violation
from loadgrpc.protocol.home import Accept, Decision, Sequence, size
from loadgrpc.protocol.outbound import FORGOTTEN, Outbound, skip_request
from loadgrpc.v1 import runner_pb2

DAMAGED = "kept on the agent's disk, and found damaged there"


@dataclass(eq=False)
class KeptMessage:
    """A batch or a skip."""

    first_sequence: int
    last_sequence: int
    size: int
    request: bytes | None
    """None: it is on disk only."""
    arrived_s: float = 0.0
    place: Place | None = None


class Backlog:
    """See the module."""

    def __init__(self) -> None:
        self.outbound = Outbound(lambda first, count: _lost(first, count, FORGOTTEN))
        self.committed = 0
        """Everything up to this number is in the broker's store."""
        self.memory_bytes = 0
        self._spooled = 0
        self._memory: deque[KeptMessage] = deque()
        """Of what is kept, what is not on disk."""
        self._sequence = Sequence()
        self._produced: int | None = None
        """What the source says it has produced, when it has finished."""

    @property
    def durable(self) -> int:
        """Everything up to this number may be forgotten by the runner."""
        return max(self.committed, self._spooled)

    # What the runner says

    def opened(self) -> None:
        """A stream has been sent the expected number."""
        self._sequence.opened()

    def batch(self, raw: bytes, request: runner_pb2.PublishEventsRequest, now_s: float) -> Decision:
        """A batch that is not empty; `raw` is the request as it came.

        Raises:
            InvalidRequest: its numbers go too far.
        """
        first = request.batch.first_sequence
        decision = self._sequence.batch(first, size(request.batch))
        if isinstance(decision, Accept) and not first:
            request.batch.first_sequence = self._sequence.received - size(request.batch) + 1
            raw = request.SerializeToString()
        self._keep(decision, size(request.batch), raw, now_s)
        return decision

    def skip(self, raw: bytes, skip: runner_pb2.Skip, now_s: float) -> Decision:
        """Numbers are declared lost.

        Raises:
            InvalidRequest: the first number is missing, or they go too far.
        """
        if skip.first_sequence == 0:
            raise InvalidRequest([Violation("skip.first_sequence", "is required")])
        decision = self._sequence.batch(skip.first_sequence, skip.count)
        self._keep(decision, skip.count, raw, now_s)
        return decision

    def finish(self, raw: bytes, finish: runner_pb2.Finish) -> None:
        """The source has sent everything."""
        self._produced = finish.totals.events if finish.HasField("totals") else None
        self.outbound.finish(raw)

    def _keep(self, decision: Decision, count: int, raw: bytes, now_s: float) -> None:
        if isinstance(decision, Accept):
            last = self._sequence.received
            kept = KeptMessage(last - count + 1, last, len(raw), raw, now_s)
            self.outbound.keep(kept)
            self._memory.append(kept)
            self.memory_bytes += kept.size

    # What the broker says

    def advance(self, committed_sequence: int) -> None:
        """Everything up to a number is in the broker's store."""
        self.committed = max(self.committed, committed_sequence)
        self._sequence.received = max(self._sequence.received, self.committed)
        self.outbound.acked(committed_sequence)
        while self._memory and self._memory[0].last_sequence <= self.committed:
            self.memory_bytes -= self._memory.popleft().size

    def finished(self) -> None:
        """The broker has closed the account."""
        self.advance(max(self._sequence.received, self._produced or 0))
        self.outbound.clear()

    def give_up(self) -> None:
        """The broker does not want what it has not committed."""
        self.outbound.start_over(self.committed)
        self._memory.clear()
        self.memory_bytes = 0
        self._spooled = 0
        self._sequence.received = self.committed

    def too_large(self, first_sequence: int, batch_bytes: int) -> None:
        """The broker accepts no batch of this size: its numbers will never come."""
        reason = f"a batch of {batch_bytes} bytes, which is more than the broker takes"
        self._replace(first_sequence, reason)

    # What is on disk

    def found(self, records: Many[Found]) -> None:
        """What an agent before this one had put on disk."""
        for record in records:
            expected = self._sequence.received + 1
            if record.last_sequence < expected:
                continue  # written twice, when it was not sure that it was written at all
            if record.first_sequence > expected > 1:
                missing = record.first_sequence - expected
                self.outbound.keep(_lost(expected, missing, DAMAGED))
            kept = KeptMessage(record.first_sequence, record.last_sequence, record.size, None)
            kept.place = record.place
            self.outbound.keep(kept)
            self._sequence.received = self._spooled = record.last_sequence

    def due(self, before_s: float) -> list[KeptMessage]:
        """What is to be put on disk: all in memory, if some of it came before a moment."""
        if not self._memory or self._memory[0].arrived_s > before_s:
            return []
        return list(self._memory)

    def spooled(self, kept: Many[KeptMessage], places: Many[Place]) -> None:
        """The first of what was due is on disk now."""
        for each, place in zip(kept, places, strict=False):
            if self._memory and self._memory[0] is each:  # it was not committed meanwhile
                self.memory_bytes -= self._memory.popleft().size
                self._spooled = each.last_sequence
                each.place = place
                each.request = None

    def damaged(self, kept: KeptMessage) -> None:
        """What was on disk cannot be read: its numbers will never come."""
        self._replace(kept.first_sequence, DAMAGED)

    def _replace(self, first_sequence: int, reason: str) -> None:
        for at, kept in enumerate(self.outbound.kept):
            if kept.first_sequence == first_sequence:
                if kept in self._memory:
                    self._memory.remove(kept)
                    self.memory_bytes -= kept.size
                count = kept.last_sequence - first_sequence + 1
                self.outbound.replace(at, _lost(first_sequence, count, reason))
                return


def message(kept: KeptMessage) -> Message:
    """What the spool takes."""
    assert kept.request is not None  # noqa: S101 - it is in memory
    return Message(kept.first_sequence, kept.last_sequence, kept.request)


def _lost(first_sequence: int, count: int, reason: str) -> KeptMessage:
    """A skip of the relay's own."""
    request = skip_request(first_sequence, count, reason)
    return KeptMessage(first_sequence, first_sequence + count - 1, len(request), request)
