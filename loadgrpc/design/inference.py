"""The values of a condition that a file does not declare: those that its rules mention.

Rule: ranges that overlap are cut into pieces that do not. Where a comparison such as `> 1000` has
no end on one side, the condition is about all numbers, so that what the rules leave out is a gap;
elsewhere it is about what they mention.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import pairwise

from loadgrpc.design import notation
from loadgrpc.design.condition import Condition
from loadgrpc.design.errors import DesignError
from loadgrpc.design.value import Literal, Range, Value, is_number

Cut = tuple[float, int]
"""Between numbers: before one (0) or after it (1)."""


def mentioned(text: str) -> list[Literal | Range]:
    """What an entry mentions, as it is written; raises DesignError."""
    text = text.strip()
    if text in ("", "-", "*"):
        return []
    for mark in ("not ", "!"):
        text = text.removeprefix(mark).strip()
    return [
        (piece if piece in notation.YES_NO else notation.member(piece))
        for piece in notation.pieces(text)
    ]


def infer(name: str, mentions: Iterable[Literal | Range]) -> Condition:
    """A condition with the values that are mentioned; raises DesignError."""
    unique: dict[tuple[bool, Literal | Range], None] = {}
    for each in mentions:
        unique.setdefault((isinstance(each, bool), each))
    found = [each for _, each in unique]
    if not found:
        raise DesignError(f"no rule says a value of {name}; declare its values")
    words = [each for each in found if isinstance(each, str | bool)]
    if len(words) == len(found) and all(
        isinstance(each, bool) or each in notation.YES_NO for each in words
    ):
        return Condition.binary(name)
    ranges = [each for each in found if isinstance(each, Range)]
    numbers = [each for each in found if is_number(each)]
    others = [each for each in found if not isinstance(each, Range) and not is_number(each)]
    if not ranges:
        return Condition.of(name, [*numbers, *others])
    points = [Range(each, each) for each in numbers if isinstance(each, int | float)]
    return Condition.of(name, [*map(_value, _atoms([*ranges, *points])), *others])


def _atoms(ranges: list[Range]) -> list[Range]:
    """The pieces that some ranges are cut into, in order."""
    for each in ranges:
        if each.empty:
            raise DesignError(f"no number is in {each}")
    endless = any(each.low is None or each.high is None for each in ranges)
    cuts: set[Cut] = {cut for each in ranges for cut in (each.start, each.end)}
    if endless:
        cuts |= {(-math.inf, 0), (math.inf, 1)}
    whole = all(isinstance(cut[0], int) or math.isinf(cut[0]) for cut in cuts)
    found = []
    for start, end in pairwise(sorted(cuts)):
        inside = any(each.start <= start and end <= each.end for each in ranges)
        if inside or (endless and not (whole and _between_integers(start, end))):
            found.append(_range(start, end))
    return found


def _between_integers(start: Cut, end: Cut) -> bool:
    """Whether no integer lies between two cuts at integers."""
    if math.isinf(start[0]) or math.isinf(end[0]):
        return False
    return start[0] + start[1] > end[0] - (1 - end[1])


def _range(start: Cut, end: Cut) -> Range:
    return Range(
        None if math.isinf(start[0]) else start[0],
        None if math.isinf(end[0]) else end[0],
        not math.isinf(start[0]) and start[1] == 1,
        not math.isinf(end[0]) and end[1] == 0,
    )


def _value(piece: Range) -> Value:
    if piece.low is not None and piece.low == piece.high:
        return Value.of(piece.low)
    return Value.of(piece)
