"""`loadgrpc status`: a broker, its agents, and the runs that go on."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import click

from loadgrpc import verdict
from loadgrpc.cli import DEFAULT_BROKER, values
from loadgrpc.cli.command import Command

if TYPE_CHECKING:
    from loadgrpc.cli.line import Line
    from loadgrpc.client import Client
    from loadgrpc.model import Agent, BrokerInfo, Run

PAGE = 500


@click.command(cls=Command)
@click.option(
    "-b",
    "--broker",
    type=values.Address(),
    default=DEFAULT_BROKER,
    show_default=True,
    help="The broker to ask.",
)
def command(broker: str) -> int:
    """Show a broker, its agents, and the runs that go on.

    \b
    Is it there, and how many agents are idle?
      loadgrpc status -b HOST:7979
    """  # noqa: D301 - \b is click's mark for "do not wrap"
    from loadgrpc.cli import line  # noqa: PLC0415
    from loadgrpc.cli.connection import ask  # noqa: PLC0415

    info, agents, runs = ask(broker, _status)
    width = line.width_of(sys.stdout)
    line.write(lines(broker, info, agents, runs, now_ns=time.time_ns(), width=width), sys.stdout)
    return verdict.PASSED


async def _status(client: Client) -> tuple[BrokerInfo, list[Agent], list[Run]]:
    info = await client.get_broker()
    agents = await client.list_agents()
    if not info.active_runs:
        return info, agents, []
    newest, _ = await client.list_runs(page_size=PAGE)
    return info, agents, [run for run in newest if not run.state.final]


def lines(
    broker: str, info: BrokerInfo, agents: list[Agent], runs: list[Run], *, now_ns: int, width: int
) -> list[Line]:
    """What there is to say, in lines."""
    from collections import Counter  # noqa: PLC0415

    from loadgrpc.cli.figures import ago, clock, counted  # noqa: PLC0415
    from loadgrpc.cli.line import Line, Style  # noqa: PLC0415
    from loadgrpc.cli.runs import table  # noqa: PLC0415
    from loadgrpc.cli.table import labelled, text_table  # noqa: PLC0415
    from loadgrpc.text import one_line  # noqa: PLC0415

    states = Counter(agent.state for agent in agents)
    by_state = [f"{count} {state.name.lower()}" for state, count in sorted(states.items())]
    found = labelled(
        "broker",
        [
            broker,
            f"loadgrpc {one_line(info.version)}",
            f"process {info.pid} on {one_line(info.hostname)}",
            f"up {clock(max(now_ns - info.start_time_ns, 0))}",
        ],
        width,
    )
    found += labelled("store", [one_line(info.store)], width)
    if info.store_trouble:
        trouble = f"takes no writes for now, reporting waits: {one_line(info.store_trouble)}"
        found += labelled("", [trouble], width, Style.BAD)
    found += labelled(
        "agents", [": ".join([str(len(agents)), ", ".join(by_state)][: 1 + bool(agents)])], width
    )
    found += labelled("runs", [f"{counted(info.active_runs, 'run')} going on"], width)
    if agents:
        rows = [
            [
                one_line(agent.agent_id),
                agent.state.name.lower(),
                one_line(agent.run_id) or "-",
                one_line(agent.hostname),
                str(agent.pid),
                str(agent.cores),
                ago(now_ns - agent.last_seen_time_ns),
            ]
            for agent in agents
        ]
        headings = ["Agents", "state", "run", "host", "pid", "cores", "seen"]
        found += [Line(), *text_table(headings, rows, width)]
    if runs:
        found += [Line(), *table(runs, now_ns=now_ns, width=width)]
    return found
