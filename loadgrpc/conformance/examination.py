"""Carries out cases with a command, and judges what was said.

Rule: each case has a home, a run and a process of its own, so that cases can be carried out side
by side. When a case is over, so is all that its process has started.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import grpc.aio

from loadgrpc.agent.process import RunnerProcess
from loadgrpc.conformance import target as targets
from loadgrpc.conformance.cases import CASES, Case
from loadgrpc.conformance.checks import CHECKS
from loadgrpc.conformance.finding import Finding, Outcome, broken, not_shown, worst
from loadgrpc.conformance.home import SERVICES, Home, limits_of
from loadgrpc.conformance.rules import RULES, Rule
from loadgrpc.conformance.story import Story
from loadgrpc.conformance.target import Target
from loadgrpc.conformance.transcript import Exit, Transcript
from loadgrpc.model import Assignment, Cycle, SourceId, StopMode
from loadgrpc.protocol import environment
from loadgrpc.protocol.raw import add_raw_runner_service
from loadgrpc.protocol.transport import listen, new_server

ENDS: Final = "10.6"
"""The rule that a runner breaks which does not end, if it has broken no other."""
USER: Final = 2
"""Whom a process lives that lives one user, where there are so many."""
CYCLE: Final = 2
"""... and in which cycle."""
LOOPBACK: Final = "127.0.0.1:0"
AWAY_S: Final = 0.3
"""How long a home is away that goes and comes back."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What a runner is examined with. `tests`: what stands in for the kit's own, by kind."""

    one_user: bool = False
    tests: Mapping[str, str] = field(default_factory=dict)
    timeout_s: float = 30.0

    def why_not(self, case: Case) -> str:
        """Why a case cannot be carried out; empty: it can."""
        if self.one_user and case.all_users_only:
            return "a process that lives one user cannot show it"
        if self.tests and case.test not in self.tests:
            return f"it needs --{case.test}"
        return ""


@dataclass
class Stage:
    """A case that is prepared: its home serves, and nobody has come yet."""

    case: Case
    home: Home
    endpoint: str
    token: str
    run_dir: Path
    target: Target

    @property
    def environment(self) -> dict[str, str]:
        """What the runner has in its environment: see runner.proto."""
        transcript = self.home.transcript
        return {
            **environment.connection(transcript.source, endpoint=self.endpoint, token=self.token),
            **environment.folder(self.run_dir),
            **environment.work(transcript.assignment),
        }

    def end(self) -> Transcript:
        """The transcript, when nothing more is to come."""
        transcript = self.home.transcript
        transcript.ended_s = (time.time_ns() - transcript.begun_ns) / 1e9
        transcript.requests = self.target.requests(self.case.name)
        return transcript


def assignment_of(case: Case, setting: Setting, target: Target, source: SourceId) -> Assignment:
    """What a runner is given to do in a case."""
    url = target.url(case.name, case.page)
    cycles: tuple[Cycle, ...] = case.cycles
    if setting.one_user:
        cycles = cycles[:1]
    return Assignment(
        run_id=source.run_id,
        agent_id=source.agent_id,
        test=setting.tests.get(case.test, url),
        cycles=cycles,
        spawn_rate=case.spawn_rate,
        server_url=url,
        stop_timeout_s=case.stop_timeout_s,
        user=min(USER, cycles[0].users) if setting.one_user else 0,
        first_cycle=CYCLE if setting.one_user else 1,
    )


@asynccontextmanager
async def staged(
    case: Case, setting: Setting, target: Target, *, address: str = LOOPBACK
) -> AsyncIterator[Stage]:
    """Prepares a case: a home on an address, a token, and a folder for the runner."""
    source = SourceId(f"conformance-{case.name}", "conformance-agent", "runner-1")
    token = f"token-of-{case.name}"
    transcript = Transcript(
        case=case.name,
        source=source,
        assignment=assignment_of(case, setting, target, source),
        token=token,
        limits=limits_of(case.script),
        page=case.page,
        begun_ns=time.time_ns(),
    )
    home = Home(case.script, transcript)
    target.listen(case.name, home.requested)
    server = await _serving(home)
    endpoint = listen(server, address)
    with tempfile.TemporaryDirectory(prefix="loadgrpc-") as folder:
        await server.start()
        coming_back = asyncio.create_task(_come_back(home, server, endpoint))
        try:
            yield Stage(case, home, endpoint, token, Path(folder), target)
        finally:
            coming_back.cancel()
            await server.stop(None)
            with contextlib.suppress(asyncio.CancelledError):
                await coming_back


