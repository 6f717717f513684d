"""A threshold of one scenario among several: the same, of its hits only."""

from __future__ import annotations

from loadgrpc.judge.threshold import Threshold
from loadgrpc.judge.where import Pick, Where


def within(threshold: Threshold, scenario: str) -> str:
    """The threshold as text, about a scenario if it can be, and says none itself.

    `scenario`: its name; empty: there is only one.
    """
    where, text = threshold.where, threshold.text
    keys = [pick.key for pick in where.picks]
    if not scenario or "scenario" in keys or "scenario" not in threshold.metric.keys:
        return text
    narrowed = str(Where((Pick("scenario", scenario), *where.picks)))
    if where.picks:
        start = text.index("{")
        return text[:start] + narrowed + text[threshold.where_end :]
    return text[: threshold.where_end] + narrowed + text[threshold.where_end :]
