"""Two runs compared, figure by figure: better, same, worse, or not certain.

Rule: pure. A change is *worse* or *better* if it is at least as large as the smallest effect that
matters, and larger than what the noise of both runs explains; it is the *same* if it is certain to
be smaller than that effect. Everything else is not certain. `stats/bootstrap.py` has the method.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from loadgrpc.clock import NS_PER_S
from loadgrpc.model import ComparisonOutcome, FigureComparison, RunComparison
from loadgrpc.stats import bootstrap
from loadgrpc.stats.bootstrap import FIGURES, MIN_CELLS, Cells, cells_of
from loadgrpc.stats.hits import HitStats
from loadgrpc.stats.window import HitName, Window

CELL_S: Final = 5
"""The shortest cell, in seconds."""
MAX_COMPARED_NAMES: Final = 20
"""Names that are compared, the busiest."""
MIN_HITS: Final = 100
"""Names with fewer are not."""
MIN_POINTS: Final = 0.1
"""A change of the share of failed hits that is smaller does not matter, in percentage points."""
DEFAULT_EFFECT: Final = 5.0
"""The smallest change that matters, in percent."""
MAX_VALUE_CHARS: Final = 60
"""Of a value of a plan that is shown."""
MAX_LOG: Final = 50.0
"""The logarithm of the largest ratio that is told from more."""
ALL: Final = HitName("", "", "")


@dataclass(frozen=True, kw_only=True)
class Compared:
    """A run that is to be compared."""

    run_id: str
    windows: list[Window]
    start_ns: int
    until_ns: int
    """Only what lies between these counts: its load (wall clock)."""
    plan: Mapping[str, str]
    """What the plan says that makes a difference, as text, by the name of the option."""
    troubles: tuple[str, ...] = ()
    """Why its figures cannot be trusted, as sentences."""


def compare(before: Compared, after: Compared, min_effect: float = DEFAULT_EFFECT) -> RunComparison:
    """What has changed. `min_effect`: the smallest change that matters, in percent."""
    cells = {run.run_id: _cells(run) for run in (before, after)}
    refusals = tuple(_refusals(before, after, cells))
    if refusals:
        return RunComparison(before_id=before.run_id, after_id=after.run_id, refusals=refusals)
    old, new = cells[before.run_id], cells[after.run_id]
    names = [ALL, *_names(old, new)]
    figures: list[FigureComparison] = []
    for name in names:
        count = 1 if name is ALL else len(names) - 1
        figures += _figures(name, old[name], new[name], min_effect, count)
    return RunComparison(before_id=before.run_id, after_id=after.run_id, figures=tuple(figures))


def _refusals(
    before: Compared, after: Compared, cells: Mapping[str, Mapping[HitName, Cells]]
) -> Iterator[str]:
    for run in (before, after):
        for trouble in run.troubles:
            yield f"run {run.run_id}: {trouble}"
    for option in sorted({*before.plan, *after.plan}):
        old, new = before.plan.get(option, "not set"), after.plan.get(option, "not set")
        if old != new:
            yield f"the plans differ in {option}: {_short(old)}, and {_short(new)}"
    for run in (before, after):
        count = len(cells[run.run_id][ALL])
        if count < MIN_CELLS:
            least_s = MIN_CELLS * CELL_S
            yield f"run {run.run_id} is too short: at least {least_s} s of load are needed"


def _short(text: str) -> str:
    return text if len(text) <= MAX_VALUE_CHARS else f"{text[: MAX_VALUE_CHARS - 1]}…"


def _cells(run: Compared) -> dict[HitName, Cells]:
    """What ended in each cell of a run, by name, and all of it."""
    length_s = max([CELL_S, *(window.length_s for window in run.windows)])
    first = -(-run.start_ns // (length_s * NS_PER_S))
    end = run.until_ns // (length_s * NS_PER_S)
    counts: Counter[HitName] = Counter()
    found: dict[HitName, list[HitStats]] = {}

    def cell(name: HitName, at: int) -> HitStats:
        if name not in found:
            found[name] = [HitStats() for _ in range(max(end - first, 0))]
        return found[name][at]

    found[ALL] = [HitStats() for _ in range(max(end - first, 0))]
    for window in run.windows:
        at = window.start_s // length_s - first
        if 0 <= at < end - first:
            for series, stats in window.series.items():
                cell(series.of_name, at).merge(stats)
                cell(ALL, at).merge(stats)
                counts[series.of_name] += stats.count
    return {name: cells_of(each, length_s) for name, each in found.items()}


def _names(old: Mapping[HitName, Cells], new: Mapping[HitName, Cells]) -> Iterable[HitName]:
    """The busiest that both runs have."""
    counts = {
        name: min(float(old[name].hits.sum()), float(new[name].hits.sum()))
        for name in old.keys() & new.keys()
        if name != ALL
    }
    enough = [name for name, count in counts.items() if count >= MIN_HITS]
    return sorted(enough, key=lambda name: (-counts[name], name))[:MAX_COMPARED_NAMES]


def _figures(
    name: HitName, old: Cells, new: Cells, min_effect: float, count: int
) -> Iterator[FigureComparison]:
    before, after = bootstrap.figures(old), bootstrap.figures(new)
    olds, news = bootstrap.resampled(old, seed=1), bootstrap.resampled(new, seed=2)
    for figure in FIGURES:
        if figure == "failed":
            scale, change = 100.0, 100 * (after[figure] - before[figure])
            off = 100 * bootstrap.spread(news[figure] - olds[figure], count)
            low, high = change - off, change + off
            outcome = _outcome(change, low, high, max(MIN_POINTS, 0.0))
        else:
            scale = 1.0 if figure == "rate" else 1e-9
            ratios = bootstrap.log_ratios(olds[figure], news[figure])
            off = bootstrap.spread(ratios, count)
            change, low, high = _change(before[figure], after[figure], off)
            better = figure == "rate"  # the only one of which more is better
            signed = (-change, -high, -low) if better else (change, low, high)
            outcome = _outcome(*signed, min_effect)
        yield FigureComparison(
            figure=figure,
            before=before[figure] * scale,
            after=after[figure] * scale,
            change=change,
            low=low,
            high=high,
            outcome=outcome,
            name=name.name,
            method=name.method,
            scenario=name.scenario,
        )


def _change(before: float, after: float, off: float) -> tuple[float, float, float]:
    """A change in percent, and its bounds; `off` is how far its logarithm may be from the truth."""
    if not before > 0 or not after > 0:
        return math.nan, -math.inf, math.inf
    ratio = math.log(after / before)
    low, high = (100 * math.expm1(min(ratio + each, MAX_LOG)) for each in (-off, off))
    return 100 * math.expm1(ratio), low, high


def _outcome(change: float, low: float, high: float, effect: float) -> ComparisonOutcome:
    """Of a figure of which more is worse."""
    if low > 0 and change >= effect:
        return ComparisonOutcome.WORSE
    if high < 0 and change <= -effect:
        return ComparisonOutcome.BETTER
    if -effect < low and high < effect:
        return ComparisonOutcome.SAME
    return ComparisonOutcome.CANNOT_TELL
