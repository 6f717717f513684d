"""How often a comparison of two runs is right: simulated pairs, and real ones.

    PYTHONPATH=tools python -m bench.comparing [--real]

Each simulated run lasts five minutes, with 100 hits a second on average. Times are lognormal (sigma
0.5) around a level that wanders: an autoregression with a memory of ten seconds (0.9 from second to
second) and a standard deviation of 5 %. Every 10 to 30 seconds a garbage collection delays 30 % of
the hits of a second by 50 to 150 ms. Pair k of a part has the seed [part, k]. Exit code 1 when more
than 2 % of the equal pairs have a worse p95, or fewer than 90 % of those with times 10 % longer.

With --real there are also ten pairs of each kind of real runs (`real_pairs.py`), which takes six
minutes.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

import loadgrpc.judge
from bench import judging, page, real_pairs
from bench.cores import Cores
from loadgrpc.judge.compare import Compared, compare
from loadgrpc.model import ComparisonOutcome
from loadgrpc.stats.window import Series, Window

PAIRS: Final = 200
QUICK_PAIRS: Final = 10
REAL_PAIRS: Final = 10
FULL_SECONDS: Final = 2
"""When less is asked for, pairs are few and only simulated."""
OUTCOMES: Final = ("worse", "better", "same", "cannot tell")
SLOWER: Final = 1.1
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


@dataclass
class Comparing:
    """What was said, by kind of pairs and figure: how often, by outcome in a word."""

    pairs: int
    said: dict[str, dict[str, dict[str, int]]] = field(default_factory=dict)
    judged: float | None = None
    """What thresholds cost a broker, in percent of a core. None: not measured."""


def measure(cores: Cores, *, rounds: int, seconds: int, only: Sequence[str]) -> Comparing:
    """All pairs, and what thresholds cost; `cores`, `rounds` and `only` are for other parts."""
    del cores, rounds, only
    full = seconds >= FULL_SECONDS
    found = found_of(PAIRS if full else QUICK_PAIRS, REAL_PAIRS if full else 0)
    found.judged = 100 * judging.least()
    return found


def found_of(pairs: int, real: int) -> Comparing:
    """What is said of so many simulated pairs of each kind, and of so many real ones."""
    found = Comparing(pairs)
    for part, factor, title in ((1, 1.0, "equal"), (2, SLOWER, "+10 %")):
        found.said[title] = in_words(outcomes(part, factor, pairs))
        print(f"{pairs} pairs, {title}: {found.said[title]}", flush=True)
    if real:
        equal, slower = real_pairs.outcomes(real)
        found.said["real, equal"] = in_words(equal)
        found.said["real, +10 %"] = in_words(slower)
    return found


def in_words(said: Mapping[str, Counter[ComparisonOutcome]]) -> dict[str, dict[str, int]]:
    """Outcomes as they are printed."""
    return {
        figure: {each.name.lower().replace("_", " "): count for each, count in counts.items()}
        for figure, counts in said.items()
    }


def share(found: Comparing, title: str) -> float | None:
    """How many pairs have a worse p95, in percent."""
    counts = found.said.get(title, {}).get("p95")
    return 100 * counts.get("worse", 0) / sum(counts.values()) if counts else None


def section(found: Comparing, about_it: str) -> str:
    """A row for each kind of pairs and figure."""
    rows = [
        [title, figure, *(str(counts.get(outcome, 0)) for outcome in OUTCOMES)]
        for title, said in found.said.items()
        for figure, counts in said.items()
        if figure != "failed"
    ]
    least, most = 100 * LEAST_FOUND, 100 * MOST_FALSE
    bounds = [
        page.Target(
            "50 thresholds", 100 * judging.LIMIT, found.judged, "% of a core", at_most=True
        ),
        page.Target("equal pairs, a worse p95", most, share(found, "equal"), "%", at_most=True),
        page.Target("pairs with +10 %, a worse p95", least, share(found, "+10 %"), "%"),
    ]
    return "\n\n".join(
        [
            about_it,
            JUDGED.format(cost=found.judged or 0.0),
            WORDS.format(pairs=found.pairs, real=REAL_PAIRS, seconds=real_pairs.SECONDS),
            page.table(["pairs", "figure", *OUTCOMES], rows),
            page.targets(bounds),
        ]
    )


JUDGED: Final = """\
Fifty thresholds on 100 series a second, merged of any number of agents, cost a broker {cost:.1f} %
of a core."""
WORDS: Final = """\
What `loadgrpc compare` says of pairs of runs ([how it decides](comparing.md#how-sure-it-is)):
{pairs} simulated pairs of equal runs, seeds `[1, k]`, and as many in which all times of the second
run are 10 % longer, seeds `[2, k]`. A simulated run lasts five minutes, with 100 hits per second:
lognormal times (sigma 0.5) around a level that wanders by 5 %, with a memory of ten seconds, and
garbage collections that delay 30 % of the hits of a second every 10 to 30 seconds. Then {real}
pairs of each kind of real runs of {seconds} s, six side by side, against a server that takes as
long, and 10 % longer."""


def main(arguments: Sequence[str]) -> int:
    """Prints what is said; 1 if it is wrong too often."""
    print(f"loadgrpc.judge of {loadgrpc.judge.__file__}")
    found = found_of(PAIRS, REAL_PAIRS if "--real" in arguments else 0)
    for title, said in found.said.items():
        for figure, counts in said.items():
            print(f"{title:>12}: {figure:<6} {counts}")
    false, right = share(found, "equal") or 0.0, share(found, "+10 %") or 0.0
    return int(false > 100 * MOST_FALSE or right < 100 * LEAST_FOUND)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
