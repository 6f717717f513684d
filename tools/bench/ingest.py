"""What a broker takes in: full speed from one source, and little from each of many agents.

The broker has a core of its own and a store file. Batches are made before time is taken, so
that on the other core the sender does nothing but send.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bench import cluster, fleet, process
from bench.cores import Cores
from bench.figures import nearest_rank
from loadgrpc.certs import TlsChoice
from loadgrpc.client import Client, Credentials
from loadgrpc.model import Progress, Run, Summary
from loadgrpc.testing import plan_of

PER_S: Final = 1_000_000
"""As many hits of prebuilt batches fall into a second of the run."""
WINDOW: Final = 12
"""Batches sent and not yet acked: fewer bytes than the broker permits."""
SMALL_BATCH: Final = 20
"""Hits of each agent's batch."""
MOMENT_S: Final = 0.1
WARM_S: Final = 2.0
TEST: Final = "simulated.Simulated.test"


GoesOn = Callable[[int, float], bool]
"""Whether to send more, after so many events in so many seconds."""


@dataclass(frozen=True)
class Kind:
    """A kind of batch."""

    make: Callable[[NDArray[np.int64], int, int], fleet.Batch]
    events: int
    different: int
    """Batches that are made; they are sent over and over."""


COLUMNS: Final = Kind(fleet.columns, 54_000, 24)
"""Near the limit of 1 MiB."""
ROWS: Final = Kind(fleet.rows, 1_000, 100)


@dataclass
class Ingest:
    """What the broker takes in from one source."""

    batch_events: int = 0
    batch_bytes: int = 0
    rates: list[float] = field(default_factory=list)
    """Events a second, sent and acked; one for each round."""
    sent: int = 0
    counted: int = 0
    """By the broker, over all rounds."""
    percentile_error: float = 0.0
    """How far a percentile of a summary is from NumPy's, as a share; the worst of all."""


@dataclass(frozen=True)
class Fleet:
    """What many agents cost."""

    agents: int
    broker_cores: float
    """Processor seconds of the broker in a second."""
    delays_s: list[float]
    """For moments all through the run, how long after each a watcher had all hits sent by then."""
    sent: int
    counted: int


def ingest(cores: Cores, kind: Kind, *, seconds: int, rounds: int) -> Ingest:
    """Full speed from one source, so many times."""
    made = batches(kind)
    found = Ingest(kind.events, len(made[0].payload))
    for _ in range(rounds):
        asyncio.run(_ingest(cores, made, seconds, found))
    return found


def batches(kind: Kind) -> list[fleet.Batch]:
    """Batches whose times follow each other, with latencies as of a real service."""
    random = np.random.default_rng(4)
    base_ns = time.time_ns()
    made = []
    for at in range(kind.different):
        elapsed_ns = random.lognormal(np.log(3e6), 0.7, kind.events).astype(np.int64) + 50_000
        start_ns = base_ns + at * kind.events * 1_000_000_000 // PER_S
        made.append(kind.make(elapsed_ns, start_ns, PER_S))
    return made


async def _ingest(
    cores: Cores, batches: Sequence[fleet.Batch], seconds: int, found: Ingest
) -> None:
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        broker = stack.enter_context(cluster.broker(folder, cores.server))
        sent, took_s, summary = await one_run(
            broker.endpoint, batches, lambda _, took_s: took_s < seconds
        )
    found.rates.append(sum(batch.events for batch in sent) / took_s)
    found.sent += sum(batch.events for batch in sent)
    found.counted += summary.hits.count
    elapsed_ns = np.concatenate([batch.elapsed_ns for batch in sent])
    elapsed = summary.hits.elapsed
    for quantile, told_ns in (
        (0.5, elapsed.p50_ns),
        (0.9, elapsed.p90_ns),
        (0.95, elapsed.p95_ns),
        (0.99, elapsed.p99_ns),
    ):
        true_ns = nearest_rank(elapsed_ns, quantile)
        found.percentile_error = max(found.percentile_error, abs(told_ns / true_ns - 1))


async def one_run(
    endpoint: str, batches: Sequence[fleet.Batch], goes_on: GoesOn, tls: Path | None = None
) -> tuple[list[fleet.Batch], float, Summary]:
    """A run of one source; what it sent, how long that took until all was acked, and the result.

    It sends one batch after another for as long as `goes_on` says. `tls`: a folder of
    certificates, with one for the agent; None: without encryption.
    """
    async with AsyncExitStack() as stack:
        (agent,) = await stack.enter_async_context(fleet.connected(endpoint, 1, tls))
        shown = Credentials(choice=TlsChoice(folder=tls, insecure=tls is None))
        client = await stack.enter_async_context(Client.connect(endpoint, credentials=shown))
        run = await client.start_run(plan_of(test=TEST, duration_s=3600.0))
        await agent.start()
        sent, took_s = await _publish(agent, batches, goes_on)
        await agent.end()
        return sent, took_s, await _ended(client, run)


