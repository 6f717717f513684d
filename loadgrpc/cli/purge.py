"""`loadgrpc purge`: delete the runs that ended long enough ago, or empty the queue."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

import click

from loadgrpc import verdict
from loadgrpc.cli import options, values
from loadgrpc.cli.command import INTERRUPTED, Command
from loadgrpc.cli.failure import Failure

if TYPE_CHECKING:
    from loadgrpc.client import Client

MAX_AGE_S: Final = 100 * 366 * 86_400.0


@click.command(cls=Command)
@options.broker("The broker that owns the runs.")
@click.option(
    "--older-than",
    "older_than_s",
    type=values.Age(MAX_AGE_S),
    help="Delete runs that ended longer ago than this: 30d, 12h, 1h30m.",
)
@click.option("--all", "everything", is_flag=True, help="Delete all runs that are over.")
@click.option(
    "--queued",
    is_flag=True,
    help="Stop all runs that wait, for their time or for agents, instead of deleting any.",
)
@click.option(
    "--yes", is_flag=True, help="Do not ask for confirmation; required without a terminal."
)
@options.as_json()
def command(
    *,
    broker: str,
    older_than_s: float | None,
    everything: bool,
    queued: bool,
    yes: bool,
    as_json: bool,
) -> int:
    """Delete runs that ended long enough ago, with everything stored about them.

    Active runs stay, and so do those that wait; with --queued those are stopped instead. It prints
    how many they were.

    \b
    Keep those of the last thirty days, every night:
      loadgrpc purge --older-than 30d --yes -b HOST:7979
    Empty the queue:
      loadgrpc purge --queued -b HOST:7979
    """  # noqa: D301 - \b is click's mark for "do not wrap"
    if (older_than_s is not None) + everything + queued != 1:
        raise Failure("one of --older-than, --all and --queued is needed, and only one")
    from loadgrpc.cli import line  # noqa: PLC0415
    from loadgrpc.cli.connection import ask  # noqa: PLC0415
    from loadgrpc.cli.figures import span  # noqa: PLC0415
    from loadgrpc.text import counted  # noqa: PLC0415

    which = "" if older_than_s is None else f" and ended more than {span(older_than_s)} ago"
    question = (
        f"Stop all runs of {broker} that are scheduled or queued?"
        if queued
        else f"Delete all runs of {broker} that are over{which}?"
    )
    if not yes and not _confirmed(question):
        print(f"nothing was {'stopped' if queued else 'deleted'}", file=sys.stderr)
        return INTERRUPTED

    async def purge(client: Client) -> list[str]:
        if queued:
            return await client.purge_waiting()
        return await client.purge_runs(older_than_s or 0.0)

    deleted = ask(broker, purge)
    if as_json:
        line.write_json({"runIds": deleted})
    else:
        line.say(f"{counted(len(deleted), 'run')} {'stopped' if queued else 'deleted'}")
    return verdict.PASSED


def _confirmed(question: str) -> bool:
    """Ask for confirmation; a script has to give --yes.

    Raises: Failure: there is nobody to ask.
    """
    if not sys.stdin.isatty():
        raise Failure("there is no terminal to ask at: --yes is needed")
    return click.confirm(question, err=True)
