"""The options of an agent that say whose code it runs, as whom, and how much that may take."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from loadgrpc.cli import spans, values

if TYPE_CHECKING:
    from loadgrpc.model import Limits

F = TypeVar("F", bound=Callable[..., Any])

LONGEST_RUN_S: Final = 366 * 86_400.0
MOST_PROCESSES: Final = 1_000_000
LEAST_FILES: Final = 64
"""Python itself, and what a runner listens to, need some dozens."""
LEAST_BYTES: Final = 16_000_000
_EXPECTED: Final = "expected some of memory=2GB, processes=200, files=4096, time=1h"

_READERS: Final[dict[str, tuple[str, Callable[[str], Any]]]] = {
    "memory": ("memory_bytes", lambda text: _least(values.size(text), LEAST_BYTES, text)),
    "processes": ("processes", lambda text: values.count(text, 1, MOST_PROCESSES)),
    "files": ("files", lambda text: values.count(text, LEAST_FILES, MOST_PROCESSES)),
    "time": ("time_s", lambda text: spans.seconds(text, most=LONGEST_RUN_S)),
}
"""Each limit: its name in the model, and how its value is read."""


class LimitsValue(values.Value["Limits"]):
    """Limits, separated by commas: `memory=2GB,processes=200`."""

    name = "LIMITS"

    def read(self, text: str) -> Limits:
        """See Value."""
        from loadgrpc.model import Limits  # noqa: PLC0415 - on this path only

        found: dict[str, Any] = {}
        for part in text.split(","):
            name, _, value = part.strip().partition("=")
            if name not in _READERS:
                raise ValueError(f"{part.strip()!r} is not a limit; {_EXPECTED}")
            field, reads = _READERS[name]
            if field in found:
                raise ValueError(f"{name} is there twice")
            try:
                found[field] = reads(value)
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from None
        return Limits(**found)


def options(command: F) -> F:
    """Gives a command the options."""
    for option in (
        click.option(
            "--run-limit",
            "limits",
            type=LimitsValue(),
            metavar="LIMITS",
            help="What a run may take on this agent, all its processes together:"
            " memory=2GB,processes=200,time=1h; and each process: files=4096. A run that takes more"
            " is ended, and says why.",
        ),
        click.option(
            "--run-as",
            metavar="USER",
            help="Run tests, and pip, as this user, with none of the agent's rights, variables and"
            " files; the agent has to be started as root.",
        ),
        click.option(
            "--require-signed",
            "trusted_keys",
            type=click.Path(dir_okay=False, path_type=Path),
            metavar="FILE",
            multiple=True,
            help="Run only what is signed with a key of this file: lines as `loadgrpc certs signer`"
            " prints them. May be given several times.",
        ),
    ):
        command = option(command)
    return command


def _least(value: int, least: int, text: str) -> int:
    if value < least:
        raise ValueError(f"{text!r} is less than {least / 1e6:g} MB")
    return value
