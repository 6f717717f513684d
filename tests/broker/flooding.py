"""The process of test_floods.py that floods a broker: HTTP/2 by hand, as no library would write it.

    python flooding.py KIND HOST:PORT SECONDS CONNECTIONS RUN_ID

It prints a line of JSON when its connections are open and another when it is over. Connections
that the broker closes are opened again at once, as whoever means harm would do.
"""

import asyncio
import contextlib
import json
import resource
import struct
import sys
import time
from collections import Counter

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 8, 9
END_STREAM, END_HEADERS = 1, 4
INITIAL_WINDOW_SIZE = 4
AT_ONCE = 100
"""Connections that are opened at a time."""
CONTROL = "/loadgrpc.v1.ControlService/"


def frame(kind, flags, stream, payload=b""):
    """A frame of HTTP/2."""
    return struct.pack("!I", len(payload))[1:] + struct.pack("!BBI", kind, flags, stream) + payload


def text(value):
    """A string of HPACK, as it is."""
    size = len(value)
    if size < 127:
        return bytes([size]) + value
    size -= 127
    coded = bytearray([127])
    while size > 127:
        coded.append(size & 127 | 128)
        size >>= 7
    return bytes([*coded, size]) + value


def block(*more, path=f"{CONTROL}GetRun"):
    """The headers of a call, each written out."""
    named = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        (":authority", "flood"),
        ("te", "trailers"),
        ("content-type", "application/grpc"),
        *more,
    ]
    return b"".join(b"\0" + text(name.encode()) + text(value.encode()) for name, value in named)


def body(run_id):
    """A request whose first field is the id of a run, as a message of gRPC."""
    request = b"\n" + text(run_id.encode())
    return b"\0" + struct.pack("!I", len(request)) + request


