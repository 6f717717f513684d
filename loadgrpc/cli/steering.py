"""How keys change the load of a run: what is asked of the broker, given how the load stands.

    +  -   10 % more, 10 % less: of what the stages say, or of the level that was set instead
    p      stand still; and go on

Rule: pure. How the load stands is what the log of the run says, also where somebody else changed
it; keys that come together become one change of each kind.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from loadgrpc.model import (
    MAX_LEVEL,
    Change,
    LoadChangeKind,
    LoadOrder,
    LoadUnit,
    Plan,
)

MORE: Final = "+="
"""The second is where the first is without Shift."""
LESS: Final = "-"
PAUSE: Final = "p"
KEYS: Final = MORE + LESS + PAUSE
MAX_FACTOR: Final = 1_000.0
_STEP: Final = 0.1


@dataclass(frozen=True)
class _Standing:
    """How the load of a scenario stands."""

    unit: LoadUnit
    factor: float = 1.0
    level: float | None = None
    """What was set instead of that of the stages. None: nothing."""
    paused: bool = False

    def changed(self, kind: LoadChangeKind, value: float) -> _Standing:
        """How it stands after a change."""
        match kind:
            case LoadChangeKind.LEVEL:
                return replace(self, level=value)
            case LoadChangeKind.FACTOR:
                return replace(self, level=None, factor=value)
            case LoadChangeKind.PAUSE | LoadChangeKind.RESUME:
                return replace(self, paused=kind is LoadChangeKind.PAUSE)

    def pressed(self, key: str) -> _Standing:
        """How it is to stand after a key."""
        if key == PAUSE:
            return replace(self, paused=not self.paused)
        sign = 1 if key in MORE else -1
        if self.level is None:
            factor = round(self.factor + sign * _STEP, 6)
            return replace(self, factor=min(max(factor, 0.0), MAX_FACTOR))
        step = self.level * _STEP
        if self.unit is LoadUnit.USERS:
            step = max(round(step), 1)
        return replace(self, level=min(max(self.level + sign * step, 0.0), MAX_LEVEL))


class Steering:
    """See the module."""

    def __init__(self, plan: Plan) -> None:
        self._planned = {
            each.name: _Standing(each.load.unit) for each in plan.scenarios if each.load is not None
        }
        self._standing = dict(self._planned)
        self._seen = dict.fromkeys(self._planned, 0)
        self._attempt = 1

    @property
    def is_possible(self) -> bool:
        """Whether there is a load that can be changed."""
        return bool(self._planned)

    def change(self, change: Change) -> bool:
        """Notes an entry of the run's log, in any order; whether it changes what was known."""
        name, load = change.scenario, change.load
        if load is None or change.sequence <= self._seen.get(name, change.sequence):
            return False
        if change.attempt > self._attempt:  # it begins with what the plan says
            self._attempt, self._standing = change.attempt, dict(self._planned)
        self._seen[name] = change.sequence
        self._standing[name] = self._standing[name].changed(load.kind, load.value)
        return True

    def orders(self, keys: str) -> Iterator[LoadOrder]:
        """What to ask the broker for, so that the load becomes what these keys mean."""
        for name, now in self._standing.items():
            then = now
            for key in keys:
                then = then.pressed(key)
            if then.level is not None and then.level != now.level:
                yield LoadOrder(LoadChangeKind.LEVEL, then.level, then.unit, name)
            if then.factor != now.factor:
                yield LoadOrder(LoadChangeKind.FACTOR, then.factor, None, name)
            if then.paused != now.paused:
                kind = LoadChangeKind.PAUSE if then.paused else LoadChangeKind.RESUME
                yield LoadOrder(kind, scenario=name)
