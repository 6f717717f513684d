"""`loadgrpc status`: a broker, its agents, and the active runs."""

from __future__ import annotations

import sys
import time

import click

from loadgrpc import verdict
from loadgrpc.cli import options
from loadgrpc.cli.command import Command


@click.command(cls=Command)
@options.broker("The broker to ask.")
@click.option(
    "--watch",
    is_flag=True,
    help="Keep it up to date, until Ctrl-C; with --json, a document per line.",
)
@options.as_json()
def command(*, broker: str, watch: bool, as_json: bool) -> int:
    """Show a broker, its agents, and the active runs.

    Agents whose version does not match the broker's are marked with an exclamation mark.

    \b
    Is it there, and how many agents are idle?
      loadgrpc status -b HOST:7979
    The same, all the time:
      loadgrpc status -b HOST:7979 --watch
    """  # noqa: D301 - \b is click's mark for "do not wrap"
    from loadgrpc.cli import line  # noqa: PLC0415
    from loadgrpc.cli.cluster import document, lines, status  # noqa: PLC0415
    from loadgrpc.cli.connection import ask  # noqa: PLC0415

    if watch:
        from loadgrpc.cli.watch_status import watched  # noqa: PLC0415

        return watched(broker, as_json=as_json)
    found = ask(broker, status)
    if as_json:
        line.write_json(document(*found))
        return verdict.PASSED
    width = line.width_of(sys.stdout)
    line.write(lines(broker, *found, now_ns=time.time_ns(), width=width), sys.stdout)
    return verdict.PASSED
