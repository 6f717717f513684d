"""How long things took, as figures."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ElapsedFigures:
    """How long answered hits took, in nanoseconds; all 0 when there were none."""

    avg_ns: int = 0
    min_ns: int = 0
    p50_ns: int = 0
    p90_ns: int = 0
    p95_ns: int = 0
    p99_ns: int = 0
    max_ns: int = 0
