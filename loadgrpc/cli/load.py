"""`loadgrpc load RUN`: change the load of a run while it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from loadgrpc import verdict
from loadgrpc.cli import options
from loadgrpc.cli.command import Command
from loadgrpc.cli.failure import Failure

if TYPE_CHECKING:
    from loadgrpc.client import Client
    from loadgrpc.model import Change, LoadOrder


@click.command(cls=Command)
@click.argument("run_id", metavar="RUN")
@options.broker()
@click.option("--users", type=click.IntRange(0, 100_000), help="This many users.", metavar="N")
@click.option("--rate", help="This many arrivals: 200/s, 30/m.", metavar="N/s")
@click.option(
    "--scale",
    type=click.FloatRange(0, 1_000),
    help="What the plan says, times this; 1: as planned.",
    metavar="FACTOR",
)
@click.option("--pause", is_flag=True, help="Start nothing more, and let the stages stand still.")
@click.option("--resume", is_flag=True, help="Go on with the stages where they were.")
@click.option("--scenario", default="", help="Only of this scenario.", metavar="NAME")
@options.as_json()
def command(  # noqa: PLR0917 - as click calls it
    run_id: str,
    broker: str,
    users: int | None,
    rate: str | None,
    scale: float | None,
    pause: bool,  # noqa: FBT001
    resume: bool,  # noqa: FBT001
    scenario: str,
    as_json: bool,  # noqa: FBT001
) -> int:
    """Change the load of a run while it runs.

    The run needs a load of stages (`loadgrpc run --load`). The change applies half a second later,
    on all agents at the same time of the plan, and is an entry of the run's log. --users and
    --rate hold until the stages end, or until the next change.

    \b
    Twice as much; then as planned again:
      loadgrpc load RUN -b HOST:7979 --scale 2
      loadgrpc load RUN -b HOST:7979 --scale 1
    Stand still for a while:
      loadgrpc load RUN -b HOST:7979 --pause
      loadgrpc load RUN -b HOST:7979 --resume
    """  # noqa: D301 - \b is click's mark for "do not wrap"
    asked = [users is not None, rate is not None, scale is not None, pause, resume]
    if sum(asked) != 1:
        raise Failure("say one of --users, --rate, --scale, --pause and --resume")
    from loadgrpc.cli import changes, line  # noqa: PLC0415
    from loadgrpc.cli.connection import ask  # noqa: PLC0415

    order = _order(users, rate, scale, pause=pause, scenario=scenario)

    async def change(client: Client) -> list[Change]:
        return await client.set_load(run_id, order)

    changed = ask(broker, change)
    if as_json:
        from loadgrpc.protocol.document import as_document  # noqa: PLC0415
        from loadgrpc.protocol.progress import change_to_proto  # noqa: PLC0415

        made = [as_document(change_to_proto(each)) for each in changed]
        line.write_json({"changes": made})
        return verdict.PASSED
    for each in changed:
        line.say(changes.entry(each).text)
    return verdict.PASSED


def _order(
    users: int | None, rate: str | None, scale: float | None, *, pause: bool, scenario: str
) -> LoadOrder:
    from loadgrpc.model import LoadChangeKind, LoadOrder, LoadUnit  # noqa: PLC0415

    if users is not None:
        return LoadOrder(LoadChangeKind.LEVEL, users, LoadUnit.USERS, scenario)
    if rate is not None:
        return LoadOrder(LoadChangeKind.LEVEL, _rate(rate), LoadUnit.ARRIVALS, scenario)
    if scale is not None:
        return LoadOrder(LoadChangeKind.FACTOR, scale, None, scenario)
    kind = LoadChangeKind.PAUSE if pause else LoadChangeKind.RESUME
    return LoadOrder(kind, scenario=scenario)


def _rate(text: str) -> float:
    """Arrivals per second: `200/s`, `30/m`, `200`."""
    from loadgrpc.stats import load_text  # noqa: PLC0415

    try:
        return load_text.rate(text)
    except load_text.LoadTextError as error:
        raise Failure(f"--rate: {text!r}: {error.why}") from error
