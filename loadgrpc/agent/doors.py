"""Where runners reach the relay.

Rule: ours use a Unix socket in a folder that only this user can enter, or that the user whom they
run as can connect to: no other program on the machine can intercept anything. Runners of a
`test_runner` get HOST:PORT, by the protocol; that port is opened when the first of them starts, and
silent connections to it are bounded in number and in time, so that the agent never runs out of
descriptors.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
import tempfile
from pathlib import Path
from typing import Final

import grpc.aio

from loadgrpc import private
from loadgrpc.agent.relay import SERVICES, Relay
from loadgrpc.agent.workplace import Workplace
from loadgrpc.errors import Unavailable
from loadgrpc.protocol.descriptors import available
from loadgrpc.protocol.raw import add_raw_runner_service
from loadgrpc.protocol.transport import listen, new_server

MAX_SOCKET_CHARS: Final = 100
"""Of the path of a Unix socket; the kernel takes a few more."""
_PLAIN: Final = re.compile("[A-Za-z0-9_./-]+")
"""Paths that gRPC takes as they are; to it they are part of a URI."""
SHARE: Final = 4
"""Connections over loopback may take one in this many of the agent's descriptors."""
GREETING_S: Final = 5.0
"""How long a connection may take to say that it speaks HTTP/2."""
IDLE_S: Final = 10.0
"""How long a connection may have nothing to say; a runner has a stream open."""


class Doors:
    """See the module; between `open` and `close`."""

    def __init__(self, relay: Relay, workplace: Workplace) -> None:
        self._relay = relay
        self._workplace = workplace
        self._folder = workplace.root / "relay"
        self._servers: list[grpc.aio.Server] = []
        self._opening = asyncio.Lock()
        self._outside = ""
        self.endpoint = ""
        """Where our own runners report."""

    async def open(self) -> None:
        """Opens the door of our own runners.

        Raises:
            OSError: there is no folder for it.
        """
        path = f"{self._folder.absolute()}/socket"
        if len(path) > MAX_SOCKET_CHARS or not _PLAIN.fullmatch(path):
            self._folder = Path(tempfile.mkdtemp(prefix="loadgrpc-"))
        private.folder(self._folder)
        self._folder.chmod(private.FOLDER_MODE)
        self.endpoint = await self._serve(f"unix:{self._folder.absolute()}/socket")
        if self._workplace.account is not None:
            socket = self._folder / "socket"
            socket.chmod(private.FILE_MODE)  # who may write to it may connect
            self._workplace.give(socket)
            self._workplace.folder(self._folder)

    async def outside(self) -> str:
        """Where other runners report, HOST:PORT.

        Raises:
            OSError: nothing can be opened any more.
        """
        async with self._opening:
            if not self._outside:
                milliseconds = 1_000
                try:
                    self._outside = await self._serve(
                        "127.0.0.1:0",
                        ("grpc.max_allowed_incoming_connections", most_connections()),
                        ("grpc.server_handshake_timeout_ms", round(GREETING_S * milliseconds)),
                        ("grpc.max_connection_idle_ms", round(IDLE_S * milliseconds)),
                    )
                except Unavailable as error:
                    raise OSError(str(error)) from error
        return self._outside

    async def close(self) -> None:
        """Closes all of them."""
        for server in self._servers:
            await server.stop(None)
        with contextlib.suppress(OSError):
            await asyncio.to_thread(shutil.rmtree, self._folder)

    async def _serve(self, address: str, *options: tuple[str, int]) -> str:
        server = await new_server(SERVICES, options=options)
        add_raw_runner_service(self._relay, server)
        endpoint = listen(server, address)
        await server.start()
        self._servers.append(server)
        return endpoint


def most_connections() -> int:
    """How many connections of others an agent has room for."""
    return max(available() // SHARE, 16)
