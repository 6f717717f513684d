"""One runner of a part: its process, the source that it reports as, and its folder.

Rule: how a runner ended is reported when the broker has everything it had reported. A runner that
goes on for too long, or is silent for too long, is ended here, whatever it does.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from loadgrpc.agent.code_trust import EVERYBODY, CodeTrust
from loadgrpc.agent.doors import Doors
from loadgrpc.agent.folder import RunnerFolder
from loadgrpc.agent.places import Places
from loadgrpc.agent.process import RunnerProcess
from loadgrpc.agent.relay import Relay
from loadgrpc.agent.reports import Reports
from loadgrpc.agent.source import RelayedSource
from loadgrpc.agent.spool import Spool, SpoolRoom
from loadgrpc.agent.supplies import Prepared, Supplies
from loadgrpc.agent.workplace import Workplace
from loadgrpc.model import Assignment, SourceId, StopMode
from loadgrpc.protocol import environment, plans
from loadgrpc.stats.load_line import LoadLine
from loadgrpc.v1 import fleet_pb2

KILLED: Final = "the agent was killed"
OVERDUE: Final = "it did not end with its cycle"
LINK_SLACK_S: Final = 4.0
"""How long after the stop timeout our own runner may still be at work: it has its own limits."""
RUNNER_SLACK_S: Final = 1.0
"""The same for others, which get SIGTERM then."""
MAX_CHECK_INTERVAL_S: Final = 1.0
"""Longest interval between two checks whether a runner is silent or overdue."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class AgentServices:
    """What all parts and runners of an agent use."""

    state: Path
    room: SpoolRoom
    relay: Relay
    doors: Doors
    reports: Reports
    places: Places
    supplies: Supplies
    start_process: Callable[..., RunnerProcess]
    """`RunnerProcess.of`."""
    trust: CodeTrust = EVERYBODY
    """Whom it runs code for."""
    workplace: Workplace | None = None
    """Where they work. None: in the state folder."""
    no_python: str = ""
    """Why our own runner cannot be run, as a sentence. Empty: it can."""


