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
from loadgrpc.model import MAX_LIMIT


@dataclass(frozen=True)
class Service:
    """A broker or an agent that runs."""

    pid: int
    endpoint: str
    """Of the broker."""


def encrypted(tls: Path | None) -> list[str]:
    """The options of a command that finds its certificates in this folder."""
    return [] if tls is None else ["--tls-dir", str(tls)]


@contextlib.contextmanager
def broker(folder: Path, core: int, tls: Path | None = None) -> Iterator[Service]:
    """A broker on `core` whose store is a file in `folder`; `tls`: a folder of certificates."""
    log = folder / "broker.log"
    listen = ["--listen", "127.0.0.1:0", "--store", str(folder / "runs.db")]
    listen += ["--limit", f"events={MAX_LIMIT}"]  # what it can take is what is measured
    command = [sys.executable, "-m", "loadgrpc", "broker", *listen, *encrypted(tls)]
    with process.background(pinned(core, command), log=log) as popen:
        line = process.wait_for_line(popen, log, "127.0.0.1:")
        found = re.search(r"127\.0\.0\.1:\d+", line)
        yield Service(popen.pid, found[0] if found else "")


@contextlib.contextmanager
def agent(
    folder: Path,
    core: int,
    endpoint: str,
    environment: Mapping[str, str],
    tls: Path | None = None,
) -> Iterator[Service]:
    """An agent on `core`, connected, that finds its tests in `loads/`."""
    log = folder / "agent.log"
    where = ["-b", endpoint, "--state-dir", str(folder / "agent")]
    command = [sys.executable, "-m", "loadgrpc", "agent", *where, *encrypted(tls)]
    with process.background(pinned(core, command), log=log, cwd=LOADS, env=environment) as popen:
        process.wait_for_line(popen, log, "connected")
        yield Service(popen.pid, endpoint)
