"""What is left of runners that have ended, where each user is a process: sums, in place of sources.

Rule: ten thousand processes an hour cost as much as those that are alive. What somebody may still
ask of one of them, whether it has ended, is known by its id (`Part.ended`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from loadgrpc.broker.inbox import Source
from loadgrpc.broker.ledger import MAX_REASONS, OTHER_REASONS, Lost
from loadgrpc.model import Loss


@dataclass
class Past:
    """See the module."""

    sources: int = 0
    """Runners that had opened."""
    reported: int = 0
    """Of these, those that reported anything."""
    unfinished: int = 0
    """Of these, those that did not say that they had sent everything."""
    unaccounted: int = 0
    """Of the unfinished, those of which nobody knows what they had produced."""
    committed: int = 0
    rejected: int = 0
    duplicates: int = 0
    lost: dict[str, Lost] = field(default_factory=dict)
    """Events that were lost, by reason."""

    def add(self, source: Source, missing: Loss | None, *, known: bool) -> None:
        """A runner has ended; what of its events did not come is `missing`, if that is `known`."""
        stored = source.stored
        self.sources += 1
        self.reported += stored.received > 0
        self.unfinished += not stored.finished
        self.unaccounted += not (stored.finished or known)
        self.committed += stored.committed
        self.rejected += stored.rejected
        self.duplicates += stored.duplicates
        for reason, lost in stored.skipped.items():
            self._lose(reason, lost)
        self.miss(missing)

    def miss(self, missing: Loss | None) -> None:
        """Events of a runner that has ended did not come."""
        if missing is not None:
            self._lose(missing.reason, Lost(missing.count, missing.hits))

    def losses(self, agent_id: str) -> Iterator[Loss]:
        """What was lost, by reason."""
        for reason, lost in self.lost.items():
            yield Loss(
                reason=reason, count=lost.events, hits=lost.hits, at_least=False, agent_id=agent_id
            )

    def _lose(self, reason: str, lost: Lost) -> None:
        if reason not in self.lost and len(self.lost) >= MAX_REASONS:
            reason = OTHER_REASONS
        before = self.lost.get(reason, Lost())
        self.lost[reason] = Lost(before.events + lost.events, before.hits + lost.hits)
