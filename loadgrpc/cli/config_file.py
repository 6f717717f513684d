"""A configuration file: options of commands, one key each, in a section of INI or TOML.

Rule: a key is the long name of an option, with `_` or `-`. What is in the file is text, or a list
of texts for an option that may be repeated, and is then read as if it had been typed. A file that
somebody named must have the section; one that happens to lie in the current folder need not.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, time
from pathlib import Path
from typing import Any, Final

from loadgrpc.cli.failure import Failure

INI: Final = "loadgrpc.ini"
PYPROJECT: Final = "pyproject.toml"
SECTIONS: Final = ("loadgrpc", "loads")
"""Of INI; the first that is there counts."""
MAX_CONFIG_BYTES: Final = 1 << 20
_PREFIX: Final = re.compile(r"(?:observer|output)[-_]\w+")
"""Sections of INI that stand for options: `[output-file]` with `filename`."""
_REFERENCE: Final = re.compile(r"\$(\$|)\{([^}\n]*)\}")
"""`${NAME}`; `$${NAME}` stands for `${NAME}` itself."""

Setting = str | list[str]


@dataclass(frozen=True)
class ConfigFile:
    """What a file sets."""

    path: Path | None = None
    """None: there is no file."""
    section: str = ""
    settings: Mapping[str, Setting] = field(default_factory=dict)
    """By key, with underscores."""

    def __str__(self) -> str:
        return f"{self.path} [{self.section}]"


def find() -> ConfigFile:
    """The configuration of the current folder: loadgrpc.ini, or else that of pyproject.toml.

    Raises:
        Failure: it cannot be read.
    """
    for name in (INI, PYPROJECT):
        path = Path(name)
        if path.is_file() and (found := _read(path)):
            return found
    return ConfigFile()


def load(path: Path) -> ConfigFile:
    """The configuration in a file that somebody named.

    Raises:
        Failure: it cannot be read, or has no section of ours.
    """
    found = _read(path)
    if found is None:
        sections = (
            "[tool.loadgrpc]" if _is_toml(path) else " or ".join(f"[{name}]" for name in SECTIONS)
        )
        raise Failure(f"{path} has no section {sections}")
    return found


def _is_toml(path: Path) -> bool:
    return path.suffix == ".toml"


def _read(path: Path) -> ConfigFile | None:
    """What a file sets; None: it has no section of ours."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_CONFIG_BYTES + 1)
        if len(content) > MAX_CONFIG_BYTES:
            raise ValueError(f"it has more than {MAX_CONFIG_BYTES >> 20} MiB")  # noqa: TRY301 - told as all that is wrong
        text = content.decode("utf-8-sig")
        return _of_toml(path, text) if _is_toml(path) else _of_ini(path, text)
    except OSError as error:
        raise Failure(f"{path} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise Failure(f"{path} cannot be read: it is not UTF-8") from error
    except (ValueError, RecursionError) as error:
        raise Failure(f"{path} is not a configuration: {error}") from error


def _of_ini(path: Path, text: str) -> ConfigFile | None:
    import configparser  # noqa: PLC0415 - commands start quickly where there is no file

    parser = configparser.ConfigParser(interpolation=None, strict=True)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # as the documentation has it
    try:
        parser.read_string(text, str(path))
    except configparser.Error as error:
        raise ValueError(str(error)) from error
    section = next((name for name in SECTIONS if parser.has_section(name)), None)
    if section is None:
        return None
    written = [*parser.items(section)]
    for other in filter(_PREFIX.fullmatch, parser.sections()):
        own = parser[other].keys() - parser.defaults().keys()
        written += [(f"{other}-{name}", parser[other][name]) for name in sorted(own)]
    settings: dict[str, Setting] = {}
    for name, value in written:
        lines = [_unquoted(each.strip()) for each in value.splitlines() if each.strip()]
        lines = [_filled(each, path, name) for each in lines]
        _add(settings, name, lines if len(lines) > 1 else "".join(lines))
    return ConfigFile(path, section, settings)


def _of_toml(path: Path, text: str) -> ConfigFile | None:
    import tomllib  # noqa: PLC0415 - as above

    document = tomllib.loads(text)
    tool = document.get("tool")
    table = tool.get("loadgrpc") if isinstance(tool, dict) else None
    if table is None:
        return None
    if not isinstance(table, dict):
        raise ValueError("tool.loadgrpc is not a table")  # noqa: TRY004 - told as all that is wrong
    settings: dict[str, Setting] = {}
    for name, value in table.items():
        found = [_text(each, name) for each in value] if isinstance(value, list) else None
        made = _text(value, name) if found is None else found
        filled = (
            _filled(made, path, name)
            if isinstance(made, str)
            else [_filled(each, path, name) for each in made]
        )
        _add(settings, name, filled)
    return ConfigFile(path, "tool.loadgrpc", settings)


def _add(settings: dict[str, Setting], name: str, value: Setting) -> None:
    key = name.strip().lower().replace("-", "_")
    if key in settings:
        raise ValueError(f"{name!r} is there twice")
    settings[key] = value


def _text(value: Any, name: str) -> str:
    """A value of TOML as people would type it."""
    if (text := typed(value)) is not None:
        return text
    kind = "a table" if isinstance(value, dict) else "a list in a list"
    kind = "a date or a time" if isinstance(value, date | time) else kind
    raise ValueError(f"{name!r} is {kind}; expected a text, a number, true, false, or a list")


def typed(value: Any) -> str | None:
    """A value of a document as people would type it; None: it is more than one."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, str | int | float) else None


def _unquoted(text: str) -> str:
    quoted = len(text) > 1 and text[0] == text[-1] == '"'
    return text[1:-1] if quoted else text


def _filled(text: str, path: Path, name: str) -> str:
    """A text with what its references stand for: variables, and HERE, the folder of the file."""

    def meant(found: re.Match[str]) -> str:
        if found[1]:
            return found[0][1:]
        if found[2] == "HERE":
            return str(path.absolute().parent)
        if found[2] not in os.environ:
            raise ValueError(f"{name!r} needs the variable {found[2]}, which is not set")
        return os.environ[found[2]]

    return _REFERENCE.sub(meant, text)
