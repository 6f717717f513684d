"""RunnerService, as runner.proto tells a stranger: one contract, three homes.

Rule: raw stubs and generated messages only. Every test runs against the broker, against the relay
of an agent in front of it, where each call carries a token, and against the home of the conformance
kit, which is to be like these in all that a runner can see.
"""

import asyncio
import tempfile
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import grpc.aio
import pytest
from google.protobuf import any_pb2
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from loadgrpc.agent.relay import Relay
from loadgrpc.agent.spool import Spool, SpoolRoom
from loadgrpc.broker.broker import Broker
from loadgrpc.broker.runner_service import RunnerService
from loadgrpc.clock import SystemClock
from loadgrpc.conformance.home import Home as KitHome
from loadgrpc.conformance.script import Script, limits_of
from loadgrpc.conformance.transcript import Transcript
from loadgrpc.errors import NotFound
from loadgrpc.model import SourceId, StopMode
from loadgrpc.protocol.fleet import Registration
from loadgrpc.protocol.raw import RawRunnerServiceStub, add_raw_runner_service
from loadgrpc.protocol.sources import source_from_proto, source_to_proto
from loadgrpc.protocol.transport import listen, new_channel, new_server
from loadgrpc.store import Store
from loadgrpc.testing import plan_of
from loadgrpc.v1 import event_pb2, runner_pb2, runner_pb2_grpc

HOMES = ("broker", "relay", "kit")
SERVICE = "loadgrpc.v1.RunnerService"


class Stream:
    """One PublishEvents stream of a stranger."""

    def __init__(self, call, source):
        self.call = call
        self.source = source

    async def say(self, *, source=None, **message):
        """Sends a message; `source` False leaves it out."""
        if source is not False:
            message["source"] = source or self.source
        await self.call.write(runner_pb2.PublishEventsRequest(**message))

    async def hear(self):
        """The next answer, as its kind and its message; its status when the stream ended."""
        try:
            response = await self.call.read()
        except grpc.aio.AioRpcError as error:
            return error.code(), error
        if response == grpc.aio.EOF:
            return await self.call.code(), None
        kind = response.WhichOneof("message")
        return kind, getattr(response, kind)

    async def refused(self):
        """Why the source is closed: the next answer is an error in band."""
        kind, error = await self.hear()
        assert (kind, bool(error.message)) == ("error", True)
        return error.reason

    async def kind(self):
        """The kind of the next answer, or the status."""
        return (await self.hear())[0]

    async def open(self, *, epoch=1, barrier=False, **fields):
        """Opens the source, and gives the committed sequence."""
        capabilities = {"cycle_barrier": True} if barrier else None
        await self.say(open={"epoch": epoch, "capabilities": capabilities}, **fields)
        kind, opened = await self.hear()
        assert kind == "opened", kind
        return opened.committed_sequence

    async def publish(self, hits, *, first=0, **fields):
        """Sends so many hits as rows, and gives the acked sequence."""
        await self.say(batch=batch(hits, first=first), **fields)
        kind, ack = await self.hear()
        assert kind == "ack", kind
        assert ack.durable_sequence == ack.committed_sequence
        return ack.committed_sequence

    async def finish(self, events=None):
        """Finishes, and gives the totals that the home counted."""
        totals = None if events is None else {"events": events, "hits": events}
        await self.say(finish={"totals": totals})
        kind, finished = await self.hear()
        assert kind == "finished", kind
        return finished.committed, finished.rejected, finished.lost


@dataclass
class Home:
    """Where a runner of a run reports."""

    broker: Broker
    run_id: str
    stub: runner_pb2_grpc.RunnerServiceStub
    source: runner_pb2.SourceId
    metadata: tuple
    endpoint: str
    kit: KitHome | None = None

    @property
    def is_broker(self):
        """Whether there is no relay before it."""
        return not self.metadata

    def stream(self, *, source=None, metadata=None):
        """A stream of the expected runner, unless told otherwise."""
        metadata = self.metadata if metadata is None else metadata
        return Stream(self.stub.PublishEvents(metadata=metadata), source or self.source)

    @property
    def counts(self):
        """Whether what is stored can be seen in figures: the kit's home has none."""
        return self.kit is None

    async def summary(self):
        """The summary of the run."""
        return await self.broker.archive.get_summary(self.run_id)

    async def stop(self):
        """The run is stopped."""
        if self.kit is not None:
            self.kit.stop()
        await self.broker.stop_run(self.run_id, StopMode.GRACEFUL)

    def exits(self, status=0):
        """The runner's process ended."""
        if self.kit is not None:
            self.kit.close_run()
        self.broker.fleet.runner_exited("a1", self.run_id, "", status, "")


@asynccontextmanager
async def serving(servicer, add):
    """A server of a RunnerService, which `add` adds to it: a channel to it, and its address."""
    server = await new_server([SERVICE])
    add(servicer, server)
    endpoint = listen(server, "127.0.0.1:0")
    await server.start()
    try:
        async with new_channel(endpoint) as channel:
            yield channel, endpoint
    finally:
        await server.stop(None)


@asynccontextmanager
async def home_of(kind, *, agents=1, **plan):
    """A run on agent a1 (and more, that never say anything), whose runner may report.

    The relay puts nothing on disk by itself, so that its acks are those of the broker.
    """
    with tempfile.TemporaryDirectory(prefix="loadgrpc-") as folder:
        async with _home_of(kind, Path(folder), agents=agents, **plan) as home:
            yield home


