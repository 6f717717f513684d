"""Finding the rate that a server can take: which level to try next, and when that is enough.

    doubling     from the first level, until one does not hold; or halving, if the first does not
    bisecting    between the highest that held and the lowest that did not, until they are near:
                 the nearer, if both are beyond doubt
    closing in   at both ends of the answer in turn, for longer, until both are confirmed and all
                 levels together leave it no wider than it may be

Close to its limit a server holds a level or not by chance: a queue that is long now stays long for
a while. So no single level decides. Each says by how much its value missed the limit of the
condition (its *excess*, below 0 if it held), and the answer is where a line through these crosses
0, weighted by how long they were measured, with what that leaves open.

Rule: pure: levels out, what came of them in. What a generator cannot make is no limit of the
server: that is an answer of its own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import pairwise
from statistics import fmean
from typing import Final

GAP: Final = 1.3
"""Two levels that are no further apart are not bisected."""
MAX_HALVINGS: Final = 6
"""If even the first level, halved so often, does not hold, something else is wrong."""
MAX_CLOSING: Final = 4
"""Levels for closing in; more than these do not fit into three minutes."""
QUICK: Final = (2.0, 4.0)
NEARER: Final = (2.0, 6.0)
LONG: Final = (4.0, 20.0)
"""How long a level settles and is measured, in seconds: while doubling, bisecting, closing in."""
NEAR: Final = 0.35
"""Levels that are further from the answer, as ln of a ratio, say nothing about where it is."""
CLIP: Final = 1.2
"""Beyond it an excess only says which side the level is on: queues do not grow in proportion."""
SLOPE: Final = 9.0
"""How fast the excess is expected to grow with ln of the rate, near the limit of a queue."""
MIN_SLOPE: Final = 2.5
SLOPE_WEIGHT: Final = 0.02
"""How much that expectation counts: as much as two long levels at both ends."""
NOISE: Final = 0.35
"""Standard deviation of the excess of a long level, as expected."""
NOISE_WEIGHT: Final = 4.0
SURE: Final = 1.65
"""How many standard errors the answer reaches to both sides: nine of ten answers are right then."""
FLATTERS: Final = 0.01
"""How much too high a line through levels is, as ln of a ratio: in a short time a queue is seldom
as long as in the long run. Of simulated queues; that of few servers is flattered more than that."""
CONFIRMED: Final = 0.03
"""How far within the answer, as ln of a ratio, a long level may be that confirms an end of it."""
ROUNDING: Final = 1e-9
THIRDS: Final = 3
GROWS: Final = 1.3
"""A queue that makes each third of a level slower than the one before by this factor grows."""


class LevelOutcome(Enum):
    """What came of a level."""

    HELD = "held"
    """The condition was met."""
    BROKEN = "broken"
    """It was not."""
    GENERATOR = "generator"
    """The level was not made, or not as it should be: the generator could not keep up."""


@dataclass(frozen=True, kw_only=True)
class Level:
    """A level to try."""

    rate: float
    """Iterations that start per second."""
    settle_s: float
    """How long it goes on before it is measured."""
    measure_s: float


@dataclass(frozen=True, kw_only=True)
class TriedLevel:
    """What came of one."""

    rate: float
    measured_s: float
    outcome: LevelOutcome
    excess: float
    """ln of value over limit, of the condition that missed it most; below 0: it held."""


@dataclass(frozen=True, kw_only=True)
class FoundLimit:
    """The rate that a server can take, per second."""

    least: float
    """It is at least this. 0: no level held."""
    most: float
    """And at most this. Infinite: every level held, up to the highest that may be tried."""
    generator: bool = False
    """Whether `most` is what the generator could not make, so that the server may take more."""

    @property
    def width(self) -> float:
        """How far from its middle the interval reaches, as a share of the middle."""
        if not self.least or self.most == math.inf:
            return math.inf
        return (self.most - self.least) / (self.most + self.least)


@dataclass
class LimitSearch:
    """See the module. `first` and `most` are levels: iterations per second."""

    first: float
    most: float
    within: float = 0.05
    """How far from its middle the answer may reach, as a share of the middle."""
    tried: list[TriedLevel] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not 0 < self.first <= self.most < math.inf:
            raise ValueError(f"it goes from {self.first:g} to {self.most:g}, which is not upwards")

    def add(self, tried: TriedLevel) -> None:
        """Notes what came of a level."""
        self.tried.append(tried)

    def next(self) -> Level | FoundLimit:  # noqa: PLR0911 - as many as there are phases and ends
        """The level to try next, or the answer."""
        if not self.tried:
            return _level(self.first, QUICK)
        held, broken = self._bounds()
        if broken is None:
            assert held is not None  # noqa: S101 - one of them was tried
            if held >= self.most:
                return FoundLimit(least=held, most=math.inf)
            return _level(min(2 * held, self.most), QUICK)
        if held is None:
            too_low = self.first / 2**MAX_HALVINGS
            if broken > too_low * 1.001:
                return _level(broken / 2, QUICK)
            return FoundLimit(least=0.0, most=broken, generator=self._is_of_generator(broken))
        if self._closing:
            return self._close_in(held, broken)
        if broken / held > (math.exp(self._reach) if self._is_sharp(held, broken) else GAP):
            return _level(math.sqrt(held * broken), NEARER)
        if self._is_of_generator(broken):
            return FoundLimit(least=held, most=broken, generator=True)
        return self._close_in(held, broken)

    @property
    def _closing(self) -> int:
        """How many levels it has tried for closing in."""
        return sum(each.measured_s >= LONG[1] for each in self.tried)

    def _bounds(self) -> tuple[float | None, float | None]:
        """The highest level that held below all that did not, and the lowest that did not."""
        broken = min((each for each in self._rates if not self._holds(each)), default=None)
        held = [each for each in self._rates if self._holds(each) and each < (broken or math.inf)]
        return max(held, default=None), broken

    @property
    def _rates(self) -> set[float]:
        return {each.rate for each in self.tried}

    def _holds(self, rate: float) -> bool:
        """What a level came to, all in all; of one tried in vain, nothing is known of it."""
        of = [each for each in self.tried if each.rate == rate]
        total_s = sum(each.measured_s for each in of)
        excess = sum(_clipped(each.excess) * each.measured_s for each in of) / total_s
        return excess < 0 and of[-1].outcome is not LevelOutcome.GENERATOR

    def _is_of_generator(self, rate: float) -> bool:
        """Whether it was the generator that did not make a level."""
        return any(
            each.outcome is LevelOutcome.GENERATOR for each in self.tried if each.rate == rate
        )

    @property
    def _reach(self) -> float:
        """How far the answer is to reach to both sides, as ln of a ratio."""
        return math.atanh(self.within) * 0.95

    def _is_sharp(self, held: float, broken: float) -> bool:
        """Whether nothing says where between two levels the limit is: both are beyond doubt."""
        return all(abs(each.excess) >= CLIP for each in self.tried if held <= each.rate <= broken)

    def _close_in(self, held: float, broken: float) -> Level | FoundLimit:
        crossing, error = crossing_of(self.tried, math.sqrt(held * broken))
        reach = self._reach
        if self._closing >= MAX_CLOSING:
            return self._answer(crossing, max(reach, min(SURE * error, 2 * NEAR)))
        low, high = self._confirmed(crossing, reach)
        if low and high and SURE * error <= reach:
            return self._answer(crossing, reach)
        below = sum(each.measured_s for each in self._long if each.rate < crossing)
        above = sum(each.measured_s for each in self._long if each.rate >= crossing)
        down = below < above if low is high else not low
        return _level(min(crossing * math.exp(-reach if down else reach), self.most), LONG)

    @property
    def _long(self) -> list[TriedLevel]:
        return [each for each in self.tried if each.measured_s >= LONG[1]]

    def _confirmed(self, crossing: float, reach: float) -> tuple[bool, bool]:
        """Whether a long level near the lower end held, and one near the upper end did not.

        Near, and within the answer: what held below it, or did not above it, leaves the end open.
        """
        found = []
        for end, holds in (
            (crossing * math.exp(-reach), True),
            (crossing * math.exp(reach), False),
        ):
            inward = 1 if holds else -1
            near = [
                each
                for each in self._long
                if -ROUNDING <= inward * math.log(each.rate / end) <= CONFIRMED
            ]
            total = sum(_clipped(each.excess) * each.measured_s for each in near)
            found.append(bool(near) and (total < 0) is holds)
        return found[0], found[1]

    def _answer(self, crossing: float, reach: float) -> FoundLimit:
        least, most = crossing * math.exp(-reach), crossing * math.exp(reach)
        generator = any(
            each.outcome is LevelOutcome.GENERATOR for each in self.tried if each.rate <= most
        )
        return FoundLimit(least=least, most=most, generator=generator)


def _level(rate: float, lengths: tuple[float, float]) -> Level:
    return Level(rate=rate, settle_s=lengths[0], measure_s=lengths[1])


def _clipped(excess: float) -> float:
    return max(-CLIP, min(excess, CLIP))


def crossing_of(tried: Sequence[TriedLevel], around: float) -> tuple[float, float]:
    """The rate at which the excess is 0, and the standard error of its logarithm.

    A weighted line through the levels near `around`. An excess that is clipped, and that the line
    has on the same side, agrees with it, and draws it nowhere.
    """
    points = [
        (math.log(each.rate / around), _clipped(each.excess), each.measured_s / LONG[1])
        for each in tried
        if abs(math.log(each.rate / around)) <= NEAR
    ]
    level, slope = 0.0, SLOPE
    used = points
    for _ in range(10):
        used = [
            (x, y, weight)
            for x, y, weight in points
            if abs(y) < CLIP or (level + slope * x) * math.copysign(1, y) < CLIP
        ] or points
        weights = sum(weight for _, _, weight in used)
        x_mean = sum(weight * x for x, _, weight in used) / weights
        y_mean = sum(weight * y for _, y, weight in used) / weights
        spread = sum(weight * (x - x_mean) ** 2 for x, _, weight in used)
        joint = sum(weight * (x - x_mean) * (y - y_mean) for x, y, weight in used)
        slope = (joint + SLOPE_WEIGHT * SLOPE) / (spread + SLOPE_WEIGHT)
        slope = max(slope, MIN_SLOPE)
        level = y_mean - slope * x_mean
    held = max((x for x, y, _ in points if y <= -CLIP), default=-NEAR)
    broken = min((x for x, y, _ in points if y >= CLIP), default=NEAR)
    at = max(-NEAR, min(-level / slope - FLATTERS, NEAR))
    if held < broken:  # what is beyond doubt is so
        at = max(held, min(at, broken))
    missed = sum(weight * (y - level - slope * x) ** 2 for x, y, weight in used)
    noise = (missed + NOISE_WEIGHT * NOISE**2) / (max(len(used) - 2, 0) + NOISE_WEIGHT)
    error = math.sqrt(noise * (1 / weights + (at - x_mean) ** 2 / (spread + SLOPE_WEIGHT))) / slope
    return around * math.exp(at), error


def grows(values: Sequence[float]) -> bool:
    """Whether a level that holds would not for longer: its times grow from third to third.

    `values`: a time for each second that was measured, such as its median.
    """
    each = len(values) // THIRDS
    if not each:
        return False
    parts = [fmean(values[at * each : (at + 1) * each]) for at in range(THIRDS)]
    return all(later > GROWS * before for before, later in pairwise(parts))
