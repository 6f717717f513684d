"""`loadgrpc run TEST`: run a load test, here or on agents, and report its result."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from loadgrpc import model, verdict
from loadgrpc.cli import DEFAULT_BROKER, line, output, values
from loadgrpc.cli.command import Command
from loadgrpc.cli.failure import Failure, need_folder
from loadgrpc.cli.late_users import warnings_of
from loadgrpc.cli.output import Output
from loadgrpc.cli.plan_file import plan_of_file
from loadgrpc.model import RunnerMode

if TYPE_CHECKING:
    from loadgrpc.cli.interrupts import Interrupts
    from loadgrpc.cli.known import Known
    from loadgrpc.client import Client
    from loadgrpc.model import Plan, Run, Summary

SECTIONS: Final = {
    "Load": ("users", "iterations", "duration_s", "spawn_rate", "server_url", "no_dns_resolve"),
    "Runner": ("test_runner", "runner_mode", "silence_timeout_s", "plan_file"),
    "Where": ("broker", "agents", "split", "processes", "stop_timeout_s"),
    "Output": ("detach", *output.SECTION),
}


@dataclass(frozen=True, kw_only=True)
class Request:
    """A command line, read."""

    plan: Plan
    broker: str | None
    """None: here."""
    detach: bool = False
    output: Output


@click.command(cls=Command, sections=SECTIONS)
@click.argument("test", required=False, metavar="TEST")
@click.option(
    "-u",
    "--users",
    type=values.Users(),
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
    "--test-runner",
    metavar="COMMAND",
    help="A program that lives the users, in any language; {test} in it stands for TEST.  [default:"
    " the Python runner]",
)
@click.option(
    "--runner-mode",
    type=click.Choice(["one-user", "all-users", "by-hand"]),
    help="One process for each user of each cycle, or one on each agent for all of them; or none:"
    " see `loadgrpc assignment`.  [default: one-user]",
)
@click.option(
    "--silence-timeout",
    "silence_timeout_s",
    type=values.Seconds(model.MAX_SILENCE_TIMEOUT_S, zero=True),
    help="End a process of --test-runner that says nothing for so long; 0: never.  [default: 5m]",
)
@click.option(
    "-f",
    "--plan",
    "plan_file",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
    help="Take the plan from this file, as JSON: the `plan` of StartRun, with scenarios if it has"
    " any; - reads it from standard input.",
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
    help="User processes on each agent.  [default: one for each core]",
)
@click.option(
    "--stop-timeout",
    "stop_timeout_s",
    type=values.Seconds(model.MAX_STOP_TIMEOUT_S, zero=True),
    help="How long users may take to finish when time is over.  [default: 30s]",
)
@click.option(
    "--detach",
    is_flag=True,
    help="Print the run's id and leave it to the broker; needs -b or -a.",
)
@output.options
def command(**options: Any) -> int:
    """Run a load test and report its result.

    TEST is package.module.Class.method, found from the current directory, or
    file.py::Class.method; with --test-runner it is whatever that program makes of it. Without -b
    and -a it runs on this machine.

    \b
    One user, once:
      loadgrpc run example.TestWebSite.test_es
    10, then 20, then 30 users, 20 iterations each:
      loadgrpc run example.TestWebSite.test_es -u 10:20:30 -i 20
    100 users for five minutes, split over five agents:
      loadgrpc run web.py::TestShop.test_buy -u 100 -d 5m -b HOST:7979 -a 5 --split
    The same, but do not wait for it; look at it later:
      RUN=$(loadgrpc run web.py::TestShop.test_buy -u 100 -d 5m -b HOST:7979 -a 5 --detach)
      loadgrpc attach $RUN -b HOST:7979
    A runner in another language, and several scenarios side by side:
      loadgrpc run --test-runner "./shop {test}" --runner-mode all-users checkout -u 50 -d 5m
      loadgrpc run -f plan.json

    \b
    Ctrl-C lets users finish their iteration and shows the summary; again kills them.
    Exit codes, the first that applies:
      2    the command line or the plan is wrong
      4    the broker cannot be reached or refuses, or has too few agents
      107  the test could not be loaded
      105  stopped before its end
      3    results are incomplete
      1    an iteration failed or ended with an error
      0    passed
    """  # noqa: D301 - \b is click's mark for "do not wrap"
    request = read(**options)
    request.output.prepare()
    line.write(
        (line.Line(each, line.Style.WARNING) for each in warnings_of(request.plan)), sys.stderr
    )
    return asyncio.run(_run(request))


def read(
    *,
    broker: str | None,
    agents: int | None,
    detach: bool,
    json: bool,
    json_file: Path | None,
    quiet: bool,
    verbose: int,
    test: str | None,
    plan_file: Path | None,
    **asked: Any,
) -> Request:
    """The request that the options make."""
    told = Output(json=json, json_file=json_file, quiet=quiet, verbose=verbose)
    if plan_file is not None:
        plan = plan_of_file(plan_file, test, asked, agents)
    else:
        plan = _plan(test, asked, agents)
    distributed = broker is not None or agents is not None or plan.agents > 1
    if not distributed:
        need_folder()
    if detach and not distributed:
        raise Failure(
            "--detach needs -b/--broker or -a/--agents: a run of this process ends with it"
        )
    if not distributed and any(each.runner_mode is RunnerMode.BY_HAND for each in plan.scenarios):
        raise Failure(
            "--runner-mode by-hand needs -b/--broker or -a/--agents: the runner has to reach it"
        )
    if detach and told.document:
        raise Failure(
            "--detach cannot be combined with --json or --json-file: there is no summary yet"
        )
    return Request(
        plan=plan,
        broker=(broker or DEFAULT_BROKER) if distributed else None,
        detach=detach,
        output=told,
    )


def _plan(test: str | None, asked: dict[str, Any], agents: int | None) -> Plan:
    """The plan that the options make: those that were not given are left to their defaults."""
    if not test:
        raise Failure(f"missing TEST: {values.TestName.meaning}")
    if asked["iterations"] and asked["duration_s"] is not None:
        raise Failure("-i/--iterations cannot be combined with -d/--duration")
    if asked["runner_mode"] is not None:
        asked["runner_mode"] = RunnerMode[asked["runner_mode"].replace("-", "_").upper()]
    if asked["test_runner"]:
        _check_command(asked["test_runner"], test)
    elif asked["runner_mode"] is not RunnerMode.BY_HAND:
        try:
            values.test_name(test)
        except ValueError as error:
            argument = next(each for each in command.params if each.name == "test")
            raise click.BadParameter(str(error), param=argument) from None
        for option in ("runner_mode", "silence_timeout_s"):
            if asked[option] is not None:
                name = option.removesuffix("_s").replace("_", "-")
                raise Failure(f"--{name} is for a --test-runner, and there is none")
    given = {name: value for name, value in asked.items() if value is not None}
    if not asked["iterations"] and asked["duration_s"] is None:
        given["iterations"] = (1,)
    plan = {field.name for field in fields(model.Plan)}
    return model.Plan(
        scenarios=(
            model.Scenario(
                test=test, **{name: value for name, value in given.items() if name not in plan}
            ),
        ),
        agents=agents or 1,
        **{name: value for name, value in given.items() if name in plan},
    )


def _check_command(test_runner: str, test: str) -> None:
    from loadgrpc.protocol.plans import command as words_of  # noqa: PLC0415 - protobuf is heavy

    try:
        words_of(test_runner, test)
    except ValueError as error:
        raise Failure(f"--test-runner {test_runner!r}: {error}") from error


async def _run(request: Request) -> int:
    from loadgrpc.cli.interrupts import Interrupts  # noqa: PLC0415
    from loadgrpc.cli.known import Known  # noqa: PLC0415

    known = Known(request.plan)
    with Interrupts() as interrupts:
        try:
            if request.detach:
                return await _detach(request, interrupts)
            summary = await _summary(request, interrupts, known)
        except asyncio.CancelledError:
            if not interrupts.count:
                raise
            code = _interrupted(request)
            request.output.write(known.summary(code, "interrupted before there were results"))
            return code
        except Failure as failure:
            request.output.write(known.summary(failure.exit_code, failure.message))
            raise
    return request.output.tell(summary)


def _interrupted(request: Request) -> int:
    outcome = verdict.decide(verdict.Facts(stopped="interrupted before there were results"))
    stream = sys.stderr if request.detach else request.output.stream
    line.say(f"exit {outcome.exit_code}: {outcome.reason}", stream)
    return outcome.exit_code


async def _summary(request: Request, interrupts: Interrupts, known: Known) -> Summary:
    """Start the run, follow it to its end, and get its summary."""
    from loadgrpc.cli.connection import connect  # noqa: PLC0415
    from loadgrpc.cli.display import display_for  # noqa: PLC0415
    from loadgrpc.cli.failure import failure_of, lost_broker  # noqa: PLC0415
    from loadgrpc.cli.follow import PATIENCE_S, summary_of  # noqa: PLC0415
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
            run = await _start(request, client, interrupts)
            run_id = run.run_id
            told = request.output
            display = known.over(display_for(told.stream, time.monotonic_ns, quiet=told.quiet))
            patience_s = PATIENCE_S if broker else 0.0
            return await summary_of(client, run, interrupts, display, patience_s=patience_s)
        except Unavailable as error:
            lost = bool(run_id and broker)
            failure = lost_broker(error, broker, run_id) if lost else failure_of(error, broker)
            raise failure from error
        except LoadgrpcError as error:
            raise failure_of(error, broker) from error


async def _detach(request: Request, interrupts: Interrupts) -> int:
    """Start the run, print its id, and leave it to its broker."""
    from loadgrpc.cli.connection import connect  # noqa: PLC0415
    from loadgrpc.cli.failure import failure_of  # noqa: PLC0415
    from loadgrpc.errors import LoadgrpcError  # noqa: PLC0415

    broker = request.broker or DEFAULT_BROKER
    try:
        async with connect(broker) as client:
            run = await _start(request, client, interrupts)
            if interrupts.count:
                await client.stop_run(run.run_id)
                return _interrupted(request)
    except LoadgrpcError as error:
        raise failure_of(error, broker) from error
    line.say(run.run_id)
    return verdict.PASSED


async def _start(request: Request, client: Client, interrupts: Interrupts) -> Run:
    # From here on there may be a run: a signal stops it instead of leaving it alone.
    interrupts.bear(2)
    return await client.start_run(request.plan, request_id=os.urandom(16).hex())
