"""What real local runs use of processor and memory, seen through /proc."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import numpy as np

from bench import cluster, nginx, process
from bench.cores import Cores, pinned
from bench.figures import nearest_rank
from bench.generators import LOADS, last_json

FEW_USERS: Final = 100
MANY_USERS: Final = 1_100
SETTLE_S: Final = 3.0
LOOK_EVERY_S: Final = 0.1
END_S: Final = 60.0

MEMORY_TESTS: Final = {
    "HTTP": "idle.py::TestHttp.test_once",
    "HTTPS": "idle.py::TestHttps.test_once",
    "HTTPS on Requests' own road": "idle.py::TestOwnRoad.test_once",
}
"""A test for each kind of connection whose memory is measured."""
GROWTH_TESTS: Final = {
    "one URL": "plain.py::TestPlain.test_get",
    "no URL twice": "features.py::TestFeatures.test_unique_url",
    "no name twice": "reporting.py::TestReporting.test_unique_name",
}
WARM_SHARE: Final = 0.2
"""How much of a long run is its warm-up."""


@dataclass(frozen=True)
class Kind:
    """A run whose use of the processor is measured."""

    test: str
    apart: bool
    """Whether agent and broker are processes of their own, the store a file."""


LITTLE: Final = "on an agent, 20 hits/s"
SHARES: Final = {
    "local": Kind("reporting.py::TestReporting.test_much", apart=False),
    "on an agent": Kind("reporting.py::TestReporting.test_much", apart=True),
    LITTLE: Kind("reporting.py::TestReporting.test_little", apart=True),
}
"""At full speed, unless they say otherwise."""


@dataclass(frozen=True)
class Share:
    """Who used the processor in a run of 20 users, in seconds."""

    seconds: float
    users_s: float
    """User processes: the test, the requests, recording, and flushing what was recorded."""
    flushes_s: float
    """Of these, flushing."""
    control_s: float
    """Link, agent, broker and command line."""
    longest_flush_ms: float
    """Of all stretches for which a flush held the users, the longest but the last hundredth."""
    hits: int
    counted: int
    """By nginx."""

    @property
    def reporting(self) -> float:
        """The share of all that is not the load: link, agent, broker, command line, flushing."""
        return (self.control_s + self.flushes_s) / (self.control_s + self.users_s)

    @property
    def control_cores(self) -> float:
        """Processor seconds of link, agent, broker and command line in a second."""
        return self.control_s / self.seconds


@dataclass(frozen=True)
class Growth:
    """How memory grew from the warm-up of a long run to its end, in KiB, by process."""

    hits: int
    counted: int
    """By nginx."""
    kib: dict[str, int]


def is_user_process(command: str) -> bool:
    """Whether a command line is that of a user process of ours."""
    return command.endswith("loadgrpc.runner")


def _is_link(command: str) -> bool:
    return command.endswith("loadgrpc.runner.link") and "keeper.py" not in command


def _environment(server: nginx.Server, *, https: bool = False) -> dict[str, str]:
    return process.environment(
        {
            "BENCH_BASE": server.base(https=https),
            "BENCH_URL": server.base(https=https) + "/",
            "BENCH_CERTIFICATE": str(server.certificate),
        }
    )


@contextmanager
def running(
    cores: Cores,
    test: str,
    environment: dict[str, str],
    *options: str,
    output: IO[bytes] | int = subprocess.PIPE,
) -> Iterator[subprocess.Popen[bytes]]:
    """`loadgrpc run`, on the core for load; ended when the context is left."""
    run = ["-m", "loadgrpc", "run", test, "--json", *options]
    with (
        tempfile.NamedTemporaryFile() as log,
        subprocess.Popen(
            pinned(cores.load, [sys.executable, *run]),
            cwd=LOADS,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=log,
        ) as popen,
    ):
        try:
            yield popen
        finally:
            if popen.poll() is None:
                popen.send_signal(signal.SIGINT)
                try:
                    popen.communicate(timeout=END_S)
                except subprocess.TimeoutExpired:
                    popen.kill()


def share(cores: Cores, server: nginx.Server, kind: Kind, *, seconds: int) -> Share:
    """A run of 20 users: processor seconds while its users run."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        flushes = folder / "flushes.json"
        environment = {**_environment(server), "BENCH_FLUSHES": str(flushes)}
        options = ["-u", "20", "-d", str(seconds), "--processes", "1"]
        roots = []
        if kind.apart:
            broker = stack.enter_context(cluster.broker(folder, cores.load))
            where = (folder, cores.load, broker.endpoint)
            agent = stack.enter_context(cluster.agent(*where, environment))
            options += ["-b", broker.endpoint]
            roots = [broker.pid, agent.pid]
        counter = stack.enter_context(nginx.Counter(server))
        popen = stack.enter_context(running(cores, kind.test, environment, *options))
        roots.append(popen.pid)
        while counter.total == 0:
            if popen.poll() is not None:
                raise RuntimeError(f"{kind.test} made no request")
            time.sleep(LOOK_EVERY_S)
        time.sleep(seconds * 0.2)  # what starts has started
        began_s, before = time.monotonic(), _used_s(roots)
        time.sleep(seconds * 0.7)
        ended_s, after = time.monotonic(), _used_s(roots)
        output, _ = popen.communicate(timeout=seconds + END_S)
        holds = json.loads(flushes.read_text())
    users_s, control_s = (now_s - then_s for now_s, then_s in zip(after, before, strict=True))
    held_ns = np.array([ns for at_s, ns in holds if began_s <= at_s <= ended_s])
    return Share(
        seconds=ended_s - began_s,
        users_s=users_s,
        flushes_s=float(held_ns.sum()) / 1e9,
        control_s=control_s,
        longest_flush_ms=nearest_rank(held_ns, 0.99) / 1e6,
        hits=int(last_json(output.decode())["hits"]["count"]),
        counted=counter.total,
    )


