"""The name of a test, taken apart: `package.module.Class.method`, `file.py::Class.method`."""

from __future__ import annotations

from typing import NamedTuple, Self


class NamedTest(NamedTuple):
    """Parts of it; those that the name does not have are empty."""

    module: str
    kind: str
    """The class."""
    method: str

    @classmethod
    def of(cls, test: str) -> Self:
        """What a name consists of; one that a runner understands in its own way is a method."""
        file, colons, rest = test.partition("::")
        if colons:
            kind, _, method = rest.replace("::", ".").rpartition(".")
            return cls(file.removesuffix(".py").replace("/", "."), kind, method)
        if any(mark in test for mark in " /:\\"):
            return cls("", "", test)
        owner, _, method = test.rpartition(".")
        module, _, kind = owner.rpartition(".")
        return cls(module, kind, method)

    @property
    def class_name(self) -> str:
        """Module and class, as reports have it; the method's own name if it has neither."""
        return ".".join(filter(None, (self.module, self.kind))) or self.method
