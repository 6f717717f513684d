"""The fourth part: messages of WebSockets a second, everybody in turn, and the memory of a user.

Each user sends a message of 100 bytes, waits for its echo, and sends the next. As in the first part
each tool has one core, and the server's own count is what is measured; the server, `echo_server.c`,
has the other.
"""

from __future__ import annotations

import contextlib
import fnmatch
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from struct import unpack
from typing import Final, Self

from bench import page, peers, process, rates, usage
from bench.cores import Cores, pinned, stay_on
from bench.figures import Count, spread, steady_rate
from bench.generators import LOADS, Claim, last_json, parse_k6, parse_locust

SOURCE: Final = Path(__file__).with_name("echo_server.c")
USERS: Final = (20, 200)
LOOK_EVERY_S: Final = 0.05
LOADGRPC: Final = "loadgrpc"

WORDS: Final = """\
Each user has a WebSocket, sends a message of 100 bytes, waits for its echo, and sends the next. The
server is a program of some 200 lines of C with a core of its own; each tool has the other core.
What is measured is the server's count of messages: the median of {rounds} rounds of {seconds} s,
the lowest and the highest. Locust uses websocket-client under gevent, k6 its `k6/websockets`."""


@dataclass(frozen=True)
class Tool:
    """A tool: its command line, from its program, users and seconds, and what it says it did."""

    name: str
    title: str
    program: str
    command: Callable[[str, int, int], list[str]]
    parse: Callable[[str], Claim]


def parse_loadgrpc(text: str) -> Claim:
    """Messages that came, of the summary document."""
    summary = last_json(text)
    wrong = sum(int(summary["iterations"][kind]) for kind in ("failure", "error"))
    total = summary["sockets"]["total"]
    return Claim(int(total["messagesReceived"]), wrong + int(total["broken"]))


def _loadgrpc(_: str, users: int, seconds: int) -> list[str]:
    test = "sockets.py::TestSockets.test_echo"
    load = ["-u", str(users), "-d", str(seconds), "--processes", "1", "--json"]
    return [sys.executable, "-m", "loadgrpc", "run", test, *load]


def _k6(program: str, users: int, seconds: int) -> list[str]:
    load = ["--vus", str(users), "--duration", f"{seconds}s"]
    script = str(LOADS / "k6_sockets.js")
    return [program, "run", "--quiet", "--no-usage-report", *load, script]


def _locust(program: str, users: int, seconds: int) -> list[str]:
    load = ["-u", str(users), "-r", str(users), "-t", f"{seconds}s"]
    output = ["--headless", "--json", "--exit-code-on-error", "0", "-L", "ERROR"]
    return [program, "-f", str(LOADS / "locust_sockets.py"), *output, *load, "Sockets"]


TOOLS: Final = (
    Tool(LOADGRPC, "loadgrpc", "", _loadgrpc, parse_loadgrpc),
    Tool("k6", "k6", "k6", _k6, parse_k6),
    Tool("locust", "Locust, websocket-client", "locust", _locust, parse_locust),
)


@dataclass
class Sockets:
    """What the fourth part found."""

    rounds: int
    seconds: int
    rates: dict[int, dict[str, list[float]]] = field(default_factory=dict)
    """Echoes a second, by users and tool: one figure for each round that went well."""
    problems: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    user_kib: float | None = None
    """Memory of one more user of loadgrpc, with an open WebSocket."""


class EchoServer:
    """The server, and a thread that looks at its count."""

    def __init__(self, port: int, counts: Path) -> None:
        self.url = f"ws://127.0.0.1:{port}/"
        self._file = counts
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self.counts: list[Count] = []

    def now(self) -> tuple[int, int]:
        """Messages that came, and sockets that are open."""
        messages, open_now = unpack("=QQ", self._file.read_bytes())
        return messages, open_now

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._stop.wait(LOOK_EVERY_S):
            self.counts.append(Count(time.monotonic(), self.now()[0]))


@contextlib.contextmanager
def serving(core: int) -> Iterator[EchoServer]:
    """The server, on a core of its own."""
    program = peers.BIN / "echo_server"
    if not program.exists() or program.stat().st_mtime < SOURCE.stat().st_mtime:
        peers.BIN.mkdir(parents=True, exist_ok=True)
        command = ["cc", "-O2", "-Wall", "-Wextra", "-o", str(program), str(SOURCE)]
        code, output = process.run(command, timeout_s=60)
        if code:
            raise RuntimeError(f"the echo server does not compile:\n{output}")
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        counts, log = Path(name) / "counts", Path(name) / "log"
        with process.background(pinned(core, [str(program), str(counts)]), log=log) as popen:
            line = process.wait_for_line(popen, log, "port")
            yield EchoServer(int(line.split()[1]), counts)


