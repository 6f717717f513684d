"""`loadgrpc campaign`: runs that depend on each other, from a file to a summary."""

from __future__ import annotations

import asyncio
import os
import re
import sys
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from loadgrpc import verdict
from loadgrpc.cli import line, options, shipping, values
from loadgrpc.cli.command import INTERRUPTED, Command, CommandGroup
from loadgrpc.cli.failure import Failure

if TYPE_CHECKING:
    from loadgrpc.bundle.pack import Bundle
    from loadgrpc.cli.interrupts import Interrupts
    from loadgrpc.client import Client
    from loadgrpc.model import Campaign, CampaignSpec

RETRY_S: Final = 0.5
MAX_LISTED: Final = 100
HELP: Final = {"-h", "--help"}


class FileFirst(CommandGroup):
    """A group whose command `run` is meant when none is named: `campaign FILE`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Puts `run` in front of what names no command."""
        if args and args[0] not in self.commands and args[0] not in HELP:
            if re.fullmatch(r"[a-z][a-z-]+", args[0]) and not Path(args[0]).exists():
                known = ", ".join(sorted(self.commands))
                message = f"no such command, and no such file: {args[0]} (there are {known})"
                raise click.UsageError(message, ctx)
            args = ["run", *args]
        return super().parse_args(ctx, args)


@click.group(cls=FileFirst, short_help="Run tests that depend on each other, from a file.")
def command() -> None:
    """Run tests that depend on each other: one after another, side by side, or when others passed.

    `loadgrpc campaign FILE` is the same as `loadgrpc campaign run FILE`.

    \b
    Start a campaign and follow it; look at it again; draw it:
      loadgrpc campaign nightly.toml -b HOST:7979
      loadgrpc campaign show ID -b HOST:7979
      loadgrpc campaign draw nightly.toml
    """  # noqa: D301 - \b is click's mark for "do not wrap"


@command.command("run", cls=Command)
@click.argument("file", type=click.Path(allow_dash=True, path_type=Path), metavar="FILE")
@options.broker("The broker whose agents run it.")
@click.option("--detach", is_flag=True, help="Print the campaign's id and leave it to the broker.")
@shipping.options
@options.as_json("Print the campaign as a JSON document when it is over.")
def run(
    *,
    file: Path,
    broker: str,
    detach: bool,
    include_files: tuple[str, ...],
    no_ship: bool,
    as_json: bool,
) -> int:
    """Start a campaign, follow it, and report its result: a column for each run.

    FILE is TOML or JSON; - reads it from standard input. The files of its tests are sent to the
    broker, as `loadgrpc run` does.

    Ctrl-C stops the campaign and its active runs; again kills them. The exit code is that of the
    worst of its runs, as `loadgrpc run` has it; 4 also if a run could not be started.
    """
    from loadgrpc.cli.campaign_file import campaign_of_file  # noqa: PLC0415

    spec, included = campaign_of_file(file)
    files = (*included, *include_files)
    with ExitStack() as stack:
        bundles: dict[str, Bundle] = {}
        steps = []
        for step in spec.steps:
            if step.plan is None:
                steps.append(step)
                continue
            plan, bundle = shipping.packed(step.plan, files, ships=not no_ship)
            steps.append(replace(step, plan=plan))
            if bundle is not None and bundle.sha256 not in bundles:
                bundles[bundle.sha256] = stack.enter_context(bundle)
            elif bundle is not None:
                bundle.close()
        spec = replace(spec, steps=tuple(steps))
        started = _start(spec, list(bundles.values()), broker, detach=detach, as_json=as_json)
        return asyncio.run(started)


async def _start(
    spec: CampaignSpec, bundles: list[Bundle], broker: str, *, detach: bool, as_json: bool
) -> int:
    from loadgrpc.cli.connection import connect  # noqa: PLC0415
    from loadgrpc.cli.failure import failure_of  # noqa: PLC0415
    from loadgrpc.cli.interrupts import Interrupts  # noqa: PLC0415
    from loadgrpc.errors import LoadgrpcError  # noqa: PLC0415

    with Interrupts() as interrupts:
        try:
            async with connect(broker) as client:
                for bundle in bundles:
                    progress = shipping.UploadProgress(bundle.size, sys.stderr)
                    await client.upload_bundle(bundle, progress)
                interrupts.bear(3)
                request_id = os.urandom(16).hex()
                campaign = await client.campaigns.start(spec, request_id=request_id)
                if detach:
                    line.say(campaign.campaign_id)
                    return verdict.PASSED
                return await _follow(client, campaign, interrupts, as_json=as_json)
        except asyncio.CancelledError:
            if not interrupts.count:
                raise
            return INTERRUPTED
        except LoadgrpcError as error:
            raise failure_of(error, broker) from error


