"""The seventh part: does one core keep to a plan of arrivals?

RATE iterations per second on a fast server, which has the other core. What counts is in the events
of the run: when each hit was planned, and when it started.
"""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np

from bench import accuracy, page
from bench.cores import Cores, stay_on
from bench.generators import last_json
from bench.stalls import quantile

RATE: Final = 2_000
LONGER: Final = 5
"""So many times as long as other parts measure: 20 s."""
MOST_LATE: Final = 0.001
MOST_OFF_MS: Final = 2.0

WORDS: Final = """\
{rate:,} iterations per second for {seconds} s, evenly, on one core, each with a request to a server
of C that has the other. *Off* is how long after its plan a request started, by the events of the
run."""


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
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
        accuracy.serving(program, cores, accuracy.NO_DELAY) as server,
    ):
        events = Path(folder) / "events.jsonl"
        command = [
            *("env", f"BENCH_URL=http://127.0.0.1:{server.port}/", "BENCH_CERTIFICATE="),
            *(sys.executable, "-m", "loadgrpc", "run", "plain.py::TestPlain.test_get", "--json"),
            *(
                "--load",
                f"{RATE}/s for {seconds}s",
                "--processes",
                "1",
                "--output",
                f"file={events}",
            ),
        ]
        text, cpu = accuracy.watched(cores, command, seconds)
        off = np.array([each for line in events.open() for each in off_ms(line)])
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


def off_ms(line: str) -> list[float]:
    """How long after its plan a hit started, of a line of events; nothing of other events."""
    hit = json.loads(line).get("event", {}).get("hit")
    if hit is None:
        return []
    if "plannedStartTime" not in hit:
        return [0.0]
    return [1_000 * (_seconds(hit["startTime"]) - _seconds(hit["plannedStartTime"]))]


def _seconds(text: str) -> float:
    """A time of protobuf's JSON, in seconds of its hour: exact to some nanoseconds."""
    whole, _, rest = text.removesuffix("Z").partition(".")
    at = datetime.fromisoformat(whole)
    return at.minute * 60 + at.second + float(f"0.{rest or 0}")


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
    return "\n\n".join(["## A plan of arrivals", about_it, words, page.table(heads, rows)])
