"""The options of a plan on a command line: their flags, what is asked for, what is wrong with it.

Rule: all of it comes from the rows of `protocol/options.py`. What is asked for is put into a
RunSpec, that of a plan file or an empty one, which is then checked as a broker checks it; here a
sentence only gets the names that people typed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from loadgrpc.cli import case_options, load_files, observer_options, secret_options
from loadgrpc.cli.conditions import ConditionText
from loadgrpc.protocol import options
from loadgrpc.protocol.case_kind import CasesKind
from loadgrpc.protocol.kinds import (
    ChoiceKind,
    FlagKind,
    ObserversKind,
    TextsKind,
    ThresholdsKind,
    VariablesKind,
)
from loadgrpc.protocol.options import Option
from loadgrpc.protocol.parameters_kind import ParametersKind

if TYPE_CHECKING:
    from loadgrpc.errors import InvalidRequest
    from loadgrpc.v1.run_pb2 import RunSpec, Scenario

F = TypeVar("F", bound=Callable[..., Any])

FLAGGED: Final = tuple(row for row in options.ALL.values() if row.flags)
"""All but TEST, which is an argument, and what the command itself makes."""
TEST, PARAMETERS = "test", "parameters"
KEYS: Final = {
    flag.removeprefix("--").replace("-", "_"): row.field
    for row in FLAGGED
    for flag in row.flags
    if flag.startswith("--")
}
"""Names of flags, and the fields that they set."""


def add(command: F) -> F:
    """Gives a command a flag for each option of a plan."""
    for row in reversed(FLAGGED):
        if isinstance(row.kind, ParametersKind):
            command = secret_options.add(command)
        if isinstance(row.kind, ObserversKind):
            command = observer_options.add(row.help)(command)
            continue
        if isinstance(row.kind, CasesKind):
            command = case_options.add(row.help)(command)
            continue
        shown = f"  [default: {row.default}]" if row.default else ""
        flag = isinstance(row.kind, FlagKind)
        option = click.option(
            *row.flags,
            row.name,
            type=ConditionText()
            if isinstance(row.kind, ThresholdsKind)
            else load_files.of_kind(row.kind),
            is_flag=flag,
            multiple=isinstance(row.kind, TextsKind | VariablesKind | ParametersKind),
            default=None,
            metavar=_metavar(row),
            help=row.help + shown,
        )
        command = option(command)
    return command


def _metavar(row: Option) -> str | None:
    """The placeholder for the value of an option in the help; None: the name of its type."""
    if isinstance(row.kind, ChoiceKind):
        return f"[{'|'.join(row.kind.words)}]"
    return row.metavar


def section(heading: str) -> tuple[str, ...]:
    """The options beneath a heading of the help text."""
    found: list[str] = []
    for row in FLAGGED:
        if row.section == heading:
            found += [row.name, *(secret_options.SECTION if row.name == PARAMETERS else ())]
    return tuple(found)


def ask(message: RunSpec, asked: Mapping[str, Any]) -> None:
    """Puts the given options into a plan, in each of its scenarios.

    `asked` has the options by their names in the model, and None where one was not given.

    Raises:
        ValueError: it says which test, and there are several scenarios.
    """
    parts: list[Any] = list(message.scenarios) or [message]
    if (asked.get(TEST) or asked.get("tests")) and len(parts) > 1:
        names = ", ".join(repr(part.name) for part in parts)
        raise ValueError(f"it has {len(parts)} scenarios ({names}), and TEST can be that of one")
    _put(_given(options.OF_PLAN, asked), [message])
    of_scenario = list(_given(options.OF_SCENARIO, asked))
    _make_way(of_scenario, [message, *parts])
    _put(of_scenario, parts)


def underlie(message: RunSpec, asked: Mapping[str, Any]) -> None:
    """Puts options into a plan where it says nothing itself, as `ask` does where it does."""
    scenarios: list[RunSpec | Scenario] = list(message.scenarios) or [message]
    for rows, parts in ((options.OF_PLAN, [message]), (options.OF_SCENARIO, scenarios)):
        for row, value in _given(rows, asked):
            for part in parts:
                if not _says(part, row) and not (part is not message and _says(message, row)):
                    row.kind.put(part, row.field, value)


def _says(part: RunSpec | Scenario, row: Option) -> bool:
    """Whether a plan or a scenario has an option, or what the option cannot be combined with."""
    told = {field.name for field, _ in part.ListFields()}
    return row.field in told or not told.isdisjoint(options.rivals(row))


def _given(rows: Iterable[Option], asked: Mapping[str, Any]) -> Iterator[tuple[Option, Any]]:
    for row in rows:
        value = asked.get(row.name)
        if isinstance(row.kind, ThresholdsKind):
            value = tuple(value or ()) or None
        elif isinstance(row.kind, TextsKind):
            value = tuple(each for some in value or () for each in some) or None
        elif row.name == PARAMETERS:
            value = (*(value or ()), *(asked.get(secret_options.NAME) or ())) or None
        if value is not None:
            yield row, value


def _put(given: Iterable[tuple[Option, Any]], parts: list[Any]) -> None:
    for row, value in given:
        for part in parts:
            row.kind.put(part, row.field, value)


def _make_way(given: Iterable[tuple[Option, Any]], parts: list[Any]) -> None:
    """A given option replaces fields that it cannot be combined with."""
    for row, _ in given:
        for rival in options.rivals(row):
            for part in parts:
                part.ClearField(rival)


def sentence(error: InvalidRequest) -> str:
    """What is wrong with a plan that was asked for, by the names that people type."""
    return "; ".join(
        f"{_named(each.field.removeprefix('plan.'))} {_FIELD.sub(_flag, each.description)}"
        for each in error.violations
    )


_NAMED: Final = {
    *(r.needs for r in FLAGGED),
    *(e for r in FLAGGED for e in r.excludes),
    "runner_mode",
} - {""}
_FIELD: Final = re.compile(rf"(?<![\w-])({'|'.join(sorted(_NAMED))})(?![\w-])")
"""A field that a sentence about another may name."""


_KEY: Final = re.compile(r"\['([^']+)'\]$")
"""The entry of a map that a path ends with."""


def _named(field: str) -> str:
    """A field as people type it: -u/--users, or TEST."""
    if field == "tests":
        return "TESTs"
    row = options.ALL.get(re.split(r"[.\[]", field)[0])
    if row is None:
        return field
    if isinstance(row.kind, ParametersKind) and (name := _KEY.search(field)):
        return f"-p {name[1]}"
    short = [flag for flag in row.flags if not flag.startswith("--")]
    long = [flag for flag in row.flags if flag.startswith("--")]
    return "/".join([*short[:1], *long[:1]]) or "TEST"


def _flag(field: re.Match[str]) -> str:
    return _named(field[1])
