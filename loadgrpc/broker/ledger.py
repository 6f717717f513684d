"""The account of one source: what of it was received, refused, rejected and lost.

Rule: pure; the numbers are the truth. The law that every source obeys, whatever happens
to its streams, in events: produced = committed + rejected + lost.

    received    everything up to this number was accepted, rejected or skipped
    committed   of these, stored and counted
    duplicates  delivered again; outside the law, they were never produced twice
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from loadgrpc.errors import InvalidRequest, Violation
from loadgrpc.model import Loss

NOT_SENT = "produced by the runner, but never sent"
MAX_SEQUENCE = 2**53
"""Numbers up to here are exact in every language and database."""


@dataclass(frozen=True)
class Accept:
    """Take the batch, without its first `skip` entries; they were received before."""

    skip: int


@dataclass(frozen=True)
class Duplicate:
    """All of it was received before: ack it again."""


@dataclass(frozen=True)
class OutOfOrder:
    """Numbers are missing before it. `report`: say so; later ones are ignored in silence."""

    expected: int
    report: bool


Decision = Accept | Duplicate | OutOfOrder


@dataclass
class Ledger:
    """The account of one source."""

    received: int = 0
    rejected: int = 0
    duplicates: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    """Numbers that will never come, by reason."""
    finished: bool = False
    _gap_reported: bool = False

    @property
    def committed(self) -> int:
        """Events that count, once all that was received is stored."""
        return self.received - self.rejected - sum(self.skipped.values())

    def copy(self) -> Ledger:
        """The account as it is now."""
        return replace(self, skipped=dict(self.skipped))

    def losses(self, agent_id: str) -> list[Loss]:
        """What is known to be lost."""
        return [
            Loss(reason=reason, count=count, at_least=False, agent_id=agent_id)
            for reason, count in self.skipped.items()
        ]

    def opened(self) -> None:
        """The source was told what is expected next: a gap from here on is a new one."""
        self._gap_reported = False

    def batch(self, first_sequence: int, count: int) -> Decision:
        """A batch came. `first_sequence` 0: its source sends no numbers.

        Raises:
            InvalidRequest: the source said before that it was done, or counts too far.
        """
        first = first_sequence or self.received + 1
        last = first + count - 1
        if last > MAX_SEQUENCE:
            raise InvalidRequest([Violation("first_sequence", f"goes beyond {MAX_SEQUENCE}")])
        if first > self.received + 1:
            report, self._gap_reported = not self._gap_reported, True
            return OutOfOrder(self.received + 1, report)
        if self.finished and last > self.received:
            raise InvalidRequest(f"event {last} comes after finish, which counted {self.received}")
        known = min(self.received - first + 1, count)
        self.duplicates += known
        if last <= self.received:
            return Duplicate()
        self._gap_reported = False
        self.received = last
        return Accept(known)

    def reject(self, count: int) -> None:
        """Of what was received, `count` events were not valid."""
        self.rejected += count

    def skip(self, first_sequence: int, count: int, reason: str) -> Decision:
        """Numbers were declared lost; what of them was received before stays received."""
        decision = self.batch(first_sequence, count)
        if isinstance(decision, Accept):
            lost = count - decision.skip
            self.skipped[reason] = self.skipped.get(reason, 0) + lost
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
            self.skipped[NOT_SENT] = self.skipped.get(NOT_SENT, 0) + missing
            self.received = produced
        self.finished = True
