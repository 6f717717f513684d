"""What the scripts of Loads have in common: our commands, under the names that Loads gave them.

Rule: a script takes the options of the command of ours that does the same, all of them, so that
what is new there is here, too; in addition it has the spellings of Loads. An option of Loads that
means nothing here is unknown, and the error says what to use instead (`elsewhere.py`).
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, Final

import click

import loadgrpc
from loadgrpc.cli.command import Command

SETTINGS: Final[dict[str, Any]] = {
    "help_option_names": ["-h", "--help"],
    "max_content_width": 100,
}


def spelled(
    params: Sequence[click.Parameter], others: Mapping[str, Sequence[str]]
) -> list[click.Parameter]:
    """The parameters of a command, some with more spellings; by their names."""
    found = []
    for param in params:
        taken = copy.copy(param)
        taken.opts = [*param.opts, *others.get(str(param.name), ())]
        found.append(taken)
    return found


def version(command: click.Command) -> click.Command:
    """Gives a script `--version`."""
    return click.version_option(loadgrpc.__version__, message="%(prog)s %(version)s")(command)


class LoadsScript(Command):
    """A script: a command that is not beneath `loadgrpc`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, context_settings=SETTINGS, configured=True, **kwargs)
