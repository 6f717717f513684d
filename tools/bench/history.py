"""A store that has much in it: many runs that are over, and one of ten million hits."""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench import cluster, ingest
from bench.cores import Cores
from loadgrpc.client import Client
from loadgrpc.model import HitFigures, NameFigures, RunState, Summary
from loadgrpc.protocol import plans
from loadgrpc.protocol.summary import summary_to_proto
from loadgrpc.store import RunRecord, Store
from loadgrpc.testing import plan_of

RUNS: Final = 1_000
NAMES: Final = 50
"""Names in the summary of each."""
HITS: Final = 10_000_000
PAGE: Final = 50
ASKED: Final = 21
"""How often a page is asked for, and ..."""
COMMANDS: Final = 5
"""... how often the command is run."""
RECENT_NS: Final = 1_700_000_000_000_000_000


@dataclass
class History:
    """What a long history costs."""

    page_ms: list[float] = field(default_factory=list)
    """A page of `ListRuns`; each time it was asked for."""
    command_s: list[float] = field(default_factory=list)
    """`loadgrpc runs`, from its start to its end; each time."""
    sent: int = 0
    counted: int = 0
    megabytes: float = 0.0
    """By how much the run of all these hits has made the store's file grow."""
    start_s: float = 0.0
    """Until a broker that is started again on that store has answered."""
    summary_ms: float = 0.0
    """How long it then takes to tell the summary of that run."""

    @property
    def median_page_ms(self) -> float:
        """A page, as a rule."""
        return statistics.median(self.page_ms)

    @property
    def median_command_s(self) -> float:
        """The command, as a rule."""
        return statistics.median(self.command_s)


def measure(cores: Cores) -> History:
    """All of it."""
    return asyncio.run(_measure(cores))


async def _measure(cores: Cores) -> History:
    found = History()
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        file = folder / "runs.db"
        await _fill(file)
        before = file.stat().st_size
        with cluster.broker(folder, cores.server) as broker:
            async with Client.connect(broker.endpoint) as client:
                for _ in range(ASKED):
                    began_s = time.perf_counter()
                    await client.list_runs(page_size=PAGE)
                    found.page_ms.append((time.perf_counter() - began_s) * 1e3)
            for _ in range(COMMANDS):
                found.command_s.append(_command_s(broker.endpoint))
            sent, _, summary = await ingest.one_run(
                broker.endpoint, ingest.batches(ingest.COLUMNS), lambda events, _: events < HITS
            )
            found.sent = sum(batch.events for batch in sent)
        found.megabytes = (file.stat().st_size - before) / 1e6
        began_s = time.perf_counter()
        with cluster.broker(folder, cores.server) as broker:
            found.start_s = time.perf_counter() - began_s
            async with Client.connect(broker.endpoint) as client:
                began_s = time.perf_counter()
                summary = await client.get_summary(summary.run_id)
                found.summary_ms = (time.perf_counter() - began_s) * 1e3
    found.counted = summary.hits.count
    return found


async def _fill(file: Path) -> None:
    """Keeps runs that are over, as a broker does."""
    plan = plan_of(test=ingest.TEST, users=(10, 20, 30), iterations=(20,))
    names = tuple(
        NameFigures(name=f"http://127.0.0.1/{at}", method="GET", hits=HitFigures(count=24))
        for at in range(NAMES)
    )
    store = await Store.open(str(file))
    for at in range(RUNS):
        began_ns = RECENT_NS + at * 60_000_000_000
        run_id = f"r-{at:010x}"
        summary = Summary(
            run_id=run_id,
            state=RunState.FINISHED,
            plan=plan,
            create_time_ns=began_ns,
            names=names,
        )
        record = RunRecord(
            run_id=run_id,
            state=RunState.FINISHED,
            plan=plans.plan_to_proto(plan).SerializeToString(),
            create_time_ns=began_ns,
            start_time_ns=began_ns,
            end_time_ns=began_ns + 30_000_000_000,
            agent_ids=("simulated-0000",),
            summary=summary_to_proto(summary).SerializeToString(),
            roster=b"{}",
        )
        await store.save_run(record)
    await store.close()


def _command_s(endpoint: str) -> float:
    began_s = time.perf_counter()
    command = [sys.executable, "-m", "loadgrpc", "runs", "-b", endpoint]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began_s
