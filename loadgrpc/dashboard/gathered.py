"""What a report is made of: the results of runs, the later ones compared with the first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from loadgrpc.client import Client, RunResults
from loadgrpc.model import RunComparison

MAX_RUNS: Final = 5
"""In a report, and on the page."""


class Gathered(NamedTuple):
    """See the module."""

    results: Sequence[RunResults]
    comparisons: Sequence[RunComparison]
    """None where a run is active: it cannot be compared yet."""


async def gathered(client: Client, run_ids: Sequence[str]) -> Gathered:
    """The results of these runs, in their order.

    Raises:
        LoadgrpcError: there is no such run, or the broker cannot be reached.
    """
    summaries = [await client.get_summary(each) for each in run_ids]
    compared = len(summaries) > 1 and all(each.state.final for each in summaries)
    return Gathered(
        results=[RunResults(client, each) for each in summaries],
        comparisons=await client.compare_runs(run_ids) if compared else [],
    )
