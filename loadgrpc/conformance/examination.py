"""Carries out cases with a command.

Rule: when a case is over, everything that its process started is over, too.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Sequence

from loadgrpc.agent.process import RunnerProcess
from loadgrpc.conformance import target as targets
from loadgrpc.conformance.cases import CASES, Case
from loadgrpc.conformance.home import Home
from loadgrpc.conformance.judgement import Report, summed_up
from loadgrpc.conformance.stage import Setting, staged
from loadgrpc.conformance.target import KitTarget
from loadgrpc.conformance.transcript import ProcessEnd, Transcript
from loadgrpc.model import StopMode


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
        try:
            await asyncio.wait([waiting], timeout=setting.timeout_s)
            transcript.timed_out = not waiting.done()
        finally:
            if not waiting.done():
                process.stop(StopMode.KILL, 0.0)
            end = await waiting
            terminating.cancel()
        stage.end()
        transcript.exit = ProcessEnd(transcript.ended_s, end.status, end.stderr_tail)
        return transcript


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
                return await perform(case, setting, command, target)

        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(carry_out(case))
                for case in chosen(setting, only=only, cases=cases)
            ]
        transcripts = [task.result() for task in tasks]
    return summed_up(transcripts, setting, only=only, took_s=time.monotonic() - began_s)
