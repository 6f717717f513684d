"""The third part: is the latency that is reported true?

Truth is `delay_server.c`: it delays each answer as it is told, and notes how long it really
took from receiving a request to having sent the answer. How loaded the generator is depends
on the number of users: as many as make 30, 60 and 80 % of the rate that the core can do. wrk
runs with the same connections beside it. A server lives for one measurement.

And does the generator know when it is not? What the core can do is measured at full speed, so
that run must be flagged; that at 30 % must not; and what is off must be explained by the lag.
"""

from __future__ import annotations

import fnmatch
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bench import peers, process
from bench.cores import Cores, pinned, stay_on
from bench.figures import nearest_rank
from bench.generators import LOADS, found, last_json
from bench.lag import Lag, lag_of, milliseconds, with_lag

SOURCE: Final = Path(__file__).with_name("delay_server.c")
DELAYS: Final = ("10000", "30000", "60000", "20")
"""10 to 30 ms, and 60 ms for 20 of a thousand: p50 is near 20 ms, p99 near 60."""
MEAN_DELAY_S: Final = 0.98 * 0.020 + 0.02 * 0.060
NO_DELAY: Final = ("0", "0", "0", "0")
LEVELS: Final = (30, 60, 80)
"""Per cent of what the core can do."""
CAPACITY_USERS: Final = 200
ROUNDS: Final = 3
CALIBRATIONS: Final = 1
MOST_TIMES: Final = 1.3
"""How often the number of users is mended, and how far it may grow."""
SPAWN_S: Final = 1.0
"""Users start within so long: all at once they would stay in step."""
LOOK_EVERY_S: Final = 0.1
FROM_SHARE: Final = 0.7
TO_SHARE: Final = 0.3
"""Where the middle of a load is: so many times its length before its end."""
END_S: Final = 60.0

Command = Callable[[int, int, int], list[str]]
"""From port, users and seconds."""


@dataclass(frozen=True)
class Said:
    """Two percentiles, in milliseconds."""

    p50_ms: float
    p99_ms: float


@dataclass(frozen=True)
class Comparison:
    """What a generator said, and what was true."""

    said: Said
    true: Said
    rate: float
    """Requests a second, by the server."""
    cpu: float
    """Processor seconds a second of the generator with all its processes."""
    lag: Lag | None = None
    """What loadgrpc says of itself."""
    explained: Said | None = None
    """What is true, with that lag."""


@dataclass
class Accuracy:
    """What the third part found."""

    capacity: float = 0.0
    """Hits a second without delay, in the best of the rounds."""
    users: dict[str, int] = field(default_factory=dict)
    """By level, in per cent."""
    loadgrpc: dict[str, list[Comparison]] = field(default_factory=dict)
    """By level, one for each round."""
    wrk: dict[str, list[Comparison]] = field(default_factory=dict)
    full_speed: list[Lag] = field(default_factory=list)
    """At what the core can do, one for each round."""


@dataclass
class DelayServer:
    """A running delay server."""

    port: int
    elapsed_ns: NDArray[np.uint64]
    """What it noted; there when it has ended."""


def measure(cores: Cores, *, seconds: int, rounds: int, only: Sequence[str]) -> Accuracy:
    """All of it, or the LEVEL/TOOL pairs that `only` names, as `60/wrk`."""
    there, _ = peers.provide({"wrk"})
    program = build()
    stay_on(cores.server)
    tools: list[tuple[str, Command, Callable[[str], Said]]]
    tools = [("loadgrpc", _loadgrpc, said_by_loadgrpc)]
    if "wrk" in there:
        tools.append(("wrk", partial(_wrk, there["wrk"].path), said_by_wrk))
    result = Accuracy()
    for _ in range(min(rounds, ROUNDS)):
        with serving(program, cores, NO_DELAY) as server:
            output, _ = watched(cores, _loadgrpc(server.port, CAPACITY_USERS, seconds), seconds)
        document = last_json(output)
        result.capacity = max(result.capacity, float(document["hits"]["rate"]))
        result.full_speed.append(lag_of(document))
    print(f"accuracy  the core can do {result.capacity:,.0f} hits/s", flush=True)
    for percent in LEVELS:
        wanted = result.capacity * percent / 100
        result.users[str(percent)] = _users_for(program, cores, wanted, seconds)
    for number in range(1, min(rounds, ROUNDS) + 1):
        for level, users in result.users.items():
            for name, command, parse in tools:
                key = f"{level}/{name}"
                if only and not any(fnmatch.fnmatch(key, word) for word in only):
                    continue
                said, elapsed_ns, cpu = _once(program, cores, command, users, seconds)
                true = Said(*(nearest_rank(elapsed_ns, q) / 1e6 for q in (0.5, 0.99)))
                rate = len(elapsed_ns) / _full_load_s(command, seconds)
                comparison = Comparison(parse(said), true, rate, cpu)
                if name == "loadgrpc":
                    comparison = _explained(comparison, lag_of(last_json(said)), elapsed_ns)
                by_level = result.wrk if name == "wrk" else result.loadgrpc
                by_level.setdefault(level, []).append(comparison)
                print(f"round {number}  {key} with {users} users: {comparison}", flush=True)
    return result


def _explained(comparison: Comparison, lag: Lag, elapsed_ns: NDArray[np.uint64]) -> Comparison:
    true_ms = elapsed_ns / 1e6
    explained = Said(*(with_lag(true_ms, lag, share) for share in (0.5, 0.99)))
    return replace(comparison, lag=lag, explained=explained)


