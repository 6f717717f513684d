"""How a run is asked for, beside its plan: when it starts, how long it waits, what goes first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MAX_PRIORITY: Final = 9
MAX_AHEAD_S: Final = 366 * 86_400.0
"""How far ahead a run may be asked for, and how long it may wait."""


@dataclass(frozen=True, kw_only=True)
class Submission:
    """See the module. Times are seconds, or nanoseconds of the broker's wall clock."""

    start_time_ns: int | None = None
    """When to start. None: now, or after `delay_s`."""
    delay_s: float = 0.0
    expire_time_ns: int | None = None
    """When it ends as EXPIRED if it has not started. None: see `expire_after_s`."""
    expire_after_s: float | None = None
    """The same as the time after it is to start. None: it waits for as long as it takes."""
    priority: int = 0
    queue: bool = False
    """Whether it waits for agents instead of being refused."""

    def due_ns(self, now_ns: int) -> int:
        """When it is to start; `now_ns`: at once."""
        if self.start_time_ns is not None:
            return max(self.start_time_ns, now_ns)
        return now_ns + round(self.delay_s * 1e9)

    def expire_ns(self, due_ns: int) -> int | None:
        """When it expires, given when it is to start. None: never."""
        if self.expire_after_s is not None:
            return due_ns + round(self.expire_after_s * 1e9)
        return self.expire_time_ns


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """What a run in the queue waits for."""

    position: int
    """Its place in the queue, from 1."""
    length: int
    """Runs in the queue."""
    reason: str
    """Why it waits, as a sentence."""
    agents: int = 0
    """Agents that are known and could run it, idle or not."""
