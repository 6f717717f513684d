"""The sources that report, and the streams they report on.

Rule: a source may be open on several streams, and a stream may carry several sources. Answers go
to the stream that asked, orders to all streams of a source.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Final

from loadgrpc.broker.ledger import Ledger
from loadgrpc.broker.outbox import Outbox
from loadgrpc.broker.pace import Pace
from loadgrpc.errors import InvalidRequest, LoadgrpcError
from loadgrpc.model import SourceId
from loadgrpc.protocol.answers import Acked, Answer, Refused

MAX_STREAM_SOURCES: Final = 10_000
"""Sources that may have opened on one stream."""


class Inbox:
    """The way back to the source on one stream; `answers` is read by the servicer."""

    def __init__(self) -> None:
        self.answers: Outbox[tuple[SourceId, Answer] | Exception | None] = Outbox()
        self.sources: dict[SourceId, Source] = {}
        """Sources that are open on this stream."""
        self.closed: set[SourceId] = set()
        """Sources that opened here when their run was over."""
        self.error: Exception | None = None
        """What ends the stream; nothing that comes after it counts."""
        self._acks: dict[SourceId, Acked] = {}
        """The newest ack of each source that is queued."""

    def admit(self) -> None:
        """Another source is to open here.

        Raises:
            InvalidRequest: there are too many.
        """
        if len(self.sources) + len(self.closed) >= MAX_STREAM_SOURCES:
            raise InvalidRequest(f"more than {MAX_STREAM_SOURCES} sources on a stream")

    def put(self, source: SourceId, answer: Answer) -> None:
        """Queues an answer; of the acks of a source only the newest is kept."""
        if isinstance(answer, Acked):
            queued = source in self._acks
            self._acks[source] = answer
            if queued:
                return
        self.answers.put_nowait((source, answer))

    def newest(self, source: SourceId, answer: Answer) -> Answer:
        """What to say when `answer` is taken from the queue."""
        return self._acks.pop(source, answer) if isinstance(answer, Acked) else answer

    def refuse(self, source: SourceId, error: LoadgrpcError) -> None:
        """Closes a source on this stream, and says why."""
        if source in self.sources:
            self.sources.pop(source).inboxes.discard(self)
        self.put(source, Refused(error.reason, str(error)))

    def end(self, error: Exception | None = None) -> None:
        """Ends the stream, when what is queued has been sent."""
        self.error = self.error or error
        self.answers.put_nowait(error)


@dataclass
class Source:
    """A runner instance that reports."""

    source_id: SourceId
    scenario: str = ""
    epoch: int = 0
    heard_ns: int = 0
    """When it last said something (wall clock); 0: not yet, to this broker."""
    ledger: Ledger = field(default_factory=Ledger)
    stored: Ledger = field(default_factory=Ledger)
    """The ledger as of the last commit: what a failed one falls back to."""
    inboxes: set[Inbox] = field(default_factory=set)
    """The streams it is open on: one, unless it sends no numbers and no epochs."""
    barrier: bool = False
    """Whether it waits for `StartCycle`."""
    feeds: bool = False
    """Whether it can feed iterations with cases."""
    has_rules: bool = False
    """Whether it has reported rules, whose cases iterations are fed with."""
    ready_for: int = 0
    """The cycle it is ready for; 0: it has not loaded the test yet."""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held from a decision of the ledger until its commit is in the store's queue."""
    writing: asyncio.Task[None] | None = None
    """Ends when all that is in the queue is stored and counted, or has failed."""
    pace: Pace | None = None
    """What it is kept to. None: nothing came yet."""
    broken: bool = False
    """A write has failed: what came after it counts for nothing, either."""

    @property
    def settled(self) -> bool:
        """Whether all that came is stored, and nothing is under way."""
        written = self.writing is None or self.writing.done()
        return written and not self.broken and not self.lock.locked()

    def leave(self) -> None:
        """Nothing is expected of it any more: on its streams its run counts as over."""
        for inbox in self.inboxes:
            inbox.sources.pop(self.source_id, None)
            inbox.closed.add(self.source_id)
        self.inboxes.clear()

    async def settle(self) -> None:
        """Waits until all that came is stored, or known not to count; held by the lock."""
        if self.writing is not None:
            await asyncio.wait({self.writing})
        if self.broken:
            self.ledger = self.stored.copy()
            self.broken = False

    def answer(self, answer: Answer) -> None:
        """Tells the source something, if it listens."""
        for inbox in self.inboxes:
            inbox.put(self.source_id, answer)
