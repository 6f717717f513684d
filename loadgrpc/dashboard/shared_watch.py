"""A run that is watched once, whoever looks at it: what WatchRun sends, for many viewers.

Rule: a viewer has no queue. Changes are kept, as many as the run's log has; of figures there are
the newest, of windows the last WINDOWS. A viewer is where it has read to, and takes what is new
when it can: one that is slow, or asleep, misses figures and windows, and never a change. What it
has missed of windows it learns, and asks GetTimeline for.
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Final

from loadgrpc.client.raw_calls import RawCalls
from loadgrpc.dashboard.documents import text_of
from loadgrpc.dashboard.refusal import DEFECT, TurnedAway, answer, wrong
from loadgrpc.errors import LoadgrpcError, NotAllowed
from loadgrpc.protocol.document import as_document
from loadgrpc.v1 import control_pb2

WINDOWS: Final = 60
"""Windows that are kept for viewers that are a little behind: a minute."""
QUIET_S: Final = 15.0
"""After this long without anything new a viewer gets a comment, so that proxies keep the line."""
LINGER_S: Final = 5.0
"""A watch goes on for this long without viewers: a page is loaded again within it."""
MAX_VIEWERS: Final = 200
"""Of all runs together."""

_log = logging.getLogger(__name__)


@dataclass(kw_only=True)
class SeenSoFar:
    """Where a viewer has read to: the numbers of what it has seen last."""

    changes: int
    waits: int
    windows: int
    figures: int = 0


class SharedWatch:
    """See the module; of one run. `over` is called when it has ended, however it has."""

    def __init__(self, calls: RawCalls, run_id: str, over: Callable[[SharedWatch], None]) -> None:
        self._calls = calls
        self.run_id = run_id
        self._over = over
        self._changes: list[bytes] = []
        """As they are sent; the number of each is its place, from 1."""
        self._run = b""
        """The run as it is."""
        self._waits = self._figures = (0, b"")
        """What was sent last of a run that waits, and of figures, each with how many there were."""
        self._windows: deque[tuple[str, bytes]] = deque(maxlen=WINDOWS)
        """When each starts, and how it is sent."""
        self._windows_made = 0
        self._end = b""
        """What is sent last. Empty: there is more to come."""
        self._caught_up = asyncio.Event()
        """Set when all changes from before this watch are here."""
        self._news: set[asyncio.Event] = set()
        self._task = asyncio.create_task(self._follow())

    @property
    def viewers(self) -> int:
        """How many look at it."""
        return len(self._news)

    def close(self) -> None:
        """Ends it."""
        self._task.cancel()

    async def _follow(self) -> None:
        request = control_pb2.WatchRunRequest(run_id=self.run_id, after=0, windows=True)
        try:
            async with aclosing(self._calls.watch(request)) as responses:
                async for response in responses:
                    self._take(response)
        except NotAllowed:
            self._end = AGAIN  # that of the first viewer; the others come back in their own name
        except LoadgrpcError as error:
            self._end = event("trouble", answer(error)[1])
        except asyncio.CancelledError:
            gone = TurnedAway(503, "UNAVAILABLE", "UNAVAILABLE", "the page is going away")
            self._end = event("trouble", answer(gone)[1])
        except Exception:  # noqa: BLE001 - a defect, which viewers learn of as such
            _log.exception("the watch of run %s failed", self.run_id)
            self._end = event("trouble", DEFECT[1])
        else:
            self._end = event("end", {})
        self._caught_up.set()
        self._wake()
        self._over(self)

    def _take(self, response: control_pb2.WatchRunResponse) -> None:
        """Something is new."""
        what = response.WhichOneof("update")
        if response.HasField("change"):
            self._changes.append(message(response))
            if what == "run":
                as_it_is = control_pb2.WatchRunResponse(
                    run=response.run, sequence=response.sequence
                )
                self._run = message(as_it_is)
            self._wake()
            return
        if what == "window":
            response.window.ClearField("series")
            response.window.ClearField("cases")
            self._windows.append((response.window.start.ToJsonString(), message(response)))
            self._windows_made += 1
        elif what == "progress":
            self._figures = (self._figures[0] + 1, message(response))
        else:
            self._run = message(response)
            self._waits = (self._waits[0] + 1, self._run)
        self._caught_up.set()
        self._wake()

    def _wake(self) -> None:
        for news in self._news:
            news.set()

    async def view(self, after: int | None) -> AsyncGenerator[bytes]:
        """What a viewer gets, to the end; it takes the next when it can.

        `after`: the last change that it has seen; None: it begins with the run as it is.
        """
        news = asyncio.Event()
        self._news.add(news)
        try:
            await self._caught_up.wait()
            if after is not None and after > len(self._changes):
                rule = f"is beyond the {len(self._changes)} changes of the run"
                yield event("trouble", answer(wrong("after", rule))[1])
                return
            if after is None and self._run:
                yield self._run
            place = SeenSoFar(
                changes=len(self._changes) if after is None else after,
                waits=self._waits[0],
                windows=self._windows_made,
            )
            while True:
                news.clear()
                for made in self._after(place):
                    yield made
                if place.changes < len(self._changes):
                    continue  # the viewer took its time
                if self._end:
                    yield self._end
                    return
                with suppress(TimeoutError):
                    async with asyncio.timeout(QUIET_S):
                        await news.wait()
                if not news.is_set():
                    yield b": \n\n"
        finally:
            self._news.discard(news)

    def _after(self, place: SeenSoFar) -> Iterator[bytes]:
        """What is new for a viewer, which moves on as it takes it."""
        while place.changes < len(self._changes):
            place.changes += 1
            yield self._changes[place.changes - 1]
        if self._waits[0] > place.waits:
            place.waits, made = self._waits
            yield made
        windows, place.windows = place.windows, self._windows_made
        yield from self._windows_after(windows)
        if self._figures[0] > place.figures:
            place.figures, made = self._figures
            yield made

    def _windows_after(self, number: int) -> list[bytes]:
        """The windows after that many; if some of them are gone, this is said first."""
        missed = self._windows_made - number
        if missed <= 0:
            return []
        kept = list(self._windows)[-missed:]
        gap = [event("gap", {"from": kept[0][0]})] if missed > len(kept) else []
        return [*gap, *(made for _, made in kept)]


class SharedWatches:
    """The runs that somebody looks at."""

    def __init__(self, calls: RawCalls) -> None:
        self._calls = calls
        self._watches: dict[str, SharedWatch] = {}
        self._left_at = -math.inf
        """When a viewer was last there, if none is."""

    @property
    def viewers(self) -> int:
        """How many look."""
        return sum(each.viewers for each in self._watches.values())

    @property
    def looked_at(self) -> bool:
        """Whether somebody looks at a run, or has until a moment ago."""
        return self.viewers > 0 or time.monotonic() - self._left_at < LINGER_S

    def check(self) -> None:
        """Sees that there is room for another viewer.

        Raises:
            TurnedAway: there is none.
        """
        if self.viewers >= MAX_VIEWERS:
            raise TurnedAway(
                503,
                "RESOURCE_EXHAUSTED",
                "TOO_MANY_VIEWERS",
                f"{MAX_VIEWERS} pages are kept up to date already, which is the most",
            )

    async def view(self, run_id: str, after: int | None) -> AsyncGenerator[bytes]:
        """What a viewer of this run gets: see `SharedWatch.view`."""
        watch = self._watches.get(run_id)
        if watch is None:
            watch = self._watches[run_id] = SharedWatch(self._calls, run_id, self._forget)
        try:
            async with aclosing(watch.view(after)) as news:
                async for each in news:
                    yield each
        finally:
            self._left_at = time.monotonic()
            if not watch.viewers:
                asyncio.get_running_loop().call_later(LINGER_S, self._close_idle, watch)

    def _forget(self, watch: SharedWatch) -> None:
        """A watch has ended: a viewer that comes now begins another one."""
        if self._watches.get(watch.run_id) is watch:
            del self._watches[watch.run_id]

    def _close_idle(self, watch: SharedWatch) -> None:
        if not watch.viewers:
            watch.close()
            self._forget(watch)

    def close(self) -> None:
        """Ends all of them."""
        for each in list(self._watches.values()):
            each.close()


def message(response: control_pb2.WatchRunResponse) -> bytes:
    """News as a message of an event stream, with the number of the newest change."""
    body = json.dumps(as_document(response), ensure_ascii=True, separators=(",", ":"))
    return f"id: {response.sequence}\ndata: {body}\n\n".encode()


def event(name: str, document: object) -> bytes:
    """A message of an event stream that is about the stream itself."""
    return b"event: %s\ndata: %s\n\n" % (name.encode(), text_of(document))


AGAIN: Final = event(
    "trouble",
    answer(TurnedAway(503, "UNAVAILABLE", "UNAVAILABLE", "the run is watched again: come back"))[1],
)
"""The end of a stream that was watched in the name of somebody whom the broker knows no more."""
