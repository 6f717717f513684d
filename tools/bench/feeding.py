"""What it costs an iteration to be fed with a case: less than two microseconds.

    PYTHONPATH=tools python -m bench.feeding

Exit code 1 when it is more in the best of several rounds, in which the machine did little else.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import process_time
from timeit import timeit
from types import SimpleNamespace
from typing import Final

import loadgrpc.design
from bench import page
from bench.cores import Cores, stay_on
from bench.peers import ROOT
from loadgrpc.design import CaseFeed, load_table
from loadgrpc.design.feed import ORDERS, give

LIMIT_US: Final = 2.0
CALLS: Final = 100_000
ROUNDS: Final = 7
TABLE: Final = ROOT / "loadgrpc/examples/design/nextdate.toml"
WORDS: Final = """{rounds} round(s) of {calls:,} iterations, of a user among 20: finding the case
that is due, and giving it to the test, in time of a core. The median, and the lowest and highest
round."""


@dataclass
class Feeding:
    """What was measured: microseconds in each round, by order."""

    rounds: int
    cost_us: dict[str, list[float]] = field(default_factory=dict)


def cost_us(order: str) -> float:
    """Microseconds of a core that it takes to find the case of an iteration, and to give it."""
    feed = CaseFeed(load_table(TABLE).cases(), order)
    test, seat = SimpleNamespace(), feed.seat(3, 20)
    spent_s = timeit(lambda: give(test, seat.at(1_017)), timer=process_time, number=CALLS)
    return spent_s / CALLS * 1e6


def measure(cores: Cores, *, rounds: int, seconds: int, only: Sequence[str]) -> Feeding:
    """Every order in each round; `seconds` and `only` are for other parts."""
    del seconds, only
    stay_on(cores.load)
    found = Feeding(rounds)
    for number in range(1, rounds + 1):
        for order in ORDERS:
            cost = cost_us(order)
            found.cost_us.setdefault(order, []).append(cost)
            print(f"round {number}  case {order:10} {cost:.2f} µs", flush=True)
    return found


def section(found: Feeding, about_it: str) -> str:
    """A row for each order, and whether it is little enough."""
    heads = ["order", "µs for each iteration"]
    rows = [
        [order, f"{statistics.median(costs):.2f} ({min(costs):.2f} to {max(costs):.2f})"]
        for order, costs in found.cost_us.items()
    ]
    bounds = [
        page.Target(
            f"a case, {order}", LIMIT_US, statistics.median(costs), "µs an iteration", at_most=True
        )
        for order, costs in found.cost_us.items()
    ]
    return "\n\n".join(
        [
            about_it,
            WORDS.format(rounds=found.rounds, calls=CALLS),
            page.table(heads, rows),
            page.targets(bounds),
        ]
    )


def main() -> int:
    """Prints the cost of each order; 1 if one is too much."""
    print(f"loadgrpc.design of {loadgrpc.design.__file__}")
    costs = {order: min(cost_us(order) for _ in range(ROUNDS)) for order in ORDERS}
    for order, cost in costs.items():
        print(f"a case, {order:<8} {cost:5.2f} µs per iteration")
    return int(max(costs.values()) >= LIMIT_US)


if __name__ == "__main__":
    sys.exit(main())