async def _publish(
    agent: fleet.SimulatedAgent,
    batches: Sequence[fleet.Batch],
    goes_on: GoesOn,
) -> tuple[list[fleet.Batch], float]:
    """Sends, at most WINDOW unacked; what, and the time until all was acked."""
    sent: list[fleet.Batch] = []
    ends: list[int] = []
    acked = 0
    began_s = time.monotonic()
    while goes_on(ends[-1] if ends else 0, time.monotonic() - began_s):
        batch = batches[len(sent) % len(batches)]
        ends.append(await agent.send(batch))
        sent.append(batch)
        while len(sent) - acked >= WINDOW:
            await agent.ack()
            while acked < len(ends) and ends[acked] <= agent.acked:
                acked += 1
    while agent.acked < ends[-1]:
        await agent.ack()
    return sent, time.monotonic() - began_s


async def _ended(client: Client, run: Run) -> Summary:
    """The summary of a run, once it is over."""
    async for _ in client.watch_run(run.run_id):
        pass  # the stream ends with the run
    return await client.get_summary(run.run_id)


def many_agents(cores: Cores, *, agents: int, seconds: int) -> Fleet:
    """So many agents, each with a heartbeat and one small batch a second."""
    return asyncio.run(_many_agents(cores, agents, seconds))


async def _many_agents(cores: Cores, count: int, seconds: int) -> Fleet:
    random = np.random.default_rng(4)
    sent: list[tuple[float, int]] = []
    seen: list[tuple[float, int]] = []
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        broker = stack.enter_context(cluster.broker(folder, cores.server))
        agents = await stack.enter_async_context(fleet.connected(broker.endpoint, count))
        client = await stack.enter_async_context(Client.connect(broker.endpoint))
        run = await client.start_run(plan_of(test=TEST, duration_s=3600.0, agents=count))
        await asyncio.gather(*(agent.start() for agent in agents))
        watching = asyncio.create_task(_watch(client, run, seen))
        until_s = time.monotonic() + WARM_S + seconds

        async def report(agent: fleet.SimulatedAgent, offset_s: float) -> None:
            await asyncio.sleep(offset_s)
            while time.monotonic() < until_s:
                next_s = time.monotonic() + 1
                elapsed_ns = random.integers(1_000_000, 20_000_000, SMALL_BATCH)
                batch = fleet.columns(elapsed_ns, time.time_ns() - 1_000_000_000, SMALL_BATCH)
                await agent.send(batch)
                sent.append((time.monotonic(), SMALL_BATCH))
                await agent.ack()
                await asyncio.sleep(next_s - time.monotonic())

        reporting = [
            asyncio.create_task(report(agent, at / count)) for at, agent in enumerate(agents)
        ]
        await asyncio.sleep(WARM_S)
        before_s, cpu_before_s = time.monotonic(), process.cpu_s(broker.pid)
        await asyncio.sleep(seconds)
        used_s = process.cpu_s(broker.pid) - cpu_before_s
        broker_cores = used_s / (time.monotonic() - before_s)
        await asyncio.gather(*reporting)
        for agent in agents:
            await agent.end()
        summary = await _ended(client, run)
        await watching
    return Fleet(
        agents=count,
        broker_cores=broker_cores,
        delays_s=delays(sent, seen),
        sent=sum(hits for _, hits in sent),
        counted=summary.hits.count,
    )


async def _watch(client: Client, run: Run, seen: list[tuple[float, int]]) -> None:
    async for news in client.watch_run(run.run_id):
        if isinstance(news.update, Progress):
            seen.append((time.monotonic(), news.update.hits))  # noqa: PERF401 - each at its moment


def delays(sent: Sequence[tuple[float, int]], seen: Sequence[tuple[float, int]]) -> list[float]:
    """For moments MOMENT_S apart, how long after each all hits sent until then were seen.

    A second of the run may end at any of them. `sent` has moments and hits, `seen` moments and
    the sum of hits so far; both in the order of time. Pure.
    """
    found = []
    moment_s, last_s = sent[0][0], sent[-1][0]
    total = 0
    waiting = iter(sent)
    following = next(waiting, None)
    while moment_s <= last_s:
        while following is not None and following[0] <= moment_s:
            total += following[1]
            following = next(waiting, None)
        first_s = next((at_s for at_s, hits in seen if hits >= total), None)
        if first_s is not None:
            found.append(max(0.0, first_s - moment_s))
        moment_s += MOMENT_S
    return found
