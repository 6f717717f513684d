"""`loadgrpc config show`: what holds for options that are not typed, and where it comes from."""

from __future__ import annotations

import importlib
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import click
from click.core import ParameterSource

from loadgrpc import secrets, verdict
from loadgrpc.cli import configuration, options, plan_options
from loadgrpc.cli.command import Command
from loadgrpc.protocol.options import ALL, rivals
from loadgrpc.text import one_line

DEFAULT: Final = "default"
_OF_HELP: Final = re.compile(r"\[default: (.*)\]$")


@dataclass(frozen=True)
class Held:
    """What holds for one option of a command."""

    command: str
    option: str
    """As a key of a configuration file."""
    value: str
    source: str
    """A file with its section, a variable, or `default`."""


@click.command(cls=Command)
@click.argument("action", type=click.Choice(["show"]), metavar="show")
@click.option(
    "--config",
    "path",
    type=click.Path(path_type=Path),
    metavar="FILE",
    envvar=configuration.PREFIX + "CONFIG",
    help="Show what this file does.  [default: loadgrpc.ini or pyproject.toml, if there]",
)
@click.option("--set", "only_set", is_flag=True, help="Show only what is not a default.")
@options.as_json()
def command(*, action: str, path: Path | None, only_set: bool, as_json: bool) -> int:
    """Show what holds for options that are not typed, and where it comes from.

    The command line goes before the environment, that before a plan of -f/--plan, that before the
    configuration file, and that before the defaults. Other commands take the address of the broker
    from the same places.

    \b
    Which broker would be asked, and why?
      loadgrpc config show --set
    What would this file do?
      loadgrpc config show --config config.ini
    """  # noqa: D301 - \b is click's mark for "do not wrap"
    del action
    from loadgrpc.cli import line  # noqa: PLC0415
    from loadgrpc.cli.line import Line  # noqa: PLC0415
    from loadgrpc.cli.table import text_table  # noqa: PLC0415

    found = [
        each
        for name in configuration.COMMANDS
        for each in held(name, path)
        if not only_set or each.source != DEFAULT
    ]
    if as_json:
        line.write_json({"options": [asdict(each) for each in found]})
        return verdict.PASSED
    lines: list[Line] = []
    for name in configuration.COMMANDS:
        rows = [[each.option, each.value, each.source] for each in found if each.command == name]
        if rows:
            heads = [f"loadgrpc {name}", "value", "from"]
            lines += [*[Line()] * bool(lines), *text_table(heads, rows, line.width_of(sys.stdout))]
    line.write(lines or [Line("everything has its default")], sys.stdout)
    return verdict.PASSED


def held(name: str, path: Path | None) -> Iterator[Held]:
    """What holds for the options of a command.

    Raises:
        Failure: the file cannot be read, or sets what cannot be.
        click.BadParameter: a value is wrong.
    """
    asked: click.Command = importlib.import_module(f"loadgrpc.cli.{name}").command
    parent = click.get_current_context()
    typed = [] if path is None else ["--config", str(path)]
    with asked.make_context(name, typed, parent=parent.parent) as ctx:
        for param in configuration.of_command(name):
            key = configuration.keys(param)[0]
            source = configuration.where(ctx, param)
            value = _value(ctx, param) if source else _default(ctx, param)
            yield Held(name, key, _shown(key, value), source or DEFAULT)


def _value(ctx: click.Context, param: click.Parameter) -> str:
    """What was written, in the environment or in the file."""
    if ctx.get_parameter_source(str(param.name)) is ParameterSource.ENVIRONMENT:
        written: Any = os.environ[configuration.where(ctx, param)]
    else:
        written = (ctx.default_map or {})[param.name]
    if isinstance(param, click.Option) and param.is_bool_flag:
        return _flag(ctx.params[str(param.name)])
    return written if isinstance(written, str) else ", ".join(written)


def _default(ctx: click.Context, param: click.Parameter) -> str:
    """What holds without anything, as the help has it; `-`: nothing, or another option does."""
    row = next((row for row in plan_options.FLAGGED if row.name == param.name), None)
    others = rivals(row) if row else ()
    if any(ctx.params.get(ALL[each].name) is not None for each in others):
        return "-"
    if isinstance(param, click.Option):
        if param.is_bool_flag:
            return _flag(param.default is True)
        if found := _OF_HELP.search(param.help or ""):
            return found[1]
        if param.show_default:
            return str(param.default)
    return "-"


def _flag(value: object) -> str:
    return "true" if value else "false"


def _shown(key: str, value: str) -> str:
    """A value without the secrets in it; of variables, their names."""
    if key in ("env", "param", "secret"):
        return ", ".join(each.partition("=")[0] for each in value.split(", "))
    return secrets.MASK if secrets.is_secret(key) else one_line(secrets.masked(value))
