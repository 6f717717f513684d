"""When the iterations of an open load start: planned instants, and who takes which of them.

Arrival k of a load (k = 0, 1, 2, ...) is at the instant at which the integral of the rate reaches
s(k):

    even      s(k) = k
    poisson   s(k) = gap(1) + ... + gap(k + 1),  gap(i) = -ln(1 - u(i)),
              u(i) = (mix(seed + i * 0x9E3779B97F4A7C15 mod 2^64) >> 11) / 2^53,
              mix being the finaliser of SplitMix64

Rule: pure. Neither depends on how many agents and processes there are: each takes every Nth
arrival, so that all of them together take each exactly once. When the load is changed live, those
that were not taken yet move; k and s(k) stay.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from loadgrpc.clock import NS_PER_S
from loadgrpc.model import Spacing
from loadgrpc.stats.load_line import ALMOST, LoadLine

_MASK: Final = 2**64 - 1
_GOLDEN: Final = 0x9E3779B97F4A7C15


@dataclass(frozen=True, slots=True)
class Stripe:
    """Every Nth of a sequence that is counted from 0."""

    first: int = 0
    step: int = 1

    def of(self, part: int, parts: int) -> Stripe:
        """The stripe of one of several who share this one."""
        return Stripe(self.first + part * self.step, self.step * parts)

    def count(self, total: int) -> int:
        """How many of a sequence of `total` it has."""
        return max(0, -(-(total - self.first) // self.step))


def uniform(seed: int, i: int) -> float:
    """The i-th number of a seed, from 0 and below 1."""
    z = (seed + i * _GOLDEN) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return ((z ^ (z >> 31)) >> 11) * 2.0**-53


class Arrivals:
    """The arrivals of one stripe, one after another."""

    def __init__(
        self, line: LoadLine, stripe: Stripe, spacing: Spacing = Spacing.EVEN, seed: int = 0
    ) -> None:
        self._line = line
        self._step = stripe.step
        self._poisson = spacing is Spacing.POISSON
        self._seed = seed
        self.index = stripe.first
        """The number of the next arrival, among those of all stripes."""
        self._place = float(stripe.first)
        if self._poisson:
            self._place = self._gaps(0, stripe.first + 1)

    def _gaps(self, known: int, wanted: int) -> float:
        """The sum of the gaps after one and up to another."""
        seed = self._seed
        total = 0.0
        for i in range(known + 1, wanted + 1):
            total -= math.log1p(-uniform(seed, i))
        return total

    @property
    def due_ns(self) -> int | None:
        """When the next arrival is, in nanoseconds since the cycle began; None: none is left.

        A live change may bring more of them.
        """
        instant_s = self._line.instant(self._place)
        return None if instant_s is None else round(instant_s * NS_PER_S)

    def take(self) -> None:
        """The next arrival is taken: the one after it is the next."""
        before = self.index + 1
        self.index += self._step
        if not self._poisson:
            self._place = float(self.index)
            return
        place, seed = self._place, self._seed
        for i in range(before + 1, self.index + 2):
            place -= math.log1p(-uniform(seed, i))
        self._place = place

    def follow(self, line: LoadLine) -> None:
        """The load was changed: those that are left are where this line has them."""
        self._line = line


def planned(
    line: LoadLine,
    stripe: Stripe,
    spacing: Spacing = Spacing.EVEN,
    seed: int = 0,
    *,
    until_s: float = math.inf,
) -> int:
    """How many arrivals a stripe has in a load, or in its first seconds."""
    if spacing is Spacing.EVEN:
        area = line.integral(until_s)
        # Arrival k is at s(k) = k: those below the area have come, and none at its very end.
        return stripe.count(math.ceil(area - ALMOST)) if area > 0 else 0
    arrivals = Arrivals(line, stripe, spacing, seed)
    count = 0
    end_ns = until_s * NS_PER_S
    while (due_ns := arrivals.due_ns) is not None and due_ns < end_ns:
        arrivals.take()
        count += 1
    return count