class Flood:
    """Connections that do harm, one way or another, until it is over."""

    def __init__(self, address, over_s, run_id):
        self.host, _, port = address.rpartition(":")
        self.port = int(port)
        self.over_s = over_s
        self.run_id = run_id
        self.did = Counter()

    @contextlib.asynccontextmanager
    async def connection(self, *, window=None, reads=True, greets=True):
        """A connection over HTTP/2; what comes is thrown away, or not even read."""
        reader, writer = await asyncio.open_connection(self.host, self.port, limit=1 << 16)
        self.did["connections"] += 1
        settings = b"" if window is None else struct.pack("!HI", INITIAL_WINDOW_SIZE, window)
        if greets:
            writer.write(PREFACE + frame(SETTINGS, 0, 0, settings))
        reading = asyncio.create_task(self._thrown_away(reader)) if reads else None
        try:
            yield writer
        finally:
            if reading is not None:
                reading.cancel()
            writer.transport.abort()

    async def _thrown_away(self, reader):
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 16):
                self.did["bytes read"] += len(data)

    @property
    def goes_on(self):
        """Whether it is not over."""
        return time.monotonic() < self.over_s

    async def call(self, writer, stream, headers=None, flags=END_STREAM):
        """A call of GetRun, with its request."""
        writer.write(
            frame(HEADERS, END_HEADERS, stream, headers or block())
            + frame(DATA, flags, stream, body(self.run_id))
        )
        self.did["calls"] += 1

    async def rest(self):
        """Waits until it is over."""
        await asyncio.sleep(max(0.0, self.over_s - time.monotonic()))

    # Kinds

    async def idle(self):
        """Connections that say hello, and nothing else."""
        async with self.connection():
            await self.rest()

    async def silent(self):
        """Connections that do not even say hello."""
        async with self.connection(greets=False):
            await self.rest()

    async def slow_readers(self):
        """They ask for much, and let nothing of it be sent; nor do they read it."""
        async with self.connection(window=0, reads=False) as writer:
            for number, method in enumerate(("WatchRun", "ListEvents", "GetSummary") * 10):
                headers = block(path=CONTROL + method)
                await self.call(writer, 2 * number + 1, headers)
            await writer.drain()
            await self.rest()

    async def slow_writers(self):
        """They send a call byte by byte, and never all of it."""
        async with self.connection() as writer:
            for number in range(20):
                writer.write(frame(HEADERS, END_HEADERS, 2 * number + 1, block()))
                self.did["calls"] += 1
            while self.goes_on:
                for number in range(20):
                    writer.write(frame(DATA, 0, 2 * number + 1, b"\0"))
                await writer.drain()
                await asyncio.sleep(0.2)

    async def half_frames(self):
        """They begin frames, and never end them."""
        async with self.connection() as writer:
            writer.write(frame(HEADERS, END_HEADERS, 1, block())[:-5])
            await writer.drain()
            await self.rest()

    async def rapid_reset(self):
        """They ask, and cancel at once, again and again."""
        async with self.connection() as writer:
            headers = block()
            for number in range(1, 1 << 30, 2):
                if not self.goes_on:
                    return
                await self.call(writer, number, headers)
                writer.write(frame(RST_STREAM, 0, number, struct.pack("!I", 8)))
                if number % 64 == 1:
                    await writer.drain()

    async def many_calls(self):
        """They ask as much as they can."""
        async with self.connection() as writer:
            headers = block()
            for number in range(1, 1 << 30, 2):
                if not self.goes_on:
                    return
                await self.call(writer, number, headers)
                if number % 64 == 1:
                    writer.write(frame(WINDOW_UPDATE, 0, 0, struct.pack("!I", 1 << 16)))
                    await writer.drain()

    async def endless_headers(self):
        """Headers without an end."""
        async with self.connection() as writer:
            writer.write(frame(HEADERS, 0, 1, block()))
            more = b"\0" + text(b"x" * 100) + text(b"y" * 8_000)
            while self.goes_on:
                writer.write(frame(CONTINUATION, 0, 1, more))
                self.did["frames"] += 1
                await writer.drain()

    async def giant_metadata(self):
        """Calls whose metadata is larger than anybody may send."""
        async with self.connection() as writer:
            headers = block(*((f"x-{number}", "y" * 8_000) for number in range(8)))
            parts = [headers[at : at + 16_000] for at in range(0, len(headers), 16_000)]
            for number in range(1, 1 << 30, 2):
                if not self.goes_on:
                    return
                for at, part in enumerate(parts):
                    kind = CONTINUATION if at else HEADERS
                    flags = END_HEADERS if at == len(parts) - 1 else 0
                    writer.write(frame(kind, flags | (0 if at else END_STREAM), number, part))
                self.did["calls"] += 1
                await writer.drain()

    async def pings(self):
        """Pings and settings, each of which wants an answer."""
        async with self.connection() as writer:
            while self.goes_on:
                writer.write((frame(PING, 0, 0, bytes(8)) + frame(SETTINGS, 0, 0)) * 32)
                self.did["frames"] += 64
                await writer.drain()


KINDS = {
    name: getattr(Flood, name)
    for name in (
        "idle",
        "silent",
        "slow_readers",
        "slow_writers",
        "half_frames",
        "rapid_reset",
        "many_calls",
        "endless_headers",
        "giant_metadata",
        "pings",
    )
}
LONG_LIVED = {"idle", "silent", "slow_readers", "slow_writers", "half_frames"}
"""Those that do harm by being there."""


async def again(flood, kind):
    """One connection after another."""
    while flood.goes_on:
        with contextlib.suppress(OSError):
            await KINDS[kind](flood)
        flood.did["ends"] += 1
        await asyncio.sleep(0.01)


async def main(kind, address, seconds, connections, run_id):
    """See the module."""
    flood = Flood(address, time.monotonic() + float(seconds), run_id)
    async with asyncio.TaskGroup() as tasks:
        for number in range(int(connections)):
            tasks.create_task(again(flood, kind))
            if number % AT_ONCE == AT_ONCE - 1:
                await asyncio.sleep(0.02)
        say(kind=kind)
    say(**flood.did)


def say(**found):
    """Prints a line of JSON."""
    print(json.dumps(found), flush=True)  # noqa: T201 - what this is for


if __name__ == "__main__":
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    asyncio.run(main(*sys.argv[1:]))
