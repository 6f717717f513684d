"""The command line of the bench; see `make bench`.

Each part that was measured whole (no --quick, no --only, seven rounds or more) leaves its
section in `build/bench/`, and `docs/benchmarks.md` is put together from the sections there.
Whatever else is measured is printed, and kept in `build/bench/draft.md`.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from bench import (
    accuracy,
    arrivals,
    comparing,
    control,
    encrypted,
    feeding,
    machine,
    page,
    rates,
    sockets,
    stalls,
)
from bench.cores import Cores, choose
from bench.peers import ROOT

PAGE: Final = ROOT / "docs/benchmarks.md"
KEPT: Final = ROOT / "build/bench"
FULL_ROUNDS: Final = 7
FULL_SECONDS: Final = 4
LEAST_SECONDS: Final = 2
"""Rounds that are shorter are not for the page."""
STALLED: Final = 15
"""So many times as long the part about stalls measures: a minute."""

Measure = Callable[[Cores, argparse.Namespace], Any]
Section = Callable[[Any, str], str]
PARTS: Final[dict[str, tuple[Measure, Section]]] = {
    "rates": (
        lambda cores, asked: rates.measure(
            cores, rounds=asked.rounds, seconds=asked.seconds, only=asked.only
        ),
        page.rates_section,
    ),
    "control": (
        lambda cores, asked: control.measure(
            cores, rounds=asked.rounds, seconds=asked.seconds, only=asked.only
        ),
        page.control_section,
    ),
    "accuracy": (
        lambda cores, asked: accuracy.measure(
            cores, rounds=asked.rounds, seconds=asked.seconds, only=asked.only
        ),
        page.accuracy_section,
    ),
    "sockets": (
        lambda cores, asked: sockets.measure(
            cores, rounds=asked.rounds, seconds=asked.seconds, only=asked.only
        ),
        sockets.section,
    ),
    "verdicts": (
        lambda cores, asked: comparing.measure(
            cores, rounds=asked.rounds, seconds=asked.seconds, only=asked.only
        ),
        comparing.section,
    ),
    "cases": (
        lambda cores, asked: feeding.measure(
            cores, rounds=asked.rounds, seconds=asked.seconds, only=asked.only
        ),
        feeding.section,
    ),
    "stalls": (
        lambda cores, asked: stalls.measure(
            cores, seconds=STALLED * asked.seconds, only=asked.only
        ),
        stalls.section,
    ),
    "arrivals": (
        lambda cores, asked: arrivals.measure(cores, seconds=asked.seconds),
        arrivals.section,
    ),
    "encryption": (
        lambda cores, asked: encrypted.measure(
            cores, rounds=asked.rounds, seconds=asked.seconds, only=asked.only
        ),
        encrypted.section,
    ),
}
"""In the order of the page."""


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="bench", description="Measures loadgrpc and its peers.")
    parser.add_argument(
        "--part", action="append", choices=PARTS, help="only this part; may be repeated"
    )
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="CASE/TOOL",
        help="only what matches, as get-20/*, */loadgrpc, memory or 80/wrk; may be repeated",
    )
    parser.add_argument("--rounds", type=int, help=f"how often [default: {FULL_ROUNDS}]")
    parser.add_argument(
        "--seconds", type=int, help=f"how long each measurement lasts [default: {FULL_SECONDS}]"
    )
    parser.add_argument("--quick", action="store_true", help="one round of one second")
    asked = parser.parse_args(arguments)
    asked.rounds = asked.rounds or (1 if asked.quick else FULL_ROUNDS)
    asked.seconds = asked.seconds or (1 if asked.quick else FULL_SECONDS)
    asked.part = asked.part or list(PARTS)
    return asked


def is_full(asked: argparse.Namespace) -> bool:
    """Whether what is asked for is good enough for the page."""
    whole = not asked.only and not asked.quick
    return whole and asked.rounds >= FULL_ROUNDS and asked.seconds >= LEAST_SECONDS


def main() -> None:
    """See the module."""
    asked = parse()
    cores = choose()
    KEPT.mkdir(parents=True, exist_ok=True)
    drafts = []
    for part in [name for name in PARTS if name in asked.part]:
        measure, section = PARTS[part]
        found = measure(cores, asked)
        day = time.strftime("%Y-%m-%d")
        text = section(found, page.about(machine.describe(), machine.versions(), day))
        drafts.append(text)
        if is_full(asked):
            (KEPT / f"{part}.md").write_text(text)
            raw = json.dumps(dataclasses.asdict(found), indent=1)
            (KEPT / f"{part}.json").write_text(raw)
            if part == "rates":
                (PAGE.parent / page.PICTURE).write_text(page.users_picture(found))
    if is_full(asked):
        kept = [KEPT / f"{part}.md" for part in PARTS]
        PAGE.write_text(page.page(_read(path) for path in kept if path.exists()))
        print(f"wrote {PAGE.relative_to(ROOT)}")
    else:
        draft = KEPT / "draft.md"
        draft.write_text(page.page(drafts))
        print("\n\n".join(drafts))
        print(f"\nkept in {draft.relative_to(ROOT)}; docs/benchmarks.md is as it was")


def _read(path: Path) -> str:
    return path.read_text()


if __name__ == "__main__":
    main()
