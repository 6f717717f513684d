"""Which core serves and which core loads."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Cores:
    """The server has one core, and what is measured the other."""

    server: int
    load: int


def choose() -> Cores:
    """The first two cores that we may use.

    Raises:
        SystemExit: there is only one.
    """
    server, *others = sorted(os.sched_getaffinity(0))
    if not others:
        raise SystemExit("the bench needs two cores: one serves, the other loads")
    return Cores(server, others[0])


def pinned(core: int, command: Sequence[str]) -> list[str]:
    """`command`, kept with all its children on a core."""
    return ["taskset", "--cpu-list", str(core), *command]


def stay_on(core: int) -> None:
    """Keeps the harness itself, and threads it starts from now on, on a core."""
    os.sched_setaffinity(0, {core})
