"""`loadgrpc schedule`: plans that a broker starts at times of a calendar."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from loadgrpc import verdict
from loadgrpc.cli import (
    case_options,
    line,
    observer_options,
    options,
    plan_options,
    shipping,
    values,
)
from loadgrpc.cli.command import Command, CommandGroup
from loadgrpc.cli.configuration import layers
from loadgrpc.model import Missed, Overlap, hyphened

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from loadgrpc.cli.plan_file import PlanFile
    from loadgrpc.client import Client
    from loadgrpc.model import Schedule

MISSED: Final = {hyphened(each.name): each for each in Missed}
OVERLAP: Final = {hyphened(each.name): each for each in Overlap}
MAX_WAIT_S: Final = 86_400.0
_OWN: Final = {
    "When": ("cron", "time_zone", "missed", "overlap", "start_timeout_s"),
    "Where": ("broker",),
    "Cases": case_options.SECTION[1:],
    "Files": shipping.SECTION,
    "Output": ("as_json",),
}
SECTIONS: Final = {
    **{
        heading: (*_OWN.get(heading, ()), *plan_options.section(heading))
        for heading in ("When", *dict.fromkeys(row.section for row in plan_options.FLAGGED))
    },
    "Observers": observer_options.SECTION,
}
"""Those of its own options, and those of plans."""


@click.group(cls=CommandGroup, short_help="Have a broker start runs at times of a calendar.")
def command() -> None:
    """Have a broker start runs at times of a calendar.

    The broker keeps schedules in its store, and goes on with them when it is restarted.

    \b
    Every weekday at three in the morning, in Berlin:
      loadgrpc schedule add nightly --cron "0 3 * * 1-5" --tz Europe/Berlin plan.toml
      loadgrpc schedule list
    """  # noqa: D301 - \b is click's mark for "do not wrap"


@command.command("add", cls=Command, sections=SECTIONS, configured=True)
@click.argument("name", metavar="NAME")
@click.argument("planned", metavar="PLAN")
@click.option(
    "--cron",
    required=True,
    metavar="FIELDS",
    help="Minute, hour, day of the month, month, day of the week: '0 3 * * 1-5'; or @hourly,"
    " @daily, @weekly, @monthly.",
)
@click.option(
    "--tz",
    "time_zone",
    default="UTC",
    show_default=True,
    metavar="ZONE",
    help="The time zone of these times, such as Europe/Berlin.",
)
@click.option(
    "--missed",
    type=click.Choice(list(MISSED)),
    default="skip",
    show_default=True,
    help="What becomes of times that passed while the broker was away.",
)
@click.option(
    "--overlap",
    type=click.Choice(list(OVERLAP)),
    default="skip",
    show_default=True,
    help="What becomes of a time at which its run is still active; one waits at most.",
)
@click.option(
    "--start-timeout",
    "start_timeout_s",
    type=values.Seconds(MAX_WAIT_S),
    default="10m",
    show_default=True,
    help="How long a run that is due may wait for agents.",
)
@plan_options.add
@shipping.options
@options.broker("The broker that keeps the schedule.")
@options.as_json()
def add(
    *,
    name: str,
    planned: str,
    cron: str,
    time_zone: str,
    missed: str,
    overlap: str,
    start_timeout_s: float,
    broker: str,
    as_json: bool,
    include_files: tuple[str, ...],
    no_ship: bool,
    **asked: Any,
) -> int:
    """Add a schedule.

    PLAN is a file, TOML or JSON, as `loadgrpc run -f` takes it, or a test; options say the rest, as
    for `loadgrpc run`. The files of the test are sent now, and kept as long as the schedule.

    \b
    A plan in a file, and a test with options:
      loadgrpc schedule add nightly --cron "0 3 * * 1-5" --tz Europe/Berlin plan.toml
      loadgrpc schedule add smoke --cron "*/10 * * * *" web.py::TestShop.test_buy -u 5 -i 10
    """  # noqa: D301 - \b is click's mark for "do not wrap"
    from loadgrpc.model import ScheduleSpec  # noqa: PLC0415

    plan, included = _plan(planned, asked)
    files = (*included, *include_files)
    plan, bundle = shipping.packed(plan, files, ships=not no_ship)
    spec = ScheduleSpec(
        name=name,
        cron=cron,
        time_zone=time_zone,
        plan=plan,
        missed=MISSED[missed],
        overlap=OVERLAP[overlap],
        start_timeout_s=start_timeout_s,
    )

    async def added(client: Client) -> Schedule:
        if bundle is not None:
            await client.upload_bundle(bundle, shipping.UploadProgress(bundle.size, sys.stderr))
        return await client.schedules.add(spec)

    try:
        return _told(broker, added, "is added", as_json=as_json)
    finally:
        if bundle is not None:
            bundle.close()


def _plan(planned: str, asked: dict[str, Any]) -> PlanFile:
    """The plan that somebody names: a file, or a test with options."""
    from loadgrpc.cli.plan_file import PlanFile, plan_of_file  # noqa: PLC0415
    from loadgrpc.cli.run import plan_of_options  # noqa: PLC0415

    context = click.get_current_context()
    configured, environment, typed = observer_options.planned(asked, layers(context, asked))
    if planned.endswith((".toml", ".json")):
        path = Path(planned)
        return plan_of_file(path, environment, typed, beneath=configured)
    return PlanFile(plan_of_options(configured, environment, {**typed, plan_options.TEST: planned}))


@command.command("list", cls=Command)
@click.argument("name", metavar="[NAME]", required=False)
@options.broker("The broker to ask.")
@options.as_json()
def list_(*, name: str | None, broker: str, as_json: bool) -> int:
    """List the schedules of a broker, or show one with its last firings."""
    from loadgrpc.cli.connection import ask  # noqa: PLC0415
    from loadgrpc.cli.schedule_view import firings, table  # noqa: PLC0415

    async def all_of_them(client: Client) -> list[Schedule]:
        return await client.schedules.list(name or "")

    schedules = ask(broker, all_of_them)
    if as_json:
        line.write_json({"schedules": [_document(each) for each in schedules]})
        return verdict.PASSED
    width, now_ns = line.width_of(sys.stdout), time.time_ns()
    lines = table(schedules, now_ns=now_ns, width=width)
    for each in schedules if name else ():
        lines += [line.Line(), *firings(each, now_ns=now_ns, width=width)]
    line.write(lines, sys.stdout)
    return verdict.PASSED


@command.command("pause", cls=Command)
@click.argument("name", metavar="NAME")
@options.broker("The broker that keeps the schedule.")
@options.as_json()
def pause(*, name: str, broker: str, as_json: bool) -> int:
    """Keep a schedule from starting runs, until it is resumed; its active run goes on."""
    return _told(broker, lambda client: client.schedules.pause(name), "", as_json=as_json)


@command.command("resume", cls=Command)
@click.argument("name", metavar="NAME")
@options.broker("The broker that keeps the schedule.")
@options.as_json()
def resume(*, name: str, broker: str, as_json: bool) -> int:
    """Have a paused schedule start runs again, from the next time on."""
    return _told(broker, lambda client: client.schedules.resume(name), "", as_json=as_json)


@command.command("run-now", cls=Command)
@click.argument("name", metavar="NAME")
@options.broker("The broker that keeps the schedule.")
@options.as_json()
def run_now(*, name: str, broker: str, as_json: bool) -> int:
    """Start a run of a schedule now, and print its id.

    It is started whether the schedule is paused or has an active run. If there are not enough idle
    agents, it waits for them, and the command says so.
    """
    from loadgrpc.cli.connection import ask  # noqa: PLC0415
    from loadgrpc.model import FiringState  # noqa: PLC0415

    schedule = ask(broker, lambda client: client.schedules.run_now(name))
    firing = schedule.firings[0]
    if as_json:
        line.write_json(_document(schedule))
    elif firing.run_id:
        line.say(firing.run_id)
    else:
        line.say(f"no run so far: {firing.reason}", sys.stderr)
    return verdict.UNREACHABLE if firing.state is FiringState.FAILED else verdict.PASSED


@command.command("remove", cls=Command)
@click.argument("names", metavar="NAME...", required=True, nargs=-1)
@options.broker("The broker that keeps the schedule.")
def remove(*, names: tuple[str, ...], broker: str) -> int:
    """Remove schedules; their active runs go on."""
    from loadgrpc.cli.connection import ask  # noqa: PLC0415

    async def removed(client: Client) -> None:
        for name in names:
            await client.schedules.remove(name)
            line.say(f"schedule {name} is removed")

    ask(broker, removed)
    return verdict.PASSED


def _told(
    broker: str, asked: Callable[[Client], Awaitable[Schedule]], what: str, *, as_json: bool
) -> int:
    """Asks for something, and says how the schedule stands then."""
    from loadgrpc.cli.connection import ask  # noqa: PLC0415
    from loadgrpc.cli.schedule_view import sentence  # noqa: PLC0415

    schedule = ask(broker, asked)
    if as_json:
        line.write_json(_document(schedule))
    else:
        line.say(sentence(schedule, what))
    return verdict.PASSED


def _document(schedule: Schedule) -> dict[str, Any]:
    from loadgrpc.protocol.document import as_document  # noqa: PLC0415
    from loadgrpc.protocol.schedules import schedule_to_proto  # noqa: PLC0415

    return as_document(schedule_to_proto(schedule, shown=True))
