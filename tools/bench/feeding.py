"""What it costs an iteration to be fed with a case: less than two microseconds.

    PYTHONPATH=tools python -m bench.feeding

Exit code 1 when it is more in the best of several rounds, in which the machine did little else.
"""

from __future__ import annotations

import sys
from timeit import repeat
from types import SimpleNamespace
from typing import Final

import loadgrpc.design
from bench.peers import ROOT
from loadgrpc.design import CaseFeed, load_table
from loadgrpc.design.feed import ORDERS, give

LIMIT_US: Final = 2.0
CALLS: Final = 100_000
ROUNDS: Final = 7
TABLE: Final = ROOT / "loadgrpc/examples/design/nextdate.toml"


def cost_us(order: str) -> float:
    """Microseconds that it takes to find the case of an iteration and give it to the test."""
    feed = CaseFeed(load_table(TABLE).cases(), order)
    test, seat = SimpleNamespace(), feed.seat(3, 20)
    times = repeat(lambda: give(test, seat.at(1_017)), number=CALLS, repeat=ROUNDS)
    return min(times) / CALLS * 1e6


def main() -> int:
    """Prints the cost of each order; 1 if one is too much."""
    print(f"loadgrpc.design of {loadgrpc.design.__file__}")
    costs = {order: cost_us(order) for order in ORDERS}
    for order, cost in costs.items():
        print(f"a case, {order:<8} {cost:5.2f} µs per iteration")
    return int(max(costs.values()) >= LIMIT_US)


if __name__ == "__main__":
    sys.exit(main())
