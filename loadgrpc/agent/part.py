"""An agent's part in a scenario of a run: it starts the runners, and ends them.

Rule: the end of a runner is reported once the broker has everything that it had sent. The message
about the last of them says that the part is over. A process that runs all users waits for its
cycles by itself; in one-user mode the part waits, and starts the processes.
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
import secrets
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from loadgrpc.agent.doors import Doors
from loadgrpc.agent.folder import RunnerFolder
from loadgrpc.agent.keeper import CANNOT_START
from loadgrpc.agent.process import RunnerProcess
from loadgrpc.agent.relay import Expected, Relay
from loadgrpc.agent.source import Source
from loadgrpc.agent.spool import Room, Spool
from loadgrpc.model import Assignment, Cycle, SourceId, StopMode
from loadgrpc.protocol import environment, plans
from loadgrpc.v1 import fleet_pb2

STOPPED: Final = "the agent was stopped"
KILLED: Final = "the agent was killed"
OVERDUE: Final = "it did not end with its cycle"
LINK_SLACK_S: Final = 4.0
"""How long after the stop timeout our own runner may still run: it has its own limits."""
RUNNER_SLACK_S: Final = 1.0
"""The same for others, which get SIGTERM then."""
MAX_CHECK_INTERVAL_S: Final = 1.0
"""Longest interval between checks whether a runner is silent."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Means:
    """What all parts of an agent use."""

    state: Path
    room: Room
    relay: Relay
    doors: Doors
    tell: Callable[[fleet_pb2.RunnerExit, RunnerFolder | None], None]
    """Tells the broker how a runner ended; its folder goes when that is noted."""
    news: Callable[[], None]
    """Called when the part has become ready for a cycle."""


@dataclass(eq=False)
class _Runner:
    """A process of ours."""

    process: RunnerProcess
    source: Source
    last_words: str = ""
    """Why the agent ended it, and no other; empty: it did not."""

    def is_overdue(self, assignment: Assignment, slack_s: float, *, leaves_s: float) -> bool:
        """Whether its cycle should have been over that long ago.

        `leaves_s`: what it has to end when all that it did has arrived.
        """
        now_s = time.monotonic()
        if self.source.cycle_began is None:
            return now_s - self.source.finished_s > leaves_s
        number, began_s = self.source.cycle_began
        if not 1 <= number <= len(assignment.cycles):
            return False
        duration_s = assignment.cycles[number - 1].duration_s
        if duration_s is None:
            return False
        return now_s - began_s > duration_s + assignment.plan.stop_timeout_s + slack_s


