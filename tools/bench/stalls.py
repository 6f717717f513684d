"""The sixth part: does an open load tell the truth about a server that stands still?

The server is `delay_server.c` with a schedule of stalls; arrivals are planned every 1 / RATE
seconds. So what a visitor waited is known: from when a request was planned to when the server had
sent its answer, by the server's log. What each tool says of the same is put beside it, and what a
closed load of one paced user says.
"""

from __future__ import annotations

import contextlib
import fnmatch
import json
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bench import accuracy, cluster, page, peers, process
from bench.cores import Cores, stay_on
from bench.generators import LOADS, found, last_json
from bench.lag import milliseconds

RATE: Final = 200
DELAY_MS: Final = 5
STALLS: Final = ((0.15, 0.02), (0.5, 0.05))
"""When the server stands still, and for how long, as shares of the whole: of 60 s, for 1.2 s and
for 3 s."""
QUANTILES: Final = (0.5, 0.9, 0.99, 0.999)
AGENTS: Final = 4
CONNECTIONS: Final = 1_000
"""Of tools that need to know: more than arrive in the longest stall."""
THRESHOLDS: Final = ("p90({}) < 1h", "p99.9({}) < 1h")
"""What has percentiles that a summary does not have as its own."""

WORDS: Final = """\
{rate} requests per second are planned for {seconds} s, evenly. The server takes {delay} ms, and
stands still for {stalls}. *True* is the time from when a request was planned to when its answer was
sent, by the server's log, for what that tool sent; each figure of a tool is followed by how far it
is off. The last row is one user with a pacing of {pacing} ms, who makes the same rate while the
server answers: a closed model, against what the plan of the others has of it."""


@dataclass(frozen=True)
class Tool:
    """A tool: its command line, of its program, the server and seconds; and what it says, in ms."""

    name: str
    title: str
    program: str
    command: Callable[[str, str, int], list[str]]
    parse: Callable[[str], list[float]]


@dataclass
class Stalled:
    """What the sixth part found, in milliseconds, by tool: a figure for each of QUANTILES."""

    seconds: int
    said: dict[str, list[float]] = field(default_factory=dict)
    true: dict[str, list[float]] = field(default_factory=dict)
    sent: dict[str, int] = field(default_factory=dict)
    """Requests that the server answered."""
    versions: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)


def quantile(values: NDArray[np.float64], share: float) -> float:
    """The value at rank ceil(share * count)."""
    return float(np.quantile(values, share, method="inverted_cdf"))


def parse_loadgrpc(text: str, what: str = "response") -> list[float]:
    """Response or service times of the summary document, and of thresholds that ask for more."""
    document = last_json(text)
    hits = document["hits"]
    of = hits.get("response", hits["elapsed"]) if what == "response" else hits["elapsed"]
    asked = {each["threshold"]: 1_000 * each["value"] for each in document["thresholds"]}
    p90, p999 = (asked[each.format(what)] for each in THRESHOLDS)
    return [milliseconds(of["p50"]), p90, milliseconds(of["p99"]), p999]


def parse_k6(text: str) -> list[float]:
    """The line that `k6_arrivals.js` prints."""
    told = json.loads(found(r"^BENCH (.*)$", text))
    return [float(told[f"p({each})"]) for each in ("50", "90", "99", "99.9")]


def parse_wrk2(text: str) -> list[float]:
    """The distribution that `--latency` prints, from the planned sending."""
    units = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 60e3}
    said = []
    for quantile in ("50.000", "90.000", "99.000", "99.900"):
        match = re.search(rf"^\s+{re.escape(quantile)}%\s+([\d.]+)(us|ms|s|m)$", text, re.MULTILINE)
        if match is None:
            raise ValueError(f"no {quantile}% in:\n{text}")
        said.append(float(match[1]) * units[match[2]])
    return said


def parse_oha(text: str) -> list[float]:
    """The percentiles of the JSON document, which are seconds."""
    told: dict[str, Any] = last_json(text)["latencyPercentiles"]
    return [1_000 * float(told[f"p{each}"]) for each in ("50", "90", "99", "99.9")]


