"""`loadgrpc stop RUN`: end a run before its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from loadgrpc import verdict
from loadgrpc.cli import DEFAULT_BROKER, values
from loadgrpc.cli.command import Command

if TYPE_CHECKING:
    from loadgrpc.client import Client
    from loadgrpc.model import Run


@click.command(cls=Command)
@click.argument("run_id", metavar="RUN")
@click.option(
    "-b",
    "--broker",
    type=values.Address(),
    default=DEFAULT_BROKER,
    show_default=True,
    help="The broker that owns the run.",
)
@click.option("--kill", is_flag=True, help="Do not wait for users to finish their iteration.")
def command(run_id: str, broker: str, kill: bool) -> int:  # noqa: FBT001 - click
    """Stop a run before its end.

    Users finish the iteration they are in, for at most the run's --stop-timeout. The command
    returns when the run is stopping; stopping it again changes nothing.

    \b
    Stop it; then look at what it did:
      loadgrpc stop RUN -b HOST:7979
      loadgrpc show RUN -b HOST:7979
    """  # noqa: D301 - \b is click's mark for "do not wrap"
    from loadgrpc.cli.connection import ask  # noqa: PLC0415
    from loadgrpc.model import StopMode  # noqa: PLC0415

    async def stop(client: Client) -> Run:
        return await client.stop_run(run_id, StopMode.KILL if kill else StopMode.GRACEFUL)

    run = ask(broker, stop)
    over = f"is over: {run.state.name.lower()}" if run.state.final else "is stopping"
    print(f"run {run.run_id} {over}")
    return verdict.PASSED
