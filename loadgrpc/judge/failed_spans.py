"""When a threshold did not hold: the windows in which it failed, as few spans of time.

Rule: pure. Windows come in the order of time. Those that touch or overlap are one span; of more
than MOST spans, the two that are closest to each other become one, which says how much of it lies
between windows that failed. So the number of windows is exact, and a chart is shaded to its pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from loadgrpc.model import FailedSpan
from loadgrpc.text import counted

MOST: Final = 50
"""Spans that are kept of a threshold."""


class FailedSpans:
    """See the module."""

    def __init__(self) -> None:
        self._spans: list[FailedSpan] = []

    def add(self, start_ns: int, length_ns: int, windows: int = 1) -> None:
        """Adds what stands for `windows` windows; it does not start before the last one."""
        found = FailedSpan(start_ns=start_ns, length_ns=length_ns, windows=windows)
        if self._spans and found.start_ns <= self._spans[-1].end_ns:
            self._spans[-1] = _joined(self._spans[-1], found)
            return
        self._spans.append(found)
        if len(self._spans) > MOST:
            self._join_closest()

    def _join_closest(self) -> None:
        spans = self._spans
        at = min(range(len(spans) - 1), key=lambda at: spans[at + 1].start_ns - spans[at].end_ns)
        spans[at : at + 2] = [_joined(*spans[at : at + 2])]

    @property
    def spans(self) -> tuple[FailedSpan, ...]:
        """All of them, in the order of time."""
        return tuple(self._spans)


def _joined(earlier: FailedSpan, later: FailedSpan) -> FailedSpan:
    gap_ns = max(later.start_ns - earlier.end_ns, 0)
    return FailedSpan(
        start_ns=earlier.start_ns,
        length_ns=max(earlier.end_ns, later.end_ns) - earlier.start_ns,
        windows=earlier.windows + later.windows,
        between_ns=earlier.between_ns + later.between_ns + gap_ns,
    )


def in_words(spans: Sequence[FailedSpan], begin_ns: int, most: int = 3) -> str:
    """`0:04 to 0:06, on and off 1:00 to 1:20, and 2 more times`, counted from a moment on."""
    said = [
        f"{'on and off ' if each.between_ns else ''}"
        f"{clock(each.start_ns - begin_ns)} to {clock(each.end_ns - begin_ns)}"
        for each in spans[:most]
    ]
    left = len(spans) - len(said)
    return ", ".join(said + [f"and {counted(left, 'more time')}"] * bool(left))


def clock(ns: int) -> str:
    """`1:30` or `1:01:30`: how far into a run; what lies before it is 0:00."""
    minutes, seconds = divmod(round(max(ns, 0) / 1_000_000_000), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
