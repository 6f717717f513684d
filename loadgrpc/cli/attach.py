"""`loadgrpc attach RUN`: watch an active run, from where it is to its end."""

from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from loadgrpc.cli import line, options, reporting
from loadgrpc.cli.command import INTERRUPTED, Command
from loadgrpc.cli.failure import Failure
from loadgrpc.cli.reporting import Reporting

if TYPE_CHECKING:
    from loadgrpc.cli.interrupts import Interrupts
    from loadgrpc.cli.known import Known


@click.command(cls=Command)
@click.argument("run_id", metavar="[RUN]", required=False)
@options.broker()
@reporting.options
def command(run_id: str | None, broker: str, **options: Any) -> int:
    """Watch a run to its end, and report its result.

    Without RUN it takes the active one; of several it lets you choose, at a terminal, or else lists
    them. What happens to the run meanwhile, such as an agent that is lost, is a line of its own.

    It shows what `loadgrpc run` shows, from the current figures on, and exits with the same code.
    For a run that is over it prints the summary.

    Ctrl-C leaves the run alone: it goes on. `loadgrpc stop RUN` stops it.

    \b
    Start a run, and look at it later, from anywhere:
      loadgrpc run TEST -u 100 -d 8h -b HOST:7979 --detach
      loadgrpc attach RUN -b HOST:7979
    """  # noqa: D301 - \b is click's mark for "do not wrap"
    told = Reporting(**options)
    told.prepare()
    if run_id is None:
        run_id = _only_run(broker)
    return asyncio.run(_attach(run_id, broker, told))


def _only_run(broker: str) -> str:
    """The active run, or the one of several that somebody chooses.

    Raises:
        Failure: there is none, or there are several, which are listed, and nobody to choose.
    """
    from loadgrpc.cli.connection import ask  # noqa: PLC0415
    from loadgrpc.cli.runs import going_on, table  # noqa: PLC0415

    runs = ask(broker, going_on)
    if not runs:
        raise Failure("no run is active; `loadgrpc runs` lists those that are over")
    if len(runs) == 1:
        return runs[0].run_id
    choosing = sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()
    numbers = ["", *(f"{at}" for at in range(1, len(runs) + 1))] if choosing else []
    room = 2 + max(map(len, numbers), default=-2)
    listed = table(runs, now_ns=time.time_ns(), width=line.width_of(sys.stderr) - room)
    if not choosing:
        line.write(listed, sys.stderr)
        raise Failure(f"{len(runs)} runs are active: name one as RUN")
    line.write(
        (
            replace(each, text=f"{number:>{room - 2}}  {each.text}")
            for number, each in zip(numbers, listed, strict=True)
        ),
        sys.stderr,
    )
    chosen: int = click.prompt("Which one", type=click.IntRange(1, len(runs)), err=True)
    return runs[chosen - 1].run_id


async def _attach(run_id: str, broker: str, told: Reporting) -> int:
    from loadgrpc.cli.interrupts import Interrupts  # noqa: PLC0415
    from loadgrpc.cli.known import Known  # noqa: PLC0415
    from loadgrpc.model import Plan, Scenario  # noqa: PLC0415

    known = Known(Plan(scenarios=(Scenario(),)))
    with Interrupts() as interrupts:
        try:
            return await _follow(run_id, broker, told, interrupts, known)
        except Failure as failure:
            await told.write_known(known.summary(failure.exit_code, failure.message))
            raise
        except asyncio.CancelledError:
            if not interrupts.count:
                raise
            stop = f"loadgrpc stop {run_id} -b {broker}"
            line.say(
                f"detached from run {run_id}, which is left alone; {stop} stops it", told.stream
            )
            return INTERRUPTED


async def _follow(
    run_id: str, broker: str, told: Reporting, interrupts: Interrupts, known: Known
) -> int:
    """Follow the run to its end, if it is active, and report its result; the exit code."""
    from loadgrpc.cli.connection import connect  # noqa: PLC0415
    from loadgrpc.cli.display import display_for  # noqa: PLC0415
    from loadgrpc.cli.failure import failure_of, lost_broker  # noqa: PLC0415
    from loadgrpc.cli.follow import PATIENCE_S, summary_of  # noqa: PLC0415
    from loadgrpc.errors import LoadgrpcError, Unavailable  # noqa: PLC0415

    attached = False
    try:
        async with connect(broker) as client:
            run = await client.get_run(run_id)
            if run.state.final:
                return await told.tell(client, await client.get_summary(run_id), broker)
            attached = True
            display = known.over(
                display_for(told.stream, time.monotonic_ns, quiet=told.quiet or told.silent)
            )
            summary = await summary_of(
                client, run, interrupts, display, stops=(), patience_s=PATIENCE_S
            )
            return await told.tell(client, summary, broker, patience_s=PATIENCE_S)
    except Unavailable as error:
        raise (
            lost_broker(error, broker, run_id) if attached else failure_of(error, broker)
        ) from error
    except LoadgrpcError as error:
        raise failure_of(error, broker) from error
