"""What holds for the options of a command: what was typed, the environment, a file, the default.

Rule: the command line goes before the environment, that before the configuration file, and that
before the defaults. A key of the file that is no option is an error, and so is a variable that is
almost one; a setting for another command is left to it. Click keeps count of where a value comes
from: variables are the `envvar` of a parameter, the file is the `default_map` of a context.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import click
from click.core import ParameterSource

from loadgrpc.cli import config_file, credential_options, elsewhere
from loadgrpc.cli.config_file import ConfigFile, Setting
from loadgrpc.cli.failure import Failure
from loadgrpc.protocol.environment import OF_RUNNERS, QUIET_ENV, RUN_ID_ENV
from loadgrpc.secrets import VARIABLE as SECRET

PREFIX: Final = "LOADGRPC_"
CONFIG: Final = "config"
BROKER: Final = "broker"
"""The parameter that is configured for every command that has it."""
COMMANDS: Final = ("run", "broker", "agent")
"""Those of which every option can be configured."""
OTHER_KEYS: Final = {"fqn": "test"}
"""Keys of Loads that are no option of ours."""
ANY: Final = -1
"""The `nargs` of an argument that may be given several times."""
_META: Final = "loadgrpc.configuration"


def is_configured(param: click.Parameter, *, wholly: bool) -> bool:
    """Whether a file and the environment may set a parameter. `wholly`: all of its command's."""
    if param.name in (*credential_options.NAMES, credential_options.SIGN):
        return True
    return param.expose_value and (wholly or param.name == BROKER)


def keys(param: click.Parameter) -> list[str]:
    """What a file may call a parameter: its long options, and its name."""
    long = [each.lstrip("-") for each in param.opts if each.startswith("--")]
    found = [each.replace("-", "_") for each in long] or [str(param.name)]
    return list(dict.fromkeys(found))


def variables(param: click.Parameter) -> list[str]:
    """The environment variables that set a parameter; those of observers are the broker's own."""
    if str(param.name).startswith("observer_"):
        from loadgrpc.cli.observer_options import OF_OBSERVERS  # noqa: PLC0415 - heavy

        if param.name in OF_OBSERVERS:
            return []
    return [PREFIX + key.upper() for key in keys(param)]


def in_environment(command: click.Command) -> None:
    """Gives the parameters of a command their variables, as far as these are not a runner's."""
    taken = OF_RUNNERS if RUN_ID_ENV in os.environ else frozenset()
    for param in _params(command):
        param.envvar = [name for name in variables(param) if name not in taken]


def apply(ctx: click.Context, path: Path | None) -> None:
    """Lets the file at this path, or else that of the current folder, set options of a command.

    Raises:
        Failure: it cannot be read, or has a key that is no option; a variable is almost one.
    """
    found = config_file.load(path) if path is not None else config_file.find()
    own = {key: param for param in _params(ctx.command) for key in keys(param)}
    _check_variables(own)
    values: dict[str, Any] = {}
    for key, value in found.settings.items():
        name = OTHER_KEYS.get(key, key)
        if name in own:
            param = own[name]
            if str(param.name) in values:
                raise Failure(f"{found}: {_first(found, param, key)!r} and {key!r} are the same")
            values[str(param.name)] = _as_typed(param, value, f"{found}: {key!r}")
        elif name not in _known():
            raise Failure(f"{found}: {_unknown(key, own)}")
    ctx.default_map = values
    ctx.meta[_META] = found


def _first(found: ConfigFile, param: click.Parameter, key: str) -> str:
    """The other key of a file that sets the parameter."""
    return next(
        each for each in found.settings if each != key and OTHER_KEYS.get(each, each) in keys(param)
    )


def _params(command: click.Command) -> list[click.Parameter]:
    wholly = bool(getattr(command, "configured", False))
    return [each for each in command.params if is_configured(each, wholly=wholly)]


def _known() -> set[str]:
    """The keys of all commands."""
    return {key for name in COMMANDS for param in of_command(name) for key in keys(param)}


def of_command(name: str) -> list[click.Parameter]:
    """The parameters of a command that can be configured."""
    return _params(importlib.import_module(f"loadgrpc.cli.{name}").command)


def _as_typed(param: click.Parameter, value: Setting, where: str) -> Any:
    """A setting as the parser would give it to the parameter."""
    if getattr(param, "multiple", False) or param.nargs == ANY:
        return [value] if isinstance(value, str) else value
    if isinstance(value, str):
        return value
    if joined := getattr(param.type, "joined", ""):
        return str(joined).join(value)
    raise Failure(f"{where} takes one value, and there are {len(value)}")


def _unknown(key: str, own: Iterable[str]) -> str:
    """What is wrong with a key, and what may have been meant."""
    return f"no such option: {key!r}{elsewhere.hint_of_key(key, {*own, *_known()})}"


def _check_variables(own: Iterable[str]) -> None:
    """See that no variable is an option with a slip in it: a run with another load than meant.

    Raises:
        Failure: one is.
    """
    known = {PREFIX + key.upper() for key in {*own, CONFIG}}
    known |= OF_RUNNERS | {QUIET_ENV}  # LOADGRPC_TOKEN among them
    left = [
        name
        for name in os.environ
        if name.startswith(PREFIX) and name not in known and not name.startswith(SECRET)
    ]
    if not left:
        return
    from loadgrpc.cli.observer_options import VARIABLES  # noqa: PLC0415 - heavy

    known |= {PREFIX + key.upper() for key in _known()} | VARIABLES
    for name in sorted(set(left) - known):
        word = name.removeprefix(PREFIX).lower()
        near = elsewhere.slip(word, [each.removeprefix(PREFIX).lower() for each in known])
        if near:
            raise Failure(
                f"{name} in the environment is not an option"
                f" (did you mean {PREFIX + near.upper()}?)"
            )


def where(ctx: click.Context, param: click.Parameter) -> str:
    """Where the value of a parameter comes from; empty: it was typed, or is the default."""
    source = ctx.get_parameter_source(str(param.name))
    if source is ParameterSource.ENVIRONMENT:
        envvars: Sequence[str] = (
            [param.envvar] if isinstance(param.envvar, str) else (param.envvar or ())
        )
        return next((name for name in envvars if os.environ.get(name)), "")
    found = ctx.meta.get(_META)
    if source is ParameterSource.DEFAULT_MAP and found is not None:
        return str(found)
    return ""


def used(ctx: click.Context) -> dict[str, list[str]]:
    """The options of a command that were not typed and have no default, by where they were set."""
    found: dict[str, list[str]] = {}
    for param in _params(ctx.command):
        if place := where(ctx, param):
            found.setdefault(place, []).append(keys(param)[0])
    return found


def layers(ctx: click.Context, asked: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What was asked for by the file, by the environment, and on the command line."""
    for source in (
        ParameterSource.DEFAULT_MAP,
        ParameterSource.ENVIRONMENT,
        ParameterSource.COMMANDLINE,
    ):
        yield {
            name: value for name, value in asked.items() if ctx.get_parameter_source(name) is source
        }
