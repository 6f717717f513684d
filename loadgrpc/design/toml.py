"""A table in TOML: read with the lines of what is in it, and written as a person would."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from typing import Any, Final

from loadgrpc.design.document import read, write
from loadgrpc.design.errors import DesignError
from loadgrpc.design.rule_set import RuleSet

_HEADER: Final = re.compile(r"\s*\[\[\s*(rule|impossible)\s*\]\]")
_TABLE: Final = re.compile(r"\s*\[\s*([^\[\]]+?)\s*\]\s*(?:#.*)?")
_PART: Final = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|'[^']*')"""
_KEY: Final = re.compile(rf"\s*({_PART}(?:\s*\.\s*{_PART})*)\s*=")
_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_POSITION: Final = re.compile(r"\s*\(at line (\d+), column \d+\)")


def read_toml(text: str) -> RuleSet:
    """The set of rules in a text; raises DesignError."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        position = _POSITION.search(str(error))
        raise DesignError(
            f"it is not TOML: {_POSITION.sub('', str(error))}",
            line=int(position[1]) if position else 0,
        ) from None
    lines: dict[str, list[int]] = {"rule": [], "impossible": []}
    for number, line in enumerate(text.splitlines(), 1):
        if match := _HEADER.match(line):
            lines[match[1]].append(number)
    for kind, numbers in lines.items():
        rows = document.get(kind)
        if isinstance(rows, list) and len(rows) == len(numbers):
            for row, number in zip(rows, numbers, strict=True):
                row["line"] = number
    return read(document, _lines_of_keys(text))


def _lines_of_keys(text: str) -> dict[str, int]:
    """Where keys are, by their names; those of tables in them as `table.key`."""
    found: dict[str, int] = {}
    table: tuple[str, ...] | None = ()
    for number, line in enumerate(text.splitlines(), 1):
        if _HEADER.match(line):
            table = None  # its rows know their lines
        elif (header := _TABLE.fullmatch(line)) and (path := _path(f"[{header[1]}]")):
            table = path
            found.setdefault(".".join(table), number)
        elif table is not None and (key := _KEY.match(line)) and (path := _path(f"{key[1]} = 0")):
            path = (*table, *path)
            for length in range(1, len(path) + 1):
                found.setdefault(".".join(path[:length]), number)
    return found


def _path(line: str) -> tuple[str, ...]:
    """The names that a line of TOML leads along; empty: it is none."""
    try:
        document: Any = tomllib.loads(line)
    except tomllib.TOMLDecodeError:
        return ()
    found: list[str] = []
    while isinstance(document, dict) and document:
        ((name, document),) = document.items()
        found.append(name)
    return tuple(found)


def write_toml(table: RuleSet) -> str:
    """The text of a set of rules."""
    document = write(table)
    lines = []
    if table.title:
        lines.append(f"title = {_value(table.title)}")
    given = [key for key in ("apart", "actions") if key in document]
    lines += [f"{key} = {_value(document[key])}" for key in given]
    lines += ["", "[conditions]"]
    lines += [f"{_key(name)} = {_value(what)}" for name, what in document["conditions"].items()]
    rows = [(kind, row) for kind in ("rule", "impossible") for row in document.get(kind, [])]
    for kind, row in rows:
        lines += ["", f"[[{kind}]]"]
        lines += [f"{key} = {_value(what)}" for key, what in row.items()]
    return "\n".join(lines).lstrip("\n") + "\n"


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _value(name)


def _value(what: Any) -> str:
    if isinstance(what, bool):
        return "true" if what else "false"
    if isinstance(what, Mapping):
        inside = ", ".join(f"{_key(name)} = {_value(each)}" for name, each in what.items())
        return f"{{ {inside} }}" if inside else "{}"
    if isinstance(what, str):
        # A JSON string is one of TOML, except for DEL, which TOML wants escaped.
        return json.dumps(what, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(what, Iterable):
        return f"[{', '.join(map(_value, what))}]"
    return repr(what)
