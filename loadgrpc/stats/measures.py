"""What tests measure beside hits, as it adds up: checks, transactions, metrics and levels.

Rule: each kind only adds up, and is one of KINDS, by the name that its event has.

Laws, as the histogram's: merging commutes, associates, and empty stats change nothing.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Self

from loadgrpc import model
from loadgrpc.clock import NS_PER_S
from loadgrpc.model import OTHER, Measures
from loadgrpc.stats.histogram import Histogram
from loadgrpc.stats.hits import elapsed_figures

MILLIONTHS: Final = 1_000_000
"""Values of metrics are counted in these: histograms are of whole numbers."""
_QUANTILES: Final = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}


class MeasureName(NamedTuple):
    """What is measured."""

    kind: str
    name: str
    scenario: str = ""


class MeasureStats(ABC):
    """What one name of one kind adds up to."""

    __slots__ = ()

    @abstractmethod
    def merge(self, other: Any) -> None:
        """Adds all that was added to `other`, which is of the same kind."""

    @abstractmethod
    def figures(self, name: MeasureName, duration_ns: int) -> Any:
        """The figures, with the rate over a duration, if there is one."""

    @abstractmethod
    def parts(self) -> tuple[list[float], Histogram | None]:
        """All that is in it: numbers, and a histogram if it has one."""

    @classmethod
    @abstractmethod
    def of_parts(cls, numbers: list[Any], histogram: Histogram | None) -> Self:
        """The stats that have these parts."""


@dataclass(slots=True)
class CheckStats(MeasureStats):
    """How often a condition held."""

    passed: int = 0
    failed: int = 0

    def merge(self, other: CheckStats) -> None:
        """See MeasureStats."""
        self.passed += other.passed
        self.failed += other.failed

    def figures(self, name: MeasureName, duration_ns: int) -> model.CheckFigures:
        """See MeasureStats."""
        del duration_ns
        return model.CheckFigures(
            name=name.name, scenario=name.scenario, passed=self.passed, failed=self.failed
        )

    def parts(self) -> tuple[list[float], Histogram | None]:
        """See MeasureStats."""
        return [self.passed, self.failed], None

    @classmethod
    def of_parts(cls, numbers: list[Any], histogram: Histogram | None) -> Self:
        """See MeasureStats."""
        del histogram
        return cls(*numbers)


@dataclass(slots=True)
class TransactionStats(MeasureStats):
    """How long transactions took that came to their end, and how many did not."""

    failed: int = 0
    elapsed: Histogram = field(default_factory=Histogram)

    @property
    def count(self) -> int:
        """All that ended."""
        return self.elapsed.count + self.failed

    def merge(self, other: TransactionStats) -> None:
        """See MeasureStats."""
        self.failed += other.failed
        self.elapsed.merge(other.elapsed)

    def figures(self, name: MeasureName, duration_ns: int) -> model.TransactionFigures:
        """See MeasureStats."""
        return model.TransactionFigures(
            name=name.name,
            scenario=name.scenario,
            count=self.count,
            failed=self.failed,
            rate=self.count * NS_PER_S / duration_ns if duration_ns > 0 else 0.0,
            elapsed=elapsed_figures(self.elapsed),
        )

    def parts(self) -> tuple[list[float], Histogram | None]:
        """See MeasureStats."""
        return [self.failed], self.elapsed

    @classmethod
    def of_parts(cls, numbers: list[Any], histogram: Histogram | None) -> Self:
        """See MeasureStats."""
        return cls(failed=numbers[0], elapsed=histogram or Histogram())


@dataclass(slots=True)
class MeasurementStats(MeasureStats):
    """The values of a metric."""

    millionths: Histogram = field(default_factory=Histogram)
    whole: bool = True
    """Whether all of them are whole numbers: then their percentiles are, too."""

    def merge(self, other: MeasurementStats) -> None:
        """See MeasureStats."""
        self.millionths.merge(other.millionths)
        self.whole = self.whole and other.whole

    def figures(self, name: MeasureName, duration_ns: int) -> model.MeasurementFigures:
        """See MeasureStats."""
        del duration_ns
        values = self.millionths
        found = [each / MILLIONTHS for each in values.quantiles(list(_QUANTILES.values()))]
        if self.whole:
            found = [float(round(each)) for each in found]
        return model.MeasurementFigures(
            name=name.name,
            scenario=name.scenario,
            count=values.count,
            avg=values.sum_ns / values.count / MILLIONTHS if values.count else 0.0,
            min=values.min_ns / MILLIONTHS,
            max=values.max_ns / MILLIONTHS,
            **dict(zip(_QUANTILES, found, strict=True)),
        )

    def parts(self) -> tuple[list[float], Histogram | None]:
        """See MeasureStats."""
        return [self.whole], self.millionths

    @classmethod
    def of_parts(cls, numbers: list[Any], histogram: Histogram | None) -> Self:
        """See MeasureStats."""
        return cls(histogram or Histogram(), *map(bool, numbers))


@dataclass(slots=True)
class GaugeStats(MeasureStats):
    """A level: the last, the lowest and the highest."""

    last: float = 0.0
    last_ns: int = -1
    """When that was (wall clock). -1: there is none."""
    min: float = math.inf
    max: float = -math.inf

    def merge(self, other: GaugeStats) -> None:
        """See MeasureStats."""
        self.last_ns, self.last = max((self.last_ns, self.last), (other.last_ns, other.last))
        self.min = min(self.min, other.min)
        self.max = max(self.max, other.max)

    def figures(self, name: MeasureName, duration_ns: int) -> model.GaugeFigures:
        """See MeasureStats."""
        del duration_ns
        return model.GaugeFigures(
            name=name.name, scenario=name.scenario, last=self.last, min=self.min, max=self.max
        )

    def parts(self) -> tuple[list[float], Histogram | None]:
        """See MeasureStats."""
        return [self.last, self.last_ns, self.min, self.max], None

    @classmethod
    def of_parts(cls, numbers: list[Any], histogram: Histogram | None) -> Self:
        """See MeasureStats."""
        del histogram
        return cls(*numbers)


KINDS: Final[Mapping[str, type[MeasureStats]]] = {
    "check": CheckStats,
    "transaction": TransactionStats,
    "measurement": MeasurementStats,
    "gauge": GaugeStats,
}
"""By the name of the event."""

StatsByName = dict[MeasureName, MeasureStats]


def add(to: StatsByName, name: MeasureName, stats: MeasureStats) -> None:
    """Adds stats to those of a name."""
    found = to.get(name)
    if found is None:
        found = to[name] = type(stats)()
    found.merge(stats)


def figures_of(found: Mapping[MeasureName, MeasureStats], duration_ns: int) -> Measures:
    """The figures of all of them, each kind by name; those of `(other)` come last."""
    ordered = sorted(found.items(), key=lambda each: (each[0].name == OTHER, each[0]))

    def of(kind: str) -> Iterable[Any]:
        return (stats.figures(name, duration_ns) for name, stats in ordered if name.kind == kind)

    return Measures(
        checks=tuple(of("check")),
        transactions=tuple(of("transaction")),
        measurements=tuple(of("measurement")),
        gauges=tuple(of("gauge")),
    )