def _users_for(program: Path, cores: Cores, wanted: float, seconds: int) -> int:
    """As many users as make so many hits a second.

    Users wait for the delay and, the more there are, for each other: so what a number of them
    makes is tried, and the number mended.
    """
    users = first = max(1, round(wanted * MEAN_DELAY_S))
    for _ in range(CALIBRATIONS):
        _, elapsed_ns, _ = _once(program, cores, _loadgrpc, users, seconds)
        rate = len(elapsed_ns) / _full_load_s(_loadgrpc, seconds)
        users = max(1, round(min(MOST_TIMES * first, users * wanted / max(rate, 1.0))))
    return users


def _full_load_s(command: Command, seconds: int) -> float:
    """The seconds that a load is worth, when its users do not start all at once."""
    return seconds - SPAWN_S / 2 if command is _loadgrpc else seconds


def _once(
    program: Path, cores: Cores, command: Command, users: int, seconds: int
) -> tuple[str, NDArray[np.uint64], float]:
    """What a generator printed, what the server noted, and the generator's processor share."""
    with serving(program, cores, DELAYS) as server:
        output, cpu = watched(cores, command(server.port, users, seconds), seconds)
    return output, server.elapsed_ns, cpu


def build() -> Path:
    """Compiles the server, if its source is newer."""
    program = peers.BIN / "delay_server"
    if not program.exists() or program.stat().st_mtime < SOURCE.stat().st_mtime:
        peers.BIN.mkdir(parents=True, exist_ok=True)
        command = ["cc", "-O2", "-Wall", "-Wextra", "-o", str(program), str(SOURCE)]
        code, output = process.run(command, timeout_s=60)
        if code:
            raise RuntimeError(f"the delay server does not compile:\n{output}")
    return program


@contextmanager
def serving(program: Path, cores: Cores, delays: Sequence[str]) -> Iterator[DelayServer]:
    """The server, with these arguments, while it is entered; what it noted is there then."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        noted, log = Path(name) / "noted", Path(name) / "log"
        command = pinned(cores.server, [str(program), str(noted), *delays])
        with process.background(command, log=log) as popen:
            line = process.wait_for_line(popen, log, "port")
            server = DelayServer(int(line.split()[1]), np.zeros(0, np.uint64))
            yield server
        server.elapsed_ns = np.fromfile(noted, np.uint64)


def _loadgrpc(port: int, users: int, seconds: int) -> list[str]:
    return [
        *("env", f"BENCH_URL=http://127.0.0.1:{port}/", "BENCH_CERTIFICATE="),
        *(sys.executable, "-m", "loadgrpc", "run", "plain.py::TestPlain.test_get", "--json"),
        *("-u", str(users), "-d", str(seconds), "-r", str(max(1.0, users / SPAWN_S))),
    ]


def _wrk(program: str, port: int, users: int, seconds: int) -> list[str]:
    where = f"http://127.0.0.1:{port}/"
    return [program, "-t1", f"-c{users}", f"-d{seconds}s", "--latency", where]


def watched(cores: Cores, command: Sequence[str], seconds: int) -> tuple[str, float]:
    """Runs a generator; its output, and its processor seconds a second.

    These are taken around the middle of its load, which ends shortly before it does itself.

    Raises:
        RuntimeError: it did not go well.
    """
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        popen = subprocess.Popen(
            pinned(cores.load, command),
            cwd=LOADS,
            env=process.environment({}),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
        )
        looks: list[tuple[float, float]] = []
        deadline = time.monotonic() + seconds + END_S
        while popen.poll() is None:
            if time.monotonic() > deadline:
                popen.kill()
            used_s = sum(one.cpu_s for one in process.tree(popen.pid))
            looks.append((time.monotonic(), used_s))
            time.sleep(LOOK_EVERY_S)
        ended_s = time.monotonic()
        output.seek(0)
        errors.seek(0)
        text = output.read().decode(errors="replace")
        if popen.returncode:
            words = errors.read().decode(errors="replace") or text
            raise RuntimeError(f"{command} ended with {popen.returncode}:\n{words[-2000:]}")
    middle = [
        look
        for look in looks
        if ended_s - FROM_SHARE * seconds <= look[0] <= ended_s - TO_SHARE * seconds
    ]
    if len(middle) < 2:  # noqa: PLR2004 - a difference needs two
        return text, 0.0
    (first_s, before_s), (last_s, after_s) = middle[0], middle[-1]
    return text, (after_s - before_s) / (last_s - first_s)


def said_by_loadgrpc(text: str) -> Said:
    """From the summary document."""
    elapsed = last_json(text)["hits"]["elapsed"]
    return Said(milliseconds(elapsed["p50"]), milliseconds(elapsed["p99"]))


def said_by_wrk(text: str) -> Said:
    """From the distribution that `--latency` prints."""
    units = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 60e3}
    told = {}
    for quantile in ("50", "99"):
        word = found(rf"^\s+{quantile}%\s+(\S+)$", text)
        match = re.fullmatch(r"([\d.]+)(us|ms|s|m)", word)
        if match is None:
            raise ValueError(f"wrk says {word}")
        told[quantile] = float(match[1]) * units[match[2]]
    return Said(told["50"], told["99"])
