"""How often a comparison of two runs is right: 200 pairs of equal runs, 200 of +10 %.

    PYTHONPATH=tools python -m bench.comparing

Each run is simulated: five minutes, 100 hits a second on average. Times are lognormal (sigma 0.5)
around a level that wanders: an autoregression with a memory of ten seconds (0.9 from second to
second) and a standard deviation of 5 %. Every 10 to 30 seconds a garbage collection delays 30 % of
the hits of a second by 50 to 150 ms. Pair k of a part has the seed [part, k]. Exit code 1 when more
than 2 % of the equal pairs have a worse p95, or fewer than 90 % of the others.
"""

from __future__ import annotations

import sys
from collections import Counter
from typing import Final

import numpy as np

import loadgrpc.judge
from loadgrpc.judge.compare import Compared, compare
from loadgrpc.model import ComparisonOutcome
from loadgrpc.stats.window import Series, Window

PAIRS: Final = 200
SECONDS: Final = 300
RATE: Final = 100
START_S: Final = 1_700_000_000
NS_PER_S: Final = 1_000_000_000
MEMORY: Final = 0.9
WANDERS: Final = 0.05
MOST_FALSE: Final = 0.02
LEAST_FOUND: Final = 0.9
PAUSED: Final = 0.3


def simulated(rng: np.random.Generator, name: str, factor: float = 1.0) -> Compared:
    """A run whose times are longer by a factor."""
    level, pause_in = 0.0, int(rng.integers(5, 25))
    windows = []
    for second in range(SECONDS):
        level = MEMORY * level + rng.normal(0, WANDERS * np.sqrt(1 - MEMORY**2))
        hits = rng.poisson(RATE)
        times = 2e7 * factor * np.exp(level + rng.normal(0, 0.5, hits))
        pause_in -= 1
        if pause_in <= 0:
            pause_in = int(rng.integers(10, 30))
            times += (rng.random(hits) < PAUSED) * rng.uniform(5e7, 1.5e8) * factor
        window = Window(START_S + second)
        window.stats(Series("", "/", "GET", "http", 2)).add(
            elapsed_ns=times.astype(np.int64),
            failed=0,
            answered=True,
            bytes_sent=0,
            bytes_received=0,
        )
        windows.append(window)
    return Compared(
        run_id=name,
        windows=windows,
        start_ns=START_S * NS_PER_S,
        until_ns=(START_S + SECONDS) * NS_PER_S,
        plan={},
    )


def outcomes(part: int, factor: float, pairs: int) -> dict[str, Counter[ComparisonOutcome]]:
    """What is said of each figure of all hits, for these many pairs."""
    found: dict[str, Counter[ComparisonOutcome]] = {}
    for pair in range(pairs):
        rng = np.random.default_rng([part, pair])
        both = simulated(rng, "a"), simulated(rng, "b", factor)
        for each in compare(*both).figures:
            if not each.name:
                found.setdefault(each.figure, Counter())[each.outcome] += 1
    return found


def main() -> int:
    """Prints what is said; 1 if it is wrong too often."""
    print(f"loadgrpc.judge of {loadgrpc.judge.__file__}")
    worse = []
    for part, factor, title in ((1, 1.0, "equal"), (2, 1.1, "+10 %")):
        found = outcomes(part, factor, PAIRS)
        for figure, counts in found.items():
            said = ", ".join(f"{each.name.lower()} {counts[each]}" for each in ComparisonOutcome)
            print(f"{PAIRS} pairs, {title:>5}: {figure:<6} {said}")
        worse.append(found["p95"][ComparisonOutcome.WORSE] / PAIRS)
    return int(worse[0] > MOST_FALSE or worse[1] < LEAST_FOUND)


if __name__ == "__main__":
    sys.exit(main())
