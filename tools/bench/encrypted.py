"""What mTLS costs: hits per second end to end, and what a broker takes in, with it and without.

Both are measured in turn, round by round, and which comes first changes: what else the machine
does meets both.
"""

from __future__ import annotations

import asyncio
import fnmatch
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench import cluster, fleet, ingest, nginx, page
from bench.cases import GET_20, GET_200
from bench.cores import Cores, stay_on
from bench.figures import ratio, spread
from bench.generators import WITH_BROKER, Load
from bench.rates import once

PLAIN: Final = "without"
ENCRYPTED: Final = "mTLS"
LEAST: Final = {"hits": 0.95, "ingest": 0.90}
"""The rate with mTLS, as a share of that without."""
WORDS: Final = """\
{rounds} round(s) of {seconds} s, with mTLS and without in turn. Hits: requests that nginx
counted, of `loadgrpc run` with a broker and an agent, all on one core. Ingest: events of columns
from one source, on the core of the broker. The median, and the lowest and highest round."""


@dataclass
class Encrypted:
    """Rates per second, one for each round: by what was measured, and by how it was sent."""

    rounds: int
    seconds: int
    rates: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    """By what was measured: what went wrong the last time something did."""


def certificates(folder: Path) -> Path:
    """A folder of certificates for a broker, its agents and a client."""
    tls = folder / "tls"
    command = [sys.executable, "-m", "loadgrpc", "certs", "init", "--tls-dir", str(tls)]
    agents = ["--agent", "one", "--agent", fleet.named(0)]
    subprocess.run([*command, *agents], check=True, capture_output=True)
    return tls


def measure(cores: Cores, *, rounds: int, seconds: int, only: Sequence[str]) -> Encrypted:
    """All of it, or what `only` names: hits/20, hits/200, ingest."""
    found = Encrypted(rounds, seconds)
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        tls = certificates(folder)
        with nginx.serving(folder, cores.server) as server:
            steps = _steps(found, cores, server, seconds)
            for number in range(1, rounds + 1):
                ways = [(PLAIN, None), (ENCRYPTED, tls)]
                for what, step in steps.items():
                    if only and not any(fnmatch.fnmatch(what, word) for word in only):
                        continue
                    for how, files in ways if number % 2 else reversed(ways):
                        rate = step(files)
                        if rate is not None:
                            found.rates.setdefault(what, {}).setdefault(how, []).append(rate)
                        shown = "nothing" if rate is None else f"{rate:,.0f}/s"
                        print(f"round {number}  {what} {how}: {shown}", flush=True)
    return found


def _steps(
    found: Encrypted, cores: Cores, server: nginx.Server, seconds: int
) -> dict[str, Callable[[Path | None], float | None]]:
    batches = ingest.batches(ingest.COLUMNS)

    def hits(users: int) -> Callable[[Path | None], float | None]:
        case = GET_20 if users == GET_20.users else GET_200

        def step(tls: Path | None) -> float | None:
            stay_on(cores.server)
            load = Load(case, server.base(https=False), server.certificate, seconds, tls)
            rate, problem = once(server, cores, WITH_BROKER, "", load)
            if problem:
                found.problems[f"hits/{users}"] = problem
            return rate

        return step

    def taken_in(tls: Path | None) -> float:
        stay_on(cores.load)
        return asyncio.run(_ingest(cores, batches, seconds, tls))

    return {"hits/20": hits(20), "hits/200": hits(200), "ingest": taken_in}


async def _ingest(
    cores: Cores, batches: Sequence[fleet.Batch], seconds: int, tls: Path | None
) -> float:
    """Events per second of one source, sent and acked."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as name,
        cluster.broker(Path(name), cores.server, tls) as broker,
    ):
        sent, took_s, _ = await ingest.one_run(
            broker.endpoint, batches, lambda _, took_s: took_s < seconds, tls
        )
    return sum(batch.events for batch in sent) / took_s


def section(found: Encrypted, about_it: str) -> str:
    """A row for each measurement, and whether it is enough."""
    rows, bounds = [], []
    for what, rates in found.rates.items():
        both = [rates.get(how, []) for how in (PLAIN, ENCRYPTED)]
        cells = [
            "-"
            if (each := spread(of)) is None
            else f"{each.median:,.0f} ({each.low:,.0f} to {each.high:,.0f})"
            for of in both
        ]
        share = ratio(both[1], both[0])
        rows.append([what, *cells, "-" if share is None else f"{share:.3f}"])
        least = LEAST[what.partition("/")[0]]
        bounds.append(page.Target(f"{what} with mTLS", least, share))
    parts = [
        about_it,
        WORDS.format(rounds=found.rounds, seconds=found.seconds),
        page.table(["per second", "without", "with mTLS", "share"], rows),
        *(f"{what}: {problem}." for what, problem in found.problems.items()),
        page.targets(bounds),
    ]
    return "\n\n".join(parts)
