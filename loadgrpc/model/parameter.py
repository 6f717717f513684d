"""A value that a plan gives to one of a test's parameters."""

from __future__ import annotations

from dataclasses import dataclass, replace

from loadgrpc.secrets import MASK, is_withheld, masked, names_secret


@dataclass(frozen=True)
class Parameter:
    """See the module. The value is text; what the test declares says how it is read."""

    name: str
    value: str
    secret: bool = False
    """Whether whoever gave it says that it is one; see `is_secret`."""

    @property
    def is_secret(self) -> bool:
        """Whether only the runner that needs the value may have it."""
        return self.secret or names_secret(self.name)

    @property
    def is_withheld(self) -> bool:
        """Whether it is a secret, or had one in a URL, and this is what stands for it."""
        return is_withheld(self.value, secret=self.is_secret)

    def kept(self) -> Parameter:
        """It as it may be stored and shown: without a secret, and without those in a URL."""
        if self.is_secret:
            return replace(self, value=MASK, secret=True)
        return replace(self, value=masked(self.value))
