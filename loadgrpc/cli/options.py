"""Options that several commands have, defined once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from loadgrpc.cli import DEFAULT_BROKER, configuration, credential_options, log, values

F = TypeVar("F", bound=Callable[..., Any])


def broker(
    meaning: str = "The broker that owns the run.",
    shown: Callable[[Any], Any] = credential_options.of_clients,
) -> Callable[[F], F]:
    """`-b/--broker`, the address of a broker; `meaning` says which. `--config`, and credentials."""
    option = click.option(
        "-b",
        "--broker",
        type=values.Address(),
        default=DEFAULT_BROKER,
        show_default=True,
        help=meaning,
    )
    return lambda command: option(shown(config(command)))


def config(command: F) -> F:
    """`--config`, the file in which options stand that were not typed."""

    def apply(ctx: click.Context, param: click.Parameter, path: Path | None) -> None:
        del param
        if not ctx.resilient_parsing:
            configuration.apply(ctx, path)

    return click.option(
        "--config",
        type=click.Path(path_type=Path),
        metavar="FILE",
        is_eager=True,
        expose_value=False,
        callback=apply,
        envvar=configuration.PREFIX + "CONFIG",
        help="Take options that were not typed from this file: a section [loadgrpc] or [loads] of"
        " INI, or [tool.loadgrpc] of TOML.  [default: loadgrpc.ini or pyproject.toml, if there]",
    )(command)


def as_json(meaning: str = "Print a JSON document instead.") -> Callable[[F], F]:
    """`--json`, for programs; `meaning` says what is printed."""
    return click.option("--json", "as_json", is_flag=True, help=meaning)


def logging(command: F) -> F:
    """`--log-format`, `--log-file` and `-v/--verbose`, of commands that log for long."""
    verbose = click.option("-v", "--verbose", count=True, help="Log more to stderr.")
    log_format = click.option(
        "--log-format",
        type=click.Choice(log.FORMATS),
        default="text",
        show_default=True,
        help="How lines of the log look.",
    )
    log_file = click.option(
        "--log-file",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        help="Append the log to this file, which may be moved away at any time.  [default: stderr]",
    )
    return log_format(log_file(verbose(command)))
