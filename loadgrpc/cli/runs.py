"""`loadgrpc runs`: the runs that a broker knows, newest first."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any, Final

import click

from loadgrpc import verdict
from loadgrpc.cli import options, plan_values, values
from loadgrpc.cli.command import Command
from loadgrpc.model import RunState, words_of
from loadgrpc.protocol.labels_kind import LABELS

if TYPE_CHECKING:
    from loadgrpc.cli.line import Line
    from loadgrpc.client import Client
    from loadgrpc.model import Run

MAX_LIMIT = 1_000_000
PAGE = 500
OWNER_CHARS = 128


ROOMY: Final = 100
"""Columns that all of the table takes."""
STATES: Final = tuple(
    word for word, _ in sorted(words_of(RunState).items(), key=lambda each: each[1].final)
)


@click.command(cls=Command)
@options.broker("The broker to ask.")
@click.option(
    "-n",
    "--limit",
    type=values.Count(1, MAX_LIMIT),
    default=20,
    show_default=True,
    help="Maximum number of runs.",
)
@click.option(
    "--state",
    "states",
    type=click.Choice(STATES),
    multiple=True,
    help="Only runs in this state; repeatable.",
)
@click.option(
    "--verdict",
    "verdicts",
    type=click.Choice(list(verdict.NAMES.values())),
    multiple=True,
    help="Only runs that are over and got this verdict; repeatable.",
)
@click.option(
    "--label",
    "labels",
    type=plan_values.Labels(LABELS),
    multiple=True,
    help="Only runs with this label: see `loadgrpc run --label`; repeatable, for all of them.",
)
@click.option(
    "--owner",
    type=values.Printable(OWNER_CHARS),
    help="Only runs of this person: see `loadgrpc run --owner`.",
)
@click.option(
    "--title", type=values.Printable(OWNER_CHARS), help="Only runs with this text in their title."
)
@options.as_json()
def command(
    *,
    broker: str,
    limit: int,
    states: tuple[str, ...],
    verdicts: tuple[str, ...],
    labels: tuple[tuple[str, ...], ...],
    owner: str | None,
    title: str | None,
    as_json: bool,
) -> int:
    """List the runs that a broker knows, newest first.

    \b
    The last twenty; the active ones; those that did not go well:
      loadgrpc runs -b HOST:7979
      loadgrpc runs --state running --state stopping
      loadgrpc runs --verdict failed --verdict incomplete -n 100
    Those that wait, and why; those of the nightly job:
      loadgrpc runs --state queued --state scheduled
      loadgrpc runs --label nightly --owner ann
    """  # noqa: D301 - \b is click's mark for "do not wrap"
    from loadgrpc.cli import line  # noqa: PLC0415
    from loadgrpc.cli.connection import ask  # noqa: PLC0415
    from loadgrpc.cli.line import Line, Style  # noqa: PLC0415
    from loadgrpc.text import one_line  # noqa: PLC0415

    wanted = [RunState[name.upper()] for name in states]
    codes = [code for code, name in verdict.NAMES.items() if name in verdicts]

    async def newest(client: Client) -> tuple[list[Run], bool, str]:
        runs, more = await take(
            client,
            limit,
            states=wanted,
            exit_codes=codes,
            labels=sorted({label for some in labels for label in some}),
            owner=owner or "",
            title=title or "",
        )
        return runs, more, (await client.get_broker()).store_trouble

    runs, more, trouble = ask(broker, newest)
    if as_json:
        from loadgrpc.protocol.document import as_document  # noqa: PLC0415
        from loadgrpc.protocol.runs import run_to_proto  # noqa: PLC0415

        document = {
            "runs": [as_document(run_to_proto(run)) for run in runs],
            "more": more,
            "storeTrouble": trouble,
        }
        line.write_json(document)
        return verdict.PASSED
    width = line.width_of(sys.stdout)
    lines = table(runs, now_ns=time.time_ns(), width=width) if runs else [Line("no runs")]
    if more:
        lines.append(Line(f"  and more; -n {limit * 10} shows up to {limit * 10}"))
    lines += troubled(runs)
    if trouble:
        text = f"runs that are over may be missing, and reporting waits: {one_line(trouble)}"
        lines.append(Line(text, Style.BAD))
    line.write(lines, sys.stdout)
    return verdict.PASSED


async def take(client: Client, limit: int, **wanted: Any) -> tuple[list[Run], bool]:
    """At most `limit` runs, page by page, and whether there are more."""
    runs: list[Run] = []
    token = ""
    while len(runs) < limit:
        page, token = await client.list_runs(
            page_size=min(limit - len(runs), PAGE), page_token=token, **wanted
        )
        runs += page
        if not token:
            return runs, False
    return runs, True


async def going_on(client: Client) -> list[Run]:
    """The runs that are not over, newest first."""
    states = [state for state in RunState if not state.final]
    runs, _ = await take(client, MAX_LIMIT, states=states)
    return runs


def judged(run: Run) -> str:
    """The verdict of a run in a word: `passed`, `failed`; `-` for an active one."""
    if run.verdict is None:
        return "-"
    return verdict.name(run.verdict.exit_code)


def troubled(runs: list[Run]) -> list[Line]:
    """What runs wait for, and what is currently wrong with others, a line each."""
    from loadgrpc.cli.line import Line, Style  # noqa: PLC0415
    from loadgrpc.cli.submitting import waits  # noqa: PLC0415
    from loadgrpc.text import one_line  # noqa: PLC0415

    return [Line(f"  {one_line(run.run_id)}: {what}") for run in runs if (what := waits(run))] + [
        Line(f"  {one_line(run.run_id)}: {one_line(trouble.message)}", Style.WARNING)
        for run in runs
        for trouble in run.troubles
    ]


def table(runs: list[Run], *, now_ns: int, width: int) -> list[Line]:
    """Runs as rows: which, how it stands, since when, and what."""
    from loadgrpc.cli.figures import NONE, ago, duration  # noqa: PLC0415
    from loadgrpc.cli.table import text_table  # noqa: PLC0415
    from loadgrpc.text import one_line  # noqa: PLC0415

    headings = ["Runs", "state", "verdict", "created", "took", "users", "agents", "test"]
    rows = []
    for run in runs:
        start_ns = run.start_time_ns or run.create_time_ns
        rows.append(
            [
                one_line(run.run_id),
                run.state.name.lower(),
                judged(run),
                ago(now_ns - run.create_time_ns),
                duration(max((run.end_time_ns or now_ns) - start_ns, 0)),
                NONE if run.plan.has_arrivals else ":".join(map(str, run.plan.users)),
                str(run.plan.agents),
                one_line(run.plan.label),
            ]
        )
    if width < ROOMY:
        for row in (headings, *rows):
            del row[6], row[4]  # agents, and how long it took: the test says more
    return text_table(headings, rows, width)
