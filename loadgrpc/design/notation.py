"""How values and entries are written in files, and read.

    27, -3, 9.99            numbers
    1..27, > 5, <= 5, (500..1000]     ranges
    gold, "a, b", "12"      texts, in quotes where they would be read as something else
    true, false             truth values; Y and N are a condition that holds or does not
    -                       an entry: whatever it is
    M1, M2                  an entry: one of these
    not M4                  an entry: all but these
    M1 = 4, 6, 9, 11 e.g. 9 a value: its name, what belongs to it, what stands for it in cases

Rule: reading what was written gives the same value.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Final

from loadgrpc.design.condition import ANY, Condition
from loadgrpc.design.errors import DesignError
from loadgrpc.design.value import Literal, Range, Value, is_number, name_of

_NUMBER: Final = r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?"
_IS_NUMBER: Final = re.compile(_NUMBER)
_COMPARISON: Final = re.compile(rf"(>=|<=|≥|≤|>|<)\s*({_NUMBER})")
_SPAN: Final = re.compile(rf"([\[(]?)\s*({_NUMBER})\s*(?:\.\.|…)\s*({_NUMBER})\s*([\])]?)")
_PIECE: Final = re.compile(r'\s*("(?:[^"\\]|\\.)*"|[^,"]*?)\s*(?:,|$)')
_NAMED: Final = re.compile(r'\s*("(?:[^"\\]|\\.)*"|[^=<>≥≤"]+?)\s*=\s*(.*)', re.DOTALL)
_EXAMPLE: Final = " e.g. "
_EXEMPLIFIED: Final = re.compile(
    rf'((?:"(?:[^"\\]|\\.)*"|[^"])*?)(?:{re.escape(_EXAMPLE)}(.*))?', re.DOTALL
)
_NOT: Final = re.compile(r"(?:not\s+|!\s*)(.*)", re.DOTALL)
_TRUTH: Final = {"true": True, "false": False}
YES_NO: Final = {
    **dict.fromkeys(("Y", "y", "yes", "Yes", "true"), "Y"),
    **dict.fromkeys(("N", "n", "no", "No", "false"), "N"),
}
"""How a condition is written that holds or does not."""
_ANY: Final = ("", ANY, "*")
_MARKS: Final = ("X", "x", "✓", "√", "true")


def pieces(text: str) -> list[str]:
    """What stands between commas, as it is written; raises DesignError."""
    found, at = [], 0
    text = text.strip()
    while at < len(text):
        match = _PIECE.match(text, at)
        if match is None or (not match[1] and match.end() < len(text)):
            raise DesignError(f"{text!r} cannot be read: a quote or a value is missing")
        found.append(match[1])
        at = match.end()
    if not found or not found[-1] or text.endswith(","):
        raise DesignError(f"{text!r} cannot be read: a value is missing")
    return found


def member(text: str) -> Literal | Range:
    """One number, range, truth value or text; raises DesignError."""
    if text.startswith('"'):
        return _unquoted(text)
    if text in _TRUTH:
        return _TRUTH[text]
    return _number(text) if _IS_NUMBER.fullmatch(text) else _range(text)


def _range(text: str) -> str | Range:
    """A range, or the text itself if it is none."""
    if match := _COMPARISON.fullmatch(text):
        number, sign = _number(match[2]), match[1]
        if sign[0] in ">≥":
            return Range(low=number, low_open=sign == ">")
        return Range(high=number, high_open=sign == "<")
    if match := _SPAN.fullmatch(text):
        opening, low, high, closing = match.groups()
        return Range(_number(low), _number(high), opening == "(", closing == ")")
    return text


def value(text: str) -> Value:
    """A value as it is declared; raises DesignError."""
    name, rest = None, text
    if match := _NAMED.fullmatch(text):
        name, rest = match[1], match[2]
    parts = _EXEMPLIFIED.fullmatch(rest)
    what, samples = parts.groups() if parts else (rest, None)
    members = tuple(member(each) for each in pieces(what))
    chosen = tuple(member(each) for each in pieces(samples)) if samples is not None else ()
    literals = tuple(each for each in chosen if not isinstance(each, Range))
    if len(literals) < len(chosen):
        raise DesignError(f"{text!r}: an example is one value, not a range")
    if name is None:
        name = ", ".join(map(name_of, members))
    elif name.startswith('"'):
        name = _unquoted(name)
    return Value(name, members, literals)


def said_value(value: Value) -> str:
    """A value as it is declared."""
    text = ", ".join(map(said_member, value.members))
    if value.name != ", ".join(map(name_of, value.members)):
        text = f"{_said_name(value.name)} = {text}"
    if value.samples:
        text += _EXAMPLE + ", ".join(map(said_member, value.samples))
    return text


def said_member(what: Literal | Range) -> str:
    """A member as it is written."""
    if isinstance(what, bool):
        return "true" if what else "false"
    if isinstance(what, Range) or is_number(what):
        return str(what)
    text = str(what)
    if not _is_plain(text) or text in YES_NO or member(text) != text or "=" in text:
        return json.dumps(text, ensure_ascii=False)
    return text


def entry(condition: Condition, text: str) -> int:
    """An entry of a condition; raises DesignError."""
    text = text.strip()
    names = {each.name for each in condition.values}
    if text in _ANY:
        return condition.any
    if text in names:
        return condition.entry([text])
    if match := _NOT.fullmatch(text):
        left = condition.any & ~_entry(condition, pieces(match[1]), names)
        if not left:
            raise DesignError(f"{condition.name}: nothing is left of {text!r}")
        return left
    return _entry(condition, pieces(text), names)


def _entry(condition: Condition, texts: Iterable[str], names: set[str]) -> int:
    found = 0
    for each in texts:
        name = _unquoted(each) if each.startswith('"') else each
        if name in names:
            found |= condition.entry([name])
        elif condition.is_binary and each in YES_NO:
            found |= condition.entry([YES_NO[each]])
        else:
            found |= entry_of(condition, member(each))
    return found


def entry_of(condition: Condition, what: Literal | Range) -> int:
    """The entry of a literal, or of all values in a range; raises DesignError."""
    if not isinstance(what, Range):
        return 1 << condition.place_of(what)
    found = 0
    for at, each in enumerate(condition.values):
        whole = Value.of(what)
        if each.overlaps(whole):
            if not all(_lies_in(one, what) for one in each.members):
                raise DesignError(f"{condition.name}: {what} cuts through the value {each.name!r}")
            found |= 1 << at
    if not found:
        raise DesignError(f"{condition.name} has no value in {what}")
    return found


def said_entry(condition: Condition, entry: int) -> str:
    """An entry as it is written."""
    if entry == condition.any:
        return ANY
    return ", ".join(map(_said_name, condition.names(entry)))


def action(text: str) -> Literal | None:
    """What stands in the cell of an action: None, it is not taken."""
    text = text.strip()
    if text in _ANY:
        return None
    if text in _MARKS:
        return True
    what = member(text)
    return text if isinstance(what, Range) else what


def said_name(name: str) -> str:
    """The name of a condition at the head of its column: in quotes if it has what values have."""
    return json.dumps(name, ensure_ascii=False) if any(each in name for each in '("') else name


def name(text: str) -> str:
    """The same, read."""
    return _unquoted(text) if text.startswith('"') else text


def said_action(value: Literal | None) -> str:
    """The cell of an action."""
    if value is None:
        return ""
    if value is True:
        return "X"
    if isinstance(value, str) and (value in _MARKS or not _is_plain(value)):
        return json.dumps(value, ensure_ascii=False)
    return str(value) if isinstance(member(str(value)), Range) else said_member(value)


def _lies_in(one: Literal | Range, what: Range) -> bool:
    if isinstance(one, Range):
        return what.start <= one.start and one.end <= what.end
    return one in what


def _said_name(name: str) -> str:
    return name if _is_plain(name) else json.dumps(name, ensure_ascii=False)


def _is_plain(text: str) -> bool:
    """Whether a text stands for itself without quotes."""
    return not (
        text in _ANY
        or text != text.strip()
        or any(each in text for each in ',;"|\\#')
        or not text.isprintable()
        or _EXAMPLE in f" {text} "
        or _NOT.fullmatch(text)
    )


def _unquoted(text: str) -> str:
    try:
        found = json.loads(text)
    except ValueError:
        raise DesignError(f"{text} cannot be read: the quotes do not fit") from None
    return str(found)


def _number(text: str) -> float:
    number = float(text)
    return int(text) if re.fullmatch(r"[+-]?\d+", text) else number
