"""The parameters that a test declares, and the values that a plan gives to them.

    class TestShop(TestCase):
        product: int = 7
        pause: timedelta = timedelta(seconds=1)
        card: Secret[str]

Rule: a parameter is an annotated attribute of the test's class, as a dataclass has fields, whose
type can be read from text. One without a value has to be given, unless a method of the class sets
it: then it is what the test knows, and nobody gives it. Names that begin with an underscore, those
of `TestCase` itself, and a ClassVar are none. What is given is set on the class, before its
fixtures run. What is given as a secret need not be declared: `self.secret(NAME)` has it. All that
is wrong is named at once.
"""

from __future__ import annotations

import dis
import inspect
import sys
import types
import typing
import unittest
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar, Union

from loadgrpc.errors import InvalidRequest, TestNotLoaded, Violation
from loadgrpc.model import Parameter, did_you_mean, hyphened, seconds_of
from loadgrpc.secrets import names_secret

T = TypeVar("T")
_MARK: Final = "loadgrpc secret"
Secret = Annotated[T, _MARK]
"""The type of a parameter whose value nobody but its runner may see: `card: Secret[str]`."""

INVALID: Final = "InvalidParameters"
"""The type of the error when parameters are wrong: `message` has `name: what`, one after another,
with semicolons in between."""
MISSING: Final = "is missing: the test declares it without a value"
OPEN: Final = "is declared as a secret, and the plan does not say that it is: set `secret`"
_SHOWN_CHARS: Final = 64
_SHOWN_NAMES: Final = 10
_NONE: Final = type(None)


@dataclass(frozen=True)
class Declared:
    """A parameter of a test."""

    name: str
    hint: Any
    """Its type, as it is annotated."""
    required: bool
    """Whether the class has no value for it."""

    @property
    def is_secret(self) -> bool:
        """Whether its value is a secret, by its type or by its name."""
        return _is_marked(self.hint) or names_secret(self.name)


class _NotReadError(ValueError):
    """Text that is no value of a type; it says what would be one, and nothing of the text."""


def declared(case_class: type[unittest.TestCase]) -> dict[str, Declared]:
    """The parameters of a test, by name, in the order in which they are declared."""
    own, ours = _own(case_class)
    taken = {name for each in ours for name in (*vars(each), *_annotations(each))}
    found = {
        name: hint
        for each in own
        for name, hint in _hints(each)
        if name[0] != "_" and name not in taken
    }
    missing = {name for name in found if not hasattr(case_class, name)}
    if missing:
        missing -= set(_set_by_methods(own))
    return {
        name: Declared(name, hint, name in missing)
        for name, hint in found.items()
        if _reader(hint) is not None and (name in missing or hasattr(case_class, name))
    }


def values(
    case_class: type[unittest.TestCase], given: Iterable[Parameter], *, checked: bool = True
) -> dict[str, Any]:
    """The values of parameters that are given, converted.

    Args:
        case_class: The class of the test.
        given: What a plan gives.
        checked: Whether what does not fit is refused; if not, it is ignored or given as text.

    Raises:
        InvalidRequest: some are not declared, missing or of another type; each is named.
    """
    known = declared(case_class)
    wrong: list[Violation] = []
    found: dict[str, Any] = {}
    texts: dict[str, str] = {}
    open_names: set[str] = set()
    secret: set[str] = set()
    for each in given:
        texts[each.name] = each.value
        if each.secret:
            secret.add(each.name)
        if not each.is_secret:
            open_names.add(each.name)
    for name, text in texts.items():
        if name not in known:
            if name in secret:
                continue
            wrong.append(Violation(name, f"is no parameter of the test{_instead(name, known)}"))
            continue
        if known[name].is_secret and name in open_names:
            wrong.append(Violation(name, OPEN))
        read = _reader(known[name].hint)
        assert read is not None  # noqa: S101 - it is declared
        try:
            found[name] = read(text)
        except _NotReadError as error:
            shown = "" if known[name].is_secret else f", not {text[:_SHOWN_CHARS]!r}"
            wrong.append(Violation(name, f"must be {error}{shown}"))
            found[name] = text
    missing = [name for name, each in known.items() if each.required and name not in texts]
    wrong += [Violation(name, MISSING) for name in missing]
    if wrong and checked:
        raise InvalidRequest(wrong)
    return found


def give(
    case_class: type[unittest.TestCase], given: Iterable[Parameter], *, checked: bool = True
) -> None:
    """Sets the parameters that are given on the class of a test.

    Raises:
        TestNotLoaded: as `values` refuses them; its cause is INVALID.
    """
    try:
        found = values(case_class, given, checked=checked)
    except InvalidRequest as error:
        raise TestNotLoaded(str(error), cause=INVALID) from None
    for name, value in found.items():
        setattr(case_class, name, value)


