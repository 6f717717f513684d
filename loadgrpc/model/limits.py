"""What a broker lets each of those who use it take: one row for each limit that can be set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

__all__ = ["LIMITS", "MAX_LIMIT", "Limit", "LimitUse"]

MAX_LIMIT: Final = 1_000_000_000
"""Of any of them: as good as none."""


@dataclass(frozen=True, kw_only=True)
class Limit:
    """A limit of a broker."""

    name: str
    default: int
    least: int = 1
    """It is not set lower than this."""
    per_s: bool = False
    """Whether it is a rate; else it is how many there may be at a time."""
    of: str
    """What it is a limit for."""
    counts: str
    """What is counted, as a caller reads it who is over the limit."""
    beyond: str
    """What happens to what is over it, as a sentence."""

    def shown(self, value: int) -> str:
        """A value of it, as people write it: `200/s`, `500`."""
        return f"{value}/s" if self.per_s else str(value)


@dataclass(frozen=True, kw_only=True)
class LimitUse:
    """What a limit is at a broker, and what it has done since the broker was started."""

    name: str
    value: int
    per_s: bool = False
    refused: int = 0
    """Calls that were refused by it."""
    delayed: int = 0
    """Calls, or batches, that had to wait because of it."""
    last_caller: str = ""
    """The caller, or the source, that met it last. Empty: nobody has."""
    last_time_ns: int | None = None
    """When that was (wall clock). None: never."""


_REFUSED: Final = "Further ones are refused."

_ROWS: Final = (
    Limit(
        name="requests",
        default=200,
        per_s=True,
        of="each caller",
        counts="calls",
        beyond="The first two seconds' worth go at once. Then calls wait their turn: up to a"
        " second, those of agents up to 30. What would wait longer is refused, at the same rate.",
    ),
    Limit(name="calls", default=1_000, of="each caller", counts="open calls", beyond=_REFUSED),
    Limit(name="watches", default=500, of="each caller", counts="open watches", beyond=_REFUSED),
    Limit(name="uploads", default=16, of="each caller", counts="open uploads", beyond=_REFUSED),
    Limit(
        name="events",
        default=1_000_000,
        least=1_000,
        per_s=True,
        of="each source",
        counts="events",
        beyond="The broker reads the source more slowly. Its events wait at the agent, and none is"
        " refused or lost.",
    ),
    Limit(
        name="streams",
        default=256,
        least=100,
        of="each connection",
        counts="open calls",
        beyond="HTTP/2 has clients keep further ones back.",
    ),
    Limit(
        name="connections",
        default=10_000,
        least=16,
        of="each address the broker listens on",
        counts="connections",
        beyond="Further ones are closed at once.",
    ),
)

LIMITS: Final[Mapping[str, Limit]] = MappingProxyType({row.name: row for row in _ROWS})
"""By name."""
