"""The kit's home is an agent's in all that a runner can see, but for its script."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import grpc
import pytest

from loadgrpc.conformance import target as targets
from loadgrpc.conformance.case import Case
from loadgrpc.conformance.script import Script
from loadgrpc.conformance.stage import Setting, staged
from loadgrpc.model import Cycle
from loadgrpc.protocol.sources import source_to_proto
from loadgrpc.protocol.transport import new_channel
from loadgrpc.v1 import runner_pb2, runner_pb2_grpc


class Runner:
    """A runner, by hand."""

    def __init__(self, stage, channel):
        self.home = stage.home
        self.source = source_to_proto(stage.home.transcript.source)
        self.metadata = (("authorization", f"Bearer {stage.token}"),)
        self.stub = runner_pb2_grpc.RunnerServiceStub(channel)
        self.call = None

    async def assignment(self, **changes):
        """Asks for the assignment."""
        source = runner_pb2.SourceId()
        source.CopyFrom(self.source)
        for name, value in changes.items():
            setattr(source, name, value)
        request = runner_pb2.GetAssignmentRequest(source=source)
        return (await self.stub.GetAssignment(request, metadata=self.metadata)).assignment

    async def open(self, epoch=1):
        """Opens a stream and the source; what is durable."""
        self.call = self.stub.PublishEvents(metadata=self.metadata)
        await self.say(source=self.source, open={"epoch": epoch})
        kind, opened = await self.hear()
        assert kind == "opened"
        return opened.durable_sequence

    async def say(self, **message):
        """Says something."""
        await self.call.write(runner_pb2.PublishEventsRequest(**message))

    async def batch(self, first, count=1):
        """Sends so many events."""
        events = [{"counter": {"name": "c"}}] * count
        await self.say(batch={"first_sequence": first, "events": events})

    async def hear(self):
        """The next answer: its kind and its message, or the status of the stream."""
        try:
            answer = await self.call.read()
        except grpc.aio.AioRpcError as error:
            return error.code(), None
        if answer == grpc.aio.EOF:
            return await self.call.code(), None
        kind = answer.WhichOneof("message")
        return kind, getattr(answer, kind) if kind else None


@asynccontextmanager
async def played(script):
    """A runner at a home with this script."""
    case = Case(
        name="by-hand", title="", cycles=(Cycle(users=1, iterations=1),), rules=(), script=script
    )
    async with (
        targets.running() as target,
        staged(case, Setting(), target) as stage,
        new_channel(stage.endpoint) as channel,
    ):
        yield Runner(stage, channel)


def play(script, act):
    """Carries out a coroutine function with a runner at a home with this script."""

    async def main():
        async with played(script) as runner:
            await asyncio.wait_for(act(runner), 20.0)

    asyncio.run(main())


def test_numbers_mean_what_they_mean_everywhere():
    """Acks, duplicates, overlaps and gaps are as at a broker."""

    async def act(runner):
        assert await runner.open() == 0
        for first, count, durable in ((1, 2, 2), (1, 2, 2), (2, 3, 4)):
            await runner.batch(first, count)
            kind, ack = await runner.hear()
            assert (kind, ack.durable_sequence) == ("ack", durable)
        await runner.batch(7)
        await runner.batch(8)
        kind, gap = await runner.hear()
        assert (kind, gap.expected_sequence) == ("gap", 5)
        await runner.say(finish={"totals": {"events": 6}})
        kind, finished = await runner.hear()
        assert (kind, finished.committed, finished.lost) == ("finished", 4, 2)
        assert await runner.open(2) == 6  # what is lost is not expected any more

    play(Script(), act)


def test_a_token_and_a_name_are_wanted():
    """Who has another name is not found; who has no token is not let in."""

    async def act(runner):
        assert (await runner.assignment()).cycles[0].iterations == 1
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await runner.assignment(runner_id="another")
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND
        runner.metadata = ()
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await runner.assignment()
        assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED

    play(Script(), act)


async def break_with_the_second_batch(runner):
    """The first batch is acked; with the second the stream breaks."""
    await runner.open()
    await runner.batch(1)
    assert (await runner.hear())[0] == "ack"
    await runner.batch(2)
    assert await runner.hear() == (grpc.StatusCode.UNAVAILABLE, None)


def test_a_stream_breaks_with_a_batch_that_is_not_stored():
    """After UNAVAILABLE the source opens again without it; the other cut is at the end."""

    async def act(runner):
        await break_with_the_second_batch(runner)
        assert await runner.open(2) == 1
        await runner.batch(2)
        assert (await runner.hear())[0] == "ack"
        await runner.say(finish={"totals": {"events": 2}})
        assert await runner.hear() == (grpc.StatusCode.UNAVAILABLE, None)
        assert await runner.open(3) == 2
        await runner.say(finish={"totals": {"events": 2}})
        assert (await runner.hear())[0] == "finished"

    play(Script(cut_at_batches=(2, 99)), act)


def test_a_batch_that_is_lost_is_asked_for():
    """At `finish` at the latest; `finish` is answered when it has come."""

    async def act(runner):
        await runner.open()
        await runner.batch(1, 2)
        await runner.say(finish={"totals": {"events": 2}})
        kind, gap = await runner.hear()
        assert (kind, gap.expected_sequence) == ("gap", 1)
        await runner.batch(1, 2)
        assert [(await runner.hear())[0] for _ in range(2)] == ["ack", "finished"]

    play(Script(lose_batch=1), act)


def test_a_batch_is_too_large_once():
    """The first with more than one event is; `finish` waits for it."""

    async def act(runner):
        await runner.open()
        await runner.batch(1)
        assert (await runner.hear())[0] == "ack"
        await runner.batch(2, 2)
        kind, told = await runner.hear()
        assert (kind, told.first_sequence) == ("too_large", 2)
        await runner.say(finish={"totals": {"events": 3}})
        await runner.batch(2)
        await runner.batch(3)
        assert [(await runner.hear())[0] for _ in range(3)] == ["ack", "ack", "finished"]

    play(Script(too_large=True), act)


def test_answers_of_an_unknown_kind():
    """They are there, and are nothing that a stub of today knows."""

    async def act(runner):
        await runner.open()
        await runner.batch(1)
        assert [(await runner.hear())[0] for _ in range(2)] == [None, "ack"]

    play(Script(strange=True), act)


@pytest.mark.parametrize(("then", "last"), [("error", "error"), ("run_closed", "run_closed")])
def test_a_source_may_be_over_in_the_middle(then, last):
    """From the middle on every message is answered with the same, also on other streams."""

    async def act(runner):
        await runner.open()
        await runner.batch(1, 4)
        assert [(await runner.hear())[0] for _ in range(2)] == ["ack", last]
        await runner.batch(5)
        assert (await runner.hear())[0] == last
        runner.call.cancel()
        runner.call = runner.stub.PublishEvents(metadata=runner.metadata)
        await runner.say(source=runner.source, open={"epoch": 2})
        assert (await runner.hear())[0] == last

    play(Script(then=then), act)


def test_a_stop_is_told_again():
    """On the stream that is open, and on each that opens later."""

    async def act(runner):
        await runner.open()
        runner.home.requested(4)
        assert (await runner.hear())[0] == "stop"
        runner.home.requested(5)
        assert await runner.open(2) == 0
        assert (await runner.hear())[0] == "stop"

    play(Script(then="stop"), act)


def test_a_home_goes_away_and_comes_back():
    """Its connections break with a batch that is not stored; it is back where it was."""

    async def act(runner):
        await break_with_the_second_batch(runner)
        runner.call = runner.stub.PublishEvents(metadata=runner.metadata, wait_for_ready=True)
        await runner.say(source=runner.source, open={"epoch": 2})
        kind, opened = await runner.hear()
        assert (kind, opened.durable_sequence) == ("opened", 1)

    play(Script(leave_at_batch=2), act)


def test_streams_are_refused_at_first():
    """So many times, and then no more."""

    async def act(runner):
        for _ in range(2):
            runner.call = runner.stub.PublishEvents(metadata=runner.metadata)
            assert await runner.hear() == (grpc.StatusCode.UNAVAILABLE, None)
        assert await runner.open() == 0

    play(Script(refuse_streams=2), act)
