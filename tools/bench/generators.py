"""The tools that make load: how each is told what to do, and what it says it did.

Parsers are pure: they take what a tool printed. A tool's own rate is not used, because each
has its own idea of time; its count of requests is compared with the server's.
"""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench import process
from bench.cases import JSON_BODY, Case

LOADS: Final = Path(__file__).parent / "loads"


@dataclass(frozen=True)
class Load:
    """What a tool is to do, once."""

    case: Case
    base: str
    """The server, without a path."""
    certificate: Path
    seconds: int
    tls: Path | None = None
    """The certificates of broker, agent and client; None: they speak without encryption."""

    @property
    def url(self) -> str:
        """What is asked for."""
        return self.base + self.case.path

    @property
    def environment(self) -> dict[str, str]:
        """The environment in which it is done: scripts in `loads/` read it."""
        return process.environment(
            {
                "BENCH_BASE": self.base,
                "BENCH_URL": self.url,
                "BENCH_METHOD": self.case.method,
                "BENCH_TEST": self.case.test,
                "BENCH_CERTIFICATE": str(self.certificate),
            }
        )


@dataclass(frozen=True)
class Claim:
    """What a tool says it did."""

    requests: int
    failed: int


@dataclass(frozen=True)
class Generator:
    """A tool."""

    name: str
    title: str
    program: str
    """What has to be installed: see `peers`. Empty: it comes with loadgrpc."""
    command: Callable[[str, Load], list[str]]
    """From the path of the program and the load."""
    parse: Callable[[str], Claim]
    """From its standard output; raises ValueError when that is not what it should be."""
    slack: int = 1
    """Requests for each user that may be under way when its time is over."""
    counts_calls: bool = False
    """Whether it counts a redirect and what it leads to as one."""
    needs_broker: bool = False
    """Whether a broker with a store file and an agent run beside it, on the same core."""


def found(pattern: str, text: str) -> str:
    """The first group of `pattern` in `text`.

    Raises:
        ValueError: it is not there.
    """
    match = re.search(pattern, text, re.MULTILINE)
    if match is None:
        raise ValueError(f"no {pattern!r} in:\n{text}")
    return match[1]


def last_json(text: str) -> Any:
    """The JSON document that `text` ends with, whatever stands before it.

    Raises:
        ValueError: there is none.
    """
    for start in re.finditer(r"^[\[{]", text, re.MULTILINE):
        try:
            return json.loads(text[start.start() :])
        except ValueError:
            continue
    raise ValueError(f"no JSON in:\n{text}")


# The command lines


def _wrk(program: str, load: Load) -> list[str]:
    script = ["-s", str(LOADS / "post.lua")] if load.case.method == "POST" else []
    duration = f"-d{load.seconds}s"
    return [program, "-t1", f"-c{load.case.users}", duration, "--latency", *script, load.url]


def _hey(program: str, load: Load) -> list[str]:
    body = ["-m", "POST", "-T", "application/json", "-d", JSON_BODY]
    posted = body if load.case.method == "POST" else []
    return [program, "-z", f"{load.seconds}s", "-c", str(load.case.users), *posted, load.url]


def _oha(program: str, load: Load) -> list[str]:
    body = ["-m", "POST", "-T", "application/json", "-d", JSON_BODY]
    posted = body if load.case.method == "POST" else []
    duration = ["-z", f"{load.seconds}s", "-c", str(load.case.users)]
    output = ["--no-tui", "--output-format", "json", "--insecure"]
    return [program, *duration, *output, *posted, load.url]


def _k6(program: str, load: Load) -> list[str]:
    duration = ["--vus", str(load.case.users), "--duration", f"{load.seconds}s"]
    script = str(LOADS / "k6.js")
    return [program, "run", "--quiet", "--no-usage-report", *duration, script]


