"""Which hits, iterations or counters of a run are meant: `{name=login, status!=5xx}`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from loadgrpc.stats.window import HitName, Series

STATUS_CLASSES = {
    **{f"{number}xx": number for number in range(1, 10)},
    "none": 0,
}
"""How classes of statuses are written."""

APART = ("case", "agent")
"""Keys of which a timeline keeps sums only, told apart by scenario and by nothing else."""


class Pick(NamedTuple):
    """One condition: a key, and what its value has to look like; `*` stands for anything."""

    key: str
    pattern: str
    other: bool = False
    """Whether it has to look otherwise: `!=`."""

    def takes(self, value: str) -> bool:
        """Whether a value is meant."""
        found = _pattern(self.pattern).fullmatch(value) is not None
        return found is not self.other

    def __str__(self) -> str:
        text = self.pattern
        if not re.fullmatch(r'[^\s,{}"=!][^,{}"=!]*', text) or text != text.strip():
            text = '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
        return f"{self.key}{'!=' if self.other else '='}{text}"


@dataclass(frozen=True)
class Where:
    """All conditions together; without any, everything is meant."""

    picks: tuple[Pick, ...] = ()

    def takes(self, key: str, value: str) -> bool:
        """Whether a value of one key is meant."""
        return all(each.takes(value) for each in self.picks if each.key == key)

    def takes_name(self, name: HitName) -> bool:
        """Whether hits of this name are meant, whatever their status."""
        return all(
            each.takes(getattr(name, each.key))
            for each in self.picks
            if each.key not in ("status", "tag")
        )

    def takes_tags(self, tags: Iterable[tuple[str, str]]) -> bool:
        """Whether hits with these tags are meant: `tag=region=eu` takes those with this one."""
        return all(
            any(each._replace(other=False).takes(f"{name}={value}") for name, value in tags)
            is not each.other
            for each in self.picks
            if each.key == "tag"
        )

    def takes_series(self, series: Series) -> bool:
        """Whether hits of this series are meant."""
        return (
            self.takes_status(series.status_class)
            and self.takes_name(series.of_name)
            and self.takes_tags(series.tags)
        )

    def takes_status(self, status_class: int) -> bool:
        """Whether hits of this class of statuses are meant."""
        return status_class in self._classes if self._has_status else True

    @cached_property
    def _has_status(self) -> bool:
        return any(each.key == "status" for each in self.picks)

    @cached_property
    def _classes(self) -> frozenset[int]:
        return frozenset(
            number for text, number in STATUS_CLASSES.items() if self.takes("status", text)
        )

    @property
    def of(self) -> str:
        """What hits and iterations are taken from: `case` or `agent`; empty: from all."""
        return next((each.key for each in self.picks if each.key in APART), "")

    def values(self, key: str) -> list[str]:
        """The patterns that values of a key have to match."""
        return [each.pattern for each in self.picks if each.key == key and not each.other]

    def __str__(self) -> str:
        return f"{{{','.join(map(str, self.picks))}}}" if self.picks else ""


EVERYTHING = Where()


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, text.split("*"))), re.DOTALL)
