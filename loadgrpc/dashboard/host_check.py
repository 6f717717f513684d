"""Who may talk to the door: the middleware in front of every route.

Rule: a page of somebody else, open in the same browser, gets nothing. It cannot pretend to be this
page by a name of its own that leads here (DNS rebinding): the host has to be an address, this
machine's name, or one that was given. It cannot ask from its own origin, and nothing answers with
headers that would let it read (CORS). Answers run no script that is not of the page.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Collection
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from loadgrpc.dashboard.login_check import FOR_ALL
from loadgrpc.dashboard.refusal import TurnedAway, refused

CSP: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
    " img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS: Final = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
SAFE: Final = ("GET", "HEAD")
OWN_HEADER: Final = "x-loadgrpc"
"""Required of requests that change something: a form of another page cannot send it."""


class HostCheck:
    """See the module. `names`: hosts beside those that are always this machine's."""

    def __init__(self, app: ASGIApp, *, names: Collection[str] = (), control: bool) -> None:
        self._app = app
        own = socket.gethostname().lower()
        self._names = {"localhost", own, own.partition(".")[0], *(each.lower() for each in names)}
        self._control = control

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            return  # nothing else is asked for: there are no WebSockets

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        try:
            self.check(scope["method"], scope["path"], Headers(scope=scope))
        except TurnedAway as error:
            await refused(error)(scope, receive, with_headers)
            return
        await self._app(scope, receive, with_headers)

    def check(self, method: str, path: str, headers: Headers) -> None:
        """Sees that a request comes from this page, or from no page.

        Raises:
            TurnedAway: it does not, or it may not change anything.
        """
        host = headers.get("host", "")
        if not self._is_own(_name_of(host)):
            raise TurnedAway(
                403,
                "PERMISSION_DENIED",
                "OTHER_HOST",
                f"{host[:100]!r} is not a name of this page: open it by its address, or start it"
                " with --web-host NAME",
            )
        origin = headers.get("origin")
        if origin is not None and origin.partition("://")[2].lower() != host.lower():
            raise _other_origin()
        crossing = headers.get("sec-fetch-site") in ("cross-site", "same-site")
        if crossing and (headers.get("sec-fetch-mode") != "navigate" or method not in SAFE):
            raise _other_origin()
        if method in SAFE:
            return
        if not self._control and path not in FOR_ALL:
            raise TurnedAway(
                403,
                "PERMISSION_DENIED",
                "READ_ONLY",
                "this page only shows: start it with --web-control to let it change something",
            )
        if OWN_HEADER not in headers:
            raise TurnedAway(
                403, "PERMISSION_DENIED", "NO_HEADER", "the header X-Loadgrpc: 1 is missing"
            )

    def _is_own(self, name: str) -> bool:
        """Whether nobody else can have made that name lead here."""
        if name in self._names:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True


def _other_origin() -> TurnedAway:
    return TurnedAway(
        403, "PERMISSION_DENIED", "OTHER_ORIGIN", "the request comes from another page"
    )


def _name_of(host: str) -> str:
    """The name in a Host header, without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()