@asynccontextmanager
async def _home_of(kind, folder, *, agents, **plan):
    store = await Store.open(":memory:")
    broker = Broker(store, SystemClock(), store_name="test", lease_s=60.0)
    await broker.start()
    agent_ids = [f"a{at + 1}" for at in range(agents)]
    for agent_id in agent_ids:
        broker.fleet.connect_agent(
            Registration(agent_id=agent_id, hostname="h", pid=1, version="1", cores=1)
        )
    plan = {"test": "a.B.c", "users": (2,), "iterations": (1,), "agents": agents, **plan}
    run = await broker.dispatcher.start_run(plan_of(**plan))
    source = runner_pb2.SourceId(run_id=run.run_id, agent_id="a1", runner_id="r1")
    try:
        if kind == "kit":
            transcript = Transcript(
                case="contract",
                source=source_from_proto(source),
                assignment=broker._runs[run.run_id].parts["a1", ""].assignment,
                token="t",
                limits=limits_of(Script()),
                page="",
                begun_ns=0,
            )
            kit = KitHome(Script(), transcript)
            async with serving(kit, add_raw_runner_service) as (channel, endpoint):
                stub = runner_pb2_grpc.RunnerServiceStub(channel)
                metadata = (("authorization", "Bearer t"),)
                yield Home(broker, run.run_id, stub, source, metadata, endpoint, kit)
            return
        add = runner_pb2_grpc.add_RunnerServiceServicer_to_server
        async with serving(RunnerService(broker), add) as (channel, endpoint):
            if kind == "broker":
                stub = runner_pb2_grpc.RunnerServiceStub(channel)
                yield Home(broker, run.run_id, stub, source, (), endpoint)
                return
            relay = Relay(RawRunnerServiceStub(channel), spool_after_s=600.0)
            assignment = broker._runs[run.run_id].parts["a1", ""].assignment
            spool = Spool(folder / "spool", SpoolRoom())
            expected = relay.expect(assignment, source_from_proto(source), spool)
            metadata = (("authorization", f"Bearer {expected.token}"),)
            try:
                async with serving(relay, add_raw_runner_service) as (at_agent, theirs):
                    stub = runner_pb2_grpc.RunnerServiceStub(at_agent)
                    yield Home(broker, run.run_id, stub, source, metadata, theirs)
            finally:
                await relay.close()
    finally:
        await broker.close()
        await store.close()


@pytest.fixture(params=HOMES)
def at_home(request):
    """`at_home(use, …)` runs a coroutine function with a Home of each kind."""
    return lambda use, **plan: run_at(request.param, use, **plan)


@pytest.fixture(params=HOMES[:2])
def at_a_broker(request):
    """As `at_home`, of the homes with a broker behind them: it judges, and knows other agents."""
    return lambda use, **plan: run_at(request.param, use, **plan)


def run_at(kind, use, **plan):
    """Runs a coroutine function with a Home; nothing may take long."""

    async def main():
        async with asyncio.timeout(20), home_of(kind, **plan) as home:
            return await use(home)

    return asyncio.run(main())


def hit():
    """A hit as a row."""
    event = event_pb2.Event(hit={"name": "/", "method": "GET", "status": 200})
    event.hit.elapsed.FromMilliseconds(2)
    return event


def batch(hits, *, first=0, invalid=0):
    """A batch of rows, the invalid ones last."""
    events = [hit() for _ in range(hits)] + [event_pb2.Event()] * invalid
    return runner_pb2.EventBatch(first_sequence=first, events=events)


def violations(error):
    """The fields that a status calls wrong."""
    for detail in rpc_status.from_call(error).details:
        bad_request = error_details_pb2.BadRequest()
        if detail.Unpack(bad_request):
            return [violation.field for violation in bad_request.field_violations]
    return []


# Assignments


def test_an_assignment_is_given(at_home):
    """Who is expected is told its part of the plan."""

    async def use(home):
        request = runner_pb2.GetAssignmentRequest(source=home.source)
        answer = await home.stub.GetAssignment(request, metadata=home.metadata)
        assignment = answer.assignment
        assert (assignment.run_id, assignment.agent_id) == (home.run_id, "a1")
        assert (assignment.test, len(assignment.cycles)) == ("a.B.c", 1)
        assert (assignment.cycles[0].users, assignment.cycles[0].iterations) == (2, 3)
        assert assignment.stop_timeout.seconds == 30

    at_home(use, iterations=(1, 2))


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"run_id": "r-none"}, grpc.StatusCode.NOT_FOUND),
        ({"agent_id": "a9"}, grpc.StatusCode.NOT_FOUND),
        ({"run_id": ""}, grpc.StatusCode.INVALID_ARGUMENT),
        ({"runner_id": ""}, grpc.StatusCode.INVALID_ARGUMENT),
    ],
)
def test_an_assignment_for_nobody(at_home, change, code):
    """Who is not expected is NOT_FOUND; who does not say who it is gets told what is missing."""

    async def use(home):
        for field, value in change.items():
            setattr(home.source, field, value)
        request = runner_pb2.GetAssignmentRequest(source=home.source)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await home.stub.GetAssignment(request, metadata=home.metadata)
        assert caught.value.code() is code

    at_home(use)


# Open, sequence, acks


def test_events_are_acked_and_counted(at_home):
    """Open says what is stored and the limits; each batch is acked, and what is acked counts."""

    async def use(home):
        stream = home.stream()
        await stream.say(open={"epoch": 1})
        kind, opened = await stream.hear()
        assert (kind, opened.committed_sequence, opened.durable_sequence) == ("opened", 0, 0)
        assert opened.limits.max_batch_bytes == 2**20
        assert opened.limits.max_unacked_batches > 0
        assert opened.limits.max_unacked_bytes >= opened.limits.max_batch_bytes
        assert await stream.publish(3, first=1) == 3
        assert await stream.publish(2, first=4) == 5
        if home.counts:
            assert (await home.summary()).hits.count == 5

    at_home(use)


