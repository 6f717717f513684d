"""What puts steps together. Rule: pure; each function makes a piece of one graph, a `Fragment`.

Names of steps are made unique when pieces come together: what is there twice gets a number.
"""

from __future__ import annotations

import builtins
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from typing import Any, Final, Literal

from loadgrpc.campaign.shape import MAX_NAME_CHARS, wrong
from loadgrpc.errors import InvalidRequest
from loadgrpc.model import (
    After,
    CampaignSpec,
    ObserverChoice,
    Parameter,
    Plan,
    Scenario,
    Step,
    StepGate,
)
from loadgrpc.model.campaign import STEP_TIMEOUT_S

OnFailure = Literal["stop", "continue"]
"""What a chain does when a step of it does not pass."""

_OF_PLAN: Final = frozenset(field.name for field in fields(Plan)) - {"scenarios"}
_OF_SCENARIO: Final = frozenset(field.name for field in fields(Scenario)) - {"name"}
_LISTS: Final = frozenset({"users", "iterations"})
"""Options of which one number stands for a list of one."""
ENV: Final = "env."
"""Before the name of a variable, where a field is asked for."""
PARAMETERS: Final = "parameters."
"""Before the name of a parameter of the tests."""


@dataclass(frozen=True)
class Fragment:
    """A piece of a campaign: steps, and where others may come before and after."""

    steps: tuple[Step, ...]
    firsts: tuple[str, ...]
    """Names of the steps that come after whatever this piece comes after."""
    lasts: tuple[str, ...]
    """Names of the steps that whatever comes after this piece waits for."""
    ways: bool = False
    """Whether `lasts` are ways of which one is taken: then that one counts, and not all."""


def of(work: Fragment, *, title: str = "", start_timeout_s: float = STEP_TIMEOUT_S) -> CampaignSpec:
    """A campaign of a piece. `start_timeout_s`: how long a step may wait for agents.

    Raises:
        InvalidRequest: it cannot be one; all that is wrong is named.
    """
    spec = CampaignSpec(steps=work.steps, title=title, start_timeout_s=start_timeout_s)
    if violations := list(wrong(spec)):
        raise InvalidRequest(violations)
    return spec


def run(plan: Plan, *, name: str = "") -> Fragment:
    """A run of a plan. Without a name it is called what its runs are called."""
    name = (name or plan.label).replace("/", "-")[:MAX_NAME_CHARS]
    return Fragment((Step(name=name, plan=plan),), (name,), (name,))


def notify(observer: ObserverChoice, *, name: str = "") -> Fragment:
    """An observer that is notified of how the steps before it ended."""
    name = (name or observer.name).replace("/", "-")[:MAX_NAME_CHARS]
    return Fragment((Step(name=name, observer=observer),), (name,), (name,))


def chain(*works: Fragment, on_failure: OnFailure = "stop") -> Fragment:
    """Pieces one after another; `on_failure`: whether the next one begins when one fails."""
    gate_ = StepGate.OVER if on_failure == "continue" else StepGate.PASSED
    return _joined(works, gate_)


def group(*works: Fragment) -> Fragment:
    """Pieces side by side: each run has agents of its own."""
    works = _apart(works)
    if len(works) > 1 and any(work.ways for work in works):
        raise ValueError("a gate cannot stand in a group: chain what comes after it to it first")
    return Fragment(
        tuple(step for work in works for step in work.steps),
        tuple(name for work in works for name in work.firsts),
        tuple(name for work in works for name in work.lasts),
        ways=any(work.ways for work in works),
    )


def chord(header: Fragment, body: Fragment, *, on_failure: OnFailure = "stop") -> Fragment:
    """A piece after another one, which gets its results: see `results`.

    `on_failure`: `continue` has it come whatever became of the first.
    """
    header, body = _apart((header, body))
    informed = {
        step.name: replace(step, results=True)
        for step in body.steps
        if step.name in body.firsts and step.plan is not None
    }
    steps = tuple(informed.get(step.name, step) for step in body.steps)
    return chain(header, replace(body, steps=steps), on_failure=on_failure)


def gate(
    work: Fragment,
    *,
    passed: Fragment | None = None,
    failed: Fragment | None = None,
    exit_codes: Mapping[Collection[int], Fragment] | None = None,
) -> Fragment:
    """A piece, and what comes after it depending on how it was judged.

    `exit_codes`: by codes of a run's verdict, such as `{(99,): look_into_it}`. What comes after
    all of this comes after the way that was taken.
    """
    ways: list[tuple[Fragment, StepGate, tuple[int, ...]]] = []
    if passed is not None:
        ways.append((passed, StepGate.PASSED, ()))
    if failed is not None:
        ways.append((failed, StepGate.FAILED, ()))
    for codes, way in (exit_codes or {}).items():
        ways.append((way, StepGate.PASSED, tuple(codes)))
    first, *others = _apart((work, *(way for way, _, _ in ways)))
    steps = list(first.steps)
    for way, (_, gate_, codes) in zip(others, ways, strict=True):
        afters = tuple(After(step=name, gate=gate_, exit_codes=codes) for name in first.lasts)
        steps += _following(way, afters)
    lasts = tuple(name for way in others for name in way.lasts)
    return Fragment(tuple(steps), first.firsts, lasts or first.lasts, ways=len(others) > 1)


