"""`loadgrpc run TEST`: run a load test, here or on agents, and tell how it went."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TextIO

import click

from loadgrpc import model, verdict
from loadgrpc.cli import DEFAULT_BROKER, values
from loadgrpc.cli.command import Command

if TYPE_CHECKING:
    from loadgrpc.cli.interrupts import Interrupts
    from loadgrpc.model import Plan, Summary

SECTIONS: Final = {
    "Load": ("users", "iterations", "duration_s", "spawn_rate", "server_url", "no_dns_resolve"),
    "Where": ("broker", "agents", "split", "processes", "stop_timeout_s"),
    "Output": ("json", "json_file", "quiet", "verbose"),
}


@dataclass(frozen=True, kw_only=True)
class Request:
    """A command line, read."""

    plan: Plan
    broker: str | None
    """None: here."""
    json: bool = False
    json_file: Path | None = None
    quiet: bool = False
    verbose: int = 0

    @property
    def stream(self) -> TextIO:
        """Where people look: stdout, unless the document goes there."""
        return sys.stderr if self.json else sys.stdout


@click.command(cls=Command, sections=SECTIONS)
@click.argument("test", type=values.TestName())
@click.option(
    "-u",
    "--users",
    type=values.Users(),
    default=(1,),
    help="Virtual users. 10:20:30 makes three cycles, one after another.  [default: 1]",
)
@click.option(
    "-i",
    "--iterations",
    "--hits",
    type=values.Iterations(),
    help="How often each user calls the test in a cycle; 5:5 is summed.  [default: 1]",
)
@click.option(
    "-d",
    "--duration",
    "-t",
    "--run-time",
    "duration_s",
    type=values.Seconds(model.MAX_DURATION_S),
    help="How long each cycle lasts, instead of iterations: 90, 90s, 5m, 1h30m.",
)
@click.option(
    "-r",
    "--spawn-rate",
    type=values.Rate(),
    default=0.0,
    help="Users started a second, on each agent.  [default: all at once]",
)
@click.option(
    "-H",
    "--host",
    "server_url",
    type=values.Url(),
    default=None,
    help="What the test sees as self.server_url.  [default: what the test says]",
)
@click.option(
    "--no-dns-resolve",
    is_flag=True,
    help="Resolve names for each connection.  [default: once for each user, who then takes all "
    "addresses in turn]",
)
@click.option(
    "-b",
    "--broker",
    type=values.Address(),
    help=f"Run on the agents of this broker.  [default: here, or {DEFAULT_BROKER} with -a]",
)
@click.option(
    "-a",
    "--agents",
    type=values.Count(1, model.MAX_AGENTS),
    help="Run on so many agents; each gets the whole load.  [default: here, or 1 with -b]",
)
@click.option("--split", is_flag=True, help="Share the users out among the agents instead.")
@click.option(
    "--processes",
    type=values.Count(0, model.MAX_PROCESSES),
    default=0,
    help="User processes on each agent.  [default: one for each core]",
)
@click.option(
    "--stop-timeout",
    "stop_timeout_s",
    type=values.Seconds(model.MAX_STOP_TIMEOUT_S, zero=True),
    default=model.DEFAULT_STOP_TIMEOUT_S,
    help="How long users may take to finish when time is over.  [default: 30s]",
)
@click.option(
    "--json", is_flag=True, help="Print the summary document to stdout, all else to stderr."
)
@click.option(
    "--json-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the summary document to a file.",
)
@click.option("-q", "--quiet", is_flag=True, help="Print the last line only.")
@click.option(
    "-v",
    "--verbose",
    count=True,
    help="Whole tracebacks, all groups, the agents; log to stderr. -vv logs more.",
)
def command(**options: Any) -> int:
    """Run a load test and tell how it went.

    TEST is package.module.Class.method, found from the current directory, or
    file.py::Class.method. Without -b and -a it runs here.

    \b
    One user, once:
      loadgrpc run example.TestWebSite.test_es
    10, then 20, then 30 users, 20 iterations each:
      loadgrpc run example.TestWebSite.test_es -u 10:20:30 -i 20
    100 users for five minutes, split over five agents:
      loadgrpc run web.py::TestShop.test_buy -u 100 -d 5m -b HOST:7979 -a 5 --split

    \b
    Ctrl-C lets users finish their iteration and shows the summary; again kills them.
    Exit codes, the first that applies:
      2    the command line or the plan is wrong
      4    the broker cannot be reached or refuses, or has too few agents
      107  the test could not be loaded
      105  stopped before its end
      3    results are incomplete
      1    an iteration failed or erred
      0    passed
    """  # noqa: D301 - \b is click's mark for "do not wrap"
    request = read(**options)
    from loadgrpc.cli import document, log  # noqa: PLC0415 - only once the line is right

    log.set_up(request.verbose)
    if request.json_file is not None:
        document.check(request.json_file)
    return asyncio.run(_run(request))


def read(
    *,
    iterations: tuple[int, ...] | None,
    duration_s: float | None,
    broker: str | None,
    agents: int | None,
    server_url: str | None,
    json: bool,
    json_file: Path | None,
    quiet: bool,
    verbose: int,
    **plan: Any,
) -> Request:
    """The request that the options make."""
    if iterations and duration_s is not None:
        raise click.UsageError("-i/--iterations cannot be combined with -d/--duration")
    if quiet and verbose:
        raise click.UsageError("-q/--quiet cannot be combined with -v/--verbose")
    distributed = broker is not None or agents is not None
    return Request(
        plan=model.Plan(
            iterations=iterations or (() if duration_s is not None else (1,)),
            duration_s=duration_s,
            agents=agents or 1,
            server_url=server_url or "",
            **plan,
        ),
        broker=(broker or DEFAULT_BROKER) if distributed else None,
        json=json,
        json_file=json_file,
        quiet=quiet,
        verbose=verbose,
    )


async def _run(request: Request) -> int:
    from loadgrpc.cli.interrupts import Interrupts  # noqa: PLC0415

    with Interrupts() as interrupts:
        try:
            summary = await _summary(request, interrupts)
        except asyncio.CancelledError:
            if not interrupts.count:
                raise
            outcome = verdict.decide(verdict.Facts(stopped="interrupted before there were results"))
            print(f"exit {outcome.exit_code}: {outcome.reason}", file=request.stream)
            return outcome.exit_code
    return _tell(request, summary)


async def _summary(request: Request, interrupts: Interrupts) -> Summary:
    """Start the run, follow it to its end, and get its summary."""
    from loadgrpc.cli.connection import connect  # noqa: PLC0415
    from loadgrpc.cli.display import display_for  # noqa: PLC0415
    from loadgrpc.cli.failure import Failure, failure_of  # noqa: PLC0415
    from loadgrpc.cli.follow import PATIENCE_S, follow, patiently  # noqa: PLC0415
    from loadgrpc.errors import LoadgrpcError, Unavailable  # noqa: PLC0415

    broker = request.broker or ""
    run_id = ""
    async with AsyncExitStack() as stack:
        try:
            endpoint = broker
            if not endpoint:
                from loadgrpc.cli.local import local_cluster  # noqa: PLC0415 - heavy

                endpoint = await stack.enter_async_context(local_cluster())
            client = await stack.enter_async_context(connect(endpoint))
            # From here on there may be a run: a signal stops it instead of leaving it alone.
            interrupts.bear(2)
            run = await client.start_run(request.plan, request_id=os.urandom(16).hex())
            run_id = run.run_id
            display = display_for(request.stream, time.monotonic_ns, quiet=request.quiet)
            patience_s = PATIENCE_S if broker else 0.0
            try:
                await follow(client, run, interrupts, display, patience_s=patience_s)
            finally:
                display.close()
            interrupts.bear(2)
            return await patiently(lambda: client.get_summary(run_id), patience_s)
        except Unavailable as error:
            if not run_id or not broker:
                raise failure_of(error, broker) from error
            raise Failure(
                f"lost the broker at {broker} during run {run_id}: {error}; the run may go on: "
                f"loadgrpc show {run_id} -b {broker}",
                verdict.UNREACHABLE,
            ) from error
        except LoadgrpcError as error:
            raise failure_of(error, broker) from error


def _tell(request: Request, summary: Summary) -> int:
    """Print and write what was asked for; the exit code."""
    from loadgrpc.cli import document, line, report  # noqa: PLC0415

    if request.quiet:
        lines = [report.last_line(summary)]
    else:
        width = line.width_of(request.stream)
        lines = report.report(summary, verbose=bool(request.verbose), width=width)
    line.write(lines, request.stream)
    if request.json or request.json_file is not None:
        from loadgrpc.protocol.document import summary_json  # noqa: PLC0415

        text = summary_json(summary)
        if request.json_file is not None:
            document.write(request.json_file, text)
        if request.json:
            print(text)
    return summary.verdict.exit_code