def test_rows_and_blocks_share_a_batch(at_home):
    """Rows, hit blocks and test blocks take their numbers in this order, one an entry."""

    async def use(home):
        stream = home.stream()
        await stream.open()
        message = batch(2, first=1)
        hits = message.hit_blocks.add(count=3, labels=[{"name": "/b", "status": 200}])
        tests = message.test_blocks.add(count=4, labels=[{"test": "t", "outcome": 1}])
        for block in (hits, tests):
            block.base_time.GetCurrentTime()
        await stream.say(batch=message)
        assert (await stream.hear())[1].committed_sequence == 9
        message.first_sequence = 5
        await stream.say(batch=message)
        assert (await stream.hear())[1].committed_sequence == 13
        if home.counts:
            summary = await home.summary()
            # Of the second only the test block was new: 5 to 9 were known.
            assert (summary.hits.count, summary.iterations.success) == (5, 8)
            assert summary.accounting.duplicates == 5

    at_home(use)


def test_a_duplicate_is_acked_again_and_counted_once(at_home):
    """A batch that was committed before is acked again, and changes no figure.

    The broker tells how often; what a relay recognises, the broker never hears of.
    """

    async def use(home):
        stream = home.stream()
        await stream.open()
        for _ in range(3):
            assert await stream.publish(4, first=1) == 4
        if home.counts:
            summary = await home.summary()
            assert summary.hits.count == 4
            duplicates = 8 if home.is_broker else 0
            accounting = summary.accounting
            assert (accounting.committed, accounting.duplicates) == (4, duplicates)

    at_home(use)


def test_of_an_overlap_only_the_tail_counts(at_home):
    """A batch that begins with what is known and ends with what is new counts its end."""

    async def use(home):
        stream = home.stream()
        await stream.open()
        await stream.publish(4, first=1)
        assert await stream.publish(4, first=3) == 6
        if home.counts:
            assert (await home.summary()).hits.count == 6

    at_home(use)


def test_a_gap_is_told_once(at_home):
    """A batch too high is answered with the number expected, once, until that number comes."""

    async def use(home):
        stream = home.stream()
        await stream.open()
        await stream.publish(2, first=1)
        for first in (5, 6, 7):
            await stream.say(batch=batch(1, first=first))
        kind, gap = await stream.hear()
        assert (kind, gap.expected_sequence) == ("gap", 3)
        assert await stream.publish(2, first=3) == 4
        if home.counts:
            assert (await home.summary()).hits.count == 4
        await stream.say(batch=batch(1, first=6))
        assert (await stream.hear())[1].expected_sequence == 5

    at_home(use)


def test_a_gap_is_told_again_on_another_stream(at_home):
    """Opening starts over: who makes the same mistake on a new stream is told again."""

    async def use(home):
        first, second = home.stream(), home.stream()
        await first.open(epoch=1)
        await first.say(batch=batch(1, first=9))
        assert await first.kind() == "gap"
        assert await second.open(epoch=2) == 0
        await second.say(batch=batch(1, first=9))
        assert await second.kind() == "gap"

    at_home(use)


def test_what_is_skipped_is_lost(at_home):
    """Skipped numbers are acked, counted as lost with their reason, and not expected any more."""

    async def use(home):
        stream = home.stream()
        await stream.open()
        await stream.publish(2, first=1)
        await stream.say(skip={"first_sequence": 3, "count": 5, "reason": "too fast"})
        assert (await stream.hear())[1].committed_sequence == 7
        await stream.say(skip={"first_sequence": 2, "count": 2})
        assert (await stream.hear())[1].committed_sequence == 7
        assert await stream.publish(1, first=8) == 8
        assert await stream.finish(8) == (3, 0, 5)
        if home.counts:
            (loss,) = (await home.summary()).accounting.losses
            assert (loss.reason, loss.count, loss.at_least) == ("too fast", 5, False)

    at_home(use)


def test_a_skip_without_a_number_has_no_meaning(at_home):
    """Nobody knows which numbers are meant: the source is closed, and may open again."""

    async def use(home):
        stream = home.stream()
        await stream.open()
        await stream.say(skip={"count": 5})
        assert await stream.refused() == "INVALID_REQUEST"
        assert await stream.open(epoch=2) == 0

    at_home(use)


@pytest.mark.parametrize(
    "message",
    [
        {"skip": {"first_sequence": 1, "count": 2**63}},
        {"batch": batch(1, first=2**64 - 1)},
        {"finish": {"totals": {"events": 2**64 - 1}}},
    ],
)
def test_numbers_out_of_this_world_are_refused(at_home, message):
    """A number that no store can hold is the caller's mistake, and counts nothing."""

    async def use(home):
        stream = home.stream()
        await stream.open()
        await stream.say(**message)
        assert await stream.refused() == "INVALID_REQUEST"
        if home.counts:
            assert (await home.summary()).accounting.lost == 0

    at_home(use)


# Invalid events


def test_invalid_events_are_rejected_and_the_stream_goes_on(at_home):
    """What is invalid is named, counted as rejected, and acked with the rest."""

    async def use(home):
        stream = home.stream()
        await stream.open()
        await stream.say(batch=batch(2, first=1, invalid=12))
        kind, rejected = await stream.hear()
        assert (kind, rejected.count, len(rejected.violations)) == ("rejected", 12, 10)
        assert rejected.first_sequence == 1
        assert (await stream.hear())[1].committed_sequence == 14
        assert await stream.publish(1, first=15) == 15
        assert await stream.finish(15) == (3, 12, 0)
        if home.counts:
            assert (await home.summary()).accounting.rejected == 12

    at_home(use)


