"""The server that is loaded: it knows every request by its id, and counts for itself.

    python server.py REPORT_SOCKET

    GET /AGENT/ID   is counted, and answered a moment later with 200

Whoever connects to the Unix socket REPORT_SOCKET is told, as JSON, what came of each agent.
The socket is a file, so that it can be asked from another network namespace.

Rule: the standard library only, and nothing of loadgrpc; a request is counted when it has
arrived whole.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from dataclasses import dataclass, field
from typing import Final

ANSWER_AFTER_S: Final = 0.02
"""Makes the pace of the load: a user sends at most so often."""
REPEATED_TOLD: Final = 5
ANSWER: Final = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nyes"
REFUSAL: Final = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@dataclass
class Visits:
    """What came of one agent."""

    ids: set[str] = field(default_factory=set)
    requests: int = 0
    repeated: list[str] = field(default_factory=list)
    last_s: float = 0.0
    """When the last one came (monotonic clock of the machine)."""

    def count(self, name: str, now_s: float) -> None:
        """A request came."""
        self.requests += 1
        self.last_s = now_s
        if name in self.ids:
            self.repeated.append(name)
        self.ids.add(name)


class Book:
    """All visits, by agent."""

    def __init__(self) -> None:
        self._agents: dict[str, Visits] = {}

    def count(self, target: str, now_s: float) -> bool:
        """Counts a request; whether its target is one that is counted."""
        agent, _, name = target.removeprefix("/").partition("/")
        if not name:
            return False
        self._agents.setdefault(agent, Visits()).count(name, now_s)
        return True

    def document(self) -> bytes:
        """All of it, as JSON."""
        told = {
            agent: {
                "requests": visits.requests,
                "repeated": visits.repeated[:REPEATED_TOLD],
                "last_s": visits.last_s,
            }
            for agent, visits in self._agents.items()
        }
        return json.dumps(told).encode()


class Connection(asyncio.Protocol):
    """A connection of a user: requests without a body, answered in turn."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._received = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A user has connected."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - for mypy: this is TCP
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Bytes of a user."""
        self._received += data
        while b"\r\n\r\n" in self._received:
            head, _, self._received = self._received.partition(b"\r\n\r\n")
            _, target, *_ = [*head.decode("latin-1").split(" "), ""]
            if not self._book.count(target, time.monotonic()):
                self._transport.write(REFUSAL)
                self._transport.close()
                return
            loop = asyncio.get_running_loop()
            loop.call_later(ANSWER_AFTER_S, self._transport.write, ANSWER)


async def serve(report: str) -> None:
    """Serves until SIGTERM."""
    book = Book()

    async def tell(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(book.document())
        await writer.drain()
        writer.close()

    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    server = await loop.create_server(lambda: Connection(book), "127.0.0.1", 0, backlog=1024)
    reporting = await asyncio.start_unix_server(tell, report)
    os.chmod(report, 0o600)  # noqa: PTH101 - before Python 3.13 no less is loaded
    print(f"listening on http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await stop.wait()
    server.close()
    reporting.close()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))
