"""The sending end of PublishEvents: what a source has sent and the other side has not acked.

Rule: pure. Items that are not acked are kept in order, and sent again on the next stream; `ready`
comes before, `finish` after all of them. The owner of the stream calls `next`, sends the item,
and reports what was answered.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar

from loadgrpc.v1 import runner_pb2

FORGOTTEN: Final = "acked once, and lost since by its receiver"
"""Why numbers are declared lost that the other side asks for again."""


class Numbered(Protocol):
    """A batch or a skip."""

    @property
    def first_sequence(self) -> int:
        """Its first number."""

    @property
    def last_sequence(self) -> int:
        """Its last number."""

    @property
    def size(self) -> int:
        """Bytes, as the limits of the other side count them."""


@dataclass(frozen=True, eq=False)
class Word:
    """Something without a number: `ready` or `finish`."""

    request: bytes


Item = TypeVar("Item", bound=Numbered)


class Outbound(Generic[Item]):
    """See the module. `skip` makes an item that declares a count of numbers lost."""

    def __init__(self, skip: Callable[[int, int], Item]) -> None:
        self.kept: deque[Item] = deque()
        self.kept_bytes = 0
        self._skip = skip
        self._last = 0
        """The last number that was ever kept."""
        self._ready: Word | None = None
        self._ready_for = 0
        self._finish: Word | None = None
        self.begin()

    # What the source says

    def keep(self, item: Item) -> None:
        """Keeps what follows."""
        self.kept.append(item)
        self.kept_bytes += item.size
        self._last = item.last_sequence

    def ready(self, request: bytes, cycle: int) -> None:
        """The source is ready for a cycle; only the newest counts."""
        self._ready = Word(request)
        self._ready_for = cycle
        self._ready_sent = False

    def finish(self, request: bytes) -> None:
        """The source has sent everything."""
        self._finish = Word(request)
        self._finish_sent = False

    # One stream

    def begin(self) -> None:
        """A new stream: nothing was sent on it, and nothing may be before it is open."""
        self.is_open = False
        self._limits = runner_pb2.Limits()
        self._sent = 0
        """How many of the kept were sent on it."""
        self._sent_bytes = 0
        self._ready_sent = False
        self._finish_sent = False

    def next(self) -> Item | Word | None:
        """What may be sent now."""
        if not self.is_open:
            return None
        if self._ready is not None and not self._ready_sent:
            return self._ready
        if self._sent < len(self.kept):
            following = self.kept[self._sent]
            return following if self._has_room_for(following.size) else None
        # Not before all is acked: what is asked for again would count as lost.
        return self._finish if not self._finish_sent and not self.kept else None

    def count_as_sent(self, sent: Item | Word) -> None:
        """What `next` gave is on its way."""
        if sent is self._ready:
            self._ready_sent = True
        elif sent is self._finish:
            self._finish_sent = True
        else:
            self._sent_bytes += self.kept[self._sent].size
            self._sent += 1

    # What the other side says

    def opened(self, durable_sequence: int, limits: runner_pb2.Limits) -> None:
        """The stream is open; everything up to a number is on the other side's disk."""
        self.acked(durable_sequence)
        self._bridge(durable_sequence + 1)
        self.is_open = True
        self._limits = limits

    def acked(self, durable_sequence: int) -> None:
        """Everything up to a number is on the other side's disk."""
        while self.kept and self.kept[0].last_sequence <= durable_sequence:
            size = self.kept.popleft().size
            self.kept_bytes -= size
            if self._sent:
                self._sent -= 1
                self._sent_bytes -= size

    def gap(self, expected_sequence: int) -> None:
        """A number is missing there: all that is kept is to be sent again."""
        self._sent = self._sent_bytes = 0
        self._finish_sent = False
        self._bridge(expected_sequence)

    def cycle_started(self, cycle: int) -> None:
        """The order that `ready` waits for has come."""
        if self._ready_for <= cycle:
            self._ready = None

    def clear(self) -> None:
        """Nothing of it is wanted any more."""
        self.kept.clear()
        self.kept_bytes = self._sent = self._sent_bytes = 0
        self._ready = self._finish = None

    def start_over(self, after: int) -> None:
        """Nothing of it is wanted any more; what comes next has the number `after` + 1."""
        self.clear()
        self._last = after

    def replace(self, at: int, *items: Item) -> None:
        """Replaces a kept item by others with the same numbers, to be sent next."""
        if at < self._sent:
            self._sent_bytes -= sum(self.kept[one].size for one in range(at, self._sent))
            self._sent = at
            self._finish_sent = False
        self.kept_bytes += sum(item.size for item in items) - self.kept[at].size
        del self.kept[at]
        for item in reversed(items):
            self.kept.insert(at, item)

    @property
    def waits(self) -> bool:
        """Whether the source is ready for a cycle that has not begun."""
        return self._ready is not None

    @property
    def settled(self) -> bool:
        """Whether the other side has all of it, and has answered `finish`."""
        return not self.kept and self._finish is None

    def _has_room_for(self, size: int) -> bool:
        """Whether the other side takes more before it has acked what was sent; one it takes."""
        batches, most_bytes = self._limits.max_unacked_batches, self._limits.max_unacked_bytes
        return not self._sent or (
            (not batches or self._sent < batches)
            and (not most_bytes or self._sent_bytes + size <= most_bytes)
        )

    def _bridge(self, expected: int) -> None:
        """The other side expects a number; what was forgotten of it is declared lost.

        That is so only when it has lost what it had acked, as a store put back from a backup.
        """
        first = self.kept[0].first_sequence if self.kept else self._last + 1
        if expected < first:
            self.kept.appendleft(self._skip(expected, first - expected))


def open_request(
    source: runner_pb2.SourceId,
    epoch: int,
    capabilities: runner_pb2.RunnerCapabilities,
    *,
    scenario: str = "",
    types: bytes = b"",
) -> bytes:
    """The first PublishEventsRequest of a stream about a source."""
    opening = runner_pb2.OpenSource(
        epoch=epoch,
        capabilities=capabilities,
        scenario=scenario,
        types=types,
    )
    request = runner_pb2.PublishEventsRequest(source=source, open=opening)
    return request.SerializeToString()


def skip_request(first_sequence: int, count: int, reason: str, hits: int = 0) -> bytes:
    """A PublishEventsRequest that declares numbers lost."""
    skip = runner_pb2.Skip(first_sequence=first_sequence, count=count, reason=reason, hits=hits)
    return runner_pb2.PublishEventsRequest(skip=skip).SerializeToString()