def test_a_malformed_block_rejects_its_declared_count(at_home):
    """A block whose columns do not fit takes its numbers, and the stream goes on."""

    async def use(home):
        stream = home.stream()
        await stream.open()
        message = batch(1, first=1)
        message.hit_blocks.add(count=100, label=b"abc")
        await stream.say(batch=message)
        kind, rejected = await stream.hear()
        assert (kind, rejected.count) == ("rejected", 100)
        assert (await stream.hear())[1].committed_sequence == 101
        assert await stream.finish(101) == (1, 100, 0)

    at_home(use)


def test_events_of_a_newer_kind_are_rejected(at_home):
    """A batch that says it has more than is known here takes all its numbers."""

    async def use(home):
        stream = home.stream()
        await stream.open()
        message = batch(2, first=1)
        message.count = 7
        await stream.say(batch=message)
        kind, rejected = await stream.hear()
        assert (kind, rejected.count) == ("rejected", 5)
        assert (await stream.hear())[1].committed_sequence == 7
        message.count = 1  # fewer than there are: as many as there are
        message.first_sequence = 8
        await stream.say(batch=message)
        assert (await stream.hear())[1].committed_sequence == 9

    at_home(use)


def test_a_batch_over_the_limit_is_ignored(at_home):
    """A batch over `max_batch_bytes` is answered with its number and size; half of it is taken."""

    async def use(home):
        stream = home.stream()
        await stream.open()
        message = batch(1, first=1)
        message.events[0].hit.error_message = "x" * 2**20
        await stream.say(batch=message)
        kind, too_large = await stream.hear()
        assert (kind, too_large.first_sequence) == ("too_large", 1)
        assert too_large.batch_bytes == message.ByteSize()
        assert await stream.publish(1, first=1) == 1

    at_home(use)


def test_times_out_of_this_world_are_rejected(at_home):
    """A time that 64 bits cannot hold is an invalid event, and no internal error."""

    async def use(home):
        stream = home.stream()
        await stream.open()
        message = batch(1, first=1)
        for seconds in (2**62, -(2**62)):
            message.events.add(hit=hit().hit, time={"seconds": seconds})
            message.hit_blocks.add(
                count=1, labels=[{"name": "/", "status": 200}], base_time={"seconds": seconds}
            )
        message.events.add(hit=hit().hit).hit.elapsed.seconds = 2**62
        await stream.say(batch=message)
        kind, rejected = await stream.hear()
        assert (kind, rejected.count) == ("rejected", 5)
        assert (await stream.hear())[1].committed_sequence == 6

    at_home(use)


# The end


def test_finish_is_answered_with_what_was_counted(at_home):
    """What was produced and never sent is lost; finishing again gives the same answer."""

    async def use(home):
        stream = home.stream()
        await stream.open()
        await stream.publish(3, first=1)
        assert await stream.finish(5) == (3, 0, 2)
        assert await stream.finish(5) == (3, 0, 2)
        assert await stream.publish(2, first=1) == 5
        home.exits()
        if home.counts:
            assert (await home.summary()).accounting.lost == 2

    at_home(use)


def test_finish_without_totals_is_believed(at_home):
    """Who does not say how much it produced has produced what came."""

    async def use(home):
        stream = home.stream()
        await stream.open()
        await stream.publish(3, first=1)
        assert await stream.finish() == (3, 0, 0)

    at_home(use)


def test_finish_that_disagrees(at_home):
    """Less produced than sent cannot be: the source is closed, and may say it right."""

    async def use(home):
        stream = home.stream()
        await stream.open()
        await stream.publish(3, first=1)
        await stream.say(finish={"totals": {"events": 2}})
        kind, error = await stream.hear()
        assert (kind, error.reason) == ("error", "INVALID_REQUEST")
        assert "2 events were produced, but 3 came" in error.message
        again = home.stream()
        assert await again.open(epoch=2) == 3
        assert await again.finish(3) == (3, 0, 0)

    at_home(use)


def test_nothing_comes_after_the_end(at_home):
    """Events after finish have no meaning: they were not among those that were produced."""

    async def use(home):
        stream = home.stream()
        await stream.open()
        await stream.publish(1, first=1)
        await stream.finish(1)
        await stream.say(batch=batch(1, first=2))
        assert await stream.refused() == "INVALID_REQUEST"
        if home.counts:
            assert (await home.summary()).hits.count == 1

    at_home(use)


def test_a_stream_that_is_closed_by_the_runner_ends_well(at_home):
    """Who has no more to say gets all its answers, and OK."""

    async def use(home):
        stream = home.stream()
        await stream.say(open={})
        await stream.say(batch=batch(2))
        await stream.say(finish={})
        await stream.call.done_writing()
        assert [await stream.kind() for _ in range(4)] == [
            "opened",
            "ack",
            "finished",
            grpc.StatusCode.OK,
        ]

    at_home(use)


def test_after_the_end_everything_is_closed(at_home):
    """When its part is over a runner gets run_closed to every message, on any stream."""

    async def use(home):
        stream = home.stream()
        await stream.open()
        home.exits(1)
        for message in (
            {"batch": batch(1, first=1)},
            {"skip": {"first_sequence": 1, "count": 1}},
            {"ready": {"cycle": 1}},
            {"finish": {}},
        ):
            await stream.say(**message)
            assert await stream.kind() == "run_closed"
        late = home.stream()
        await late.say(open={"epoch": 2})
        await late.say(batch=batch(1, first=1))
        await late.say(source=False, finish={})
        assert [await late.kind() for _ in range(3)] == ["run_closed"] * 3
        if home.counts:
            assert (await home.summary()).hits.count == 0

    at_home(use)


@pytest.mark.parametrize("cycle", [0, 7, 2**32 - 1])
def test_d9_ready_for_a_cycle_that_there_is_not_is_an_error(at_home, cycle):
    """It is told in band, and the source is not left waiting; the stream stays open."""

    async def use(home):
        stream = home.stream()
        await stream.open()
        await stream.say(ready={"cycle": cycle})
        kind, error = await stream.hear()
        assert (kind, error.reason) == ("error", "INVALID_REQUEST")
        assert "ready.cycle" in error.message
        await stream.call.done_writing()
        assert await stream.kind() == grpc.StatusCode.OK

    at_home(use)


