"""`loadgrpc show RUN`: the summary of a run, at any time."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from loadgrpc import verdict
from loadgrpc.cli import options, reporting
from loadgrpc.cli.command import Command

if TYPE_CHECKING:
    from loadgrpc.client import Client
    from loadgrpc.model import Change, Notification, Summary, TimelineWindow


@click.command(cls=Command)
@click.argument("run_id", metavar="RUN")
@options.broker()
@options.as_json("Print the summary document instead.")
@click.option(
    "--changes", is_flag=True, help="Show what happened to the run instead: its log, with times."
)
@click.option("--cycles", is_flag=True, help="Show its cycles instead: users, rates and times.")
@click.option(
    "--timeline", is_flag=True, help="Show how it went instead: users, rates and times by time."
)
@reporting.OUTPUT
@click.option("-v", "--verbose", is_flag=True, help="Whole tracebacks, all groups, the agents.")
def command(
    *,
    run_id: str,
    broker: str,
    as_json: bool,
    changes: bool,
    cycles: bool,
    timeline: bool,
    outputs: tuple[str, ...],
    verbose: bool,
) -> int:
    """Show the summary of a run.

    For an active run it shows the figures so far.

    The exit code is 0 whatever that of the run was, which is in the last line.

    \b
    For people, and for programs:
      loadgrpc show RUN -b HOST:7979
      loadgrpc show RUN -b HOST:7979 --json
    What happened, and when: its states, its load, agents that came and went, who stopped it:
      loadgrpc show RUN --changes
    Where more users bring no more hits, and how the run went, at most 50 lines of it:
      loadgrpc show RUN --cycles
      loadgrpc show RUN --timeline
    Outputs of a run that is over, as `loadgrpc run` would have written them:
      loadgrpc show RUN --output csv=out/ --output junit=junit.xml
    """  # noqa: D301 - \b is click's mark for "do not wrap"
    from loadgrpc.cli import line  # noqa: PLC0415
    from loadgrpc.cli.connection import ask  # noqa: PLC0415

    if changes + cycles + timeline > 1:
        raise click.UsageError("--changes, --cycles and --timeline exclude each other")
    if outputs and changes + cycles + timeline:
        raise click.UsageError("--output shows the summary: leave out the others")
    if changes:
        return _show_changes(run_id, broker, as_json=as_json)
    if timeline:
        return _show_timeline(run_id, broker, as_json=as_json)

    if outputs:
        told = reporting.Reporting(outputs=outputs, json=as_json, verbose=int(verbose))
        return _write_outputs(run_id, broker, told)

    async def get(client: Client) -> Summary:
        return await client.get_summary(run_id)

    summary = ask(broker, get)
    if cycles:
        return _show_cycles(summary, as_json=as_json)
    if as_json:
        from loadgrpc.protocol.document import summary_json  # noqa: PLC0415

        line.write_json(summary_json(summary))
        return verdict.PASSED
    from loadgrpc.cli.report import report  # noqa: PLC0415

    width = line.width_of(sys.stdout)
    line.write(report(summary, verbose=verbose, width=width, broker=broker), sys.stdout)
    return verdict.PASSED


def _write_outputs(run_id: str, broker: str, told: reporting.Reporting) -> int:
    """Show the summary of a run that is over, and write outputs of it."""
    from loadgrpc.cli.connection import ask  # noqa: PLC0415
    from loadgrpc.cli.failure import Failure  # noqa: PLC0415

    told.prepare()

    async def tell(client: Client) -> int:
        summary = await client.get_summary(run_id)
        if not summary.state.final:
            raise Failure(
                f"run {run_id} is {summary.state.name.lower()}: outputs are written when it is"
                f" over; `loadgrpc attach {run_id} --output` waits for that"
            )
        return await told.tell_past(client, summary, broker)

    return ask(broker, tell)


def _show_changes(run_id: str, broker: str, *, as_json: bool) -> int:
    from loadgrpc.cli import line  # noqa: PLC0415
    from loadgrpc.cli.connection import ask  # noqa: PLC0415
    from loadgrpc.errors import NotFound  # noqa: PLC0415

    async def get(client: Client) -> tuple[list[Change], Sequence[Notification]]:
        changes = await client.list_changes(run_id)
        if as_json:
            return changes, ()
        with suppress(NotFound):  # as of a run that was damaged in the store
            return changes, (await client.get_summary(run_id)).notifications
        return changes, ()

    found, notifications = ask(broker, get)
    if as_json:
        from loadgrpc.protocol.document import as_document  # noqa: PLC0415
        from loadgrpc.protocol.progress import change_to_proto  # noqa: PLC0415

        line.write_json({"changes": [as_document(change_to_proto(each)) for each in found]})
        return verdict.PASSED
    from loadgrpc.cli.changes import table  # noqa: PLC0415

    line.write(table(found, notifications), sys.stdout)
    return verdict.PASSED


def _show_cycles(summary: Summary, *, as_json: bool) -> int:
    from loadgrpc.cli import cycles, line  # noqa: PLC0415

    if as_json:
        from loadgrpc.protocol.document import as_document  # noqa: PLC0415
        from loadgrpc.protocol.timeline import cycle_to_proto  # noqa: PLC0415

        found = [as_document(cycle_to_proto(each)) for each in summary.cycles]
        line.write_json({"cycles": found})
        return verdict.PASSED
    lines = cycles.table(summary, line.width_of(sys.stdout))
    line.write(lines or [line.Line(cycles.why_none(summary))], sys.stdout)
    return verdict.PASSED


def _show_timeline(run_id: str, broker: str, *, as_json: bool) -> int:
    from loadgrpc.cli import line, timeline  # noqa: PLC0415
    from loadgrpc.cli.connection import ask  # noqa: PLC0415
    from loadgrpc.model import TimelineQuery  # noqa: PLC0415

    async def get(client: Client) -> tuple[Summary, list[TimelineWindow]]:
        summary = await client.get_summary(run_id)
        query = TimelineQuery(
            run_id=run_id,
            resolution_s=timeline.resolution_s(summary, time.time_ns()),
            series=as_json,
        )
        return summary, [window async for window in client.list_windows(query)]

    summary, found = ask(broker, get)
    if as_json:
        from loadgrpc.protocol.document import as_document  # noqa: PLC0415
        from loadgrpc.protocol.timeline import window_to_proto  # noqa: PLC0415

        line.write_json({"windows": [as_document(window_to_proto(each)) for each in found]})
        return verdict.PASSED
    lines = timeline.table(found, line.width_of(sys.stdout))
    line.write(lines or [line.Line(timeline.why_none(summary))], sys.stdout)
    return verdict.PASSED
