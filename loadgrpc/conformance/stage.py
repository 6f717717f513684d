"""A case that is prepared: what the runner is to do, and a home that waits for it.

Rule: each case has a home, a run, a token and a folder of its own, so that cases can be carried
out side by side; who starts the runner is not said here.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import grpc.aio

from loadgrpc.conformance.case import Case
from loadgrpc.conformance.home import SERVICES, Home
from loadgrpc.conformance.script import TERMINATE, limits_of
from loadgrpc.conformance.target import KitTarget
from loadgrpc.conformance.transcript import Transcript
from loadgrpc.model import Assignment, Cycle, Placement, Plan, Scenario, SourceId
from loadgrpc.protocol import environment
from loadgrpc.protocol.raw import add_raw_runner_service
from loadgrpc.protocol.transport import listen, new_server
from loadgrpc.stats import load_text

USER: Final = 2
"""The user assigned in one-user mode, if the cycle has that many."""
CYCLE: Final = 2
"""... and in which cycle."""
SEED: Final = 7
"""Of what is drawn for arrivals."""
LOOPBACK: Final = "127.0.0.1:0"
AWAY_S: Final = 0.3
"""How long a home is away that goes and comes back."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What a runner is examined with. `tests`: replacements for the kit's own tests, by kind."""

    one_user: bool = False
    tests: Mapping[str, str] = field(default_factory=dict)
    timeout_s: float = 30.0
    served: bool = False
    """Whether somebody else starts the runner."""

    def why_not(self, case: Case) -> str:
        """Why a case cannot be carried out; empty: it can."""
        if self.one_user and case.all_users_only:
            return "a process that runs one user cannot show it"
        if self.tests and case.test not in self.tests:
            return f"it needs --{case.test}"
        if self.served and case.script.then == TERMINATE:
            return "who starts the runner has to end it, and --serve does not"
        return ""


@dataclass
class Stage:
    """A prepared case: its receiver serves, and no runner has connected yet."""

    case: Case
    home: Home
    endpoint: str
    token: str
    run_dir: Path
    target: KitTarget

    @property
    def environment(self) -> dict[str, str]:
        """What the runner has in its environment: see runner.proto."""
        transcript = self.home.transcript
        return {
            **environment.connection(transcript.source, endpoint=self.endpoint, token=self.token),
            **environment.folder(self.run_dir),
            **environment.work(transcript.assignment),
            **environment.cases(transcript.assignment, self.run_dir),
            **environment.direct(os.environ),
        }

    def end(self) -> Transcript:
        """The transcript, when nothing more is to come."""
        transcript = self.home.transcript
        transcript.ended_s = (time.time_ns() - transcript.begun_ns) / 1e9
        transcript.requests = self.target.requests(self.case.name)
        return transcript


def assignment_of(case: Case, setting: Setting, target: KitTarget, source: SourceId) -> Assignment:
    """What a runner is given to do in a case."""
    url = target.url(case.name, case.page)
    cycles: tuple[Cycle, ...] = case.cycles
    if setting.one_user:
        cycles = cycles[:1]
    scenario = Scenario(
        test=setting.tests.get(case.test, url),
        users=tuple(cycle.users for cycle in cycles),
        load=load_text.stages(case.load) if case.load else None,
        arrivals=case.arrivals,
        iterations=(cycles[0].iterations,) if cycles[0].iterations else (),
        duration_s=cycles[0].duration_s,
        spawn_rate=case.spawn_rate,
        server_url=url,
        cases=case.fed,
    )
    return Assignment(
        run_id=source.run_id,
        agent_id=source.agent_id,
        plan=Plan(scenarios=(scenario,), stop_timeout_s=case.stop_timeout_s, seed=SEED),
        user=min(USER, cycles[0].users) if setting.one_user else 0,
        first_cycle=CYCLE if setting.one_user else 1,
        placement=_placement(scenario.users, setting) if case.fed or case.load else None,
    )


def _placement(users: tuple[int, ...], setting: Setting) -> Placement:
    """Where users stand among those of two agents: behind those of the other one."""
    of_cycles = users * (CYCLE if setting.one_user else 1)
    return Placement(
        agent_index=1,
        agents=2,
        user_offsets=of_cycles,
        total_users=tuple(2 * each for each in of_cycles),
    )


@asynccontextmanager
async def staged(
    case: Case, setting: Setting, target: KitTarget, *, address: str = LOOPBACK
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
