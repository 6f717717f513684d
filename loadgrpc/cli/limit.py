"""`loadgrpc limit TEST --until …`: find the rate that a server can take."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import click

from loadgrpc import verdict
from loadgrpc.cli import (
    DEFAULT_BROKER,
    case_options,
    line,
    options,
    plan_options,
    secret_options,
    shipping,
    values,
)
from loadgrpc.cli.command import Command
from loadgrpc.cli.conditions import Conjunction
from loadgrpc.cli.configuration import layers
from loadgrpc.cli.failure import Failure, failure_of, lost_broker, need_folder
from loadgrpc.cli.run import TEST, named_tests, plan_of_options

if TYPE_CHECKING:
    from loadgrpc.bundle.pack import Bundle
    from loadgrpc.cli.interrupts import Interrupts
    from loadgrpc.cli.levels import LevelEvidence
    from loadgrpc.client import Client
    from loadgrpc.model import Plan
    from loadgrpc.stats.limit import FoundLimit

OF_LOAD: Final = ("server_url", "arrivals", "seed", "late", "max_users", "no_dns_resolve")
"""What may be said of the load; the rest of it is what is looked for."""
SECTIONS: Final = {
    "Search": ("until", "first", "most", "within"),
    "Test": plan_options.section("Test"),
    "Load": OF_LOAD,
    "Runner": plan_options.section("Runner"),
    "Where": ("broker", "local", *plan_options.section("Where")),
    "Files": (*shipping.SECTION, *plan_options.section("Files")),
    "Cases": case_options.SECTION,
}
SEARCH_S: Final = 3_600
"""How long a search may take; it takes some minutes."""
ENDS_S: Final = 30.0
"""How long the run may take to end, beyond the stop timeout."""
MIN_RATE: Final = 0.1


class RateText(values.Value[float]):
    """Iterations per second: `50/s`, `30/m`."""

    name = "N/s"

    def read(self, text: str) -> float:
        """See Value."""
        from loadgrpc.model import MAX_LEVEL  # noqa: PLC0415
        from loadgrpc.stats import load_text  # noqa: PLC0415

        try:
            rate = load_text.rate(text)
        except load_text.LoadTextError as error:
            raise ValueError(f"{text!r}: {error.why}") from error
        if not MIN_RATE <= rate <= MAX_LEVEL:
            raise ValueError(f"{text!r} is not from {MIN_RATE:g}/s to {MAX_LEVEL:g}/s")
        return rate


@dataclass(frozen=True, kw_only=True)
class LimitRequest:
    """A command line, read."""

    plan: Plan
    until: tuple[str, ...]
    first: float
    most: float
    within: float
    broker: str | None
    """None: here."""
    bundle: Bundle | None
    as_json: bool
    quiet: bool


@dataclass
class LimitOutcome:
    """How far a search has come."""

    run_id: str = ""
    levels: list[LevelEvidence] = field(default_factory=list)
    found: FoundLimit | None = None
    """None: it was broken off."""


@click.command(cls=Command, sections=SECTIONS, configured=True)
@click.argument("test", nargs=-1, type=values.TestName(), metavar="TEST...")
@click.option(
    "--until",
    type=Conjunction(),
    required=True,
    metavar="CONDITION",
    help="What has to hold: a threshold, or several with `and` between them, such as"
    " 'p99(response) < 200ms and rate(failed) < 1%'.",
)
@click.option(
    "--from", "first", type=RateText(), default="50/s", show_default=True, help="The first level."
)
@click.option(
    "--max",
    "most",
    type=RateText(),
    default="5000/s",
    show_default=True,
    help="The highest level that may be tried.",
)
@click.option(
    "--within",
    type=values.Percent(2, 50),
    default="5",
    show_default=True,
    metavar="PERCENT",
    help="How far the answer may reach to both sides of its middle.",
)
@plan_options.add
@click.option(
    "-b",
    "--broker",
    type=values.Address(),
    help=f"Run on the agents of this broker.  [default: here, or {DEFAULT_BROKER} with -a]",
)
@click.option("--local", is_flag=True, help="Run here, whatever broker and agents are configured.")
@shipping.options
@options.as_json("Print the answer, and what it stands on, as a JSON document.")
@click.option("-q", "--quiet", is_flag=True, help="Print the answer only.")
@options.config
def command(
    *,
    until: tuple[str, ...],
    first: float,
    most: float,
    within: int,
    broker: str | None,
    local: bool,
    include_files: tuple[str, ...],
    no_ship: bool,
    as_json: bool,
    quiet: bool,
    **asked: Any,
) -> int:
    """Find the rate of iterations that a server can take while a condition holds.

    It makes one run of arrivals, and changes its level while it goes on: twice as much until the
    condition does not hold, then between, then for longer at both ends of the answer. Each level
    is judged on closed windows, after it has settled. The answer is an interval, and the levels
    that it stands on; if the generator could not keep up, that is the answer.

    \b
    On this machine:
      loadgrpc limit example.TestWebSite.test_es -H http://localhost:9000 \\
        --until "p99(response) < 200ms and rate(failed) < 1%" --from 50/s --max 5000/s
    On two agents; afterwards, the run that it made:
      loadgrpc limit web.py::TestShop.test_buy --until "p95(response) < 1s" -b HOST:7979 -a 2
      loadgrpc show RUN -b HOST:7979 --timeline

    \b
    It takes about three minutes. Ctrl-C stops it, and prints how far it has come.
    Exit codes, the first that applies:
      2    the command line is wrong
      4    the broker cannot be reached or refuses, or the run ended
      107  the test could not be loaded
      105  stopped before there was an answer
      3    the generator was the limit
      99   no level held
      0    there is an answer; or even the highest level held
    """  # noqa: D301 - \b is click's mark for "do not wrap"
    if first > most:
        raise Failure(f"--from {first:g}/s is above --max {most:g}/s")
    plan, broker, bundle = _planned(
        asked, first, broker, local=local, include_files=include_files, ships=not no_ship
    )
    secret_options.withhold()
    request = LimitRequest(
        plan=plan,
        until=until,
        first=first,
        most=most,
        within=within / 100,
        broker=broker,
        bundle=bundle,
        as_json=as_json,
        quiet=quiet,
    )
    try:
        return asyncio.run(_run(request))
    finally:
        if bundle is not None:
            bundle.close()


_USED: Final = {name for names in SECTIONS.values() for name in names}
command.params = [
    each
    for each in command.params
    if each.name in _USED or each.name not in {row.name for row in plan_options.FLAGGED}
]
command.params = [each for each in command.params if not (each.name or "").startswith("observer")]


def _planned(
    asked: dict[str, Any],
    first: float,
    broker: str | None,
    *,
    local: bool,
    include_files: tuple[str, ...],
    ships: bool,
) -> tuple[Plan, str | None, Bundle | None]:
    """The plan of the run, where it is to be, and what it needs."""
    from loadgrpc.model import Hold, Load, LoadUnit  # noqa: PLC0415

    configured, environment, typed = map(named_tests, layers(click.get_current_context(), asked))
    if local:
        broker = None
        configured["agents"] = environment["agents"] = typed["agents"] = None
    if not any(each.get("test") or each.get("tests") for each in (configured, environment, typed)):
        raise Failure(f"missing TEST: {TEST}")
    typed["load"] = Load(LoadUnit.ARRIVALS, (Hold(first, SEARCH_S),))
    plan = plan_of_options(configured, environment, typed)
    distributed = broker is not None or plan.agents > 1 or bool(plan.agent_labels)
    distributed = distributed or (not local and asked.get("agents") is not None)
    if not distributed:
        need_folder()
    bundle = None
    if distributed or include_files or plan.is_prepared:
        plan, bundle = shipping.packed(plan, include_files, ships=ships)
    return plan, (broker or DEFAULT_BROKER) if distributed else None, bundle


async def _run(request: LimitRequest) -> int:
    from loadgrpc.cli import limit_report  # noqa: PLC0415
    from loadgrpc.cli.interrupts import Interrupts  # noqa: PLC0415
    from loadgrpc.cli.screen import Screen  # noqa: PLC0415

    stream = sys.stderr if request.as_json else sys.stdout
    until = " and ".join(request.until)

    screen = Screen(stream) if line.is_terminal(stream) and not request.quiet else None

    def say(lines: list[line.Line]) -> None:
        if screen is not None:
            screen.close()
        if not request.quiet:
            line.write(lines, stream)

    def doing(text: str) -> None:
        if screen is not None:
            screen.draw([line.Line(f"  {text}", line.Style.DIM)])

    outcome = LimitOutcome()
    with Interrupts() as interrupts:
        interrupts.bear(2)
        try:
            await _search(request, interrupts, outcome, say, doing)
        finally:
            if screen is not None:
                screen.close()
    found = outcome.found
    code = _exit_code(found)
    reason = "stopped before there was an answer" if found is None else limit_report.reason(found)
    if request.as_json:
        document = limit_report.document(
            found,
            outcome.levels,
            run_id=outcome.run_id,
            until=request.until,
            verdict={"exitCode": code, "reason": reason},
        )
        line.write_json(document)
        return code
    if found is not None:
        line.write(limit_report.answer(found, until), stream)
    if request.broker is not None:
        line.say(
            f"loadgrpc show {outcome.run_id} -b {request.broker} --timeline shows the run", stream
        )
    line.say(f"exit {code}: {reason}", stream)
    return code


def _exit_code(found: FoundLimit | None) -> int:
    if found is None:
        return verdict.STOPPED
    if found.generator:
        return verdict.INCOMPLETE
    return verdict.PASSED if found.least else verdict.REQUIREMENT


async def _search(
    request: LimitRequest,
    interrupts: Interrupts,
    outcome: LimitOutcome,
    say: Callable[[list[line.Line]], None],
    doing: Callable[[str], None],
) -> None:
    """Make the run, and search with it until there is an answer, or a signal."""
    from loadgrpc.cli.connection import connect  # noqa: PLC0415
    from loadgrpc.errors import LoadgrpcError, Unavailable  # noqa: PLC0415
    from loadgrpc.model import Submission  # noqa: PLC0415

    endpoint = request.broker or ""
    try:
        async with AsyncExitStack() as stack:
            if not endpoint:
                from loadgrpc.local import local_cluster  # noqa: PLC0415 - heavy

                endpoint = await stack.enter_async_context(local_cluster())
            client = await stack.enter_async_context(connect(endpoint))
            if (bundle := request.bundle) is not None:
                await client.upload_bundle(bundle, shipping.UploadProgress(bundle.size, sys.stderr))
            run = await client.start_run(
                request.plan, request_id=os.urandom(16).hex(), submission=Submission()
            )
            outcome.run_id = run.run_id
            searching = asyncio.create_task(_levels(request, client, outcome, say, doing))
            stopping = asyncio.create_task(interrupts.wait(1))
            try:
                await asyncio.wait({searching, stopping}, return_when=asyncio.FIRST_COMPLETED)
                if searching.done():
                    searching.result()
            finally:
                for task in (searching, stopping):
                    task.cancel()
                await asyncio.gather(searching, stopping, return_exceptions=True)
                await _end(client, run.run_id, request.plan.stop_timeout_s + ENDS_S, doing)
    except LoadgrpcError as error:
        if outcome.run_id and request.broker and isinstance(error, Unavailable):
            raise lost_broker(error, request.broker, outcome.run_id) from error
        raise failure_of(error, request.broker or "") from error


async def _levels(
    request: LimitRequest,
    client: Client,
    outcome: LimitOutcome,
    say: Callable[[list[line.Line]], None],
    doing: Callable[[str], None],
) -> None:
    """Try levels until there is an answer.

    Raises:
        Failure: the run has ended, or has nothing of what the condition is about.
    """
    from loadgrpc.cli import limit_report  # noqa: PLC0415
    from loadgrpc.cli.levels import Levels  # noqa: PLC0415
    from loadgrpc.errors import RunFailed  # noqa: PLC0415
    from loadgrpc.stats.limit import Level, LimitSearch  # noqa: PLC0415

    levels = Levels(client, outcome.run_id, request.until, doing=doing)
    search = LimitSearch(request.first, request.most, request.within)
    try:
        await levels.begin()
        text = f"run {outcome.run_id}: levels from {request.first:g}/s, at most {request.most:g}/s"
        say([line.Line(text, line.Style.DIM)])
        while isinstance(level := search.next(), Level):
            found = await levels.attempt(level)
            outcome.levels.append(found)
            search.add(found.tried)
            say([limit_report.level(found)])
            if missing := limit_report.nothing_selected(found):
                raise Failure(f"--until: {missing}")
        outcome.found = level
    except RunFailed as error:
        judged = (await client.get_summary(outcome.run_id)).verdict
        code = judged.exit_code if judged is not None else verdict.UNREACHABLE
        detail = f": {judged.reason}" if judged is not None else ""
        raise Failure(f"{error}{detail}", code or verdict.UNREACHABLE) from error


async def _end(
    client: Client, run_id: str, patience_s: float, doing: Callable[[str], None]
) -> None:
    """Stop the run, and wait for its end."""
    from loadgrpc.cli.levels import patiently  # noqa: PLC0415

    run = await patiently(lambda: client.stop_run(run_id), doing)
    deadline = time.monotonic() + patience_s
    while not run.state.final and time.monotonic() < deadline:
        await asyncio.sleep(0.1)
        run = await patiently(lambda: client.get_run(run_id), doing)
