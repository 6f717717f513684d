"""`loadgrpc assignment RUN`: the environment of a runner that is started by hand."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

import click

from loadgrpc import verdict
from loadgrpc.cli import options
from loadgrpc.cli.command import Command

if TYPE_CHECKING:
    from loadgrpc.client import Client

TOKEN = "by-hand"  # noqa: S105 - brokers ask for none
"""What stands for the token: a runner sends one, whatever it is."""


@click.command(cls=Command)
@click.argument("run_id", metavar="RUN")
@options.broker("The broker that owns the run, as the runner is to reach it.")
@click.option("--agent", "agent_id", help="The agent whose part it is.  [default: the first agent]")
@click.option("--scenario", default="", help="The scenario, if the plan has several.")
@options.as_json("Print a JSON object instead of shell lines.")
def command(run_id: str, broker: str, agent_id: str | None, scenario: str, as_json: bool) -> int:  # noqa: FBT001 - click
    """Print the environment of a runner started by hand.

    For a runner in a debugger or a container: start a run whose users are run by hand, and start
    the runner with the environment that this prints. The run is over when the runner has
    finished, or when it is stopped.

    \b
    What to export, for a shell to read:
      loadgrpc assignment RUN -b HOST:7979
    From the start of the run to that of the runner:
      RUN=$(loadgrpc run checkout --runner-mode by-hand -u 3 -i 5 -b HOST:7979 --detach)
      eval "$(loadgrpc assignment $RUN -b HOST:7979)"
      ./my-runner
    """  # noqa: D301 - \b is click's mark for "do not wrap"
    from loadgrpc.cli import line  # noqa: PLC0415
    from loadgrpc.cli.connection import ask  # noqa: PLC0415
    from loadgrpc.model import SourceId  # noqa: PLC0415
    from loadgrpc.protocol import environment  # noqa: PLC0415

    async def get(client: Client) -> dict[str, str]:
        run = await client.get_run(run_id)
        source = SourceId(run_id, agent_id or run.agent_ids[0], f"hand-{os.urandom(4).hex()}")
        assignment = await client.get_assignment(source, scenario)
        told = environment.connection(source, endpoint=broker, token=TOKEN)
        return {**dict(assignment.plan.env), **told, **environment.work(assignment)}

    told = ask(broker, get)
    if as_json:
        line.write_json(told)
    else:
        line.say("unset " + " ".join(environment.stale(told)))
        for name, value in told.items():
            line.say(f"export {name}={shlex.quote(value)}")
    return verdict.PASSED