def _locust(file: str, user: str) -> Callable[[str, Load], list[str]]:
    def command(program: str, load: Load) -> list[str]:
        users = str(load.case.users)
        return [
            *(program, "-f", str(LOADS / file), "--headless", "--json", "--exit-code-on-error"),
            *("0", "-L", "ERROR", "-u", users, "-r", users, "-t", f"{load.seconds}s"),
            *("--host", load.base, user),
        ]

    return command


def _molotov(program: str, load: Load) -> list[str]:
    users = ["-w", str(load.case.users), "-d", str(load.seconds)]
    return [program, "-p", "1", *users, str(LOADS / "molotov_plain.py")]


def _k9(script: str) -> Callable[[str, Load], list[str]]:
    def command(program: str, load: Load) -> list[str]:
        users = ["-u", str(load.case.users), "-d", f"{load.seconds}s"]
        output = ["--quiet", "--no-color", "--summary-export", "/dev/stdout"]
        tls = ["--insecure-skip-tls-verify", "--http-version", "1.1"]
        return [program, "run", *users, *output, *tls, str(LOADS / script)]

    return command


def _gevent(script: str) -> Callable[[str, Load], list[str]]:
    def command(_: str, load: Load) -> list[str]:
        return [sys.executable, str(LOADS / script), str(load.case.users), str(load.seconds)]

    return command


def loadgrpc(load: Load, *more: str) -> list[str]:
    """The command line of `loadgrpc run` for a load; to be run in `loads/`."""
    if load.case.path == "/" and load.case.test not in ("test_get", "test_post"):
        test = f"features.py::TestFeatures.{load.case.test}"
    else:
        test = f"plain.py::{'TestHttps' if load.case.https else 'TestPlain'}.{load.case.test}"
    users = ["-u", str(load.case.users), "-d", str(load.seconds)]
    return [sys.executable, "-m", "loadgrpc", "run", test, *users, "--json", *more]


def _loadgrpc_go(program: str, load: Load) -> list[str]:
    runner = ["--test-runner", f"{shlex.quote(program)} {{test}}", "--runner-mode", "all-users"]
    users = ["-u", str(load.case.users), "-d", str(load.seconds)]
    return [sys.executable, "-m", "loadgrpc", "run", load.url, *runner, *users, "--json"]


# What they print


def parse_wrk(text: str) -> Claim:
    """`N requests in Xs`, and complaints where there are any."""
    wrong = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    broken = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+)", text)
    failed = int(wrong[1]) if wrong else 0
    failed += sum(int(number) for number in broken.groups()) if broken else 0
    return Claim(int(found(r"^\s+(\d+) requests in ", text)), failed)


def parse_hey(text: str) -> Claim:
    """The table of statuses, and that of errors where there is one."""
    statuses = {status: int(n) for status, n in re.findall(r"\[(\d+)\]\s+(\d+) responses", text)}
    if not statuses:
        raise ValueError(f"no statuses in:\n{text}")
    broken = text.partition("Error distribution:")[2]
    errors = sum(int(number) for number in re.findall(r"^\s+\[(\d+)\]", broken, re.MULTILINE))
    requests = sum(statuses.values())
    return Claim(requests, requests - statuses.get("200", 0) + errors)


def parse_oha(text: str) -> Claim:
    """Statuses and errors of the JSON document; what the end cut off is no error."""
    document = last_json(text)
    statuses = document["statusCodeDistribution"]
    errors = sum(
        number
        for error, number in document["errorDistribution"].items()
        if error != "aborted due to deadline"
    )
    requests = sum(statuses.values())
    return Claim(requests, requests - statuses.get("200", 0) + errors)


def parse_k6(text: str) -> Claim:
    """The line that `k6.js` prints at the end."""
    told = json.loads(found(r"^BENCH (.*)$", text))
    return Claim(int(told["requests"]), int(told["failed"]))


def parse_locust(text: str) -> Claim:
    """The entries of the JSON document."""
    entries = last_json(text)
    return Claim(
        sum(entry["num_requests"] for entry in entries),
        sum(entry["num_failures"] for entry in entries),
    )


