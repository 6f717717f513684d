"""The middleware that lets in those whom the broker knows: each request of `/api` has a viewer.

Rule: where the broker asks who calls, nothing of `/api` is answered before it knows the token of
the request, not even from what was made for others a moment ago; what goes on ends when it does not
know it any more. The page's own files, and the way in, are for everybody.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any, Final

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from loadgrpc.dashboard.refusal import TurnedAway, answer, refused
from loadgrpc.dashboard.shared_watch import AGAIN, event
from loadgrpc.dashboard.viewer import VIEWER, Viewer, viewer_of
from loadgrpc.dashboard.viewers import Viewers
from loadgrpc.errors import Forbidden, LoadgrpcError
from loadgrpc.model import AccessInfo, Caller, Role
from loadgrpc.protocol.rights import NOBODY, RIGHTS

_RIGHTS: Final = {
    path.rpartition("/")[2]: right
    for path, right in RIGHTS.items()
    if path.startswith("/loadgrpc.v1.")
}
"""By the name of a method."""
WEB, LOGIN, LOGOUT = "/api/web", "/api/login", "/api/logout"
FOR_ALL: Final = frozenset({WEB, LOGIN, LOGOUT})
"""Paths of `/api` that nobody has to be logged in for."""
ACCESS: Final = "loadgrpc.access"
"""Where a request has who its viewer is."""
FAREWELL_S: Final = 5.0
"""How long a stream that is cut off may take to take its last message."""


class LoginCheck:
    """See the module."""

    def __init__(self, app: ASGIApp, *, viewers: Viewers) -> None:
        self._app = app
        self._viewers = viewers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        path = scope.get("path", "")
        if not path.startswith("/api/") or path in FOR_ALL:
            await self._app(scope, receive, send)
            return
        try:
            viewer = viewer_of(HTTPConnection(scope))
            scope[ACCESS] = await self._viewers.known(viewer)
        except (LoadgrpcError, TurnedAway) as error:
            await refused(error)(scope, receive, send)
            return
        token = VIEWER.set(viewer)
        try:
            await _Answering(self._viewers, viewer, send).by(self._app, scope, receive)
        finally:
            VIEWER.reset(token)


class _Answering:
    """An answer that is on its way to a viewer."""

    def __init__(self, viewers: Viewers, viewer: Viewer, send: Send) -> None:
        self._viewers = viewers
        self._viewer = viewer
        self._send = send
        self._cutting: asyncio.Task[None] | None = None
        """Waits for the end of the viewer's token. None: the answer does not go on."""
        self._why: LoadgrpcError | None = None
        """Why it was cut off."""

    async def by(self, app: ASGIApp, scope: Scope, receive: Receive) -> None:
        """Has it made, to its end or to that of the token."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - uvicorn has one for each request
        try:
            await app(scope, receive, lambda message: self._pass_on(message, task))
        except asyncio.CancelledError:
            if self._why is None:
                raise
            task.uncancel()
            with suppress(TimeoutError):
                async with asyncio.timeout(FAREWELL_S):
                    await self._send(_last(self._why))
        finally:
            if self._cutting is not None:
                self._cutting.cancel()

    async def _pass_on(self, message: Message, task: asyncio.Task[Any]) -> None:
        if message["type"] == "http.response.start" and _goes_on(message):
            self._cutting = asyncio.create_task(self._cut(task))
        elif message.get("body") == AGAIN:
            message = await self._again(message)
        await self._send(message)

    async def _cut(self, task: asyncio.Task[Any]) -> None:
        self._why = await self._viewers.void(self._viewer)
        task.cancel()

    async def _again(self, message: Message) -> Message:
        """A watch ended with the token of somebody: of this viewer, or of another one."""
        try:
            await self._viewers.known(self._viewer, 0.0)
        except (LoadgrpcError, TurnedAway) as error:
            return {**message, "body": event("trouble", answer(error)[1])}
        return message


def check_rights(access: AccessInfo, methods: str) -> None:
    """Sees that a viewer may call these methods of the broker.

    The broker sees to that itself; it is not asked for what was made for others a moment ago.

    Raises:
        Forbidden: one of them they may not.
    """
    caller = access.caller
    for method in methods.split():
        right = _RIGHTS.get(method, NOBODY)
        if caller is None or not right.includes(caller.role):
            raise Forbidden(f"{caller} may not call {method}: it needs the role {right}")


def may_call(caller: Caller | None, *, control: bool) -> list[str]:
    """The methods of the broker that somebody may call by way of the page, by name.

    `caller`: None where nobody is asked. Without `control` the page only shows.
    """
    role = Role.ADMIN if caller is None else caller.role
    if not control:
        role = min(role, Role.WATCH)
    return sorted(method for method, right in _RIGHTS.items() if right.includes(role))


def _goes_on(message: Message) -> bool:
    """Whether it begins an answer that has no end by itself."""
    return any(
        name.lower() == b"content-type" and value.startswith(b"text/event-stream")
        for name, value in message.get("headers", ())
    )


def _last(why: LoadgrpcError) -> Message:
    body = event("trouble", answer(why)[1])
    return {"type": "http.response.body", "body": body, "more_body": False}
