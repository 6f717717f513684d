"""A broker with many runs that are over and many that wait: what it answers, decides and restarts.

No agent is connected: nothing starts, and all of the queue is decided on again and again.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from loadgrpc.broker.broker import Broker
from loadgrpc.clock import SystemClock
from loadgrpc.model import Plan, RunState, Scenario, Submission
from loadgrpc.protocol import plans
from loadgrpc.store import RunRecord, Store
from loadgrpc.v1 import run_pb2

OVER: Final = 10_000
WAITING: Final = 1_000
SUMMARY_BYTES: Final = 4_096
"""Of each run that is over; with that, a run of some names and agents."""
AT_ONCE: Final = 200
"""Runs that are stored at a time."""
TIMES: Final = 20
LABELS: Final = ("eu", "us", "big", "small")


@dataclass(frozen=True)
class Waits:
    """What it takes, in seconds: medians, but for the restart."""

    listed_s: float
    """The newest fifty runs, as `loadgrpc runs` asks for them."""
    filtered_s: float
    """Those with a label that few have."""
    decided_s: float
    """Who of those that wait starts, and why the others do not."""
    restarted_s: float
    """From the opened store to a broker that serves."""

    def __str__(self) -> str:
        figures = (self.listed_s, self.filtered_s, self.decided_s, self.restarted_s)
        return "runs {:.1f}, by label {:.1f}, queue {:.1f}, restart {:.0f} ms".format(
            *(1_000 * each for each in figures)
        )


def measure() -> Waits:
    """All of it, with a store in a file."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        return asyncio.run(_measure(str(Path(folder) / "store.db")))


def _plan(at: int) -> Plan:
    scenario = Scenario(test="example.TestWebSite.test_es", users=(10,), iterations=(20,))
    agents, label = 1 + at % 5, LABELS[at % len(LABELS)]
    labels = ("rare",) if at % 1_000 == 0 else ("nightly",)
    return Plan(scenarios=(scenario,), agents=agents, agent_labels=(label,), labels=labels)


async def _fill(store: Store) -> None:
    """Runs that are over."""
    summary = run_pb2.RunSummary(reason="x" * SUMMARY_BYTES).SerializeToString()
    template = RunRecord(
        run_id="",
        state=RunState.FINISHED,
        plan=b"",
        create_time_ns=1,
        start_time_ns=2,
        end_time_ns=3,
        agent_ids=("host-1a2b3c",),
        summary=summary,
        verdict=0,
        verdict_reason="passed",
    )
    for first in range(0, OVER, AT_ONCE):
        await asyncio.gather(
            *(
                store.save_run(
                    replace(
                        template,
                        run_id=f"r-{at:010x}",
                        plan=plans.plan_to_proto(_plan(at)).SerializeToString(),
                        labels=_plan(at).labels,
                    )
                )
                for at in range(first, first + AT_ONCE)
            )
        )


async def _measure(path: str) -> Waits:
    store = await Store.open(path)
    await _fill(store)
    broker = Broker(store, SystemClock(), store_name="bench", lease_s=60.0)
    await broker.start()
    for at in range(WAITING):
        await broker.dispatcher.start_run(_plan(at), "", Submission(queue=True, priority=at % 10))
    await broker.close()
    await store.close()

    store = await Store.open(path)
    broker = Broker(store, SystemClock(), store_name="bench", lease_s=60.0)
    began_s = time.perf_counter()
    await broker.start()
    restarted_s = time.perf_counter() - began_s

    async def decide() -> None:
        broker.dispatcher.look()

    try:
        listed = broker.archive.list_runs
        return Waits(
            listed_s=await _median(lambda: listed(50, "")),
            filtered_s=await _median(lambda: listed(50, "", labels=frozenset({"rare"}))),
            decided_s=await _median(decide),
            restarted_s=restarted_s,
        )
    finally:
        await broker.close()
        await store.close()


async def _median(step: Callable[[], Awaitable[object]]) -> float:
    found = []
    for _ in range(TIMES):
        began_s = time.perf_counter()
        await step()
        found.append(time.perf_counter() - began_s)
    return statistics.median(found)
