"""Messages as ws4py has them: `data` is bytes, whether text or not."""

from __future__ import annotations

from typing import Final


class ReceivedMessage:
    """A message that came. `str()` of it is its text, `len()` its size in bytes."""

    __slots__ = ("data", "is_text")

    encoding: Final = "utf-8"
    completed: Final = True

    def __init__(self, data: bytes, *, is_text: bool) -> None:
        self.data = data
        self.is_text = is_text

    @property
    def is_binary(self) -> bool:
        """Whether it came as bytes."""
        return not self.is_text

    def __str__(self) -> str:
        return self.data.decode(self.encoding, "replace")

    def __len__(self) -> int:
        return len(self.data)

    def __repr__(self) -> str:
        return f"<{'text' if self.is_text else 'binary'} message of {len(self.data)} bytes>"
