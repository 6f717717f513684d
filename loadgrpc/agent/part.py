"""An agent's part in a scenario of a run: it starts the runners that run the users, and ends them.

Rule: the message of the end of the last runner says that the part is over. Where one process runs
all users, that process waits for its cycles by itself; where each user is a process, the part
waits, and starts them, at most as many at once as the agent has places for.
"""

from __future__ import annotations

import asyncio
import logging
import math
from contextlib import suppress
from dataclasses import replace
from typing import Final

from loadgrpc.agent.keeper import CANNOT_START
from loadgrpc.agent.level import LevelUsers, StartedUser
from loadgrpc.agent.reports import PartKey
from loadgrpc.agent.runner import AgentServices, Runner
from loadgrpc.agent.supplies import NotPrepared, Prepared
from loadgrpc.clock import NS_PER_S
from loadgrpc.model import Assignment, Cycle, LoadChange, StopMode
from loadgrpc.protocol.fleet import HeldBack
from loadgrpc.stats import pacing
from loadgrpc.v1 import fleet_pb2

STOPPED: Final = "the agent was stopped"
LATE_NS: Final = 10_000_000
"""Behind users that waited for a place, one that starts later than this waited, too."""
COUNT_EVERY_S: Final = 1.0
"""How often users that wait are counted again."""

_log = logging.getLogger(__name__)


