"""The first part: requests a second, everybody in turn, round by round.

Every tool is pinned to one core with all its processes; nginx has the other, and its own
count of requests is what is measured: from some time after a tool's first request until its
time is over. So it does not matter how long a tool takes to start, nor how it reckons. What
the tool says it did must agree with what nginx counted.
"""

from __future__ import annotations

import contextlib
import fnmatch
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench import cluster, nginx, peers, process
from bench.cases import BY_USERS, FEATURES, GET_20, GET_200, PLAIN, Case
from bench.cores import Cores, pinned, stay_on
from bench.figures import steady_rate
from bench.generators import (
    HTTP_USER_FEATURES,
    LOADGRPC,
    LOADS,
    OF_MANY_USERS,
    PEERS,
    WITH_BROKER,
    WITH_GO,
    Claim,
    Generator,
    Load,
)

WARM_S: Final = 1.0
WARM_SHARE: Final = 0.25
"""What is left out at the beginning: the smaller of a second and a quarter of the time."""
START_AND_END_S: Final = 60.0
"""What a tool may take beyond its time."""
MISCOUNT: Final = 0.01
"""How far a tool's own count may be from nginx's, as a share."""


@dataclass
class Rates:
    """What the first part found."""

    rounds: int
    seconds: int
    rates: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    """By case and tool: one figure for each round that went well."""
    problems: dict[str, str] = field(default_factory=dict)
    """By CASE/TOOL: what went wrong the last time something did."""
    left_out: dict[str, str] = field(default_factory=dict)
    """Programs that could not be had, and why."""
    versions: dict[str, str] = field(default_factory=dict)


def pairs(only: Sequence[str] = ()) -> list[tuple[Case, Generator]]:
    """What is to be measured, in the order of a round; `only` are patterns of CASE/TOOL."""
    everything = [(case, tool) for case in PLAIN for tool in (*PEERS, LOADGRPC)]
    everything += [
        (case, tool)
        for case in BY_USERS
        for tool in (*OF_MANY_USERS, LOADGRPC)
        if (case, tool) not in everything
    ]
    everything += [(case, tool) for tool in (WITH_BROKER, WITH_GO) for case in (GET_20, GET_200)]
    everything += [(case, tool) for case in FEATURES for tool in (HTTP_USER_FEATURES, LOADGRPC)]
    return [
        (case, tool)
        for case, tool in everything
        if not only or any(fnmatch.fnmatch(f"{case.name}/{tool.name}", word) for word in only)
    ]


def measure(cores: Cores, *, rounds: int, seconds: int, only: Sequence[str]) -> Rates:
    """All of it; takes about (seconds + 2) * rounds for each pair."""
    wanted = pairs(only)
    found = Rates(rounds, seconds)
    there, found.left_out = peers.provide({tool.program for _, tool in wanted if tool.program})
    found.versions = {program: peer.version for program, peer in there.items() if peer.version}
    wanted = [(case, tool) for case, tool in wanted if tool.program not in found.left_out]
    stay_on(cores.server)
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as name,
        nginx.serving(Path(name), cores.server) as server,
    ):
        for number in range(1, rounds + 1):
            for case, tool in wanted:
                program = there[tool.program].path if tool.program else ""
                base = server.base(https=case.https)
                load = Load(case, base, server.certificate, seconds)
                rate, problem = once(server, cores, tool, program, load)
                key = f"{case.name}/{tool.name}"
                if rate is not None:
                    found.rates.setdefault(case.name, {}).setdefault(tool.name, []).append(rate)
                if problem:
                    found.problems[key] = problem
                told = f"{rate:,.0f}/s" if rate is not None else "nothing"
                print(f"round {number}  {key:32} {told} {problem}", flush=True)
    return found


def once(
    server: nginx.Server, cores: Cores, tool: Generator, program: str, load: Load
) -> tuple[float | None, str]:
    """The rate, or why there is none; with a rate, what is odd about it."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as name,
        _surroundings(tool, cores, load, Path(name)) as more,
        (Path(name) / "errors").open("w+b") as errors,
    ):
        command = [*tool.command(program, load), *more]
        with nginx.Counter(server) as counter:
            try:
                code, output = process.run(
                    pinned(cores.load, command),
                    timeout_s=load.seconds + START_AND_END_S,
                    cwd=LOADS,
                    env=load.environment,
                    errors=errors.fileno(),
                )
            except subprocess.TimeoutExpired:
                return None, "it did not end"
        errors.seek(0)
        return judge(
            tool,
            load,
            code=code,
            output=output,
            errors=errors.read().decode(errors="replace"),
            counted=counter.total,
            rate=steady_rate(counter.counts, load.seconds, min(WARM_S, load.seconds * WARM_SHARE)),
        )


@contextlib.contextmanager
def _surroundings(tool: Generator, cores: Cores, load: Load, folder: Path) -> Iterator[list[str]]:
    """What has to run beside a tool; yields the options that this asks for."""
    if not tool.needs_broker:
        yield []
        return
    with (
        cluster.broker(folder, cores.load, load.tls) as broker,
        cluster.agent(folder, cores.load, broker.endpoint, load.environment, load.tls),
    ):
        yield ["-b", broker.endpoint, *cluster.encrypted(load.tls)]


def judge(
    tool: Generator,
    load: Load,
    *,
    code: int,
    output: str,
    errors: str,
    counted: int,
    rate: float | None,
) -> tuple[float | None, str]:
    """The rate, when the tool did what it was told to; and what is wrong, if something is."""
    try:
        claim = tool.parse(output)
    except (ValueError, KeyError):
        last = (errors.strip() or output.strip() or "nothing").splitlines()[-1]
        return None, f"exit code {code}, and it said: {last[:200]}"
    if claim.failed or code or rate is None:
        return None, f"exit code {code}, {claim.failed} of {claim.requests} requests failed"
    return rate, miscount(tool, load.case, claim, counted)


def miscount(tool: Generator, case: Case, claim: Claim, counted: int) -> str:
    """What is wrong with the count of a tool; empty when it agrees with the server's."""
    claimed = claim.requests * (case.steps if tool.counts_calls else 1)
    under_way = tool.slack * case.users * case.steps
    if abs(claimed - counted) <= max(under_way, MISCOUNT * counted if tool.slack else 0):
        return ""
    return f"it says {claimed:,} requests, nginx counted {counted:,}"
