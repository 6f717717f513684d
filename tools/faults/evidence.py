"""What three witnesses say of a round: the server, the broker's summary, and its store."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from loadgrpc.store import Store
from loadgrpc.v1 import event_pb2, runner_pb2

EVENTS_OF_A_VISIT: Final = 2
"""The hit and the iteration, while losses are counted in events only."""


@dataclass(frozen=True)
class Seen:
    """What the server saw of an agent."""

    requests: int
    repeated: tuple[str, ...] = ()
    """Requests that came twice; the first few."""
    last_s: float = 0.0
    """When the last one came (monotonic)."""


@dataclass(frozen=True)
class Stored:
    """Hits of an agent in the broker's store."""

    hits: int
    duplicated: int = 0
    """Hits that are there a second time."""


@dataclass(frozen=True)
class Loss:
    """What the broker says it has lost of an agent."""

    agent: str
    hits: int
    at_least: bool
    reason: str


@dataclass(frozen=True)
class Part:
    """What the summary says of an agent."""

    hits: int
    state: str
    reason: str


@dataclass(frozen=True)
class Verdict:
    """What the summary says of the run."""

    state: str
    exit_code: int
    reason: str
    hits: int
    failed: int
    """Hits that failed."""
    wrong: int
    """Iterations that failed or erred."""
    parts: Mapping[str, Part]
    losses: tuple[Loss, ...]
    resent: int
    """Events that came again, and were not counted."""


@dataclass(frozen=True)
class Evidence:
    """All of it."""

    seen: Mapping[str, Seen]
    stored: Mapping[str, Stored]
    verdict: Verdict
    exit_code: int
    """Of `loadgrpc run`."""
    last_words: str = ""
    """Of `loadgrpc run`, the last line that it printed."""
    left: tuple[str, ...] = ()
    """Processes that were left behind."""


def read_seen(document: Mapping[str, Any]) -> dict[str, Seen]:
    """The report of the server."""
    return {
        agent: Seen(told["requests"], tuple(told["repeated"]), told["last_s"])
        for agent, told in document.items()
    }


def since(seen: Mapping[str, Seen], before: Mapping[str, int]) -> dict[str, Seen]:
    """What the server saw, without so many requests of each agent."""
    return {
        agent: replace(one, requests=one.requests - before.get(agent, 0))
        for agent, one in seen.items()
    }


def read_summary(document: Mapping[str, Any]) -> Verdict:
    """A summary document, as `loadgrpc show --json` prints it."""
    iterations, accounting = document["iterations"], document["accounting"]
    return Verdict(
        state=document["state"].removeprefix("RUN_STATE_"),
        exit_code=document["verdict"]["exitCode"],
        reason=document["verdict"]["reason"],
        hits=int(document["hits"]["count"]),
        failed=int(document["hits"]["failed"]),
        wrong=int(iterations["failure"]) + int(iterations["error"]),
        parts={
            told["agentId"]: Part(
                hits=int(told["hits"]),
                state=told["state"].removeprefix("ASSIGNMENT_STATE_"),
                reason=told["reason"],
            )
            for told in document["agents"]
        },
        losses=tuple(_read_loss(told) for told in accounting["losses"]),
        resent=int(accounting["duplicates"]),
    )


def _read_loss(told: Mapping[str, Any]) -> Loss:
    hits = int(told["hits"]) if "hits" in told else int(told["count"]) // EVENTS_OF_A_VISIT
    return Loss(told["agentId"], hits, bool(told["atLeast"]), told["reason"])


def read_store(target: str, run_id: str) -> dict[str, Stored]:
    """The hits of a run, by agent, from the store of a broker that has ended."""
    return asyncio.run(_read_store(target, run_id))


async def _read_store(target: str, run_id: str) -> dict[str, Stored]:
    found: Counter[tuple[str, str, int, int, int]] = Counter()
    store = await Store.open(target)
    try:
        async for batch in store.batches(run_id):
            source = batch.source
            events = runner_pb2.EventBatch.FromString(batch.payload)
            for visit in visits(events, batch.offset):
                found[source.agent_id, source.runner_id, *visit] += 1
    finally:
        await store.close()
    return tally(found)


def tally(found: Counter[tuple[str, str, int, int, int]]) -> dict[str, Stored]:
    """Visits that were found so and so often, by agent."""
    stored: dict[str, Stored] = {}
    for (agent, *_), count in found.items():
        before = stored.get(agent, Stored(0))
        stored[agent] = Stored(before.hits + count, before.duplicated + count - 1)
    return stored


def visits(batch: runner_pb2.EventBatch, offset: int) -> list[tuple[int, int, int]]:
    """Cycle, user and iteration of each hit of a batch but for its first `offset` events.

    An iteration of the load makes one request, so these three are what a hit is known by.
    """
    found = []
    skip = max(0, offset - len(batch.events))
    for block in batch.hit_blocks:
        keys = zip(_column(block, "user"), _column(block, "iteration"), strict=True)
        found += [(block.status.cycle, user, iteration) for user, iteration in keys][skip:]
        skip = max(0, skip - block.count)
    return found


def _column(block: event_pb2.HitBlock, name: str) -> list[int]:
    """A column, whose width is its length by its count; an empty one is all zeros."""
    data: bytes = getattr(block, name)
    if not data:
        return [0] * block.count
    values: list[int] = np.frombuffer(data, f"<u{len(data) // block.count}").tolist()
    return values
