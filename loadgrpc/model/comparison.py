"""Two runs compared: what has changed, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class ComparisonOutcome(IntEnum):
    """What is said of a figure of two runs."""

    SAME = 1
    BETTER = 2
    WORSE = 3
    CANNOT_TELL = 4


@dataclass(frozen=True, kw_only=True)
class FigureComparison:
    """A figure of two runs."""

    figure: str
    """`p50`, `p95`, `p99`, `rate` or `failed`."""
    before: float
    """Times in seconds, `rate` in hits per second, `failed` in percent of hits."""
    after: float
    change: float
    """How much it has changed: in percent, `failed` in percentage points."""
    low: float
    """With a probability of 95%, for all comparisons together, the change is at least this."""
    high: float
    """Likewise, at most."""
    outcome: ComparisonOutcome
    name: str = ""
    """Of which hits it is; empty: of all."""
    method: str = ""
    scenario: str = ""

    @property
    def is_worse(self) -> bool:
        """Whether it is."""
        return self.outcome is ComparisonOutcome.WORSE


@dataclass(frozen=True, kw_only=True)
class RunComparison:
    """A run compared with an earlier one."""

    before_id: str
    after_id: str
    refusals: tuple[str, ...] = ()
    """Why they cannot be compared, as sentences; empty: they can."""
    figures: tuple[FigureComparison, ...] = ()
    """Those of all hits first, then by name, the busiest first."""

    @property
    def is_worse(self) -> bool:
        """Whether a figure is."""
        return any(each.is_worse for each in self.figures)
