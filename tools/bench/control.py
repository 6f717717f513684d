"""The second part: what the broker takes in, and what runs use beside their load."""

from __future__ import annotations

import fnmatch
import resource
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench import history, ingest, nginx, usage, waiting
from bench.cores import Cores, stay_on

AGENTS: Final = 500
INGEST_ROUNDS: Final = 3
HITS_PER_SECOND_ASKED: Final = 500_000
"""Hits of a long run, for each second that a measurement of the bench lasts: 2 million for 4."""


@dataclass
class Control:
    """What the second part found; what was not asked for is empty."""

    columns: ingest.Ingest | None = None
    rows: ingest.Ingest | None = None
    fleet: ingest.Fleet | None = None
    past: history.History | None = None
    waits: waiting.Waits | None = None
    shares: dict[str, usage.Share] = field(default_factory=dict)
    """By kind of run."""
    user_kib: dict[str, float] = field(default_factory=dict)
    """Memory of one more user, by kind of connection."""
    growth: dict[str, usage.Growth] = field(default_factory=dict)
    """By kind of run."""


def measure(cores: Cores, *, seconds: int, rounds: int, only: Sequence[str]) -> Control:
    """All of it, or what `only` names: columns, rows, agents, store, queue, share and so on."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    found = Control()
    stay_on(cores.load)  # we are what sends
    _do(_sending(found, cores, seconds, min(rounds, INGEST_ROUNDS)), only)
    stay_on(cores.server)  # we only look
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as name,
        nginx.serving(Path(name), cores.server) as server,
    ):
        _do(_looking(found, cores, server, seconds), only)
    return found


def _do(steps: dict[str, Callable[[], object]], only: Sequence[str]) -> None:
    """Takes the steps that are wanted, and tells what each found."""
    for name, step in steps.items():
        if not only or any(fnmatch.fnmatch(name, word.partition("/")[0]) for word in only):
            print(f"control  {name} …", flush=True)
            print(f"control  {name}: {step()}", flush=True)


def _sending(
    found: Control, cores: Cores, seconds: int, rounds: int
) -> dict[str, Callable[[], object]]:
    def columns() -> object:
        found.columns = ingest.ingest(cores, ingest.COLUMNS, seconds=seconds, rounds=rounds)
        return found.columns

    def rows() -> object:
        found.rows = ingest.ingest(cores, ingest.ROWS, seconds=seconds, rounds=rounds)
        return found.rows

    def agents() -> object:
        found.fleet = ingest.many_agents(cores, agents=AGENTS, seconds=3 * seconds)
        return f"{found.fleet.broker_cores:.2f} cores, delay up to {max(found.fleet.delays_s):.2f}s"

    def store() -> object:
        found.past = history.measure(cores)
        return found.past

    def queue() -> object:
        found.waits = waiting.measure()
        return found.waits

    steps = {"columns": columns, "rows": rows, "agents": agents, "store": store}
    return {**steps, "queue": queue}


def _looking(
    found: Control, cores: Cores, server: nginx.Server, seconds: int
) -> dict[str, Callable[[], object]]:
    def share() -> object:
        for kind, run in usage.SHARES.items():
            found.shares[kind] = usage.share(cores, server, run, seconds=3 * seconds)
        return found.shares

    def memory() -> object:
        for kind, test in usage.MEMORY_TESTS.items():
            found.user_kib[kind] = usage.user_kib(cores, server, test)
        return found.user_kib

    def growth() -> object:
        for kind, test in usage.GROWTH_TESTS.items():
            hits = HITS_PER_SECOND_ASKED * seconds
            found.growth[kind] = usage.growth(cores, server, test, hits)
        return found.growth

    return {"share": share, "memory": memory, "growth": growth}
