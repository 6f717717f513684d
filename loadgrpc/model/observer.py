"""Observers of runs: who is notified of what, and how that stands."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class ObserverEvent(IntEnum):
    """What an observer can be notified of."""

    START = 1
    END = 2
    AGENT_LOST = 3
    BEFORE_START = 4
    AFTER_ATTEMPT = 5
    SUCCESS = 6
    FAILURE = 7

    @property
    def ends(self) -> bool:
        """Whether it is of the end of a run."""
        return self in {ObserverEvent.END, ObserverEvent.SUCCESS, ObserverEvent.FAILURE}


class NotificationState(IntEnum):
    """Where a notification stands."""

    PENDING = 1
    DELIVERED = 2
    GIVEN_UP = 3


@dataclass(frozen=True, kw_only=True)
class ObserverChoice:
    """An observer that a plan, or a broker, asks for."""

    name: str
    settings: tuple[tuple[str, str], ...] = ()
    """By name, sorted; no secrets."""
    events: tuple[ObserverEvent, ...] = (ObserverEvent.END,)


@dataclass(frozen=True, kw_only=True)
class Notification:
    """One observer being notified of one change of a run."""

    observer: str
    """How it is called in its run; one of the broker's own has ` (broker)` after its name."""
    change: int
    """The number of the change."""
    event: ObserverEvent
    state: NotificationState = NotificationState.PENDING
    tries: int = 0
    reason: str = ""
    """Why the last try failed, as a sentence."""
    time_ns: int = 0
    """When it got into this state (wall clock)."""
