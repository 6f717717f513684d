"""What a threshold means, in a sentence or two."""

from __future__ import annotations

from loadgrpc.judge.metrics import METRICS
from loadgrpc.judge.threshold import Threshold
from loadgrpc.judge.unit import NS, Unit, shown, span
from loadgrpc.judge.where import Where

_MUST: dict[str, str] = {
    "<": "must be below",
    "<=": "must be at most",
    ">": "must be above",
    ">=": "must be at least",
    "==": "must be",
    "!=": "must not be",
}
_KEYS = {
    "name": "named",
    "scenario": "in scenario",
    "method": "with method",
    "protocol": "by",
    "status": "with status",
    "tag": "with tag",
    "case": "of rule",
    "agent": "from agent",
}


def explain(threshold: Threshold) -> str:
    """The threshold as sentences."""
    each = threshold
    limit = shown(each.limit, each.unit)
    held = f"{subject(each)} {_MUST[each.operator]} {limit}"
    sentences = [f"{held[0].upper()}{held[1:]} {_span(each)}."]
    if each.skip_ns:
        skipped = span(each.skip_ns // NS["s"]) if each.skip_ns % NS["s"] == 0 else ""
        skipped = skipped or f"{each.skip_ns / 1e9:g} seconds"
        sentences.append(f"What ends in the first {skipped} of the run does not count.")
    if each.abort:
        sentences.append("As soon as it does not hold, the run is stopped.")
    if each.or_no_data:
        sentences.append("A run in which there is nothing to judge passes.")
    else:
        sentences.append("A run in which there is nothing to judge fails.")
    return " ".join(sentences)


def subject(threshold: Threshold) -> str:
    """What is compared, as a phrase: `the 95th percentile of response times of hits`."""
    metric = threshold.metric
    what = f"{metric.what}{_selected(threshold.where)}"
    if threshold.aggregate == "count":
        return f"the number of {what}" if metric.name in METRICS else what
    if threshold.aggregate == "rate":
        return f"the {what}" if metric.bare is Unit.SHARE else f"the share of {what}"
    if threshold.aggregate in _OF:
        return (
            f"{_OF[threshold.aggregate]} of {what}{' per second' * (threshold.aggregate == '/s')}"
        )
    return f"the {_ordinal(threshold.aggregate[1:])} percentile of {what}"


_OF = {
    "/s": "the number",
    "avg": "the average",
    "min": "the smallest",
    "max": "the largest",
}


def _span(each: Threshold) -> str:
    if each.over_s is None:
        return "over the whole run"
    one = each.over_s == 1
    judged = "" if one else f" (one ends every {span(each.step_s)})".replace("every 1 ", "every ")
    if each.share is not None:
        windows = "the seconds of the run" if one else f"all windows of {span(each.over_s)}"
        return f"in {float(each.share):g}% of {windows}{judged}"
    window = "every second" if one else f"every window of {span(each.over_s)}"
    if each.strikes > 1:
        row = "seconds" if one else "windows"
        return f"in {window}{judged}; it fails when {each.strikes} {row} in a row do not hold"
    return f"in {window}{judged}"


def _selected(where: Where) -> str:
    phrases = []
    for pick in where.picks:
        joined = "not " if pick.other else ""
        phrases.append(f" {joined}{_KEYS.get(pick.key, pick.key)} {pick.pattern}")
    return ",".join(phrases)


def _ordinal(number: str) -> str:
    if "." in number or number[-2:] in ("11", "12", "13"):
        return f"{number}th"
    return number + {"1": "st", "2": "nd", "3": "rd"}.get(number[-1], "th")
