"""A load as people type it, with the files of numbers that it names."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from loadgrpc.cli import plan_values, values
from loadgrpc.cli.conditions import BELOW
from loadgrpc.model import Load
from loadgrpc.protocol.kinds import Kind
from loadgrpc.protocol.load_kinds import LoadKind
from loadgrpc.stats import load_text

MAX_NUMBERS_BYTES: Final = 4 << 20
"""Of a file of levels: many times more than a load may have."""


def load_of(text: str) -> Load:
    """The load that a text means: see `stats/load_text.py`.

    Raises:
        LoadTextError: it cannot be read; the message says which character is wrong.
    """
    return load_text.stages(text, numbers_of)


def numbers_of(path: str) -> tuple[float, ...]:
    """The numbers in a file, one a line; what follows a # is a remark."""
    try:
        with Path(path).open(encoding="utf-8-sig") as file:
            content = file.read(MAX_NUMBERS_BYTES + 1)
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8"
        raise ValueError(f"{path} cannot be read: {why}") from None
    if len(content) > MAX_NUMBERS_BYTES:
        raise ValueError(f"{path} has more than {MAX_NUMBERS_BYTES >> 20} MiB")
    found = []
    for number, line in enumerate(content.splitlines(), 1):
        if not (text := line.partition("#")[0].strip()):
            continue
        try:
            found.append(float(text))
        except ValueError:
            raise ValueError(f"line {number} of {path} is not a number: {text[:40]!r}") from None
    return tuple(found)


class LoadText(values.Value[Load]):
    """See `load_of`. What cannot be read is marked in a line of its own."""

    name = "STAGES"

    def read(self, text: str) -> Load:
        """See Value."""
        try:
            return load_of(text)
        except load_text.LoadTextError as error:
            raise ValueError(BELOW.join([error.why, *error.marked.split("\n")])) from None


def of_kind(kind: Kind) -> values.Value[Any] | None:
    """How people write an option of a plan, a load among them: see `plan_values.of_kind`."""
    return LoadText() if isinstance(kind, LoadKind) else plan_values.of_kind(kind)
