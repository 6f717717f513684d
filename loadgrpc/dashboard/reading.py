"""What the page reads: each route asks the broker, and answers with the document of its answer.

Rule: a handler reads the query, calls, and converts. What many ask for at once is asked once.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf.message import Message
from starlette.requests import Request
from starlette.responses import Response

from loadgrpc.client import Client
from loadgrpc.client.results import EventTypes
from loadgrpc.dashboard.asked import Query, sequence_of
from loadgrpc.dashboard.documents import Document, Shared, document_of, text_of
from loadgrpc.dashboard.event_stream import EventStream
from loadgrpc.dashboard.shared_watch import SharedWatches
from loadgrpc.errors import LoadgrpcError
from loadgrpc.model import RunState
from loadgrpc.protocol.document import as_document
from loadgrpc.v1 import control_pb2, run_pb2

MAX_LISTED: Final = 1_000
PAGE: Final = 500
MAX_EVENTS: Final = 1_000
MAX_FIGURES: Final = 100
"""Runs of a list whose figures are added."""
MAX_KEPT_FIGURES: Final = 2_000
"""Runs that are over whose figures are remembered."""
FIGURES_FRESH_S: Final = 2.0
AT_ONCE: Final = 4
"""Summaries that are asked for at the same time."""
_FINAL: Final = frozenset(int(each) for each in RunState if each.final)


@dataclass(frozen=True, kw_only=True)
class PageInfo:
    """What the page may do, and of which broker it is."""

    broker: str
    """As people know it."""
    control: bool = False
    login: bool = False
    """Whether the broker asks who calls it, so that viewers have to say who they are."""


class PageReads:
    """See the module."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._calls = client.raw
        self._shared = Shared(time.monotonic)
        self._figures: OrderedDict[str, tuple[float, dict[str, Any] | None]] = OrderedDict()
        self.watches = SharedWatches(client.raw)

    def changed(self) -> None:
        """Something was changed by way of the page: what was asked before is asked again."""
        self._shared.clear()

    @property
    def looked_at(self) -> bool:
        """Whether somebody has looked at a run lately."""
        return self.watches.looked_at

    async def _answer(self, request: Request, make: Callable[[], Awaitable[bytes]]) -> Response:
        """What this makes, for all who ask the same within a moment."""
        document = await self._shared.get((request.url.path, request.url.query), make)
        return await document.response(request)

    async def _asked(
        self, request: Request, name: str, message: Message, part: str = ""
    ) -> Response:
        """The answer of the broker to a message, or that field of it."""

        async def make() -> bytes:
            answer = await self._calls.call(name, message)
            return await document_of(getattr(answer, part) if part else answer)

        return await self._answer(request, make)

    async def broker(self, request: Request) -> Response:
        """GetBroker."""
        Query(request)
        return await self._asked(request, "GetBroker", control_pb2.GetBrokerRequest())

    async def agents(self, request: Request) -> Response:
        """ListAgents."""
        Query(request)
        return await self._asked(request, "ListAgents", control_pb2.ListAgentsRequest())

    async def runs(self, request: Request) -> Response:
        """Runs, newest first."""
        query = Query(
            request,
            *("limit", "state", "verdict", "label", "owner", "title", "token", "figures"),
        )
        limit = query.count("limit", 50, MAX_LISTED)
        wanted = control_pb2.ListRunsRequest(
            states=query.states("state"),  # type: ignore[arg-type]  # an enum's numbers
            exit_codes=query.exit_codes("verdict"),
            labels=query.texts("label"),
            owner=query.text("owner"),
            title=query.text("title"),
            page_token=query.text("token"),
        )
        figures = query.flag("figures")
        return await self._answer(request, lambda: self._list(wanted, limit, figures=figures))

    async def _list(
        self, wanted: control_pb2.ListRunsRequest, limit: int, *, figures: bool
    ) -> bytes:
        whole = control_pb2.ListRunsResponse()
        while True:
            wanted.page_size = min(limit - len(whole.runs), PAGE)
            page = await self._calls.call("ListRuns", wanted)
            whole.runs.extend(page.runs)
            whole.store_trouble = page.store_trouble or whole.store_trouble
            wanted.page_token = page.next_page_token
            if not wanted.page_token or len(whole.runs) >= limit:
                break
        known = await self._figures_of(whole.runs[:MAX_FIGURES]) if figures else {}
        token = wanted.page_token

        def shaped(found: dict[str, Any]) -> object:
            for run in found["runs"]:
                if (each := known.get(run["runId"])) is not None:
                    run["figures"] = each
            return {
                "runs": found["runs"],
                "more": bool(token),
                "storeTrouble": found["storeTrouble"],
                "nextPageToken": token,
            }

        return await document_of(whole, shaped)

    async def _figures_of(self, runs: Any) -> dict[str, dict[str, Any]]:
        """Figures of runs, as far as they are known."""
        turns = asyncio.Semaphore(AT_ONCE)

        async def one(run: run_pb2.Run) -> tuple[str, dict[str, Any] | None]:
            until, found = self._figures.get(run.run_id, (0.0, None))
            if until > time.monotonic():
                return run.run_id, found
            async with turns:
                request = control_pb2.GetSummaryRequest(run_id=run.run_id)
                try:
                    found = figures_of((await self._calls.call("GetSummary", request)).summary)
                except LoadgrpcError:
                    found = None  # as of a run that was damaged in the store
            over = found is not None and run.state in _FINAL
            until = float("inf") if over else time.monotonic() + FIGURES_FRESH_S
            self._figures[run.run_id] = (until, found)
            while len(self._figures) > MAX_KEPT_FIGURES:
                self._figures.popitem(last=False)
            return run.run_id, found

        found = await asyncio.gather(*(one(run) for run in runs))
        return {run_id: figures for run_id, figures in found if figures is not None}

    async def run(self, request: Request) -> Response:
        """A run: GetRun."""
        Query(request)
        wanted = control_pb2.GetRunRequest(run_id=request.path_params["run"])
        return await self._asked(request, "GetRun", wanted, "run")

    async def summary(self, request: Request) -> Response:
        """Its summary: GetSummary."""
        Query(request)
        wanted = control_pb2.GetSummaryRequest(run_id=request.path_params["run"])
        return await self._asked(request, "GetSummary", wanted, "summary")

    async def timeline(self, request: Request) -> Response:
        """Its windows, all of them: GetTimeline."""
        known = ("from", "to", "resolution", "names", "series", "distribution", "by_name")
        query = Query(request, *known)
        wanted = control_pb2.GetTimelineRequest(
            run_id=request.path_params["run"],
            to=query.moment("to"),
            resolution=query.duration("resolution"),
            names=query.texts("names"),
            without_series=not query.flag("series", default=True),
            distribution=query.flag("distribution"),
            by_name=query.flag("by_name"),
        )
        if (start := query.moment("from")) is not None:
            getattr(wanted, "from").CopyFrom(start)

        async def make() -> bytes:
            return await document_of(await self._calls.timeline(wanted))

        return await self._answer(request, make)

    async def changes(self, request: Request) -> Response:
        """What has happened to it so far."""
        Query(request)
        run_id = request.path_params["run"]

        async def make() -> bytes:
            found = [as_document(each) for each in await self._calls.changes(run_id)]
            return text_of({"changes": found})

        return await self._answer(request, make)

    async def events(self, request: Request) -> Response:
        """Some of its events: ListEvents."""
        query = Query(request, "kind", "agent", "limit", "after")
        wanted = self._client.list_events(
            request.path_params["run"],
            kinds=query.texts("kind"),
            agent_id=query.text("agent"),
            limit=query.count("limit", MAX_EVENTS, MAX_EVENTS),
            after=query.text("after"),
        )
        types = EventTypes(self._client)
        found = []
        async with aclosing(wanted) as listed:
            async for event in listed:
                await types.learn(event.event)
                found.append(types.line(event))
        body = f'{{"events":[{",".join(found)}]}}'.encode("utf-8", "replace")
        return await Document(body).response(request)

    async def check(self, request: Request) -> Response:
        """How it is judged: CheckRun."""
        query = Query(request, "threshold")
        wanted = control_pb2.CheckRunRequest(
            run_id=request.path_params["run"], thresholds=query.texts("threshold")
        )
        return await self._asked(request, "CheckRun", wanted)

    async def compare(self, request: Request) -> Response:
        """Runs, compared with the first: CompareRuns."""
        query = Query(request, "run", "minEffect")
        wanted = control_pb2.CompareRunsRequest(
            run_ids=query.texts("run"), min_effect=query.number("minEffect", 0.0)
        )
        return await self._asked(request, "CompareRuns", wanted)

    async def watch(self, request: Request) -> Response:
        """What happens to it, as it happens: WatchRun."""
        query = Query(request, "after")
        after = query.sequence("after")
        if (seen := request.headers.get("last-event-id")) is not None:
            after = sequence_of("Last-Event-ID", seen)
        self.watches.check()
        wanted = control_pb2.GetRunRequest(run_id=request.path_params["run"])
        run = (await self._calls.call("GetRun", wanted)).run
        return EventStream(self.watches.view(run.run_id, after))


def figures_of(summary: run_pb2.RunSummary) -> dict[str, Any]:
    """What a list of runs shows of one."""
    hits = as_document(summary.hits)
    times = hits["response"] or hits["elapsed"]
    return {
        "hits": hits["count"],
        "failed": hits["failed"],
        "rate": hits["rate"],
        "p95": times["p95"] if times else None,
    }
