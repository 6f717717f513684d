"""Pauses between attempts to reach a peer that is away: longer each time, and never in step."""

from __future__ import annotations

import random


class Backoff:
    """Pauses of about `first_s`, doubled each time, to about `most_s`."""

    def __init__(self, first_s: float, most_s: float) -> None:
        self._first_s = first_s
        self._most_s = most_s
        self._next_s = first_s

    @property
    def fresh(self) -> bool:
        """Whether there was no pause since it was made or reset."""
        return self._next_s == self._first_s

    def reset(self) -> None:
        """The other side was there."""
        self._next_s = self._first_s

    def next_s(self) -> float:
        """How long to wait before the next attempt."""
        step_s, self._next_s = self._next_s, min(self._most_s, self._next_s * 2)
        return step_s * random.uniform(0.5, 1.5)  # noqa: S311 - jitter
