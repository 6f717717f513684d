"""`loadgrpc compare A B …`: better, same, worse, or not certain."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

import click

from loadgrpc import verdict
from loadgrpc.cli import options
from loadgrpc.cli.command import Command
from loadgrpc.cli.failure import Failure

if TYPE_CHECKING:
    from loadgrpc.cli.line import Line
    from loadgrpc.client import Client
    from loadgrpc.model import FigureComparison, RunComparison

LAST_PASSED: Final = "last-passed"
MAX_PAGES: Final = 10
"""Pages of runs that are looked through for it."""


def percent(ctx: click.Context, param: click.Parameter, text: str) -> float:
    """A share in percent, with its sign or without."""
    del ctx
    try:
        value = float(text.removesuffix("%"))
    except ValueError:
        value = 0.0
    if not 0 < value <= 100:  # noqa: PLR2004 - percent
        raise click.BadParameter(f"{text!r} is not a share such as 5%, at most 100%", param=param)
    return value


@click.command(cls=Command)
@click.argument("run_ids", metavar="A B [C...]", nargs=-1, required=True)
@options.broker("The broker that owns the runs.")
@click.option(
    "--min-effect",
    metavar="PERCENT",
    default="5%",
    show_default=True,
    callback=percent,
    help="The smallest change that matters.",
)
@click.option("--fail-if-worse", is_flag=True, help="Exit with 99 if a figure is worse.")
@options.as_json()
def command(
    *, run_ids: tuple[str, ...], broker: str, min_effect: float, fail_if_worse: bool, as_json: bool
) -> int:
    """Compare runs that are over with the first of them.

    A figure is worse, or better, if it has changed by at least --min-effect, and by more than the
    noise of both runs explains; it is the same if it is certain that it has changed by less.
    Everything else is not certain. Runs are not compared if their plans differ, except for the
    server and the files of the test, if a generator of load was saturated, or if events were lost:
    then the exit code is 3.

    A may be last-passed: the newest run that passed before B, of the same title and test; or
    last-passed:LABEL, with this label.

    \b
    Two runs, and a gate for CI:
      loadgrpc compare r-0123456789 r-9876543210 -b HOST:7979
      loadgrpc compare last-passed r-9876543210 -b HOST:7979 --fail-if-worse
    """  # noqa: D301 - \b is click's mark for "do not wrap"
    if len(run_ids) < 2:  # noqa: PLR2004 - a comparison
        raise Failure("missing B: two runs are compared, at least")
    from loadgrpc.cli import line  # noqa: PLC0415
    from loadgrpc.cli.connection import ask  # noqa: PLC0415

    async def get(client: Client) -> list[RunComparison]:
        first, *others = run_ids
        first = await named(client, first, others[0])
        return await client.compare_runs([first, *others], min_effect=min_effect)

    found = ask(broker, get)
    if as_json:
        from loadgrpc.protocol.comparisons import comparison_to_proto  # noqa: PLC0415
        from loadgrpc.protocol.document import as_document  # noqa: PLC0415

        shown = [as_document(comparison_to_proto(each)) for each in found]
        line.write_json({"comparisons": shown})
    else:
        width = line.width_of(sys.stdout)
        line.write((each for one in found for each in report(one, width)), sys.stdout)
    if any(each.refusals for each in found):
        return verdict.INCOMPLETE
    worse = fail_if_worse and any(each.is_worse for each in found)
    return verdict.REQUIREMENT if worse else verdict.PASSED


async def named(client: Client, name: str, run_id: str) -> str:
    """The run that is named as the baseline of another one.

    Raises:
        Failure: there is none.
    """
    last, colon, label_ = name.partition(":")
    if last != LAST_PASSED:
        return name
    run = await client.get_run(run_id)
    labels = [label_] if colon else []
    token = ""
    for _ in range(MAX_PAGES):
        page, token = await client.list_runs(
            page_size=100, page_token=token, exit_codes=[verdict.PASSED], labels=labels
        )
        for each in page:
            older = each.create_time_ns < run.create_time_ns
            if older and each.run_id != run_id and (labels or each.plan.label == run.plan.label):
                return each.run_id
        if not token:
            break
    what = f"with the label {label_}" if labels else f"of {run.plan.label}"
    raise Failure(f"no run {what} passed before {run_id}")


def report(comparison: RunComparison, width: int) -> list[Line]:
    """A comparison: what is worse first, then all figures."""
    from loadgrpc.cli.line import Line, Style  # noqa: PLC0415
    from loadgrpc.cli.table import TableRow, figures_table  # noqa: PLC0415
    from loadgrpc.model import ComparisonOutcome  # noqa: PLC0415

    title = f"{comparison.after_id} compared with {comparison.before_id}"
    if comparison.refusals:
        return [
            Line(f"{title}: not compared", Style.HEADING),
            *(Line(f"  {each}", Style.WARNING) for each in comparison.refusals),
            Line(),
        ]
    styles = {
        ComparisonOutcome.WORSE: Style.BAD,
        ComparisonOutcome.BETTER: Style.GOOD,
        ComparisonOutcome.CANNOT_TELL: Style.DIM,
        ComparisonOutcome.SAME: Style.PLAIN,
    }
    rows = [
        TableRow(label(each), _cells(each), styles[each.outcome]) for each in comparison.figures
    ]
    headings = ("before", "after", "change", "between", "")
    lines = [Line(f"{title}: {_summed_up(comparison.figures)}", Style.HEADING)]
    return [*lines, *figures_table("Figures", headings, rows, width), Line()]


def _summed_up(figures: Iterable[FigureComparison]) -> str:
    counts: dict[str, int] = {}
    for each in figures:
        word = each.outcome.name.lower().replace("_", " ")
        counts[word] = counts.get(word, 0) + 1
    order = ("worse", "better", "same", "cannot tell")
    return ", ".join(f"{counts[word]} {word}" for word in order if word in counts)


def label(each: FigureComparison) -> str:
    """Which figure of which hits it is."""
    where = f"{each.scenario}: " if each.scenario else ""
    name = f"{where}{each.method} {each.name}".strip() if each.name else "all hits"
    return f"{name}, {each.figure}"


def _cells(each: FigureComparison) -> tuple[str, ...]:
    from loadgrpc.cli.figures import duration, rate  # noqa: PLC0415

    def shown(value: float) -> str:
        if each.figure == "rate":
            return rate(value)
        return f"{value:.3g}%" if each.figure == "failed" else duration(round(value * 1e9))

    unit = " points" if each.figure == "failed" else "%"
    return (
        shown(each.before),
        shown(each.after),
        f"{each.change:+.1f}{unit}",
        f"{each.low:+.1f} to {each.high:+.1f}",
        each.outcome.name.lower().replace("_", " "),
    )
