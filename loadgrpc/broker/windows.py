"""What is shown of the windows of a run.

Rule: pure. A window that has closed is made into figures once, for all who watch.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Final

from loadgrpc.clock import NS_PER_S
from loadgrpc.model import CpuFigures, ElapsedFigures, Measures, TimelineWindow, WindowSeries
from loadgrpc.stats.distribution import distribution_of
from loadgrpc.stats.hits import HitStats, elapsed_figures
from loadgrpc.stats.measures import MILLIONTHS, figures_of
from loadgrpc.stats.rules import RuleName, RuleStats, is_other_rule
from loadgrpc.stats.timeline import Timeline
from loadgrpc.stats.window import CPU, HitName, Series, Window, merged

SHOWN_LATELY: Final = 16
"""Windows that are kept for those who watch and are a little behind the others."""


class ClosedWindows:
    """The windows of a run that have closed lately."""

    def __init__(self) -> None:
        self._shown: dict[int, TimelineWindow] = {}

    def since(self, timeline: Timeline, second: int) -> list[TimelineWindow]:
        """Those that start then or later, as they are when they are first asked for."""
        found = timeline.closed_since(second)
        apart = timeline.names.names, timeline.rules.names
        shown = {
            each.start_s: self._shown.get(each.start_s) or shown_window(each, told_apart=apart)
            for each in found
        }
        self._shown = {**self._shown, **shown}
        for old in sorted(self._shown)[: -max(len(shown), SHOWN_LATELY)]:
            del self._shown[old]
        return list(shown.values())


def shown_window(
    window: Window,
    names: Collection[str] = (),
    *,
    series: bool = True,
    closed: bool = True,
    distribution: bool = False,
    by_name: bool = False,
    told_apart: tuple[Collection[HitName], Collection[RuleName]] | None = None,
) -> TimelineWindow:
    """What is shown of a window.

    Args:
        window: The window.
        names: Only hits with one of these names, and no rules; none: of all.
        series: Whether hits are told apart.
        closed: Whether it is.
        distribution: Whether it, and each series, says how response times are distributed.
        by_name: Whether hits of one name are one series, whatever their status and tags.
        told_apart: Only these names and rules are; None: all that are in the window.
    """
    if told_apart is not None:
        window = merged([window], window.start_s, window.length_s)
        window.fold(*told_apart)
    length_ns = window.length_s * NS_PER_S
    told = {
        each: stats
        for each, stats in sorted(window.series.items())
        if not names or each.name in names
    }
    total = window.total({each.of_name for each in told})
    if by_name:
        told = _by_hit_name(told)
    return TimelineWindow(
        start_ns=window.start_s * NS_PER_S,
        length_ns=length_ns,
        closed=closed,
        hits=total.figures(length_ns),
        series=tuple(
            WindowSeries(
                **each._asdict(),
                hits=stats.figures(length_ns),
                late=stats.late,
                distribution=distribution_of(stats.response) if distribution else None,
            )
            for each, stats in (told.items() if series else ())
        ),
        cases=tuple(
            stats.figures(name, length_ns)
            for name, stats in sorted(window.rules.items(), key=_by_name)
            if not names
        ),
        users=window.users,
        late=total.late,
        late_data=window.late_data,
        planned=window.arrivals.planned,
        started=window.arrivals.started,
        dropped=window.arrivals.dropped,
        waiting=window.arrivals.waiting,
        lag=_lag(window),
        cpu=_cpu(window),
        measures=_measures(window, names, length_ns),
        distribution=distribution_of(total.response) if distribution else None,
    )


def _by_hit_name(told: Mapping[Series, HitStats]) -> dict[Series, HitStats]:
    """Series, those of one name merged."""
    found: dict[Series, HitStats] = {}
    for each, stats in told.items():
        found.setdefault(Series(*each.of_name, status_class=0), HitStats()).merge(stats)
    return found


def _measures(window: Window, names: Collection[str], length_ns: int) -> Measures:
    """What tests measured in it; `names` as for hits."""
    found = window.measures
    if names and found:
        found = {each: stats for each, stats in found.items() if each.name in names}
    return figures_of(found, length_ns) if found else Measures()


def _by_name(rule: tuple[RuleName, RuleStats]) -> tuple[bool, list[tuple[int, str]]]:
    """Numbers by their size, other names by their letters, the others together last."""
    name, _ = rule
    parts = re.split(r"(\d+)", f"{name.scenario}\n{name.rule}")
    return is_other_rule(name), [(int(each) if each.isdecimal() else -1, each) for each in parts]


def _lag(window: Window) -> ElapsedFigures | None:
    return elapsed_figures(window.lag) if window.lag.count else None


def _cpu(window: Window) -> CpuFigures | None:
    shares = window.gauges.get(CPU)
    if shares is None or not shares.count:
        return None
    avg = shares.total / shares.count
    return CpuFigures(avg=avg / MILLIONTHS, max=shares.high / MILLIONTHS)
