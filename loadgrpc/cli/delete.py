"""`loadgrpc delete RUN...`: delete runs that are over, with everything stored about them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from loadgrpc import verdict
from loadgrpc.cli import options
from loadgrpc.cli.command import Command

if TYPE_CHECKING:
    from loadgrpc.client import Client


@click.command(cls=Command)
@click.argument("run_ids", metavar="RUN...", nargs=-1, required=True)
@options.broker("The broker that owns the runs.")
@options.as_json()
def command(*, run_ids: tuple[str, ...], broker: str, as_json: bool) -> int:
    """Delete runs that are over, with everything stored about them.

    An active run is refused: stop it first. It prints a line for each run that was deleted, and
    ends at the first that cannot be.

    \b
    One run, and all that ended more than a month ago:
      loadgrpc delete RUN -b HOST:7979
      loadgrpc purge --older-than 30d -b HOST:7979
    """  # noqa: D301 - \b is click's mark for "do not wrap"
    from loadgrpc.cli import line  # noqa: PLC0415
    from loadgrpc.cli.connection import ask  # noqa: PLC0415

    deleted: list[str] = []

    async def delete(client: Client) -> None:
        for run_id in dict.fromkeys(run_ids):
            await client.delete_run(run_id)
            deleted.append(run_id)
            if not as_json:
                line.say(f"run {run_id} is deleted")

    try:
        ask(broker, delete)
    finally:
        if as_json:
            line.write_json({"runIds": deleted})
    return verdict.PASSED
