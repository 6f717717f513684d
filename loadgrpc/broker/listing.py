"""The stored events of a run, one after another.

Rule: the store is read piece by piece, as fast as the caller receives; no more than one piece is
in memory.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple, Self

from loadgrpc.errors import EventsGone, InvalidRequest, Violation
from loadgrpc.model import SourceId
from loadgrpc.protocol.rows import KINDS, rows
from loadgrpc.protocol.times import timestamp_from_proto
from loadgrpc.store import Store, StoredBatch
from loadgrpc.v1 import event_pb2, runner_pb2

EVENTS_A_TURN: Final = 100
"""Events that are made before others have their turn."""
_POSITION: Final = re.compile("([0-9]{1,18})-([0-9]{1,18})-([0-2])")


class Position(NamedTuple):
    """Where in a run an event is. Later ones are greater."""

    batch: int
    """The number of its batch in the store."""
    entry: int
    part: int
    """See `Row`."""

    def __str__(self) -> str:
        return f"{self.batch}-{self.entry}-{self.part}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """A position from its text.

        Raises:
            InvalidRequest: it is none.
        """
        if (found := _POSITION.fullmatch(text)) is None:
            raise InvalidRequest([Violation("after", "was not issued by this broker")])
        return cls(*map(int, found.groups()))


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which events of a run are asked for."""

    run_id: str
    kinds: Collection[str] = KINDS
    agent_id: str = ""
    """Empty: of all."""
    limit: int = 0
    """Maximum number of events; 0: all."""
    after: Position | None = None
    """Only those after this one."""


class Listed(NamedTuple):
    """A stored event."""

    source: SourceId
    sequence: int
    event: event_pb2.Event
    position: Position
    time_ns: int
    """When it happened, by the broker's clock."""


async def listed(
    store: Store, wanted: Wanted, ahead_ns: Mapping[str, int]
) -> AsyncIterator[Listed]:
    """The events of a run, in the order in which they were committed.

    `ahead_ns` tells how far the clocks of agents are ahead of the broker's, where that is known.

    Raises:
        EventsGone: it had some, and none is kept.
    """
    left, after = wanted.limit, wanted.after
    kept = after is not None
    turn = 0
    async for batch in store.batches(wanted.run_id, after=after.batch - 1 if after else 0):
        kept = True
        await asyncio.sleep(0)
        if wanted.agent_id and batch.source.agent_id != wanted.agent_id:
            continue
        ahead = ahead_ns.get(batch.source.agent_id, 0)
        first = after.entry if after is not None and after.batch == batch.number else 0
        for event in _of_batch(batch, wanted.kinds, ahead, first):
            turn += 1
            if event is None or not turn % EVENTS_A_TURN:
                await asyncio.sleep(0)
            if event is None or (after is not None and event.position <= after):
                continue
            yield event
            left -= 1  # never 0 again, when it was
            if not left:
                return
    if not kept and any(source.committed for source in await store.sources(wanted.run_id)):
        raise EventsGone(f"the events of run {wanted.run_id} are not kept any more")


def _of_batch(
    batch: StoredBatch, kinds: Collection[str], ahead_ns: int, first: int
) -> Iterator[Listed | None]:
    """The events of a batch from its entry `first` on; None: others may have their turn."""
    message = runner_pb2.EventBatch.FromString(batch.payload)
    first = max(first, batch.offset)
    for row in rows(message, arrival_ns=batch.arrival_ns, kinds=kinds, first=first):
        if row is None:
            yield None
            continue
        entry, part, event, dated = row
        sequence, position = batch.first_sequence + entry, Position(batch.number, entry, part)
        time_ns = timestamp_from_proto(event.time) - (ahead_ns if dated else 0)
        yield Listed(batch.source, sequence, event, position, max(0, time_ns))
