"""What thresholds cost a broker: 50 of them, on 100 series a second, within 5 % of a core.

    PYTHONPATH=tools python -m bench.judging

Windows are merged before they are judged, so the number of agents makes no difference: it is that
of hits in a window, 50,000 here, as 500 agents with 100 hits a second make. Exit code 1 when it is
more in the best of several rounds.
"""

from __future__ import annotations

import sys
import time
from typing import Final

import numpy as np

import loadgrpc.judge
from loadgrpc.judge.judging import Judging
from loadgrpc.judge.reading import RunFacts
from loadgrpc.stats.window import Counted, Occurrence, Series, Window

LIMIT: Final = 0.05
ROUNDS: Final = 5
SECONDS: Final = 90
NAMES: Final = 100
HITS: Final = 500
"""Of each name in a second."""
START_S: Final = 1_700_000_000
NS_PER_S: Final = 1_000_000_000


def thresholds() -> list[str]:
    """Fifty: most of them of one name, over some seconds."""
    found = [f"p95(response{{name=/{at}}}) < 300ms over 30s for 3 skip 10s" for at in range(20)]
    found += [f"rate(failed{{name=/{at}}}) < 1% over 10s" for at in range(10)]
    found += [f"p99(response{{name=/{at}*}}) < 2s in 99% of windows" for at in range(10)]
    found += ["p95(response) < 300ms abort", "p99(response) < 1s over 1m", "hits/s > 1"]
    found += ["max(response{status=2xx}) < 9s for 3", "rate(failed) < 1%", "failed{status=5xx} < 9"]
    return [*found, "iterations/s > 1 over 10s", "rate(errors) < 1%", "max(users) < 9", "loss == 0"]


def windows() -> list[Window]:
    """A second of a run, several times: with the same hits, which costs the same."""
    rng = np.random.default_rng(1)
    found = []
    for second in range(SECONDS):
        window = Window(START_S + second)
        for name in range(NAMES):
            times = (2e7 * rng.lognormal(0, 0.8, HITS)).astype(np.int64)
            window.stats(Series("", f"/{name}", "GET", "http", 2)).add(
                elapsed_ns=times, failed=0, answered=True, bytes_sent=0, bytes_received=0
            )
        window.count(Counted(Occurrence.ITERATIONS), HITS)
        window.users = 5
        found.append(window)
    return found


def share_of_a_core(texts: list[str], made: list[Window]) -> float:
    """CPU time for each second of a run that is judged, and shown as it stands."""
    judging = Judging(texts)
    judging.begin(START_S * NS_PER_S)
    began = time.process_time()
    for window in made:
        judging.add(window)
        judging.close(window.end_s, RunFacts())
        judging.results()
    return (time.process_time() - began) / len(made)


def least() -> float:
    """The share of a core in the best of several rounds."""
    texts, made = thresholds(), windows()
    return min(share_of_a_core(texts, made) for _ in range(ROUNDS))


def main() -> int:
    """Prints the cost; 1 if it is too much."""
    print(f"loadgrpc.judge of {loadgrpc.judge.__file__}")
    cost = least()
    print(f"{len(thresholds())} thresholds on {NAMES} series: {100 * cost:.2f} % of a core")
    return int(cost > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
