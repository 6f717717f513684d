"""The server that tests of the kit call: pages that pass, fail, dawdle or wait for others.

Rule: it counts for itself, so that what a runner says of hits can be compared. A page stands
below the name of a case, `/CASE/PAGE`:

    ok         200 at once
    fails      500 at once
    slow       200 after SLOW_S
    meet-3     200 when three requests wait at the same time, or after MEET_S
    hang       no answer, ever
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

SLOW_S: Final = 0.05
MEET_S: Final = 3.0
ERRING: Final = "erring"
"""The page of a server that nobody can reach."""
_MEET: Final = "meet-"
_MAX_BODY: Final = 1 << 20


class KitTarget:
    """See the module; `running` makes one."""

    def __init__(self, address: str, unreachable: str) -> None:
        self._address = address
        self._unreachable = unreachable
        self._counts: Counter[str] = Counter()
        self._waiting: dict[str, list[asyncio.Future[None]]] = {}
        self._listeners: dict[str, Callable[[int], None]] = {}

    def url(self, case: str, page: str) -> str:
        """Where a page of a case is."""
        if page == ERRING:
            return f"http://{self._unreachable}/{case}"
        return f"http://{self._address}/{case}/{page}"

    def requests(self, case: str) -> int:
        """How many requests came for a case."""
        return self._counts[case]

    def listen(self, case: str, listener: Callable[[int], None]) -> None:
        """Calls a listener with the number of requests, at each request of a case from now on."""
        self._counts[case] = 0
        self._listeners[case] = listener

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, ValueError):
            while await self._answer(reader, writer):
                pass
        writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request; whether there may be another on the connection."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        first, *lines = head.split("\r\n")
        fields = dict(line.partition(":")[::2] for line in lines)
        length = int(fields.get("content-length", "0"))
        if length > _MAX_BODY:
            return False
        await reader.readexactly(length)
        _, path, version = first.split(" ")
        _, case, page = path.partition("?")[0].split("/")
        self._counts[case] += 1
        if case in self._listeners:
            self._listeners[case](self._counts[case])
        status = await self._status(case, page)
        body = f"{page}\n".encode()
        writer.write(
            f"HTTP/1.1 {status}\r\nContent-Type: text/plain\r\n"
            f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        await writer.drain()
        return version == "http/1.1" and fields.get("connection", "").strip() != "close"

    async def _status(self, case: str, page: str) -> str:
        """The status of a page, when its time has come."""
        if page == "fails":
            return "500 Internal Server Error"
        if page == "slow":
            await asyncio.sleep(SLOW_S)
        elif page == "hang":
            await asyncio.Event().wait()
        elif page.startswith(_MEET):
            await self._meet(case, int(page.removeprefix(_MEET)))
        elif page != "ok":
            return "404 Not Found"
        return "200 OK"

    async def _meet(self, case: str, count: int) -> None:
        """Waits for a number of concurrent requests of a case."""
        waiting = self._waiting.setdefault(case, [])
        here = asyncio.get_running_loop().create_future()
        waiting.append(here)
        if len(waiting) >= count:
            for each in waiting:
                each.set_result(None)
            waiting.clear()
        await asyncio.wait([here], timeout=MEET_S)
        if here in waiting:
            waiting.remove(here)


@asynccontextmanager
async def running() -> AsyncIterator[KitTarget]:
    """A target on free ports of loopback, and a port on which certainly nothing listens."""
    with socket.socket() as unreachable:
        unreachable.bind(("127.0.0.1", 0))  # taken, and nobody listens there
        connections: set[asyncio.Task[None]] = set()

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None  # noqa: S101 - it runs in one
            connections.add(task)
            try:
                await target.serve(reader, writer)
            except asyncio.CancelledError:
                writer.close()  # the target ends; the streams of asyncio would log it
            finally:
                connections.discard(task)

        server = await asyncio.start_server(connected, "127.0.0.1", 0)
        target = KitTarget(_address(server.sockets[0]), _address(unreachable))
        try:
            yield target
        finally:
            server.close()
            for task in connections:
                task.cancel()
            await asyncio.gather(*connections, return_exceptions=True)


def _address(bound: socket.socket) -> str:
    host, port = bound.getsockname()
    return f"{host}:{port}"
