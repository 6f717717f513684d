"""What is wrong with the rules of a table: gaps, overlaps, contradictions, redundancies.

Rule: nothing is expanded. Rules are compared pair by pair, as cubes; what no rule is about is
searched as a solver searches; and where a search takes too long, the finding says that it is not
complete, rather than nothing.

    gap            a combination that can occur, and that no rule is about
    overlap        two rules with the same outcome are about the same combination
    contradiction  two rules with different outcomes are about the same combination
    redundancy     all of a rule is covered by other rules with the same outcome
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, islice
from typing import Final

from loadgrpc.design.cube import Budget, BudgetSpentError, Space
from loadgrpc.design.rule_set import RuleSet

MAX_SHOWN: Final = 100
"""Gaps, overlaps and so on that are listed, of each kind."""
MAX_COUNTED: Final = 20_000
"""Disjoint pieces that are added up to count what is covered."""
STEPS: Final = 1_000_000
"""Looks at a rule, of each kind of search; about a second."""


@dataclass(frozen=True)
class Uncovered:
    """Combinations that no rule is about."""

    entries: tuple[int, ...]
    size: int


@dataclass(frozen=True)
class Clash:
    """Two rules about the same combinations."""

    first: str
    second: str
    entries: tuple[int, ...]
    """Where they meet."""


@dataclass(frozen=True)
class Redundancy:
    """A rule that others make needless."""

    rule: str
    by: tuple[str, ...]


@dataclass(frozen=True)
class Findings:
    """See the module. Lists hold the first ones; the counts are whole."""

    total: int
    """Combinations of all values."""
    impossible: int | None
    """Of these, how many cannot occur; None: too many pieces to count."""
    covered: int | None
    """How many of those that can occur have a rule; None: likewise."""
    gaps: tuple[Uncovered, ...]
    has_more_gaps: bool
    overlaps: tuple[Clash, ...]
    overlap_count: int
    contradictions: tuple[Clash, ...]
    contradiction_count: int
    redundancies: tuple[Redundancy, ...]
    undecided: tuple[str, ...]
    """What could not be found out within the bounds, as sentences."""

    @property
    def complete(self) -> bool:
        """Whether every combination that can occur has exactly one outcome, as far as is known."""
        return not (self.gaps or self.contradictions or self.undecided)


def find(table: RuleSet) -> Findings:
    """Checks a table."""
    space = table.space
    undecided: list[str] = []
    overlaps, contradictions, counts = _clashes(table, undecided)
    disjoint = not (counts["overlaps"] or counts["contradictions"])
    impossible = _size(space, table.impossible_cubes)
    everything = [*table.cubes, *table.impossible_cubes]
    either = _size(space, everything, disjoint=disjoint and not table.impossible)
    gaps: list[int] = []
    if either != space.total:
        try:
            search = space.uncovered(space.full, everything, Budget(STEPS))
            gaps.extend(islice(search, MAX_SHOWN + 1))
        except BudgetSpentError:
            undecided.append(
                "whether there are gaps" if not gaps else "whether there are more gaps"
            )
    return Findings(
        total=space.total,
        impossible=impossible,
        covered=None if either is None or impossible is None else either - impossible,
        gaps=tuple(Uncovered(space.entries(each), space.size(each)) for each in gaps[:MAX_SHOWN]),
        has_more_gaps=len(gaps) > MAX_SHOWN,
        overlaps=tuple(overlaps),
        overlap_count=counts["overlaps"],
        contradictions=tuple(contradictions),
        contradiction_count=counts["contradictions"],
        redundancies=tuple(_redundancies(table, undecided)),
        undecided=tuple(undecided),
    )


def _clashes(
    table: RuleSet, undecided: list[str]
) -> tuple[list[Clash], list[Clash], dict[str, int]]:
    overlaps: list[Clash] = []
    contradictions: list[Clash] = []
    counts = {"overlaps": 0, "contradictions": 0}
    space, budget = table.space, Budget(STEPS)
    pairs = combinations(zip(table.rules, table.cubes, strict=True), 2)
    for (one, first), (other, second) in pairs:
        if not space.meet(first, second):
            continue
        try:
            both = next(space.uncovered(first & second, table.impossible_cubes, budget), None)
        except BudgetSpentError:
            undecided.append(f"whether rules {one.name} and {other.name} and later ones meet")
            break
        if both is None:
            continue
        agree = one.decides == other.decides
        kind, found = ("overlaps", overlaps) if agree else ("contradictions", contradictions)
        counts[kind] += 1
        if len(found) < MAX_SHOWN:
            found.append(Clash(one.name, other.name, space.entries(both)))
    return overlaps, contradictions, counts


def _redundancies(table: RuleSet, undecided: list[str]) -> list[Redundancy]:
    space = table.space
    alike = defaultdict(list)
    for rule, cube in zip(table.rules, table.cubes, strict=True):
        alike[rule.decides].append((rule, cube))
    found: list[Redundancy] = []
    budget = Budget(STEPS)
    for rule, cube in zip(table.rules, table.cubes, strict=True):
        others = [
            (each, other)
            for each, other in alike[rule.decides]
            if each is not rule and space.meet(cube, other)
        ]
        if not others:
            continue
        cubes = [other for _, other in others]
        try:
            if space.is_covered(cube, [*cubes, *table.impossible_cubes], budget):
                found.append(Redundancy(rule.name, tuple(each.name for each, _ in others)))
        except BudgetSpentError:
            undecided.append(f"whether rule {rule.name} and later ones are redundant")
            break
    return found[:MAX_SHOWN]


def _size(space: Space, cubes: Sequence[int], *, disjoint: bool = False) -> int | None:
    """How many combinations are in some cubes together; None: too many pieces to count."""
    if disjoint:
        return sum(map(space.size, cubes))
    if not cubes:
        return 0
    left = 0
    try:
        for count, piece in enumerate(space.uncovered(space.full, cubes, Budget(STEPS))):
            if count >= MAX_COUNTED:
                return None
            left += space.size(piece)
    except BudgetSpentError:
        return None
    return space.total - left
