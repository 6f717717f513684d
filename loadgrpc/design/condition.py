"""A condition of a table: a name and two or more values, of which an input has exactly one.

An *entry* is a set of values of a condition, as a number: the bit of each value that is in it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from itertools import combinations

from loadgrpc.design.errors import DesignError
from loadgrpc.design.value import Literal, Range, Value

ANY = "-"
"""How an entry is written that has all values: the condition does not matter."""
MAX_VALUES = 10_000
_SHOWN = 8
"""Names that a sentence lists."""


@dataclass(frozen=True)
class Condition:
    """See the module."""

    name: str
    values: tuple[Value, ...]
    apart: bool = False
    """Whether simplification leaves its values apart: an entry is one of them, or all."""

    def __post_init__(self) -> None:
        if not self.name:
            raise DesignError("a condition needs a name")
        if not self.values:
            raise DesignError(f"condition {self.name} has no values")
        if len(self.values) > MAX_VALUES:
            raise DesignError(f"condition {self.name} has more than {MAX_VALUES} values")
        if len(self._places) < len(self.values):
            names = [each.name for each in self.values]
            twice = next(name for name in names if names.count(name) > 1)
            raise DesignError(f"condition {self.name} has two values named {twice!r}")
        for each in self.values:
            for member in each.members:
                if isinstance(member, Range) and member.empty:
                    raise DesignError(f"condition {self.name}: no number is in {member}")
        if overlap := self._overlap():
            one, other = overlap
            raise DesignError(
                f"condition {self.name}: the values {one.name!r} and {other.name!r} overlap;"
                " an input must be of one value only"
            )

    @classmethod
    def of(
        cls, name: str, values: Iterable[Value | Literal | Range], *, apart: bool = False
    ) -> Condition:
        """A condition with values that are named by what they are."""
        return cls(name, tuple(Value.of(each) for each in values), apart)

    @classmethod
    def binary(cls, name: str) -> Condition:
        """A condition that holds or does not: Y and N."""
        return cls.of(name, (True, False))

    @property
    def any(self) -> int:
        """The entry with all values."""
        return (1 << len(self.values)) - 1

    @property
    def is_binary(self) -> bool:
        """Whether it is one that holds or does not."""
        return self == Condition(self.name, (Value.of(True), Value.of(False)), self.apart)  # noqa: FBT003

    @cached_property
    def _places(self) -> dict[str, int]:
        return {each.name: at for at, each in enumerate(self.values)}

    @cached_property
    def _inputs(self) -> dict[tuple[bool, Literal], int]:
        """The place of each literal; a truth value is not the number that equals it."""
        found: dict[tuple[bool, Literal], int] = {}
        for at, value in enumerate(self.values):
            for each in (*value.members, *value.samples):
                if not isinstance(each, Range):
                    found.setdefault((isinstance(each, bool), each), at)
        return found

    def place(self, name: str) -> int:
        """The place of the value with this name, from 0; raises DesignError."""
        at = self._places.get(name)
        if at is None:
            raise DesignError(self._no_value(repr(name)))
        return at

    def place_of(self, given: object) -> int:
        """The place of the value that an input is of, from 0; raises DesignError.

        An input that is of none may be the name of one.
        """
        if isinstance(given, str | int | float):
            at = self._inputs.get((isinstance(given, bool), given))
            if at is not None:
                return at
            for at, value in enumerate(self.values):
                if given in value:
                    return at
            if isinstance(given, str) and given in self._places:
                return self._places[given]
        raise DesignError(self._no_value(repr(given)))

    def entry(self, names: Iterable[str]) -> int:
        """The entry with the values of these names."""
        found = 0
        for name in names:
            found |= 1 << self.place(name)
        return found

    def names(self, entry: int) -> tuple[str, ...]:
        """The names of the values in an entry."""
        return tuple(each.name for at, each in enumerate(self.values) if entry >> at & 1)

    def chosen(self, entry: int) -> tuple[Value, ...]:
        """The values in an entry."""
        return tuple(each for at, each in enumerate(self.values) if entry >> at & 1)

    def said(self, entry: int) -> str:
        """An entry for people."""
        return ANY if entry == self.any else ", ".join(self.names(entry))

    def _no_value(self, what: str) -> str:
        names = [each.name for each in self.values]
        close = get_close_matches(what.strip("'"), names, n=2)
        if close:
            return f"{self.name} has no value {what}; did you mean {' or '.join(close)}?"
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        return f"{self.name} has no value {what}; it has: {', '.join(names[:_SHOWN])}{more}"

    def _overlap(self) -> tuple[Value, Value] | None:
        """Two values that an input could be of; literals are looked up, ranges compared."""
        seen: dict[tuple[bool, Literal], Value] = {}
        with_ranges = set()
        for value in self.values:
            for each in (*value.members, *value.samples):
                if isinstance(each, Range):
                    with_ranges.add(value)
                elif seen.setdefault((isinstance(each, bool), each), value) is not value:
                    return seen[isinstance(each, bool), each], value
        pairs = combinations(self.values, 2)
        ranged = ((one, other) for one, other in pairs if {one, other} & with_ranges)
        return next((pair for pair in ranged if pair[0].overlaps(pair[1])), None)
