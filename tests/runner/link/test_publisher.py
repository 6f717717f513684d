"""The runner's end of the stream: numbers, windows, resends, and `finish` last.

The other side is played by hand: each stream that the publisher opens is a Call, on which a
test hears what was written and says what comes back.
"""

import asyncio

import grpc
import grpc.aio
import pytest

from loadgrpc.errors import LoadgrpcError
from loadgrpc.model import ExceptionInfo, SourceId
from loadgrpc.runner.link import publisher as module
from loadgrpc.runner.link.publisher import Publisher
from loadgrpc.v1 import event_pb2, runner_pb2

SOURCE = SourceId("r", "a", "x")
METADATA = (("authorization", "Bearer t"),)


class Call:
    """One PublishEvents stream."""

    def __init__(self):
        self.written = asyncio.Queue()
        self.to_say = asyncio.Queue()

    async def write(self, request):
        """As a call: takes a message."""
        self.written.put_nowait(runner_pb2.PublishEventsRequest.FromString(request))

    async def __aiter__(self):
        """As a call: gives answers."""
        while (item := await self.to_say.get()) is not None:
            if isinstance(item, Exception):
                raise item
            yield item.SerializeToString()

    def cancel(self):
        """As a call: ends it."""

    async def hear(self):
        """The next message, in short."""
        message = await self.written.get()
        match message.WhichOneof("message"):
            case "open":
                return ("open", message.open.epoch)
            case "batch":
                return ("batch", message.batch.first_sequence, len(message.batch.events))
            case "skip":
                return ("skip", message.skip.first_sequence, message.skip.count)
            case "ready":
                return ("ready", message.ready.cycle)
            case "finish":
                return ("finish", message.finish.totals.events, message.finish.totals.hits)

    async def silent(self):
        """Whether nothing is written, though everybody had their turn."""
        for _ in range(20):
            await asyncio.sleep(0)
        return self.written.empty()

    def say(self, **message):
        """Answers."""
        self.to_say.put_nowait(runner_pb2.PublishEventsResponse(**message))

    def opened(self, stored=0, *, batches=64, size=16 << 20, largest=1 << 20):
        """Answers to `open`."""
        limits = {
            "max_batch_bytes": largest,
            "max_unacked_batches": batches,
            "max_unacked_bytes": size,
        }
        self.say(
            opened={"committed_sequence": stored, "durable_sequence": stored, "limits": limits}
        )

    def ack(self, durable, committed=0):
        """Acknowledges; the runner may forget what is durable."""
        self.say(ack={"durable_sequence": durable, "committed_sequence": committed})

    def breaks(self, code=grpc.StatusCode.UNAVAILABLE):
        """Ends with a status."""
        metadata = grpc.aio.Metadata()
        self.to_say.put_nowait(grpc.aio.AioRpcError(code, metadata, metadata, details="broken"))


