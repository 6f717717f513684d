"""Labels, of runs and of agents. Rule: as in `kinds.py`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from loadgrpc.protocol.kinds import TextsKind

LABEL: Final = re.compile(r"[A-Za-z0-9._:/=+-]+")


@dataclass(frozen=True)
class LabelsKind(TextsKind):
    """Labels of runs or of agents, each once, sorted."""

    def get(self, message: Any, field: str) -> tuple[str, ...] | None:
        """See Kind."""
        return tuple(sorted(set(getattr(message, field)))) or None

    def wrong(self, value: tuple[str, ...]) -> Iterator[tuple[str, str]]:
        """See Kind. Their longest lengths are in `bounds.py`."""
        for at, entry in enumerate(value):
            if not LABEL.fullmatch(entry):
                yield f"[{at}]", "must be of letters, digits and any of . _ : / = + -"


LABELS: Final = LabelsKind(64, 20)
"""Of a run, and of an agent."""
