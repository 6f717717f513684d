"""`loadgrpc run TEST`: run a load test, here or on agents, and report its result."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from loadgrpc import verdict
from loadgrpc.cli import (
    DEFAULT_BROKER,
    case_options,
    credential_options,
    gate,
    line,
    observer_options,
    options,
    own_thresholds,
    plan_options,
    reporting,
    secret_options,
    shipping,
    submitting,
    values,
    web_page,
)
from loadgrpc.cli.command import Command
from loadgrpc.cli.configuration import layers, used
from loadgrpc.cli.failure import Failure, need_folder
from loadgrpc.cli.gate import BaselineGate
from loadgrpc.cli.late_users import warnings_of
from loadgrpc.cli.plan_file import plan_of_file
from loadgrpc.cli.reporting import Reporting
from loadgrpc.cli.shapes import Shape
from loadgrpc.cli.web_page import BoundPage

if TYPE_CHECKING:
    from loadgrpc.bundle.pack import Bundle
    from loadgrpc.cli.interrupts import Interrupts
    from loadgrpc.cli.known import Known
    from loadgrpc.client import Client
    from loadgrpc.model import Plan, Run, Submission

SECTIONS: Final = {
    "Test": plan_options.section("Test"),
    "Load": (*plan_options.section("Load"), "shape"),
    "Runner": (*plan_options.section("Runner"), "plan_file"),
    "Where": ("broker", "local", *plan_options.section("Where")),
    "When": (*submitting.SECTION, *plan_options.section("When")),
    "Files": (*shipping.SECTION, *plan_options.section("Files")),
    "Cases": case_options.SECTION,
    "Observers": observer_options.SECTION,
    "Verdict": (*plan_options.section("Verdict"), *gate.SECTION),
    "Output": (
        *plan_options.section("Output"),
        "detach",
        *web_page.OF_RUN,
        *reporting.SECTION,
    ),
}
TEST: Final = "package.module.Class.method or file.py::Class.method"
"""What a missing TEST should have been."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """A command line, read."""

    plan: Plan
    broker: str | None
    """None: here."""
    detach: bool = False
    output: Reporting
    bundle: Bundle | None = None
    """What the plan needs, to be sent first; None: nothing."""
    submission: Submission
    """When it starts."""
    gate: BaselineGate
    """What it is compared with when it is over."""
    page: BoundPage | None = None
    """Where it is shown in a browser while it lasts."""


@click.command(cls=Command, sections=SECTIONS, configured=True)
@click.argument("test", nargs=-1, type=values.TestName(), metavar="TEST...")
@plan_options.add
@click.option(
    "-f",
    "--plan",
    "plan_file",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
    help="Take the plan from this file, JSON or TOML: the `plan` of StartRun, with scenarios if it"
    " has any; - reads it from standard input. Options override it.",
)
@click.option(
    "--shape",
    type=Shape(),
    help="Take --load from a class or a function of yours: called with each second, it returns the"
    " level.",
)
@click.option(
    "-b",
    "--broker",
    type=values.Address(),
    help=f"Run on the agents of this broker.  [default: here, or {DEFAULT_BROKER} with -a]",
)
@click.option(
    "--local",
    is_flag=True,
    help="Run here, whatever broker and agents are configured.",
)
@click.option(
    "--detach",
    is_flag=True,
    help="Print the run's id and leave it to the broker; needs -b or -a.",
)
@web_page.of_run
@credential_options.of_clients
@submitting.add
@shipping.options
@reporting.options
@gate.options
@options.config
def command(**asked: Any) -> int:
    """Run a load test and report its result.

    TEST is package.module.Class.method, found from the current directory, or
    file.py::Class.method; with --test-runner it is whatever that program makes of it. Of several,
    users call one in each iteration, by weight: TEST=8. Without -b and -a it runs on this machine;
    agents are sent the file, and what it imports from here.

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
    At three in the morning, on two agents with a label; tried three times if agents are lost:
      loadgrpc run web.py::TestShop.test_buy -d 1h -a 2 --agent-label eu --start-at 03:00 --retry 3
    Users who think for a while, and browse four times as often as they buy:
      loadgrpc run web.py::TestShop.test_browse=8 web.py::TestShop.test_buy=2 --think 1s..3s -d 5m
    With a table of data, and a package that the agents do not have:
      loadgrpc run web.py::TestShop.test_buy -a 5 --include-file users.csv --python-dep faker
    A runner in another language, and several scenarios side by side:
      loadgrpc run --test-runner "./shop {test}" --runner-mode all-users checkout -u 50 -d 5m
      loadgrpc run -f plan.json

    \b
    Ctrl-C lets users finish their iteration and shows the summary; again kills them. For a run on
    agents it asks first, in a terminal: (s)top, (d)etach or (c)ontinue; again stops.
    Keys in a terminal: + and - change the load by 10 %, p pauses and resumes it, s stops, ? helps.
    Exit codes, the first that applies:
      2    the command line or the plan is wrong
      4    the broker cannot be reached or refuses, or has too few agents, even after --wait
      107  the test could not be loaded
      105  stopped before its end
      3    results are incomplete
      99   what the plan requires of the results does not hold
      1    an iteration failed or ended with an error
      0    passed
    """  # noqa: D301 - \b is click's mark for "do not wrap"
    request = read(**asked)
    secret_options.withhold()
    request.output.prepare()
    line.write(
        (line.Line(each, line.Style.WARNING) for each in warnings_of(request.plan)), sys.stderr
    )
    if not request.output.quiet and not request.output.silent:
        places = used(click.get_current_context()).items()
        told = (line.Line(f"set by {place}: {', '.join(names)}") for place, names in places)
        line.write(told, sys.stderr)
    try:
        return asyncio.run(_run(request))
    finally:
        if request.bundle is not None:
            request.bundle.close()


def read(
    *,
    broker: str | None,
    local: bool,
    detach: bool,
    plan_file: Path | None,
    include_files: tuple[str, ...] = (),
    no_ship: bool = False,
    web: bool = False,
    web_control: bool = False,
    **asked: Any,
) -> Request:
    """The request that the options make."""
    told = Reporting(**{name: asked.pop(name) for name in reporting.SECTION})
    gated = BaselineGate(**{name: asked.pop(name) for name in gate.SECTION})
    submission = submitting.submission(**{name: asked.pop(name) for name in submitting.SECTION})
    configured, environment, typed = map(
        named_tests,
        observer_options.planned(asked, layers(click.get_current_context(), asked)),
    )
    if local:
        _here(typed)
        broker = asked["agents"] = None
        configured["agents"] = environment["agents"] = None
        typed["agents"] = 1 if plan_file else None
    if plan_file:
        plan, included = plan_of_file(plan_file, environment, typed, beneath=configured)
        include_files += included
    else:
        plan = plan_of_options(configured, environment, typed)
    plan = own_thresholds.with_own(plan)
    asks_for_agents = asked["agents"] is not None or plan.agents > 1 or bool(plan.agent_labels)
    distributed = broker is not None or asks_for_agents
    if not distributed:
        need_folder()
    elif web:
        raise Failure(
            "--web is of a run on this machine; `loadgrpc broker --web` and `loadgrpc web` show the"
            " runs of a broker"
        )
    if detach and not distributed:
        raise Failure(
            "--detach needs -b/--broker or -a/--agents: a run of this process ends with it"
        )
    if not distributed and any(each.by_hand for each in plan.scenarios):
        raise Failure(
            "--runner-mode by-hand needs -b/--broker or -a/--agents: the runner has to reach it"
        )
    if detach and (written := told.written):
        raise Failure(
            f"--detach cannot be combined with {written[0]}: there are no results yet;"
            " write outputs later with `loadgrpc show RUN --output`"
        )
    gated.check(distributed=distributed, detach=detach)
    bundle = None
    if distributed or include_files or plan.is_prepared:
        plan, bundle = shipping.packed(plan, include_files, ships=not no_ship)
    return Request(
        plan=plan,
        bundle=bundle,
        broker=(broker or DEFAULT_BROKER) if distributed else None,
        detach=detach,
        output=told,
        submission=submission,
        gate=gated,
        page=web_page.here(control=web_control) if web else None,
    )


def named_tests(layer: dict[str, Any]) -> dict[str, Any]:
    """A layer of options, with the TESTs that it names as a plan has them: one, or several."""
    if (shape := layer.pop("shape", None)) is not None:
        if layer.get("load") is not None:
            raise Failure("--shape cannot be combined with --load")
        layer = layer | {"load": shape}
    named: tuple[str, ...] = layer.pop("test", None) or ()
    if len(named) == 1 and values.weighted(named[0]).test == named[0]:
        return layer | {"test": named[0]}
    if len(named) == 1:
        return layer | {"test": values.weighted(named[0]).test}
    return layer | ({"tests": tuple(map(values.weighted, named))} if named else {})


def _here(typed: Mapping[str, Any]) -> None:
    """See that --local is not typed beside its opposite.

    Raises:
        Failure: it is.
    """
    source = click.get_current_context().get_parameter_source("broker")
    if "agents" in typed or source is click.core.ParameterSource.COMMANDLINE:
        raise Failure("--local cannot be combined with -b/--broker and -a/--agents")


def plan_of_options(*layers: Mapping[str, Any]) -> Plan:
    """The plan that options make, the last go first; what was not given has its default."""
    from loadgrpc.errors import InvalidRequest  # noqa: PLC0415
    from loadgrpc.protocol.plans import plan_from_proto  # noqa: PLC0415 - protobuf is heavy
    from loadgrpc.v1.run_pb2 import RunSpec  # noqa: PLC0415

    message = RunSpec()
    for asked in layers:
        plan_options.ask(message, asked)
    case_options.put_in_order(message, layers)
    if not message.test and not message.tests:
        raise Failure(f"missing TEST: {TEST}")
    try:
        return plan_from_proto(message)
    except InvalidRequest as error:
        raise Failure(plan_options.sentence(error)) from error


async def _run(request: Request) -> int:
    from loadgrpc.cli.interrupts import Interrupts  # noqa: PLC0415
    from loadgrpc.cli.known import Known  # noqa: PLC0415

    known = Known(request.plan)
    with Interrupts() as interrupts:
        try:
            if request.detach:
                return await _detach(request, interrupts)
            return await _follow(request, interrupts, known)
        except asyncio.CancelledError:
            if not interrupts.count:
                raise
            code = _interrupted(request)
            summary = known.summary(code, "interrupted before there were results")
            await request.output.write_known(summary)
            return code
        except Failure as failure:
            await request.output.write_known(known.summary(failure.exit_code, failure.message))
            raise


def _interrupted(request: Request) -> int:
    outcome = verdict.decide(verdict.Facts(stopped="interrupted before there were results"))
    stream = sys.stderr if request.detach else request.output.stream
    line.say(f"exit {outcome.exit_code}: {outcome.reason}", stream)
    return outcome.exit_code


async def _follow(request: Request, interrupts: Interrupts, known: Known) -> int:
    """Start the run, follow it to its end, and report its result; the exit code."""
    from loadgrpc.cli.connection import connect  # noqa: PLC0415
    from loadgrpc.cli.display import display_for  # noqa: PLC0415
    from loadgrpc.cli.failure import failure_of, lost_broker  # noqa: PLC0415
    from loadgrpc.cli.follow import PATIENCE_S, Detached, summary_of  # noqa: PLC0415
    from loadgrpc.cli.notified import when_notified  # noqa: PLC0415
    from loadgrpc.cli.prompt import prompt_for  # noqa: PLC0415
    from loadgrpc.cli.run_keys import run_keys_for  # noqa: PLC0415
    from loadgrpc.errors import LoadgrpcError, Unavailable  # noqa: PLC0415

    broker = request.broker or ""
    run_id = ""
    async with AsyncExitStack() as stack:
        try:
            endpoint = broker
            if not endpoint:
                from loadgrpc.local import local_cluster  # noqa: PLC0415 - heavy

                keep_events = request.output.reads_events
                endpoint = await stack.enter_async_context(local_cluster(keep_events=keep_events))
            client = await stack.enter_async_context(connect(endpoint))
            await request.gate.look_up(client)
            url = ""
            if request.page is not None:
                beside = request.page.beside(endpoint, linger_s=web_page.LINGER_S)
                url = await stack.enter_async_context(beside)
            run = await _start(request, client, interrupts)
            run_id = run.run_id
            told = request.output
            if url:
                line.say(f"the page of the run is at {url}#/runs/{run_id}", sys.stderr)
            stream = None if told.quiet or told.silent else told.stream
            keys = run_keys_for(stream)
            display = known.over(
                display_for(told.stream, time.monotonic_ns, quiet=stream is None, keys=bool(keys))
            )
            patience_s = PATIENCE_S if broker else 0.0
            prompt = prompt_for(told.stream) if broker else None
            summary = await summary_of(
                *(client, run, interrupts, display),
                prompt=prompt,
                keys=keys,
                patience_s=patience_s,
            )
            if not broker:
                summary = await when_notified(client.get_summary, summary, interrupts, stream)
            code = await told.tell(client, summary, broker, patience_s=patience_s)
            return await request.gate.pass_through(client, run_id, code, told)
        except Detached:
            return await _left_alone(told, known, broker, run_id)
        except Unavailable as error:
            lost = bool(run_id and broker)
            failure = lost_broker(error, broker, run_id) if lost else failure_of(error, broker)
            raise failure from error
        except LoadgrpcError as error:
            raise failure_of(error, broker) from error


async def _left_alone(told: Reporting, known: Known, broker: str, run_id: str) -> int:
    """Say where the run is found that goes on; the exit code: its result is not known."""
    reason = f"detached: run {run_id} goes on"
    await told.write_known(known.summary(verdict.INCOMPLETE, reason))
    line.say(f"loadgrpc attach {run_id} -b {broker} watches it again", told.stream)
    line.say(f"loadgrpc stop {run_id} -b {broker} stops it", told.stream)
    if told.asked:
        show = f"loadgrpc show {run_id} -b {broker} --output NAME"
        line.say(f"{show} writes its outputs when it is over", told.stream)
    line.say(f"exit {verdict.INCOMPLETE}: {reason}", told.stream)
    return verdict.INCOMPLETE


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
    plan = await _compared(request.plan)
    if (bundle := request.bundle) is not None:
        stream = None if request.output.quiet else sys.stderr
        await client.upload_bundle(bundle, shipping.UploadProgress(bundle.size, stream))
    # From here on there may be a run: a signal stops it instead of leaving it alone.
    interrupts.bear(2)
    run = await client.start_run(
        plan, request_id=os.urandom(16).hex(), submission=request.submission
    )
    if request.detach and not request.output.quiet and (what := submitting.waits(run)):
        line.say(f"run {run.run_id} is {run.state.name.lower()}: {what}", sys.stderr)
    return run


async def _compared(plan: Plan) -> Plan:
    """The plan, whose parameters fit those that its tests declare, as far as these are here.

    Raises:
        Failure: they do not fit.
    """
    from loadgrpc.client.declared import compared  # noqa: PLC0415
    from loadgrpc.errors import InvalidRequest  # noqa: PLC0415

    try:
        return await compared(plan)
    except InvalidRequest as error:
        raise Failure(plan_options.sentence(error)) from error
