"""The routes of the page's server: its files, and `/api`.

Rule: one row for each route, with the methods of the broker that it calls: whoever may call these
may use it. What is read the broker may have been asked by somebody else a moment ago, so that it
is looked up here, too; whoever may not act the broker refuses, which its audit has. Errors of the
house become answers in one place; what is not one of them is a defect: it is logged whole, and
shown as "internal error".
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from loadgrpc.client import Client
from loadgrpc.dashboard.acting import PageActs
from loadgrpc.dashboard.documents import json_response
from loadgrpc.dashboard.host_check import HostCheck
from loadgrpc.dashboard.login import PageLogin
from loadgrpc.dashboard.login_check import (
    ACCESS,
    LOGIN,
    LOGOUT,
    WEB,
    LoginCheck,
    check_rights,
)
from loadgrpc.dashboard.page_files import INDEX, page_files
from loadgrpc.dashboard.reading import PageInfo, PageReads
from loadgrpc.dashboard.refusal import DEFECT, TurnedAway, document, refused
from loadgrpc.dashboard.reports import ReportFiles
from loadgrpc.dashboard.viewers import Viewers
from loadgrpc.errors import LoadgrpcError

Handler: TypeAlias = Callable[[Request], Awaitable[Response]]

REPORT: Final = "GetSummary GetTimeline WatchRun CompareRuns"
"""What a report is made of."""
_CODES: Final = {404: "NOT_FOUND", 405: "UNIMPLEMENTED"}

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PageRoute:
    """A route of `/api`."""

    method: str
    path: str
    handler: Handler
    calls: str = ""
    """The methods of the broker that it calls, by name. Empty: it is the way in."""

    async def allowed(self, request: Request) -> Response:
        """Its answer, to a viewer that may have it.

        Raises:
            Forbidden: this one may not.
        """
        access = request.scope.get(ACCESS)
        if access is not None and self.method == "GET":
            check_rights(access, self.calls)
        return await self.handler(request)


class App(NamedTuple):
    """The page and its API."""

    asgi: Starlette
    reading: PageReads
    rows: list[PageRoute]


def app(client: Client, info: PageInfo, names: Collection[str] = ()) -> App:
    """The application, of the broker that the client is connected to.

    `names`: hosts that it is served as, beside those of this machine.
    """
    reading = PageReads(client)
    viewers = Viewers(client.access.caller) if info.login else None
    entry = PageLogin(info.broker, viewers, control=info.control)
    acting = PageActs(client.raw, reading)
    reports = ReportFiles(client)
    run = "/api/runs/{run}"
    rows = [
        PageRoute("GET", WEB, entry.web),
        PageRoute("POST", LOGIN, entry.login),
        PageRoute("POST", LOGOUT, entry.logout),
        PageRoute("GET", "/api/broker", reading.broker, "GetBroker"),
        PageRoute("GET", "/api/agents", reading.agents, "ListAgents"),
        PageRoute("GET", "/api/runs", reading.runs, "ListRuns GetSummary"),
        PageRoute("GET", "/api/compare", reading.compare, "CompareRuns"),
        PageRoute("GET", run, reading.run, "GetRun"),
        PageRoute("GET", f"{run}/summary", reading.summary, "GetSummary"),
        PageRoute("GET", f"{run}/timeline", reading.timeline, "GetTimeline"),
        PageRoute("GET", f"{run}/changes", reading.changes, "WatchRun"),
        PageRoute("GET", f"{run}/events", reading.events, "ListEvents"),
        PageRoute("GET", f"{run}/check", reading.check, "CheckRun"),
        PageRoute("GET", f"{run}/watch", reading.watch, "GetRun WatchRun"),
        PageRoute("GET", "/api/report", reports.html, REPORT),
        PageRoute("GET", f"{run}/report.md", reports.markdown, "GetSummary"),
        PageRoute("POST", "/api/runs", acting.start, "StartRun CheckPlan"),
        PageRoute("POST", f"{run}/stop", acting.stop, "StopRun"),
        PageRoute("POST", f"{run}/load", acting.load, "SetLoad"),
        PageRoute("POST", f"{run}/note", acting.note, "AddNote"),
        PageRoute("DELETE", run, acting.delete, "DeleteRun"),
        PageRoute("POST", "/api/agents/{agent}/drain", acting.drain, "DrainAgent"),
    ]
    routes = [
        *(Route(each.path, _safe(each.allowed), methods=[each.method]) for each in rows),
        Route("/{path:path}", _safe(_file), methods=["GET"]),
    ]
    middleware = [Middleware(HostCheck, names=names, control=info.control)]
    if viewers is not None:
        middleware.append(Middleware(LoginCheck, viewers=viewers))
    asgi = Starlette(
        routes=routes,
        middleware=middleware,
        exception_handlers={HTTPException: _http_error},
    )
    return App(asgi, reading, rows)


def _safe(handler: Handler) -> Handler:
    """The handler, whose errors are answers."""

    async def handled(request: Request) -> Response:
        try:
            return await handler(request)
        except (LoadgrpcError, TurnedAway) as error:
            return refused(error)
        except Exception:  # noqa: BLE001 - a defect: see the module
            _log.exception("%s %s failed", request.method, request.url.path)
            http, found = DEFECT
            return json_response(found, http)

    return handled


async def _file(request: Request) -> Response:
    """A file of the page."""
    path = request.path_params["path"] or INDEX
    found = page_files().get(path)
    if found is None:
        raise TurnedAway(404, "NOT_FOUND", "NOT_FOUND", f"there is no {path[:100]!r} here")
    headers = {"ETag": found.tag, "Cache-Control": "no-cache"}
    if found.tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(found.content, media_type=found.media_type, headers=headers)


async def _http_error(request: Request, error: Exception) -> Response:
    """What Starlette itself refuses: a method that a route does not have."""
    del request
    assert isinstance(error, HTTPException)  # noqa: S101 - it is registered for these
    code = _CODES.get(error.status_code, "UNKNOWN")
    found = document(code, code, error.detail.lower())
    return json_response(found, error.status_code)
