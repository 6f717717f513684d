"""The same decisions by fewer rules.

Rule: the decision about every input that can occur stays what it was, a gap stays a gap, and there
are never more rules than before; if there are no fewer, and they do not overlap, they stay as they
are. The new rules do not overlap, except in a table whose rules did
and would be more without. It is deterministic, and says what it did:

    exact        multi-valued Quine-McCluskey: all cubes of combinations with the same outcome, then
                 the fewest of them that cover each combination exactly once (with `overlap`, at
                 least once). Of equally few, those that need least of what cannot occur, that
                 split few of the old rules, and that join neighbours.
    by merging   beyond the bounds of that: rules with the same outcome that differ in one condition
                 become one, until none are left. Not proven minimal.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from loadgrpc.design.cover import Candidate, Cover, cheapest
from loadgrpc.design.cube import Budget, BudgetSpentError, Space
from loadgrpc.design.errors import DesignError
from loadgrpc.design.findings import find
from loadgrpc.design.implicants import implicants
from loadgrpc.design.merging import merged
from loadgrpc.design.naming import joint_names
from loadgrpc.design.rule import Rule
from loadgrpc.design.rule_set import RuleSet

MAX_COMBINATIONS: Final = 4_096
"""Tables with more combinations are simplified by merging."""
MAX_CANDIDATES: Final = 40_000
"""Cubes that are tried for one outcome."""
SHARE_STEPS: Final = 20_000
"""To find out how much of a rule can occur at all; if that takes longer, all of it counts."""
MAX_STEPS: Final = 50_000
"""Of the search for the fewest, for each group of combinations that belong together."""


@dataclass(frozen=True)
class Simplification:
    """Simpler rules, and how they were found."""

    rules: tuple[Rule, ...]
    before: int
    """How many rules there were."""
    method: str
    """What was done, as a sentence."""
    minimal: bool
    """Whether fewer rules are proven to be impossible."""
    at_least: int
    """Rules that any table with these decisions needs, as far as is known."""
    overlap: bool
    """Whether rules overlap, all of them with the same outcome."""


def simplify(table: RuleSet, *, overlap: bool, apart: frozenset[str]) -> Simplification:
    """Simpler rules for a table.

    Args:
        table: The rules.
        overlap: Whether rules with the same outcome may be about the same combination, which can
            need fewer of them.
        apart: Names of conditions whose values are not to be joined, beside those that say so.

    Raises:
        DesignError: rules contradict each other, or no condition has such a name.
    """
    for name in sorted(apart):
        if all(each.name != name for each in table.conditions):
            raise DesignError(f"no condition is named {name!r}")
    findings = find(table)
    if findings.contradictions:
        first = findings.contradictions[0]
        raise DesignError(
            f"rules {first.first} and {first.second} contradict each other about"
            f" {table.sentence(first.entries)}: mend that first"
        )
    overlapped = findings.overlap_count > 0
    found = _simpler(table, apart, overlap=overlap, overlapped=overlapped)
    if len(found.rules) == len(table.rules) and not overlapped:
        return replace(
            found, rules=table.rules
        )  # as they were written: nothing is gained by others
    return found


def _simpler(
    table: RuleSet, apart: frozenset[str], *, overlap: bool, overlapped: bool
) -> Simplification:
    kept_apart = tuple(each.apart or each.name in apart for each in table.conditions)
    if table.space.total > MAX_COMBINATIONS:
        why = f"{table.space.total} combinations, and an exact search takes {MAX_COMBINATIONS}"
        return _by_merging(table, kept_apart, why, overlapped=overlapped)
    try:
        found = _exactly(table, kept_apart, once=not overlap)
        if overlapped and len(found.rules) > len(table.rules):
            found = _exactly(table, kept_apart, once=False)
            said = "rules still overlap, since without that there would be more than before"
            found = replace(found, method=f"{found.method}; {said}")
    except BudgetSpentError:
        why = f"more than {MAX_CANDIDATES} candidates for rules"
        return _by_merging(table, kept_apart, why, overlapped=overlapped)
    return found


def _by_merging(
    table: RuleSet, apart: Sequence[bool], why: str, *, overlapped: bool
) -> Simplification:
    cubes: list[tuple[int, Rule]] = []
    for same in _by_outcome(table).values():
        mine = [table.space.pack(rule.entries) for rule in same]
        cubes += [(cube, same[0]) for cube in merged(table.space, mine, apart)]
    rules = _rules(table, cubes)
    at_least = len(_by_outcome(table))
    return Simplification(
        rules,
        before=len(table.rules),
        method=f"merging pairs of rules ({why}); at least {at_least} are needed",
        minimal=len(rules) == at_least,
        at_least=at_least,
        overlap=overlapped,
    )


def _exactly(table: RuleSet, apart: Sequence[bool], *, once: bool) -> Simplification:
    space = table.space
    excluded = {point for cube in table.impossible_cubes for point in space.points(cube)}
    chosen: list[tuple[int, Rule]] = []
    at_least, minimal = 0, True
    for same in _by_outcome(table).values():
        mine = {at: table.cubes[at] for at, rule in enumerate(table.rules) if rule in same}
        points = {point for cube in mine.values() for point in space.points(cube)} - excluded
        cover = _cover(space, sorted(points), excluded, mine, apart, once=once)
        chosen += [(each.cube, same[0]) for each in cover.chosen]
        at_least += cover.at_least
        minimal = minimal and cover.minimal
    rules = _rules(table, chosen)
    how = "each combination in one rule" if once else "rules may overlap"
    proof = "minimal" if minimal else f"not proven minimal: at least {at_least} are needed"
    return Simplification(
        rules,
        before=len(table.rules),
        method=f"multi-valued Quine-McCluskey with exact cover, {how}; {proof}",
        minimal=minimal,
        at_least=at_least,
        overlap=not once,
    )


def _cover(
    space: Space,
    points: Sequence[int],
    excluded: set[int],
    mine: Mapping[int, int],
    apart: Sequence[bool],
    *,
    once: bool,
) -> Cover:
    """The fewest cubes for combinations with one outcome; raises BudgetSpentError.

    `mine`: the rules with that outcome, by their place in the table.
    """
    bits = {point: 1 << at for at, point in enumerate(points)}
    every = implicants(
        map(space.entries, [*points, *sorted(excluded)]), space, Budget(MAX_CANDIDATES)
    )
    best: dict[int, Candidate] = {}

    def candidate(cube: int) -> Candidate:
        covers = 0
        for point in space.points(cube):
            covers |= bits.get(point, 0)
        return Candidate(covers, _cost(space, cube, covers.bit_count(), mine), cube)

    for entries in every:
        if not _keeps_apart(entries, space, apart):
            continue
        each = candidate(space.pack(entries))
        known = best.get(each.covers)
        if each.covers and (known is None or (each.cost, each.cube) < (known.cost, known.cube)):
            best[each.covers] = each
    start = [
        candidate(cube)
        for cube in merged(space, _disjoint(space, list(mine.values()), points), apart)
    ]
    start = [each for each in start if each.covers]
    for each in start:  # what the rules have joined already may stay so, even if it is apart
        best.setdefault(each.covers, each)
    candidates = [best[covers] for covers in sorted(best)]
    things = (1 << len(points)) - 1
    return cheapest(candidates, things, start, MAX_STEPS, once=once)


def _disjoint(space: Space, cubes: Sequence[int], points: Sequence[int]) -> list[int]:
    """Cubes that cover the same as some others, none of them twice."""
    if not any(space.meet(one, other) for at, one in enumerate(cubes) for other in cubes[:at]):
        return list(cubes)
    return list(points)


def _cost(space: Space, cube: int, covered: int, mine: Mapping[int, int]) -> tuple[int, ...]:
    """What a rule costs, in the order that matters: see the module.

    Itself; what it takes of the impossible; the rules that it stands for, so that few are split;
    their runs of neighbours; the entries that it needs, and whether the first conditions do.
    """
    sources = [at for at, other in mine.items() if space.meet(cube, other)]
    runs = sum(at - 1 not in sources for at in sources)
    entries = space.entries(cube)
    last = len(entries) - 1
    fulls = [entry.bit_count() == width for entry, width in zip(entries, space.widths, strict=True)]
    literals = len(fulls) - sum(fulls)
    order = sum(1 << (last - at) for at, full in enumerate(fulls) if full)
    return (1, space.size(cube) - covered, len(sources), runs, literals, order)


def _keeps_apart(entries: Sequence[int], space: Space, apart: Sequence[bool]) -> bool:
    return all(
        not alone or entry.bit_count() in (1, width)
        for entry, width, alone in zip(entries, space.widths, apart, strict=True)
    )


def _by_outcome(table: RuleSet) -> dict[object, list[Rule]]:
    alike: dict[object, list[Rule]] = defaultdict(list)
    for rule in table.rules:
        alike[rule.decides].append(rule)
    return alike


def _rules(table: RuleSet, cubes: Iterable[tuple[int, Rule]]) -> tuple[Rule, ...]:
    """Rules of cubes with an outcome, named by and in the order of those that they stand for."""
    space = table.space
    found = []
    for cube, like in cubes:
        those = [
            (at, rule, _share(table, cube & other, other))
            for at, (rule, other) in enumerate(zip(table.rules, table.cubes, strict=True))
            if rule.decides == like.decides and space.meet(cube, other)
        ]
        weight = sum(rule.weight * share for _, rule, share in those)
        rule = Rule("", space.entries(cube), like.outcome, _plain(weight))
        found.append(([at for at, _, _ in those], cube, rule))
    found.sort(key=lambda each: (each[0], each[1]))
    names = joint_names([[table.rules[at].name for at in those] for those, _, _ in found])
    return tuple(replace(rule, name=name) for name, (_, _, rule) in zip(names, found, strict=True))


def _share(table: RuleSet, part: int, whole: int) -> float:
    """How much of what a cube is about is in a part of it, of what can occur."""
    if part == whole:
        return 1.0
    space = table.space
    try:
        sizes = [
            sum(map(space.size, space.uncovered(cube, table.impossible_cubes, Budget(SHARE_STEPS))))
            for cube in (part, whole)
        ]
    except BudgetSpentError:
        sizes = [space.size(part), space.size(whole)]
    return sizes[0] / sizes[1]


def _plain(weight: float) -> float:
    rounded = round(weight, 9)
    return int(rounded) if rounded == int(rounded) else rounded
