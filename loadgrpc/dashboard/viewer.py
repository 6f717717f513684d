"""The one who looks at the page, for as long as a request lasts: known by a token of the broker.

Rule: whatever a request makes the page ask the broker, it asks in the viewer's name, with the
viewer's token; outside of requests, and without a token, nothing is asked. So nobody gets more
than the broker itself gives them, whatever rights the one has who serves the page.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Final

from starlette.requests import HTTPConnection
from starlette.responses import Response

from loadgrpc.certs import TlsFiles
from loadgrpc.client import Client
from loadgrpc.client.client import CONNECT_TIMEOUT_S
from loadgrpc.errors import NotAllowed
from loadgrpc.protocol.secure_channel import HEADER, SCHEME, VIEWER_HEADER, Metadata, bearer
from loadgrpc.protocol.transport import passing_channel

LOG_IN: Final = (
    "nobody is logged in: a token is needed, which an admin makes with"
    " `loadgrpc tokens create NAME --role watch`"
)
_TOKEN: Final = re.compile(r"[\x21-\x7e]{1,256}")
"""What can be a token; others are not even sent."""


@dataclass(frozen=True, kw_only=True)
class Viewer:
    """Somebody who looks at the page."""

    token: str = field(repr=False)
    address: str
    """Where their requests come from."""

    @property
    def digest(self) -> bytes:
        """By which the token is known here."""
        return hashlib.sha256(self.token.encode()).digest()


VIEWER: Final[ContextVar[Viewer | None]] = ContextVar("viewer", default=None)
"""The one whose request this is part of. None: it is part of none."""


def shown() -> Metadata:
    """What a call to the broker shows: the token of the viewer, and where they are.

    Raises:
        NotAllowed: there is no viewer.
    """
    viewer = VIEWER.get()
    if viewer is None or not viewer.token:
        raise NotAllowed(LOG_IN)
    return (*bearer(viewer.token), (VIEWER_HEADER, viewer.address))


@asynccontextmanager
async def viewers_client(endpoint: str, files: TlsFiles | None) -> AsyncIterator[Client]:
    """A client of a broker that calls it in the name of viewers, and has none of its own.

    Raises:
        CertsError: the files cannot be used.
    """
    channel = passing_channel(endpoint, files, shown)
    try:
        yield Client(channel, endpoint, CONNECT_TIMEOUT_S, files)
    finally:
        await channel.close()


def viewer_of(connection: HTTPConnection) -> Viewer:
    """The one who sends a request, by its header, or by the cookie of the page.

    Raises:
        NotAllowed: it has no token, or none that can be one.
    """
    header = connection.headers.get(HEADER)
    if header is not None:
        scheme, _, token = header.partition(" ")
        if scheme.lower() != SCHEME.strip().lower():
            raise NotAllowed(f"expected {HEADER}: {SCHEME}TOKEN")
        token = token.strip()
    else:
        token = _cookie(connection)
    return Viewer(token=checked(token), address=address_of(connection))


def checked(token: str) -> str:
    """A token.

    Raises:
        NotAllowed: it cannot be one.
    """
    if not token:
        raise NotAllowed(LOG_IN)
    if not _TOKEN.fullmatch(token):
        raise NotAllowed("this is not a token: expected up to 256 letters, digits and marks")
    return token


def address_of(connection: HTTPConnection) -> str:
    """Where a request comes from."""
    client = connection.client
    return client.host if client is not None else ""


def _cookie(connection: HTTPConnection) -> str:
    secure, plain = _names(connection)
    token = connection.cookies.get(secure, "")
    if not token and connection.url.scheme == "http":
        token = connection.cookies.get(plain, "")
    return token


def keep(connection: HTTPConnection, response: Response, token: str) -> None:
    """Has the browser keep a token until it is closed, out of reach of scripts.

    Of browsers that came by HTTPS, be it to a proxy, it comes back by HTTPS only.
    """
    origin = connection.headers.get("origin", "")
    secure = connection.url.scheme == "https" or origin.startswith("https://")
    name = _names(connection)[0 if secure else 1]
    response.set_cookie(name, token, path="/", secure=secure, httponly=True, samesite="strict")


def forget(connection: HTTPConnection, response: Response) -> None:
    """Has the browser forget it."""
    for name, secure in zip(_names(connection), (True, False), strict=True):
        response.delete_cookie(name, path="/", secure=secure, httponly=True, samesite="strict")


def _names(connection: HTTPConnection) -> tuple[str, str]:
    """Of the cookie, with HTTPS and without; pages at other ports of this host have their own."""
    server = connection.scope.get("server")
    name = f"loadgrpc-{server[1] if server else 0}"
    return f"__Host-{name}", name