class Home:
    """Where the publisher reports: a stub, and the streams that were opened on it."""

    def __init__(self):
        self.calls = asyncio.Queue()
        self.publisher = Publisher(self, SOURCE, metadata=METADATA)

    def PublishEvents(self, *, metadata):  # noqa: N802 - as a stub
        """As a stub: opens a stream."""
        assert metadata == METADATA
        call = Call()
        self.calls.put_nowait(call)
        return call

    async def call(self, epoch):
        """The next stream, on which the source was named and opened."""
        call = await self.calls.get()
        first = await call.written.get()
        assert (first.open.epoch, first.open.capabilities.cycle_barrier) == (epoch, True)
        assert (first.source.run_id, first.source.agent_id, first.source.runner_id) == (
            "r",
            "a",
            "x",
        )
        return call

    async def publish(self, *sizes, padding=""):
        """Brings batches of so many events, half of them hits."""
        for size in sizes:
            event = event_pb2.Event(test_start={"test": padding or "t"})
            batch = runner_pb2.EventBatch(events=[event] * size)
            await self.publisher.batch(batch.SerializeToString(), size, size // 2)


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """Waits that are tenths of seconds in life are a moment here."""
    monkeypatch.setattr(module, "FIRST_BACKOFF_S", 0.001)
    monkeypatch.setattr(module, "MAX_BACKOFF_S", 0.002)


def with_home(use):
    """Runs a coroutine function with a Home whose publisher runs."""

    async def main():
        home = Home()
        running = asyncio.create_task(home.publisher.run())
        try:
            async with asyncio.timeout(10):
                await use(home)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    asyncio.run(main())


def test_batches_are_numbered_in_order():
    """Nothing is sent before the source is open; then batches are, numbered without gaps."""

    async def use(home):
        call = await home.call(1)
        await home.publish(3, 2)
        await home.publisher.skip(4, 2, "too fast")
        await home.publish(1)
        assert await call.silent()
        call.opened()
        assert [await call.hear() for _ in range(4)] == [
            ("batch", 1, 3),
            ("batch", 4, 2),
            ("skip", 6, 4),
            ("batch", 10, 1),
        ]
        assert (home.publisher.produced_events, home.publisher.produced_hits) == (10, 4)

    with_home(use)


def test_what_is_not_acked_is_sent_again():
    """On a new stream everything above what is stored is sent again, under its numbers."""

    async def use(home):
        call = await home.call(1)
        call.opened()
        await home.publish(2, 2, 2)
        await home.publisher.skip(3, 0, "x")
        for _ in range(4):
            await call.hear()
        call.ack(2)
        call.breaks()
        again = await home.call(2)
        await home.publish(1)
        assert await again.silent()
        again.opened(4)
        assert [await again.hear() for _ in range(3)] == [
            ("batch", 5, 2),
            ("skip", 7, 3),
            ("batch", 10, 1),
        ]
        again.breaks()
        third = await home.call(3)
        third.opened(10)
        assert await third.silent()
        await home.publisher.settled()

    with_home(use)


def test_a_batch_of_which_a_part_is_stored_is_sent_whole():
    """An ack in the middle of a batch keeps it: the other side counts its tail only."""

    async def use(home):
        call = await home.call(1)
        call.opened()
        await home.publish(5)
        await call.hear()
        call.ack(3)
        call.breaks()
        again = await home.call(2)
        again.opened(3)
        assert await again.hear() == ("batch", 1, 5)

    with_home(use)


def test_durable_is_what_may_be_forgotten():
    """What is on the other side's disk is not kept, though the broker does not have it yet."""

    async def use(home):
        call = await home.call(1)
        call.opened()
        await home.publish(2)
        await call.hear()
        call.ack(2, committed=0)
        await home.publisher.settled()

    with_home(use)


@pytest.mark.parametrize("window", [{"batches": 2}, {"size": 2_500}])
def test_the_window_is_respected(window):
    """No more batches or bytes are under way than the other side allows, on every stream."""

    async def use(home):
        call = await home.call(1)
        call.opened(**window)
        await home.publish(1, 1, 1, 1, 1, padding="x" * 1_000)
        assert [await call.hear() for _ in range(2)] == [("batch", 1, 1), ("batch", 2, 1)]
        assert await call.silent()
        call.ack(1)
        assert await call.hear() == ("batch", 3, 1)
        assert await call.silent()
        call.breaks()
        again = await home.call(2)
        again.opened(1, **window)
        assert [await again.hear() for _ in range(2)] == [("batch", 2, 1), ("batch", 3, 1)]
        assert await again.silent()
        again.ack(5)  # cumulative
        await home.publisher.settled()

    with_home(use)


def test_finish_comes_last():
    """`finish` waits for all that was numbered, and carries the totals, skipped ones included."""

    async def use(home):
        call = await home.call(1)
        call.opened(batches=1)
        await home.publish(2)
        await home.publisher.skip(3, 1, "x")
        await home.publisher.finish(None)
        assert await call.hear() == ("batch", 1, 2)
        assert await call.silent()
        call.ack(2)
        assert await call.hear() == ("skip", 3, 3)
        call.ack(5)
        assert await call.hear() == ("finish", 5, 2)
        assert await call.silent()
        call.breaks()
        again = await home.call(2)
        again.opened(5)
        assert await again.hear() == ("finish", 5, 2)
        again.say(finished={"committed": 2})
        assert (await home.publisher.orders.get()).WhichOneof("message") == "finished"

    with_home(use)


def test_finish_may_say_why_nothing_ran():
    """A load error travels with the totals."""

    async def use(home):
        call = await home.call(1)
        call.opened()
        await home.publisher.finish(ExceptionInfo(type="ImportError", message="no a"))
        error = (await call.written.get()).finish.load_error
        assert (error.type, error.message) == ("ImportError", "no a")

    with_home(use)


def test_a_gap_sends_everything_again():
    """When a number is missing on the other side, all that is kept is sent again.

    `finish` waits until all is acked: what it does not find then counts as lost.
    """

    async def use(home):
        call = await home.call(1)
        call.opened()
        await home.publish(1, 1, 1)
        await home.publisher.finish(None)
        for _ in range(3):
            await call.hear()
        assert await call.silent()
        call.ack(1)
        call.say(gap={"expected_sequence": 2})
        assert [await call.hear() for _ in range(2)] == [("batch", 2, 1), ("batch", 3, 1)]
        assert await call.silent()
        call.ack(3)
        assert await call.hear() == ("finish", 3, 0)

    with_home(use)


def test_what_the_other_side_has_lost_is_declared_lost():
    """A home that forgot what it had acked is told that it will not come, and goes on."""

    async def use(home):
        call = await home.call(1)
        call.opened()
        await home.publish(3, 2)
        for _ in range(2):
            await call.hear()
        call.ack(3)
        call.breaks()
        again = await home.call(2)
        again.opened(1)
        assert [await again.hear() for _ in range(2)] == [("skip", 2, 2), ("batch", 4, 2)]
        again.ack(5)
        await home.publisher.settled()
        again.say(gap={"expected_sequence": 4})
        assert await again.hear() == ("skip", 4, 2)

    with_home(use)


def test_ready_is_said_again_until_it_is_answered():
    """A stream that broke before the order came is followed by one on which it is asked again."""

    async def use(home):
        call = await home.call(1)
        await home.publisher.ready(1)
        call.opened()
        assert await call.hear() == ("ready", 1)
        call.breaks()
        again = await home.call(2)
        again.opened()
        assert await again.hear() == ("ready", 1)
        again.say(start_cycle={"cycle": 1})
        assert (await home.publisher.orders.get()).start_cycle.cycle == 1
        again.breaks()
        third = await home.call(3)
        third.opened()
        assert await third.silent()
        await home.publisher.ready(2)
        assert await third.hear() == ("ready", 2)
        third.say(start_cycle={"cycle": 1})  # late: it is for the cycle before
        await home.publisher.orders.get()
        third.breaks()
        fourth = await home.call(4)
        fourth.opened()
        assert await fourth.hear() == ("ready", 2)

    with_home(use)


def test_orders_are_handed_on_as_they_come():
    """Stops and the end of the run reach the link, in their order."""

    async def use(home):
        call = await home.call(1)
        call.opened()
        await home.publish(1)
        call.say(stop={"stop_timeout": {"seconds": 3}})
        call.say(run_closed={})
        assert (await home.publisher.orders.get()).stop.stop_timeout.seconds == 3
        assert (await home.publisher.orders.get()).HasField("run_closed")
        await home.publisher.settled()  # nobody wants it any more

    with_home(use)


def test_rejected_events_are_logged(caplog):
    """What our own runner sent and was not valid is a defect that somebody has to see."""

    async def use(home):
        call = await home.call(1)
        call.opened()
        call.say(rejected={"count": 1, "violations": ["hit: needs a name"]})
        call.say(stop={})
        await home.publisher.orders.get()

    with_home(use)
    assert "hit: needs a name" in caplog.text


def test_who_brings_too_much_waits(monkeypatch):
    """Above the bound of what is kept a batch waits, and is numbered when it is let in."""
    monkeypatch.setattr(module, "MAX_KEPT_BYTES", 2_000)

    async def use(home):
        call = await home.call(1)
        call.opened()
        await home.publish(1, 1, padding="x" * 1_000)
        waiting = [asyncio.create_task(home.publish(count, padding="y")) for count in (3, 4)]
        for number in (1, 2):
            assert await call.hear() == ("batch", number, 1)
        assert await call.silent()
        call.ack(2)
        await asyncio.gather(*waiting)
        found = [await call.hear() for _ in range(2)]
        assert sorted(count for _, _, count in found) == [3, 4]
        assert [first for _, first, _ in found] == [3, 3 + found[0][2]]

    with_home(use)


def test_who_can_leave_something_out_knows_when(monkeypatch):
    """Well below the bound, while much is not acked, the publisher is busy; then it is not."""
    monkeypatch.setattr(module, "BUSY_BYTES", 1_000)

    async def use(home):
        call = await home.call(1)
        call.opened()
        assert not home.publisher.is_busy
        await home.publish(1, padding="x" * 1_000)
        assert await call.hear() == ("batch", 1, 1)
        assert home.publisher.is_busy
        call.ack(1)
        await home.publisher.settled()
        assert not home.publisher.is_busy

    with_home(use)


@pytest.mark.parametrize("how", ["in band", "by status", "not allowed"])
def test_a_source_that_is_refused_is_given_up(how):
    """What does not go away by trying again ends the publisher with the reason."""

    async def main():
        home = Home()
        running = asyncio.create_task(home.publisher.run())
        call = await home.call(1)
        match how:
            case "in band":
                call.say(error={"reason": "SUPERSEDED", "message": "another has it"})
            case "by status":
                call.breaks(grpc.StatusCode.NOT_FOUND)
            case "not allowed":
                call.breaks(grpc.StatusCode.UNAUTHENTICATED)
        words = {"in band": "SUPERSEDED"}.get(how, "broken")
        with pytest.raises(LoadgrpcError, match=words):
            await running
        assert home.calls.empty()

    asyncio.run(main())


@pytest.mark.parametrize("how", ["status", "end"])
def test_a_stream_that_ends_is_opened_again(how):
    """UNAVAILABLE and a plain end are no reasons to give up, however often they come."""

    async def use(home):
        for epoch in range(1, 6):
            call = await home.call(epoch)
            call.breaks() if how == "status" else call.to_say.put_nowait(None)
        call = await home.call(6)
        call.opened()
        await home.publish(1)
        assert await call.hear() == ("batch", 1, 1)

    with_home(use)


def test_a_batch_over_the_limit_is_split():
    """Batches are halved until they are within the limit; the numbers stay what they were."""

    async def use(home):
        call = await home.call(1)
        call.opened(largest=3_000)
        await home.publish(5, padding="x" * 1_000)
        await home.publisher.finish(None)
        parts = [("batch", 1, 2), ("batch", 3, 1), ("batch", 4, 2)]
        assert [await call.hear() for _ in parts] == parts
        call.ack(5)
        assert await call.hear() == ("finish", 5, 2)

    with_home(use)


def test_a_batch_that_is_too_large_is_split():
    """What the other side does not take comes again in halves, and all that was sent since."""

    async def use(home):
        call = await home.call(1)
        call.opened()
        await home.publish(3, 2)
        assert [await call.hear() for _ in range(2)] == [("batch", 1, 3), ("batch", 4, 2)]
        call.say(too_large={"first_sequence": 1, "batch_bytes": 2_000_000})
        parts = [("batch", 1, 1), ("batch", 2, 2), ("batch", 4, 2)]
        assert [await call.hear() for _ in parts] == parts

    with_home(use)


def test_an_event_that_is_too_large_is_declared_lost():
    """What cannot be split is skipped, and what follows goes on with its number."""

    async def use(home):
        call = await home.call(1)
        call.opened(largest=500)
        await home.publish(1, padding="x" * 1_000)
        await home.publish(1)
        assert [await call.hear() for _ in range(2)] == [("skip", 1, 1), ("batch", 2, 1)]

    with_home(use)


def test_batches_say_how_many_events_they_have():
    """The count goes with the batch, so that an older home takes numbers for kinds it knows not."""

    async def use(home):
        call = await home.call(1)
        call.opened()
        await home.publish(3)
        assert (await call.written.get()).batch.count == 3

    with_home(use)
