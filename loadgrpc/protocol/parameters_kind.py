"""The kind of an option that has values of a test's parameters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from loadgrpc.model import Parameter
from loadgrpc.protocol.kinds import Kind
from loadgrpc.secrets import MASK


@dataclass(frozen=True)
class ParametersKind(Kind):
    """Values of a test's parameters, sorted by name."""

    entries: int
    name_chars: int
    value_chars: int

    def get(self, message: Any, field: str) -> tuple[Parameter, ...] | None:
        """See Kind."""
        found = sorted(getattr(message, field).items(), key=itemgetter(0))
        return tuple(Parameter(name, each.value, each.secret) for name, each in found) or None

    def put(self, message: Any, field: str, value: tuple[Parameter, ...]) -> None:
        """Sets these parameters, and leaves others that are there."""
        for each in value:
            entry = getattr(message, field)[each.name]
            entry.value, entry.secret = each.value, each.secret

    def wrong(self, value: tuple[Parameter, ...]) -> Iterator[tuple[str, str]]:
        """See Kind. What the test makes of values its runner says; lengths are in `bounds.py`."""
        for each in value:
            if not each.name.isascii() or not each.name.isidentifier() or each.name[0] == "_":
                detail = "is not a name: it needs letters, digits and underscores, a letter first"
                yield f"[{each.name!r}]", detail
            elif each.is_withheld:
                yield f"[{each.name!r}]", f"is a secret, and {MASK!r} only stands for its value"

    def shown(self, value: tuple[Parameter, ...]) -> tuple[Parameter, ...]:
        """See Kind."""
        return tuple(each.kept() for each in value)

    def __str__(self) -> str:
        return f"at most {self.entries:,} of them"