async def _follow(
    client: Client, campaign: Campaign, interrupts: Interrupts, *, as_json: bool
) -> int:
    """Follow a campaign to its end, and report its result; the exit code."""
    from loadgrpc.cli import campaign_view  # noqa: PLC0415
    from loadgrpc.model import StopMode  # noqa: PLC0415

    name = f"campaign {campaign.campaign_id} of {campaign.spec.label}"
    line.say(name, sys.stderr)
    line.write(campaign_view.change(None, campaign), sys.stderr)

    async def stop(count: int, mode: StopMode) -> None:
        await interrupts.wait(count)
        await client.campaigns.stop(campaign.campaign_id, mode)

    stops = [
        asyncio.create_task(stop(1, StopMode.GRACEFUL)),
        asyncio.create_task(stop(2, StopMode.KILL)),
    ]
    try:
        async for now in _watched(client, campaign):
            line.write(campaign_view.change(campaign, now), sys.stderr)
            campaign = now
    finally:
        for task in stops:
            task.cancel()
        await asyncio.gather(*stops, return_exceptions=True)
    _report(campaign, as_json=as_json)
    return campaign.verdict.exit_code if campaign.verdict is not None else verdict.INCOMPLETE


async def _watched(client: Client, known: Campaign) -> AsyncIterator[Campaign]:
    """A campaign whenever it changes; a broker that is lost meanwhile is waited for."""
    from loadgrpc.cli.follow import PATIENCE_S  # noqa: PLC0415
    from loadgrpc.errors import Unavailable  # noqa: PLC0415

    campaign = known
    lost_at: float | None = None
    while not campaign.state.final:
        watching = client.campaigns.watch(campaign.campaign_id, after=campaign.sequence)
        try:
            async for campaign in watching:
                lost_at = None
                yield campaign
        except Unavailable as error:
            if lost_at is None:
                lost_at = time.monotonic()
                line.say(f"the broker was lost: {error}; waiting for it", sys.stderr)
            if time.monotonic() - lost_at > PATIENCE_S:
                raise
            await asyncio.sleep(RETRY_S)


@command.command("show", cls=Command)
@click.argument("campaign_id", metavar="CAMPAIGN")
@options.broker("The broker of the campaign.")
@options.as_json()
def show(*, campaign_id: str, broker: str, as_json: bool) -> int:
    """Show how a campaign stands: a column for each of its runs."""
    from loadgrpc.cli.connection import ask  # noqa: PLC0415

    _report(ask(broker, lambda client: client.campaigns.get(campaign_id)), as_json=as_json)
    return verdict.PASSED


@command.command("watch", cls=Command)
@click.argument("campaign_id", metavar="CAMPAIGN")
@options.broker("The broker of the campaign.")
@options.as_json("Print the campaign as a JSON document when it is over.")
def watch(*, campaign_id: str, broker: str, as_json: bool) -> int:
    """Follow a campaign to its end, and report its result; Ctrl-C leaves it alone."""
    from loadgrpc.cli import campaign_view  # noqa: PLC0415
    from loadgrpc.cli.connection import ask  # noqa: PLC0415

    async def followed(client: Client) -> Campaign:
        campaign = await client.campaigns.get(campaign_id)
        line.write(campaign_view.change(None, campaign), sys.stderr)
        async for now in _watched(client, campaign):
            line.write(campaign_view.change(campaign, now), sys.stderr)
            campaign = now
        return campaign

    campaign = ask(broker, followed)
    _report(campaign, as_json=as_json)
    return campaign.verdict.exit_code if campaign.verdict is not None else verdict.INCOMPLETE


@command.command("list", cls=Command)
@options.broker("The broker to ask.")
@click.option(
    "-n",
    "--limit",
    type=values.Count(1, MAX_LISTED),
    default=20,
    show_default=True,
    help="Maximum number of campaigns.",
)
@options.as_json()
def list_(*, broker: str, limit: int, as_json: bool) -> int:
    """List the campaigns of a broker, newest first."""
    from loadgrpc.cli import campaign_view  # noqa: PLC0415
    from loadgrpc.cli.connection import ask  # noqa: PLC0415

    campaigns, _ = ask(broker, lambda client: client.campaigns.list(page_size=limit))
    if as_json:
        line.write_json({"campaigns": [_document(each) for each in campaigns]})
        return verdict.PASSED
    width = line.width_of(sys.stdout)
    line.write(campaign_view.table(campaigns, now_ns=time.time_ns(), width=width), sys.stdout)
    return verdict.PASSED