def test_a_load_error_is_kept(at_a_broker):
    """A runner that could not load the test says why, and the summary shows it."""

    async def use(home):
        stream = home.stream()
        await stream.open()
        await stream.say(finish={"load_error": {"type": "ImportError", "message": "no a"}})
        assert [await stream.kind() for _ in range(2)] == ["stop", "finished"]
        home.exits(107)
        summary = await home.summary()
        assert (summary.verdict.exit_code, summary.agents[0].load_error.message) == (107, "no a")

    at_a_broker(use)


# Streams


def test_a_source_goes_on_where_it_was(at_home):
    """On a new stream a source is told what is stored, and nothing is counted twice."""

    async def use(home):
        first = home.stream()
        await first.open(epoch=1)
        await first.publish(3, first=1)
        first.call.cancel()
        second = home.stream()
        assert await second.open(epoch=2) == 3
        assert await second.publish(3, first=2) == 4
        assert await second.finish(4) == (4, 0, 0)

    at_home(use)


def test_a_higher_epoch_ends_the_older_stream(at_home):
    """Of two streams of a source the one with the higher epoch wins, and the other is told."""

    async def use(home):
        older, newer = home.stream(), home.stream()
        await older.open(epoch=1)
        await older.publish(1, first=1)
        assert await newer.open(epoch=2) == 1
        assert await older.refused() == "SUPERSEDED"
        await older.say(batch=batch(1, first=2))
        assert await older.refused() == "NOT_FOUND"
        assert await newer.publish(1, first=2) == 2
        latecomer = home.stream()
        await latecomer.say(open={"epoch": 1})
        assert await latecomer.refused() == "SUPERSEDED"
        assert await newer.publish(1, first=3) == 3

    at_home(use)


def test_a_source_without_numbers(at_home):
    """Events without numbers are numbered as they come, on one stream or on several."""

    async def use(home):
        one, two = home.stream(), home.stream()
        await one.open(epoch=0)
        assert [await one.publish(2), await one.publish(1)] == [2, 3]
        assert await two.open(epoch=0) == 3
        assert [await two.publish(4), await one.publish(1), await two.publish(1)] == [7, 8, 9]
        one.call.cancel()
        assert await two.finish() == (9, 0, 0)
        home.exits()
        if home.counts:
            summary = await home.summary()
            assert (summary.hits.count, summary.accounting.duplicates) == (9, 0)

    at_home(use)


def test_the_source_may_be_left_out(at_home):
    """Where one source is open a message needs no source; open itself does."""

    async def use(home):
        stream = home.stream()
        await stream.say(source=False, open={})
        code, error = await stream.hear()
        assert (code, violations(error)) == (grpc.StatusCode.INVALID_ARGUMENT, ["source"])
        stream = home.stream()
        await stream.open()
        assert await stream.publish(2, source=False, first=1) == 2
        await stream.say(source=False, open={})
        assert await stream.kind() is grpc.StatusCode.INVALID_ARGUMENT

    at_home(use)


def test_a_batch_before_open(at_home):
    """Who has not opened is NOT_FOUND when it names itself, and INVALID when it does not."""

    async def use(home):
        named, unnamed = home.stream(), home.stream()
        await named.say(batch=batch(1, first=1))
        assert await named.refused() == "NOT_FOUND"
        await unnamed.say(source=False, batch=batch(1, first=1))
        assert await unnamed.kind() is grpc.StatusCode.INVALID_ARGUMENT
        if home.counts:
            assert (await home.summary()).hits.count == 0

    at_home(use)


def test_a_message_of_a_newer_runner_is_ignored(at_home):
    """A message of a kind that is not known here is no mistake, and the stream goes on."""

    async def use(home):
        stream = home.stream()
        await stream.open()
        await stream.say()
        assert await stream.publish(2, first=1) == 2

    at_home(use)


def test_an_empty_batch_is_nothing(at_home):
    """A batch without events takes no number and is no mistake; it is acked as any other."""

    async def use(home):
        stream = home.stream()
        await stream.open()
        assert await stream.publish(0, first=1) == 0
        assert await stream.publish(1, first=1) == 1

    at_home(use)


# Control


def test_a_runner_with_the_capability_waits_for_the_others(at_a_broker):
    """Ready is answered with start_cycle when every agent is ready, or over."""

    async def use(home):
        stream = home.stream()
        await stream.open(barrier=True)
        await stream.say(ready={"cycle": 1})
        assert await stream.publish(1, first=1) == 1  # nothing came before this ack
        home.broker.fleet.runner_exited("a2", home.run_id, "", 1, "")
        kind, start = await stream.hear()
        assert (kind, start.cycle) == ("start_cycle", 1)
        await stream.say(ready={"cycle": 2})
        assert (await stream.hear())[1].cycle == 2

    at_a_broker(use, agents=2, users=(1, 1))


def test_a_runner_without_the_capability_is_told_nothing(at_home):
    """Who enters cycles by itself gets no start_cycle, and its run is running."""

    async def use(home):
        stream = home.stream()
        await stream.open(barrier=False)
        assert await stream.publish(1, first=1) == 1
        if home.counts:
            assert (await home.broker.archive.get_run(home.run_id)).state.name == "RUNNING"
        assert await stream.finish(1) == (1, 0, 0)

    at_home(use)


def test_cycles_count_from_one(at_home):
    """Ready for no cycle has no meaning."""

    async def use(home):
        stream = home.stream()
        await stream.open(barrier=True)
        await stream.say(ready={})
        assert await stream.refused() == "INVALID_REQUEST"

    at_home(use)


