"""Loads that change over time, as messages and back.

Rule: a load is its text wherever that says all of it; otherwise it is its stages.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from loadgrpc.model import (
    MAX_LEVEL,
    MAX_LEVELS,
    Hold,
    Load,
    LoadChange,
    LoadChangeKind,
    LoadUnit,
    Ramp,
    Sine,
    Stage,
    Steps,
    arrives,
)
from loadgrpc.protocol.kinds import put_span, span_s
from loadgrpc.stats import load_text

MAX_TEXT_CHARS: Final = 4_096
MAX_USERS: Final = 100_000.0
MAX_FACTOR: Final = 1_000.0
MAX_STAGE_S: Final = 30 * 86_400.0


def text_of(load: Load) -> str:
    """A load as a text that means the same; empty: there is none, or it is too long."""
    if sum(len(each.levels) for each in load.stages if isinstance(each, Steps)) > MAX_TEXT_CHARS:
        return ""
    text = load_text.text(load)
    try:
        same = len(text) <= MAX_TEXT_CHARS and load_text.stages(text) == load
    except load_text.LoadTextError:
        return ""
    return text if same else ""


def put_stages(load: Load, into: Any) -> None:
    """Adds the stages of a load to a repeated field."""
    for stage in load.stages:
        message = into.add(unit=int(load.unit))
        match stage:
            case Hold(level, duration_s):
                message.hold.level = level
                put_span(message.hold.duration, duration_s)
            case Ramp(start, end, duration_s):
                message.ramp.start, message.ramp.end = start, end
                put_span(message.ramp.duration, duration_s)
            case Sine(low, high, period_s, duration_s):
                message.sine.low, message.sine.high = low, high
                put_span(message.sine.period, period_s)
                put_span(message.sine.duration, duration_s)
            case Steps(levels, each_s):
                message.steps.levels.extend(levels)
                put_span(message.steps.each, each_s)


def load_of(messages: Iterable[Any]) -> Load:
    """The load that stages make, which are valid."""
    stages = tuple(map(_stage, messages))
    (unit, *_) = [each.unit for each in messages]
    return Load(LoadUnit(unit), stages)


def _stage(message: Any) -> Stage:
    form = message.WhichOneof("form")
    of = getattr(message, form)
    match form:
        case "hold":
            return Hold(of.level, span_s(of.duration))
        case "ramp":
            return Ramp(of.start, of.end, span_s(of.duration))
        case "sine":
            return Sine(of.low, of.high, span_s(of.period), span_s(of.duration))
        case _:
            return Steps(tuple(of.levels), span_s(of.each))


def wrong_with(messages: Iterable[Any]) -> Iterator[tuple[str, str]]:
    """What is wrong with stages: where (`[0].hold.level`) and how."""
    messages = list(messages)
    found = [
        (f"[{at}]{place}", detail)
        for at, message in enumerate(messages)
        for place, detail in _wrong_with_one(message)
    ]
    yield from found
    if len({each.unit for each in messages}) > 1:
        yield "", "must all be of one unit"
    if found:
        return
    stages = list(map(_stage, messages))
    if sum(stage.duration_s for stage in stages) > MAX_STAGE_S:
        yield "", "must last at most 30 days together"
    levels = sum(len(stage.levels) for stage in stages if isinstance(stage, Steps))
    if levels > MAX_LEVELS:
        yield "", f"must have at most {MAX_LEVELS:,} levels together"
    if not any(map(arrives, stages)):
        yield "", "must have a level above 0"


def _wrong_with_one(message: Any) -> Iterator[tuple[str, str]]:
    if message.unit not in list(LoadUnit):
        yield ".unit", "is required, and must be known here"
    form = message.WhichOneof("form")
    if form is None:
        yield "", "needs one of hold, ramp, sine and steps"
        return
    for place, detail in _wrong_with_form(form, getattr(message, form), message.unit):
        yield f".{form}{place}", detail


def _wrong_with_form(form: str, of: Any, unit: int) -> Iterator[tuple[str, str]]:
    most = MAX_USERS if unit == LoadUnit.USERS else MAX_LEVEL
    names = {"hold": ("level",), "ramp": ("start", "end"), "sine": ("low", "high")}
    for name in names.get(form, ()):
        if not 0 <= getattr(of, name) <= most:
            yield f".{name}", f"must be from 0 to {most:,.0f}"
    if form == "steps":
        for at, level in enumerate(of.levels):
            if not 0 <= level <= most:
                yield f".levels[{at}]", f"must be from 0 to {most:,.0f}"
        if not of.levels:
            yield ".levels", "is required"
    if form == "sine" and of.low > of.high:
        yield ".high", "must not be below low"
    for name in {"steps": ("each",), "sine": ("period", "duration")}.get(form, ("duration",)):
        if not 0 < span_s(getattr(of, name)) <= MAX_STAGE_S:
            yield f".{name}", "must be more than 0s and at most 30 days"


def put_change(change: LoadChange, into: Any) -> None:
    """Adds a live change to a repeated field."""
    message = into.add(kind=int(change.kind), value=change.value)
    put_span(message.at, change.at_s)


def change_of(message: Any) -> LoadChange:
    """A live change from its message, which comes from a broker or an agent of ours."""
    return LoadChange(span_s(message.at), LoadChangeKind(message.kind), message.value)
