"""What user processes print, on its way to the agent: whole lines, marked with their process.

Rule: the link never waits for the reader of its output: lines that do not fit are left out, and
their number is shown. asyncio does the reading; other programs that hold a user process's output
open, such as one that its test has started, keep nobody waiting.
"""

from __future__ import annotations

import asyncio
import os
import select
from collections.abc import Callable
from typing import IO, Final

from loadgrpc.protocol.printed import Printed, PrintedLine, safe_lines
from loadgrpc.secrets import RedactedStream, known, masked

READ_BYTES: Final = 65_536
PAUSE_S: Final = 1.0
"""Once a process has printed nothing for this long, the number of lines left out is shown."""


class Echo:
    """Passes on one stream of a user process."""

    def __init__(
        self, name: str, to: int, printed: Callable[[list[PrintedLine]], None] = lambda _: None
    ) -> None:
        """`name` is put before each line; `to` is a descriptor; `printed` gets the lines too."""
        self._name = name
        self._to = to
        self._printed = printed
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
        printed, redacted = Printed(loop.time()), RedactedStream(known())
        try:
            while True:
                try:
                    async with asyncio.timeout(PAUSE_S if printed.left_out else None):
                        data = await reader.read(READ_BYTES)
                except TimeoutError:
                    self._pass_on(printed.pause())
                    continue
                if not data:
                    break
                self._pass_on(printed.feed(redacted.feed(data), loop.time()))
        finally:
            self._pass_on(printed.feed(redacted.end(), loop.time()))
            self._pass_on(printed.end(loop.time()))
            transport.close()

    def _pass_on(self, lines: list[PrintedLine]) -> None:
        if not lines:
            return
        self._printed(lines)
        for line in safe_lines(lines):
            # A write of at most PIPE_BUF bytes goes whole, and at once if there is room.
            data = f"{self._name}: {masked(line)}".encode()[: select.PIPE_BUF - 1] + b"\n"
            if not any(event & select.POLLOUT for _, event in self._room.poll(0)):
                self._left_out += 1
                continue
            if self._left_out:
                note = f"{self._name}: (lines that nobody read: {self._left_out} left out)\n"
                self._left_out = 0
                os.write(self._to, note.encode())
            os.write(self._to, data)
