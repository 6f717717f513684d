"""Runner, relay, spool and broker together: nothing counts twice, nothing promised is forgotten.

Rule: the pure parts of all of them are put together here with wires that a machine of
hypothesis breaks, and processes that it starts anew. Each event carries its number, so that
it is known of each what became of it.
"""

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from loadgrpc.agent import spool as spool_module
from loadgrpc.agent.backlog import Backlog, message
from loadgrpc.agent.spool import Spool, SpoolRoom
from loadgrpc.broker.ledger import Ledger
from loadgrpc.protocol import home
from loadgrpc.protocol.home import Accept, OutOfOrder
from loadgrpc.protocol.outbound import Outbound, skip_request
from loadgrpc.v1 import event_pb2, runner_pb2

COUNTS = st.integers(1, 4)
LIMITS = runner_pb2.Limits(max_unacked_batches=3, max_unacked_bytes=1 << 20)


@dataclass(eq=False)
class Numbered:
    """A batch or a skip of the runner."""

    request: bytes
    first_sequence: int
    last_sequence: int
    size: int = 1


class Wire:
    """One stream: what is under way in both directions."""

    def __init__(self):
        self.requests = []
        self.answers = []


def batch(first, count):
    """Events that carry their numbers."""
    events = [
        event_pb2.Event(counter={"name": str(number), "increment": 1})
        for number in range(first, first + count)
    ]
    message = runner_pb2.EventBatch(first_sequence=first, events=events)
    return Numbered(
        runner_pb2.PublishEventsRequest(batch=message).SerializeToString(),
        first,
        first + count - 1,
    )


def skip(first, count, reason="dropped"):
    """Numbers that will never come."""
    return Numbered(skip_request(first, count, reason), first, first + count - 1)


class Broker:
    """A ledger, a store, and what was counted."""

    def __init__(self):
        self.stored = Ledger()
        self.counted = []
        """The numbers of the events that were counted, in this order."""
        self.skipped = []
        self.start()

    def start(self):
        """It is started anew: what was not stored is forgotten."""
        self.ledger = self.stored.copy()

    def take(self, raw):
        """A message, and what is answered."""
        request = runner_pb2.PublishEventsRequest.FromString(raw)
        if request.HasField("skip"):
            said = request.skip
            decision = self.ledger.skip(said.first_sequence, said.count, said.reason)
            numbers = range(said.first_sequence, said.first_sequence + said.count)
            fate = self.skipped
        else:
            said = request.batch
            decision = self.ledger.batch(said.first_sequence, home.size(said))
            numbers = [int(event.counter.name) for event in said.events]
            fate = self.counted
        if isinstance(decision, OutOfOrder):
            return [("gap", decision.expected)] if decision.report else []
        if isinstance(decision, Accept):
            fate += numbers[decision.skip :]
            self.stored = self.ledger.copy()
        return [("ack", self.stored.received)]


