"""`loadgrpc note RUN TEXT`: write something into the log of an active run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from loadgrpc import verdict
from loadgrpc.cli import options, values
from loadgrpc.cli.command import Command
from loadgrpc.cli.failure import Failure
from loadgrpc.model import MAX_NOTE_CHARS

if TYPE_CHECKING:
    from loadgrpc.client import Client
    from loadgrpc.model import Change


@click.command(cls=Command)
@click.argument("run_id", metavar="RUN")
@click.argument("text", metavar="TEXT", type=values.Printable(MAX_NOTE_CHARS))
@options.broker()
@options.as_json()
def command(*, run_id: str, text: str, broker: str, as_json: bool) -> int:
    """Write a note into the log of an active run.

    It is kept with the run: `loadgrpc show RUN --changes` prints it with its time, and the page
    marks it in the charts.

    \b
    What was done to the server while it was under load:
      loadgrpc note RUN 'cache switched off' -b HOST:7979
    """  # noqa: D301 - \b is click's mark for "do not wrap"
    from loadgrpc.cli import changes, line  # noqa: PLC0415
    from loadgrpc.cli.connection import ask  # noqa: PLC0415

    async def note(client: Client) -> Change | None:
        return await client.add_note(run_id, text)

    if (change := ask(broker, note)) is None:
        raise Failure(f"the log of run {run_id} is full: no note can be added")
    if as_json:
        from loadgrpc.protocol.document import as_document  # noqa: PLC0415
        from loadgrpc.protocol.progress import change_to_proto  # noqa: PLC0415

        line.write_json(as_document(change_to_proto(change)))
        return verdict.PASSED
    line.say(changes.entry(change).text)
    return verdict.PASSED
