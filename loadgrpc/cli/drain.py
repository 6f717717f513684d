"""`loadgrpc drain AGENT`: take an agent out of service, between two runs."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Final

import click

from loadgrpc import verdict
from loadgrpc.cli import options
from loadgrpc.cli.command import Command
from loadgrpc.cli.failure import Failure
from loadgrpc.errors import NotFound
from loadgrpc.model import AgentState
from loadgrpc.text import one_line

if TYPE_CHECKING:
    from loadgrpc.client import Client
    from loadgrpc.model import Agent

ASK_AGAIN_S: Final = 1.0
"""How often the broker is asked whether an agent still has a part."""


@click.command(cls=Command)
@click.argument("agent_ids", metavar="AGENT...", required=True, nargs=-1)
@options.broker("The broker of the agents.")
@click.option("--undo", is_flag=True, help="Give them runs again.")
@click.option("--wait", is_flag=True, help="Return when none of them has a part in a run any more.")
@options.as_json()
def command(
    *, agent_ids: tuple[str, ...], broker: str, undo: bool, wait: bool, as_json: bool
) -> int:
    """Take agents out of service, between two runs.

    An agent that is drained finishes the part that it has in a run, and gets no further one. It
    stays connected and drained, also when it or the broker is restarted, until that is undone.
    `loadgrpc status` shows it. `loadgrpc agent drain` does the same.

    \b
    Before work on a machine, and after it:
      loadgrpc drain AGENT --wait -b HOST:7979
      loadgrpc drain AGENT --undo -b HOST:7979
    """  # noqa: D301 - \b is click's mark for "do not wrap"
    if undo and wait:
        raise Failure("--undo cannot be combined with --wait")
    from loadgrpc.cli import line  # noqa: PLC0415
    from loadgrpc.cli.connection import ask  # noqa: PLC0415

    async def drain(client: Client) -> list[Agent]:
        found = []
        for agent_id in agent_ids:
            found.append(await client.drain_agent(agent_id, undo=undo))
            if not as_json:
                line.say(_said(found[-1]))
        return await _ended(client, found) if wait else found

    found = ask(broker, drain)
    if as_json:
        from loadgrpc.protocol.document import as_document  # noqa: PLC0415
        from loadgrpc.protocol.runs import agent_to_proto  # noqa: PLC0415

        line.write_json({"agents": [as_document(agent_to_proto(agent)) for agent in found]})
    return verdict.PASSED


async def _ended(client: Client, agents: list[Agent]) -> list[Agent]:
    """The agents, once none of them has a part in a run; each is named when it is so far."""
    from loadgrpc.cli import line  # noqa: PLC0415

    waiting = {agent.agent_id for agent in agents if agent.run_id}
    while waiting:
        await asyncio.sleep(ASK_AGAIN_S)
        known = {agent.agent_id: agent for agent in await client.list_agents()}
        agents = [known.get(agent.agent_id, agent) for agent in agents]
        for agent in agents:
            if agent.agent_id not in known or not agent.drained:
                raise NotFound(f"agent {agent.agent_id} is not drained any more: somebody undid it")
            if agent.agent_id in waiting and not agent.run_id:
                waiting.discard(agent.agent_id)
                line.say(_said(agent), sys.stderr)
    return agents


def _said(agent: Agent) -> str:
    """How an agent stands, as a sentence."""
    name = one_line(agent.agent_id)
    if not agent.drained:
        return f"agent {name} gets runs again"
    if agent.run_id:
        return f"agent {name} is draining: it still has a part in run {one_line(agent.run_id)}"
    where = ", and not connected" if agent.state is AgentState.UNREACHABLE else ""
    return f"agent {name} is drained{where}"
