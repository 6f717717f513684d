"""`funkload`: the run as the XML of a FunkLoad bench, which `fl-build-report` makes a report of.

Rule: the document is the one that Loads wrote, attribute for attribute. Responses of an iteration
stand in front of its result. They wait for it in memory, but not without bound: what waits when
there is too much is written as it is, and only counted.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, TextIO

from loadgrpc import __version__
from loadgrpc.clock import NS_PER_S
from loadgrpc.model import Summary, fails
from loadgrpc.outputs.named_test import NamedTest
from loadgrpc.outputs.output import FileOutput, Results
from loadgrpc.outputs.xml_text import attribute, whole
from loadgrpc.protocol.times import duration_from_proto, timestamp_from_proto
from loadgrpc.v1.control_pb2 import ListedEvent
from loadgrpc.v1.event_pb2 import Event, ExceptionInfo, LoadStatus

VERSION: Final = "1.17.0"
"""The version of FunkLoad whose format this is."""
KINDS: Final = ("hit", "test_start", "test_success", "test_failure", "test_error", "test_stop")
MAX_WAITING: Final = 100_000
"""Responses in memory, of all users together: some 30 MB."""

MAX_OPEN: Final = 20_000
"""Iterations that wait for their end; beyond it the older half is given up."""

Key = tuple[str, str, int, int, int]
"""Which iteration it is: agent, runner, cycle, user, iteration."""

SUCCESSFUL: Final = "Successful"
FAILURE: Final = "Failure"
ERROR: Final = "Error"


@dataclass(slots=True)
class OpenIteration:
    """What is known of an iteration that has not ended."""

    start_ns: int | None = None
    result: str = ""
    """Empty: it had no outcome, which is an error."""
    exception: ExceptionInfo | None = None
    steps: int = 0
    redirects: int = 0
    waiting: list[str] = field(default_factory=list)
    """Its responses that are not written yet."""


class Funkload(FileOutput):
    """See the module."""

    default = "funkload-report.xml"
    reads_events = True

    async def write(self, results: Results) -> None:
        """See Output."""
        with self.file.open() as file:
            file.writelines(head(results.summary, str(self.file)))
            bench = Bench(results.summary, file)
            async for listed in results.events(*KINDS):
                bench.add(listed)
            bench.close()
            file.write("</funkload>\n")


def head(summary: Summary, path: str) -> Iterator[str]:
    """The document up to its first response."""
    began_ns = summary.start_time_ns or summary.create_time_ns
    second, ns = divmod(began_ns, NS_PER_S)
    began = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(second))
    yield f'<funkload version="{VERSION}" time="{began}.{ns // 1000:06}">\n'
    scenario = summary.plan.scenarios[0]
    name = NamedTest.of(scenario.test)
    duration_s = scenario.duration_s
    config = {
        "node": ", ".join(dict.fromkeys(agent.hostname for agent in summary.agents)),
        "sleep_time_min": "0.0",
        "class_description": f"loadgrpc Funkload export {__version__}",
        "log_xml": path,
        "cycle_time": "0",
        "description": summary.plan.title.strip() or "No test description",
        "startup_delay": "0.0",
        "configuration_file": "",
        "class_title": "",
        "module": name.module,
        "class": name.kind,
        "method": name.method,
        "sleep_time": "0.0",
        "sleep_time_max": "0.0",
        "duration": "1" if duration_s is None else f"{duration_s:g}",
        "cycles": str(list(_users(summary))),
        "id": name.method,
        "python_version": platform.python_version(),
    }
    if scenario.server_url:
        config["server_url"] = scenario.server_url
    for key, value in config.items():
        yield f'<config key="{key}" value="{attribute(value)}"/>\n'


def _users(summary: Summary) -> tuple[int, ...]:
    """The users of each cycle, of all agents together; of arrivals, those that they had."""
    plan, had = summary.plan, summary.arrival_users
    times = 1 if plan.split else plan.agents
    closed = plan.closed_users or (0,) * plan.cycles
    return tuple(users * times + had for users in closed)


class Bench:
    """Makes responses and results of events, one after another."""

    def __init__(self, summary: Summary, file: TextIO) -> None:
        self._file = file
        self._users = _users(summary)
        self._iterations: dict[Key, OpenIteration] = {}
        self._waiting = 0

    def add(self, listed: ListedEvent) -> None:
        """Takes an event."""
        event, kind = listed.event, listed.event.WhichOneof("event")
        status = event.status
        key = (
            *(listed.agent_id, listed.runner_id),
            *(status.cycle, status.current_user, status.current_iteration),
        )
        iteration = self._iterations.get(key)
        if iteration is None:
            self._make_room()
            iteration = self._iterations[key] = OpenIteration()
        if kind == "hit":
            self._hit(event, iteration)
        elif kind == "test_start":
            iteration.start_ns = timestamp_from_proto(event.time)
        elif kind == "test_success":
            iteration.result = SUCCESSFUL
        elif kind == "test_failure":
            iteration.result, iteration.exception = FAILURE, event.test_failure.exception
        elif kind == "test_error":
            iteration.result, iteration.exception = ERROR, event.test_error.exception
        else:
            self._stop(event, iteration)
            del self._iterations[key]

    def close(self) -> None:
        """Writes what waits for a result that did not come."""
        for iteration in self._iterations.values():
            self._write(iteration)

    def _make_room(self) -> None:
        """See that few iterations are open: a runner may report hits only, and no ends."""
        if len(self._iterations) < MAX_OPEN:
            return
        for key in list(self._iterations)[: MAX_OPEN // 2]:
            self._write(self._iterations.pop(key))

    def _hit(self, event: Event, iteration: OpenIteration) -> None:
        hit = event.hit
        iteration.steps += 1
        iteration.redirects += 300 <= hit.status < 400  # noqa: PLR2004 - the class of redirects
        failed = hit.failed if hit.HasField("failed") else fails(hit.status, hit.error)
        result = (ERROR if hit.error else FAILURE) if failed else SUCCESSFUL
        elapsed_ns = duration_from_proto(hit.elapsed)
        end_ns = timestamp_from_proto(event.time)
        start_ns = (
            timestamp_from_proto(hit.start_time)
            if hit.HasField("start_time")
            else end_ns - elapsed_ns
        )
        response = (
            "<response\n"
            f'    {self._where(event.status)} suite="" name=""\n'
            f'    step="{iteration.steps:03}" number="001"'
            f' type="{attribute(hit.method.lower() or hit.protocol)}"'
            f' result="{result}" url="{attribute(hit.url or hit.name, limit=2048)}"\n'
            f'    code="{hit.status}" description="{attribute(hit.error_message)}"'
            f' time="{start_ns // NS_PER_S}" duration="{_seconds(elapsed_ns)}" />\n'
        )
        iteration.waiting.append(response)
        self._waiting += 1
        if self._waiting >= MAX_WAITING:
            self.close()

    def _stop(self, event: Event, iteration: OpenIteration) -> None:
        self._write(iteration)
        name = NamedTest.of(event.test_stop.test)
        end_ns = timestamp_from_proto(event.time)
        start_ns = end_ns if iteration.start_ns is None else iteration.start_ns
        trace = _traceback(iteration.exception)
        self._file.write(
            "<testResult\n"
            f'    {self._where(event.status)} suite="{attribute(name.kind)}"\n'
            f'    name="{attribute(name.method)}" time="{start_ns // NS_PER_S}"'
            f' result="{iteration.result or ERROR}" steps="{iteration.steps}"\n'
            f'    duration="{_seconds(end_ns - start_ns)}" connection_duration="0"'
            f' requests="{iteration.steps}"\n'
            f'    pages="{iteration.steps - iteration.redirects}" xmlrpc="0"'
            f' redirects="{iteration.redirects}" images="0" links="0"\n'
            f"    {trace}/>\n"
        )

    def _where(self, status: LoadStatus) -> str:
        """Which user of which cycle it was; FunkLoad counts cycles and threads from 0."""
        cycle = max(status.cycle - 1, 0)
        users = self._users[cycle] if cycle < len(self._users) else status.users
        thread = max(status.current_user - 1, 0)
        return f'cycle="{cycle:03}" cvus="{users:03}" thread="{thread:03}"'

    def _write(self, iteration: OpenIteration) -> None:
        self._file.writelines(iteration.waiting)
        self._waiting -= len(iteration.waiting)
        iteration.waiting.clear()


def _traceback(exception: ExceptionInfo | None) -> str:
    """The attribute that says what was raised."""
    if exception is None:
        return ""
    said = ": ".join(filter(None, (exception.type, exception.message)))
    return f'traceback="{whole(exception.traceback or said)}" '


def _seconds(ns: int) -> str:
    """Seconds as Loads wrote them: up to six decimals."""
    return str(round(ns / 1e9, 6))
