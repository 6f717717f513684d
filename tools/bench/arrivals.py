"""The seventh part: does one core keep to a plan of arrivals?

RATE iterations per second on a fast server, which has the other core. What counts is the server's
log: when each request came, against the plan.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Final

from bench import accuracy, page
from bench.cores import Cores, stay_on
from bench.generators import last_json
from bench.stalls import came_ms, quantile

RATE: Final = 2_000
LONGER: Final = 5
"""So many times as long as other parts measure: 20 s."""
MOST_LATE: Final = 0.001
MOST_OFF_MS: Final = 2.0

WORDS: Final = """\
{rate:,} iterations per second for {seconds} s, evenly, on one core, each with a request to a server
of C that has the other. *Off* is how long after its plan a request came to the server, by the
server's clock; the plan begins when it has to, so that none came before it."""
NO_STALL: Final = ("1000000", "0")
"""After a quarter of an hour, for no time: with stalls the server notes when requests came."""


@dataclass
class Kept:
    """What the seventh part found."""

    seconds: int
    planned: int
    started: int
    dropped: int
    late: int
    off_ms: tuple[float, float, float]
    """Of p50, p99 and the worst."""
    cpu: float
    """Processor seconds per second of the generator with all its processes."""

    @property
    def good(self) -> bool:
        """Whether it is what was aimed at."""
        kept = self.started == self.planned and not self.dropped
        return kept and self.late <= MOST_LATE * self.planned and self.off_ms[1] <= MOST_OFF_MS


def measure(cores: Cores, *, seconds: int) -> Kept:
    """One run."""
    seconds *= LONGER
    program = accuracy.build()
    stay_on(cores.server)
    with accuracy.serving(program, cores, (*accuracy.NO_DELAY, *NO_STALL)) as server:
        command = [
            *("env", f"BENCH_URL=http://127.0.0.1:{server.port}/", "BENCH_CERTIFICATE="),
            *(sys.executable, "-m", "loadgrpc", "run", "plain.py::TestPlain.test_get", "--json"),
            *("--load", f"{RATE}/s for {seconds}s", "--processes", "1"),
        ]
        text, cpu = accuracy.watched(cores, command, seconds)
    off = came_ms(server.elapsed_ns, RATE)
    of = last_json(text)["iterations"]
    found = Kept(
        seconds=seconds,
        planned=int(of["planned"]),
        started=int(of["started"]),
        dropped=int(of.get("dropped", 0)),
        late=int(of.get("late", 0)),
        off_ms=(quantile(off, 0.5), quantile(off, 0.99), float(off.max())),
        cpu=cpu,
    )
    print(f"arrivals  {found}", flush=True)
    return found


def section(found: Kept, about_it: str) -> str:
    """A table with what was aimed at."""
    words = WORDS.format(rate=RATE, seconds=found.seconds)
    p50, p99, worst = found.off_ms
    rows = [
        ["planned", f"{found.planned:,}", ""],
        ["started", f"{found.started:,}", "all"],
        ["dropped", f"{found.dropped:,}", "0"],
        ["late by more than 10 ms", f"{found.late:,}", f"{MOST_LATE:.1%} at most"],
        ["off, p50", f"{p50:.3f} ms", ""],
        ["off, p99", f"{p99:.3f} ms", f"{MOST_OFF_MS:g} ms at most"],
        ["off, worst", f"{worst:.3f} ms", ""],
        ["CPU of the generator", f"{100 * found.cpu:.0f} %", ""],
    ]
    heads = ["", "measured", "aimed at"]
    return "\n\n".join([about_it, words, page.table(heads, rows)])
