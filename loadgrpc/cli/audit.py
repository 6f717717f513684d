"""`loadgrpc audit`: what was done at a broker, and by whom."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from loadgrpc import verdict
from loadgrpc.cli import figures, line, options
from loadgrpc.cli.command import Command
from loadgrpc.text import one_line

if TYPE_CHECKING:
    from loadgrpc.client import Client
    from loadgrpc.model import Audited


@click.command(cls=Command)
@click.option(
    "-n",
    "--limit",
    type=click.IntRange(1, 1_000),
    default=50,
    show_default=True,
    help="Most entries to show.",
)
@click.option("--name", default="", metavar="NAME", help="Only what was done by this caller.")
@options.broker("The broker to ask.")
@options.as_json()
def command(*, limit: int, name: str, broker: str, as_json: bool) -> int:
    """List what was done at a broker and by whom, and what was refused, newest first.

    The broker keeps the newest 100,000 entries. There are no secrets in them. For admins.

    \b
    What has happened lately?
      loadgrpc audit -b HOST:7979
    What did one of us do?
      loadgrpc audit -b HOST:7979 --name alice -n 200
    """  # noqa: D301 - \b is click's mark for "do not wrap"
    from loadgrpc.cli.connection import ask  # noqa: PLC0415
    from loadgrpc.cli.table import text_table  # noqa: PLC0415

    async def listed(client: Client) -> tuple[list[Audited], str]:
        return await client.access.list_audit(limit=limit, name=name)

    entries, _ = ask(broker, listed)
    if as_json:
        from loadgrpc.protocol.access import audited_to_proto  # noqa: PLC0415 - protobuf is heavy
        from loadgrpc.protocol.document import as_document  # noqa: PLC0415

        documents = [as_document(audited_to_proto(each)) for each in entries]
        line.write_json({"entries": documents})
        return verdict.PASSED
    rows = [
        [
            figures.moment(each.time_ns),
            one_line(each.name) or one_line(each.address).partition(" ")[0],
            one_line(each.did),
            one_line(" ".join(filter(None, (each.what, each.detail)))) or "-",
        ]
        for each in entries
    ]
    heads = ["Time", "who", "did", "what"]
    line.write(text_table(heads, rows, line.width_of(sys.stdout)), sys.stdout)
    return verdict.PASSED