def _used_s(roots: Sequence[int]) -> tuple[float, float]:
    """Processor seconds so far of user processes, and of all others, among some trees."""
    users_s = control_s = 0.0
    for found in (one for root in roots for one in process.tree(root)):
        if is_user_process(found.command):
            users_s += process.exact_cpu_s(found.pid)
        else:
            control_s += process.exact_cpu_s(found.pid)
    return users_s, control_s


def user_kib(cores: Cores, server: nginx.Server, test: str) -> float:
    """Memory of one more user after one request, its connection kept."""
    few, many = (_memory_with(cores, server, test, users) for users in (FEW_USERS, MANY_USERS))
    return (many - few) / (MANY_USERS - FEW_USERS)


def _memory_with(cores: Cores, server: nginx.Server, test: str, users: int) -> int:
    """Memory of the user process, in KiB, when each user has made its request."""
    environment = _environment(server, https="Https" in test or "OwnRoad" in test)
    options = ["-u", str(users), "-d", "600", "--processes", "1", "--stop-timeout", "1"]
    with nginx.Counter(server) as counter, running(cores, test, environment, *options) as popen:
        deadline = time.monotonic() + END_S
        while counter.total < users:
            if popen.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{test}: {counter.total} of {users} users made a request")
            time.sleep(LOOK_EVERY_S)
        time.sleep(SETTLE_S)
        return sum(
            found.anonymous_kib
            for found in process.tree(popen.pid)
            if is_user_process(found.command)
        )


def growth(cores: Cores, server: nginx.Server, test: str, hits: int) -> Growth:
    """A long run on a real agent and broker, twenty users; all on one core."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        environment = {**_environment(server), "BENCH_FLUSHES": str(folder / "flushes.json")}
        broker = stack.enter_context(cluster.broker(folder, cores.load))
        agent = stack.enter_context(cluster.agent(folder, cores.load, broker.endpoint, environment))
        counter = stack.enter_context(nginx.Counter(server))
        options = ["-u", "20", "-i", str(hits // 20), "-b", broker.endpoint]
        # Nobody reads while it runs, and a thousand names are more than a pipe holds.
        output = stack.enter_context((folder / "summary.json").open("w+b"))
        popen = stack.enter_context(running(cores, test, environment, *options, output=output))
        warm: dict[str, int] = {}
        last: dict[str, int] = {}
        while popen.poll() is None:
            memory = _memory(broker.pid, agent.pid)
            if not warm and counter.total >= hits * WARM_SHARE:
                warm = memory
            if "user process" in memory:
                last = memory
            time.sleep(LOOK_EVERY_S)
        output.seek(0)
        summary = last_json(output.read().decode())
    grown = {name: last.get(name, 0) - kib for name, kib in warm.items()}
    return Growth(int(summary["hits"]["count"]), counter.total, grown)


def _memory(broker: int, agent: int) -> dict[str, int]:
    """Memory by process, in KiB."""
    found = {"broker": process.anonymous_kib(broker), "agent": process.anonymous_kib(agent)}
    for one in process.tree(agent):
        if _is_link(one.command):
            found["link"] = one.anonymous_kib
        elif is_user_process(one.command):
            found["user process"] = one.anonymous_kib
    return found
