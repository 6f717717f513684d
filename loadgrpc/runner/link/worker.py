"""A worker as the link sees it: a user process, its socket, and its fate.

Rule: nothing here decides what a worker is to do, or what its end means for the others.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Final

from loadgrpc.model import OutputStream
from loadgrpc.protocol.ends import ended
from loadgrpc.protocol.printed import PrintedLine
from loadgrpc.protocol.produced import Produced
from loadgrpc.runner import in_flight, pipe
from loadgrpc.runner.link.echo import Echo
from loadgrpc.runner.link.publisher import Publisher
from loadgrpc.runner.messages import (
    BatchesDropped,
    CannotLoad,
    Farewell,
    Message,
    Order,
    UsersNow,
    WorkerFailed,
)

READ_WORKER_BYTES: Final = 1 << 20
PATCHED: Final = "loadgrpc.runner"
THREADED: Final = "loadgrpc.runner.threaded"
CLOSED_S: Final = 1.0
"""How long a user process may live that has closed its socket to the link."""

_log = logging.getLogger("loadgrpc.runner.link.worker")


class WorkerLost(Exception):
    """A worker ended before its work did."""


class Worker:
    """The link's end of one worker: it orders, reads, and kills the process."""

    def __init__(self, at: int, of: int, most_users: int, *, patched: bool = True) -> None:
        """The process `at` of `of`, from 0; `most_users` are those of all processes.

        `patched`: by gevent, so that users are greenlets; else they are threads.
        """
        self.at = at
        self.active_users = 0
        self.started_users = 0
        """Users of this cycle that were started."""
        self.handed = Produced(0, 0)
        """What came of it, or was declared lost by it."""
        self.lost = False
        self.answers: asyncio.Queue[Message | None] = asyncio.Queue()
        """What it answered to orders; None: it is lost."""
        self.busy_with = ""
        """The order that it has not answered yet, as text; empty: none."""
        self.first_user = at + 1
        self._of = of
        self._why = ""
        """Why the link killed it; empty: it did not."""
        self._in_flight = in_flight.create(max(1, -(-(most_users - at) // of)))
        ours, theirs = socket.socketpair()
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", PATCHED if patched else THREADED],
            pass_fds=[theirs.fileno(), self._in_flight],
            env={
                **os.environ,
                pipe.SOCKET_FD_ENV: str(theirs.fileno()),
                in_flight.FD_ENV: str(self._in_flight),
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        theirs.close()
        ours.settimeout(0.0)
        self._socket = ours

    async def read(self, publisher: Publisher, on_users: Callable[[], None]) -> None:
        """Passes on what the process did, until it says bye; reports when its users change.

        Raises:
            WorkerLost: it ended without.
        """
        loop = asyncio.get_running_loop()
        reader = pipe.FrameReader()
        watching = loop.create_task(self._close_when_ended())
        try:
            while data := await self._received(loop):
                for frame in reader.feed(data):
                    if frame.kind is pipe.FrameKind.BATCH:
                        self._count(frame.events, frame.hits)
                        await publisher.batch(frame.body, frame.events, frame.hits)
                        continue
                    message = frame.control()
                    if isinstance(message, BatchesDropped):
                        reason = "the runner made events faster than they could be reported"
                        self._count(message.events, message.hits)
                        await publisher.skip(message.events, message.hits, reason)
                    elif isinstance(message, UsersNow):
                        self.active_users = message.active
                        self.started_users = message.started
                        on_users()
                    elif isinstance(message, WorkerFailed):
                        self.kill(f"failed: {' '.join(message.why.split())}")
                    else:
                        self.busy_with = ""
                        self.answers.put_nowait(message)
                    if isinstance(message, Farewell | CannotLoad):
                        return
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(watching), CLOSED_S)
            if not watching.done():
                self.kill("closed its connection to the runner, and was killed")
                await watching
        finally:
            watching.cancel()
        status = self._process.wait()  # at once
        how = f"ended with status {status}"
        if status < 0:
            name = signal.strsignal(-status) or "unknown"
            how = f"was killed by signal {-status} ({name})"
        raise WorkerLost(f"user process {self.at + 1} of {self._of} {self._why or how}")

    async def _close_when_ended(self) -> None:
        """Ends the reading with the process, whoever else has its end of the socket."""
        await ended(self._process.pid)
        with suppress(OSError):  # who has read all of it may have closed it
            self._socket.shutdown(socket.SHUT_RD)

    async def echo(self, printed: Callable[[int, OutputStream, list[PrintedLine]], None]) -> None:
        """Passes on what the process prints; `printed` gets it with its process and stream."""
        process = self.at + 1
        streams = (
            (OutputStream.STDOUT, self._process.stdout),
            (OutputStream.STDERR, self._process.stderr),
        )
        await asyncio.gather(
            *(
                Echo(f"user process {process}", to, partial(printed, process, to)).pass_on(stream)
                for to, stream in streams
                if stream is not None
            )
        )

    def _count(self, events: int, hits: int) -> None:
        self.handed = Produced(self.handed.events + events, self.handed.hits + hits)

    async def _received(self, loop: asyncio.AbstractEventLoop) -> bytes:
        try:
            return await loop.sock_recv(self._socket, READ_WORKER_BYTES)
        except ConnectionResetError:
            return b""

    def order(self, order: Order, busy_with: str = "") -> None:
        """Gives an order; orders are few and fit into the socket's buffer.

        `busy_with` says what the process does then, if it has to answer.
        """
        self.busy_with = busy_with or self.busy_with
        try:
            self._socket.sendall(pipe.control(order))
        except OSError:
            _log.info("user process %d is gone already", self.at + 1)

    def cut_off(self) -> list[in_flight.Iteration]:
        """The iterations that ended with the process."""
        return in_flight.read(self._in_flight)

    def kill(self, why: str = "") -> None:
        """Ends the process at once; `why` is reported, after its name, if it comes first."""
        self._why = self._why or why
        self._process.kill()
