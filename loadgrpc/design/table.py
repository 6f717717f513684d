"""A decision table: a set of rules that can be asked, checked, simplified and made into cases.

Rule: nothing here writes combinations down one by one, except `from_function` and `combinations`,
which say so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

from loadgrpc.design.case import Case
from loadgrpc.design.case_making import make_cases
from loadgrpc.design.condition import Condition
from loadgrpc.design.cube import Space
from loadgrpc.design.document import read, write
from loadgrpc.design.errors import DesignError
from loadgrpc.design.findings import Findings, find
from loadgrpc.design.rule import Decision
from loadgrpc.design.rule_set import RuleSet
from loadgrpc.design.simplify import Simplification, simplify
from loadgrpc.design.value import Literal

MAX_FUNCTION: Final = 1 << 16
"""A function is asked about at most this many combinations."""


class Impossible:
    """What a function returns for a combination that cannot occur: the class itself."""


@dataclass(frozen=True)
class DecisionTable(RuleSet):
    """See the module."""

    @classmethod
    def of(cls, rules: RuleSet) -> DecisionTable:
        """A table of a set of rules."""
        return cls(rules.conditions, rules.actions, rules.rules, rules.impossible, rules.title)

    @classmethod
    def from_rules(
        cls,
        rules: Iterable[Mapping[str, Any]],
        *,
        conditions: Mapping[str, Iterable[Any]] | Sequence[Condition] = (),
        impossible: Iterable[Mapping[str, Any]] = (),
        title: str = "",
    ) -> DecisionTable:
        """A table from rules as they are written.

        Args:
            rules: Each with `when`, the entries by condition (the same as text as in files, or a
                value), `then`, its actions (a list of those that are taken, a mapping of actions
                to values, or a text, the value of the action named `action`), and, if it wants,
                `name` (else its number) and `weight`.
            conditions: The values of each condition; of those not named here, the values that the
                rules mention. A condition that holds or does not is `("Y", "N")`.
            impossible: What cannot occur: entries by condition, as of rules.
            title: What the table is about.

        Raises:
            DesignError: something does not fit, and which.
        """
        declared: Mapping[str, Any]
        if isinstance(conditions, Mapping):
            declared = conditions
        else:
            declared = {each.name: each for each in conditions}
        return cls.from_document(
            {
                "title": title,
                "conditions": declared,
                "rule": list(rules),
                "impossible": [{"when": each} for each in impossible],
            }
        )

    @classmethod
    def from_function(
        cls,
        decide: Callable[..., object],
        conditions: Sequence[Condition],
        *,
        title: str = "",
    ) -> DecisionTable:
        """A table with a rule for each combination, as a function decides it.

        The function is called with an input for each condition, by name, and returns the actions
        as `then` of a rule, None where nothing is decided, or `Impossible`.

        Raises:
            DesignError: there are more than 65,536 combinations.
        """
        space = Space([len(each.values) for each in conditions])
        if space.total > MAX_FUNCTION:
            raise DesignError(
                f"{space.total} combinations are too many to ask a function about;"
                f" at most {MAX_FUNCTION} are: write rules"
            )
        rules, impossible = [], []
        for number, values in enumerate(product(*(each.values for each in conditions)), 1):
            named = zip(conditions, values, strict=True)
            inputs = {condition.name: value.sample() for condition, value in named}
            then = decide(**inputs)
            when = {
                each.name: frozenset({value.name})
                for each, value in zip(conditions, values, strict=True)
            }
            if then is Impossible:
                impossible.append({"name": str(number), "when": when})
            elif then is not None:
                rules.append({"name": str(number), "when": when, "then": then})
        declared = {each.name: each for each in conditions}
        return cls.from_document(
            {"title": title, "conditions": declared, "rule": rules, "impossible": impossible}
        )

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> DecisionTable:
        """A table from what a TOML or a JSON file of it holds; raises DesignError."""
        return cls.of(read(document))

    def to_document(self) -> dict[str, Any]:
        """What a TOML or a JSON file of it holds."""
        return write(self)

    def point(self, inputs: Mapping[str, object]) -> tuple[int, ...]:
        """The entries of an input, which has a value for each condition; raises DesignError."""
        for name in inputs:
            if all(each.name != name for each in self.conditions):
                raise DesignError(f"the table has no condition {name!r}")
        entries = []
        for each in self.conditions:
            if each.name not in inputs:
                raise DesignError(f"the input has no value for {each.name}")
            entries.append(1 << each.place_of(inputs[each.name]))
        return tuple(entries)

    def decide(self, inputs: Mapping[str, object]) -> Decision:
        """What follows for an input: a value, or the name of one, for each condition.

        Raises:
            DesignError: no rule is about it, it cannot occur, or rules contradict each other.
        """
        point = self.space.pack(self.point(inputs))
        met = [each for each, cube in zip(self.rules, self.cubes, strict=True) if not point & ~cube]
        given = ", ".join(f"{name}={value}" for name, value in inputs.items())
        for excluded, cube in zip(self.impossible, self.impossible_cubes, strict=True):
            if not point & ~cube:
                raise DesignError(f"{given} cannot occur: impossible combination {excluded.name}")
        if not met:
            raise DesignError(f"no rule is about {given}")
        if any(each.decides != met[0].decides for each in met):
            names = ", ".join(each.name for each in met)
            raise DesignError(f"rules {names} contradict each other about {given}")
        return Decision(tuple(each.name for each in met), self.taken(met[0]))

    def combinations(self) -> Iterator[dict[str, Literal]]:
        """Every combination that can occur, one by one, as an input: few at a time, many in all."""
        for values in product(*(each.values for each in self.conditions)):
            point = self.space.pack(
                [
                    each.entry([value.name])
                    for each, value in zip(self.conditions, values, strict=True)
                ]
            )
            if all(point & ~cube for cube in self.impossible_cubes):
                pairs = zip(self.conditions, values, strict=True)
                yield {condition.name: value.sample() for condition, value in pairs}

    def check(self) -> Findings:
        """What is wrong with its rules, without expanding it: see findings.py."""
        return find(self)

    def simplify(self, *, overlap: bool = False, apart: Iterable[str] = ()) -> TableSimplification:
        """The same decisions by fewer rules: see simplify.py."""
        found = simplify(self, overlap=overlap, apart=frozenset(apart))
        return TableSimplification(self.with_rules(found.rules), found)

    def cases(self, *, strength: int = 0, boundaries: bool = False) -> tuple[Case, ...]:
        """Inputs that exercise every rule, with what is expected of each: see cases.py."""
        return make_cases(self, strength=strength, boundaries=boundaries)


@dataclass(frozen=True)
class TableSimplification:
    """A simpler table, and how it was found."""

    table: DecisionTable
    how: Simplification
