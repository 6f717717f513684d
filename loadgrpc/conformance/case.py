"""What a case of the kit is: a row, which says what a runner has to do and what that is to show."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from loadgrpc.conformance.script import Script
from loadgrpc.model import Cycle, FedCases, Spacing

TEST: Final = "test"
FAILING: Final = "failing-test"
ERRING: Final = "erring-test"

MANY: Final = 100_000
"""More iterations than there is time for."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One case. `rules`: what it is to show."""

    name: str
    title: str
    cycles: tuple[Cycle, ...]
    rules: tuple[str, ...]
    page: str = "ok"
    test: str = TEST
    """Which test: one that passes, one that fails, one that raises an error."""
    script: Script = field(default_factory=Script)
    spawn_rate: float = 0.0
    stop_timeout_s: float = 10.0
    all_users_only: bool = False
    fed: FedCases | None = None
    load: str = ""
    """How the load changes over time, on two agents, of which the runner is on the second."""
    arrivals: Spacing = Spacing.EVEN
    alone: bool = False
    """Whether nothing else is to happen meanwhile."""
    tries: int = 1
    """How often it is carried out at most, where it depends on times: others use the machine."""