class Part:
    """See the module. `live` is its life."""

    def __init__(self, assignment: Assignment, means: Means) -> None:
        self.assignment = assignment
        self.waits_for = 0
        """The cycle that it is ready for and that has not begun; 0: there is none."""
        self.processes_ended = asyncio.Event()
        """Set when no process of it lives, nor will."""
        self._means = means
        self._entered = 0
        self._stopping: tuple[StopMode, float] | None = None
        self._stop_at = math.inf
        """When the stop timeout is over, by the loop's clock."""
        self._ended_why = ""
        """Why the agent ended it; empty: it did not."""
        self._changed = asyncio.Event()
        self._runners: set[_Runner] = set()
        self._delivering: set[asyncio.Task[None]] = set()

    @property
    def run_id(self) -> str:
        """The run."""
        return self.assignment.run_id

    @property
    def scenario(self) -> str:
        """The name of the scenario."""
        return self.assignment.scenario.name

    async def live(self) -> None:
        """From its start until everything is reported; a defect of ours ends it, too."""
        try:
            if self.assignment.scenario.one_user_each:
                await self._live_cycles()
            elif self.assignment.scenario.by_hand:
                await self._wait_for_stop_timeout()
                self._tell_over(self._ended_why)
            else:
                await self._live_runner(self.assignment, last=True)
                self.processes_ended.set()
                await asyncio.gather(*self._delivering)
        except Exception as error:  # noqa: BLE001 - it is reported
            _log.exception(
                "run %s: a defect of the agent ends its part",
                self.run_id,
                extra={"run_id": self.run_id},
            )
            for runner in self._runners:
                runner.process.stop(StopMode.KILL, 0.0)
            words = f"a defect of the agent: {type(error).__name__}: {error}"
            self._tell(exit_status=1, start_error=words, last=True)
        finally:
            self.processes_ended.set()
            for delivering in self._delivering:
                delivering.cancel()

    # Orders

    def enter(self, cycle: int) -> None:
        """A cycle begins."""
        self._entered = max(self._entered, cycle)
        self._changed.set()

    def stop(self, mode: StopMode, stop_timeout_s: float) -> None:
        """No process is started any more, and those that live are ended."""
        self._stopping = (mode, stop_timeout_s)
        patience_s = 0.0 if mode is StopMode.KILL else stop_timeout_s
        self._stop_at = min(self._stop_at, asyncio.get_running_loop().time() + patience_s)
        self._changed.set()
        for runner in self._runners:
            runner.process.stop(mode, stop_timeout_s)

    def end_load(self, why: str) -> None:
        """Kills all that lives."""
        _log.warning(
            "run %s: ending its load on this agent: %s",
            self.run_id,
            why,
            extra={"run_id": self.run_id},
        )
        self._ended_why = self._ended_why or why
        self.stop(StopMode.KILL, 0.0)

    def leave(self) -> None:
        """The agent goes: what lives is asked to end, and killed if it does not."""
        self._ended_why = STOPPED
        self._stopping = (StopMode.KILL, 0.0)  # for who is just being started
        self._stop_at = 0.0
        self._changed.set()
        for runner in self._runners:
            runner.process.terminate()

    async def _wait_for_stop_timeout(self) -> None:
        """Leaves what somebody lives by hand to the broker, which knows when that has finished."""
        loop = asyncio.get_running_loop()
        await self._until_stopped()
        while (left_s := self._stop_at - loop.time()) > 0:
            self._changed.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(left_s):
                    await self._changed.wait()

    async def _until_stopped(self, *, or_entered: float = math.inf) -> None:
        """Waits until it is stopped, or a cycle begins."""
        while self._entered < or_entered and self._stopping is None:
            self._changed.clear()
            await self._changed.wait()

    # One process for each user

    async def _live_cycles(self) -> None:
        assignment = self.assignment
        why = ""
        for number, cycle in enumerate(assignment.cycles, 1):
            await self._wait_for(number)
            living = await self._start_users(assignment, number, cycle)
            await asyncio.gather(*living)
            if len(living) < cycle.users:
                why = self._ended_why
                break
        self.processes_ended.set()
        await asyncio.gather(*self._delivering)
        self._tell_over(why)

    async def _wait_for(self, cycle: int) -> None:
        """Says that it is ready for a cycle, and waits until it begins."""
        self.waits_for = cycle
        self._means.news()
        await self._until_stopped(or_entered=cycle)
        self.waits_for = 0

    async def _start_users(
        self, assignment: Assignment, number: int, cycle: Cycle
    ) -> list[asyncio.Task[None]]:
        """Starts a process for each user, at the rate that is asked for."""
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        living = []
        for user in range(1, cycle.users + 1):
            if rate := assignment.scenario.spawn_rate:
                await self._pause(began_s + (user - 1) / rate - loop.time())
            if self._stopping is not None:
                break
            own = assignment.of_user(user, number)
            living.append(loop.create_task(self._live_runner(own)))
        return living

    async def _pause(self, seconds: float) -> None:
        """Waits, unless it is stopped meanwhile."""
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, seconds)):
                await self._until_stopped()

    # One process

    async def _live_runner(self, assignment: Assignment, *, last: bool = False) -> None:
        """A runner, until its process and all that it started have ended."""
        source_id = SourceId(assignment.run_id, assignment.agent_id, secrets.token_hex(6))
        folder = RunnerFolder(self._means.state, source_id, assignment.scenario.name)
        spool = Spool(folder.spool, self._means.room)
        relay = self._means.relay
        expected = relay.expect(assignment, source_id, spool)
        try:
            process = await self._start_process(expected, folder)
        except OSError as error:
            relay.refuse(expected)
            await asyncio.to_thread(folder.remove)
            await relay.forget(expected.source)
            runner_id = "" if last else source_id.runner_id
            self._tell(runner_id=runner_id, start_error=str(error), last=last)
            return
        _log.info(
            "run %s: a runner of %s started",
            self.run_id,
            assignment.scenario.test,
            extra={"run_id": self.run_id},
        )
        runner = _Runner(process, expected.source)
        self._runners.add(runner)
        if self._stopping is not None:
            process.stop(*self._stopping)
        guarding = asyncio.get_running_loop().create_task(self._guard(runner, assignment))
        try:
            ended = await process.wait()
        finally:
            guarding.cancel()
        self._runners.discard(runner)
        why, status = self._ended_why or runner.last_words, ended.status
        if why:
            status = status or 1
        _log.info(
            "run %s: a runner ended with status %d",
            self.run_id,
            status,
            extra={"run_id": self.run_id},
        )
        if status == CANNOT_START and self.assignment.scenario.one_user_each:
            self._stopping = self._stopping or (StopMode.GRACEFUL, 0.0)  # nor would the others
        words = ended.stderr_tail + why
        told = await asyncio.to_thread(exit_of, folder, status, words, last=last)
        delivering = asyncio.get_running_loop().create_task(self._deliver(expected, told, folder))
        self._delivering.add(delivering)

    async def _start_process(self, expected: Expected, folder: RunnerFolder) -> RunnerProcess:
        """Starts a runner's process.

        Raises:
            OSError: it could not be started, or there is no place for its files.
        """
        await asyncio.to_thread(folder.create)
        endpoint = self._means.doors.endpoint
        scenario = self.assignment.scenario
        if scenario.test_runner:
            endpoint = await self._means.doors.outside()
        source_id = expected.source.source_id
        variables = {
            "PYTHONUNBUFFERED": "1",
            **environment.connection(source_id, endpoint=endpoint, token=expected.token),
            **environment.folder(folder.files),
        }
        command = [sys.executable, "-P", "-m", "loadgrpc.runner.link"]
        if scenario.test_runner:
            command = plans.command(scenario.test_runner, scenario.test)
            variables |= environment.work(expected.assignment) | environment.direct(os.environ)
        elif verbosity := os.environ.get(environment.GRPC_VERBOSITY):
            variables[environment.GRPC_VERBOSITY] = verbosity  # ours prints what it has to say
        alive = folder.alive()
        try:
            return RunnerProcess.of(command, variables, alive)
        finally:
            os.close(alive)

    async def _guard(self, runner: _Runner, assignment: Assignment) -> None:
        """Ends a runner that goes on after its cycle, or after it is done, or is silent.

        Our own looks after its user processes by itself: it is only killed when it should be done.
        """
        if not assignment.scenario.test_runner:
            while not runner.last_words:
                await asyncio.sleep(MAX_CHECK_INTERVAL_S / 4)
                if runner.is_overdue(assignment, LINK_SLACK_S, leaves_s=LINK_SLACK_S):
                    runner.last_words = OVERDUE
            runner.process.stop(StopMode.KILL, 0.0)
            return
        began_s = time.monotonic()
        silence_s = assignment.scenario.silence_timeout_s or float("inf")
        overdue_s = float("inf")
        if assignment.user and (duration_s := assignment.cycles[0].duration_s) is not None:
            overdue_s = duration_s + assignment.plan.stop_timeout_s
        look_every_s = min(MAX_CHECK_INTERVAL_S, silence_s / 4)
        leaves_s = assignment.plan.stop_timeout_s + RUNNER_SLACK_S
        while not runner.last_words:
            await asyncio.sleep(look_every_s)
            now_s = time.monotonic()
            heard_s = max(runner.process.heard_s, runner.source.heard_s)
            if now_s - began_s > overdue_s or runner.is_overdue(
                assignment, RUNNER_SLACK_S, leaves_s=leaves_s
            ):
                runner.last_words = OVERDUE
            elif now_s - heard_s > silence_s and not runner.source.waits:
                runner.last_words = f"it was silent for {silence_s:g} s"
        runner.process.terminate()

    async def _deliver(
        self, expected: Expected, told: fleet_pb2.RunnerExit, folder: RunnerFolder
    ) -> None:
        await deliver(self._means, expected.source, told, folder)
        self._means.relay.refuse(expected)

    def _tell_over(self, why: str) -> None:
        """Tells that nothing of it lives, nor will; and why, if that is too early."""
        if why:
            self._tell(exit_status=1, start_error=why, last=True)
        else:
            self._tell(last=True)

    def _tell(self, *, last: bool, **what: object) -> None:
        """Reports an end without a folder."""
        told = fleet_pb2.RunnerExit(
            run_id=self.run_id,
            scenario=self.scenario,
            last=last,
            **what,  # type: ignore[arg-type]  # its fields
        )
        self._means.tell(told, None)


