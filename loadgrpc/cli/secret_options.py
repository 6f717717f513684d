"""`--secret`: values that a test gets and nobody sees, by where they are to be read from.

Rule: a secret is never typed nor written down; what is, is where it is: `@FILE` or `env:VARIABLE`.
It is a parameter of the plan with `secret` set, and no other kind of thing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from loadgrpc.cli import values
from loadgrpc.model import Parameter
from loadgrpc.protocol import options

F = TypeVar("F", bound=Callable[..., Any])

NAME: Final = "secrets"
"""Of the option below, among those of a command."""
SECTION: Final = (NAME,)
KEYS: Final = ("secret", "secrets")
"""Of a plan file."""
FILE, VARIABLE = "@", "env:"
MAX_SECRET_BYTES: Final = 65_536
"""Of a file that is read: more than any secret may have."""
_TYPED: Final = (
    "a value itself is not taken: everybody on a machine can read its command lines, and files of"
    " plans are passed around; expected {name}=@FILE or {name}=env:VARIABLE"
)

_taken: set[str] = set()
"""Variables that secrets were read from."""


def add(command: F) -> F:
    """Gives a command the option."""
    return click.option(
        "--secret",
        NAME,
        type=SecretText(),
        multiple=True,
        metavar="NAME=@FILE|NAME=env:VARIABLE",
        help="A secret for the test, which has it as self.secret(NAME), from a file or a variable"
        " here; nobody else sees it. Repeatable.",
    )(command)


class SecretText(values.Value[Parameter]):
    """`NAME=@FILE`, or `NAME=env:VARIABLE`."""

    name = "NAME=@FILE|NAME=env:VARIABLE"

    def read(self, text: str) -> Parameter:
        """See Value."""
        name, _, reference = text.partition("=")
        return secret(name, reference)


def secret(name: str, reference: str, folder: Path = Path()) -> Parameter:
    """The secret that is there; a file is found from the folder.

    Raises:
        ValueError: it cannot be read, or is none. The message has nothing of its value.
    """
    if not name.isascii() or not name.isidentifier() or name[0] == "_":
        raise ValueError(
            "a secret needs a name of letters, digits and underscores, a letter first; expected"
            " NAME=@FILE or NAME=env:VARIABLE"
        )
    if reference.startswith(FILE):
        value = _of_file(name, folder / reference.removeprefix(FILE))
        where = reference
    elif reference.startswith(VARIABLE):
        variable = reference.removeprefix(VARIABLE)
        if variable not in os.environ:
            raise ValueError(f"{name}: the variable {variable!r} is not set here")
        _taken.add(variable)
        value, where = os.environ[variable], reference
    else:
        raise ValueError(f"{name}: {_TYPED.format(name=name)}")
    if not value:
        raise ValueError(f"{name}: {where} is empty")
    most = options.ALL["parameters"].kind.value_chars  # type: ignore[attr-defined]
    if len(value) > most:
        raise ValueError(f"{name}: {where} has {len(value):,} characters, more than {most:,}")
    return Parameter(name, value, secret=True)


def _of_file(name: str, path: Path) -> str:
    """What is in a file, without the end of its last line."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_SECRET_BYTES)
        text = data.decode()
    except OSError as error:
        raise ValueError(f"{name}: {path} cannot be read: {error.strerror or error}") from None
    except ValueError:
        raise ValueError(f"{name}: {path} cannot be read: it is not UTF-8") from None
    return text.removesuffix("\n").removesuffix("\r")


def spelled(written: Any, folder: Path) -> dict[str, Any]:
    """Secrets of a plan file, by name, as parameters of it.

    Raises:
        ValueError: they are no references by names, or cannot be read.
    """
    if isinstance(written, list) and all(isinstance(each, str) for each in written):
        named = [each.partition("=")[::2] for each in written]
    elif isinstance(written, Mapping) and all(isinstance(each, str) for each in written.values()):
        named = list(written.items())
    else:
        raise ValueError("are references by names, such as { token = 'env:API_TOKEN' }")
    found = (secret(name, reference, folder) for name, reference in named)
    return {each.name: {"value": each.value, "secret": True} for each in found}


def withhold() -> None:
    """Takes the variables that secrets were read from out of the environment of this process.

    What it starts, such as the runners of a local run, does not inherit them.
    """
    for name in _taken:
        os.environ.pop(name, None)
