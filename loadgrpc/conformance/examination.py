"""Carries out cases with a command.

Rule: when a case is over, everything that its process started is over, too.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from functools import partial
from typing import Final

from loadgrpc.agent.process import RunnerProcess
from loadgrpc.conformance import target as targets
from loadgrpc.conformance.case import Case
from loadgrpc.conformance.cases import CASES
from loadgrpc.conformance.finding import Outcome
from loadgrpc.conformance.home import Home
from loadgrpc.conformance.judgement import Report, judge, summed_up
from loadgrpc.conformance.stage import Setting, staged
from loadgrpc.conformance.target import KitTarget
from loadgrpc.conformance.transcript import ProcessEnd, Transcript, most_late
from loadgrpc.model import StopMode

WITNESS_S: Final = 0.005
"""How often the lag of the kit itself is measured, where times are."""


async def perform(
    case: Case, setting: Setting, command: Sequence[str], target: KitTarget
) -> Transcript:
    """Carries out a case with a process of the command.

    Raises:
        OSError: it could not be started.
    """
    async with staged(case, setting, target) as stage:
        transcript = stage.home.transcript
        words = [word.replace("{test}", transcript.assignment.scenario.test) for word in command]
        process = RunnerProcess.of(words, stage.environment)
        waiting = asyncio.create_task(process.wait())
        terminating = asyncio.create_task(_terminate(process, stage.home))
        lags: list[float] = []
        witness = asyncio.create_task(_witness(lags)) if case.alone else None
        try:
            await asyncio.wait([waiting], timeout=setting.timeout_s)
            transcript.timed_out = not waiting.done()
        finally:
            if not waiting.done():
                process.stop(StopMode.KILL, 0.0)
            end = await waiting
            terminating.cancel()
            if witness is not None:
                witness.cancel()
        stage.end()
        transcript.lag_s = most_late(lags)
        transcript.exit = ProcessEnd(transcript.ended_s, end.status, end.stderr_tail)
        return transcript


async def _witness(lags: list[float]) -> None:
    """Notes how late this process is, again and again: a runner can hardly be more punctual."""
    loop = asyncio.get_running_loop()
    while True:
        due_s = loop.time() + WITNESS_S
        await asyncio.sleep(WITNESS_S)
        lags.append(loop.time() - due_s)


async def _patiently(case: Case, carry_out: Callable[[], Awaitable[Transcript]]) -> Transcript:
    """Carries out a case, and again if it depends on times and a rule is broken."""
    for _ in range(case.tries - 1):
        transcript = await carry_out()
        findings = judge(transcript, case.rules)
        if not any(each.outcome is Outcome.BROKEN for each in findings.values()):
            return transcript
    return await carry_out()


async def _terminate(process: RunnerProcess, home: Home) -> None:
    """Sends SIGTERM when the case has come so far, and then SIGKILL, as an agent does."""
    await home.terminates.wait()
    process.terminate()


def chosen(
    setting: Setting, *, only: Collection[str] = (), cases: Collection[str] = ()
) -> list[Case]:
    """The cases that can be carried out, and that show one of some rules."""
    return [
        case
        for case in CASES
        if not setting.why_not(case)
        and (not cases or case.name in cases)
        and (not only or set(only) & set(case.rules))
    ]


async def examine(
    command: Sequence[str],
    setting: Setting,
    *,
    only: Collection[str] = (),
    cases: Collection[str] = (),
    jobs: int = 2,
) -> Report:
    """Examines a command: carries out cases, `jobs` at a time, and sums up.

    Raises:
        OSError: the command could not be started.
    """
    began_s = time.monotonic()
    turns = asyncio.Semaphore(jobs)
    async with targets.running() as target:

        async def carry_out(case: Case) -> Transcript:
            async with turns:
                return await _patiently(case, partial(perform, case, setting, command, target))

        todo = chosen(setting, only=only, cases=cases)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(carry_out(case)) for case in todo if not case.alone]
        transcripts = [task.result() for task in tasks]
        transcripts += [await carry_out(case) for case in todo if case.alone]
    return summed_up(transcripts, setting, only=only, took_s=time.monotonic() - began_s)
