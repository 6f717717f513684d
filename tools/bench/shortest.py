"""Is any hit told to be shorter than it can be? Millions of hits, on all cores, beside a bare loop.

    PYTHONPATH=tools python -m bench.shortest [--hits 5000000] [--users 200]

A bare loop of `send` and `recv` on one socket says what a round trip costs at the least. Exit code
1 when a hit is shorter, or when there are not as many hits as the server has counted requests. How
true percentiles are at loads that a core can make is measured by the part `accuracy`.
"""

from __future__ import annotations

import argparse
import socket
import sys
import time
from dataclasses import dataclass
from typing import Final

import numpy as np

from bench import accuracy, process
from bench.cores import Cores, choose
from bench.figures import nearest_rank
from bench.generators import LOADS, last_json
from bench.lag import milliseconds

REQUEST: Final = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
WARM: Final = 1_000
LOOPS: Final = 100_000
BARE_SHARE: Final = 0.5
"""A hit may take so much of the shortest round trip of the bare loop: its answer's time is the
kernel's, and that of the loop is from call to call."""
END_S: Final = 1_800.0


@dataclass(frozen=True)
class Found:
    """What was reported, and what is true, in milliseconds."""

    hits: int
    noted: int
    """Requests that the server has counted."""
    said_min_ms: float
    true_min_ms: float
    bare_min_ms: float
    said: accuracy.Said
    true: accuracy.Said

    def wrong(self) -> list[str]:
        """What cannot be."""
        found = []
        if self.hits != self.noted:
            found.append(f"{self.hits} hits for {self.noted} requests")
        if self.said_min_ms < self.bare_min_ms * BARE_SHARE:
            found.append("a hit shorter than a bare round trip")
        return found


def bare_loop_ms(port: int) -> float:
    """The shortest round trip of a loop that does nothing else."""
    shortest = float("inf")
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for number in range(WARM + LOOPS):
            began = time.perf_counter_ns()
            connection.send(REQUEST)
            connection.recv(4_096)
            if number >= WARM:
                shortest = min(shortest, time.perf_counter_ns() - began)
    return shortest / 1e6


def measure(cores: Cores, *, hits: int, users: int) -> Found:
    """One run of so many hits; the generator is pinned to no core."""
    program = accuracy.build()
    with accuracy.serving(program, cores, accuracy.NO_DELAY) as server:
        bare_ms = bare_loop_ms(server.port)
    with accuracy.serving(program, cores, accuracy.NO_DELAY) as server:
        command = [
            *("env", f"BENCH_URL=http://127.0.0.1:{server.port}/", "BENCH_CERTIFICATE="),
            *(sys.executable, "-m", "loadgrpc", "run", "plain.py::TestPlain.test_get", "--json"),
            *("-u", str(users), "-i", str(hits // users)),
        ]
        code, output = process.run(command, timeout_s=END_S, cwd=LOADS)
        if code:
            raise RuntimeError(f"the run ended with {code}:\n{output[-2000:]}")
    document = last_json(output)
    elapsed_ns = np.sort(server.elapsed_ns)
    elapsed = document["hits"]["elapsed"]
    return Found(
        hits=int(document["hits"]["count"]),
        noted=len(elapsed_ns),
        said_min_ms=milliseconds(elapsed["min"]),
        true_min_ms=float(elapsed_ns[0]) / 1e6,
        bare_min_ms=bare_ms,
        said=accuracy.said_by_loadgrpc(output),
        true=accuracy.Said(*(nearest_rank(elapsed_ns, q) / 1e6 for q in (0.5, 0.99))),
    )


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(
        prog="bench.shortest", description="Is any hit told to be shorter than it can be?"
    )
    parser.add_argument("--hits", type=int, default=5_000_000)
    parser.add_argument("--users", type=int, default=200)
    asked = parser.parse_args()
    found = measure(choose(), hits=asked.hits, users=asked.users)
    print(found)
    if wrong := found.wrong():
        sys.exit("; ".join(wrong))


if __name__ == "__main__":
    main()