def test_a_stop_comes_on_the_stream(at_home):
    """A stop reaches the runner with its time-out, and who opens later is told, too."""

    async def use(home):
        stream = home.stream()
        await stream.open()
        await home.stop()
        kind, stop = await stream.hear()
        assert (kind, stop.stop_timeout.seconds) == ("stop", 7)
        later = home.stream()
        assert await later.open(epoch=2) == 0
        assert await later.kind() == "stop"
        assert await later.publish(1, first=1) == 1  # what is still to be sent still counts

    at_home(use, stop_timeout_s=7.0)


# Types of a runner's own


def custom(*values):
    """A batch of custom events."""
    return runner_pb2.EventBatch(
        first_sequence=1, events=[event_pb2.Event(custom=value) for value in values]
    )


def knows(home, symbol="acme.Order"):
    """Whether the broker's reflection describes a symbol."""
    try:
        return bool(home.broker.types.described().file_containing_symbol(symbol))
    except NotFound:
        return False


def test_types_of_a_runners_own_are_described(at_a_broker, acme):
    """Types come with open, custom events count nowhere, and are committed like any others."""

    async def use(home):
        stream = home.stream()
        await stream.say(open={"epoch": 1, "types": acme.types()})
        await stream.say(batch=custom(acme.order(item="pear"), acme.order(item="fig")))
        assert [await stream.kind() for _ in range(2)] == ["opened", "ack"]
        assert knows(home)
        assert await stream.finish(2) == (2, 0, 0)
        home.exits()
        if home.counts:
            summary = await home.summary()
            assert (summary.hits.count, summary.iterations.started) == (0, 0)
            assert summary.accounting.committed == 2

    at_a_broker(use)


REFUSED = {
    "a known symbol": ({"message": "loadgrpc.v1.Event"}, "ALREADY_EXISTS", "loadgrpc.v1.Event"),
    "a known file": ({"file": "loadgrpc/v1/event.proto"}, "ALREADY_EXISTS", "event.proto"),
    "a missing import": ({"imports": ["acme/money.proto"]}, "NOT_FOUND", "acme/money.proto"),
    "too large": ({"pad": 256 << 10}, "TOO_LARGE", "over 262144"),
    "garbage": (b"%%%", "INVALID_REQUEST", "FileDescriptorSet"),
    "none in it": (b"\x10\x01", "INVALID_REQUEST", "empty"),
    "no name": (b"\x0a\x00", "INVALID_REQUEST", "no name"),
}


@pytest.mark.parametrize(("types", "reason", "words"), REFUSED.values(), ids=REFUSED)
def test_types_are_refused_and_the_source_is_not(at_a_broker, acme, types, reason, words):
    """Why is told in band; the source is open, and its events are stored."""
    types = types if isinstance(types, bytes) else acme.types(**types)

    async def use(home):
        stream = home.stream()
        await stream.say(open={"epoch": 1, "types": types})
        assert await stream.kind() == "opened"
        kind, refused = await stream.hear()
        assert (kind, refused.reason) == ("types_refused", reason)
        assert words in refused.message
        assert not knows(home)
        await stream.say(batch=custom(acme.order(item="pear")))
        assert await stream.kind() == "ack"
        assert await stream.finish(1) == (1, 0, 0)

    at_a_broker(use)


def test_the_same_types_may_come_again(at_a_broker, acme):
    """A source that opens again, here or on another stream, brings what is known: no word."""

    async def use(home):
        for epoch in (1, 2):
            stream = home.stream()
            for _ in range(2):
                await stream.say(open={"epoch": epoch, "types": acme.types()})
                assert await stream.kind() == "opened"
            assert await stream.publish(1, first=epoch) == epoch
        assert knows(home)

    at_a_broker(use)


def test_refused_types_are_refused_again(at_a_broker, acme):
    """Who opens another stream with types that were refused is told there, too."""

    async def use(home):
        for epoch in (1, 2):
            stream = home.stream()
            await stream.say(open={"epoch": epoch, "types": b"%%%"})
            assert [await stream.kind() for _ in range(2)] == ["opened", "types_refused"]
        await stream.say(open={"epoch": 3, "types": acme.types()})
        assert await stream.kind() == "opened"
        assert await stream.publish(1, first=1) == 1
        assert knows(home)

    at_a_broker(use)


def test_types_may_come_later(at_a_broker, acme):
    """A source that opened without them brings them by opening again, in the middle of events."""

    async def use(home):
        stream = home.stream()
        await stream.open()
        assert await stream.publish(2, first=1) == 2
        assert not knows(home)
        await stream.say(open={"epoch": 1, "types": acme.types()})
        assert (await stream.hear())[1].durable_sequence == 2
        assert await stream.publish(1, first=3) == 3
        assert knows(home)
        assert await stream.finish(3) == (3, 0, 0)

    at_a_broker(use)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"value": b"x"}, "type_url"),
        ({"type_url": "acme.Order"}, "type_url"),
        ({"type_url": "type.googleapis.com/"}, "type_url"),
        ({"type_url": "x/acme.Order", "value": bytes((64 << 10) + 1)}, "65537 bytes"),
    ],
)
def test_custom_events_have_bounds(at_home, value, words):
    """One without a type, or with too much in it, is rejected; the next one is taken."""

    async def use(home):
        stream = home.stream()
        await stream.open()
        fine = any_pb2.Any(type_url="x/acme.Order", value=bytes(64 << 10))
        await stream.say(batch=custom(any_pb2.Any(**value), fine))
        kind, rejected = await stream.hear()
        assert (kind, rejected.count) == ("rejected", 1)
        assert words in rejected.violations[0]
        assert await stream.kind() == "ack"
        assert await stream.finish(2) == (1, 1, 0)

    at_home(use)


