"""The account of one source: what was received, ignored, rejected and lost.

Rule: pure; the numbers are the truth. The invariant of every source, whatever happens to its
streams, in events: produced = committed + rejected + lost.

    received    everything up to this number was accepted, rejected or skipped
    committed   of these, stored and counted
    duplicates  delivered again; outside the invariant, they were never produced twice
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from loadgrpc.errors import InvalidRequest, Violation
from loadgrpc.model import Loss
from loadgrpc.protocol.home import MAX_SEQUENCE, Accept, Decision, Duplicate, Sequence

MAX_DUPLICATES: Final = 2**63 - 1
"""More are not counted: a store has no room for them, and only a lying peer sends them."""
NOT_SENT = "produced by the runner, but never sent"
OTHER_REASONS = "(other reasons)"
MAX_REASONS = 20
"""Different reasons of a source; losses for others count as lost for OTHER_REASONS."""


class Lost(NamedTuple):
    """What was lost for one reason."""

    events: int = 0
    hits: int = 0
    """Of these, as far as it is known."""


@dataclass
class Ledger(Sequence):
    """The account of one source."""

    rejected: int = 0
    duplicates: int = 0
    skipped: dict[str, Lost] = field(default_factory=dict)
    """Numbers that will never come, by reason."""
    finished: bool = False

    @property
    def lost(self) -> Lost:
        """What will never come, for whatever reason."""
        lost = self.skipped.values()
        return Lost(sum(each.events for each in lost), sum(each.hits for each in lost))

    @property
    def committed(self) -> int:
        """Events that count, once all that was received is stored."""
        return self.received - self.rejected - self.lost.events

    def copy(self) -> Ledger:
        """The account as it is now."""
        return replace(self, skipped=dict(self.skipped))

    def losses(self, agent_id: str) -> list[Loss]:
        """What is known to be lost."""
        return [
            Loss(
                reason=reason,
                count=lost.events,
                hits=lost.hits,
                at_least=False,
                agent_id=agent_id,
            )
            for reason, lost in self.skipped.items()
        ]

    def batch(self, first_sequence: int, count: int) -> Decision:
        """A batch came. `first_sequence` 0: its source sends no numbers.

        Raises:
            InvalidRequest: the source had reported its end already, or counts too far.
        """
        before = self.received
        decision = super().batch(first_sequence, count)
        if isinstance(decision, Accept):
            if self.finished:
                last, self.received = self.received, before
                raise InvalidRequest(f"event {last} comes after finish, which counted {before}")
            self._add_duplicates(decision.skip)
        elif isinstance(decision, Duplicate):
            self._add_duplicates(count)
        return decision

    def reject(self, count: int) -> None:
        """Of what was received, `count` events were not valid."""
        self.rejected += count

    def skip(self, first_sequence: int, count: int, reason: str, hits: int = 0) -> Decision:
        """Numbers were declared lost; what of them was received before stays received.

        Of the lost, at most `hits` are hits.
        """
        decision = self.batch(first_sequence, count)
        if isinstance(decision, Accept):
            lost = count - decision.skip
            self._lose(reason, lost, min(hits, lost))
        return decision

    def finish(self, produced: int) -> None:
        """The source says that it is done, and how many events it produced.

        Raises:
            InvalidRequest: it produced fewer than it sent, or more than can be.
        """
        if produced > MAX_SEQUENCE:
            raise InvalidRequest([Violation("finish.totals.events", f"is over {MAX_SEQUENCE}")])
        missing = produced - self.received
        if missing < 0:
            raise InvalidRequest(
                f"finish says that {produced} events were produced, but {self.received} came"
            )
        if missing:
            self._lose(NOT_SENT, missing, 0)
            self.received = produced
        self.finished = True

    def _add_duplicates(self, count: int) -> None:
        self.duplicates = min(self.duplicates + count, MAX_DUPLICATES)

    def _lose(self, reason: str, events: int, hits: int) -> None:
        if reason not in self.skipped and len(self.skipped) >= MAX_REASONS:
            reason = OTHER_REASONS
        before = self.skipped.get(reason, Lost())
        self.skipped[reason] = Lost(before.events + events, before.hits + hits)
