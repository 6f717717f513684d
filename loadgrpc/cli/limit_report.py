"""The search for a limit as lines, and as a document.

Rule: pure functions. The answer is an interval; beneath it are the levels that it stands on.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

from loadgrpc.cli.figures import duration, rate, significant
from loadgrpc.cli.levels import LevelEvidence
from loadgrpc.cli.line import Line, Style
from loadgrpc.clock import NS_PER_S
from loadgrpc.judge.grammar import parse
from loadgrpc.model import ThresholdOutcome, ThresholdResult
from loadgrpc.stats.limit import FoundLimit, LevelOutcome

_STYLES: Final = {
    LevelOutcome.HELD: Style.GOOD,
    LevelOutcome.BROKEN: Style.BAD,
    LevelOutcome.GENERATOR: Style.WARNING,
}
_WORDS: Final = {
    LevelOutcome.HELD: "held",
    LevelOutcome.BROKEN: "broke",
    LevelOutcome.GENERATOR: "generator",
}


def level(found: LevelEvidence) -> Line:
    """`  400/s  held       p99(response) 23.4 ms   2400 hits in 6 s`."""
    tried = found.tried
    words = [f"{rate(tried.rate):>9}", f"{_WORDS[tried.outcome]:<9}", *map(value, found.results)]
    if found.growing:
        words.append("and grows all the time")
    if tried.outcome is LevelOutcome.GENERATOR:
        words += [value(each) for each in found.generator if each.outcome is ThresholdOutcome.FAIL]
    hits = sum(each.hits.count for each in found.windows)
    words.append(f"{hits} hits in {tried.measured_s:g} s")
    words += [
        f"{count} {name}"
        for name in ("late", "dropped")
        if (count := sum(getattr(each, name) for each in found.windows))
    ]
    return Line("  " + "   ".join(words), _STYLES[tried.outcome])


def value(result: ThresholdResult) -> str:
    """What a condition compares, and what it came to: `p99(response) 23.4 ms`."""
    threshold = parse(result.text)
    end = threshold.text.index(threshold.operator, threshold.where_end)
    what = threshold.text[:end].strip()
    if result.value is None:
        return f"{what} no data"
    if result.unit == "s":
        return f"{what} {duration(round(result.value * NS_PER_S))}"
    return f"{what} {significant(result.value)}{' %' if result.unit == '%' else ''}"


def nothing_selected(found: LevelEvidence) -> str:
    """What of the condition is about nothing that was there, although hits were made; or empty."""
    if not any(each.hits.count for each in found.windows):
        return ""
    return next(
        (
            f"{each.text}: {each.message}"
            for each in found.results
            if each.outcome is ThresholdOutcome.NO_DATA and each.failed
        ),
        "",
    )


def answer(found: FoundLimit, until: str) -> list[Line]:
    """What was found out, in one line or two."""
    if found.least == 0 and found.generator:
        return [Line(f"limit   not known: the generator makes less than {rate(found.most)}")]
    if found.least == 0:
        text = f"limit   below {rate(found.most)}: no level held ({until})"
        return [Line(text, Style.BAD)]
    if found.most == math.inf:
        return [Line(f"limit   at least {rate(found.least)}, the highest that was to be tried")]
    if found.generator:
        return [
            Line(f"limit   at least {rate(found.least)}: more the generator did not make"),
            Line("        take more agents, or faster ones, to find the limit of the server"),
        ]
    middle = (found.least + found.most) / 2
    width = significant(100 * found.width)
    return [
        Line(
            f"limit   {rate(found.least)} to {rate(found.most)}"
            f"   ({rate(middle)} ± {width} %)   while {until}",
            Style.HEADING,
        )
    ]


def reason(found: FoundLimit) -> str:
    """The last line, as that of a run."""
    if found.least == 0 and not found.generator:
        return "no level held"
    if found.generator:
        return "the generator was the limit"
    if found.most == math.inf:
        return "every level held"
    return "found"


def document(
    found: FoundLimit | None,
    levels: Sequence[LevelEvidence],
    *,
    run_id: str,
    until: Sequence[str],
    verdict: dict[str, Any],
) -> dict[str, Any]:
    """All of it for programs.

    `limit` has no `most` if every level held, and is null if the search was broken off.
    """
    limit: dict[str, Any] | None = None
    if found is not None:
        limit = {"least": found.least, "generatorWasTheLimit": found.generator}
        if found.most < math.inf:
            limit["most"] = found.most
    return {
        "limit": limit,
        "until": list(until),
        "runId": run_id,
        "levels": [_level(each) for each in levels],
        "verdict": verdict,
    }


def _level(found: LevelEvidence) -> dict[str, Any]:
    from loadgrpc.protocol.document import as_document  # noqa: PLC0415 - protobuf is heavy
    from loadgrpc.protocol.thresholds import threshold_result_to_proto  # noqa: PLC0415
    from loadgrpc.protocol.times import timestamp_to_proto  # noqa: PLC0415

    sums = {
        name: sum(getattr(each, name) for each in found.windows)
        for name in ("planned", "started", "dropped", "late")
    }
    return {
        "rate": found.tried.rate,
        "outcome": found.tried.outcome.value,
        "growing": found.growing,
        "from": timestamp_to_proto(found.from_ns).ToJsonString(),
        "to": timestamp_to_proto(found.to_ns).ToJsonString(),
        **sums,
        "hits": sum(each.hits.count for each in found.windows),
        "conditions": [as_document(threshold_result_to_proto(each)) for each in found.results],
        "generator": [as_document(threshold_result_to_proto(each)) for each in found.generator],
    }