# What is different


def test_many_sources_on_one_stream():
    """At the broker one stream carries the sources of a whole relay, each with its own numbers."""

    async def use(home):
        stream = home.stream()
        other = runner_pb2.SourceId(run_id=home.run_id, agent_id="a2", runner_id="r2")
        await stream.open()
        await stream.open(source=other)
        assert await stream.publish(3, first=1) == 3
        assert await stream.publish(2, source=other, first=1) == 2
        await stream.say(source=other, ready={})
        assert await stream.refused() == "INVALID_REQUEST"
        assert await stream.publish(1, first=3) == 3  # the other source's mistake
        await stream.open(source=other, epoch=2)
        await stream.say(source=False, batch=batch(1))
        assert await stream.kind() is grpc.StatusCode.INVALID_ARGUMENT
        if home.counts:
            summary = await home.summary()
            assert [agent.hits for agent in summary.agents] == [3, 2]

    run_at("broker", use, agents=2)


@pytest.mark.parametrize("change", [{"runner_id": "another"}, {"agent_id": "a2"}])
def test_a_token_is_for_one_source(change):
    """At the relay a runner speaks for itself only."""

    async def use(home):
        other = runner_pb2.SourceId()
        other.CopyFrom(home.source)
        for field, value in change.items():
            setattr(other, field, value)
        stream = home.stream(source=other)
        await stream.say(open={})
        code, error = await stream.hear()
        assert (code, violations(error)) == (grpc.StatusCode.INVALID_ARGUMENT, ["source"])

    run_at("relay", use, agents=2)


def test_what_is_no_message_ends_the_stream():
    """Bytes that protobuf cannot read are the runner's mistake."""

    async def use(home):
        async with new_channel(home.endpoint) as channel:
            raw = RawRunnerServiceStub(channel).PublishEvents(metadata=home.metadata)
            await raw.write(b"\xff")
            code, error = await Stream(raw, None).hear()
        assert (code, violations(error)) == (grpc.StatusCode.INVALID_ARGUMENT, ["source"])

    run_at("relay", use)


@pytest.mark.parametrize(
    "metadata",
    [
        (),
        (("authorization", "Bearer "),),
        (("authorization", "Bearer wrong"),),
        (("authorization", "wrong"),),
        (("x-token", "wrong"),),
    ],
)
def test_the_relay_wants_a_token(metadata):
    """Without the token it was given nobody is let in, at any method."""

    async def use(home):
        stream = home.stream(metadata=metadata)
        assert await stream.kind() is grpc.StatusCode.UNAUTHENTICATED
        request = runner_pb2.GetAssignmentRequest(source=home.source)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await home.stub.GetAssignment(request, metadata=metadata)
        assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED

    run_at("relay", use)


# The relay, while the broker is away or slow


class Relayed:
    """A relay whose broker goes and comes, on a store that lasts."""

    def __init__(self, folder, **relay):
        self.folder = folder
        self.room = SpoolRoom()
        self._relay = relay
        self._endpoint = f"unix:{folder}/broker.sock"
        self._broker_lives = AsyncExitStack()
        self.broker = None
        self.run_id = ""

    async def broker_comes(self):
        """A broker starts on the store."""
        stack = self._broker_lives
        store = await Store.open(str(self.folder / "broker.db"))
        stack.push_async_callback(store.close)
        self.broker = Broker(store, SystemClock(), store_name="test", lease_s=60.0)
        await self.broker.start()
        stack.push_async_callback(self.broker.close)
        server = await new_server([SERVICE])
        runner_pb2_grpc.add_RunnerServiceServicer_to_server(RunnerService(self.broker), server)
        listen(server, self._endpoint)
        await server.start()
        stack.push_async_callback(server.stop, None)
        registration = Registration(
            agent_id="a1",
            hostname="h",
            pid=1,
            version="1",
            cores=1,
            run_ids=(self.run_id,) if self.run_id else (),
        )
        self.broker.fleet.connect_agent(registration)

    async def broker_goes(self):
        """The broker ends, and its streams break."""
        await self._broker_lives.aclose()

    def on_disk(self):
        """Whether anything is in the spool."""
        return bool(list(self.folder.glob("spool/*")))

    @asynccontextmanager
    async def stream(self):
        """A stream of a runner to the relay, for as long as the context lasts."""
        await self.broker_comes()
        run = await self.broker.dispatcher.start_run(plan_of(test="a.B.c", iterations=(1,)))
        self.run_id = run.run_id
        assignment = self.broker._runs[run.run_id].parts["a1", ""].assignment
        source_id = SourceId(run.run_id, "a1", "r1")
        async with new_channel(self._endpoint) as channel:
            relay = Relay(RawRunnerServiceStub(channel), **self._relay)
            spool = Spool(self.folder / "spool", self.room)
            expected = relay.expect(assignment, source_id, spool)
            metadata = (("authorization", f"Bearer {expected.token}"),)
            try:
                async with serving(relay, add_raw_runner_service) as (at_agent, _):
                    stub = runner_pb2_grpc.RunnerServiceStub(at_agent)
                    source = source_to_proto(source_id)
                    yield Stream(stub.PublishEvents(metadata=metadata), source)
            finally:
                await relay.close()
                await self.broker_goes()


def relayed(folder, use, **relay):
    """Runs a coroutine function with a Relayed and a stream; nothing may take long."""

    async def main():
        place = Relayed(folder, **relay)
        async with asyncio.timeout(30), place.stream() as stream:
            await use(place, stream)

    asyncio.run(main())


async def until(holds):
    """Waits until something holds."""
    while not holds():  # noqa: ASYNC110 - of files and logs nobody tells when they change
        await asyncio.sleep(0.01)


