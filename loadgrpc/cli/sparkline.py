"""Figures by time on one line: a character for each span, as high as its value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

BARS: Final = "▁▂▃▄▅▆▇█"


def bars(values: Sequence[float]) -> str:
    """A character for each value, as high as it is beside the highest; a space where it is 0."""
    most = max(values)
    return "".join(
        BARS[min(int(each / most * len(BARS)), len(BARS) - 1)] if each else " " for each in values
    )
