"""The values of a condition: a literal, a set of them, or a range of numbers.

Rule: values of a condition are disjoint: an input is of exactly one. A range is a set of real
numbers, and is written `1..27`, `> 1000`, `<= 5`, or `(500..1000]` where an end is left out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

Literal = str | int | float | bool
"""What an input is."""


def is_number(value: object) -> bool:
    """Whether a value can lie in a range: a truth value is no number here."""
    return isinstance(value, int | float) and not isinstance(value, bool)


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`; None: without an end on that side."""

    low: float | None = None
    high: float | None = None
    low_open: bool = False
    """Whether `low` itself is left out."""
    high_open: bool = False

    def __contains__(self, value: object) -> bool:
        if not isinstance(value, int | float) or isinstance(value, bool):
            return False
        if self.low is not None and (value < self.low or (self.low_open and value == self.low)):
            return False
        return self.high is None or not (
            value > self.high or (self.high_open and value == self.high)
        )

    def __str__(self) -> str:
        if self.low is None:
            return (
                f"{'<' if self.high_open else '<='} {self.high}" if self.high is not None else ".."
            )
        if self.high is None:
            return f"{'>' if self.low_open else '>='} {self.low}"
        if not (self.low_open or self.high_open):
            return f"{self.low}..{self.high}"
        opening, closing = "(" if self.low_open else "[", ")" if self.high_open else "]"
        return f"{opening}{self.low}..{self.high}{closing}"

    @property
    def empty(self) -> bool:
        """Whether no number is in it."""
        if self.low is None or self.high is None:
            return False
        return self.low > self.high or (self.low == self.high and (self.low_open or self.high_open))

    @property
    def start(self) -> tuple[float, int]:
        """Where it begins, as a cut between numbers: before the number (0) or after it (1)."""
        return (-math.inf, 0) if self.low is None else (self.low, int(self.low_open))

    @property
    def end(self) -> tuple[float, int]:
        """Where it ends, likewise."""
        return (math.inf, 1) if self.high is None else (self.high, int(not self.high_open))

    def overlaps(self, other: Range) -> bool:
        """Whether a number is in both."""
        return self.start < other.end and other.start < self.end

    def bounds(self) -> tuple[Literal, ...]:
        """The first and the last number in it, as far as it has ends.

        Beside an end that is left out, this is the next number with as many decimals.
        """
        found: list[Literal] = []
        if self.low is not None:
            found.append(_beside(self.low, 1) if self.low_open else self.low)
        if self.high is not None:
            found.append(_beside(self.high, -1) if self.high_open else self.high)
        return tuple(dict.fromkeys(each for each in found if each in self))

    def typical(self) -> Literal:
        """A number inside: in the middle of a range with two ends, else the one beside its end."""
        if self.low is not None and self.high is not None:
            middle = (self.low + self.high) / 2
            whole = math.floor(middle)
            return whole if whole in self else middle
        ends = self.bounds()
        return ends[0] if ends else 0


def _beside(number: float, direction: int) -> float:
    if isinstance(number, int):
        return number + direction
    decimals = len(repr(number).partition(".")[2]) if "e" not in repr(number) else 9
    step: float = 10.0**-decimals
    return round(number + direction * step, decimals)


@dataclass(frozen=True)
class Value:
    """A value of a condition: its name, what belongs to it, and what stands for it in cases."""

    name: str
    members: tuple[Literal | Range, ...]
    samples: tuple[Literal, ...] = ()
    """Inputs to use in cases, first of all; empty: what the members are."""

    @classmethod
    def of(cls, what: Value | Literal | Range | tuple[Literal | Range, ...]) -> Value:
        """A value that is named by what it is."""
        if isinstance(what, Value):
            return what
        members = what if isinstance(what, tuple) else (what,)
        return cls(", ".join(map(name_of, members)), members)

    def __contains__(self, value: object) -> bool:
        return any(_same(each, value) for each in (*self.members, *self.samples))

    def overlaps(self, other: Value) -> bool:
        """Whether an input is of both."""
        return any(
            _meet(mine, its)
            for mine in (*self.members, *self.samples)
            for its in (*other.members, *other.samples)
        )

    def sample(self) -> Literal:
        """The input that stands for it."""
        if self.samples:
            return self.samples[0]
        first = self.members[0]
        return first.typical() if isinstance(first, Range) else first

    def inputs(self, *, boundaries: bool) -> tuple[Literal, ...]:
        """The inputs that stand for it: its sample, and with `boundaries` the ends of ranges."""
        ends = [
            end
            for each in self.members
            if boundaries and isinstance(each, Range)
            for end in each.bounds()
        ]
        return tuple(dict.fromkeys([self.sample(), *ends]))


def name_of(member: Literal | Range) -> str:
    """What a member is called where it has no other name."""
    if isinstance(member, bool):
        return "Y" if member else "N"
    return str(member)


def _same(member: Literal | Range, value: object) -> bool:
    if isinstance(member, Range):
        return value in member
    return member == value and isinstance(member, bool) == isinstance(value, bool)


def _meet(mine: Literal | Range, its: Literal | Range) -> bool:
    if isinstance(mine, Range) and isinstance(its, Range):
        return mine.overlaps(its)
    return _same(mine, its) if isinstance(mine, Range) else _same(its, mine)
