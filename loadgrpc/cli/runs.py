"""`loadgrpc runs`: the runs that a broker knows, the newest first."""

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
    from loadgrpc.model import Run

MAX_LIMIT = 1_000_000
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
@click.option(
    "-n",
    "--limit",
    type=values.Count(1, MAX_LIMIT),
    default=20,
    show_default=True,
    help="How many, at most.",
)
def command(broker: str, limit: int) -> int:
    """List the runs that a broker knows, the newest first.

    \b
    The last twenty:
      loadgrpc runs -b HOST:7979
    """  # noqa: D301 - \b is click's mark for "do not wrap"
    from loadgrpc.cli import line  # noqa: PLC0415
    from loadgrpc.cli.connection import ask  # noqa: PLC0415
    from loadgrpc.cli.line import Line  # noqa: PLC0415

    async def newest(client: Client) -> tuple[list[Run], bool]:
        return await take(client, limit)

    runs, more = ask(broker, newest)
    if not runs:
        line.write([Line("no runs")], sys.stdout)
        return verdict.PASSED
    width = line.width_of(sys.stdout)
    lines = table(runs, now_ns=time.time_ns(), width=width)
    if more:
        lines.append(Line(f"  and more; -n {limit * 10} shows up to {limit * 10}"))
    line.write(lines, sys.stdout)
    return verdict.PASSED


async def take(client: Client, limit: int) -> tuple[list[Run], bool]:
    """At most `limit` runs, page by page, and whether there are more."""
    runs: list[Run] = []
    token = ""
    while len(runs) < limit:
        page, token = await client.list_runs(
            page_size=min(limit - len(runs), PAGE), page_token=token
        )
        runs += page
        if not token:
            return runs, False
    return runs, True


async def going_on(client: Client) -> list[Run]:
    """The runs that are not over, the newest first."""
    runs: list[Run] = []
    token = ""
    while True:
        page, token = await client.list_runs(page_size=PAGE, page_token=token)
        runs += [run for run in page if not run.state.final]
        if not token:
            return runs


def table(runs: list[Run], *, now_ns: int, width: int) -> list[Line]:
    """Runs as rows: which, how it stands, since when, and what."""
    from loadgrpc.cli.figures import ago, duration  # noqa: PLC0415
    from loadgrpc.cli.table import text_table  # noqa: PLC0415
    from loadgrpc.text import one_line  # noqa: PLC0415

    rows = []
    for run in runs:
        start_ns = run.start_time_ns or run.create_time_ns
        rows.append(
            [
                one_line(run.run_id),
                run.state.name.lower(),
                ago(now_ns - run.create_time_ns),
                duration(max((run.end_time_ns or now_ns) - start_ns, 0)),
                ":".join(map(str, run.plan.users)),
                str(run.plan.agents),
                one_line(run.plan.title),
            ]
        )
    return text_table(["Runs", "state", "created", "took", "users", "agents", "test"], rows, width)
