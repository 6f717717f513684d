"""A real broker with a store file, and a real agent: processes of their own, on chosen cores."""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench import process
from bench.cores import pinned
from bench.generators import LOADS


@dataclass(frozen=True)
class Service:
    """A broker or an agent that runs."""

    pid: int
    endpoint: str
    """Of the broker."""


@contextlib.contextmanager
def broker(folder: Path, core: int) -> Iterator[Service]:
    """A broker on `core` whose store is a file in `folder`."""
    log = folder / "broker.log"
    listen = ["--listen", "127.0.0.1:0", "--store", str(folder / "runs.db")]
    command = [sys.executable, "-m", "loadgrpc", "broker", *listen]
    with process.background(pinned(core, command), log=log) as popen:
        line = process.wait_for_line(popen, log, "127.0.0.1:")
        found = re.search(r"127\.0\.0\.1:\d+", line)
        yield Service(popen.pid, found[0] if found else "")


@contextlib.contextmanager
def agent(
    folder: Path, core: int, endpoint: str, environment: Mapping[str, str]
) -> Iterator[Service]:
    """An agent on `core`, connected, that finds its tests in `loads/`."""
    log = folder / "agent.log"
    where = ["-b", endpoint, "--state-dir", str(folder / "agent")]
    command = [sys.executable, "-m", "loadgrpc", "agent", *where]
    with process.background(pinned(core, command), log=log, cwd=LOADS, env=environment) as popen:
        process.wait_for_line(popen, log, "connected")
        yield Service(popen.pid, endpoint)
