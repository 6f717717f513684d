"""Cases of a table: inputs that exercise its rules.

    one for each rule      what does not matter takes its values in turn
    with boundaries        and for each range the first and the last number in it
    with a strength of t   each combination of t of the values that do not matter, with each rule

Rule: no case is impossible, and each meets its rule. The same table has the same cases.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from loadgrpc.design.case import Case
from loadgrpc.design.covering import Forbidden, covering_rows
from loadgrpc.design.cube import Budget
from loadgrpc.design.errors import DesignError
from loadgrpc.design.rule import Rule
from loadgrpc.design.rule_set import RuleSet
from loadgrpc.design.value import Literal

MAX_CASES: Final = 100_000
_STEPS: Final = 20_000

Level = tuple[int, Literal]
"""The place of a value, and an input that is of it."""


def make_cases(table: RuleSet, *, strength: int, boundaries: bool) -> tuple[Case, ...]:
    """The cases of a table, in the order of its rules.

    Args:
        table: The rules.
        strength: 0: one for each rule; t: every t of the values that a rule leaves open.
        boundaries: Whether the ends of ranges are inputs, too.

    Raises:
        DesignError: there are too many.
    """
    if not 0 <= strength <= len(table.conditions):
        raise DesignError(
            f"a strength is from 0 to the number of conditions, {len(table.conditions)},"
            f" not {strength}"
        )
    found: list[Case] = []
    for number, rule in enumerate(table.rules):
        if strength:
            rows = _covering(table, rule, strength, boundaries=boundaries)
        else:
            rows = _one(table, rule, number, boundaries=boundaries)
        inputs = list(dict.fromkeys(rows))
        found += _cases(table, rule, inputs)
        if len(found) > MAX_CASES:
            raise DesignError(f"there are more than {MAX_CASES} cases; a lower strength has fewer")
    return tuple(found)


def _cases(table: RuleSet, rule: Rule, inputs: Sequence[tuple[Literal, ...]]) -> Iterator[Case]:
    names = [each.name for each in table.conditions]
    expected = dict(zip(table.actions, rule.outcome, strict=True))
    for number, values in enumerate(inputs, 1):
        yield Case(
            name=rule.name if len(inputs) == 1 else f"{rule.name}#{number}",
            rule=rule.name,
            values=dict(zip(names, values, strict=True)),
            expected=expected,
            weight=rule.weight / len(inputs),
        )


def _one(
    table: RuleSet, rule: Rule, number: int, *, boundaries: bool
) -> Iterator[tuple[Literal, ...]]:
    """One input, and with boundaries one more for each end of a range that it leaves open."""
    space = table.space
    cube = next(space.uncovered(space.pack(rule.entries), table.impossible_cubes, Budget(_STEPS)))
    chosen: list[Literal] = []
    for condition, entry in zip(table.conditions, space.entries(cube), strict=True):
        values = condition.chosen(entry)
        chosen.append(values[number % len(values)].sample())
    yield tuple(chosen)
    if not boundaries:
        return
    for at, condition in enumerate(table.conditions):
        for value in condition.chosen(rule.entries[at]):
            for end in value.inputs(boundaries=True)[1:]:
                other = (*chosen[:at], end, *chosen[at + 1 :])
                if not _is_impossible(table, other):
                    yield other


def _is_impossible(table: RuleSet, inputs: Sequence[Literal]) -> bool:
    if not table.impossible:
        return False
    pairs = zip(table.conditions, inputs, strict=True)
    point = table.space.pack([1 << each.place_of(given) for each, given in pairs])
    return any(not point & ~cube for cube in table.impossible_cubes)


def _covering(
    table: RuleSet, rule: Rule, strength: int, *, boundaries: bool
) -> Iterator[tuple[Literal, ...]]:
    levels: list[list[Level]] = [
        [
            (at, given)
            for at, value in enumerate(condition.values)
            if entry >> at & 1
            for given in value.inputs(boundaries=boundaries)
        ]
        for condition, entry in zip(table.conditions, rule.entries, strict=True)
    ]
    free = [at for at, each in enumerate(levels) if len(each) > 1]
    space, cube = table.space, table.space.pack(rule.entries)
    forbidden: list[Forbidden] = []
    for excluded in table.impossible_cubes:
        if not space.meet(cube, excluded):
            continue
        entries = space.entries(excluded)
        forbidden.append(
            {
                place: frozenset(
                    number
                    for number, (value, _) in enumerate(levels[at])
                    if entries[at] >> value & 1
                )
                for place, at in enumerate(free)
                if rule.entries[at] & ~entries[at]
            }
        )
    for row in covering_rows([len(levels[at]) for at in free], strength, forbidden):
        chosen = dict(zip(free, row, strict=True))
        yield tuple(each[chosen.get(at, 0)][1] for at, each in enumerate(levels))
