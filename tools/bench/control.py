"""The second part: what the broker takes in, and what runs use beside their load."""

from __future__ import annotations

import fnmatch
import resource
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench import ingest, nginx, usage
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
    share: usage.Share | None = None
    user_kib: dict[str, float] = field(default_factory=dict)
    """Memory of one more user, by kind of connection."""
    growth: dict[str, usage.Growth] = field(default_factory=dict)
    """By kind of run."""


def measure(cores: Cores, *, seconds: int, rounds: int, only: Sequence[str]) -> Control:
    """All of it, or what `only` names: columns, rows, agents, share, memory, growth."""

    def wanted(name: str) -> bool:
        chosen = not only or any(fnmatch.fnmatch(name, word.partition("/")[0]) for word in only)
        if chosen:
            print(f"control  {name} …", flush=True)
        return chosen

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    found = Control()
    times = min(rounds, INGEST_ROUNDS)
    stay_on(cores.load)  # we are what sends
    if wanted("columns"):
        found.columns = ingest.ingest(cores, ingest.COLUMNS, seconds=seconds, rounds=times)
        print(found.columns, flush=True)
    if wanted("rows"):
        found.rows = ingest.ingest(cores, ingest.ROWS, seconds=seconds, rounds=times)
        print(found.rows, flush=True)
    if wanted("agents"):
        found.fleet = ingest.many_agents(cores, agents=AGENTS, seconds=3 * seconds)
        print(found.fleet, flush=True)
    stay_on(cores.server)  # we only look
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        with nginx.serving(Path(name), cores.server) as server:
            if wanted("share"):
                found.share = usage.share(cores, server, seconds=3 * seconds)
                print(found.share, flush=True)
            if wanted("memory"):
                for kind, test in usage.MEMORY_TESTS.items():
                    found.user_kib[kind] = usage.user_kib(cores, server, test)
                    print(f"{kind}: {found.user_kib[kind]:.1f} KiB", flush=True)
            if wanted("growth"):
                hits = HITS_PER_SECOND_ASKED * seconds
                for kind, test in usage.GROWTH_TESTS.items():
                    found.growth[kind] = usage.growth(cores, server, test, hits)
                    print(f"{kind}: {found.growth[kind]}", flush=True)
    return found
