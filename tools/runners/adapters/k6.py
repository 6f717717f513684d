"""Runs a k6 script as the users of a part, and reports what k6 measures while it measures it.

    loadgrpc run --test-runner "python k6.py {test}" --runner-mode all-users script.js -u 10 -d 30s

k6 writes its metrics to us, one JSON document a line; k6_points.py says what they mean. README.md
says what is the same as k6's own summary, and what is not.
"""

from __future__ import annotations

import sys
import time
from functools import partial
from typing import Final

import program
from k6_points import THRESHOLDS_CROSSED, Points
from reporter import Failed, LoadFailed, Reporter, report

from loadgrpc.v1 import runner_pb2

OPTIONS: Final = (
    *("--out=json=-", "--log-format=json"),
    *("--quiet", "--summary-mode=disabled", "--no-usage-report", "--address="),
)
"""Metrics and logs for us; no progress, no summary, no telemetry, and no port of its own."""
SYSTEM_TAGS: Final = "method,status,name,url,error,error_code,check,scenario,vu,iter"
UNBOUNDED: Final = "720h"
"""k6 ends iterations after ten minutes unless told otherwise; ours are bounded by their number."""
SCRIPT_ABORTED: Final = 108
"""By `exec.test.abort()`."""


def command(script: str, cycle: runner_pb2.Cycle, spawn_rate: float) -> list[str]:
    """What is run for a cycle."""
    words = ["k6", "run", *OPTIONS, "--system-tags", SYSTEM_TAGS]
    if cycle.iterations:
        words += ["--vus", str(cycle.users), "--iterations", str(cycle.users * cycle.iterations)]
        return [*words, "--duration", UNBOUNDED, script]
    duration_s = cycle.duration.ToTimedelta().total_seconds()
    users = cycle.users
    if spawn_rate:  # who has no time to start does not
        users = min(users, int(spawn_rate * duration_s) + 1)
    ramp_s = min(users / spawn_rate, duration_s) if spawn_rate else 0.0
    if not ramp_s:
        return [*words, "--vus", str(cycle.users), "--duration", f"{duration_s:.3f}s", script]
    words += ["--vus", "0", "--stage", f"{ramp_s:.3f}s:{users}"]
    return [*words, "--stage", f"{duration_s - ramp_s:.3f}s:{users}", script]


async def live(reporter: Reporter, script: str) -> None:
    """Loads the script, and runs it once for each cycle."""
    await load(reporter, script)
    assignment = reporter.assignment
    for number, cycle in enumerate(assignment.cycles, assignment.first_cycle or 1):
        if not await reporter.enter(number, cycle):
            break
        if cycle.users:
            await run(reporter, command(script, cycle, assignment.spawn_rate))


async def load(reporter: Reporter, script: str) -> None:
    """Sees whether k6 can load the script.

    Raises:
        LoadFailed: it cannot.
    """
    said: list[str] = []
    points = Points(reporter.add, time.time_ns)
    words = ["k6", "inspect", "--log-format", "json", script]
    code = await program.run(
        reporter, words, out=lambda _: None, err=lambda text: said.append(points.log(text))
    )
    if code and not reporter.stopped.is_set():
        raise LoadFailed("\n".join(said))


async def run(reporter: Reporter, words: list[str]) -> None:
    """Runs k6 for one cycle.

    Raises:
        Failed: it ended in a way that leaves the load incomplete.
    """
    points = Points(reporter.add, time.time_ns)
    last = ""

    def log(text: str) -> None:
        nonlocal last
        if said := points.log(text):
            last = said.partition("\n")[0]
            print(said, file=sys.stderr, flush=True)

    code = await program.run(reporter, words, out=points.line, err=log)
    points.end(code)
    if code and code not in {THRESHOLDS_CROSSED, SCRIPT_ABORTED} and not reporter.stopped.is_set():
        raise Failed(f"k6 ended with {code}: {last}")


if __name__ == "__main__":
    if len(sys.argv) != 2:  # noqa: PLR2004 - its name and the script
        sys.exit("usage: k6.py SCRIPT, as a test runner: see README.md")
    sys.exit(report(partial(live, script=sys.argv[1])))
