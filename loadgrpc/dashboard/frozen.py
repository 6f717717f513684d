"""What a frozen page shows: runs with their timelines, as the page has them, and nothing else.

Rule: figures are those of the summary document, letter for letter; of the timeline there is as much
as charts of this length need: at most MAX_WINDOWS windows of all hits, and MAX_SERIES_WINDOWS of
each name.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any, Final

import loadgrpc
from loadgrpc.clock import NS_PER_S
from loadgrpc.dashboard.columns import columns_of
from loadgrpc.dashboard.one_file import one_file
from loadgrpc.dashboard.page_files import page_files
from loadgrpc.model import WINDOW_LENGTHS_S, Run, RunComparison, Summary
from loadgrpc.outputs import Results
from loadgrpc.protocol.comparisons import comparison_to_proto
from loadgrpc.protocol.document import as_document
from loadgrpc.protocol.progress import change_to_proto
from loadgrpc.protocol.runs import run_to_proto
from loadgrpc.protocol.summary import summary_to_proto
from loadgrpc.protocol.times import timestamp_to_proto

FORM: Final = 1
"""Of what is frozen; the page reads those that it knows."""
MAX_WINDOWS: Final = 800
MAX_SERIES_WINDOWS: Final = 150


def fitting_s(summary: Summary, most: int) -> int:
    """How long windows are to be, so that those of the whole run are few enough."""
    begin_ns = summary.start_time_ns or summary.create_time_ns
    whole_s = ((summary.end_time_ns or time.time_ns()) - begin_ns) / NS_PER_S
    return next((each for each in WINDOW_LENGTHS_S if whole_s <= each * most), WINDOW_LENGTHS_S[-1])


async def frozen_run(results: Results) -> dict[str, Any]:
    """A run as a frozen page has it.

    Raises:
        OutputError: its results cannot be read.
    """
    summary = results.summary
    resolution_s = fitting_s(summary, MAX_WINDOWS)
    series_s = fitting_s(summary, MAX_SERIES_WINDOWS)
    windows = [
        each async for each in results.windows(resolution_s, series=False, distribution=True)
    ]
    by_name = [each async for each in results.windows(series_s, by_name=True)]
    changes = await results.changes()

    def made() -> dict[str, Any]:
        return {
            "run": as_document(run_to_proto(run_of(summary))),
            "summary": as_document(summary_to_proto(summary)),
            "timeline": columns_of(windows, by_name, series_s),
            "changes": [as_document(change_to_proto(each)) for each in changes],
        }

    return await asyncio.to_thread(made)


def run_of(summary: Summary) -> Run:
    """The run that a summary is of."""
    return Run(
        run_id=summary.run_id,
        state=summary.state,
        plan=summary.plan,
        create_time_ns=summary.create_time_ns,
        start_time_ns=summary.start_time_ns,
        end_time_ns=summary.end_time_ns,
        reason=summary.reason,
        agent_ids=tuple(dict.fromkeys(each.agent_id for each in summary.agents)),
        troubles=summary.troubles,
        verdict=summary.verdict if summary.state.final else None,
        attempt=summary.attempt,
        attempts=summary.attempts,
    )


async def report_of(results: Sequence[Results], comparisons: Sequence[RunComparison] = ()) -> str:
    """The page with these runs, and nothing else, as one file.

    Raises:
        OutputError: results cannot be read.
    """
    runs = [await frozen_run(each) for each in results]

    def made() -> str:
        frozen = {
            "form": FORM,
            "made": timestamp_to_proto(time.time_ns()).ToJsonString(),
            "version": loadgrpc.__version__,
            "runs": runs,
            "comparisons": [as_document(comparison_to_proto(each)) for each in comparisons],
        }
        files = {
            name: file.content.decode()
            for name, file in page_files().items()
            if file.media_type.startswith("text/")
        }
        return one_file(files, frozen)

    return await asyncio.to_thread(made)
