"""The options of a plan that are a load which changes over time: as a text, and typed.

Rule: as in `kinds.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from loadgrpc.model import MAX_LEVELS, Load
from loadgrpc.protocol import loads
from loadgrpc.protocol.bound import Bound, Many, Span
from loadgrpc.protocol.kinds import Kind, TextKind
from loadgrpc.stats import load_text

_SPAN: Final = Span(0, loads.MAX_STAGE_S)
STAGES: Final[Mapping[str, Mapping[str, Bound]]] = {
    "HoldStage": {"duration": _SPAN},
    "RampStage": {"duration": _SPAN},
    "SineStage": {"period": _SPAN, "duration": _SPAN},
    "StepsStage": {"levels": Many(MAX_LEVELS), "each": _SPAN},
}
"""What bounds the fields of stages: see `bounds.py`."""


@dataclass(frozen=True)
class LoadKind(TextKind):
    """A load that changes over time, as a text; what the text cannot say is in `stages`."""

    def get(self, message: Any, field: str) -> Load | load_text.LoadTextError | None:
        """See Kind. A text that cannot be read is what is wrong with it."""
        text = getattr(message, field)
        try:
            return load_text.stages(text) if text else None
        except load_text.LoadTextError as error:
            return error

    def put(self, message: Any, field: str, value: Load) -> None:
        """See Kind."""
        message.ClearField("stages")
        text = loads.text_of(value)
        setattr(message, field, text)
        if not text:
            loads.put_stages(value, message.stages)

    def wrong(self, value: Any) -> Iterator[tuple[str, str]]:
        """See Kind."""
        if isinstance(value, load_text.LoadTextError):
            yield "", str(value)

    def shown(self, value: Any) -> Any:
        """See Kind. There are no secrets in it."""
        return value

    def __str__(self) -> str:
        return f"at most {self.chars:,} characters"


@dataclass(frozen=True)
class StagesKind(Kind):
    """A load that changes over time, typed."""

    most: int

    def get(self, message: Any, field: str) -> Any:
        """See Kind. What is not a load is the messages."""
        messages = getattr(message, field)
        if not messages:
            return None
        return messages if any(loads.wrong_with(messages)) else loads.load_of(messages)

    def put(self, message: Any, field: str, value: Load) -> None:
        """Nothing: `load` brings it."""

    def wrong(self, value: Any) -> Iterator[tuple[str, str]]:
        """See Kind."""
        if not isinstance(value, Load):
            yield from loads.wrong_with(value)

    def shown(self, value: Any) -> Any:
        """See Kind. There are no secrets in it."""
        return value

    def __str__(self) -> str:
        return f"at most {self.most:,}, each with `unit` and one of its forms"
