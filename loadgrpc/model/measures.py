"""What tests measure beside hits, as figures: checks, transactions, metrics and levels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from loadgrpc.model.elapsed import ElapsedFigures

MAX_MEASUREMENT: Final = 1e12
"""The largest value of a metric that a test defines; the smallest is 0."""


@dataclass(frozen=True, kw_only=True)
class CheckFigures:
    """How often a condition held that the test checks."""

    name: str
    passed: int = 0
    failed: int = 0
    scenario: str = ""
    """Empty: the plan has only one, without a name."""


@dataclass(frozen=True, kw_only=True)
class TransactionFigures:
    """Figures of parts of iterations that are measured as a whole."""

    name: str
    count: int = 0
    """Those that ended, the failed ones included."""
    failed: int = 0
    rate: float = 0.0
    """Per second, over the summary's duration or the length of the window."""
    elapsed: ElapsedFigures = ElapsedFigures()
    """Of those that did not fail."""
    scenario: str = ""


@dataclass(frozen=True, kw_only=True)
class MeasurementFigures:
    """How the values of a metric are distributed that the test defines."""

    name: str
    count: int = 0
    avg: float = 0.0
    min: float = 0.0
    p50: float = 0.0
    p90: float = 0.0
    p95: float = 0.0
    p99: float = 0.0
    max: float = 0.0
    scenario: str = ""


@dataclass(frozen=True, kw_only=True)
class GaugeFigures:
    """The level of something that the test watches."""

    name: str
    last: float = 0.0
    """That which was reported last."""
    min: float = 0.0
    max: float = 0.0
    scenario: str = ""


@dataclass(frozen=True, kw_only=True)
class Measures:
    """All of them, each by name."""

    checks: tuple[CheckFigures, ...] = ()
    transactions: tuple[TransactionFigures, ...] = ()
    measurements: tuple[MeasurementFigures, ...] = ()
    gauges: tuple[GaugeFigures, ...] = ()