class Delivery(RuleBasedStateMachine):
    """A runner, a relay and a broker in a world where nothing lasts but disks."""

    @initialize()
    def begin(self):
        """Nothing was said yet."""
        self.folder = Path(tempfile.mkdtemp())
        self.dropped = []
        """Numbers that the runner had to drop."""
        self.produced = 0
        self.promised = 0
        """The highest number that the runner was told it may forget."""
        self.runner = Outbound(lambda first, count: skip(first, count, "forgotten"))
        self.broker = Broker()
        self.relay = Backlog()
        self.spool = Spool(self.folder, SpoolRoom())
        self.near = self.far = None

    def teardown(self):
        """Without faults all of it arrives in the end, and the disk is empty."""
        if not hasattr(self, "folder"):
            return
        for _ in range(1_000):
            if self.runner.settled and self.relay.outbound.settled:
                break
            self.near_goes_well(1)
            self.far_goes_well(1)
        self.spool.drop(self.relay.committed)
        assert self.broker.stored.received == self.produced
        assert not list(self.folder.iterdir())
        expected = sorted(set(range(1, self.produced + 1)) - set(self.dropped))
        assert self.broker.counted == expected
        assert self.broker.skipped == sorted(self.dropped)
        self.spool.close()
        shutil.rmtree(self.folder)

    # The runner

    @rule(count=COUNTS)
    def produce(self, count):
        """It has measured something."""
        self.runner.keep(batch(self.produced + 1, count))
        self.produced += count

    @rule(count=COUNTS)
    def drop(self, count):
        """It had no room for something."""
        self.dropped += range(self.produced + 1, self.produced + count + 1)
        self.runner.keep(skip(self.produced + 1, count))
        self.produced += count

    @rule()
    def runner_says(self):
        """It opens a stream, or says what may be said on it."""
        if self.near is None:
            self.near = Wire()
            self.runner.begin()
            self.relay.opened()
            self.near.answers.append(("opened", self.relay.durable))
        elif (item := self.runner.next()) is not None:
            self.runner.count_as_sent(item)
            self.near.requests.append(item.request)

    @rule(lost=st.booleans())
    def near_is_answered(self, lost):
        """An answer of the relay comes, or an ack does not."""
        if self.near is None or not self.near.answers:
            return
        kind, number = self.near.answers.pop(0)
        if kind == "opened":
            self.runner.opened(number, LIMITS)
            self.promised = max(self.promised, number)
        elif kind == "gap":
            self.runner.gap(number)
        elif not lost:
            self.runner.acked(number)
            self.promised = max(self.promised, number)

    # The relay

    @rule(at=st.integers(0, 2), again=st.booleans())
    def near_arrives(self, at, again):
        """A message comes to the relay, perhaps before its turn, perhaps again later."""
        raw = take(self.near, at, again=again)
        if raw is None:
            return
        request = runner_pb2.PublishEventsRequest.FromString(raw)
        if request.HasField("skip"):
            decision = self.relay.skip(raw, request.skip, 0.0)
        else:
            decision = self.relay.batch(raw, request, 0.0)
        if not isinstance(decision, OutOfOrder):
            self.near.answers.append(("ack", self.relay.durable))
        elif decision.report:
            self.near.answers.append(("gap", decision.expected))

    @rule()
    def relay_says(self):
        """It opens a stream, or says what may be said on it, from memory or from disk."""
        outbound = self.relay.outbound
        if self.far is None:
            self.far = Wire()
            outbound.begin()
            self.broker.ledger.opened()
            self.far.answers.append(("opened", self.broker.stored.received))
        elif (item := outbound.next()) is not None:
            outbound.count_as_sent(item)
            raw = item.request or self.spool.read(item.place)
            assert raw is not None
            self.far.requests.append(raw)

    @rule(most=st.integers(1, 5))
    def keep(self, most):
        """What waits in memory goes to disk, or the first of it."""
        due = self.relay.due(0.0)[:most]
        places, trouble = self.spool.append([message(kept) for kept in due])
        assert trouble is None
        self.relay.spooled(due, places)
        if self.near is not None:
            self.near.answers.append(("ack", self.relay.durable))

    @rule()
    def tidy(self):
        """What is committed goes from disk."""
        self.spool.drop(self.relay.committed)

    @rule(lost=st.booleans())
    def far_is_answered(self, lost):
        """An answer of the broker comes, or an ack does not."""
        if self.far is None or not self.far.answers:
            return
        kind, number = self.far.answers.pop(0)
        if kind == "opened":
            self.relay.advance(number)
            self.relay.outbound.opened(self.relay.committed, LIMITS)
        elif kind == "gap":
            self.relay.outbound.gap(number)
        elif not lost:
            self.relay.advance(number)
        if self.near is not None:
            self.near.answers.append(("ack", self.relay.durable))

    # The broker

    @rule(at=st.integers(0, 2), again=st.booleans())
    def far_arrives(self, at, again):
        """A message comes to the broker, perhaps before its turn, perhaps again later."""
        raw = take(self.far, at, again=again)
        if raw is not None:
            self.far.answers += self.broker.take(raw)

    # What mostly happens

    @rule(rounds=st.integers(1, 5))
    def near_goes_well(self, rounds):
        """The runner's stream does what it should for a while."""
        for _ in range(rounds):
            self.runner_says()
            self.near_arrives(0, again=False)
            self.near_is_answered(lost=False)

    @rule(rounds=st.integers(1, 5))
    def far_goes_well(self, rounds):
        """The relay's stream does what it should for a while."""
        for _ in range(rounds):
            self.relay_says()
            self.far_arrives(0, again=False)
            self.far_is_answered(lost=False)

    @rule(count=COUNTS, rounds=st.integers(1, 3))
    def all_goes_well(self, count, rounds):
        """Something is measured, and on its way."""
        self.produce(count)
        self.near_goes_well(rounds)
        self.far_goes_well(rounds)
        self.near_is_answered(lost=False)

    @rule(count=COUNTS)
    def broker_is_slow(self, count):
        """Something is measured, and kept on disk."""
        self.produce(count)
        self.near_goes_well(3)
        self.keep(5)
        self.near_goes_well(3)

    # Faults

    @rule()
    def near_breaks(self):
        """The runner's stream breaks."""
        self.near = None

    @rule()
    def far_breaks(self):
        """The relay's stream to the broker breaks."""
        self.far = None
        self.relay.outbound.begin()

    @rule()
    def broker_is_killed(self):
        """And started again, on its store."""
        self.far_breaks()
        self.broker.start()

    @rule(torn=st.binary(max_size=40))
    def relay_is_killed(self, torn):
        """And started again, on its disk; a record may have been half written."""
        self.near_breaks()
        self.far = None
        self.spool.close()
        files = sorted(self.folder.iterdir())
        if files:
            with files[-1].open("ab") as file:
                file.write(torn)
        self.relay = Backlog()
        self.spool = Spool(self.folder, SpoolRoom())
        self.relay.found(self.spool.recover())
        assert self.promised <= max(self.relay.durable, self.broker.stored.received)

    # What always holds

    @precondition(lambda self: hasattr(self, "folder"))
    @invariant()
    def nothing_counts_twice(self):
        """Each number has one fate, and they come in their order."""
        assert self.broker.counted == sorted(set(self.broker.counted))
        fates = sorted(self.broker.counted + self.broker.skipped)
        assert fates == list(range(1, self.broker.stored.received + 1))

    @precondition(lambda self: hasattr(self, "folder"))
    @invariant()
    def nothing_promised_is_only_in_memory(self):
        """What the runner may forget is with the broker, or on disk."""
        assert self.promised <= self.broker.stored.received or not [
            kept for kept in self.relay.due(0.0) if kept.first_sequence <= self.promised
        ]


def take(wire, at, *, again):
    """One of the messages that are under way, the first or a later one."""
    if wire is None or not wire.requests:
        return None
    at = min(at, len(wire.requests) - 1)
    raw = wire.requests.pop(at)
    if again:
        wire.requests.append(raw)
    return raw


@pytest.fixture(autouse=True, scope="module")
def no_fsync():
    """A disk that need not survive a power cut is quick."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        patch.setattr(spool_module, "SEGMENT_BYTES", 100)
        yield


TestDelivery = Delivery.TestCase
TestDelivery.settings = settings(max_examples=300, stateful_step_count=40)