def _loadgrpc(*load: str) -> Callable[[str, str, int], list[str]]:
    def command(_: str, url: str, seconds: int) -> list[str]:
        wanted = [
            text
            for what in ("response", "service")
            for each in THRESHOLDS
            for text in ("--threshold", each.format(what))
        ]
        return [
            *("env", f"BENCH_URL={url}", "BENCH_CERTIFICATE="),
            *(sys.executable, "-m", "loadgrpc", "run", "plain.py::TestPlain.test_get", "--json"),
            *(each.format(seconds=seconds) for each in load),
            *wanted,
        ]

    return command


def _k6(program: str, url: str, seconds: int) -> list[str]:
    told = ["env", f"BENCH_URL={url}", f"BENCH_RATE={RATE}", f"BENCH_SECONDS={seconds}"]
    return [*told, program, "run", "--quiet", "--no-usage-report", str(LOADS / "k6_arrivals.js")]


def _wrk2(program: str, url: str, seconds: int) -> list[str]:
    load = ["-t1", f"-c{CONNECTIONS}", f"-R{RATE}", f"-d{seconds}s"]
    return [program, *load, "--timeout", "60s", "--latency", url]


def _oha(program: str, url: str, seconds: int) -> list[str]:
    load = ["-q", str(RATE), "--latency-correction", "-z", f"{seconds}s", "-c", str(CONNECTIONS)]
    return [program, *load, "-w", "--no-tui", "--output-format", "json", url]


OPEN: Final = ("--load", f"{RATE}/s for {{seconds}}s")
ALONE: Final = Tool("loadgrpc", "loadgrpc, 1 agent", "", _loadgrpc(*OPEN), parse_loadgrpc)
MANY: Final = Tool(
    f"loadgrpc-{AGENTS}",
    f"loadgrpc, {AGENTS} agents",
    "",
    _loadgrpc(*OPEN, "-a", str(AGENTS)),
    parse_loadgrpc,
)
CLOSED: Final = Tool(
    "closed",
    "loadgrpc, closed",
    "",
    _loadgrpc("-u", "1", "-d", "{seconds}s", "--pacing", f"{1_000 / RATE:g}ms"),
    lambda text: parse_loadgrpc(text, "service"),
)
TOOLS: Final = (
    ALONE,
    MANY,
    Tool("k6", "k6, constant-arrival-rate", "k6", _k6, parse_k6),
    Tool("wrk2", "wrk2", "wrk2", _wrk2, parse_wrk2),
    Tool("oha", "oha, --latency-correction", "oha", _oha, parse_oha),
    CLOSED,
)


def schedule(seconds: int) -> list[tuple[float, float]]:
    """When the server stands still, from its first answer on, and for how long, in ms."""
    return [(1_000 * seconds * at, 1_000 * seconds * span) for at, span in STALLS]


def planned_ms(seconds: int) -> NDArray[np.float64]:
    """What a visitor waits for each of the planned requests, by the schedule alone."""
    planned = np.arange(RATE * seconds) * (1_000 / RATE)
    sent = planned + DELAY_MS
    for at, span in schedule(seconds):
        begin = at + DELAY_MS
        sent[(sent >= begin) & (sent < begin + span)] = begin + span
    return sent - planned


def waited_ms(noted: NDArray[np.uint64]) -> NDArray[np.float64]:
    """The same, by the log of the server."""
    pairs = _in_order(noted)
    waited: NDArray[np.float64] = (pairs[:, 1] - _planned_ns(pairs[:, 0], RATE)) / 1e6
    return waited


def came_ms(noted: NDArray[np.uint64], rate: int) -> NDArray[np.float64]:
    """How long after its plan each request came, by the log of the server."""
    came_ns = _in_order(noted)[:, 0]
    late: NDArray[np.float64] = (came_ns - _planned_ns(came_ns, rate)) / 1e6
    return late


