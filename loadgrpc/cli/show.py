"""`loadgrpc show RUN`: the summary of a run, at any time."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from loadgrpc import verdict
from loadgrpc.cli import options
from loadgrpc.cli.command import Command

if TYPE_CHECKING:
    from loadgrpc.client import Client
    from loadgrpc.model import Change, Summary


@click.command(cls=Command)
@click.argument("run_id", metavar="RUN")
@options.broker()
@click.option("--json", is_flag=True, help="Print the summary document instead.")
@click.option(
    "--changes", is_flag=True, help="Show what happened to the run instead: its log, with times."
)
@click.option("-v", "--verbose", is_flag=True, help="Whole tracebacks, all groups, the agents.")
def command(*, run_id: str, broker: str, json: bool, changes: bool, verbose: bool) -> int:
    """Show the summary of a run.

    For an active run it shows the figures so far.

    The exit code is 0 whatever that of the run was, which is in the last line.

    \b
    For people, and for programs:
      loadgrpc show RUN -b HOST:7979
      loadgrpc show RUN -b HOST:7979 --json
    What happened, and when: its states, its load, agents that came and went, who stopped it:
      loadgrpc show RUN --changes
    """  # noqa: D301 - \b is click's mark for "do not wrap"
    from loadgrpc.cli import line  # noqa: PLC0415
    from loadgrpc.cli.connection import ask  # noqa: PLC0415

    if changes:
        return _show_changes(run_id, broker, as_json=json)

    async def get(client: Client) -> Summary:
        return await client.get_summary(run_id)

    summary = ask(broker, get)
    if json:
        from loadgrpc.protocol.document import summary_json  # noqa: PLC0415

        line.write_json(summary_json(summary))
        return verdict.PASSED
    from loadgrpc.cli.report import report  # noqa: PLC0415

    width = line.width_of(sys.stdout)
    line.write(report(summary, verbose=verbose, width=width, broker=broker), sys.stdout)
    return verdict.PASSED


def _show_changes(run_id: str, broker: str, *, as_json: bool) -> int:
    from loadgrpc.cli import line  # noqa: PLC0415
    from loadgrpc.cli.connection import ask  # noqa: PLC0415

    async def get(client: Client) -> list[Change]:
        return await client.list_changes(run_id)

    found = ask(broker, get)
    if as_json:
        from loadgrpc.protocol.document import as_document  # noqa: PLC0415
        from loadgrpc.protocol.progress import change_to_proto  # noqa: PLC0415

        line.write_json({"changes": [as_document(change_to_proto(each)) for each in found]})
        return verdict.PASSED
    from loadgrpc.cli.changes import table  # noqa: PLC0415

    line.write(table(found, line.width_of(sys.stdout)), sys.stdout)
    return verdict.PASSED
