"""A run, held by whoever started it or knows its id: its state, its news, its result.

Rule: the handle holds an id and nothing else, so that another process can make the same one,
`client.run_handle(run_id)`, as long as the broker knows the run. Every answer is the broker's.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Collection
from typing import TYPE_CHECKING, Final, Protocol

from loadgrpc import verdict
from loadgrpc.client.result import LoadResult
from loadgrpc.errors import Unavailable
from loadgrpc.model import (
    News,
    Run,
    RunState,
    StopMode,
    Summary,
    TimelineQuery,
    TimelineWindow,
)

if TYPE_CHECKING:
    from loadgrpc.v1.control_pb2 import ListedEvent

PATIENCE_S: Final = 90.0
"""How long a broker may be away while a result is waited for: agents go on for a minute."""
RETRY_S: Final = 0.5


class Calls(Protocol):
    """What a handle asks a client; see `Client` for each."""

    async def get_run(self, run_id: str) -> Run:
        """The state of a run."""

    async def get_summary(self, run_id: str) -> Summary:
        """Its result, or its figures so far."""

    async def stop_run(self, run_id: str, mode: StopMode = ...) -> Run:
        """Stops it."""

    def watch_run(
        self, run_id: str, *, after: int | None = None, windows: bool = False
    ) -> AsyncIterator[News]:
        """What happens to it."""

    def list_windows(self, query: TimelineQuery) -> AsyncIterator[TimelineWindow]:
        """Its timeline."""

    def list_events(
        self, run_id: str, *, kinds: Collection[str] = (), agent_id: str = "", limit: int = 0
    ) -> AsyncIterator[ListedEvent]:
        """Its stored events."""


class AsyncRunHandle:
    """See the module; for asyncio. `RunHandle` is the same for everybody else."""

    def __init__(self, client: Calls, run_id: str) -> None:
        self._client = client
        self.id = run_id

    def __repr__(self) -> str:
        return f"<run {self.id}>"

    async def run(self) -> Run:
        """The run as it is now."""
        return await self._client.get_run(self.id)

    async def state(self) -> RunState:
        """Its state."""
        return (await self.run()).state

    async def ready(self) -> bool:
        """Whether it is over."""
        return (await self.run()).state.final

    async def successful(self) -> bool:
        """Whether it is over, and passed."""
        run = await self.run()
        return run.state.final and _passed(run)

    async def failed(self) -> bool:
        """Whether it is over, and did not pass."""
        run = await self.run()
        return run.state.final and not _passed(run)

    async def result(self, timeout: float | None = None, *, throw: bool = False) -> LoadResult:  # noqa: ASYNC109 - as futures have it
        """What it came to, when it is over; a broker that is away meanwhile is waited for.

        Args:
            timeout: Seconds to wait at most. None: as long as it takes.
            throw: Whether to raise if it did not pass.

        Raises:
            TimeoutError: it is not over by then; it goes on.
            RunFailed, TestNotLoaded: with `throw`, as `LoadResult.raise_for_verdict` says.
        """
        async with asyncio.timeout(timeout):
            await self._over()
            result = LoadResult(await self._client.get_summary(self.id))
        return result.raise_for_verdict() if throw else result

    async def _over(self) -> None:
        lost_at: float | None = None
        seen: int | None = None
        while True:
            try:
                async for news in self._client.watch_run(self.id, after=seen):
                    lost_at, seen = None, news.sequence
                if (await self._client.get_run(self.id)).state.final:
                    return
            except Unavailable:
                lost_at = lost_at or time.monotonic()
                if time.monotonic() - lost_at >= PATIENCE_S:
                    raise
            await asyncio.sleep(RETRY_S)

    def watch(self, *, after: int | None = None, windows: bool = False) -> AsyncIterator[News]:
        """The run, its changes, and its figures once a second, until it is over.

        See `Client.watch_run`.
        """
        return self._client.watch_run(self.id, after=after, windows=windows)

    async def stop(self, *, kill: bool = False) -> Run:
        """Lets its users finish their iteration, and ends it; `kill` does not wait for them."""
        return await self._client.stop_run(self.id, StopMode.KILL if kill else StopMode.GRACEFUL)

    async def summary(self) -> Summary:
        """Its result, or its figures so far."""
        return await self._client.get_summary(self.id)

    def events(self, *kinds: str, agent_id: str = "", limit: int = 0) -> AsyncIterator[ListedEvent]:
        """Its stored events, as messages; only those of some kinds, if any are given."""
        wanted: Collection[str] = kinds
        return self._client.list_events(self.id, kinds=wanted, agent_id=agent_id, limit=limit)

    def timeline(
        self, resolution_s: float = 1.0, *, names: Collection[str] = ()
    ) -> AsyncIterator[TimelineWindow]:
        """Its windows in the order of time, each of this many seconds, or of more if it is long."""
        query = TimelineQuery(run_id=self.id, resolution_s=resolution_s, names=tuple(names))
        return self._client.list_windows(query)


def _passed(run: Run) -> bool:
    return run.verdict is not None and run.verdict.exit_code == verdict.PASSED
