"""What user processes print, on its way to the agent: whole lines, with the process they are of.

Rule: the link never waits for who reads its output: what there is no room for is left out, and
how much is told. asyncio reads; that others hold a user process's output open, a program that its
test has started, say, keeps nobody waiting.
"""

from __future__ import annotations

import asyncio
import os
import select
from typing import IO, Final

from loadgrpc.protocol.printed import Printed

READ_BYTES: Final = 65_536


class Echo:
    """Passes on one stream of a user process."""

    def __init__(self, name: str, to: int) -> None:
        """`name` is put before each line; `to` is a descriptor."""
        self._name = name
        self._to = to
        self._room = select.poll()
        self._room.register(to, select.POLLOUT)
        self._left_out = 0

    async def pass_on(self, stream: IO[bytes]) -> None:
        """Reads until the end."""
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=READ_BYTES)
        transport, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), stream
        )
        printed = Printed(loop.time())
        try:
            while data := await reader.read(READ_BYTES):
                self._write(printed.feed(data, loop.time()))
        finally:
            self._write(printed.end(loop.time()))
            transport.close()

    def _write(self, lines: list[str]) -> None:
        for line in lines:
            # What is no longer than PIPE_BUF goes whole, and at once where there is room.
            data = f"{self._name}: {line}".encode()[: select.PIPE_BUF - 1] + b"\n"
            if not any(event & select.POLLOUT for _, event in self._room.poll(0)):
                self._left_out += 1
                continue
            if self._left_out:
                note = f"{self._name}: (lines that nobody read: {self._left_out} left out)\n"
                self._left_out = 0
                os.write(self._to, note.encode())
            os.write(self._to, data)
