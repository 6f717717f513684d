"""The server of the page: uvicorn in the loop of whoever starts it, for as long as that wants.

Rule: it takes no signals and writes no logs of its own; it never keeps the end of its process
waiting: whoever looks is sent away at once. Connections are bounded, and so is how long one may do
nothing.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Final

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from loadgrpc.certs import TlsFiles
from loadgrpc.certs.web_context import WebContext
from loadgrpc.client import Client
from loadgrpc.dashboard.reading import PageInfo, PageReads
from loadgrpc.dashboard.routes import app

MAX_CONNECTIONS: Final = 1_000
"""Further ones are closed."""
BACKLOG: Final = 128
CLOSE_S: Final = 2
"""How long answers may take to end when the server does."""
STUCK_MS: Final = 60_000
"""A connection whose other side takes nothing for this long is cut."""
KEEP_ALIVE_S: Final = 15
IDLE_S: Final = 15.0
"""A connection is cut that has sent no whole request for this long, or up to twice as long."""
MAX_HEAD_BYTES: Final = 65_536


@dataclass(frozen=True, kw_only=True)
class PageConfig:
    """How a page is served."""

    control: bool = False
    """Whether it may change something."""
    names: Collection[str] = ()
    """Hosts that it is served as, beside those of this machine."""
    tls: TlsFiles | None = None
    """The certificate that it is served with. None: it is not encrypted."""
    login: bool = False
    """Whether viewers have to log in: the broker asks who calls it."""


def bound(listen: str) -> socket.socket:
    """A socket that listens at HOST:PORT, for `served`.

    Raises:
        OSError: the address is taken, or is none of this machine's.
    """
    host, _, port = listen.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    found = socket.create_server((host, int(port)), family=family, backlog=BACKLOG)
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # connections have what their listener has
        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, STUCK_MS)
    return found


def url_of(listening: socket.socket, *, tls: bool = False) -> str:
    """Where people open it."""
    host, port = listening.getsockname()[:2]
    if host in ("0.0.0.0", "::"):  # noqa: S104 - this is where it can be reached
        host = socket.gethostname()
    scheme = "https" if tls else "http"
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}/"


class _Config(uvicorn.Config):
    """With a context of TLS that is made here."""

    context: ssl.SSLContext | None = None

    def load(self) -> None:
        """See uvicorn."""
        super().load()
        self.ssl = self.context


class BoundedConnection(H11Protocol):
    """A connection that is cut if it asks for nothing, or not to the end, for IDLE_S."""

    _idle = False
    """Whether it asked for nothing when it was last looked at."""
    _seen: object = None
    """The request that it had then."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See asyncio."""
        super().connection_made(transport)
        if len(self.connections) > MAX_CONNECTIONS:
            transport.abort()
            return
        self.loop.call_later(IDLE_S, self._look)

    def _look(self) -> None:
        """Cuts it, if nothing has changed since it was looked at last."""
        if self.transport.is_closing():
            return
        idle = self.cycle is None or self.cycle.response_complete
        if idle and self._idle and self.cycle is self._seen:
            self.transport.abort()
            return
        self._idle, self._seen = idle, self.cycle
        self.loop.call_later(IDLE_S, self._look)


class _Server(uvicorn.Server):
    """Whoever starts it handles signals."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """See uvicorn."""
        yield


@asynccontextmanager
async def served(
    client: Client, config: PageConfig, listening: socket.socket, broker: str
) -> AsyncIterator[PageReads]:
    """Serves the page of a broker for as long as the context lasts; yields what it reads by.

    `client` is connected to it, or calls it in the name of viewers, who have to log in then
    (`viewer.py`); `broker` is how people know it.

    Raises:
        CertsError: the certificate of the page cannot be used.
    """
    info = PageInfo(broker=broker, control=config.control, login=config.login)
    page = app(client, info, config.names)
    settings = _Config(
        page.asgi,
        http=BoundedConnection,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="critical",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=CLOSE_S,
        h11_max_incomplete_event_size=MAX_HEAD_BYTES,
    )
    if config.tls is not None:
        settings.context = WebContext(config.tls).context
    server = _Server(settings)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield page.reading
    finally:
        page.reading.watches.close()
        server.should_exit = True
        await serving
        listening.close()
