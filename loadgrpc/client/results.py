"""The results of a run, read from its broker: what outputs are fed with.

Rule: nothing is kept of what was read, and reading continues where it broke off: a broker may be
away for a while.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Final

from loadgrpc.client.client import Client
from loadgrpc.errors import LoadgrpcError, NotFound, Unavailable
from loadgrpc.model import Change, Summary, TimelineQuery, TimelineWindow
from loadgrpc.outputs import OutputError
from loadgrpc.protocol.described import Types, type_name
from loadgrpc.protocol.json_line import json_line
from loadgrpc.text import safe_json
from loadgrpc.v1 import event_pb2
from loadgrpc.v1.control_pb2 import ListedEvent

RETRY_S: Final = 0.5
PAGE_OF_SERIES: Final = 50
"""Windows with series that are read at once: others have their turn between two pages."""


class RunResults:
    """See `loadgrpc.outputs.Results`. A broker that is away is waited for, `patience_s` long."""

    def __init__(self, client: Client, summary: Summary, *, patience_s: float = 0.0) -> None:
        self.summary = summary
        self.read = 0
        """Events that were read so far, by all who read."""
        self._client = client
        self._patience_s = patience_s
        self._types = EventTypes(client)

    async def windows(
        self,
        resolution_s: float = 1.0,
        *,
        series: bool = True,
        by_name: bool = False,
        distribution: bool = False,
    ) -> AsyncIterator[TimelineWindow]:
        """See Results."""
        query = TimelineQuery(
            run_id=self.summary.run_id,
            resolution_s=resolution_s,
            series=series,
            by_name=by_name,
            distribution=distribution,
            page_size=PAGE_OF_SERIES if series else 0,
        )
        try:
            async for window in self._client.list_windows(query):
                yield window
        except LoadgrpcError as error:
            raise OutputError(str(error)) from error

    async def changes(self) -> list[Change]:
        """See Results."""
        try:
            return await self._client.list_changes(self.summary.run_id)
        except LoadgrpcError as error:
            raise OutputError(str(error)) from error

    async def events(self, *kinds: str) -> AsyncIterator[ListedEvent]:
        """See Results."""
        after, lost_at = "", None
        while True:
            try:
                found = self._client.list_events(self.summary.run_id, kinds=kinds, after=after)
                async with aclosing(found):
                    async for listed in found:
                        await self._types.learn(listed.event)
                        self.read += 1
                        yield listed
                        after, lost_at = listed.position, None
            except Unavailable as error:
                lost_at = lost_at or time.monotonic()
                if time.monotonic() - lost_at >= self._patience_s:
                    raise OutputError(f"the broker was lost: {error}") from error
            except LoadgrpcError as error:
                raise OutputError(str(error)) from error
            else:
                return
            await asyncio.sleep(RETRY_S)

    def line(self, event: ListedEvent) -> str:
        """See Results."""
        return self._types.line(event)


class EventTypes:
    """Events as JSON, whatever types they are of: the broker is asked once for each."""

    def __init__(self, client: Client) -> None:
        self.types = Types()
        self._client = client
        self._asked: set[str] = set()

    async def learn(self, event: event_pb2.Event) -> None:
        """Sees that the type of a custom event is known, if the broker knows it."""
        if event.WhichOneof("event") != "custom":
            return
        if (name := type_name(event.custom)) in self._asked:
            return
        self._asked.add(name)
        try:
            self.types.add(await self._client.describe(name))
        except NotFound:
            return  # no runner brought it: it is shown as bytes

    def line(self, event: ListedEvent) -> str:
        """The event on a line; all types in it were learned."""
        if (line := json_line(event)) is not None:
            return line
        return safe_json(json.dumps(self.types.event(event), ensure_ascii=False))
