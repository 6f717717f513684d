"""What the suite prints at the end: a table, and each failure in words. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

HEADS: Final = (
    *("fault", "rounds", "hits", "committed", "lost", "duplicated", "resent", "left", "seconds"),
    "verdict",
)


@dataclass(frozen=True)
class Played:
    """What came of one round."""

    number: int
    folder: str
    """Where its logs are; empty: nowhere any more."""
    seconds: float = 0.0
    requests: int = 0
    """Counted by the server."""
    committed: int = 0
    """Hits in the broker's store."""
    lost: int = 0
    """Hits that the server counted, and that are not in the store."""
    duplicated: int = 0
    resent: int = 0
    """Events that came again, and were recognised."""
    left: int = 0
    stood: bool = True
    """Whether there was a cluster to strike."""
    complaints: tuple[str, ...] = ()


@dataclass
class Row:
    """What came of a fault."""

    name: str
    skipped: str = ""
    """Why it was not played."""
    rounds: list[Played] = field(default_factory=list)

    @property
    def failures(self) -> list[Played]:
        """Rounds that went wrong."""
        return [played for played in self.rounds if played.complaints]

    @property
    def verdict(self) -> str:
        """In a word, or some."""
        if self.skipped:
            return f"skipped: {self.skipped}"
        failed = len(self.failures)
        return f"FAILED in {failed} of {len(self.rounds)}" if failed else "ok"

    def cells(self) -> list[str]:
        """The row as text."""
        if self.skipped:
            return [self.name, "0", *["-"] * (len(HEADS) - 3), self.verdict]
        sums = (
            len(self.rounds),
            sum(played.requests for played in self.rounds),
            sum(played.committed for played in self.rounds),
            sum(played.lost for played in self.rounds),
            sum(played.duplicated for played in self.rounds),
            sum(played.resent for played in self.rounds),
            sum(played.left for played in self.rounds),
        )
        seconds = sum(played.seconds for played in self.rounds)
        return [self.name, *map(str, sums), f"{seconds:.0f}", self.verdict]


def table(rows: Iterable[Row]) -> str:
    """The table: names and verdicts to the left, figures to the right."""
    lines = [list(HEADS), *(row.cells() for row in rows)]
    widths = [max(len(line[at]) for line in lines) for at in range(len(HEADS))]
    return "\n".join(_line(line, widths) for line in lines)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *figures, last = cells
    right = (text.rjust(width) for text, width in zip(figures, widths[1:-1], strict=True))
    return "  ".join((first.ljust(widths[0]), *right, last))


def failures(rows: Iterable[Row]) -> str:
    """Each failure in words, with the logs it left."""
    lines = []
    for row in rows:
        for played in row.failures:
            lines.append(f"{row.name}, round {played.number}: logs in {played.folder}")
            lines += [f"  {complaint}" for complaint in played.complaints]
    return "\n".join(lines)
