"""Runs a k6 script as the users of a part, and reports what k6 measures while it measures it.

    loadgrpc run --test-runner "python k6.py {test}" --runner-mode all-users script.js -u 10 -d 30s

k6 writes its metrics to us, one JSON document a line. Its points about one request follow one
another: they become one hit. The duration of an iteration becomes an iteration; its outcome is
decided by its checks, and by the exceptions that k6 logs. What else counts becomes a counter.
README.md says what is the same as k6's own summary, and what is not.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import program
from columns import Hit, Iteration
from moments import nanoseconds, timestamp
from reporter import FLUSH_S, Entry, Failed, LoadFailed, Reporter, report

from loadgrpc.v1 import event_pb2, runner_pb2

QUIET: Final = ("--quiet", "--summary-mode=disabled", "--no-usage-report", "--address=")
"""No progress, no summary, no telemetry, and no port of its own."""
SYSTEM_TAGS: Final = "method,status,name,url,error,error_code,check,scenario,vu,iter"
UNBOUNDED: Final = "720h"
"""k6 ends iterations after ten minutes unless told otherwise; ours are bounded by their number."""
THRESHOLDS_CROSSED: Final = 99
SCRIPT_ABORTED: Final = 108
"""By `exec.test.abort()`."""

LATE_NS: Final = 1_000_000_000
"""k6 writes a point a fifth of a second after it was made; by then it has surely come."""
TRAIL: Final = (
    *("http_req_duration", "http_req_blocked", "http_req_connecting"),
    *("http_req_tls_handshaking", "http_req_sending", "http_req_waiting", "http_req_receiving"),
)
"""The points of a request that follow its `http_reqs`, in their order."""
TOLD_OTHERWISE: Final = {"http_reqs", "iterations"}
"""Counters of k6 that are hits and iterations here."""

_TRAIL = re.compile(r'\{"metric":"(http_req_\w+)","type":"Point".*?"value":([-+.\deE]+)')
_EXCEPTION = re.compile(r"(?:([\w.]+): )?(.*?)\n(.*)", re.DOTALL)


class Points:
    """Makes entries of what k6 writes and logs.

    k6 logs an exception without saying whose it was: it is that of the last iteration which had
    ended by then. So iterations wait a moment before they are reported.
    """

    def __init__(self, report: Callable[[Entry], None], clock: Callable[[], int]) -> None:
        self._report = report
        self._clock = clock
        self._counters: set[str] = set()
        self._totals: Counter[str] = Counter()
        self._told: Counter[str] = Counter()
        self._request: dict[str, Any] = {}
        """The point `http_reqs` of the request whose others come just now."""
        self._times: dict[str, int] = {}
        self._begun: dict[tuple[int, int], _Begun] = {}
        self._ended: deque[Iteration] = deque()
        self._exceptions: deque[tuple[int, str]] = deque()

    def line(self, text: str) -> None:
        """Takes a line of metrics."""
        if match := _TRAIL.match(text):
            self._trail(match[1], round(float(match[2]) * 1e6))
            return
        document = json.loads(text)
        metric, data = document["metric"], document["data"]
        if document["type"] == "Metric":
            if data["type"] == "counter" and metric not in TOLD_OTHERWISE:
                self._counters.add(metric)
        elif metric == "http_reqs":
            self._request, self._times = data, {}
        elif metric == "iteration_duration":
            self._iteration(data)
        elif metric == "checks":
            self._check(data)
        elif metric == "vus":
            self._users(data)
        elif metric in self._counters:
            self._totals[metric] += data["value"]

    def log(self, text: str) -> str:
        """Takes a line of the log; what it says to a person, if anything that is not a hit."""
        if not text.startswith("{"):
            return text
        entry = json.loads(text)
        if entry["msg"] == "Request Failed":
            return ""
        if entry.get("source") == "stacktrace":
            self._exceptions.append((self._clock(), entry["msg"]))
        return f"{entry['level']}: {entry['msg'].rstrip()}"

    def settle(self, *, all_of_it: bool = False) -> None:
        """Reports iterations whose outcome is known by now, and what was counted."""
        late = 0 if all_of_it else LATE_NS
        while self._exceptions and self._exceptions[0][0] <= self._clock() - late:
            self._raised(*self._exceptions.popleft())
        while self._ended and self._ended[0].end_ns <= self._clock() - 2 * late:
            self._report(self._ended.popleft())
        for name, total in self._totals.items():
            if increment := int(total) - self._told[name]:
                self._told[name] += increment
                counter = event_pb2.Counter(name=name, increment=increment)
                self._report(event_pb2.Event(counter=counter))

    def end(self, exit_code: int) -> None:
        """k6 has ended: what it began and did not end was interrupted."""
        if exit_code == THRESHOLDS_CROSSED:
            self._totals["k6 thresholds crossed"] += 1
        self.settle(all_of_it=True)
        for (user, iteration), begun in self._begun.items():
            elapsed_ns = begun.last_ns - begun.first_ns
            outcome = event_pb2.TEST_OUTCOME_INTERRUPTED
            self._report(Iteration(begun.last_ns, elapsed_ns, outcome, None, user, iteration))

    def _trail(self, metric: str, value_ns: int) -> None:
        self._times[metric] = value_ns
        if metric == TRAIL[-1] and self._request:
            made = hit(self._request, [self._times.get(name, 0) for name in TRAIL])
            self._request = {}
            begun = self._of_iteration(made.user, made.iteration, made.end_ns - made.elapsed_ns)
            begun.last_ns = max(begun.last_ns, made.end_ns)
            self._report(made)

    def _check(self, data: dict[str, Any]) -> None:
        name, passed = data["tags"]["check"], bool(data["value"])
        self._totals[f"check {'passed' if passed else 'failed'}: {name}"] += 1
        if not passed:
            begun = self._of_iteration(*whose(data), nanoseconds(data["time"]))
            begun.failed_checks.setdefault(name)

    def _of_iteration(self, user: int, iteration: int, at_ns: int) -> _Begun:
        """What is known of an iteration; of setup() and teardown() nothing is kept."""
        begun = self._begun.get((user, iteration)) or _Begun(at_ns, at_ns, {})
        if user:
            self._begun[user, iteration] = begun
        return begun

    def _iteration(self, data: dict[str, Any]) -> None:
        user, iteration = whose(data)
        begun = self._begun.pop((user, iteration), None)
        outcome, exception = event_pb2.TEST_OUTCOME_SUCCESS, None
        if begun and begun.failed_checks:
            outcome = event_pb2.TEST_OUTCOME_FAILURE
            exception = ("CheckFailed", ", ".join(begun.failed_checks), "")
        end_ns, elapsed_ns = nanoseconds(data["time"]), round(data["value"] * 1e6)
        self._ended.append(Iteration(end_ns, elapsed_ns, outcome, exception, user, iteration))

    def _raised(self, at_ns: int, text: str) -> None:
        before = [at for at, one in enumerate(self._ended) if one.end_ns <= at_ns]
        outcome = event_pb2.TEST_OUTCOME_ERROR
        fitting = [at for at in before if self._ended[at].outcome != outcome]
        if fitting:
            at = max(fitting, key=lambda at: self._ended[at].end_ns)
            raised = exception_of(text)
            self._ended[at] = self._ended[at]._replace(outcome=outcome, exception=raised)

    def _users(self, data: dict[str, Any]) -> None:
        state = event_pb2.RunnerState(active_users=int(data["value"]))
        time_ = timestamp(nanoseconds(data["time"]))
        self._report(event_pb2.Event(time=time_, state=state))


@dataclass
class _Begun:
    """An iteration that has not ended yet."""

    first_ns: int
    last_ns: int
    failed_checks: dict[str, None]
    """Their names, each once, in their order."""


def hit(data: dict[str, Any], times_ns: list[int]) -> Hit:
    """The hit that the points of a request make."""
    duration_ns, blocked_ns, connecting_ns, tls_ns, *_, receiving_ns = times_ns
    tags = data["tags"]
    user, iteration = whose(data)
    url = tags.get("url", "")
    name = tags.get("name", url)
    error = hit_error(int(tags.get("error_code", 0)))
    # Blocked is all that came before sending, connecting included; duration is all after it.
    elapsed_ns = max(blocked_ns, connecting_ns + tls_ns) + duration_ns
    return Hit(
        end_ns=nanoseconds(data["time"]),
        elapsed_ns=elapsed_ns,
        name=re.split("[?#]", name)[0] if name == url and "://" in name else name,
        url=url,
        method=tags.get("method", ""),
        status=int(tags.get("status", 0)),
        error=error,
        error_message=tags.get("error", "") if error else "",
        first_byte_ns=0 if error else elapsed_ns - receiving_ns,
        connect_ns=connecting_ns + tls_ns,
        user=user,
        iteration=iteration,
    )


def hit_error(code: int) -> event_pb2.HitError:
    """What k6's code of an error means: 14xx and 15xx are answers."""
    if code in {0, *range(1400, 1600)}:
        return event_pb2.HIT_ERROR_UNSPECIFIED
    exact = {
        1050: event_pb2.HIT_ERROR_TIMEOUT,
        1201: event_pb2.HIT_ERROR_CLOSED,
        1211: event_pb2.HIT_ERROR_TIMEOUT,
        1220: event_pb2.HIT_ERROR_CLOSED,
    }
    tens = {121: event_pb2.HIT_ERROR_CONNECT}
    hundreds = {
        11: event_pb2.HIT_ERROR_DNS,
        13: event_pb2.HIT_ERROR_TLS,
        16: event_pb2.HIT_ERROR_PROTOCOL,
        17: event_pb2.HIT_ERROR_PROTOCOL,
    }
    known = exact.get(code) or tens.get(code // 10) or hundreds.get(code // 100)
    return known or event_pb2.HIT_ERROR_OTHER


def whose(data: dict[str, Any]) -> tuple[int, int]:
    """User and iteration of a point, both from 1; k6 counts iterations from 0."""
    metadata = data.get("metadata") or {}
    user = int(metadata.get("vu", 0))
    return (user, int(metadata["iter"]) + 1) if user else (0, 0)


def exception_of(text: str) -> tuple[str, str, str]:
    """Type, message and stack of an exception as k6 logs it."""
    match = _EXCEPTION.fullmatch(text + "\n")
    assert match  # noqa: S101 - there is always a first line
    return match[1] or "Error", match[2], text


def command(script: str, cycle: runner_pb2.Cycle, spawn_rate: float) -> list[str]:
    """What is run for a cycle."""
    words = [
        "k6",
        "run",
        *QUIET,
        "--log-format=json",
        "--out=json=-",
        f"--system-tags={SYSTEM_TAGS}",
    ]
    if cycle.iterations:
        words += ["--vus", str(cycle.users), "--iterations", str(cycle.users * cycle.iterations)]
        return [*words, "--duration", UNBOUNDED, script]
    duration_s = cycle.duration.ToTimedelta().total_seconds()
    ramp_s = min(cycle.users / spawn_rate, duration_s) if spawn_rate else 0.0
    if not ramp_s:
        return [*words, "--vus", str(cycle.users), "--duration", f"{duration_s:.3f}s", script]
    words += ["--vus", "0", "--stage", f"{ramp_s:.3f}s:{cycle.users}"]
    return [*words, "--stage", f"{duration_s - ramp_s:.3f}s:{cycle.users}", script]


async def live(reporter: Reporter, script: str) -> None:
    """Loads the script, and runs it once for each cycle."""
    await load(reporter, script)
    assignment = reporter.assignment
    for number, cycle in enumerate(assignment.cycles, assignment.first_cycle or 1):
        if not await reporter.enter(number, cycle):
            break
        if cycle.users:
            await run(reporter, command(script, cycle, assignment.spawn_rate))


async def load(reporter: Reporter, script: str) -> None:
    """Sees whether k6 can load the script.

    Raises:
        LoadFailed: it cannot.
    """
    said: list[str] = []
    points = Points(reporter.add, time.time_ns)
    words = ["k6", "inspect", "--log-format", "json", script]
    code = await program.run(
        reporter, words, out=lambda _: None, err=lambda text: said.append(points.log(text))
    )
    if code and not reporter.stopped.is_set():
        raise LoadFailed("\n".join(said))


async def run(reporter: Reporter, words: list[str]) -> None:
    """Runs k6 for one cycle.

    Raises:
        Failed: it ended in a way that leaves the load incomplete.
    """
    points = Points(reporter.add, time.time_ns)

    last = ""

    def log(text: str) -> None:
        nonlocal last
        if said := points.log(text):
            last = said.partition("\n")[0]
            print(said, file=sys.stderr, flush=True)

    async def keep_settling() -> None:
        while True:
            await asyncio.sleep(FLUSH_S)
            points.settle()

    settling = asyncio.create_task(keep_settling())
    try:
        code = await program.run(reporter, words, out=points.line, err=log)
    finally:
        settling.cancel()
    points.end(code)
    if code and code not in {THRESHOLDS_CROSSED, SCRIPT_ABORTED} and not reporter.stopped.is_set():
        raise Failed(f"k6 ended with {code}: {last}")


if __name__ == "__main__":
    if len(sys.argv) != 2:  # noqa: PLR2004 - its name and the script
        sys.exit("usage: k6.py SCRIPT, as a test runner: see README.md")
    sys.exit(report(partial(live, script=sys.argv[1])))