class Runner:
    """See the module. `start`, then `wait`, then `deliver`."""

    def __init__(
        self, assignment: Assignment, services: AgentServices, prepared: Prepared | None = None
    ) -> None:
        """`prepared` None: nothing had to be."""
        self.assignment = assignment
        self._prepared = prepared
        self.ended_why = ""
        """Why this ended it; empty: it did not."""
        self._services = services
        source_id = SourceId(assignment.run_id, assignment.agent_id, secrets.token_hex(6))
        self._folder = RunnerFolder(
            services.state, source_id, assignment.scenario.name, services.workplace
        )
        spool = Spool(self._folder.spool, services.room)
        self._expected = services.relay.expect(assignment, source_id, spool)
        self._process: RunnerProcess | None = None
        self._leaves_s: float | None = None
        """How long its users may take to finish, once it is to leave; None: it is not."""

    @property
    def source(self) -> RelayedSource:
        """What it reports as."""
        return self._expected.source

    @property
    def pid(self) -> int | None:
        """The process below which all of it is. None: it was not started."""
        return self._process.pid if self._process is not None else None

    @property
    def runner_id(self) -> str:
        """Its name."""
        return self.source.source_id.runner_id

    # Its life

    async def start(self) -> None:
        """Starts its process.

        Raises:
            OSError: it could not be started, or there is no place for its files; nothing is left.
        """
        try:
            self._process = await self._start_process()
        except OSError:
            relay = self._services.relay
            relay.refuse(self._expected)
            await asyncio.to_thread(self._folder.remove)
            await relay.forget(self.source)
            raise
        if self._leaves_s is not None:
            self.stop(StopMode.GRACEFUL, self._leaves_s)

    async def wait(self, *, last: bool, why: Callable[[], str]) -> fleet_pb2.RunnerExit:
        """Waits until its process and all that it started have ended; says how.

        `why` says why somebody else ended it, if so. `last`: with it the part is over.
        """
        process = self._started
        guarding = asyncio.get_running_loop().create_task(self._guard(process))
        guarding.add_done_callback(self._check_guard)
        try:
            ended = await process.wait()
        finally:
            guarding.cancel()
        reason, status = why() or self.ended_why, ended.status
        if reason:
            status = status or 1
        text = ended.stderr_tail + reason
        return await asyncio.to_thread(exit_of, self._folder, status, text, last=last)

    async def deliver(self, ended: fleet_pb2.RunnerExit) -> None:
        """Reports how it ended, when the broker has everything it had reported."""
        await deliver(self._services, self.source, ended, self._folder)
        self._services.relay.refuse(self._expected)

    # Its end

    def stop(self, mode: StopMode, stop_timeout_s: float) -> None:
        """Ends it, at once or after the stop timeout."""
        if self._process is not None:
            self._process.stop(mode, stop_timeout_s)

    def leave(self, stop_timeout_s: float) -> None:
        """Lets its users finish their iteration, and ends it if they take longer."""
        self._leaves_s = stop_timeout_s
        self.source.stop(stop_timeout_s)
        self.stop(StopMode.GRACEFUL, stop_timeout_s)

    def terminate(self) -> None:
        """Asks it to end; kills it if it does not."""
        if self._process is not None:
            self._process.terminate()

    @property
    def _started(self) -> RunnerProcess:
        assert self._process is not None  # noqa: S101 - it was started
        return self._process

    async def _start_process(self) -> RunnerProcess:
        if withheld := self.assignment.plan.withheld:
            raise OSError(
                f"the broker was restarted, and no longer has the secret {', '.join(withheld)}:"
                " start the run again"
            )
        await asyncio.to_thread(self._folder.create)
        scenario = self.assignment.scenario
        doors = self._services.doors
        endpoint = doors.endpoint
        if scenario.test_runner:
            endpoint = await doors.outside()
        given = dict(self.assignment.plan.env)
        variables = {
            "PYTHONUNBUFFERED": "1",
            **given,
            **environment.connection(
                self.source.source_id, endpoint=endpoint, token=self._expected.token
            ),
            **environment.folder(self._folder.files),
        }
        command = [sys.executable, "-P", "-m", "loadgrpc.runner.link"]
        if scenario.test_runner:
            command = plans.command(scenario.test_runner, scenario.test)
            variables |= environment.work(self.assignment) | environment.direct(
                {**os.environ, **given}
            )
            fed = asyncio.to_thread(environment.cases, self.assignment, self._folder.files)
            variables |= await fed
            if self._prepared is not None and self._prepared.packages is not None:
                variables |= environment.imports({**os.environ, **given}, self._prepared.packages)
        elif verbosity := os.environ.get(environment.GRPC_VERBOSITY):
            variables[environment.GRPC_VERBOSITY] = verbosity  # ours prints what it has to say
        await asyncio.to_thread(self._folder.hand_over)
        alive = self._folder.alive()
        try:
            cwd = self._prepared.start_of(command) if self._prepared is not None else None
            return self._services.start_process(
                command, variables, alive, cwd=cwd, redactor=self.source.redactor
            )
        finally:
            os.close(alive)

    # Whether it goes on for too long

    async def _guard(self, process: RunnerProcess) -> None:
        """Ends it if it keeps running after its cycle, or after it is done, or is silent.

        Our own looks after its user processes by itself: it is only killed when it should be done.
        """
        if not self.assignment.scenario.test_runner:
            while not self.ended_why:
                await asyncio.sleep(MAX_CHECK_INTERVAL_S / 4)
                if self._is_overdue(LINK_SLACK_S, leaves_s=LINK_SLACK_S):
                    self.ended_why = OVERDUE
            process.stop(StopMode.KILL, 0.0)
            return
        began_s = _now_s()
        silence_s = self.assignment.scenario.silence_timeout_s or float("inf")
        interval_s = min(MAX_CHECK_INTERVAL_S, silence_s / 4)
        while not self.ended_why:
            await asyncio.sleep(interval_s)
            self.ended_why = self._why_too_long(process, began_s, silence_s)
        process.terminate()

    def _why_too_long(self, process: RunnerProcess, began_s: float, silence_s: float) -> str:
        """Why a `test_runner` is ended now; empty: it is not."""
        assignment, now_s = self.assignment, _now_s()
        overdue_s = float("inf")
        if assignment.user and (duration_s := assignment.cycles[0].duration_s) is not None:
            overdue_s = duration_s + assignment.plan.stop_timeout_s
        leaves_s = assignment.plan.stop_timeout_s + RUNNER_SLACK_S
        if now_s - began_s > overdue_s or self._is_overdue(RUNNER_SLACK_S, leaves_s=leaves_s):
            return OVERDUE
        heard_s = max(process.heard_s, self.source.heard_s)
        if now_s - heard_s > silence_s and not self.source.waits:
            return f"it was silent for {silence_s:g} s"
        return ""

    def _is_overdue(self, slack_s: float, *, leaves_s: float) -> bool:
        """Whether its cycle should have been over that long ago.

        `leaves_s`: what it has to end when all that it did has arrived.
        """
        now_s = _now_s()
        if self.source.cycle_began is None:
            return now_s - self.source.finished_s > leaves_s
        assignment = self.assignment
        number, began_s = self.source.cycle_began
        if not 1 <= number <= len(assignment.cycles):
            return False
        duration_s = assignment.cycles[number - 1].duration_s
        if (load := assignment.scenario.load) is not None:
            duration_s = LoadLine(load, self.source.load_changes).duration_s
        if duration_s is None:
            return False
        return now_s - began_s > duration_s + assignment.plan.stop_timeout_s + slack_s

    def _check_guard(self, guarding: asyncio.Task[None]) -> None:
        """A runner that nobody guards is ended, and says so."""
        if guarding.cancelled() or (error := guarding.exception()) is None:
            return
        self.ended_why = f"a defect of the agent: {type(error).__name__}: {error}"
        _log.error("a defect: please report it", exc_info=error)
        self.terminate()