def _in_order(noted: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Pairs of when a request was received, and when its answer had been sent."""
    pairs = noted.reshape(-1, 2).astype(np.int64)
    return pairs[np.argsort(pairs[:, 0], kind="stable")]


def _planned_ns(came_ns: NDArray[np.int64], rate: int) -> NDArray[np.int64]:
    """An even plan that begins so that none came before it: the first may be late."""
    planned_ns = np.arange(len(came_ns)) * (1_000_000_000 // rate)
    begin_ns: NDArray[np.int64] = planned_ns + (came_ns - planned_ns).min()
    return begin_ns


def measure(cores: Cores, *, seconds: int, only: Sequence[str]) -> Stalled:
    """Each tool once, or those that `only` names."""
    wanted = [
        each for each in TOOLS if not only or any(fnmatch.fnmatch(each.name, word) for word in only)
    ]
    there, missing = peers.provide({each.program for each in wanted if each.program})
    result = Stalled(seconds=seconds, left_out=missing)
    result.versions = {name: each.version for name, each in there.items() if each.version}
    program = accuracy.build()
    stay_on(cores.server)
    delay_us = str(1_000 * DELAY_MS)
    stalls = [f"{value:.0f}" for pair in schedule(seconds) for value in pair]
    for tool in wanted:
        if tool.program and tool.program not in there:
            continue
        path = there[tool.program].path if tool.program else ""
        with accuracy.serving(program, cores, (delay_us, delay_us, "0", "0", *stalls)) as server:
            url = f"http://127.0.0.1:{server.port}/"
            command = tool.command(path, url, seconds)
            with _agents(cores, url) if tool is MANY else contextlib.nullcontext("") as endpoint:
                command += ["-b", endpoint] if endpoint else []
                said, _ = accuracy.watched(cores, command, seconds)
        waited = planned_ms(seconds) if tool is CLOSED else waited_ms(server.elapsed_ns)
        result.said[tool.name] = tool.parse(said)
        result.true[tool.name] = [quantile(waited, each) for each in QUANTILES]
        result.sent[tool.name] = len(server.elapsed_ns) // 2
        print(f"stalls  {tool.name}: {result.said[tool.name]} {result.true[tool.name]}", flush=True)
    return result


@contextlib.contextmanager
def _agents(cores: Cores, url: str) -> Iterator[str]:
    """A broker with some agents; its address."""
    told = process.environment({"BENCH_URL": url, "BENCH_CERTIFICATE": ""})
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        broker = stack.enter_context(cluster.broker(folder, cores.load))
        for number in range(AGENTS):
            own = folder / f"{number}"
            own.mkdir()
            stack.enter_context(cluster.agent(own, cores.load, broker.endpoint, told))
        yield broker.endpoint


def section(found: Stalled, about_it: str) -> str:
    """Each tool in a row: what it says, and how far that is off."""
    stalls = " and ".join(
        f"{span / 1_000:g} s after {at / 1_000:g} s" for at, span in schedule(found.seconds)
    )
    words = WORDS.format(
        rate=RATE,
        seconds=found.seconds,
        delay=DELAY_MS,
        stalls=stalls,
        pacing=f"{1_000 / RATE:g}",
    )
    heads = ["", "sent", *(f"p{100 * each:g}" for each in QUANTILES), "true p99.9"]
    rows = [
        [
            tool.title,
            f"{found.sent[tool.name]:,}",
            *(
                f"{said:,.1f} ms ({said - true:+,.1f})"
                for said, true in zip(found.said[tool.name], found.true[tool.name], strict=True)
            ),
            f"{found.true[tool.name][-1]:,.1f} ms",
        ]
        for tool in TOOLS
        if tool.name in found.said
    ]
    parts = [about_it, words, page.table(heads, rows)]
    if found.versions:
        parts.append(f"Versions: {page.told(found.versions)}.")
    parts += [f"{name} is left out: {why}." for name, why in found.left_out.items()]
    return "\n\n".join(parts)
