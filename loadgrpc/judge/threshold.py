"""A threshold: one condition that the results of a run have to meet."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from loadgrpc.judge.amount import Amount
from loadgrpc.judge.metrics import PARTS_PER_MILLION, Metric
from loadgrpc.judge.unit import Unit
from loadgrpc.judge.where import EVERYTHING, Where

MAX_OVER_S: Final = 3_600
"""The longest span that `over` looks back on."""
STEPS: Final = ((60, 1), (600, 10), (MAX_OVER_S, 60))
"""Up to which span values are judged how often, in seconds: sixty steps a span at most. So those of
long spans are the same from windows of 10 s or 1 min, which a timeline keeps for longer."""
OPERATORS: Final[dict[str, Callable[[Fraction, Fraction], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """See the module. `loadgrpc.judge.grammar.parse` makes it from text."""

    text: str
    """As it was written, on one line."""
    aggregate: str
    """`count`, `rate`, `avg`, `min`, `max`, `/s`, or a percentile, such as `p95`."""
    metric: Metric
    where: Where = EVERYTHING
    where_end: int = 0
    """Where in the text the selection ends, or could stand."""
    operator: str
    limit: Fraction
    unit: Unit
    over_s: int | None = None
    """How far back each judgement looks, in seconds. None: on the whole run, which is one."""
    strikes: int = 1
    """How many windows in a row do not hold before it has failed."""
    share: Fraction | None = None
    """In how many windows it has to hold, in percent. None: in all."""
    skip_ns: int = 0
    """How much of the beginning of the run is left out."""
    abort: bool = False
    """Whether the run is stopped when it has failed."""
    or_no_data: bool = False
    """Whether it holds when there is nothing to judge."""

    @property
    def step_s(self) -> int:
        """How far apart judgements are, in seconds."""
        return next(step for most, step in STEPS if (self.over_s or 1) <= most)

    @property
    def grows(self) -> bool:
        """Whether it is decided by all there is, so that only the end is final."""
        return self.over_s is None or self.share is not None

    @property
    def quantile(self) -> float:
        """Of a percentile: from 0 to 1."""
        return float(Fraction(self.aggregate[1:]) / 100)

    def value(self, amount: Amount, duration_ns: int) -> Fraction | None:  # noqa: PLR0911 - a row each
        """The value of what came in a span of time. None: there is none."""
        match self.aggregate:
            case "count":
                return Fraction(amount.count)
            case "rate":
                return Fraction(100 * amount.count, amount.of) if amount.of else None
            case "/s":
                return Fraction(amount.count * 10**9, duration_ns) if duration_ns > 0 else None
            case "avg" | "min" | "max" if amount.levels is not None:
                return self._level(amount)
            case "avg" if amount.times is not None and amount.times.count:
                return Fraction(amount.times.sum_ns, amount.times.count * self.metric.scale)
            case "min" if amount.times is not None and amount.times.count:
                return Fraction(amount.times.min_ns, self.metric.scale)
            case "max" if amount.times is not None and amount.times.count:
                return Fraction(amount.times.max_ns, self.metric.scale)
            case _ if amount.times is not None and amount.times.count:
                return Fraction(amount.times.quantiles((self.quantile,))[0], self.metric.scale)
            case _:
                return None

    def _level(self, amount: Amount) -> Fraction | None:
        levels = amount.levels
        assert levels is not None  # noqa: S101 - seen by `value`
        if not levels.count:
            return None
        of: dict[str, Fraction] = {
            "min": Fraction(levels.low),
            "max": Fraction(levels.high),
            "avg": Fraction(levels.total) / levels.count,
        }
        scale = Fraction(100, PARTS_PER_MILLION) if self.unit is Unit.SHARE else 1
        return of[self.aggregate] * scale

    def holds(self, value: Fraction) -> bool:
        """Whether a value is within the limit."""
        return OPERATORS[self.operator](value, self.limit)

    def worse(self, value: Fraction, than: Fraction) -> bool:
        """Whether one value is further beyond the limit, or nearer to it, than another."""
        if self.operator in ("<", "<="):
            return value > than
        if self.operator in (">", ">="):
            return value < than
        further = abs(value - self.limit) > abs(than - self.limit)
        return further if self.operator == "==" else not further