async def finish_former(services: AgentServices, folders: list[RunnerFolder]) -> None:
    """Continues a part of which an earlier agent process has left runners, to its end."""
    await asyncio.gather(*(_finish_former(services, folder) for folder in folders))
    source_id, scenario = folders[0].source_id, folders[0].scenario
    over = fleet_pb2.RunnerExit(run_id=source_id.run_id, scenario=scenario, last=True)
    services.reports.ended(over)


async def _finish_former(services: AgentServices, folder: RunnerFolder) -> None:
    spool = Spool(folder.spool, services.room)
    source = await services.relay.resume(folder.source_id, folder.scenario, spool)
    await asyncio.to_thread(folder.wait_for_end)
    ended = await asyncio.to_thread(folder.exit)
    if ended is None:
        ended = await asyncio.to_thread(exit_of, folder, -signal.SIGKILL, KILLED)
    await deliver(services, source, ended, folder)


async def deliver(
    services: AgentServices,
    source: RelayedSource,
    ended: fleet_pb2.RunnerExit,
    folder: RunnerFolder,
) -> None:
    """Reports how a runner ended, when the broker has everything it had reported."""
    await source.settle()
    await services.relay.forget(source)
    services.reports.ended(ended, folder)


def exit_of(
    folder: RunnerFolder, status: int, text: str, *, last: bool = False
) -> fleet_pb2.RunnerExit:
    """How a runner ended, with what it had produced; kept in its folder. Waits for the disk."""
    source_id, produced = folder.source_id, folder.produced()
    ended = fleet_pb2.RunnerExit(
        run_id=source_id.run_id,
        runner_id=source_id.runner_id,
        scenario=folder.scenario,
        exit_status=status,
        stderr_tail=text,
        produced_events=produced.events if produced else None,
        produced_hits=produced.hits if produced else None,
        last=last,
    )
    try:
        folder.save_exit(ended)
    except OSError as error:
        _log.warning("run %s: its end cannot be kept on disk: %s", source_id.run_id, error)
    return ended


def _now_s() -> float:
    """Now, by the loop's clock, as everything about runners is timed."""
    return asyncio.get_running_loop().time()
