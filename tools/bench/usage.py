"""What real local runs use of processor and memory, seen through /proc."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench import cluster, nginx, process
from bench.cores import Cores, pinned
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
}
WARM_SHARE: Final = 0.2
"""How much of a long run is its warm-up."""


@dataclass(frozen=True)
class Share:
    """Who used the processor in a run of 20 users."""

    seconds: float
    users_s: float
    """User processes: the test, the requests, recording, and flushing what was recorded."""
    control_s: float
    """Link, agent, broker and command line."""
    hits: int
    counted: int
    """By nginx."""

    @property
    def control(self) -> float:
        """The share of link, agent, broker and command line."""
        return self.control_s / (self.control_s + self.users_s)


@dataclass(frozen=True)
class Growth:
    """How memory grew from the warm-up of a long run to its end, in KiB, by process."""

    hits: int
    kib: dict[str, int]


def _is_user_process(command: str) -> bool:
    return command.endswith("loadgrpc.runner")


def _is_link(command: str) -> bool:
    return command.endswith("loadgrpc.runner.link")


def _environment(server: nginx.Server, *, https: bool = False) -> dict[str, str]:
    return process.environment(
        {
            "BENCH_BASE": server.base(https=https),
            "BENCH_URL": server.base(https=https) + "/",
            "BENCH_CERTIFICATE": str(server.certificate),
        }
    )


@contextmanager
def _run(
    cores: Cores, test: str, environment: dict[str, str], *options: str
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
            stdout=subprocess.PIPE,
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


def share(cores: Cores, server: nginx.Server, *, seconds: int) -> Share:
    """A run of 20 users at full speed: processor seconds while its users run."""
    with nginx.Counter(server) as counter:
        duration = ["-u", "20", "-d", str(seconds)]
        with _run(cores, GROWTH_TESTS["one URL"], _environment(server), *duration) as popen:
            before: dict[int, process.Process] = {}
            after: dict[int, process.Process] = {}
            began_s = 0.0
            while popen.poll() is None and time.monotonic() < (began_s or 1e18) + seconds * 0.8:
                time.sleep(LOOK_EVERY_S)
                if not before and len(counter.counts) > 1 and counter.total > 0:
                    time.sleep(seconds * 0.1)
                    began_s = time.monotonic()
                    before = {found.pid: found for found in process.tree(popen.pid)}
                elif before:
                    after = {found.pid: found for found in process.tree(popen.pid)} or after
            took_s = time.monotonic() - began_s
            output, _ = popen.communicate(timeout=seconds + END_S)
    users_s = control_s = 0.0
    for pid, found in after.items():
        used_s = found.cpu_s - (before[pid].cpu_s if pid in before else 0.0)
        if _is_user_process(found.command):
            users_s += used_s
        else:
            control_s += used_s
    summary = last_json(output.decode())
    return Share(took_s, users_s, control_s, int(summary["hits"]["count"]), counter.total)


def user_kib(cores: Cores, server: nginx.Server, test: str) -> float:
    """Memory of one more user after one request, its connection kept."""
    few, many = (_memory_with(cores, server, test, users) for users in (FEW_USERS, MANY_USERS))
    return (many - few) / (MANY_USERS - FEW_USERS)


def _memory_with(cores: Cores, server: nginx.Server, test: str, users: int) -> int:
    """Memory of the user process, in KiB, when each user has made its request."""
    environment = _environment(server, https="Https" in test or "OwnRoad" in test)
    options = ["-u", str(users), "-d", "600", "--processes", "1", "--stop-timeout", "1"]
    with nginx.Counter(server) as counter, _run(cores, test, environment, *options) as popen:
        deadline = time.monotonic() + END_S
        while counter.total < users:
            if popen.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{test}: {counter.total} of {users} users made a request")
            time.sleep(LOOK_EVERY_S)
        time.sleep(SETTLE_S)
        return sum(
            found.anonymous_kib
            for found in process.tree(popen.pid)
            if _is_user_process(found.command)
        )


def growth(cores: Cores, server: nginx.Server, test: str, hits: int) -> Growth:
    """A long run on a real agent and broker, twenty users; all on one core."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        environment = _environment(server)
        broker = stack.enter_context(cluster.broker(folder, cores.load))
        agent = stack.enter_context(cluster.agent(folder, cores.load, broker.endpoint, environment))
        counter = stack.enter_context(nginx.Counter(server))
        options = ["-u", "20", "-i", str(hits // 20), "-b", broker.endpoint]
        popen = stack.enter_context(_run(cores, test, environment, *options))
        warm: dict[str, int] = {}
        last: dict[str, int] = {}
        while popen.poll() is None:
            memory = _memory(broker.pid, agent.pid)
            if not warm and counter.total >= hits * WARM_SHARE:
                warm = memory
            if "user process" in memory:
                last = memory
            time.sleep(LOOK_EVERY_S)
    grown = {name: last.get(name, 0) - kib for name, kib in warm.items()}
    return Growth(counter.total, grown)


def _memory(broker: int, agent: int) -> dict[str, int]:
    """Memory by process, in KiB."""
    found = {"broker": process.anonymous_kib(broker), "agent": process.anonymous_kib(agent)}
    for one in process.tree(agent):
        if _is_link(one.command):
            found["link"] = one.anonymous_kib
        elif _is_user_process(one.command):
            found["user process"] = one.anonymous_kib
    return found
