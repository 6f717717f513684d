"""What a runner says it is doing, in a word of its own: `warming`, with a few details."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MAX_STATE_CHARS: Final = 64
MAX_DETAILS: Final = 16
MAX_DETAIL_NAME_CHARS: Final = 64
MAX_DETAIL_CHARS: Final = 256


@dataclass(frozen=True)
class CustomState:
    """See the module."""

    name: str
    details: tuple[tuple[str, str], ...] = ()
    """Names and values."""

    def __str__(self) -> str:
        shown = ", ".join(f"{name}={value}" for name, value in self.details)
        return f"{self.name} ({shown})" if shown else self.name


@dataclass(frozen=True, kw_only=True)
class ReportedState:
    """The last one that came from a scenario of an agent."""

    state: CustomState
    agent_id: str
    scenario: str = ""
    """Empty: the plan has only one."""
    time_ns: int
    """When it was set, by the clock of the agent (wall clock)."""
