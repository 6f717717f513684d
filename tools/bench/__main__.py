"""The command line of the bench; see `make bench`.

Each part that was measured whole (no --quick, no --only, seven rounds or more) replaces its
section of `docs/benchmarks.md`, and leaves its figures in `build/bench/`. Whatever else is
measured is printed, and kept in `build/bench/draft.md`.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

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


class Part(NamedTuple):
    """A part of the bench, and of the page."""

    title: str
    measure: Callable[[Cores, argparse.Namespace], Any]
    section: Callable[[Any, str], str]


PARTS: Final[dict[str, Part]] = {
    "rates": Part(
        "Requests per second",
        lambda cores, asked: rates.measure(
            cores, rounds=asked.rounds, seconds=asked.seconds, only=asked.only
        ),
        page.rates_section,
    ),
    "control": Part(
        "The control plane",
        lambda cores, asked: control.measure(
            cores, rounds=asked.rounds, seconds=asked.seconds, only=asked.only
        ),
        page.control_section,
    ),
    "accuracy": Part(
        "Latency that is true",
        lambda cores, asked: accuracy.measure(
            cores, rounds=asked.rounds, seconds=asked.seconds, only=asked.only
        ),
        page.accuracy_section,
    ),
    "sockets": Part(
        "WebSockets",
        lambda cores, asked: sockets.measure(
            cores, rounds=asked.rounds, seconds=asked.seconds, only=asked.only
        ),
        sockets.section,
    ),
    "verdicts": Part(
        "Verdicts",
        lambda cores, asked: comparing.measure(
            cores, rounds=asked.rounds, seconds=asked.seconds, only=asked.only
        ),
        comparing.section,
    ),
    "cases": Part(
        "Cases of decision tables",
        lambda cores, asked: feeding.measure(
            cores, rounds=asked.rounds, seconds=asked.seconds, only=asked.only
        ),
        feeding.section,
    ),
    "stalls": Part(
        "A server that stands still",
        lambda cores, asked: stalls.measure(
            cores, seconds=STALLED * asked.seconds, only=asked.only
        ),
        stalls.section,
    ),
    "arrivals": Part(
        "A plan of arrivals",
        lambda cores, asked: arrivals.measure(cores, seconds=asked.seconds),
        arrivals.section,
    ),
    "encryption": Part(
        "Encryption",
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
    drafts = {}
    for name in [name for name in PARTS if name in asked.part]:
        part = PARTS[name]
        found = part.measure(cores, asked)
        about = page.about(machine.describe(), machine.versions(), time.strftime("%Y-%m-%d"))
        drafts[part.title] = part.section(found, about)
        if is_full(asked):
            raw = json.dumps(dataclasses.asdict(found), indent=1)
            (KEPT / f"{name}.json").write_text(raw)
            if name == "rates":
                (PAGE.parent / page.PICTURE).write_text(page.users_picture(found))
    if is_full(asked):
        PAGE.write_text(replaced(PAGE.read_text(), drafts))
        print(f"wrote {PAGE.relative_to(ROOT)}")
    else:
        draft, text = KEPT / "draft.md", page.page(drafts)
        draft.write_text(text)
        print(text)
        print(f"kept in {draft.relative_to(ROOT)}; docs/benchmarks.md is as it was")


def replaced(text: str, drafts: Mapping[str, str]) -> str:
    """A page in which some sections are others."""
    sections = {**page.sections(text), **drafts}
    return page.page(
        {each.title: sections[each.title] for each in PARTS.values() if each.title in sections}
    )


if __name__ == "__main__":
    main()
