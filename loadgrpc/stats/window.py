"""A window of a run: a span of seconds of the broker's clock, with everything that ended in it.

Rule: a window only adds up. Windows merge exactly: that of ten seconds is the merge of ten windows
of one, histogram by histogram, and nothing in it is averaged or sampled.

Laws: merging commutes, associates, and a window without anything in it changes nothing.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, NamedTuple

from loadgrpc.model import OTHER
from loadgrpc.stats.arrival_counts import ArrivalCounts
from loadgrpc.stats.gauge import Gauge
from loadgrpc.stats.histogram import Histogram
from loadgrpc.stats.hits import HitStats
from loadgrpc.stats.measures import StatsByName, add
from loadgrpc.stats.rules import AgentName, RuleName, RuleStats, is_other_rule

MAX_STATUS_CLASS: Final = 9


class HitName(NamedTuple):
    """What the hits of a name have in common."""

    scenario: str
    name: str
    method: str
    protocol: str = ""


class Series(NamedTuple):
    """Which hits a series of a timeline is of."""

    scenario: str
    name: str
    method: str
    protocol: str
    status_class: int
    """From 0 to 9: the hundreds of the status, above 9 as 9. 0: no answer, or no such status."""
    tags: tuple[tuple[str, str], ...] = ()
    """Names and values, sorted."""

    @property
    def of_name(self) -> HitName:
        """Its name, whatever the status and the tags."""
        return HitName(self.scenario, self.name, self.method, self.protocol)


class Occurrence(Enum):
    """What windows count besides hits. The values are what is kept."""

    ITERATIONS = "iterations"
    """That came to their own end."""
    FAILURES = "failures"
    """Of these, those with a failed assertion."""
    ERRORS = "errors"
    """Of these, those that ended with another exception."""
    LATE = "late"
    """Of these, those that started more than 10 ms after their planned start."""
    COUNTER = "counter"
    """A counter of the test, by its increments."""
    CPU = "cpu"
    """How much of their CPU time processes of the generator used in a second, in millionths."""


class Counted(NamedTuple):
    """What a count, or a gauge, of a window is of."""

    what: Occurrence
    scenario: str = ""
    name: str = ""
    """Empty: it is the only one of its kind."""


CPU: Final = Counted(Occurrence.CPU)


def is_other(name: HitName) -> bool:
    """Whether this is the name of all hits that have no series of their own."""
    return name.name == OTHER and not name.method


def status_class(status: int) -> int:
    """The class of a status; 0 for a hit without an answer."""
    return min(status // 100, MAX_STATUS_CLASS)


@dataclass(slots=True)
class Window:
    """See the module."""

    start_s: int
    """Its first second (wall clock)."""
    length_s: int = 1
    series: dict[Series, HitStats] = field(default_factory=dict)
    users: int = 0
    """The most virtual users that were alive in it at a time, as their runners reported."""
    lag: Histogram = field(default_factory=Histogram)
    """How late the processes were that made the load: all their event-loop lags."""
    arrivals: ArrivalCounts = field(default_factory=ArrivalCounts)
    """What became of the arrivals of open loads."""
    late_data: int = 0
    """Hits that were reported when the window was closed already; they are counted all the same."""
    measures: StatsByName = field(default_factory=dict)
    """What tests measured beside hits."""
    counts: dict[Counted, int] = field(default_factory=dict)
    gauges: dict[Counted, Gauge] = field(default_factory=dict)
    rules: dict[RuleName, RuleStats] = field(default_factory=dict)
    """What came of iterations that were fed with cases; their hits are in series, too."""
    agents: dict[AgentName, RuleStats] = field(default_factory=dict)
    """The same by agent, of runs with a threshold that selects by that; else there is nothing."""

    @property
    def end_s(self) -> int:
        """The second after its last."""
        return self.start_s + self.length_s

    @property
    def hits(self) -> int:
        """All hits that ended in it."""
        return sum(stats.count for stats in self.series.values())

    def stats(self, series: Series) -> HitStats:
        """What a series adds up to, to be added to."""
        found = self.series.get(series)
        if found is None:
            found = self.series[series] = HitStats()
        return found

    def count(self, what: Counted, number: int) -> None:
        """Adds to a count."""
        self.counts[what] = self.counts.get(what, 0) + number

    def gauge(self, what: Counted) -> Gauge:
        """A gauge, to be added to."""
        found = self.gauges.get(what)
        if found is None:
            found = self.gauges[what] = Gauge()
        return found

    def rule(self, name: RuleName) -> RuleStats:
        """What a rule adds up to, to be added to."""
        found = self.rules.get(name)
        if found is None:
            found = self.rules[name] = RuleStats()
        return found

    def agent(self, name: AgentName) -> RuleStats:
        """What an agent adds up to, to be added to."""
        found = self.agents.get(name)
        if found is None:
            found = self.agents[name] = RuleStats()
        return found

    def merge(self, other: Window) -> None:
        """Adds all that is in `other`; the span stays."""
        for series, stats in other.series.items():
            self.stats(series).merge(stats)
        self.users = max(self.users, other.users)
        self.lag.merge(other.lag)
        self.arrivals.merge(other.arrivals)
        self.late_data += other.late_data
        for name, each in other.measures.items():
            add(self.measures, name, each)
        for counted, number in other.counts.items():
            self.count(counted, number)
        for counted, gauge in other.gauges.items():
            self.gauge(counted).merge(gauge)
        for rule, came in other.rules.items():
            self.rule(rule).merge(came)
        for agent, came in other.agents.items():
            self.agent(agent).merge(came)

    def total(self, names: Container[HitName] | None = None) -> HitStats:
        """All hits together, or those of some names."""
        total = HitStats()
        for series, stats in self.series.items():
            if names is None or series.of_name in names:
                total.merge(stats)
        return total

    def fold(self, names: Container[HitName], rules: Container[RuleName]) -> None:
        """Counts hits of other names together from now on, as `(other)` of their scenario.

        What came of other rules likewise.
        """
        for name in [each for each in self.rules if each not in rules]:
            if not is_other_rule(name):
                self.rule(name._replace(rule=OTHER)).merge(self.rules.pop(name))
        for series in [each for each in self.series if each.of_name not in names]:
            if not is_other(series.of_name):
                folded = Series(series.scenario, OTHER, "", "", series.status_class, series.tags)
                self.stats(folded).merge(self.series.pop(series))


def merged(windows: Iterable[Window], start_s: int, length_s: int) -> Window:
    """Some windows as one."""
    whole = Window(start_s, length_s)
    for window in windows:
        whole.merge(window)
    return whole