def map(  # noqa: A001 - what everybody calls it; it is used as `campaign.map`
    plan: Plan, field: str, values: Iterable[Any], *, name: str = ""
) -> Fragment:
    """One plan over many values of a field, side by side.

        map(plan, "users", [10, 20, 30])
        map(plan, "parameters.product", [7, 9])
        map(plan, "env.SHOP", ["berlin", "paris"])

    A field is an option of a plan or of its scenarios, by its name in the model; or it is
    `parameters.NAME`, a parameter of the tests, or `env.NAME`, a variable.
    """
    return starmap(plan, ({field: value} for value in values), name=name)


def starmap(plan: Plan, rows: Iterable[Mapping[str, Any]], *, name: str = "") -> Fragment:
    """One plan over many rows, each with values of several fields, side by side."""
    works = [
        run(_set(plan, row), name=_numbered(name or plan.label, at))
        for at, row in enumerate(rows, 1)
    ]
    return group(*works)


def chunks(plan: Plan, items: int | Sequence[Any], parts: int, *, field: str = "") -> Fragment:
    """Items split into parts of about the same size, a run of the plan for each, side by side.

        chunks(plan, 100, 4)                               4 runs of 25 users
        chunks(plan, accounts, 4, field="env.ACCOUNTS")    each a quarter of the list, as JSON

    `items`: a number of users, or a list, whose parts `field` gets. There are no empty parts.

    Raises:
        ValueError: there are no items, no parts, or no field for a list.
    """
    number = items if isinstance(items, int) else len(items)
    parts = min(parts, number)
    if parts < 1:
        raise ValueError("chunks need at least one item and one part")
    ends = [number * at // parts for at in range(parts + 1)]
    if isinstance(items, int):
        sizes = [end - begin for begin, end in pairwise(ends)]
        return map(plan, field or "users", sizes)
    if not field:
        raise ValueError("chunks of a list need the field that gets them, such as 'env.ITEMS'")
    lists = [list(items[begin:end]) for begin, end in pairwise(ends)]
    texts = [json.dumps(each) for each in lists] if field.startswith(ENV) else lists
    return map(plan, field, texts)


# How pieces come together


def _joined(works: Sequence[Fragment], gate_: StepGate) -> Fragment:
    works = _apart(work for work in works if work.steps)
    if not works:
        return Fragment((), (), ())
    steps = list(works[0].steps)
    for before, work in pairwise(works):
        afters = tuple(After(step=name, gate=gate_) for name in before.lasts)
        steps += _following(work, afters, any_of=before.ways)
    return Fragment(tuple(steps), works[0].firsts, works[-1].lasts, ways=works[-1].ways)


def _following(work: Fragment, afters: tuple[After, ...], *, any_of: bool = False) -> list[Step]:
    """The steps of a piece that comes after others."""
    return [
        replace(step, after=(*afters, *step.after), any_of=any_of or step.any_of)
        if step.name in work.firsts
        else step
        for step in work.steps
    ]


def _apart(works: Iterable[Fragment]) -> tuple[Fragment, ...]:
    """Pieces of which no two have a step of the same name: later ones get numbers."""
    taken: set[str] = set()
    found = []
    for work in works:
        names: dict[str, str] = {}
        for step in work.steps:
            name, number = step.name, 1
            while name in taken:
                number += 1
                name = _numbered(step.name, number)
            taken.add(name)
            names[step.name] = name
        found.append(_renamed(work, names))
    return tuple(found)


def _numbered(name: str, number: int) -> str:
    suffix = f"-{number}"
    return name.replace("/", "-")[: MAX_NAME_CHARS - len(suffix)] + suffix


def _renamed(work: Fragment, names: Mapping[str, str]) -> Fragment:
    if builtins.all(old == new for old, new in names.items()):
        return work
    steps = tuple(
        replace(
            step,
            name=names[step.name],
            after=tuple(replace(each, step=names[each.step]) for each in step.after),
        )
        for step in work.steps
    )
    return Fragment(
        steps,
        tuple(names[name] for name in work.firsts),
        tuple(names[name] for name in work.lasts),
        ways=work.ways,
    )


def _set(plan: Plan, values: Mapping[str, Any]) -> Plan:
    """A plan with other values of some fields.

    Raises:
        ValueError: it has no such field.
    """
    for field, value in values.items():
        if field.startswith(ENV):
            env = {**dict(plan.env), field.removeprefix(ENV): str(value)}
            plan = replace(plan, env=tuple(sorted(env.items())))
        elif field.startswith(PARAMETERS):
            given = Parameter(field.removeprefix(PARAMETERS), str(value))
            plan = replace(plan, scenarios=tuple(_given(s, given) for s in plan.scenarios))
        elif field in _OF_PLAN:
            plan = replace(plan, **{field: value})
        elif field in _OF_SCENARIO:
            one = (value,) if field in _LISTS and isinstance(value, int) else value
            told: dict[str, Any] = {field: tuple(one) if field in _LISTS else one}
            plan = replace(plan, scenarios=tuple(replace(s, **told) for s in plan.scenarios))
        else:
            known = ", ".join(sorted((*_OF_PLAN, *_OF_SCENARIO, "env.NAME", "parameters.NAME")))
            raise ValueError(f"a plan has no {field!r}; it has {known}")
    return plan


def _given(scenario: Scenario, given: Parameter) -> Scenario:
    """A scenario with another value of one parameter."""
    known = {each.name: each for each in scenario.parameters} | {given.name: given}
    return replace(scenario, parameters=tuple(known[name] for name in sorted(known)))