def parse_molotov(text: str) -> Claim:
    """The last line about successes and failures."""
    told = re.findall(r"SUCCESSES: (\d+) \| FAILURES: (\d+)", text)
    if not told:
        raise ValueError(f"no successes in:\n{text}")
    success, failed = map(int, told[-1])
    return Claim(success + failed, failed)


def parse_k9(text: str) -> Claim:
    """Metrics of the JSON document, which has k6's names."""
    metrics = last_json(text)["metrics"]
    failed = max(metrics["http_req_failed"]["passes"], metrics["checks"]["fails"])
    return Claim(int(metrics["http_reqs"]["count"]), int(failed))


def parse_gevent(text: str) -> Claim:
    """The line that `gevent_requests.py` and `gevent_sockets.py` print."""
    return Claim(int(found(r"^requests (\d+)$", text)), 0)


def parse_loadgrpc(text: str) -> Claim:
    """Hits of the summary document; iterations that went wrong count as failed too."""
    summary = last_json(text)
    iterations = summary["iterations"]
    wrong = (int(iterations.get(kind, 0)) for kind in ("failure", "error"))
    failed = int(summary["hits"].get("failed", 0)) + sum(wrong)
    return Claim(int(summary["hits"]["count"]), failed)


LOADGRPC: Final = Generator(
    "loadgrpc", "loadgrpc", "", lambda _, load: loadgrpc(load), parse_loadgrpc, slack=0
)
WITH_BROKER: Final = Generator(
    "loadgrpc-broker",
    "loadgrpc, broker with a store file and an agent",
    "",
    lambda _, load: loadgrpc(load),
    parse_loadgrpc,
    slack=0,
    needs_broker=True,
)
WITH_GO: Final = Generator(
    "loadgrpc-go",
    "loadgrpc, Go runner, broker with a store file and an agent",
    "go-runner",
    _loadgrpc_go,
    parse_loadgrpc,
    slack=0,
    needs_broker=True,
)
HTTP_USER: Final = Generator(
    "locust-http",
    "Locust HttpUser",
    "locust",
    _locust("locust_plain.py", "WithRequests"),
    parse_locust,
)
HTTP_USER_FEATURES: Final = Generator(
    "locust-http",
    "Locust HttpUser",
    "locust",
    _locust("locust_features.py", "Features"),
    parse_locust,
    counts_calls=True,
)
FAST_USER: Final = Generator(
    "locust-fast",
    "Locust FastHttpUser",
    "locust",
    _locust("locust_plain.py", "WithGeventHttp"),
    parse_locust,
)

K9: Final = Generator("k9", "k9-load, Python", "k9", _k9("k9_plain.py"), parse_k9)
K9_PLAN: Final = Generator("k9-plan", "k9-load, a plan in YAML", "k9", _k9("k9_get.yaml"), parse_k9)
SOCKETS: Final = Generator(
    "gevent-sockets",
    "Bare sockets under gevent, no HTTP, no recording",
    "",
    _gevent("gevent_sockets.py"),
    parse_gevent,
)

PEERS: Final = (
    Generator("wrk", "wrk", "wrk", _wrk, parse_wrk),
    Generator("hey", "hey", "hey", _hey, parse_hey),
    Generator("oha", "oha", "oha", _oha, parse_oha),
    Generator("k6", "k6", "k6", _k6, parse_k6),
    HTTP_USER,
    FAST_USER,
    K9,
    Generator("molotov", "Molotov", "molotov", _molotov, parse_molotov),
    Generator(
        "gevent-requests",
        "Requests under gevent, no recording",
        "",
        _gevent("gevent_requests.py"),
        parse_gevent,
    ),
    SOCKETS,
)
"""Everyone but loadgrpc."""
OF_MANY_USERS: Final = (
    *(peer for peer in PEERS if peer.name in {"wrk", "hey", "oha", "k6", "locust-fast", "k9"}),
    K9_PLAN,
    SOCKETS,
)
"""Who runs what becomes of more and more users."""
