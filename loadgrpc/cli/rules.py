"""Rules of decision tables, in a report: what came of each, and which nobody has exercised."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from loadgrpc.cli.figures import duration_column, percent
from loadgrpc.cli.line import Line, Style
from loadgrpc.cli.table import TableRow, figures_table, labelled
from loadgrpc.model import CaseFigures, Summary
from loadgrpc.text import one_line

MAX_SHOWN: Final = 50
"""Rules shown, unless verbose: those that failed first."""
HEADINGS: Final = ("iterations", "failure", "error", "hits", "failed", "avg", "p50", "p95", "max")
BESIDE: Final = ("iterations", "failure", "error")


def rules(summary: Summary, *, verbose: bool, width: int) -> list[Line]:
    """A row for each rule, and how many were exercised; nothing if there are none.

    Times are those of hits; of a rule without hits, those of its iterations.
    """
    coverage = summary.coverage
    if coverage is None:
        return []
    shown = [each for each in summary.cases if each.iterations.started]
    hidden = 0 if verbose else max(0, len(shown) - MAX_SHOWN)
    if hidden:
        shown.sort(key=lambda each: -(each.iterations.failure + each.iterations.error))
        del shown[MAX_SHOWN:]
    lines = figures_table("Rules", HEADINGS, list(map(_row, shown)), width, beside=BESIDE)
    if hidden:
        lines.append(Line(f"  and {hidden} more, which -v shows", Style.DIM))
    share = percent(coverage.exercised, coverage.rules)
    all_of_them = coverage.exercised == coverage.rules
    lines.append(
        Line(
            f"  {coverage.exercised} of {coverage.rules} rules exercised ({share})",
            Style.GOOD if all_of_them else Style.WARNING,
        )
    )
    never = [_name(each) for each in summary.cases if not each.iterations.finished]
    if never and not all_of_them:
        lines += labelled("  never", _first(never, verbose=verbose), width, Style.WARNING)
    return lines


def _row(figures: CaseFigures) -> TableRow:
    iterations, hits = figures.iterations, figures.hits
    times = figures.iteration_time
    if hits.count:
        times = hits.response or hits.elapsed
    counts = (iterations.started, iterations.failure, iterations.error, hits.count, hits.failed)
    broken = iterations.failure or iterations.error
    return TableRow(
        _name(figures),
        (
            *map(str, counts),
            *map(duration_column, (times.avg_ns, times.p50_ns, times.p95_ns, times.max_ns)),
        ),
        Style.BAD if broken else Style.PLAIN,
    )


def _name(figures: CaseFigures) -> str:
    scenario = f"{one_line(figures.scenario)}: " if figures.scenario else ""
    return scenario + one_line(figures.case)


def _first(names: Sequence[str], *, verbose: bool) -> list[str]:
    if verbose or len(names) <= MAX_SHOWN:
        return list(names)
    return [*names[:MAX_SHOWN], f"and {len(names) - MAX_SHOWN} more"]
