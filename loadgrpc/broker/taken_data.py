"""What the users of a run have taken from files of rows, by scenario, file and mode.

Rule: bounded: what would be one file too many is counted with the rest, under a name that says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from loadgrpc.model import OTHER, DataFigures, DataMode, DataUse

MAX_FILES: Final = 100

_Key = tuple[str, str, DataMode]
"""Scenario, file and mode."""


class TakenData:
    """See the module."""

    def __init__(self) -> None:
        self._files: dict[_Key, DataFigures] = {}
        self._digests: dict[_Key, int] = {}

    def add(self, scenario: str, uses: Iterable[DataUse]) -> None:
        """Adds what a process of a scenario reports."""
        for use in uses:
            self._add(scenario, use)

    def _add(self, scenario: str, use: DataUse) -> None:
        key = scenario, use.file, use.mode
        if key not in self._files and len(self._files) >= MAX_FILES:
            key = "", OTHER, use.mode
        known = self._files.get(key) or DataFigures(file=key[1], mode=use.mode, scenario=key[0])
        digest = self._digests.setdefault(key, use.digest)
        differs = bool(digest and use.digest and digest != use.digest) and key[1] != OTHER
        self._files[key] = replace(
            known,
            rows=max(known.rows, use.rows),
            taken=known.taken + use.taken,
            repeated=known.repeated + use.repeated,
            refused=known.refused + use.refused,
            stopped=known.stopped + use.stopped,
            differs=known.differs or differs,
        )

    def figures(self) -> tuple[DataFigures, ...]:
        """What it comes to, by scenario and file; the rest comes last."""
        return tuple(
            self._files[key] for key in sorted(self._files, key=lambda key: (key[1] == OTHER, key))
        )

    def of(self, scenario: str) -> Iterator[DataFigures]:
        """The figures of one scenario."""
        return (each for each in self.figures() if each.scenario == scenario)
