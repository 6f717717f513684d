"""How long a user waits: the same each time, or drawn from a distribution.

Rule: pure. A draw is a whole number of 64 bits, each equally likely; the same draw makes the same
wait. No wait is longer than a day, whatever the tail of its distribution.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

MAX_WAIT_S: Final = 86_400.0
MAX_SIGMA: Final = 5.0
"""Of a lognormal wait: 1 of 1,000 is then five million times the median."""
_BITS: Final = 64
_HALF: Final = 1 << 32


@dataclass(frozen=True)
class Wait:
    """A wait of no kind that is known here; the others are derived from it."""

    def seconds(self, draw: int) -> float:
        """How long it is, by a draw."""
        raise NotImplementedError(type(self))

    def wrong(self) -> str:
        """What is wrong with it; empty: nothing."""
        return "needs a kind of wait: constant, between, exponential or lognormal"

    def __str__(self) -> str:
        """As people type it."""
        return ""


@dataclass(frozen=True)
class Constant(Wait):
    """The same each time."""

    each_s: float

    def seconds(self, draw: int) -> float:
        """See Wait."""
        del draw
        return self.each_s

    def wrong(self) -> str:
        """See Wait."""
        return "" if 0 <= self.each_s <= MAX_WAIT_S else _out_of_range(self.each_s)

    def __str__(self) -> str:
        return f"{self.each_s:g}s"


@dataclass(frozen=True)
class Between(Wait):
    """Anything from one time to another, each equally likely."""

    least_s: float
    most_s: float

    def seconds(self, draw: int) -> float:
        """See Wait."""
        return self.least_s + (self.most_s - self.least_s) * (draw / (1 << _BITS))

    def wrong(self) -> str:
        """See Wait."""
        for each in (self.least_s, self.most_s):
            if not 0 <= each <= MAX_WAIT_S:
                return _out_of_range(each)
        if self.least_s > self.most_s:
            return f"is from {self.least_s:g}s to {self.most_s:g}s: the first must not be longer"
        return ""

    def __str__(self) -> str:
        return f"{self.least_s:g}s..{self.most_s:g}s"


@dataclass(frozen=True)
class Exponential(Wait):
    """Memoryless, with this mean: as between independent arrivals."""

    mean_s: float

    def seconds(self, draw: int) -> float:
        """See Wait."""
        return min(MAX_WAIT_S, -self.mean_s * math.log((draw + 1) / (1 << _BITS)))

    def wrong(self) -> str:
        """See Wait."""
        return "" if 0 < self.mean_s <= MAX_WAIT_S else _out_of_range(self.mean_s, zero=False)

    def __str__(self) -> str:
        return f"exponential {self.mean_s:g}s"


@dataclass(frozen=True)
class Lognormal(Wait):
    """As people think: half of the waits are shorter than the median, and a few are much longer."""

    median_s: float
    sigma: float
    """The standard deviation of the logarithm: of 0.5, 1 in 6 waits is over 1.6 medians."""

    def seconds(self, draw: int) -> float:
        """See Wait. The two halves of the draw make a normal variate, by Box and Muller."""
        first, second = divmod(draw, _HALF)
        radius = math.sqrt(-2 * math.log((first + 1) / _HALF))
        normal = radius * math.cos(math.tau * (second / _HALF))
        return min(MAX_WAIT_S, self.median_s * math.exp(self.sigma * normal))

    def wrong(self) -> str:
        """See Wait."""
        if not 0 < self.median_s <= MAX_WAIT_S:
            return _out_of_range(self.median_s, zero=False)
        if not 0 < self.sigma <= MAX_SIGMA:
            return (
                f"has a sigma of {self.sigma:g}: it must be more than 0 and at most {MAX_SIGMA:g}"
            )
        return ""

    def __str__(self) -> str:
        return f"lognormal {self.median_s:g}s {self.sigma:g}"


def _out_of_range(seconds: float, *, zero: bool = True) -> str:
    least = "0 or more" if zero else "more than 0"
    return f"has {seconds:g}s: it must be {least}, and at most 1 day"


def constant(seconds: float) -> Wait:
    """The same wait each time, in seconds.

    Raises:
        ValueError: it is negative, or longer than a day.
    """
    return _checked(Constant(float(seconds)))


def between(least: float, most: float) -> Wait:
    """A wait from `least` to `most` seconds, each equally likely.

    Raises:
        ValueError: one is negative or longer than a day, or `least` is longer than `most`.
    """
    return _checked(Between(float(least), float(most)))


def exponential(mean: float) -> Wait:
    """An exponentially distributed wait, with this mean in seconds.

    Raises:
        ValueError: the mean is not more than 0, or longer than a day.
    """
    return _checked(Exponential(float(mean)))


def lognormal(median: float, sigma: float = 0.5) -> Wait:
    """A lognormally distributed wait, as people take them: a few are much longer than most.

    Args:
        median: In seconds: half of the waits are shorter.
        sigma: The standard deviation of the logarithm. With 0.5, one in six waits is longer than
            1.6 times the median; with 1, than 2.7 times.

    Raises:
        ValueError: the median is not more than 0 or longer than a day; sigma is not more than 0
            or over 5.
    """
    return _checked(Lognormal(float(median), float(sigma)))


def _checked(wait: Wait) -> Wait:
    if wrong := wait.wrong():
        raise ValueError(f"{type(wait).__name__.lower()} {wrong}")
    return wait
