"""`loadgrpc report RUN…`: runs as files for somebody who has no loadgrpc."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

import click

from loadgrpc import verdict
from loadgrpc.cli import options
from loadgrpc.cli.command import Command
from loadgrpc.cli.failure import Failure

if TYPE_CHECKING:
    from loadgrpc.cli.outputs import Asked
    from loadgrpc.client import Client

OF_ONE: Final = ("markdown", "csv")
"""Outputs that have one run."""


@click.command(cls=Command)
@click.argument("run_ids", metavar="RUN...", nargs=-1, required=True)
@options.broker("The broker that owns the runs.")
@click.option(
    "--html",
    metavar="FILE",
    help="Write the page of the runs as one file, which needs no network.  [default: report.html,"
    " if nothing else is asked for]",
)
@click.option(
    "--pdf",
    metavar="FILE",
    help="Print that page to a file, with the Chromium that is installed here.",
)
@click.option("--markdown", metavar="FILE", help="Write the summary of the run as Markdown.")
@click.option(
    "--csv", metavar="PREFIX", help="Write the figures of the run as tables, as --output csv does."
)
def command(*, run_ids: tuple[str, ...], broker: str, **paths: str | None) -> int:
    """Write a report of a run, or of up to five, each compared with the first.

    The HTML report is the page of the runs as it was at that moment: with its tables, and with
    charts that can be zoomed. It is one file that loads nothing from elsewhere. An active run is
    reported as far as it has come.

    The first of several runs may be last-passed, or last-passed:LABEL, as for `loadgrpc compare`.

    \b
    Of one run; of two, as HTML and as PDF:
      loadgrpc report RUN -b HOST:7979 --html report.html
      loadgrpc report last-passed RUN -b HOST:7979 --html report.html --pdf report.pdf
    """  # noqa: D301 - \b is click's mark for "do not wrap"
    run_ids = tuple(dict.fromkeys(run_ids))
    specs = _specs(run_ids, paths)
    from loadgrpc.cli import line, log  # noqa: PLC0415
    from loadgrpc.cli.connection import ask  # noqa: PLC0415
    from loadgrpc.cli.outputs import asked  # noqa: PLC0415

    log.set_up(0)
    outputs = asked(specs, ())
    if unwritten := ask(broker, lambda client: _write(client, run_ids, outputs)):
        raise Failure("; ".join(unwritten), verdict.INCOMPLETE)
    written = [file for each in outputs for file in each.output.destinations]
    for file in written:
        if not file.is_stdout:
            line.say(f"wrote {file}", sys.stderr)
    return verdict.PASSED


def _specs(run_ids: tuple[str, ...], paths: dict[str, str | None]) -> list[tuple[str, str]]:
    """What is to be written: the option that says so, and the output with its file.

    Raises:
        Failure: these runs cannot be in such a report.
    """
    from loadgrpc.dashboard.gathered import MAX_RUNS  # noqa: PLC0415 - with gRPC, which is heavy

    if len(run_ids) > MAX_RUNS:
        raise Failure(f"a report has at most {MAX_RUNS} runs, not {len(run_ids)}")
    for name in OF_ONE:
        if paths[name] and len(run_ids) > 1:
            raise Failure(f"--{name} is of one run, not of {len(run_ids)}")
    specs = [(f"--{name}", f"{name}={path}") for name, path in paths.items() if path]
    return specs or [("--html", "html=report.html")]


async def _write(client: Client, run_ids: tuple[str, ...], outputs: list[Asked]) -> list[str]:
    """Writes the report; a sentence for each file that could not be written."""
    from loadgrpc.cli import line  # noqa: PLC0415
    from loadgrpc.cli.outputs import write  # noqa: PLC0415
    from loadgrpc.dashboard.gathered import gathered  # noqa: PLC0415
    from loadgrpc.dashboard.report_output import HtmlReport  # noqa: PLC0415

    ids = await _named(client, run_ids)
    runs = await gathered(client, ids)
    going_on = [each.summary.run_id for each in runs.results if not each.summary.state.final]
    if going_on and (wrong := [each.option for each in outputs if each.name in OF_ONE]):
        raise Failure(f"run {going_on[0]} is not over, which {wrong[0]} needs")
    first, *others = runs.results
    for each in outputs:
        if isinstance(each.output, HtmlReport):
            each.output.others, each.output.comparisons = others, runs.comparisons
    return await write(outputs, first, lambda text: line.say(text, sys.stderr))


async def _named(client: Client, run_ids: tuple[str, ...]) -> list[str]:
    """The runs that are meant: the first may be named by another one."""
    from loadgrpc.cli.compare import named  # noqa: PLC0415

    first, *others = run_ids
    return [await named(client, first, others[0]), *others] if others else [first]
