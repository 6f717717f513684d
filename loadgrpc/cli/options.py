"""Options that several commands have, defined once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from loadgrpc.cli import DEFAULT_BROKER, log, values

F = TypeVar("F", bound=Callable[..., Any])


def broker(meaning: str = "The broker that owns the run.") -> Callable[[F], F]:
    """`-b/--broker`, the address of a broker; `meaning` says which."""
    return click.option(
        "-b",
        "--broker",
        type=values.Address(),
        default=DEFAULT_BROKER,
        show_default=True,
        help=meaning,
    )


def as_json(meaning: str = "Print a JSON document instead.") -> Callable[[F], F]:
    """`--json`, for programs; `meaning` says what is printed."""
    return click.option("--json", "as_json", is_flag=True, help=meaning)


def logging(command: F) -> F:
    """`--log-format` and `-v/--verbose`, of commands that log for long."""
    verbose = click.option("-v", "--verbose", count=True, help="Log more to stderr.")
    log_format = click.option(
        "--log-format",
        type=click.Choice(log.FORMATS),
        default="text",
        show_default=True,
        help="How lines of the log look.",
    )
    return log_format(verbose(command))