@command.command("stop", cls=Command)
@click.argument("campaign_id", metavar="CAMPAIGN")
@options.broker("The broker of the campaign.")
@click.option("--kill", is_flag=True, help="Do not wait for users to finish their iteration.")
def stop(*, campaign_id: str, broker: str, kill: bool) -> int:
    """Stop a campaign and its active runs; no more are started."""
    from loadgrpc.cli import campaign_view  # noqa: PLC0415
    from loadgrpc.cli.connection import ask  # noqa: PLC0415
    from loadgrpc.model import StopMode  # noqa: PLC0415

    mode = StopMode.KILL if kill else StopMode.GRACEFUL
    campaign = ask(broker, lambda client: client.campaigns.stop(campaign_id, mode))
    line.say(campaign_view.stopping(campaign))
    return verdict.PASSED


@command.command("replace", cls=Command)
@click.argument("campaign_id", metavar="CAMPAIGN")
@click.argument("step", metavar="STEP")
@click.argument("file", type=click.Path(path_type=Path), metavar="PLAN")
@options.broker("The broker of the campaign.")
@shipping.options
def replace_(
    *,
    campaign_id: str,
    step: str,
    file: Path,
    broker: str,
    include_files: tuple[str, ...],
    no_ship: bool,
) -> int:
    """Give a step another plan, from a file; its active run is stopped, and the new one follows.

    Steps that come after it wait for the new run, and whoever watches the campaign sees that.
    """
    from loadgrpc.cli.connection import ask  # noqa: PLC0415
    from loadgrpc.cli.plan_file import plan_of_file  # noqa: PLC0415
    from loadgrpc.model import hyphened  # noqa: PLC0415

    plan, included = plan_of_file(file)
    plan, bundle = shipping.packed(plan, (*included, *include_files), ships=not no_ship)

    async def replaced(client: Client) -> Campaign:
        if bundle is not None:
            await client.upload_bundle(bundle, shipping.UploadProgress(bundle.size, sys.stderr))
        return await client.campaigns.replace(campaign_id, step, plan)

    try:
        status = ask(broker, replaced).by_name[step]
    finally:
        if bundle is not None:
            bundle.close()
    line.say(f"step {step} has another plan, and is {hyphened(status.state.name)}")
    return verdict.PASSED


@command.command("draw", cls=Command)
@click.argument("what", metavar="FILE|CAMPAIGN")
@options.broker("The broker of the campaign, if it is not a file.")
def draw(*, what: str, broker: str) -> int:
    """Draw a campaign, from a file or as it stands: a flowchart in the text of Mermaid."""
    from loadgrpc.campaign import mermaid  # noqa: PLC0415
    from loadgrpc.cli.campaign_file import campaign_of_file  # noqa: PLC0415
    from loadgrpc.cli.connection import ask  # noqa: PLC0415

    if what == "-" or Path(what).exists():
        text = mermaid(campaign_of_file(Path(what)).spec)
    elif "." in what or "/" in what:
        raise Failure(f"{what} is not there")
    else:
        campaign = ask(broker, lambda client: client.campaigns.get(what))
        text = mermaid(campaign.spec, campaign.steps)
    line.write((line.Line(each) for each in text.splitlines()), sys.stdout)
    return verdict.PASSED


@command.command("delete", cls=Command)
@click.argument("campaign_id", metavar="CAMPAIGN")
@options.broker("The broker of the campaign.")
def delete(*, campaign_id: str, broker: str) -> int:
    """Delete a campaign that is over; its runs stay."""
    from loadgrpc.cli.connection import ask  # noqa: PLC0415

    ask(broker, lambda client: client.campaigns.delete(campaign_id))
    line.say(f"campaign {campaign_id} is deleted")
    return verdict.PASSED


def _report(campaign: Campaign, *, as_json: bool) -> None:
    from loadgrpc.cli import campaign_view  # noqa: PLC0415

    if as_json:
        line.write_json(_document(campaign))
    else:
        line.write(campaign_view.summary(campaign, line.width_of(sys.stdout)), sys.stdout)


def _document(campaign: Campaign) -> dict[str, Any]:
    from loadgrpc.protocol.campaigns import campaign_to_proto  # noqa: PLC0415
    from loadgrpc.protocol.document import as_document  # noqa: PLC0415

    return as_document(campaign_to_proto(campaign, shown=True))
