"""Pairs of real runs, compared as `loadgrpc compare` does: equal ones, and of a slower server.

Runs go side by side on one broker with an agent each; a run belongs to one equal pair and to one
of a server that is slower by a tenth.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bench import process
from bench.peers import ROOT
from loadgrpc.client import Client
from loadgrpc.model import ComparisonOutcome
from loadgrpc.testing import plan_of, running_cluster

SIDE_BY_SIDE: Final = 6
SECONDS: Final = 75
"""The shortest run that is compared has a minute of whole cells."""
USERS: Final = 3
SLOWER: Final = 1.1
LOADS: Final = ROOT / "tools/bench/loads"

Outcomes = dict[str, Counter[ComparisonOutcome]]
"""What is said, by figure."""


def outcomes(pairs: int) -> tuple[Outcomes, Outcomes]:
    """What is said of all hits of equal pairs, and of those with a slower server."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        log = Path(folder) / "server.log"
        command = [sys.executable, "-m", "bench.noisy"]
        with process.background(command, log=log, cwd=ROOT / "tools") as server, _at(LOADS):
            url = process.wait_for_line(server, log, "listening on").split()[-1]
            return asyncio.run(_outcomes(url, pairs, str(Path(folder) / "store.db")))


@contextlib.contextmanager
def _at(folder: Path) -> Iterator[None]:
    """Runners import tests from the current folder."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


async def _outcomes(url: str, pairs: int, store: str) -> tuple[Outcomes, Outcomes]:
    kinds = [(pair, kind) for pair in range(pairs) for kind in ("before", "equal", "slower")]
    run_ids: dict[tuple[int, str], str] = {}
    equal: Outcomes = {}
    slower: Outcomes = {}
    async with (
        running_cluster(agents=SIDE_BY_SIDE, store=store) as endpoint,
        Client.connect(endpoint) as client,
    ):
        for first in range(0, len(kinds), SIDE_BY_SIDE):
            some = kinds[first : first + SIDE_BY_SIDE]
            found = await asyncio.gather(*(_run(client, url, *each) for each in some))
            run_ids |= dict(zip(some, found, strict=True))
            print(f"{len(run_ids)} of {len(kinds)} real runs", flush=True)
        for pair in range(pairs):
            ids = [run_ids[pair, kind] for kind in ("before", "equal", "slower")]
            for found_of, comparison in zip(
                (equal, slower), await client.compare_runs(ids), strict=True
            ):
                if comparison.refusals:
                    refused = Counter({ComparisonOutcome.CANNOT_TELL: 1})
                    print(f"pair {pair}: {'; '.join(comparison.refusals)}", flush=True)
                    for figure in ("p50", "p95", "p99", "rate"):
                        found_of.setdefault(figure, Counter()).update(refused)
                for each in comparison.figures:
                    if not each.name:
                        found_of.setdefault(each.figure, Counter())[each.outcome] += 1
    return equal, slower


async def _run(client: Client, url: str, pair: int, kind: str) -> str:
    """Makes a run; its id."""
    plan = plan_of(
        test="noisy.TestNoisy.test_get",
        users=(USERS,),
        duration_s=float(SECONDS),
        server_url=f"{url}/{pair}/{SLOWER if kind == 'slower' else 1.0}",
    )
    handle = await client.start(plan)
    await handle.result()
    return handle.id
