"""`loadgrpc stop RUN`: end a run before its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from loadgrpc import verdict
from loadgrpc.cli import options
from loadgrpc.cli.command import Command
from loadgrpc.cli.failure import Failure

if TYPE_CHECKING:
    from loadgrpc.client import Client
    from loadgrpc.model import Run


@click.command(cls=Command)
@click.argument("run_id", metavar="[RUN]", required=False)
@options.broker()
@click.option("--kill", is_flag=True, help="Do not wait for users to finish their iteration.")
@click.option("--all", "everything", is_flag=True, help="Stop all active runs.")
@options.as_json()
def command(*, run_id: str | None, broker: str, kill: bool, everything: bool, as_json: bool) -> int:
    """Stop a run before its end.

    Users finish the iteration they are in, for at most the run's --stop-timeout. The command
    returns when the run is stopping; stopping it again changes nothing, except that --kill waits
    no longer. A run that waits is stopped at once.

    \b
    Stop it; then look at what it did:
      loadgrpc stop RUN -b HOST:7979
      loadgrpc show RUN -b HOST:7979
    Stop all active runs:
      loadgrpc stop --all -b HOST:7979
    """  # noqa: D301 - \b is click's mark for "do not wrap"
    if run_id is None and not everything:
        raise Failure("missing RUN; --all stops all active runs")
    if run_id is not None and everything:
        raise Failure("RUN cannot be combined with --all")
    from loadgrpc.cli import line  # noqa: PLC0415
    from loadgrpc.cli.connection import ask  # noqa: PLC0415
    from loadgrpc.cli.runs import going_on  # noqa: PLC0415
    from loadgrpc.model import StopMode  # noqa: PLC0415

    async def stop(client: Client) -> list[Run]:
        which = [run_id] if run_id is not None else [run.run_id for run in await going_on(client)]
        mode = StopMode.KILL if kill else StopMode.GRACEFUL
        return [await client.stop_run(each, mode) for each in which]

    stopped = ask(broker, stop)
    if as_json:
        from loadgrpc.protocol.document import as_document  # noqa: PLC0415
        from loadgrpc.protocol.runs import run_to_proto  # noqa: PLC0415

        line.write_json({"runs": [as_document(run_to_proto(run)) for run in stopped]})
        return verdict.PASSED
    for run in stopped:
        over = f"is over: {run.state.name.lower()}" if run.state.final else "is stopping"
        line.say(f"run {run.run_id} {over}")
    if not stopped:
        line.say("no run is active")
    return verdict.PASSED
