"""A window that is read for thresholds, and what is known of a run beside its windows.

Rule: what is read is shared with the window, and never changed.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeVar

from loadgrpc.judge.where import Where
from loadgrpc.model import OTHER
from loadgrpc.stats.arrival_counts import ArrivalCounts
from loadgrpc.stats.gauge import Gauge
from loadgrpc.stats.histogram import Histogram
from loadgrpc.stats.hits import HitStats
from loadgrpc.stats.measures import MeasureName, MeasureStats
from loadgrpc.stats.rules import RuleName, RuleStats
from loadgrpc.stats.window import CPU, HitName, Occurrence, Series, Window

COUNTERS: Final = "counter"
"""What the names of counters are kept by."""
M = TypeVar("M", bound=MeasureStats)


@dataclass(frozen=True, kw_only=True)
class RunFacts:
    """What is known of a run as a whole, and not by time."""

    duration_ns: int = 0
    """From the first user's start to the last user's end, so far."""
    lost: int = 0
    produced: int = 0
    """Events: those that are lost, and all of them."""
    rules: int = 0
    exercised: int = 0
    """Rules of decision tables: all that are known, and those that were exercised."""


class ToldApart(NamedTuple):
    """What windows tell apart; of everything else there are sums."""

    names: Container[HitName]
    rules: Container[RuleName]


class Reading:
    """A window that is read for several thresholds: what they select is added up once.

    `windows`: its parts, of the same span. `told_apart`: what it will tell apart when it is kept;
    None: all that is in it.
    """

    def __init__(self, windows: Sequence[Window], told_apart: ToldApart | None = None) -> None:
        self.windows = windows
        self.start_s = windows[0].start_s
        self.length_s = windows[0].length_s
        self._told_apart = told_apart
        self._hits: dict[Where, HitStats | None] = {}
        self._came: dict[Where, RuleStats | None] = {}

    def hits(self, where: Where) -> HitStats | None:
        """The hits that are meant. None: of what is meant the window has none, of any status."""
        if where not in self._hits:
            self._hits[where] = self._selected(where)
        return self._hits[where]

    def _selected(self, where: Where) -> HitStats | None:
        if where.of:
            came = self.came(where)
            return None if came is None else came.hits
        total: HitStats | None = None
        for window in self.windows:
            for series, stats in window.series.items():
                if where.picks and not (
                    where.takes_name(self._name_of(series)) and where.takes_tags(series.tags)
                ):
                    continue
                total = HitStats() if total is None else total
                if where.takes_status(series.status_class):
                    total.merge(stats)
        return total

    def came(self, where: Where) -> RuleStats | None:
        """What came of the cases, or from the agents, that are meant. None: there are none."""
        if where not in self._came:
            total: RuleStats | None = None
            key = where.of
            for scenario, of, stats in self._told(key):
                if where.takes("scenario", scenario) and where.takes(key, of):
                    total = RuleStats() if total is None else total
                    total.merge(stats)
            self._came[where] = total
        return self._came[where]

    def _told(self, of: str) -> Iterator[tuple[str, str, RuleStats]]:
        """What cases, or agents, add up to, each with its scenario and its name."""
        for window in self.windows:
            if of == "agent":
                for agent, stats in window.agents.items():
                    yield *agent, stats
                continue
            for name, stats in window.rules.items():
                apart = self._told_apart is None or name in self._told_apart.rules
                yield name.scenario, name.rule if apart else OTHER, stats

    def _name_of(self, series: Series) -> HitName:
        name = series.of_name
        if self._told_apart is None or name in self._told_apart.names:
            return name
        return HitName(series.scenario, OTHER, "")

    def counted(self, kind: Occurrence, where: Where, name: str = "") -> int | None:
        """How many there were of a kind. None: nothing of what is meant is in the window."""
        found = [
            count
            for window in self.windows
            for each, count in window.counts.items()
            if each.what is kind and each.name == name and where.takes("scenario", each.scenario)
        ]
        return sum(found) if found else None

    def measured(self, kind: type[M], where: Where) -> M | None:
        """What tests measured. None: nothing of what is meant is in the window."""
        total: M | None = None
        for window in self.windows:
            for name, stats in window.measures.items():
                if isinstance(stats, kind) and _is_meant(name, where):
                    total = kind() if total is None else total
                    total.merge(stats)
        return total

    def arrivals(self) -> ArrivalCounts | None:
        """What became of arrivals. None: there is no load of arrivals."""
        total = ArrivalCounts()
        for window in self.windows:
            total.merge(window.arrivals)
        return total if total.second else None

    def lag(self) -> Histogram:
        """How late the processes were that made the load."""
        total = Histogram()
        for window in self.windows:
            total.merge(window.lag)
        return total

    def cpu(self) -> Gauge:
        """How much of their CPU time these processes used, in millionths."""
        total = Gauge()
        for window in self.windows:
            if (gauge := window.gauges.get(CPU)) is not None:
                total.merge(gauge)
        return total

    @property
    def users(self) -> int:
        """The most virtual users that were alive at a time."""
        return max(window.users for window in self.windows)


def _is_meant(name: MeasureName, where: Where) -> bool:
    return where.takes("scenario", name.scenario) and where.takes("name", name.name)


def names_in(window: Window) -> set[tuple[str, str]]:
    """What a threshold could have meant, as far as it is in a window: keys and values."""
    found = {(COUNTERS, each.name) for each in window.counts if each.name}
    for series in window.series:
        found.update(zip(HitName._fields, series.of_name, strict=True))
        found.update(("tag", f"{name}={value}") for name, value in series.tags)
    found.update(("name", each.name) for each in window.measures)
    found.update(("case", each.rule) for each in window.rules)
    found.update(("agent", each.agent) for each in window.agents)
    return found
