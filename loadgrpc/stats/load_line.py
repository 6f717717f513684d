"""The level of a load over time, as one line: from its stages, and the changes made live.

Rule: pure, and the same numbers everywhere. What a change brings depends on when it applies and
not on when somebody learns of it, so that all who follow a line agree, also those who learn late.

    level(t)     users, or arrivals per second, t seconds after the cycle began
    integral(t)  what has arrived by then: the area under the line
    instant(n)   when that many have: the inverse, by closed form or bisection
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from loadgrpc.model import Hold, Load, LoadChange, LoadChangeKind, Ramp, Sine, Stage, Steps

_HALVINGS: Final = 60
"""Of a period of at most 30 days: finer than a nanosecond."""
ALMOST: Final = 1e-6
"""What the integral of a whole load misses by rounding counts as reached."""


@dataclass(frozen=True, slots=True)
class _Straight:
    """A straight line."""

    start: float
    end: float
    span_s: float

    def level(self, t: float) -> float:
        if self.start == self.end:
            return self.start
        return self.start + (self.end - self.start) * (t / self.span_s)

    def integral(self, t: float) -> float:
        if self.start == self.end:
            return self.start * t
        return self.start * t + (self.end - self.start) * t * t / (2 * self.span_s)

    def instant(self, n: float) -> float:
        if self.start == self.end:
            return n / self.start
        if n <= 0:
            return 0.0
        root = self.start * self.start + 2 * (self.end - self.start) * n / self.span_s
        return 2 * n / (self.start + math.sqrt(max(root, 0.0)))

    def lasting(self, for_s: float) -> float:
        if self.span_s < for_s:
            return 0.0
        least = min(self.level(0.0), self.level(for_s))
        return max(least, min(self.level(self.span_s - for_s), self.level(self.span_s)))

    def cut(self, first_s: float, last_s: float) -> _Straight:
        return _Straight(self.level(first_s), self.level(last_s), last_s - first_s)

    def times(self, factor: float) -> _Straight:
        return _Straight(self.start * factor, self.end * factor, self.span_s)


@dataclass(frozen=True, slots=True)
class _Wave:
    """A part of a sine, which begins `phase_s` after a lowest level."""

    low: float
    high: float
    period_s: float
    span_s: float
    phase_s: float = 0.0

    def level(self, t: float) -> float:
        turn = math.tau * ((t + self.phase_s) / self.period_s)
        return self.low + (self.high - self.low) * (1 - math.cos(turn)) / 2

    def _area(self, t: float) -> float:
        """From the lowest level on."""
        middle, half = (self.low + self.high) / 2, (self.high - self.low) / 2
        turn = math.tau * (t / self.period_s)
        return middle * t - half * self.period_s / math.tau * math.sin(turn)

    def integral(self, t: float) -> float:
        return self._area(t + self.phase_s) - self._area(self.phase_s)

    def instant(self, n: float) -> float:
        wanted = n + self._area(self.phase_s)
        periods, wanted = divmod(wanted, self._area(self.period_s))
        below, above = 0.0, self.period_s
        for _ in range(_HALVINGS):
            middle = (below + above) / 2
            if self._area(middle) > wanted:
                above = middle
            else:
                below = middle
        return max(0.0, periods * self.period_s + below - self.phase_s)

    def lasting(self, for_s: float) -> float:
        if self.span_s < for_s:
            return 0.0

        def least(at: float) -> float:
            if (at + self.phase_s) % self.period_s > self.period_s - for_s:
                return self.low
            return min(self.level(at), self.level(at + for_s))

        last_s = self.span_s - for_s
        crest_s = (self.period_s / 2 - self.phase_s) % self.period_s
        starts_s = 0.0, last_s, min(max(crest_s - for_s / 2, 0.0), last_s)
        return max(map(least, starts_s))

    def cut(self, first_s: float, last_s: float) -> _Wave:
        return _Wave(self.low, self.high, self.period_s, last_s - first_s, self.phase_s + first_s)

    def times(self, factor: float) -> _Wave:
        return _Wave(
            self.low * factor, self.high * factor, self.period_s, self.span_s, self.phase_s
        )


_Piece = _Straight | _Wave


def _pieces(stage: Stage) -> Iterator[_Piece]:
    match stage:
        case Hold(level, duration_s):
            yield _Straight(level, level, duration_s)
        case Ramp(start, end, duration_s):
            yield _Straight(start, end, duration_s)
        case Sine(low, high, period_s, duration_s):
            yield _Wave(low, high, period_s, duration_s)
        case Steps(levels, each_s):
            for level in levels:
                yield _Straight(level, level, each_s)


class LoadLine:
    """See the module. Times are seconds since the cycle began."""

    def __init__(self, load: Load, changes: Sequence[LoadChange] = ()) -> None:
        """`changes` may be in any order; of several at one time, the last one given holds."""
        self.load = load
        self._pieces: list[_Piece] = []
        self._starts_s: list[float] = []
        self._areas: list[float] = []
        """The integral at the start of each piece."""
        self._rising: list[int] = []
        """Those in which anything arrives, and the integral at their ends."""
        self._ends: list[float] = []
        self.duration_s = 0.0
        """When it ends; infinite: it is paused, and nobody has resumed it yet."""
        self.total = 0.0
        """The integral at its end."""
        for piece in _changed(load, sorted(changes, key=lambda each: each.at_s)):
            self._add(piece)

    def _add(self, piece: _Piece) -> None:
        if piece.span_s <= 0:
            return
        area = 0.0 if piece.span_s == math.inf else piece.integral(piece.span_s)
        self._pieces.append(piece)
        self._starts_s.append(self.duration_s)
        self._areas.append(self.total)
        self.duration_s += piece.span_s
        if area > 0:
            self.total += area
            self._rising.append(len(self._pieces) - 1)
            self._ends.append(self.total)

    def level(self, t: float) -> float:
        """The level at a time; 0 before the beginning and from the end on."""
        if not 0 <= t < self.duration_s:
            return 0.0
        at = bisect_right(self._starts_s, t) - 1
        return self._pieces[at].level(t - self._starts_s[at])

    def users(self, t: float) -> int:
        """How many users are wanted at a time: the level, rounded."""
        return math.floor(self.level(t) + 0.5)

    def integral(self, t: float) -> float:
        """The area under the line up to a time."""
        if t <= 0 or not self._pieces:
            return 0.0
        if t >= self.duration_s:
            return self.total
        at = bisect_right(self._starts_s, t) - 1
        since_s = t - self._starts_s[at]
        if self._pieces[at].span_s == math.inf:
            return self._areas[at]
        return self._areas[at] + self._pieces[at].integral(since_s)

    def instant(self, n: float) -> float | None:
        """The last time at which the integral is at most n; None: the line ends before.

        At a constant rate from the beginning, arrival 0 is at its beginning.
        """
        if n > self.total - ALMOST:
            return None
        at = self._rising[bisect_right(self._ends, n)]
        piece = self._pieces[at]
        since_s = piece.instant(max(0.0, n - self._areas[at]))
        return self._starts_s[at] + min(since_s, piece.span_s)

    def next_change_s(self, t: float) -> float:
        """A time after t until which the level stays as it is, or t if it is changing."""
        if not 0 <= t < self.duration_s:
            return math.inf
        at = bisect_right(self._starts_s, t) - 1
        piece = self._pieces[at]
        if isinstance(piece, _Straight) and piece.start == piece.end:
            return self._starts_s[at] + piece.span_s
        return t

    @property
    def peak(self) -> float:
        """The highest level from its beginning to its end."""
        return max(
            (
                max(piece.start, piece.end) if isinstance(piece, _Straight) else piece.high
                for piece in self._pieces
            ),
            default=0.0,
        )

    def lasting(self, for_s: float) -> float:
        """The highest level that it does not fall below for some time, within one of its pieces.

        A higher one that begins in one piece and ends in the next is not seen.
        """
        return max((piece.lasting(for_s) for piece in self._pieces), default=0.0)


def _changed(load: Load, changes: Sequence[LoadChange]) -> Iterator[_Piece]:
    """The pieces of a load, as changes have made them."""
    planned = [piece for stage in load.stages for piece in _pieces(stage)]
    stages = _Stages(planned)
    level: float | None = None
    factor, paused, now_s = 1.0, False, 0.0
    for change in changes:
        for piece in _mode(stages, max(0.0, change.at_s - now_s), level, factor, paused=paused):
            yield piece
            now_s += piece.span_s
        match change.kind:
            case LoadChangeKind.LEVEL:
                level = change.value
            case LoadChangeKind.FACTOR:
                level, factor = None, change.value
            case LoadChangeKind.PAUSE:
                paused = True
            case LoadChangeKind.RESUME:
                paused = False
    yield from _mode(stages, math.inf, level, factor, paused=paused)


class _Stages:
    """The pieces of a plan, taken from its front."""

    def __init__(self, pieces: list[_Piece]) -> None:
        self._pieces = pieces
        self._at = 0
        self._used_s = 0.0

    def take(self, span_s: float) -> Iterator[_Piece]:
        """What comes next, for that long at most."""
        while span_s > 0 and self._at < len(self._pieces):
            piece = self._pieces[self._at]
            left_s = piece.span_s - self._used_s
            if left_s <= span_s:
                yield piece.cut(self._used_s, piece.span_s) if self._used_s else piece
                span_s -= left_s
                self._at, self._used_s = self._at + 1, 0.0
            else:
                yield piece.cut(self._used_s, self._used_s + span_s)
                self._used_s += span_s
                span_s = 0.0

    @property
    def over(self) -> bool:
        """Whether nothing is left."""
        return self._at >= len(self._pieces)


def _mode(
    stages: _Stages, span_s: float, level: float | None, factor: float, *, paused: bool
) -> Iterator[_Piece]:
    """What a load is for some time, until the next change; its end may come before."""
    if paused:
        if not stages.over:
            yield _Straight(0.0, 0.0, span_s)
        return
    for piece in stages.take(span_s):
        if level is not None:
            yield _Straight(level, level, piece.span_s)
        elif factor == 1.0:
            yield piece
        else:
            yield piece.times(factor)