def secrets_of(
    case_class: type[unittest.TestCase] | None, given: Iterable[Parameter]
) -> dict[str, str]:
    """What nobody but the runner may see, by name; None: the test is not known."""
    known = declared(case_class) if case_class is not None else {}
    return {
        each.name: each.value
        for each in given
        if each.is_secret or (each.name in known and known[each.name].is_secret)
    }


# What a class declares


def _own(case_class: type) -> tuple[list[type], list[type]]:
    """The classes of a test, the base first: its authors', and those of unittest and ours."""
    own: list[type] = []
    ours: list[type] = []
    for each in reversed(case_class.__mro__):
        place = f"{each.__module__}."
        others = each is object or place.startswith(("unittest.", "loadgrpc.runner."))
        (ours if others else own).append(each)
    return own, ours


def _annotations(of: type) -> Mapping[str, Any]:
    return inspect.get_annotations(of)


def _hints(of: type) -> Iterator[tuple[str, Any]]:
    """What a class itself annotates, with types instead of texts."""
    module = vars(sys.modules.get(of.__module__, types))
    for name, hint in _annotations(of).items():
        yield name, _evaluated(hint, module, dict(vars(of)))


def _evaluated(hint: Any, module: dict[str, Any], names: dict[str, Any]) -> Any:
    """A type that may be written as a text; None: it has no meaning here."""
    holder = types.SimpleNamespace(__annotations__={"it": hint})
    try:
        return typing.get_type_hints(holder, module, names, include_extras=True)["it"]
    except Exception:  # noqa: BLE001 - a name that is for type checkers only, mostly
        return None


def _set_by_methods(classes: Iterable[type]) -> Iterator[str]:
    """The attributes that methods of classes assign to."""
    for each in classes:
        for member in vars(each).values():
            code = getattr(getattr(member, "__func__", member), "__code__", None)
            if code is not None:
                yield from (
                    str(step.argval)
                    for step in dis.get_instructions(code)
                    if step.opname == "STORE_ATTR"
                )


def _is_marked(hint: Any) -> bool:
    if typing.get_origin(hint) is Annotated:
        return _MARK in hint.__metadata__ or _is_marked(hint.__origin__)
    return any(map(_is_marked, typing.get_args(hint)))


def _instead(name: str, known: Iterable[str]) -> str:
    names = sorted(known)
    if meant := did_you_mean(name, names):
        return meant
    if not names:
        return ", which declares none"
    more = f" and {len(names) - _SHOWN_NAMES} more" if len(names) > _SHOWN_NAMES else ""
    return f", which has {', '.join(names[:_SHOWN_NAMES])}{more}"


# How values are read

Reader = Callable[[str], Any]


def _reader(hint: Any) -> Reader | None:  # noqa: PLR0911 - one for each kind of type
    """What reads a type from text; None: nothing does."""
    if hint in _PLAIN:
        return _PLAIN[hint]
    if isinstance(hint, type) and issubclass(hint, Enum):
        return _of_enum(hint)
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        return _reader(args[0])
    if origin is Literal:
        return _one_of({str(each): each for each in args})
    if origin in (Union, types.UnionType):
        others = [each for each in args if each is not _NONE]
        return _reader(others[0]) if len(others) == 1 else None
    if origin in (list, set, frozenset) or (origin is tuple and args[1:] == (...,)):
        return _several(origin, _reader(args[0]))
    return None


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise _NotReadError("a whole number") from None


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise _NotReadError("a number") from None


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise _NotReadError("a number") from None


_FLAGS: Final = dict.fromkeys(("true", "yes", "on", "1"), True) | dict.fromkeys(
    ("false", "no", "off", "0"), False
)


def _flag(text: str) -> bool:
    try:
        return _FLAGS[text.lower()]
    except KeyError:
        raise _NotReadError("true or false") from None


def _duration(text: str) -> timedelta:
    try:
        return timedelta(seconds=seconds_of(text))
    except (ValueError, OverflowError):
        raise _NotReadError("a duration such as 90, 1.5s, 5m or 1h30m") from None


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise _NotReadError("a date such as 2031-12-24") from None


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise _NotReadError("a time such as 2031-12-24T18:00:00+01:00") from None


_PLAIN: Final[dict[Any, Reader]] = {
    str: str,
    int: _whole,
    float: _number,
    bool: _flag,
    timedelta: _duration,
    Decimal: _decimal,
    date: _day,
    datetime: _moment,
    Path: Path,
}


def _one_of(known: Mapping[str, Any]) -> Reader:
    def read(text: str) -> Any:
        try:
            return known[text]
        except KeyError:
            raise _NotReadError(f"one of {', '.join(known)}") from None

    return read


def _of_enum(kind: type[Enum]) -> Reader:
    """A value of an enum, by its name in any spelling."""
    names = {hyphened(each.name): each for each in kind}
    read = _one_of(names)
    return lambda text: read(hyphened(text))


def _several(kind: type, read: Reader | None) -> Reader | None:
    """Values with commas in between."""
    if read is None:
        return None
    return lambda text: kind(read(each.strip()) for each in text.split(",") if each.strip())
