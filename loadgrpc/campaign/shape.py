"""What is wrong with the graph of a campaign. Rule: pure; every wrong field is named."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from loadgrpc.errors import Violation
from loadgrpc.model import CampaignSpec, Step

MAX_STEPS: Final = 200
"""Steps of a campaign: more than a person reads, and few enough to be looked at every second."""
MAX_AFTER: Final = 200
"""Steps that one comes after: all the others."""
MAX_NAME_CHARS: Final = 64
"""Of a step's name: it is part of what its run is asked for by."""
MAX_EXIT_CODE: Final = 255
"""Of a process."""


def wrong(spec: CampaignSpec) -> Iterator[Violation]:
    """What is wrong with a campaign, apart from its plans."""
    if not spec.steps:
        yield Violation("steps", "is required: a campaign has at least one step")
    if len(spec.steps) > MAX_STEPS:
        yield Violation("steps", f"has more than {MAX_STEPS} entries")
        return
    if not spec.title.isprintable():
        yield Violation("title", "must be of characters that can be printed")
    names: set[str] = set()
    known = {step.name for step in spec.steps}
    for at, step in enumerate(spec.steps):
        for field, detail in _of_step(step, names, known):
            yield Violation(f"steps[{at}].{field}", detail)
        names.add(step.name)
    if round_ := _round(spec):
        way = " → ".join((*round_, round_[0]))
        yield Violation("steps", f"no step may come after itself: {way}")


def _of_step(step: Step, names: set[str], known: set[str]) -> Iterator[tuple[str, str]]:
    if not step.name or not step.name.isprintable() or "/" in step.name:
        yield "name", "is required, of characters that can be printed, without a slash"
    if len(step.name) > MAX_NAME_CHARS:
        yield "name", f"has more than {MAX_NAME_CHARS} characters"
    if step.name in names:
        yield "name", f"{step.name!r} is there twice"
    if (step.plan is None) is (step.observer is None):
        yield "plan", "either a plan or an observer is required, and not both"
    if not step.after and step.observer is not None:
        yield "after", "is required: an observer is notified of the steps that it comes after"
    if not step.after and step.results:
        yield "results", "is for a step that comes after others"
    yield from _of_after(step, known)


def _of_after(step: Step, known: set[str]) -> Iterator[tuple[str, str]]:
    seen: set[str] = set()
    for at, after in enumerate(step.after):
        if after.step not in known:
            yield f"after[{at}].step", f"there is no step {after.step!r}"
        if after.step in seen:
            yield f"after[{at}].step", f"{after.step!r} is there twice"
        seen.add(after.step)
        if any(code > MAX_EXIT_CODE for code in after.exit_codes):
            yield f"after[{at}].exit_codes", f"must be from 0 to {MAX_EXIT_CODE}"


def _round(spec: CampaignSpec) -> tuple[str, ...]:
    """Steps that come after each other in a circle, in their order; none: there is no circle."""
    after = {step.name: [each.step for each in step.after] for step in spec.steps}
    left = dict(after)
    while free := [name for name, before in left.items() if not _among(before, left)]:
        for name in free:
            del left[name]
    if not left:
        return ()
    way = [next(iter(left))]
    while (before := next(each for each in left[way[-1]] if each in left)) not in way:
        way.append(before)
    return tuple(reversed(way[way.index(before) :]))


def _among(names: list[str], left: Mapping[str, list[str]]) -> bool:
    return any(name in left for name in names)
