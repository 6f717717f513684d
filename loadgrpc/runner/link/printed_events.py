"""What user processes print, as events of their source: the first lines, and how many more came.

Rule: pure, and bounded: a source has MAX_LINES events with a line. What was printed beyond that,
and what there was no room for, is counted and reported, once a while for each process and stream.
A line that was left out is no event: it takes no number, and nobody waits for it.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from typing import Final

from loadgrpc.model import OutputStream
from loadgrpc.protocol.printed import PrintedLine
from loadgrpc.protocol.times import timestamp_to_proto
from loadgrpc.runner.texts import MESSAGE_BYTES, bounded
from loadgrpc.secrets import masked
from loadgrpc.v1 import event_pb2

MAX_LINES: Final = 1_000
MAX_AT_ONCE: Final = 100
"""Events in a batch: of 4 KiB each they are less than what may be sent at once."""
COUNT_EVERY_NS: Final = 10_000_000_000
"""How often the number of left-out lines is reported, while no more lines are sent."""

_Origin = tuple[int, OutputStream]
"""The process, from 1, and its stream."""


class PrintedEvents:
    """See the module. `now_ns` is the time by the wall clock."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[_Origin, event_pb2.Event]] = deque()
        self._lines = 0
        """Lines that were sent or wait."""
        self._left_out: Counter[_Origin] = Counter()
        """Lines that were left out and not reported yet."""
        self._counted_ns = 0
        self._ended = False

    def add(
        self, process: int, stream: OutputStream, lines: Iterable[PrintedLine], now_ns: int
    ) -> None:
        """A process, from 1, has printed this; what comes after the last events is too late."""
        if self._ended:
            return
        origin = process, stream
        for line in lines:
            self._left_out[origin] += line.left_out
            if line.text is None:
                continue
            if self._lines >= MAX_LINES:
                self._left_out[origin] += 1
                continue
            self._lines += 1
            text = bounded(masked(line.text), MESSAGE_BYTES)
            self._waiting.append((origin, self._event(origin, now_ns, text)))

    def drop(self) -> None:
        """Leaves out what waits, because other events come first."""
        for origin, event in self._waiting:
            lines = int(event.output.HasField("text"))
            self._lines -= lines
            self._left_out[origin] += lines + event.output.left_out
        self._waiting.clear()

    def take(self, now_ns: int, *, last: bool = False) -> list[event_pb2.Event]:
        """The next events, at most MAX_AT_ONCE; `last`: whatever there is to report."""
        self._ended |= last
        due = last or now_ns - self._counted_ns >= COUNT_EVERY_NS
        if due and not self._waiting and (origins := +self._left_out):
            self._counted_ns = now_ns
            self._waiting += [(origin, self._event(origin, now_ns)) for origin in origins]
        some = min(MAX_AT_ONCE, len(self._waiting))
        return [self._waiting.popleft()[1] for _ in range(some)]

    def _event(self, origin: _Origin, now_ns: int, text: str | None = None) -> event_pb2.Event:
        process, stream = origin
        return event_pb2.Event(
            time=timestamp_to_proto(now_ns),
            output=event_pb2.Output(
                text=text,
                process=process,
                stream=int(stream),  # type: ignore[arg-type]  # an enum's number
                left_out=self._left_out.pop(origin, 0),
            ),
        )
