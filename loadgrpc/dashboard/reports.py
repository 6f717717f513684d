"""Reports by way of the page: runs as one file, to be kept or sent to somebody."""

from __future__ import annotations

import re

from starlette.requests import Request
from starlette.responses import Response

from loadgrpc.client import Client
from loadgrpc.dashboard.asked import Query
from loadgrpc.dashboard.frozen import report_of
from loadgrpc.dashboard.gathered import MAX_RUNS, gathered
from loadgrpc.dashboard.refusal import wrong
from loadgrpc.errors import Unavailable
from loadgrpc.outputs import OutputError
from loadgrpc.outputs.markdown import markdown


class ReportFiles:
    """See the module."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def html(self, request: Request) -> Response:
        """One run, or several, the later ones compared with the first."""
        run_ids = list(dict.fromkeys(Query(request, "run").texts("run")))
        if not 1 <= len(run_ids) <= MAX_RUNS:
            raise wrong("run", f"is given {len(run_ids)} times: a report has 1 to {MAX_RUNS} runs")
        runs = await gathered(self._client, run_ids)
        try:
            text = await report_of(runs.results, runs.comparisons)
        except OutputError as error:
            raise Unavailable(str(error)) from error
        name = "-".join(each.summary.run_id for each in runs.results)
        return _file(text, "text/html; charset=utf-8", f"{name}.html")

    async def markdown(self, request: Request) -> Response:
        """The summary of a run as Markdown."""
        Query(request)
        summary = await self._client.get_summary(request.path_params["run"])
        return _file(markdown(summary), "text/markdown; charset=utf-8", f"{summary.run_id}.md")


def _file(text: str, media_type: str, name: str) -> Response:
    """A file to be saved. It is not shown in place: it has a policy of its own."""
    safe = re.sub(r"[^\w.-]", "_", name)
    headers = {"Content-Disposition": f'attachment; filename="{safe}"'}
    return Response(text.encode("utf-8", "replace"), media_type=media_type, headers=headers)
