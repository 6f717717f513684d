"""The evidence for a result, as a sentence for people."""

from __future__ import annotations

from typing import Final

from loadgrpc.judge.explain import subject
from loadgrpc.judge.failed_spans import clock, in_words
from loadgrpc.judge.threshold import Threshold
from loadgrpc.judge.trial import RunSpan, Trial
from loadgrpc.judge.unit import shown
from loadgrpc.model import ThresholdOutcome

NOT_APART: Final = (
    "this run does not tell agents apart: that takes a threshold in its plan that selects by agent"
)


def message(
    trial: Trial,
    outcome: ThresholdOutcome,
    span: RunSpan,
    near: tuple[str, ...] = (),
    *,
    apart: bool = True,
) -> str:
    """`412 ms at 0:30 to 1:00 of the run, from 1,204 observations; …`.

    `apart`: whether the windows tell apart what it selects by.
    """
    threshold, worst = trial.threshold, trial.worst
    if outcome is ThresholdOutcome.NO_DATA or worst is None:
        return _no_data(trial, near) if apart else NOT_APART
    value = shown(worst.value, threshold.unit)
    parts = [
        value
        if threshold.over_s is None
        else f"{value} {_when(worst.start_ns, worst.length_ns, span)}"
    ]
    if worst.count and threshold.aggregate not in ("count", "/s"):
        parts.append(f"from {worst.count:,} {_observed(threshold)}")
    if threshold.over_s is not None and trial.judged > 1:
        held = trial.judged - trial.failures
        share = f" ({100 * held / trial.judged:.4g}%)" if threshold.share is not None else ""
        parts.append(f"it held in {held:,} of {trial.judged:,} windows{share}")
        if len(spans := trial.spans.spans) > 1:
            parts.append(f"it failed {in_words(spans, span.start_ns)}")
    return "; ".join(parts)


def _no_data(trial: Trial, near: tuple[str, ...]) -> str:
    threshold = trial.threshold
    if trial.seen:
        return "nothing to judge"
    what = subject(threshold).partition(" of ")[2] or threshold.metric.what
    names = f": the nearest names are {', '.join(near)}" if near else ""
    return f"there were no {what.removeprefix('the ')}{names}"


def _observed(threshold: Threshold) -> str:
    metric = threshold.metric
    if "hits" in metric.what:
        return "hits"
    if metric.share_of:
        return metric.share_of
    return "observations"


def _when(start_ns: int, length_ns: int, span: RunSpan) -> str:
    """When in the run a window was: `from 0:30 to 1:00`."""
    begin_ns = max(start_ns - span.start_ns, 0)
    return f"from {clock(begin_ns)} to {clock(begin_ns + length_ns)} of the run"
