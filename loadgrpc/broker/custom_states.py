"""What the runners of a run say they are doing, and which of it the run's log gets.

Rule: pure, and bounded. The last state of each part is known; the log gets the first BURST changes
of a part at once, one a second after that, and MAX_LOGGED_STATES of a run in all. What it does not
get is shown like any other until something newer comes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from loadgrpc.broker.part import Key
from loadgrpc.clock import NS_PER_S
from loadgrpc.model import CustomState, ReportedState

BURST: Final = 10
MAX_LOGGED_STATES: Final = 2_000
MAX_SHOWN: Final = 100
"""Parts whose states are shown: those that said something last."""


class CustomStates:
    """See the module."""

    def __init__(self) -> None:
        self._known: dict[Key, ReportedState] = {}
        """The newest last."""

    def add(self, key: Key, states: Sequence[tuple[CustomState, int]]) -> None:
        """Runners of a part said these, each at a time, in this order."""
        if states:
            self._known.pop(key, None)
            (agent_id, scenario), (state, time_ns) = key, states[-1]
            self._known[key] = ReportedState(
                state=state, agent_id=agent_id, scenario=scenario, time_ns=time_ns
            )

    def shown(self) -> tuple[ReportedState, ...]:
        """What is shown, by agent and scenario."""
        newest = list(self._known.values())[-MAX_SHOWN:]
        return tuple(sorted(newest, key=lambda each: (each.agent_id, each.scenario)))


class LoggedStates:
    """Which of the states that come are changes of the run."""

    def __init__(self) -> None:
        self._last: dict[Key, CustomState] = {}
        self._room: dict[Key, tuple[float, int]] = {}
        """How many changes a part has room for, as of when (monotonic)."""
        self._logged = 0

    def changes(
        self, key: Key, states: Iterable[CustomState], now_ns: int
    ) -> Iterator[CustomState]:
        """Those of the states of a part, which came in this order, that the log gets."""
        for state in states:
            if self._last.get(key) == state:
                continue
            self._last[key] = state
            if self._logged < MAX_LOGGED_STATES and self._has_room(key, now_ns):
                self._logged += 1
                yield state

    def _has_room(self, key: Key, now_ns: int) -> bool:
        room, since_ns = self._room.get(key, (float(BURST), now_ns))
        room = min(float(BURST), room + (now_ns - since_ns) / NS_PER_S)
        self._room[key] = (room - 1 if room >= 1 else room), now_ns
        return room >= 1
