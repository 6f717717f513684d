"""The command line of the fault suite; see `make faults`."""

from __future__ import annotations

import argparse
import fnmatch
import secrets
import shutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from faults import page
from faults.catalogue import FAULTS
from faults.cluster import has_lease_option
from faults.play import Game
from faults.round import Fault

SECONDS: Final = 4.0
PAUSE_S: Final = 10.0


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="faults", description="Strikes clusters with faults.")
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="FAULT",
        help="only faults whose name matches, as kill-* or cut; may be repeated",
    )
    parser.add_argument("--rounds", type=int, help="how often each [default: as it says itself]")
    parser.add_argument(
        "--seconds", type=float, default=SECONDS, help=f"of load a round [default: {SECONDS:g}]"
    )
    parser.add_argument(
        "--pause",
        type=float,
        default=PAUSE_S,
        help=f"seconds that what is stopped or cut stays so [default: {PAUSE_S:g}]",
    )
    parser.add_argument("--seed", type=int, help="repeats a run of the suite, which prints its own")
    parser.add_argument("--logs", type=Path, help="the folder for logs [default: a new one]")
    parser.add_argument("--keep", action="store_true", help="keep the logs of good rounds, too")
    parser.add_argument("--list", action="store_true", help="list the faults, and do nothing")
    return parser.parse_args(arguments)


def chosen(patterns: Sequence[str]) -> list[Fault]:
    """The faults that patterns ask for; all of them without any."""
    return [
        fault
        for fault in FAULTS
        if not patterns or any(fnmatch.fnmatch(fault.name, pattern) for pattern in patterns)
    ]


def play_all(fault: Fault, asked: argparse.Namespace, seed: int, folder: Path) -> page.Row:
    """All rounds of a fault; tells of each."""
    if missing := fault.missing():
        print(f"{fault.name}: skipped, {missing}", flush=True)
        return page.Row(fault.name, skipped=missing)
    row = page.Row(fault.name)
    rounds = asked.rounds or fault.rounds
    for number in range(1, rounds + 1):
        logs = folder / f"{fault.name}-{number}"
        logs.mkdir()
        times = {"seconds": asked.seconds, "pause_s": asked.pause}
        played = Game(fault, number, seed, folder=logs, **times).play()
        row.rounds.append(played)
        print(
            f"{fault.name} {number}/{rounds}: {played.requests} requests, "
            f"{played.committed} committed, {played.lost} lost, {played.seconds:.1f} s: "
            f"{'; '.join(played.complaints) or 'ok'}",
            flush=True,
        )
        if not played.complaints and not asked.keep:
            shutil.rmtree(logs)
        if not played.stood:
            break  # nor will the next one
    return row


def main() -> int:
    """See the package; 1 when something did not hold, 2 when there is no such fault."""
    asked = parse()
    faults = chosen(asked.only)
    if asked.list:
        for fault in faults:
            print(f"{fault.name:12} {fault.rounds:3} rounds  {fault.does}: {fault.holds.words}")
        return 0
    if not faults:
        print(f"no fault is called {' or '.join(asked.only)}; see --list", file=sys.stderr)
        return 2
    seed = secrets.randbelow(10**6) if asked.seed is None else asked.seed
    folder = Path(tempfile.mkdtemp(prefix="faults-", dir=asked.logs))
    print(f"seed {seed}, logs in {folder}", flush=True)
    if not has_lease_option():
        print("this broker has no --lease: a lost agent takes 60 s of a round", flush=True)
    rows = [play_all(fault, asked, seed, folder) for fault in faults]
    print(f"\n{page.table(rows)}", flush=True)
    failed = any(row.failures for row in rows)
    if failed:
        print(f"\n{page.failures(rows)}\n\nseed {seed}", flush=True)
    elif not asked.keep:
        shutil.rmtree(folder)
    return 1 if failed else 0


if __name__ == "__main__":
    # What was started is ended, and what was laid taken away, when the suite is told to end.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())
