"""The routes of the page's server: its files, and `/api`.

Rule: one row for each route. Errors of the house become answers in one place; what is not one of
them is a defect: it is logged whole, and shown as "internal error".
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Collection
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
from loadgrpc.dashboard.page_files import INDEX, page_files
from loadgrpc.dashboard.reading import PageInfo, PageReads
from loadgrpc.dashboard.refusal import DEFECT, TurnedAway, answer, document
from loadgrpc.dashboard.reports import ReportFiles
from loadgrpc.errors import LoadgrpcError

Handler: TypeAlias = Callable[[Request], Awaitable[Response]]

_CODES: Final = {404: "NOT_FOUND", 405: "UNIMPLEMENTED"}

_log = logging.getLogger(__name__)


class App(NamedTuple):
    """The page and its API."""

    asgi: Starlette
    reading: PageReads


def app(client: Client, info: PageInfo, names: Collection[str] = ()) -> App:
    """The application, of the broker that the client is connected to.

    `names`: hosts that it is served as, beside those of this machine.
    """
    reading = PageReads(client, info)
    acting = PageActs(client.raw, reading)
    reports = ReportFiles(client)
    run = "/api/runs/{run}"
    rows: list[tuple[str, str, Handler]] = [
        ("GET", "/api/web", reading.web),
        ("GET", "/api/broker", reading.broker),
        ("GET", "/api/agents", reading.agents),
        ("GET", "/api/runs", reading.runs),
        ("GET", "/api/compare", reading.compare),
        ("GET", run, reading.run),
        ("GET", f"{run}/summary", reading.summary),
        ("GET", f"{run}/timeline", reading.timeline),
        ("GET", f"{run}/changes", reading.changes),
        ("GET", f"{run}/events", reading.events),
        ("GET", f"{run}/check", reading.check),
        ("GET", f"{run}/watch", reading.watch),
        ("GET", "/api/report", reports.html),
        ("GET", f"{run}/report.md", reports.markdown),
        ("POST", "/api/runs", acting.start),
        ("POST", f"{run}/stop", acting.stop),
        ("POST", f"{run}/load", acting.load),
        ("POST", f"{run}/note", acting.note),
        ("DELETE", run, acting.delete),
        ("POST", "/api/agents/{agent}/drain", acting.drain),
    ]
    routes = [
        *(Route(path, _safe(handler), methods=[method]) for method, path, handler in rows),
        Route("/{path:path}", _safe(_file), methods=["GET"]),
    ]
    asgi = Starlette(
        routes=routes,
        middleware=[Middleware(HostCheck, names=names, control=info.control)],
        exception_handlers={HTTPException: _http_error},
    )
    return App(asgi, reading)


def _safe(handler: Handler) -> Handler:
    """The handler, whose errors are answers."""

    async def handled(request: Request) -> Response:
        try:
            return await handler(request)
        except (LoadgrpcError, TurnedAway) as error:
            http, found = answer(error)
            return json_response(found, http)
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
