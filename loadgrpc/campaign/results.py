"""What a step learns of the steps that it comes after: one variable of its runners.

Rule: pure, and bounded: when there is too much, figures go first, and how each ended is kept.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from loadgrpc.model import StepStatus

RESULTS_ENV: Final = "LOADGRPC_RESULTS"
"""JSON: an object by step, as `results` reads it."""
MAX_CHARS: Final = 32_768
"""Of the variable: what a variable of a plan may have."""


@dataclass(frozen=True, kw_only=True)
class StepOutcome:
    """How a step ended that this one comes after."""

    step: str
    state: str
    """`PASSED`, `FAILED` or `SKIPPED`."""
    run_id: str = ""
    """Empty: it has no run."""
    exit_code: int | None = None
    """What its run was judged with. None: it has no verdict."""
    hits: int = 0
    failed_hits: int = 0
    rate: float = 0.0
    """Hits per second."""
    p50_s: float = 0.0
    p95_s: float = 0.0
    p99_s: float = 0.0
    iterations: int = 0
    failed_iterations: int = 0
    duration_s: float = 0.0

    @property
    def passed(self) -> bool:
        """Whether it passed."""
        return self.state == "PASSED"


def results(environ: Mapping[str, str] | None = None) -> dict[str, StepOutcome]:
    """How the steps ended that this one comes after, by name; for code of tests.

    Empty if this is not the run of a step that asked for them.
    """
    text = (os.environ if environ is None else environ).get(RESULTS_ENV, "")
    found: Mapping[str, Mapping[str, Any]] = json.loads(text) if text else {}
    return {name: StepOutcome(step=name, **values) for name, values in found.items()}


def as_text(steps: Iterable[StepStatus]) -> str:
    """The value of the variable."""
    steps = list(steps)
    text = _json({status.name: {**_ended(status), **_figures(status)} for status in steps})
    if len(text) > MAX_CHARS:
        text = _json({status.name: _ended(status) for status in steps})
    return text


def _json(values: Mapping[str, Any]) -> str:
    return json.dumps(values, separators=(",", ":"), ensure_ascii=False)


def _ended(status: StepStatus) -> dict[str, Any]:
    verdict = status.result.verdict if status.result is not None else None
    ended: dict[str, Any] = {"state": status.state.name}
    if status.run_id:
        ended["run_id"] = status.run_id
    if verdict is not None:
        ended["exit_code"] = verdict.exit_code
    return ended


def _figures(status: StepStatus) -> dict[str, Any]:
    if (result := status.result) is None:
        return {}
    hits, iterations = result.hits, result.iterations
    return {
        "hits": hits.count,
        "failed_hits": hits.failed,
        "rate": round(hits.rate, 3),
        "p50_s": hits.elapsed.p50_ns / 1e9,
        "p95_s": hits.elapsed.p95_ns / 1e9,
        "p99_s": hits.elapsed.p99_ns / 1e9,
        "iterations": iterations.finished,
        "failed_iterations": iterations.failure + iterations.error,
        "duration_s": result.duration_ns / 1e9,
    }
