"""`loadgrpc check RUN --threshold …`: judge a run afterwards, or say what a threshold means."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

import click

from loadgrpc import verdict
from loadgrpc.cli import options
from loadgrpc.cli.command import Command
from loadgrpc.cli.conditions import ConditionText
from loadgrpc.cli.failure import Failure

if TYPE_CHECKING:
    from loadgrpc.cli.line import Line
    from loadgrpc.client import Client
    from loadgrpc.model import CheckedRun

CONDITION: Final = ConditionText()


@click.command(cls=Command)
@click.argument("run_id", metavar="[RUN]", required=False)
@options.broker()
@click.option(
    "--threshold",
    "thresholds",
    type=CONDITION,
    multiple=True,
    metavar="CONDITION",
    help="What the results have to meet. May be given several times.  [default: what the plan of"
    " the run says]",
)
@click.option(
    "--explain",
    type=CONDITION,
    metavar="CONDITION",
    help="Say in words what this threshold means, and judge nothing.",
)
@options.as_json()
def command(
    *,
    run_id: str | None,
    broker: str,
    thresholds: tuple[str, ...],
    explain: str | None,
    as_json: bool,
) -> int:
    """Judge a run by thresholds, whenever you like.

    It does so by the code that judges runs while they are active, from the timeline that the broker
    keeps, and so with the same result; of a run longer than ten minutes, windows of one second are
    not kept from its beginning, and the command says so. The exit code is 99 if a threshold fails,
    and 0 if all pass.

    \b
    What the run was asked to meet, and something else:
      loadgrpc check RUN -b HOST:7979
      loadgrpc check RUN --threshold 'p99(response{name=/buy}) < 800ms over 30s'
    What a threshold means:
      loadgrpc check --explain 'rate(failed) < 1% in 99% of windows'
    """  # noqa: D301 - \b is click's mark for "do not wrap"
    from loadgrpc.cli import line  # noqa: PLC0415

    if explain is not None:
        from loadgrpc.judge.explain import explain as explained  # noqa: PLC0415
        from loadgrpc.judge.grammar import parse  # noqa: PLC0415

        if run_id is not None or thresholds:
            raise Failure("--explain judges nothing: leave out RUN and --threshold")
        line.say(explained(parse(explain)))
        return verdict.PASSED
    if run_id is None:
        raise Failure("missing RUN; --explain CONDITION needs none")
    from loadgrpc.cli.connection import ask  # noqa: PLC0415

    run = run_id

    async def check(client: Client) -> CheckedRun:
        return await client.check_run(run, thresholds)

    checked = ask(broker, check)
    if as_json:
        from loadgrpc.protocol.document import as_document  # noqa: PLC0415
        from loadgrpc.protocol.thresholds import checked_to_proto  # noqa: PLC0415

        line.write_json(as_document(checked_to_proto(checked)))
    else:
        line.write(report(checked, line.width_of(sys.stdout)), sys.stdout)
    failed = any(each.failed for each in checked.results)
    return verdict.REQUIREMENT if failed else verdict.PASSED


def report(checked: CheckedRun, width: int) -> list[Line]:
    """The results, and what they rest on."""
    from loadgrpc.cli.line import Line, Style  # noqa: PLC0415
    from loadgrpc.cli.thresholds import thresholds  # noqa: PLC0415
    from loadgrpc.judge.unit import span  # noqa: PLC0415

    read = ", ".join(
        f"{count} window{'s' if count > 1 else ''} of {span(length_s)}"
        for length_s, count in checked.windows
    )
    lines = [
        *thresholds(checked.results, width),
        Line(f"  judged by {read or 'no window'}", Style.DIM),
    ]
    if len(checked.windows) > 1 or any(length_s > 1 for length_s, _ in checked.windows):
        longest = span(max(length_s for length_s, _ in checked.windows))
        text = f"  shorter windows than {longest} are not kept of the beginning of the run"
        lines.append(Line(text, Style.WARNING))
    if checked.late_hits:
        text = f"  {checked.late_hits} hits came late, and count in their windows here"
        lines.append(Line(text, Style.WARNING))
    if not checked.over:
        lines.append(Line("  the run is active: this is how far it has come", Style.WARNING))
    return lines