async def finish_former(means: Means, folders: list[RunnerFolder]) -> None:
    """Goes on with a part of which an agent before this one has left runners, to its end."""
    await asyncio.gather(*(_finish_former(means, folder) for folder in folders))
    source_id, scenario = folders[0].source_id, folders[0].scenario
    over = fleet_pb2.RunnerExit(run_id=source_id.run_id, scenario=scenario, last=True)
    means.tell(over, None)


async def _finish_former(means: Means, folder: RunnerFolder) -> None:
    spool = Spool(folder.spool, means.room)
    source = await means.relay.resume(folder.source_id, folder.scenario, spool)
    await asyncio.to_thread(folder.wait_for_end)
    told = await asyncio.to_thread(folder.exit)
    if told is None:
        told = await asyncio.to_thread(exit_of, folder, -signal.SIGKILL, KILLED)
    await deliver(means, source, told, folder)


async def deliver(
    means: Means, source: Source, told: fleet_pb2.RunnerExit, folder: RunnerFolder
) -> None:
    """Tells how a runner ended, when the broker has all that it had said."""
    await source.settle()
    await means.relay.forget(source)
    means.tell(told, folder)


def exit_of(
    folder: RunnerFolder, status: int, message: str, *, last: bool = False
) -> fleet_pb2.RunnerExit:
    """How a runner ended, with what it had produced; kept in its folder. Waits for the disk."""
    source_id, produced = folder.source_id, folder.produced()
    told = fleet_pb2.RunnerExit(
        run_id=source_id.run_id,
        runner_id=source_id.runner_id,
        scenario=folder.scenario,
        exit_status=status,
        stderr_tail=message,
        produced_events=produced.events if produced else None,
        produced_hits=produced.hits if produced else None,
        last=last,
    )
    try:
        folder.save_exit(told)
    except OSError as error:
        _log.warning("run %s: its end cannot be kept on disk: %s", source_id.run_id, error)
    return told
