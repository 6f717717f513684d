"""How far an agent's clock is from the broker's.

Rule: pure. A message says when it was sent, by the agent's clock, and arrives later than that,
never earlier. So the message that makes the agent's clock look furthest ahead is the most
accurate, and is wrong only by its travel time.
"""

from __future__ import annotations

from collections import deque
from typing import Final

SAMPLES: Final = 64
"""The newest messages considered: clocks are set, and drift."""


class ClockOffset:
    """See the module."""

    def __init__(self) -> None:
        self._samples_ns: deque[int] = deque(maxlen=SAMPLES)

    def add(self, sent_ns: int, received_ns: int) -> None:
        """A message came, sent by the agent's clock, received by the broker's (wall clocks)."""
        self._samples_ns.append(sent_ns - received_ns)

    @property
    def ahead_ns(self) -> int | None:
        """How far the agent's clock is ahead; negative: behind. None: it is not known."""
        return max(self._samples_ns, default=None)
