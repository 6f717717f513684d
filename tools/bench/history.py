"""A store that has much in it: many runs that are over, and one of ten million hits."""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench import cluster, fleet, ingest
from bench.cores import Cores
from loadgrpc.client import Client
from loadgrpc.model import HitFigures, NameFigures, Plan, RunState, Summary
from loadgrpc.protocol import convert, plans
from loadgrpc.store import RunRecord, Store

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

    runs: int = 0
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


def measure(cores: Cores) -> History:
    """All of it."""
    return asyncio.run(_measure(cores))


async def _measure(cores: Cores) -> History:
    found = History(runs=RUNS)
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
            run_id = await _long_run(broker.endpoint, found)
        found.megabytes = (file.stat().st_size - before) / 1e6
        began_s = time.perf_counter()
        with cluster.broker(folder, cores.server) as broker:
            found.start_s = time.perf_counter() - began_s
            async with Client.connect(broker.endpoint) as client:
                began_s = time.perf_counter()
                summary = await client.get_summary(run_id)
                found.summary_ms = (time.perf_counter() - began_s) * 1e3
    found.counted = summary.hits.count
    return found


async def _fill(file: Path) -> None:
    """Keeps runs that are over, as a broker does."""
    plan = Plan(test=ingest.TEST, users=(10, 20, 30), iterations=(20,))
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
            summary=convert.summary_to_proto(summary).SerializeToString(),
            roster=b"{}",
        )
        await store.save_run(record)
    await store.close()


def _command_s(endpoint: str) -> float:
    began_s = time.perf_counter()
    command = [sys.executable, "-m", "loadgrpc", "runs", "-b", endpoint]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began_s


async def _long_run(endpoint: str, found: History) -> str:
    """A run of one source that sends HITS hits in columns; its id."""
    batches = ingest.batches(ingest.COLUMNS)
    async with AsyncExitStack() as stack:
        (agent,) = await stack.enter_async_context(fleet.connected(endpoint, 1))
        client = await stack.enter_async_context(Client.connect(endpoint))
        run = await client.start_run(Plan(test=ingest.TEST, duration_s=3600.0))
        await agent.start()
        found.sent = await _publish(agent, batches)
        await agent.end()
        await ingest.ended(client, run)
    return run.run_id


async def _publish(agent: fleet.SimulatedAgent, batches: Sequence[fleet.Batch]) -> int:
    sent = acks = 0
    while sent < HITS:
        sent = await agent.send(batches[acks % len(batches)])
        await agent.ack()
        acks += 1
    while agent.acked < sent:
        await agent.ack()
    return sent


def page_ms(found: History) -> float:
    """The median time of a page, in milliseconds."""
    return statistics.median(found.page_ms)


def command_s(found: History) -> float:
    """The median time of the command, in seconds."""
    return statistics.median(found.command_s)


def megabytes(found: History) -> float:
    """By how much the long run has made the store larger."""
    return found.megabytes