async def _serving(home: Home) -> grpc.aio.Server:
    server = await new_server(SERVICES)
    add_raw_runner_service(home, server)
    return server


async def _come_back(home: Home, server: grpc.aio.Server, endpoint: str) -> None:
    """Ends a home's server when the home is to leave, and serves it again a little later."""
    await home.leaves.wait()
    await server.stop(None)
    await asyncio.sleep(AWAY_S)
    back = await _serving(home)
    listen(back, endpoint)
    await back.start()
    try:
        await asyncio.Event().wait()
    finally:
        await back.stop(None)


async def perform(
    case: Case, setting: Setting, command: Sequence[str], target: Target
) -> Transcript:
    """Carries out a case with a process of the command.

    Raises:
        OSError: it could not be started.
    """
    async with staged(case, setting, target) as stage:
        transcript = stage.home.transcript
        words = [word.replace("{test}", transcript.assignment.test) for word in command]
        process = RunnerProcess.of(words, stage.environment)
        waiting = asyncio.create_task(process.wait())
        try:
            await asyncio.wait([waiting], timeout=setting.timeout_s)
            transcript.timed_out = not waiting.done()
        finally:
            if not waiting.done():
                process.stop(StopMode.KILL, 0.0)
            end = await waiting
        stage.end()
        transcript.exit = Exit(transcript.ended_s, end.status, end.stderr_tail)
        return transcript


def judge(
    transcript: Transcript, rules: Collection[str], *, own_target: bool = True
) -> dict[str, Finding]:
    """How rules fared in a case."""
    story = Story(transcript, own_target=own_target)
    findings = {number: CHECKS[number](story) for number in rules}
    if transcript.timed_out and all(f.outcome is not Outcome.BROKEN for f in findings.values()):
        seen = f"that it still ran after {transcript.ended_s:.0f} s"
        findings[ENDS] = broken("an end", seen)
    return findings


@dataclass(frozen=True)
class Result:
    """How one rule fared in all cases."""

    rule: Rule
    finding: Finding
    case: str = ""
    """Where the finding is from."""

    @property
    def bad(self) -> bool:
        """Whether this alone makes a runner not conform."""
        return self.rule.must and self.finding.outcome is Outcome.BROKEN


@dataclass(kw_only=True)
class Report:
    """What an examination has found."""

    results: list[Result]
    transcripts: list[Transcript]
    one_user: bool
    took_s: float

    @property
    def conforms(self) -> bool:
        """Whether every rule was kept that has to be."""
        return not any(result.bad for result in self.results)

    @property
    def broken(self) -> list[str]:
        """The numbers of the rules that were broken."""
        found = (r for r in self.results if r.finding.outcome is Outcome.BROKEN)
        return [result.rule.number for result in found]


def summed_up(
    transcripts: Sequence[Transcript],
    setting: Setting,
    *,
    only: Collection[str] = (),
    took_s: float = 0.0,
) -> Report:
    """What transcripts say about the rules, or about some of them."""
    found: dict[str, list[tuple[str, Finding]]] = {rule.number: [] for rule in RULES}
    by_name = {transcript.case: transcript for transcript in transcripts}
    for case in CASES:
        transcript = by_name.get(case.name)
        if transcript is not None:
            findings = judge(transcript, case.rules, own_target=not setting.tests)
            for number, finding in findings.items():
                found[number].append((case.name, finding))
        elif why := setting.why_not(case):
            for number in case.rules:
                found[number].append((case.name, not_shown(why)))
    results = []
    for rule in RULES:
        case_name, finding = worst(found[rule.number]) or ("", not_shown("no case was carried out"))
        wanted = not only or rule.number in only
        if wanted or (finding.outcome is Outcome.BROKEN and rule.number == ENDS):
            results.append(Result(rule, finding, case_name))
    return Report(
        results=results,
        transcripts=list(transcripts),
        one_user=setting.one_user,
        took_s=took_s,
    )


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
    on_case: Callable[[Transcript], None] = lambda _: None,
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
                transcript = await perform(case, setting, command, target)
            on_case(transcript)
            return transcript

        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(carry_out(case))
                for case in chosen(setting, only=only, cases=cases)
            ]
        transcripts = [task.result() for task in tasks]
    return summed_up(transcripts, setting, only=only, took_s=time.monotonic() - began_s)
