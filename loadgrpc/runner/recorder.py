"""What a user process has measured and not yet handed over.

Rule: recording is one dictionary look-up and one append, and cannot fail half-way; all
else happens in `take`, once for many entries (`protocol/blocks.py`).

Users wait while a block is encoded, so a block is small: what is more goes into another, and
`take` rests between two.

Totals: every entry counted in `produced_events` leaves through exactly one EncodedBatch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from loadgrpc.clock import Clock
from loadgrpc.model import (
    OTHER,
    ArrivalsState,
    CustomState,
    DataUse,
    ExceptionInfo,
    GeneratorState,
    TestOutcome,
    UserFixture,
)
from loadgrpc.protocol.blocks import (
    BLOCK_ENTRIES,
    HIT,
    HIT_FIELDS,
    ITERATION,
    ITERATION_FIELDS,
    Block,
    IterationKey,
)
from loadgrpc.protocol.bounds import MAX_PROTOCOL_CHARS, MAX_RULE_NAMES
from loadgrpc.protocol.custom_states import custom_state_to_proto
from loadgrpc.protocol.events import (
    arrivals_to_proto,
    data_use_to_proto,
    generator_state_to_proto,
)
from loadgrpc.protocol.times import timestamp_to_proto
from loadgrpc.runner import texts
from loadgrpc.runner.encoded_batch import EncodedBatch, one_by_one, pack
from loadgrpc.runner.hit import Hit
from loadgrpc.runner.kept import clean_exception, clean_hit
from loadgrpc.runner.measure_tally import MeasureTally
from loadgrpc.runner.socket_tally import SocketTally
from loadgrpc.runner.texts import (
    NAME_BYTES,
    URL_BYTES,
    bounded,
)
from loadgrpc.secrets import masked
from loadgrpc.v1 import event_pb2, runner_pb2

MIN_BATCH_BYTES = 32 * 1024
"""A batch must hold the largest single entry that these bounds allow."""

Tags = tuple[tuple[str, str], ...]
"""Names and values, sorted."""
MAX_TAG_SETS = 100
"""Sets of tags that hits wait with; hits of more sets have OTHER_TAGS."""
OTHER_TAGS: Tags = ((OTHER, ""),)
MAX_MEASURES = 1_000
"""Kinds and names of measures that wait to be reported; those of more are counted together."""
MAX_SOCKET_NAMES = 1_000
"""Names of sockets that are counted each for itself; those of more are counted together."""
_ROWS = BLOCK_ENTRIES // 4
"""Rows that are put together without a rest."""


class Recorder:
    """Takes measurements, gives frames. Not for use by several threads at once."""

    def __init__(self, clock: Clock, test: str, produced: memoryview | None = None) -> None:
        self._clock = clock
        self._test = bounded(test, NAME_BYTES)
        self._status: event_pb2.LoadStatus | None = None
        self._sealed_hits: list[Block] = []
        self._sealed_tests: list[Block] = []
        self._hits = Block(None, HIT_FIELDS)
        self._tests = Block(None, ITERATION_FIELDS)
        self._fixtures: dict[UserFixture, Block] = {}
        self._tagged: dict[Tags, Block] = {}
        """Hits with tags: a block for each set of them."""
        self._rows: list[bytes] = []
        self._sockets: dict[tuple[str, str], SocketTally] = {}
        self._waiting_sockets: list[SocketTally] = []
        """Those that have something to report."""
        self._measures: dict[tuple[type[MeasureTally], str], MeasureTally] = {}
        """Of measures, likewise."""
        self._produced = memoryview(bytearray(16)).cast("Q") if produced is None else produced
        """The same two numbers, where they outlive this process: see protocol/produced.py."""
        self._state: event_pb2.Event | None = None
        """The state that is to be reported; None: it is, or there was none."""
        self._known_state: CustomState | None = None
        """The last one that was set."""
        self._muted = False
        self.produced_events = 0
        self.produced_hits = 0

    def begin_cycle(self, cycle: int, users: int, iterations: int) -> None:
        """Let all that follows belong to this cycle; 0 iterations: a duration bounds it."""
        self._take_tallies()
        self._take_state()
        self._status = event_pb2.LoadStatus(cycle=cycle, users=users, iterations=iterations)
        self._seal_hits()
        self._seal_tagged()
        self._seal_tests()

    def hit(self, hit: Hit, user: int, iteration: int) -> None:
        """Record a hit that ended."""
        if self._muted:
            return
        block = self._hits
        name = hit.name
        key = (
            name,
            hit.method,
            hit.status,
            hit.error,
            hit.error_message,
            hit.protocol,
            hit.failed,
        )
        label = block.labels.index.get(key)
        if label is None:
            text_bytes = len(name) + len(hit.error_message)
            label = block.add_label(key, clean_hit(*key), text_bytes)
        url = hit.url
        if url == name or not url:
            place = 0
        else:
            number = block.urls.index.get(url)
            if number is None:
                number = block.add_url(url, bounded(masked(url), URL_BYTES))
            place = number + 1
        start_ns, planned_ns = hit.start_ns, hit.planned_start_ns
        block.entries += HIT.pack(  # in the order of HIT_FIELDS
            label,
            start_ns,
            hit.elapsed_ns,
            hit.first_byte_ns,
            hit.connect_ns,
            hit.bytes_sent,
            hit.bytes_received,
            user,
            iteration,
            place,
            max(0, start_ns - planned_ns) if planned_ns else 0,
            hit.attempt,
            _case(block, hit.case) if hit.case else 0,
        )
        self.produced_events = events = self.produced_events + 1
        self.produced_hits = hits = self.produced_hits + 1
        produced = self._produced
        produced[0] = events
        produced[1] = hits
        if len(block.entries) >= block.room:
            self._seal_hits()

    def tagged_hit(self, hit: Hit, user: int, iteration: int, tags: Tags) -> None:
        """Record a hit that has tags."""
        if tags not in self._tagged and len(self._tagged) >= MAX_TAG_SETS:
            tags = OTHER_TAGS
        block = self._tagged.pop(tags, None) or Block(self._status, HIT_FIELDS, tags)
        plain, self._hits = self._hits, block
        self.hit(hit, user, iteration)
        if self._hits is block:  # else it was full, and is sealed
            self._tagged[tags] = block
        self._hits = plain

    def iteration(
        self,
        *,
        outcome: TestOutcome,
        exception: ExceptionInfo | None,
        start_ns: int,
        elapsed_ns: int,
        user: int,
        iteration: int,
        case: str = "",
        delay_ns: int = 0,
        test: str = "",
    ) -> None:
        """Record an iteration that ended: fed with a case, late for its plan, one of several."""
        if self._muted:
            return
        block = self._tests
        key = (outcome, exception, test) if test else (outcome, exception)
        label = block.labels.index.get(key)
        if label is None:
            text_bytes = len(exception.message) + len(exception.traceback) if exception else 0
            row = IterationKey(test or self._test, outcome, clean_exception(exception))
            label = block.add_label(key, row, text_bytes)
        place = _case(block, case) if case else 0
        block.entries += ITERATION.pack(  # in the order of ITERATION_FIELDS
            label, start_ns, elapsed_ns, user, iteration, place, delay_ns
        )
        self.produced_events += 1
        self._produced[0] = self.produced_events
        if len(block.entries) >= block.room:
            self._seal_iterations()

    def fixture(
        self,
        fixture: UserFixture,
        *,
        test: str,
        outcome: TestOutcome,
        exception: ExceptionInfo | None,
        start_ns: int,
        elapsed_ns: int,
        user: int,
    ) -> None:
        """Record that a user was set up or torn down, by what `test` names."""
        status = event_pb2.LoadStatus()
        if self._status is not None:
            status.CopyFrom(self._status)
        status.user_fixture = int(fixture)  # type: ignore[assignment]  # the numbers are the same
        block = self._fixtures.pop(fixture, None) or Block(status, ITERATION_FIELDS)
        tests, self._tests = self._tests, block
        self.iteration(
            outcome=outcome,
            exception=exception,
            start_ns=start_ns,
            elapsed_ns=elapsed_ns,
            user=user,
            iteration=0,
            test=test,
        )
        if self._tests is block:  # else it was full, and is sealed
            self._fixtures[fixture] = block
        self._tests = tests

    def counter(self, name: str, increment: int, user: int, iteration: int) -> None:
        """Record that a counter of the test's own grew."""
        event = self._row(user, iteration)
        event.counter.name = texts.name(masked(name))
        event.counter.increment = increment
        self._append(event)

    def state(self, state: CustomState) -> None:
        """Record what the test says it is doing; of several before `take`, the last one counts."""
        if self._muted or state == self._known_state:
            return
        self._known_state = state
        event = self._row(0, 0)
        event.custom_state.CopyFrom(custom_state_to_proto(state))
        if self._state is None:
            self._count()
        self._state = event

    def _take_state(self) -> None:
        """Makes a row of the state, which is a produced event already."""
        if self._state is not None:
            self._rows.append(_serialised(self._state))
            self._state = None

    def rules(self, names: Sequence[str]) -> None:
        """Record the rules whose cases iterations are fed with."""
        for first in range(0, len(names), MAX_RULE_NAMES):
            event = self._row(0, 0)
            event.rules.names.extend(map(texts.name, names[first : first + MAX_RULE_NAMES]))
            self._append(event)

    def arrivals(self, state: ArrivalsState, time_ns: int) -> None:
        """Record how arrivals went in the second of a moment (wall clock)."""
        event = self._row(0, 0)
        event.time.CopyFrom(timestamp_to_proto(time_ns))
        event.arrivals.CopyFrom(arrivals_to_proto(state))
        self._append(event)

    def generator(self, state: GeneratorState) -> None:
        """Record how this process kept up until now."""
        event = self._row(0, 0)
        event.generator.CopyFrom(generator_state_to_proto(state))
        self._append(event)

    def data(self, use: DataUse) -> None:
        """Record what was taken from a file of rows."""
        event = self._row(0, 0)
        event.data.CopyFrom(data_use_to_proto(replace(use, file=texts.name(use.file))))
        self._append(event)

    def socket(self, name: str, protocol: str) -> SocketTally:
        """What counts the sockets of a name: the same for all of them."""
        key = texts.name(masked(name)), bounded(protocol, MAX_PROTOCOL_CHARS)
        if key not in self._sockets and len(self._sockets) >= MAX_SOCKET_NAMES:
            key = OTHER, key[1]
        tally = self._sockets.get(key)
        if tally is None:
            tally = self._sockets[key] = self._tally(*key)
        return tally

    def _tally(self, name: str, protocol: str) -> SocketTally:
        return SocketTally(name, protocol, self._begin_socket, self._take_socket)

    def _begin_socket(self, tally: SocketTally) -> None:
        self._waiting_sockets.append(tally)
        self._count()

    def _take_socket(self, tally: SocketTally) -> None:
        """Makes a row of what a tally has counted, which is a produced event already."""
        self._waiting_sockets.remove(tally)
        self._add_socket(tally)

    def _take_tallies(self) -> None:
        sockets, self._waiting_sockets = self._waiting_sockets, []
        for tally in sockets:
            self._add_socket(tally)
        measures, self._measures = self._measures, {}
        for measure in measures.values():
            self._add_measure(measure)

    def measure(self, kind: type[MeasureTally], name: str, value: Any) -> None:
        """Record a measure of the test's own."""
        if self._muted:
            return
        key = kind, name
        tally = self._measures.get(key)
        if tally is None:
            if len(self._measures) >= MAX_MEASURES:
                key = kind, OTHER
            tally = self._measures.get(key)
            if tally is None:
                tally = self._measures[key] = kind(texts.name(key[1]))
                self._count()
        if tally.add(value):
            del self._measures[key]
            self._add_measure(tally)

    def _add_measure(self, tally: MeasureTally) -> None:
        """Makes a row of what a tally has counted, which is a produced event already."""
        event = self._row(0, 0)
        tally.put(event)
        self._rows.append(_serialised(event))

    def _add_socket(self, tally: SocketTally) -> None:
        event = self._row(0, 0)
        event.socket.CopyFrom(tally.take())
        self._rows.append(_serialised(event))

    def _append(self, event: event_pb2.Event) -> None:
        if self._muted:
            return
        self._rows.append(_serialised(event))
        self._count()

    def _count(self) -> None:
        if self._muted:
            return
        self.produced_events += 1
        self._produced[0] = self.produced_events

    def mute(self) -> None:
        """Records nothing any more."""
        self._muted = True

    def take(
        self, max_batch_bytes: int, *, rest: Callable[[], object] = lambda: None
    ) -> list[EncodedBatch]:
        """Everything recorded so far, in frames of at most `max_batch_bytes` each.

        Afterwards the recorder holds only what was recorded meanwhile: `rest` is called after
        each block, and may let others record. Entries of a kind keep their order.
        """
        if max_batch_bytes < MIN_BATCH_BYTES:
            raise ValueError(f"a batch needs {MIN_BATCH_BYTES} bytes, not {max_batch_bytes}")
        rows, hits, tests = self._recorded()
        pieces: list[EncodedBatch] = []
        for first in range(0, len(rows), _ROWS):
            some = rows[first : first + _ROWS]
            pieces += pack((EncodedBatch(row, 1, 0) for row in some), max_batch_bytes)
            rest()
        for block in one_by_one(hits):
            pieces += [EncodedBatch(one, n, n) for one, n in block.pieces(max_batch_bytes)]
            rest()
        for block in one_by_one(tests):
            pieces += [EncodedBatch(one, n, 0) for one, n in block.pieces(max_batch_bytes)]
            rest()
        return list(pack(pieces, max_batch_bytes))

    def _recorded(self) -> tuple[list[bytes], list[Block], list[Block]]:
        """Takes out the rows, and the blocks of hits and of iterations."""
        self._take_tallies()
        self._take_state()
        self._seal_hits()
        self._seal_tagged()
        self._seal_tests()
        rows, self._rows = self._rows, []
        hits, self._sealed_hits = self._sealed_hits, []
        tests, self._sealed_tests = self._sealed_tests, []
        return rows, hits, tests

    def _seal_hits(self) -> None:
        if self._hits.entries:
            self._sealed_hits.append(self._hits)
        self._hits = Block(self._status, HIT_FIELDS)

    def _seal_tagged(self) -> None:
        tagged, self._tagged = self._tagged, {}
        self._sealed_hits += (block for block in tagged.values() if block.entries)

    def _seal_tests(self) -> None:
        self._sealed_tests += self._fixtures.values()
        self._fixtures = {}
        self._seal_iterations()

    def _seal_iterations(self) -> None:
        if self._tests.entries:
            self._sealed_tests.append(self._tests)
        self._tests = Block(self._status, ITERATION_FIELDS)

    def _row(self, user: int, iteration: int) -> event_pb2.Event:
        event = event_pb2.Event(time=timestamp_to_proto(self._clock.wall_ns()), status=self._status)
        if user:
            event.status.current_user = user
            event.status.current_iteration = iteration
        return event


def _serialised(event: event_pb2.Event) -> bytes:
    """An event as a batch of its own."""
    return runner_pb2.EventBatch(events=[event]).SerializeToString()


def _case(block: Block, case: str) -> int:
    """What points to a case."""
    number = block.cases.index.get(case)
    if number is None:
        number = block.add_case(case, texts.name(case))
    return number + 1