def measure(cores: Cores, *, rounds: int, seconds: int, only: Sequence[str]) -> Sockets:
    """All of it, or what `only` names: USERS/TOOL, or memory."""
    wanted = [
        (users, tool)
        for users in USERS
        for tool in TOOLS
        if not only or any(fnmatch.fnmatch(f"{users}/{tool.name}", word) for word in only)
    ]
    found = Sockets(rounds, seconds)
    there, found.left_out = peers.provide({tool.program for _, tool in wanted if tool.program})
    found.versions = {program: peer.version for program, peer in there.items() if peer.version}
    stay_on(cores.server)
    for number in range(1, rounds + 1):
        for users, tool in wanted:
            if tool.program in found.left_out:
                continue
            program = there[tool.program].path if tool.program else ""
            rate, problem = _measure(cores, tool, program, users, seconds)
            if rate is not None:
                found.rates.setdefault(users, {}).setdefault(tool.name, []).append(rate)
            if problem:
                found.problems[f"{users}/{tool.name}"] = problem
            shown = f"{rate:,.0f}/s" if rate is not None else "nothing"
            print(f"round {number}  {users}/{tool.name:28} {shown} {problem}", flush=True)
    if not only or "memory" in only:
        found.user_kib = user_kib(cores)
        print(f"memory  {found.user_kib:.1f} KiB", flush=True)
    return found


def _environment(url: str, seconds: int) -> dict[str, str]:
    return process.environment({"BENCH_URL": url, "BENCH_SECONDS": str(seconds)})


def _measure(
    cores: Cores, tool: Tool, program: str, users: int, seconds: int
) -> tuple[float | None, str]:
    """The rate, or why there is none; with a rate, what is odd about it."""
    with serving(cores.server) as server, server, tempfile.TemporaryFile() as errors:
        try:
            code, output = process.run(
                pinned(cores.load, tool.command(program, users, seconds)),
                timeout_s=seconds + rates.START_AND_END_S,
                cwd=LOADS,
                env=_environment(server.url, seconds),
                errors=errors.fileno(),
            )
        except subprocess.TimeoutExpired:
            return None, "it did not end"
        counted = server.now()[0]
        errors.seek(0)
        said = errors.read().decode(errors="replace")
    warm_s = min(rates.WARM_S, seconds * rates.WARM_SHARE)
    return judge(
        tool, users, code, output, said, counted, steady_rate(server.counts, seconds, warm_s)
    )


def judge(  # noqa: PLR0917 - what there is to know of one measurement
    tool: Tool, users: int, code: int, output: str, errors: str, counted: int, rate: float | None
) -> tuple[float | None, str]:
    """The rate, when the tool did what it was asked to; and what is wrong, if something is."""
    try:
        claim = tool.parse(output)
    except (ValueError, KeyError):
        last = (errors.strip() or output.strip() or "nothing").splitlines()[-1]
        return None, f"exit code {code}, and it said: {last[:200]}"
    if claim.failed or code:
        return None, f"exit code {code}, {claim.failed} of {claim.requests} messages failed"
    if rate is None:
        return None, f"{counted} messages came, and too late for a steady rate: it began slowly"
    under_way = 0 if tool.name == LOADGRPC else max(users, rates.MISCOUNT * counted)
    if abs(claim.requests - counted) > under_way:
        return rate, f"it says {claim.requests:,} messages, the server counted {counted:,}"
    return rate, ""


def user_kib(cores: Cores) -> float:
    """Memory of one more user after one message, its WebSocket open."""
    few, many = (_memory_with(cores, users) for users in (usage.FEW_USERS, usage.MANY_USERS))
    return (many - few) / (usage.MANY_USERS - usage.FEW_USERS)


def _memory_with(cores: Cores, users: int) -> int:
    """Memory of the user process, in KiB, when each user has had its echo."""
    options = ["-u", str(users), "-d", "600", "--processes", "1", "--stop-timeout", "1"]
    test = "sockets.py::TestSockets.test_once"
    with (
        serving(cores.server) as server,
        usage.running(cores, test, _environment(server.url, 600), *options) as popen,
    ):
        deadline = time.monotonic() + usage.END_S
        while server.now()[0] < users:
            if popen.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{test}: {server.now()[0]} of {users} users had an echo")
            time.sleep(usage.LOOK_EVERY_S)
        time.sleep(usage.SETTLE_S)
        return sum(
            found.anonymous_kib
            for found in process.tree(popen.pid)
            if usage.is_user_process(found.command)
        )


def section(found: Sockets, about_it: str) -> str:
    """Rates, and the memory of a user."""
    words = WORDS.format(rounds=found.rounds, seconds=found.seconds)
    parts = [about_it, words]
    heads = ["", *(f"{users} users" for users in found.rates)]
    rows = [
        [tool.title, *(_cell(found.rates[users].get(tool.name, [])) for users in found.rates)]
        for tool in TOOLS
        if any(tool.name in each for each in found.rates.values())
    ]
    if rows:
        parts += ["### Echoes/s", page.table(heads, rows)]
    if found.versions:
        parts.append(f"Versions: {page.told(found.versions)}.")
    if found.user_kib is not None:
        kib = page.number(found.user_kib)
        parts.append(f"One more user of loadgrpc with an open WebSocket takes {kib} KiB.")
    parts += [f"{name} is left out: {why}." for name, why in found.left_out.items()]
    parts += [f"{key}: {problem}." for key, problem in found.problems.items()]
    return "\n\n".join(parts)


def _cell(values: Sequence[float]) -> str:
    of = spread(values)
    return f"{of.median:,.0f} ({of.low:,.0f} to {of.high:,.0f})" if of else "-"
