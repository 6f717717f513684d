"""`loadgrpc check-agents`: an empty test on every agent, and which of them answered.

Rule: it is a run as any other, of a test that each agent has: what works here works for load. The
run is deleted when all is well, so that a check a minute leaves nothing; else it stays, to be
looked at.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import click

from loadgrpc import verdict
from loadgrpc.cli import options, values
from loadgrpc.cli.command import Command
from loadgrpc.cli.failure import Failure
from loadgrpc.cli.figures import duration, moment
from loadgrpc.clock import NS_PER_S
from loadgrpc.errors import LoadgrpcError, TooFewAgents
from loadgrpc.model import AgentState, AssignmentState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loadgrpc.cli.line import Line
    from loadgrpc.client import Client
    from loadgrpc.model import Agent, Run, Summary

HEALTH: Final = "loadgrpc.examples.test_blog.TestWebSite.test_health"
TITLE: Final = "check-agents"
LONGEST_S: Final = 600.0
ATTEMPTS: Final = 3
"""Starts of the run: meanwhile agents may come, go, or get work from others."""
FIRST_ASK_S: Final = 0.05
LAST_ASK_S: Final = 1.0
"""How often the broker is asked who has answered: at first, and at last."""
PRECISION: Final = 0.05
"""The share of the time that has passed after which it is asked again: how exact times are."""
IDLE_SHARE: Final = 4
"""It is left alone for this many times as long as it took to answer."""
STOP_TIMEOUT_S: Final = 1.0
"""An empty test needs no time to end."""
ENDING_S: Final = 10.0
"""How long agents may take to end what was stopped."""
SILENT_S: Final = 3.0
"""Nobody wonders before what the command waits for."""


@dataclass(frozen=True, kw_only=True)
class Checked:
    """An agent, and what became of its test."""

    agent: Agent
    answered_ns: int | None = None
    """How long after the run was started it was ready to run the test. None: it was not."""
    reason: str = ""
    """Why it did not answer, or was not asked, as far as it is known."""

    @property
    def word(self) -> str:
        """What to call that."""
        if self.answered_ns is not None and not self.reason:
            return "answered"
        return "no answer" if self.was_asked else self.agent.state.name.lower()

    @property
    def was_asked(self) -> bool:
        """Whether it was idle."""
        return self.agent.state is AgentState.IDLE

    @property
    def fails(self) -> bool:
        """Whether something is wrong with it: to be busy is none."""
        return self.word in ("no answer", "unreachable")


@click.command(cls=Command)
@options.broker("The broker whose agents to check.")
@click.option(
    "--timeout",
    "timeout_s",
    type=values.Seconds(LONGEST_S),
    default="30s",
    show_default=True,
    help="How long agents may take to answer.",
)
@options.as_json()
def command(*, broker: str, timeout_s: float, as_json: bool) -> int:
    """Run an empty test on every idle agent, and show which of them answered, and how fast.

    The test comes with loadgrpc, so it needs no file at the agents and no server. An agent that has
    a part in a run is reported as busy, and left alone. The check is an ordinary run; it is deleted
    when every agent has answered.

    \b
    Is the cluster ready for a run?
      loadgrpc check-agents -b HOST:7979

    \b
    Exit codes:
      0    every agent that was asked has answered, and no agent is out of reach
      3    an agent did not answer, or is unreachable
      4    the broker cannot be reached, or has no agent to ask
    """  # noqa: D301 - \b is click's mark for "do not wrap"
    from loadgrpc.cli import line  # noqa: PLC0415
    from loadgrpc.cli.connection import ask  # noqa: PLC0415

    def waiting(text: str) -> None:
        line.say(text, sys.stderr)

    run_id, found, version = ask(broker, lambda client: check(client, timeout_s, waiting))
    if as_json:
        line.write_json(document(run_id, found))
    else:
        width = line.width_of(sys.stdout)
        line.write(lines(found, version, run_id=run_id, broker=broker, width=width), sys.stdout)
    if any(each.fails for each in found):
        return verdict.INCOMPLETE
    if not any(each.was_asked for each in found):
        raise Failure(nobody(found), verdict.UNREACHABLE)
    return verdict.PASSED


async def check(
    client: Client, timeout_s: float, waiting: Any = lambda _: None
) -> tuple[str, list[Checked], str]:
    """The run that was kept, or none; all agents, by id; and the version of the broker."""
    version = (await client.get_broker()).version
    agents, run = await _start(client)
    if run is None:
        return "", [Checked(agent=agent, reason=_why_not(agent)) for agent in agents], version
    begun = time.monotonic()
    answered: dict[str, int] = {}
    try:
        summary = await _follow(client, run, answered, begun + timeout_s, waiting)
    finally:
        with suppress(LoadgrpcError):  # the broker is gone
            await asyncio.shield(client.stop_run(run.run_id))
    found = [
        judged(agent, answered.get(agent.agent_id), summary, timeout_s, asked=run.agent_ids)
        for agent in agents
    ]
    if any(each.fails and each.was_asked for each in found):
        return run.run_id, found, version
    await _delete(client, run.run_id)
    return "", found, version


async def _start(client: Client) -> tuple[list[Agent], Run | None]:
    """All agents, and the run on those that are idle; None: none is."""
    from loadgrpc.model import Plan, Scenario  # noqa: PLC0415

    attempt = 0
    while True:
        agents = await client.list_agents()
        idle = sum(agent.state is AgentState.IDLE for agent in agents)
        if not idle:
            return agents, None
        scenario = Scenario(test=HEALTH, iterations=(1,), processes=1)
        plan = Plan(scenarios=(scenario,), agents=idle, title=TITLE, stop_timeout_s=STOP_TIMEOUT_S)
        try:
            run = await client.start_run(plan, request_id=os.urandom(16).hex())
        except TooFewAgents:
            attempt += 1
            if attempt == ATTEMPTS:
                raise
        else:
            # Of those that came and went meanwhile, the run knows best whom it is on.
            asked = set(run.agent_ids)
            missing = asked - {agent.agent_id for agent in agents}
            if missing:
                agents = await client.list_agents()
            return [
                replace(agent, state=AgentState.IDLE) if agent.agent_id in asked else agent
                for agent in agents
            ], run


async def _follow(
    client: Client, run: Run, answered: dict[str, int], until: float, waiting: Any
) -> Summary:
    """Waits until the run is over, or until then; notes when each agent has answered."""
    begun = time.monotonic()
    said = False
    while True:
        asked = time.monotonic()
        summary = await client.get_summary(run.run_id)
        now = time.monotonic()
        for agent in summary.agents:
            if agent.state is not AssignmentState.STARTING:
                answered.setdefault(agent.agent_id, round((now - begun) * NS_PER_S))
        if summary.state.final or now >= until:
            return summary
        left = [each for each in run.agent_ids if each not in answered]
        if not said and left and now - begun >= SILENT_S:
            said = True
            waiting(f"waiting for {len(left)} of {len(run.agent_ids)} agents, {left[0]} first")
        exact_s = min(max((now - begun) * PRECISION, FIRST_ASK_S), LAST_ASK_S)
        await asyncio.sleep(min(max(exact_s, (now - asked) * IDLE_SHARE), max(until - now, 0.0)))


async def _delete(client: Client, run_id: str) -> None:
    """Deletes the run, once it is over; one that does not end is left."""
    with suppress(LoadgrpcError, TimeoutError):
        async with asyncio.timeout(ENDING_S):
            async for _ in client.watch_run(run_id):
                pass
            await client.delete_run(run_id)


def judged(
    agent: Agent,
    answered_ns: int | None,
    summary: Summary,
    timeout_s: float,
    *,
    asked: Sequence[str],
) -> Checked:
    """What is to be said of an agent; `answered_ns`: when it was ready, if it was."""
    if agent.agent_id not in asked:
        return Checked(agent=agent, reason=_why_not(agent))
    figures = next(each for each in summary.agents if each.agent_id == agent.agent_id)
    if figures.state in (AssignmentState.LOST, AssignmentState.LOAD_FAILED):
        reason = figures.reason or figures.state.name.lower().replace("_", " ")
    elif answered_ns is None:
        reason = f"not ready within {timeout_s:g} s"
    else:
        reason = ""
    return Checked(agent=agent, answered_ns=answered_ns, reason=reason)


def _why_not(agent: Agent) -> str:
    """Why an agent was not asked."""
    if agent.state is AgentState.UNREACHABLE:
        seen = moment(agent.last_seen_time_ns)
        return f"last heard from at {seen}" + (f", in run {agent.run_id}" if agent.run_id else "")
    return f"it has a part in run {agent.run_id}" if agent.run_id else ""


def nobody(found: Sequence[Checked]) -> str:
    """That there was no agent to ask, and why."""
    if not found:
        return "no agent is connected: start some with `loadgrpc agent -b HOST:PORT`"
    return "no agent is idle: nothing was checked"


def document(run_id: str, found: Sequence[Checked]) -> dict[str, Any]:
    """All of it, for programs."""
    return {
        "runId": run_id,
        "agents": [
            {
                "agentId": each.agent.agent_id,
                "hostname": each.agent.hostname,
                "version": each.agent.version,
                "result": each.word.replace(" ", "-"),
                "seconds": None if each.answered_ns is None else each.answered_ns / NS_PER_S,
                "reason": each.reason,
                "troubles": list(each.agent.troubles),
            }
            for each in found
        ],
    }


def lines(
    found: Sequence[Checked], version: str, *, run_id: str, broker: str, width: int
) -> list[Line]:
    """All of it, for people."""
    from loadgrpc.cli.cluster import version as marked  # noqa: PLC0415
    from loadgrpc.cli.line import Line, Style  # noqa: PLC0415
    from loadgrpc.cli.table import text_table  # noqa: PLC0415
    from loadgrpc.text import one_line  # noqa: PLC0415

    if not found:
        return []
    rows = [
        [
            one_line(each.agent.agent_id),
            each.word,
            "-" if each.answered_ns is None else duration(each.answered_ns),
            one_line(each.agent.hostname),
            marked(each.agent.version, version),
        ]
        for each in found
    ]
    said = text_table(["Agents", "result", "after", "host", "version"], rows, width)
    for each in found:
        for text in filter(None, (each.reason, *each.agent.troubles)):
            style = Style.BAD if each.fails else Style.WARNING
            said.append(Line(f"  {one_line(each.agent.agent_id)}: {one_line(text)}", style))
    asked = sum(each.was_asked for each in found)
    well = sum(each.was_asked and not each.fails for each in found)
    others = [each.word for each in found if not each.was_asked]
    rest = "".join(f", {others.count(word)} {word}" for word in sorted(set(others)))
    good = asked and not any(each.fails for each in found)
    said += [Line(), Line(f"{well} of {asked} answered{rest}", Style.GOOD if good else Style.BAD)]
    if run_id:
        said.append(Line(f"loadgrpc show {run_id} -b {broker} shows more", Style.DIM))
    return said
