"""The parts of a decision table: conditions with their values, actions, rules, what cannot occur.

Rule: a set of rules is a value. It is checked when it is made: names are unique, entries and
outcomes fit its conditions and actions, and no rule is about nothing. Whether the rules are
complete and agree is a question to `DecisionTable.check`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final, Self

from loadgrpc.design.condition import Condition
from loadgrpc.design.cube import Budget, BudgetSpentError, Space
from loadgrpc.design.errors import DesignError
from loadgrpc.design.rule import Exclusion, Rule

MAX_RULES: Final = 100_000
_STEPS: Final = 20_000
"""To find out whether what cannot occur leaves anything of a rule."""


@dataclass(frozen=True)
class RuleSet:
    """See the module."""

    conditions: tuple[Condition, ...]
    actions: tuple[str, ...]
    rules: tuple[Rule, ...]
    impossible: tuple[Exclusion, ...] = ()
    """Combinations that cannot occur. A rule may be about some of them, but not only."""
    title: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        if not self.conditions:
            raise DesignError("a table needs a condition")
        if not self.actions:
            raise DesignError("a table needs an action")
        if len(self.rules) > MAX_RULES:
            raise DesignError(f"a table has at most {MAX_RULES} rules, not {len(self.rules)}")
        for what, names in (
            ("condition", [each.name for each in self.conditions]),
            ("action", self.actions),
            ("rule", [each.name for each in self.rules]),
        ):
            twice = [name for name, count in Counter(names).items() if count > 1]
            if twice:
                raise DesignError(f"two {what}s are named {twice[0]!r}")
        for each in self.everything:
            self._check(each)
        for rule in self.rules:
            self._check_possible(rule)

    @property
    def everything(self) -> tuple[Rule | Exclusion, ...]:
        """Its rules, and what is impossible."""
        return (*self.rules, *self.impossible)

    @cached_property
    def space(self) -> Space:
        """The combinations of its conditions."""
        return Space([len(each.values) for each in self.conditions])

    @cached_property
    def cubes(self) -> tuple[int, ...]:
        """What each rule is about."""
        return tuple(self.space.pack(rule.entries) for rule in self.rules)

    @cached_property
    def impossible_cubes(self) -> tuple[int, ...]:
        """What cannot occur."""
        return tuple(self.space.pack(each.entries) for each in self.impossible)

    def rule(self, name: str) -> Rule:
        """The rule with this name; raises DesignError."""
        for each in self.rules:
            if each.name == name:
                return each
        raise DesignError(f"no rule is named {name!r}")

    def taken(self, rule: Rule) -> dict[str, str | int | float | bool]:
        """The actions that follow from a rule: True, or the value of each."""
        pairs = zip(self.actions, rule.outcome, strict=True)
        return {action: value for action, value in pairs if value is not None}

    def said(self, entries: Sequence[int]) -> dict[str, str]:
        """Entries for people, by condition, those that do not matter left out."""
        return {
            each.name: each.said(entry)
            for each, entry in zip(self.conditions, entries, strict=True)
            if entry != each.any
        }

    def sentence(self, entries: Sequence[int]) -> str:
        """The same as one text."""
        said = self.said(entries)
        return ", ".join(f"{name}={value}" for name, value in said.items()) or "everything"

    def with_rules(self, rules: Iterable[Rule]) -> Self:
        """The same with other rules."""
        return replace(self, rules=tuple(rules))

    def _check(self, each: Rule | Exclusion) -> None:
        what = f"rule {each.name}" if isinstance(each, Rule) else f"impossible {each.name}"
        if len(each.entries) != len(self.conditions):
            raise DesignError(f"{what} has {len(each.entries)} entries, not {len(self.conditions)}")
        for condition, entry in zip(self.conditions, each.entries, strict=True):
            if not 0 < entry <= condition.any:
                raise DesignError(f"{what} has no value for {condition.name}")
        if isinstance(each, Rule):
            if len(each.outcome) != len(self.actions):
                raise DesignError(
                    f"{what} has {len(each.outcome)} actions, not {len(self.actions)}"
                )
            if not 0 <= each.weight < float("inf"):
                raise DesignError(f"{what}: a weight is a number from 0, not {each.weight}")

    def _check_possible(self, rule: Rule) -> None:
        excluded = self.impossible_cubes
        if not excluded:
            return
        try:
            nothing_left = self.space.is_covered(
                self.space.pack(rule.entries), excluded, Budget(_STEPS)
            )
        except BudgetSpentError:
            return  # it is not known, and no reason to refuse the table
        if nothing_left:
            cube = self.space.pack(rule.entries)
            pairs = zip(self.impossible, excluded, strict=True)
            names = ", ".join(each.name for each, other in pairs if self.space.meet(cube, other))
            raise DesignError(
                f"rule {rule.name} can never apply: all of it is impossible (by {names})"
            )