class AssignedPart:
    """See the module. `run` is its life."""

    def __init__(self, assignment: Assignment, services: AgentServices) -> None:
        self.assignment = assignment
        self.processes_ended = asyncio.Event()
        """Set when none of its processes is alive, nor will be."""
        self._services = services
        self._entered = 0
        """The last cycle that has begun."""
        self._stopping: tuple[StopMode, float] | None = None
        self._stop_at = math.inf
        """When the stop timeout is over, by the loop's clock."""
        self._ended_why = ""
        """Why the agent ended it; empty: it did not."""
        self._changed = asyncio.Event()
        self._runners: set[Runner] = set()
        self._users: set[asyncio.Task[None]] = set()
        """One for each user whose process is alive, where each is one."""
        self._delivering: set[asyncio.Task[None]] = set()
        self._defect: BaseException | None = None
        """What one of these raised."""
        self._prepared: Prepared | None = None
        """What its runners find; None: nothing had to be prepared."""
        self._held_back = 0
        """Users that waited for a place."""
        self._load_changes = assignment.load_changes

    @property
    def run_id(self) -> str:
        """The run."""
        return self.assignment.run_id

    @property
    def scenario(self) -> str:
        """The name of the scenario."""
        return self.assignment.scenario.name

    @property
    def key(self) -> PartKey:
        """What it is found by."""
        return self.run_id, self.scenario

    async def run(self) -> None:
        """From its start until all is reported; a defect of ours ends it, too."""
        scenario = self.assignment.scenario
        try:
            if why := await self._why_refused():
                self._log("run %s: %s", why)
                self._report(start_error=why, not_prepared=True, last=True)
            elif scenario.by_hand:
                await self._wait_for_stop_timeout()
                self._report_over(self._ended_why)
            elif self.assignment.plan.is_prepared:
                await self._prepare_and_run()
            else:
                await self._run_users()
        except Exception as error:  # noqa: BLE001 - it is reported
            _log.exception(
                "run %s: a defect of the agent ends its part",
                self.run_id,
                extra={"run_id": self.run_id},
            )
            for runner in self._runners:
                runner.stop(StopMode.KILL, 0.0)
            text = f"a defect of the agent: {type(error).__name__}: {error}"
            self._report(exit_status=1, start_error=text, last=True)
        finally:
            self.processes_ended.set()
            for task in (*self._users, *self._delivering):
                task.cancel()

    async def _why_refused(self) -> str:
        """Why its agent does not run what it is asked to. Empty: it does."""
        trust, scenario = self._services.trust, self.assignment.scenario
        needs_python = not scenario.test_runner or self.assignment.plan.python_deps
        if self._services.no_python and needs_python and not scenario.by_hand:
            return self._services.no_python
        if not trust.demands_signatures:
            return ""
        return await asyncio.to_thread(trust.why_refused, self.assignment)

    # Orders

    def enter(self, cycle: int) -> None:
        """A cycle begins."""
        self._entered = max(self._entered, cycle)
        self._changed.set()

    def change_load(self, changes: tuple[LoadChange, ...]) -> None:
        """Its load was changed live; these are all changes so far."""
        self._load_changes = changes
        self._changed.set()

    def stop(self, mode: StopMode, stop_timeout_s: float) -> None:
        """No process is started any more, and those that are alive are ended."""
        self._stopping = (mode, stop_timeout_s)
        patience_s = 0.0 if mode is StopMode.KILL else stop_timeout_s
        self._stop_at = min(self._stop_at, asyncio.get_running_loop().time() + patience_s)
        self._changed.set()
        for runner in self._runners:
            runner.stop(mode, stop_timeout_s)

    def end_load(self, why: str) -> None:
        """Kills everything that is alive."""
        _log.warning(
            "run %s: ending its load on this agent: %s",
            self.run_id,
            why,
            extra={"run_id": self.run_id},
        )
        self._ended_why = self._ended_why or why
        self.stop(StopMode.KILL, 0.0)

    def end_soon(self, why: str) -> None:
        """Asks everything that is alive to end, and kills what does not."""
        self._ended_why = self._ended_why or why
        self._stopping = (StopMode.KILL, 0.0)  # for runners that are being started
        self._stop_at = 0.0
        self._changed.set()
        for runner in self._runners:
            runner.terminate()

    def leave(self) -> None:
        """The agent is leaving."""
        self.end_soon(STOPPED)

    @property
    def is_ended(self) -> bool:
        """Whether its agent has ended it."""
        return bool(self._ended_why)

    @property
    def pids(self) -> list[int]:
        """The processes below which all of its processes are."""
        return [runner.pid for runner in self._runners if runner.pid is not None]

    # By hand

    async def _wait_for_stop_timeout(self) -> None:
        """Leaves what somebody runs by hand to the broker, which knows when that has finished."""
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

    # What has to be there first

    async def _prepare_and_run(self) -> None:
        """Prepares the run on this agent, and runs its users there; then what was made goes."""
        async with self._services.supplies.of_run(self.assignment) as preparing:
            stopped = asyncio.create_task(self._until_stopped())
            await asyncio.wait({preparing, stopped}, return_when=asyncio.FIRST_COMPLETED)
            stopped.cancel()
            if self._stopping is not None:
                self._report_over(self._ended_why)
                return
            try:
                self._prepared = preparing.result()
            except NotPrepared as error:
                self._log("run %s: %s", error)
                self._report(start_error=str(error), not_prepared=True, last=True)
                return
            python_path = self._prepared.python_path
            self.assignment = replace(self.assignment, python_path=python_path)
            await self._run_users()

    async def _run_users(self) -> None:
        if self.assignment.scenario.one_user_each:
            await self._run_each_user()
        else:
            await self._run_all_users()

    # One process for all users

    async def _run_all_users(self) -> None:
        runner = Runner(self.assignment, self._services, self._prepared)
        await self._run_runner(runner, last=True)
        self.processes_ended.set()
        await self._all_ended(self._delivering)

    # One process for each user

    async def _run_each_user(self) -> None:
        why = ""
        for number, cycle in enumerate(self.assignment.cycles, 1):
            await self._wait_for(number)
            if self.assignment.scenario.load is None:
                await self._start_users(number, cycle)
            else:
                await self._follow_level(number)
            await self._all_ended(self._users)
            if self._stopping is not None:
                why = self._ended_why
                break
        self.processes_ended.set()
        await self._all_ended(self._delivering)
        self._report_over(why)

    async def _wait_for(self, cycle: int) -> None:
        """Says that it is ready for a cycle, and waits until it begins."""
        self._services.reports.ready(self.key, cycle)
        await self._until_stopped(or_entered=cycle)
        self._services.reports.begun(self.key)

    async def _start_users(self, number: int, cycle: Cycle) -> None:
        """Starts a process for each user when it is due and there is a place for it.

        A cycle with a duration is over with it: who has not started by then never does, and who
        starts later than the cycle has what is left of it.
        """
        began_ns = _now_ns()
        over_ns = pacing.end_ns(began_ns, cycle.duration_s)
        users = range(1, cycle.users + 1)
        ramp = pacing.ramp_up(users, self.assignment.scenario.spawn_rate, began_ns)
        pace = pacing.bounded(ramp, end_ns=over_ns)
        started, waited = 0, False
        while self._stopping is None:
            now_ns = _now_ns()
            wait_ns = pace(now_ns, started)
            if wait_ns is None:
                break
            if wait_ns > 0:
                await self._pause(wait_ns / NS_PER_S)
                continue
            if self._services.places.full:
                waited = True
                if not await self._wait_for_place(ramp, range(started, cycle.users), over_ns):
                    break
            else:
                await self._services.places.take()
                waited = waited and wait_ns < -LATE_NS
            begins_ns = _now_ns() if waited else now_ns + wait_ns
            left_s = None if over_ns is None else (over_ns - begins_ns) / NS_PER_S
            self._start_user(self.assignment.of_user(started + 1, number, duration_s=left_s))
            self._held_back += waited
            started += 1
        self._services.reports.held_back(self.key, self._waiting(0))

    async def _follow_level(self, number: int) -> None:
        """Lets users come and go with the level, until the load is over."""
        began_ns, reports = _now_ns(), self._services.reports
        users = LevelUsers(self.assignment, number, self._services.places, self._start_user)
        while self._stopping is None:
            self._changed.clear()
            since_s = (_now_ns() - began_ns) / NS_PER_S
            wait_s = await users.follow(since_s, self._load_changes)
            reports.held_back(self.key, users.held_back)
            if wait_s is None:
                break
            with suppress(TimeoutError):
                async with asyncio.timeout(None if wait_s == math.inf else wait_s):
                    await self._changed.wait()
        reports.held_back(self.key, replace(users.held_back, waiting=0))

    async def _pause(self, seconds: float) -> None:
        """Waits, unless it is stopped meanwhile."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._until_stopped()

    async def _wait_for_place(self, ramp: pacing.Pace, users: range, over_ns: int | None) -> bool:
        """Takes a place for the first of `users`, when there is one; False: it is too late for it.

        Meanwhile it reports how many of them are due, and wait.
        """
        loop, places = asyncio.get_running_loop(), self._services.places
        taking = loop.create_task(places.take())
        stopped = loop.create_task(self._until_stopped())
        over_s = math.inf if over_ns is None else over_ns / NS_PER_S
        waiting = 0
        if not self._held_back:
            _log.warning(
                "run %s: users wait for others to end: each is a process, and this agent runs at"
                " most %d of them at once (--max-processes)",
                self.run_id,
                places.most,
                extra={"run_id": self.run_id},
            )
        try:
            while not (taking.done() or stopped.done()) and (left_s := over_s - loop.time()) > 0:
                waiting = pacing.due(ramp, _now_ns(), users)
                self._services.reports.held_back(self.key, self._waiting(waiting))
                await asyncio.wait(
                    {taking, stopped},
                    timeout=min(COUNT_EVERY_S, left_s),
                    return_when=asyncio.FIRST_COMPLETED,
                )
        finally:
            taking.cancel()
            stopped.cancel()
            await asyncio.gather(taking, stopped, return_exceptions=True)
        taken = not taking.cancelled()
        if taken and self._stopping is None and loop.time() < over_s:
            return True
        if taken:
            places.free()
        if self._stopping is None:
            self._held_back += waiting  # and will never start
        return False

    def _waiting(self, count: int) -> HeldBack:
        """This many users wait now."""
        total = self._held_back + count
        return HeldBack(waiting=count, total=total, most=self._services.places.most)

    def _start_user(self, assignment: Assignment) -> StartedUser:
        """Runs the process of a user, which has its place."""
        runner = Runner(assignment, self._services, self._prepared)
        user = asyncio.get_running_loop().create_task(self._run_runner(runner))
        self._users.add(user)
        user.add_done_callback(self._users.discard)
        user.add_done_callback(self._note_defect)
        user.add_done_callback(lambda _: self._services.places.free())
        return StartedUser(runner, user)

    # One process

    async def _run_runner(self, runner: Runner, *, last: bool = False) -> None:
        """A runner, until its process and all that it started have ended."""
        scenario = runner.assignment.scenario
        try:
            await runner.start()
        except OSError as error:
            runner_id = "" if last else runner.runner_id
            self._report(runner_id=runner_id, start_error=str(error), last=last)
            return
        self._log("run %s: a runner of %s started", scenario.label)
        self._runners.add(runner)
        if self._stopping is not None:
            runner.stop(*self._stopping)
        try:
            ended = await runner.wait(last=last, why=lambda: self._ended_why)
        finally:
            self._runners.discard(runner)
        self._log("run %s: a runner ended with status %d", ended.exit_status)
        if ended.exit_status == CANNOT_START and scenario.one_user_each:
            self._stopping = self._stopping or (StopMode.GRACEFUL, 0.0)  # nor would the others
            self._changed.set()
        delivering = asyncio.get_running_loop().create_task(runner.deliver(ended))
        self._delivering.add(delivering)
        delivering.add_done_callback(self._delivering.discard)
        delivering.add_done_callback(self._note_defect)

    def _note_defect(self, task: asyncio.Task[None]) -> None:
        """What goes wrong with one of its tasks ends the part."""
        if not task.cancelled() and (error := task.exception()) is not None:
            self._defect = self._defect or error
            self.stop(StopMode.KILL, 0.0)

    async def _all_ended(self, tasks: set[asyncio.Task[None]]) -> None:
        """Waits until all of some tasks have ended.

        Raises:
            Exception: what one of them raised.
        """
        while tasks:
            await asyncio.wait(tasks)
        if self._defect is not None:
            raise self._defect

    def _log(self, text: str, *what: object) -> None:
        _log.info(text, self.run_id, *what, extra={"run_id": self.run_id})

    def _report_over(self, why: str) -> None:
        """Reports that no process of it runs, or will run; and why, if that is too early."""
        if why:
            self._report(exit_status=1, start_error=why, last=True)
        else:
            self._report(last=True)

    def _report(self, *, last: bool, **what: object) -> None:
        """Reports an end without a folder."""
        ended = fleet_pb2.RunnerExit(
            run_id=self.run_id,
            scenario=self.scenario,
            last=last,
            **what,  # type: ignore[arg-type]  # its fields
        )
        self._services.reports.ended(ended)


def _now_ns() -> int:
    """Now, by the loop's clock."""
    return round(asyncio.get_running_loop().time() * NS_PER_S)