def test_a_broker_that_goes_and_comes_is_not_noticed(tmp_path):
    """The runner's stream goes on; what is kept on disk meanwhile is counted once, in the end."""

    async def use(place, stream):
        await stream.open()
        assert await stream.publish(3, first=1) == 3
        assert not place.on_disk()
        for first in (4, 14):
            await place.broker_goes()
            for at in range(first, first + 10):
                await stream.say(batch=batch(1, first=at))
            durable = 0
            while durable < first + 9:
                kind, ack = await stream.hear()
                assert (kind, ack.committed_sequence) == ("ack", first - 1)
                durable = ack.durable_sequence
            assert place.on_disk()
            await place.broker_comes()
            while (await stream.hear())[1].committed_sequence < first + 9:
                pass
            await until(lambda: place.room.used_bytes == 0)
            assert not place.on_disk()
        assert await stream.finish(23) == (23, 0, 0)
        summary = await place.broker.archive.get_summary(place.run_id)
        assert summary.hits.count == 23
        assert (summary.accounting.duplicates, summary.accounting.lost) == (0, 0)

    relayed(tmp_path, use, spool_after_s=0.2)


def test_what_is_said_without_a_broker_comes_in_its_order(tmp_path):
    """Skips and `finish` wait with the events, and are answered when the broker is back."""

    async def use(place, stream):
        await stream.open()
        await place.broker_goes()
        await stream.say(batch=batch(2, first=1))
        await stream.say(skip={"first_sequence": 3, "count": 4, "reason": "x", "hits": 3})
        await stream.say(batch=batch(2, first=7, invalid=1))
        await stream.say(finish={"totals": {"events": 9, "hits": 7}})
        await place.broker_comes()
        answers = []
        while not answers or answers[-1][0] != "finished":
            answers.append(await stream.hear())
        finished = answers[-1][1]
        assert (finished.committed, finished.rejected, finished.lost) == (4, 1, 4)
        assert [kind for kind, _ in answers].count("rejected") == 1
        (loss,) = (await place.broker.archive.get_summary(place.run_id)).accounting.losses
        assert (loss.reason, loss.count, loss.hits) == ("x", 4, 3)

    relayed(tmp_path, use, spool_after_s=0.2)


def test_types_wait_for_the_broker(tmp_path, acme):
    """Types that come while the broker is away are known to the one that comes, and to the next."""

    async def use(place, stream):
        await place.broker_goes()
        await stream.say(open={"epoch": 1, "types": acme.types()})
        await stream.say(batch=custom(acme.order(item="pear")))
        assert await stream.kind() == "opened"
        await place.broker_comes()
        assert await stream.kind() == "ack"
        assert knows(place)
        await place.broker_goes()
        await place.broker_comes()
        assert knows(place)

    relayed(tmp_path, use, spool_after_s=600.0)


def test_ready_waits_for_the_broker(tmp_path):
    """A runner that is ready while the broker is away enters the cycle when it is back."""

    async def use(place, stream):
        await stream.open(barrier=True)
        await place.broker_goes()
        await stream.say(ready={"cycle": 1})
        await place.broker_comes()
        assert (await stream.hear())[1].cycle == 1

    relayed(tmp_path, use)


def test_a_slow_broker_is_not_waited_for(tmp_path):
    """What is not committed in time is on disk, durable, and committed later."""

    async def use(place, stream):
        await stream.open()
        append, slow = place.broker.intake._store.append, asyncio.Event()

        async def append_slowly(*arguments):
            await slow.wait()
            return await append(*arguments)

        place.broker.intake._store.append = append_slowly
        await stream.say(batch=batch(3, first=1))
        _, ack = await stream.hear()
        assert (ack.durable_sequence, ack.committed_sequence) == (3, 0)
        assert place.on_disk()
        again = batch(3, first=1)
        await stream.say(batch=again)
        _, ack = await stream.hear()
        assert (ack.durable_sequence, ack.committed_sequence) == (3, 0)
        slow.set()
        _, ack = await stream.hear()
        assert (ack.durable_sequence, ack.committed_sequence) == (3, 3)
        await until(lambda: not place.on_disk())
        assert (await place.broker.archive.get_summary(place.run_id)).hits.count == 3

    relayed(tmp_path, use, spool_after_s=0.2)


def test_a_full_spool_promises_nothing(tmp_path, caplog):
    """What does not fit is not acked, once in the log, and goes to disk when there is room."""

    async def use(place, stream):
        await stream.open()
        await stream.publish(1, first=1)
        await place.broker_goes()
        place.room.max_bytes = 10
        await stream.say(batch=batch(3, first=2))
        await until(lambda: "cannot be kept on disk" in caplog.text)
        await stream.say(batch=batch(3, first=9))
        assert await stream.kind() == "gap"  # and no ack came before it
        assert not place.on_disk()
        place.room.max_bytes = 1 << 20
        _, ack = await stream.hear()
        assert (ack.durable_sequence, ack.committed_sequence) == (4, 1)
        await until(lambda: "can be kept on disk again" in caplog.text)
        assert caplog.text.count("cannot be kept") == 1
        assert "holds 0 of 10 bytes" in caplog.text

    relayed(tmp_path, use, spool_after_s=0.2)


def test_what_waits_when_a_relay_ends_is_on_disk(tmp_path):
    """An agent that leaves while its broker is away leaves what it has to its next life."""

    async def use(place, stream):
        await stream.open()
        await place.broker_goes()
        await stream.say(batch=batch(3, first=1))
        await stream.say(batch=batch(1, first=9))
        assert await stream.kind() == "gap"
        assert not place.on_disk()

    relayed(tmp_path, use, spool_after_s=600.0)
    assert [found.last_sequence for found in Spool(tmp_path / "spool", SpoolRoom()).recover()] == [
        3
    ]
