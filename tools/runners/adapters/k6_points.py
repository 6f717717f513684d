"""What the lines mean that k6 writes and logs: hits, iterations, counters.

Rule: pure; entries go where they are reported. The points of a request follow one another and
have the same tags, so only the first of them is read whole.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from columns import Hit, Iteration
from moments import nanoseconds, timestamp
from reporter import Entry

from loadgrpc.v1 import event_pb2

THRESHOLDS_CROSSED: Final = 99
"""The exit status of k6."""
SETTLE_NS: Final = 250_000_000
LATE_NS: Final = 500_000_000
"""k6 writes points five times a second; those that are so old have come."""
TRAIL: Final = (
    *("http_req_duration", "http_req_blocked", "http_req_connecting"),
    *("http_req_tls_handshaking", "http_req_sending", "http_req_waiting", "http_req_receiving"),
)
"""The points of a request that follow its `http_reqs`, in their order."""
METRICS: Final = ('{"metric":"', '{"type":"Metric"')
"""How lines of metrics begin; what else is there was printed by k6 or by the script."""
TOLD_OTHERWISE: Final = {"http_reqs", "iterations"}
"""Counters of k6 that are hits and iterations here."""

_TRAIL = re.compile(r'\{"metric":"(http_req_\w+)","type":"Point".*?"value":([-+.\deE]+)')
_EXCEPTION = re.compile(r"(?:([\w.]+): )?(.*?)\n(.*)", re.DOTALL)


class Points:
    """Makes entries of what k6 writes and logs.

    k6 logs an exception without saying whose it was: it is that of the last iteration which had
    ended by then. So iterations wait for a second before they are reported.
    """

    def __init__(self, report: Callable[[Entry], None], clock: Callable[[], int]) -> None:
        self._report = report
        self._clock = clock
        self._counters: set[str] = set()
        self._totals: Counter[str] = Counter()
        self._told: Counter[str] = Counter()
        self._request: dict[str, Any] = {}
        """The point `http_reqs` of the request whose other points are being read."""
        self._times: dict[str, int] = {}
        self._begun: dict[tuple[int, int], _Begun] = {}
        self._ended: deque[Iteration] = deque()
        self._exceptions: list[tuple[int, str]] = []
        """When they were logged, and what was."""
        self._settle_at_ns = 0

    def line(self, text: str) -> None:
        """Takes a line of metrics, of which one comes every second at least, or of the script's."""
        if match := _TRAIL.match(text):
            self._trail(match[1], round(float(match[2]) * 1e6))
            return
        if not text.startswith(METRICS):
            print(text, file=sys.stderr, flush=True)
            return
        document = json.loads(text)
        metric, data = document["metric"], document["data"]
        if document["type"] == "Point":
            self._point(metric, data)
        elif data["type"] == "counter" and metric not in TOLD_OTHERWISE:
            self._counters.add(metric)
        if self._clock() >= self._settle_at_ns:
            self.settle()

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
        now_ns = sys.maxsize if all_of_it else self._clock()
        self._settle_at_ns = now_ns + SETTLE_NS
        self._exceptions = [
            (at_ns, text)
            for at_ns, text in self._exceptions
            if at_ns + LATE_NS > now_ns or not self._raised(at_ns, text)
        ]
        while self._ended and self._ended[0].end_ns + 2 * LATE_NS <= now_ns:
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

    def _point(self, metric: str, data: dict[str, Any]) -> None:
        if metric == "http_reqs":
            self._request, self._times = data, {}
        elif metric == "iteration_duration":
            self._iteration(data)
        elif metric == "checks":
            self._check(data)
        elif metric == "vus":
            self._users(data)
        elif metric in self._counters:
            self._totals[metric] += data["value"]

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

    def _raised(self, at_ns: int, text: str) -> bool:
        """Marks an iteration as an error; false if it has not come yet."""
        fitting = [
            (one.end_ns, at)
            for at, one in enumerate(self._ended)
            if one.end_ns <= at_ns and one.outcome != event_pb2.TEST_OUTCOME_ERROR
        ]
        if fitting:
            _, at = max(fitting)
            self._ended[at] = self._ended[at]._replace(
                outcome=event_pb2.TEST_OUTCOME_ERROR, exception=exception_of(text)
            )
        return bool(fitting)

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
