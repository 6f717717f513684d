"""A transcript, interpreted: streams, batches and events in the order in which they count.

Rule: pure, and computed once for all checks. An event that came twice appears once, at its first
arrival; whether both were equal is for a check.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from loadgrpc.conformance.happening import OF_ITERATIONS, Fact, Happening, unfold
from loadgrpc.conformance.transcript import (
    Ended,
    HomeMessage,
    MethodCall,
    RunnerMessage,
    Transcript,
)
from loadgrpc.model import Cycle, TestOutcome
from loadgrpc.protocol import home
from loadgrpc.v1 import runner_pb2


@dataclass(frozen=True)
class Sent:
    """A batch or a skip. `at`: its place in the transcript."""

    at: int
    heard: RunnerMessage
    first: int
    """Its first number. 0: none."""
    count: int
    size: int
    """Bytes of a batch."""

    @property
    def last(self) -> int:
        """Its last number."""
        return self.first + self.count - 1


@dataclass(frozen=True)
class Came:
    """An event that came. `at`: its place in the transcript."""

    at: int
    number: int
    """0: it has none."""
    what: Happening


@dataclass
class IterationStory:
    """One iteration, as rows or as an entry of a block reported it."""

    start: Came | None
    outcomes: list[Came] = field(default_factory=list)
    stop: Came | None = None
    late: bool = False
    """An outcome came after its stop."""

    @property
    def outcome(self) -> TestOutcome | None:
        """How it ended; None: it was interrupted, or has not ended."""
        if not self.outcomes:
            return None
        outcome = self.outcomes[0].what.outcome
        return None if outcome is TestOutcome.INTERRUPTED else outcome

    @property
    def start_ns(self) -> int | None:
        """When it began, if that is known."""
        return self.start.what.start_ns if self.start else None

    @property
    def end_ns(self) -> int | None:
        """When it ended, if that is known."""
        return self.stop.what.end_ns if self.stop else None


class Story:
    """See the module."""

    def __init__(self, transcript: Transcript, *, own_target: bool = True) -> None:
        self.transcript = transcript
        self.entries = list(enumerate(transcript.entries))
        self.on_target = own_target or transcript.requests > 0
        """Whether what is asked for is a page of the kit's."""

    # What was said

    def calls(self, method: str = "") -> list[tuple[int, MethodCall]]:
        """Calls of a method, or all."""
        found = [(at, entry) for at, entry in self.entries if isinstance(entry, MethodCall)]
        return [each for each in found if not method or each[1].method == method]

    def heard(self, kind: str = "") -> list[tuple[int, RunnerMessage]]:
        """What the runner said, of one kind or all."""
        found = [(at, entry) for at, entry in self.entries if isinstance(entry, RunnerMessage)]
        return [e for e in found if not kind or e[1].request.WhichOneof("message") == kind]

    def told(self, kind: str | None) -> list[tuple[int, HomeMessage]]:
        """What the home said, of one kind; None: what nobody knows."""
        found = [(at, entry) for at, entry in self.entries if isinstance(entry, HomeMessage)]
        return [each for each in found if each[1].answer.WhichOneof("message") == kind]

    def ended(self, status: str) -> list[tuple[int, Ended]]:
        """Streams that ended in some way."""
        found = [(at, entry) for at, entry in self.entries if isinstance(entry, Ended)]
        return [each for each in found if each[1].status == status]

    @cached_property
    def streams(self) -> dict[int, list[tuple[int, RunnerMessage | HomeMessage | Ended]]]:
        """What happened on each stream."""
        found: dict[int, list[tuple[int, RunnerMessage | HomeMessage | Ended]]] = {}
        for at, entry in self.entries:
            if not isinstance(entry, MethodCall):
                found.setdefault(entry.stream, []).append((at, entry))
        return found

    # What was sent

    @cached_property
    def sent(self) -> list[Sent]:
        """Batches and skips in the order they came, those that came again too."""
        return [sent for at, heard in self.heard() if (sent := _sent(at, heard)) and sent.count > 0]

    @cached_property
    def numbered(self) -> bool | None:
        """Whether the source sends numbers; None: it has sent nothing."""
        return any(sent.first for sent in self.sent) if self.sent else None

    @cached_property
    def highest(self) -> int:
        """The highest number that came; of a source without numbers, how many events did."""
        if not self.numbered:
            return sum(sent.count for sent in self.sent)
        return max(sent.last for sent in self.sent)

    @cached_property
    def all_came(self) -> list[Came]:
        """Every event in the order it came, those that came again too."""
        return [
            Came(sent.at, sent.first + after if sent.first else 0, what)
            for sent in self.sent
            for after, what in enumerate(unfold(sent.heard.request.batch))
        ]

    @cached_property
    def came(self) -> list[Came]:
        """Every event once, in the order of numbers."""
        if not self.numbered:
            return self.all_came
        first: dict[int, Came] = {}
        for came in self.all_came:
            first.setdefault(came.number, came)
        return [first[number] for number in sorted(first)]

    def of(self, *kinds: Fact) -> list[Came]:
        """Events of some kinds."""
        return [came for came in self.came if came.what.kind in kinds]

    @cached_property
    def iterations(self) -> list[IterationStory]:
        """Iterations, put together of what each user said one after another."""
        found: list[IterationStory] = []
        current: dict[tuple[int, int], IterationStory] = {}
        for came in self.of(*OF_ITERATIONS):
            kind, place = came.what.kind, came.what.place
            whose = (place.cycle, place.user) if place else (0, 0)
            if kind is Fact.ITERATION:
                found.append(IterationStory(came, [came], came))
            elif kind is Fact.START or whose not in current:
                current[whose] = IterationStory(came if kind is Fact.START else None)
                found.append(current[whose])
            if kind is Fact.OUTCOME:
                current[whose].late = current[whose].stop is not None
                current[whose].outcomes.append(came)
            elif kind is Fact.STOP:
                current[whose].stop = came
        return found

    @cached_property
    def placed(self) -> bool:
        """Whether it is known which events make an iteration.

        It is when each of them says whose it is, or when all are of one user.
        """
        alone = bool(self.transcript.assignment.user) or all(
            cycle.users <= 1 for cycle in self.cycles.values()
        )
        return alone or all(came.what.place for came in self.of(*OF_ITERATIONS))

    # The assignment

    @cached_property
    def cycles(self) -> dict[int, Cycle]:
        """The cycles that were assigned, by their numbers."""
        assignment = self.transcript.assignment
        return dict(enumerate(assignment.cycles, assignment.first_cycle))

    def users(self, cycle: int) -> set[int]:
        """The users that this process is to live in a cycle."""
        assignment = self.transcript.assignment
        if assignment.user:
            return {assignment.user}
        return set(range(1, self.cycles[cycle].users + 1))

    @cached_property
    def barrier(self) -> bool:
        """Whether the runner has said that it waits for `start_cycle`."""
        opens = (heard.request.open for _, heard in self.heard("open"))
        return any(opening.capabilities.cycle_barrier for opening in opens)

    @cached_property
    def feeds(self) -> bool:
        """Whether the runner has said that it feeds iterations with cases."""
        opens = (heard.request.open for _, heard in self.heard("open"))
        return any(opening.capabilities.cases for opening in opens)

    @cached_property
    def follows(self) -> bool:
        """Whether the runner has said that it follows loads that change over time."""
        opens = (heard.request.open for _, heard in self.heard("open"))
        return any(opening.capabilities.stages for opening in opens)

    def wall_ns(self, at: int) -> int:
        """When an entry was noted, by the wall clock."""
        return self.transcript.wall_ns(self.transcript.entries[at].at_s)

    def batches(self) -> Iterator[tuple[int, RunnerMessage, runner_pb2.EventBatch]]:
        """Every batch, those that came again too."""
        for at, heard in self.heard("batch"):
            yield at, heard, heard.request.batch


def _sent(at: int, heard: RunnerMessage) -> Sent | None:
    request = heard.request
    if request.HasField("batch"):
        batch = request.batch
        return Sent(at, heard, batch.first_sequence, home.size(batch), batch.ByteSize())
    if request.HasField("skip"):
        return Sent(at, heard, request.skip.first_sequence, request.skip.count, 0)
    return None
