"""A load tool while it runs: its lines as they come, and SIGINT when the run is stopped.

Rule: the tool is over when this is, whatever happens.
"""

from __future__ import annotations

import asyncio
import os
import signal
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable, Sequence
from typing import IO, Final

from reporter import LoadFailed, Reporter

READ_BYTES: Final = 1 << 18
SIGINT_S: Final = 2.0
"""What a tool may need to end at once."""
SECRET: Final = "LOADGRPC_TOKEN"  # noqa: S105 - its name
"""What the tool, and the script it runs, need not know."""

Take = Callable[[str], None]
"""What is done with a line."""


async def run(
    reporter: Reporter, command: Sequence[str], *, through: Sequence[str] = (), out: Take, err: Take
) -> int:
    """Runs a tool to its end, its output through another if need be; the exit status.

    Raises:
        LoadFailed: there is no such program.
    """
    started: list[Process] = []
    stopping = None
    try:
        if through:
            end, pipe = os.pipe()
            with os.fdopen(end, "rb") as end_, os.fdopen(pipe, "wb") as pipe_:
                started.append(await _start(command, stdout=pipe_))
                started.append(await _start(through, stdin=end_))
        else:
            started.append(await _start(command))
        stopping = asyncio.create_task(_stop(reporter, started[0]))
        reading = [_read(reporter, each.stderr, err) for each in started]
        await asyncio.gather(_read(reporter, started[-1].stdout, out), *reading)
        codes = [await each.wait() for each in started]
        return next((code for code in codes if code), 0)
    finally:
        if stopping:
            stopping.cancel()
        for each in started:
            if each.returncode is None:
                each.kill()
                await each.wait()


async def _start(
    command: Sequence[str], *, stdin: int | IO[bytes] = DEVNULL, stdout: int | IO[bytes] = PIPE
) -> Process:
    environment = {name: value for name, value in os.environ.items() if name != SECRET}
    try:
        return await asyncio.create_subprocess_exec(
            *command,
            stdin=stdin,
            stdout=stdout,
            stderr=PIPE,
            env=environment,
            start_new_session=True,  # SIGTERM for our process group is ours to hand on
        )
    except OSError as error:
        raise LoadFailed(f"{command[0]}: {error.strerror}") from error


async def _read(reporter: Reporter, stream: asyncio.StreamReader | None, take: Take) -> None:
    assert stream  # noqa: S101 - it is a pipe
    rest = b""
    while chunk := await stream.read(READ_BYTES):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            take(line.decode(errors="replace"))
        await reporter.room()
    if rest:
        take(rest.decode(errors="replace"))


async def _stop(reporter: Reporter, tool: Process) -> None:
    """Ends the tool when the run is stopped: politely, and by force when the time is over."""
    await reporter.stopped.wait()
    tool.send_signal(signal.SIGINT)
    await asyncio.sleep(reporter.stop_timeout_s + SIGINT_S)
    tool.kill()
